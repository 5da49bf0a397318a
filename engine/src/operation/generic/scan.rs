//! Going through the keys of a database: SCAN, KEYS, RANDOMKEY.
//!
//! All three walk in hash order and hold one stripe at a time, so they never stand in the way for long.

use super::KeyType;
use crate::codec::glob::glob_match;
use crate::error::Result;
use crate::keyspace::{Walk, random};

/// Which keys a SCAN gives, and how much it does in one call.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions<'a> {
    /// Keys that match this pattern only.
    pub pattern: Option<&'a [u8]>,
    /// How many keys are looked at, more or less.
    pub count: usize,
    /// Keys of this type only.
    pub only: Option<KeyType>,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        Self { pattern: None, count: 10, only: None }
    }
}

/// Empty buckets cost little, and walking a small database in one call saves many a round trip.
const FREE_BUCKETS: usize = 1024;

/// SCAN: appends keys from `position` on and returns the position to go on from, `None` at the end.
///
/// What is there from the first call to the last is given exactly once, whatever changes in between. The lowest 16
/// bits of a position are zero, so that it fits into a cursor of 48 bits. O(count).
///
/// # Errors
/// [`REENTERED`](crate::Error::REENTERED).
pub fn scan(
    walk: &Walk<'_, '_>,
    position: u64,
    options: &ScanOptions<'_>,
    found: &mut Vec<Vec<u8>>,
) -> Result<Option<u64>> {
    let pattern = options.pattern.filter(|p| *p != b"*");
    let (mut seen, mut buckets) = (0, 0);
    let most_buckets = options.count.saturating_mul(10).max(FREE_BUCKETS);
    let mut stripe = Some(position);
    while let Some(start) = stripe {
        let stopped = walk.at(start, |view| {
            let mut position = Some(start);
            while let Some(at) = position {
                if seen >= options.count || buckets >= most_buckets {
                    return Some(at);
                }
                buckets += 1;
                position = view.step(at, |entry| {
                    seen += 1;
                    let wanted = pattern.is_none_or(|p| glob_match(p, entry.key(), false))
                        && options.only.is_none_or(|only| KeyType::of(entry) == only);
                    if wanted {
                        found.push(entry.key().to_vec());
                    }
                });
            }
            None
        })?;
        if stopped.is_some() {
            return Ok(stopped);
        }
        stripe = walk.space().next_stripe(start);
    }
    Ok(None)
}

/// KEYS: all keys that match a pattern. O(n), O(1) for a pattern without wildcards.
///
/// # Errors
/// [`REENTERED`](crate::Error::REENTERED).
pub fn keys(walk: &Walk<'_, '_>, pattern: &[u8]) -> Result<Vec<Vec<u8>>> {
    if !pattern.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'\\')) {
        let key = walk.space().key(pattern);
        let there = walk.at(key.hash, |view| view.peek(&key).is_some())?;
        return Ok(if there { vec![pattern.to_vec()] } else { Vec::new() });
    }
    let mut found = Vec::new();
    let options = ScanOptions { pattern: Some(pattern), count: usize::MAX, only: None };
    let mut position = Some(0);
    while let Some(at) = position {
        position = scan(walk, at, &options, &mut found)?;
    }
    Ok(found)
}

/// Windows of the hash space with this many keys or more are not looked into by [`random_key`].
const WINDOW_MAX: usize = 32;

/// RANDOMKEY: each key with the same probability. O(stripes).
///
/// # Errors
/// [`REENTERED`](crate::Error::REENTERED).
pub fn random_key(walk: &Walk<'_, '_>) -> Result<Option<Vec<u8>>> {
    let mut sizes = Vec::with_capacity(walk.space().stripes());
    let mut stripe = Some(0);
    while let Some(at) = stripe {
        sizes.push((at, walk.at(at, |view| view.keys_at(at))?));
        stripe = walk.space().next_stripe(at);
    }
    let total: usize = sizes.iter().map(|s| s.1).sum();
    if total == 0 {
        return Ok(None);
    }
    // Keys that have expired are drawn and put back; if there are hardly any others, the first other one has to do.
    for _ in 0..100 {
        let mut drawn = below(total);
        let stripe = sizes.iter().find(|(_, size)| {
            let here = drawn < *size;
            drawn = drawn.wrapping_sub(*size);
            here
        });
        if let Some(&(start, size)) = stripe
            && let Some(key) = draw(walk, start, size)?
        {
            return Ok(Some(key));
        }
    }
    first_key(walk)
}

/// A number below `n`, which is not zero.
fn below(n: usize) -> usize {
    ((u128::from(random()) * n as u128) >> 64) as usize
}

/// A key of the stripe that begins at `start`, each with the same probability; `None` if an expired one was drawn.
///
/// The stripe is cut into windows of equal width, a few keys in each. Drawing a place in a random window, of which there
/// are as many as the fullest may have keys, and trying again if it is empty, favours nobody.
fn draw(walk: &Walk<'_, '_>, start: u64, size: usize) -> Result<Option<Vec<u8>>> {
    let width = match walk.space().next_stripe(start) {
        Some(next) => next - start,
        None => start.wrapping_neg(),
    };
    // At most 2^14 keys could share the narrowest window, which a scan cannot cut; stripes are never that full.
    let windows = (size / 4).max(1).next_power_of_two().min(1 << 40);
    let width = width / windows as u64;
    for _ in 0..4096 {
        let first = start + width * below(windows) as u64;
        let places = if windows == 1 { size.max(1) } else { WINDOW_MAX };
        let mut place = below(places);
        let mut drawn = None;
        walk.at(first, |view| {
            let mut position = Some(first);
            while let Some(at) = position.filter(|&at| at - first < width) {
                position = view.step_with_hash(at, |hash, entry| {
                    if hash - first < width {
                        if place == 0 {
                            drawn = Some((entry.key().to_vec(), view.is_past(entry.deadline())));
                        }
                        place = place.wrapping_sub(1);
                    }
                });
            }
        })?;
        if let Some((key, expired)) = drawn {
            return Ok((!expired).then_some(key));
        }
    }
    Ok(None)
}

fn first_key(walk: &Walk<'_, '_>) -> Result<Option<Vec<u8>>> {
    let mut found = Vec::new();
    let options = ScanOptions { count: 1, ..ScanOptions::default() };
    let mut position = Some(0);
    while let Some(at) = position.filter(|_| found.is_empty()) {
        position = scan(walk, at, &options, &mut found)?;
    }
    Ok(found.into_iter().next())
}
