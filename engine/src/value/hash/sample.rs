//! Fields drawn at random, each with the same probability.

use std::collections::HashSet;

use super::{Fields, Form, Hash, Item, is_past, pairs};
use crate::clock::Millis;

/// A window of the hash space with more fields than this is not looked into.
const WINDOW_MAX: usize = 32;
/// So many draws that meet nothing mean that there is hardly anything to meet.
const PATIENCE: usize = 10_000;

/// Gives a number below its argument, which is not zero.
type Below<'r> = &'r mut dyn FnMut(usize) -> usize;

type Pair<'a> = (Item<'a>, Item<'a>);

impl Hash {
    /// All fields that a reader sees. O(n).
    fn seen(&self, now: Millis) -> Vec<Pair<'_>> {
        let mut all = Vec::with_capacity(self.len());
        self.for_each(now, |name, value| all.push((name, value)));
        all
    }

    /// A field, each with the same probability; `None` if there is none. O(1), or O(n) in a small hash.
    pub fn random(&self, now: Millis, below: Below<'_>) -> Option<Pair<'_>> {
        if self.is_empty() {
            return None;
        }
        if let Form::Large(fields) = self.0.form()
            && let Some(pair) = draw(fields, now, below)
        {
            return Some(pair);
        }
        match self.0.form() {
            Form::Small(listpack) => pairs(listpack).nth(below(self.len())),
            Form::Large(_) => {
                let all = self.seen(now);
                (!all.is_empty()).then(|| all.get(below(all.len())).copied()).flatten()
            }
        }
    }

    /// So many fields, the same one any number of times. O(count), or O(n + count) in a small hash.
    pub fn random_many<'a>(&'a self, count: usize, now: Millis, below: Below<'_>, mut visit: impl FnMut(Pair<'a>)) {
        let all = if matches!(self.0.form(), Form::Small(_)) || self.is_due(now) { self.seen(now) } else { Vec::new() };
        for _ in 0..count {
            let pair = match all.len() {
                0 => self.random(now, below),
                n => all.get(below(n)).copied(),
            };
            if let Some(pair) = pair {
                visit(pair);
            }
        }
    }

    /// So many different fields, or all there are. O(n), or O(count) where they are few of many. The caller has asked
    /// for no more than [`len_at`](Self::len_at).
    pub fn random_distinct<'a>(&'a self, count: usize, now: Millis, below: Below<'_>, mut visit: impl FnMut(Pair<'a>)) {
        let len = self.len_at(now);
        if let Form::Large(fields) = self.0.form()
            && count.saturating_mul(3) < len
            && !self.is_due(now)
        {
            let mut drawn = HashSet::with_capacity(count);
            while drawn.len() < count {
                let pair = draw(fields, now, below).or_else(|| self.random(now, below));
                let Some((name, value)) = pair else { return };
                if let Item::Bytes(bytes) = name
                    && drawn.insert(bytes)
                {
                    visit((name, value));
                }
            }
            return;
        }
        // Each is taken with the probability that is left for it.
        let (mut wanted, mut left) = (count.min(len), len);
        self.for_each(now, |name, value| {
            if wanted > 0 && below(left) < wanted {
                visit((name, value));
                wanted -= 1;
            }
            left -= 1;
        });
    }
}

/// A field of a table. The hash space is cut into windows of equal width, a few fields in each; drawing a place in a
/// random window, of which there are as many as the fullest may have fields, and trying again if it is empty, favours
/// nobody.
fn draw<'a>(fields: &'a Fields, now: Millis, below: Below<'_>) -> Option<Pair<'a>> {
    let windows = (fields.len() / 4).max(1).next_power_of_two();
    let bits = windows.trailing_zeros();
    let places = if windows == 1 { fields.len().max(1) } else { WINDOW_MAX };
    for _ in 0..PATIENCE {
        let window = below(windows) as u64;
        let first = if bits == 0 { 0 } else { window << (64 - bits) };
        let mut place = below(places);
        let mut drawn = None;
        let mut position = Some(first);
        while let Some(at) = position.filter(|&at| bits == 0 || at >> (64 - bits) == window) {
            position = fields.scan(at, |hash, field| {
                if bits == 0 || hash >> (64 - bits) == window {
                    if place == 0 {
                        drawn = Some((field, is_past(field.deadline(), now)));
                    }
                    place = place.wrapping_sub(1);
                }
            });
        }
        if let Some((field, false)) = drawn {
            return Some((Item::Bytes(field.name()), Item::Bytes(field.value())));
        }
    }
    None
}
