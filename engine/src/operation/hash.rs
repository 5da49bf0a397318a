//! Hashes.
//!
//! A field whose deadline has passed is not seen by readers; whoever opens a hash for changes removes such fields first,
//! see [`View::edit`].

mod expiry;
mod number;

use crate::clock::Millis;
use crate::codec::glob::glob_match;
use crate::error::Result;
use crate::keyspace::{Effect, Event, EventClass, Key, Settings, View, random};
use crate::operation::draws;
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::listpack::Item;
use crate::value::{FieldDeadline, Hash, HashLimits};

pub use expiry::{
    FieldCondition, FieldExpired, FieldSetOptions, check_expiry, expire_at, field_deadline, get_ex, persist, set_ex,
};
pub use number::{incr_by, incr_by_float};

const fn event(name: &'static str) -> Event {
    Event::new(EventClass::Hash, name)
}

/// Up to where hashes are small.
pub(super) fn limits(settings: &Settings) -> HashLimits {
    HashLimits {
        entries: usize::try_from(settings.hash_max_listpack_entries.load(Relaxed)).unwrap_or(usize::MAX),
        value: usize::try_from(settings.hash_max_listpack_value.load(Relaxed)).unwrap_or(usize::MAX),
    }
}

/// The hash at a key, for readers: counts a hit or a miss. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); so for all of these.
pub fn read<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v Hash>> {
    view.read::<Hash>(key)
}

/// HGET. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
#[inline]
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>, field: &[u8]) -> Result<Option<Item<'v>>> {
    Ok(read(view, key)?.and_then(|hash| hash.get(field, view.now())))
}

/// HLEN. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn len(view: &View<'_>, key: &Key<'_>) -> Result<usize> {
    Ok(read(view, key)?.map_or(0, |hash| hash.len_at(view.now())))
}

/// HSET: sets fields, which have no deadline afterwards, and returns how many are new. O(1) a field.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn set<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
) -> Result<usize> {
    let limits = limits(view.space().settings());
    let mut hash = view.edit_or_create::<Hash>(key)?;
    if pairs.clone().next().is_none() {
        return Ok(0);
    }
    let new = hash.set_all(pairs.clone(), limits);
    hash.mark_changed();
    drop(hash);
    view.record(key, event("hset"), || {
        pairs.fold(Effect::new("HSET").arg(key.bytes), |effect, (field, value)| effect.arg(field).arg(value))
    });
    Ok(new)
}

/// HSETNX: sets a field if it is not there; false if it is. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn set_nx(view: &mut View<'_>, key: &Key<'_>, field: &[u8], value: &[u8]) -> Result<bool> {
    let (limits, now) = (limits(view.space().settings()), view.now());
    let mut hash = view.edit_or_create::<Hash>(key)?;
    if hash.get(field, now).is_some() {
        return Ok(false);
    }
    hash.set(field, value, FieldDeadline::Clear, limits);
    hash.mark_changed();
    drop(hash);
    view.record(key, event("hset"), || Effect::new("HSET").arg(key.bytes).arg(field).arg(value));
    Ok(true)
}

/// HDEL: removes fields, and returns how many were there. O(1) a field.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn remove<'a>(view: &mut View<'_>, key: &Key<'_>, fields: impl Iterator<Item = &'a [u8]> + Clone) -> Result<usize> {
    let Some(mut hash) = view.edit::<Hash>(key)? else { return Ok(0) };
    let mut removed = 0;
    for field in fields.clone() {
        removed += usize::from(hash.remove(field));
        if hash.is_empty() {
            break;
        }
    }
    if removed == 0 {
        return Ok(0);
    }
    let is_gone = hash.is_empty();
    hash.mark_changed();
    drop(hash);
    record_removal(view, key, "hdel", is_gone, fields);
    Ok(removed)
}

/// Records that fields were removed, and that the key went with the last of them.
fn record_removal<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    name: &'static str,
    is_gone: bool,
    fields: impl Iterator<Item = &'a [u8]>,
) {
    view.record(key, event(name), || fields.fold(Effect::new("HDEL").arg(key.bytes), Effect::arg));
    if is_gone {
        view.announce(key, Event::generic("del"));
    }
}

/// HGETDEL: gives `read` the values of fields, and removes them. O(1) a field.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn get_del<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    fields: impl Iterator<Item = &'a [u8]> + Clone,
    mut read: impl FnMut(Option<Item<'_>>),
) -> Result<()> {
    let now = view.now();
    let Some(mut hash) = view.edit::<Hash>(key)? else {
        fields.for_each(|_| read(None));
        return Ok(());
    };
    let mut any = false;
    for field in fields.clone() {
        read(hash.get(field, now));
        any |= hash.remove(field);
    }
    if !any {
        return Ok(());
    }
    let is_gone = hash.is_empty();
    hash.mark_changed();
    drop(hash);
    record_removal(view, key, "hdel", is_gone, fields);
    Ok(())
}

/// HRANDFIELD: a field, each with the same probability. O(1).
pub fn random_field(hash: &Hash, now: Millis) -> Option<(Item<'_>, Item<'_>)> {
    hash.random(now, &mut below)
}

/// HRANDFIELD with a count: different fields, as many as there are, or with a negative count the same ones any number
/// of times. `start` hears how many come before `visit` gets them. O(count), or O(n) where that is a large part.
///
/// # Errors
/// If there are fields and a negative count is less than -2^24.
pub fn random_fields<'h>(
    hash: &'h Hash,
    now: Millis,
    count: i64,
    start: impl FnOnce(usize),
    visit: impl FnMut((Item<'h>, Item<'h>)),
) -> Result<()> {
    let len = hash.len_at(now);
    if count >= 0 {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(len);
        start(wanted);
        hash.random_distinct(wanted, now, &mut below, visit);
    } else {
        let wanted = if len == 0 { 0 } else { draws::repeated(count)? };
        start(wanted);
        hash.random_many(wanted, now, &mut below, visit);
    }
    Ok(())
}

/// A number below `n`, which is not zero.
fn below(n: usize) -> usize {
    ((u128::from(random()) * n as u128) >> 64) as usize
}

/// Empty buckets cost little, and walking a small hash in one call saves many a round trip.
const FREE_STEPS: usize = 256;

/// HSCAN: visits fields from `position` on, about `count` of them, and returns the position to go on from, `None` at the
/// end. What is there from the first call to the last is visited exactly once; the lowest 16 bits of a position are
/// zero. A small hash comes whole. O(count).
pub fn scan<'h>(
    hash: &'h Hash,
    now: Millis,
    position: u64,
    count: usize,
    pattern: Option<&[u8]>,
    mut visit: impl FnMut(Item<'h>, Item<'h>),
) -> Option<u64> {
    let pattern = pattern.filter(|p| *p != b"*");
    let (mut seen, mut steps) = (0, 0);
    let mut at = position;
    let mut buffer = itoa::Buffer::new();
    loop {
        let next = hash.scan(at, now, |name, value| {
            seen += 1;
            if pattern.is_none_or(|p| glob_match(p, name.bytes(&mut buffer), false)) {
                visit(name, value);
            }
        });
        steps += 1;
        at = next?;
        // Only such positions go into a cursor of 48 bits.
        if at.trailing_zeros() >= 16 && (seen >= count || steps >= FREE_STEPS.max(count.saturating_mul(10))) {
            return Some(at);
        }
    }
}
