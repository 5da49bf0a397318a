//! Active expiry: deletes keys, and fields of hashes, that are due, going straight to the pages that hold them.
//!
//! Each page and each chunk of the directory knows a time before which nothing in it is due, so a round costs nothing
//! where nothing is. A round has a budget of time; the next goes on where it stopped.

use std::time::{Duration, Instant};

use super::{Access, Keyspace, View, view};
use crate::sync::atomic::Ordering::Relaxed;

/// What a round of active expiry did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Keys deleted.
    pub expired: u64,
    /// Whether all that was due is gone.
    pub complete: bool,
}

impl Keyspace {
    /// Deletes keys that are due, for as long as `budget`. Locks one stripe at a time, for a page at a time.
    pub fn expire_due(&self, budget: Duration) -> Round {
        let start = Instant::now();
        let mut round = Round::default();
        if self.hold_expired.load(Relaxed) {
            return Round { complete: true, ..round };
        }
        if view::is_inside(self) {
            return round;
        }
        let first = self.expiry_cursor.load(Relaxed) as usize;
        for i in 0..self.stripes() {
            let stripe = (first + i) % self.stripes();
            self.expiry_cursor.store(stripe as u64, Relaxed);
            if !self.expire_stripe(stripe, start, budget, &mut round) {
                self.counters.expire_cut_short.fetch_add(1, Relaxed);
                self.counters.expire_micros.fetch_add(start.elapsed().as_micros() as u64, Relaxed);
                return round;
            }
        }
        round.complete = true;
        self.counters.expire_micros.fetch_add(start.elapsed().as_micros() as u64, Relaxed);
        round
    }

    /// False when time ran out.
    fn expire_stripe(&self, stripe: usize, start: Instant, budget: Duration, round: &mut Round) -> bool {
        let first_hash = (stripe as u64) << (64 - self.stripe_bits);
        let ids: Vec<u32> = {
            let now = self.clock.millis();
            let stripe = self.stripes[stripe].lock.read();
            stripe.ids().filter(|&id| stripe.table(id).is_some_and(|t| t.earliest() < now)).collect()
        };
        for db in ids {
            let mut position = Some(first_hash);
            while let Some(at) = position {
                let Ok(mut view) = View::one(self, db, self.clock.millis(), Access::Write, at) else { return true };
                let (next, expired) = view.expire_page(at);
                position = next;
                round.expired += expired;
                drop(view);
                if start.elapsed() > budget {
                    return false;
                }
            }
        }
        true
    }
}

/// So many fields of a hash, or a few more, are deleted before others get a turn.
const FIELDS_AT_ONCE: usize = 1000;

impl View<'_> {
    /// Deletes what is due from the page at `position`, and returns where to go on.
    fn expire_page(&mut self, position: u64) -> (Option<u64>, u64) {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        if self.space().holds_expired() {
            return (None, 0);
        }
        let (db, now) = (self.db(), self.now());
        // A key is past its deadline in the millisecond after it.
        let Some(now) = now.checked_sub(1) else { return (None, 0) };
        let next = match self.stripe_mut(position).table_mut(db) {
            Some(table) => table.due(position, now, &mut keys),
            None => None,
        };
        let (mut expired, mut complete) = (0, true);
        for key in &keys {
            // Without asking again whether it may: the page has already forgotten that they are due.
            let key = self.key(key);
            if self.peek(&key).is_none() {
                self.expire(&key);
                expired += 1;
            } else {
                complete &= self.expire_fields(&key, FIELDS_AT_ONCE);
            }
        }
        (if complete { next } else { Some(position) }, expired)
    }
}
