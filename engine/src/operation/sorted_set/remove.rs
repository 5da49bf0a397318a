//! What takes members out: ZREM, ranges, pops.

use smallvec::SmallVec;

use super::event;
use super::range::RangeBy;
use crate::error::Result;
use crate::keyspace::{Effect, Event, Key, View};
use crate::value::SortedSet;

/// ZREM: removes members and returns how many were there. O(log n) for each.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn remove<'m>(view: &mut View<'_>, key: &Key<'_>, members: impl Iterator<Item = &'m [u8]>) -> Result<usize> {
    let Some(mut set) = view.edit::<SortedSet>(key)? else { return Ok(0) };
    let mut removed = SmallVec::<[&[u8]; 8]>::new();
    for member in members {
        if set.remove(member).is_some() {
            removed.push(member);
            if set.is_empty() {
                break;
            }
        }
    }
    if removed.is_empty() {
        return Ok(0);
    }
    set.mark_changed();
    let emptied = set.is_empty();
    drop(set);
    view.record(key, event("zrem"), || removed.iter().fold(Effect::new("ZREM").arg(key.bytes), Effect::arg));
    announce_end(view, key, emptied);
    Ok(removed.len())
}

/// The key has gone with its last member.
fn announce_end(view: &mut View<'_>, key: &Key<'_>, emptied: bool) {
    if emptied {
        view.announce(key, Event::generic("del"));
    }
}

/// ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX: removes a part and returns how many members it had.
/// O(log n) for each.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn remove_range(view: &mut View<'_>, key: &Key<'_>, by: &RangeBy<'_>) -> Result<usize> {
    let Some(mut set) = view.edit::<SortedSet>(key)? else { return Ok(0) };
    let span = by.span(&set);
    let count = span.len();
    if count == 0 {
        return Ok(0);
    }
    set.remove_ranks(span, |_, _| {});
    set.mark_changed();
    let emptied = set.is_empty();
    drop(set);
    let (name, event_name) = match by {
        RangeBy::Rank(..) => ("ZREMRANGEBYRANK", "zremrangebyrank"),
        RangeBy::Score(_) => ("ZREMRANGEBYSCORE", "zremrangebyscore"),
        RangeBy::Lex(_) => ("ZREMRANGEBYLEX", "zremrangebylex"),
    };
    view.record(key, event(event_name), || by.args(Effect::new(name).arg(key.bytes)));
    announce_end(view, key, emptied);
    Ok(count)
}

/// The end of a sorted set from which members are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZEnd {
    /// The lowest scores.
    Min,
    /// The highest scores.
    Max,
}

/// Members that were taken out, with their scores.
pub type Popped = Vec<(Vec<u8>, f64)>;

/// ZPOPMIN and ZPOPMAX: takes at most `count` members from one end. O(log n) for each.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn pop(view: &mut View<'_>, key: &Key<'_>, end: ZEnd, count: usize) -> Result<Popped> {
    let Some(mut set) = view.edit::<SortedSet>(key)? else { return Ok(Popped::new()) };
    let len = set.len();
    let count = count.min(len);
    if count == 0 {
        return Ok(Popped::new());
    }
    let span = if end == ZEnd::Min { 0..count } else { len - count..len };
    let mut popped = Vec::with_capacity(count);
    set.remove_ranks(span, |member, score| popped.push((member.to_vec(), score)));
    set.mark_changed();
    drop(set);
    if end == ZEnd::Max {
        popped.reverse();
    }
    let (name, event_name) = match end {
        ZEnd::Min => ("ZPOPMIN", "zpopmin"),
        ZEnd::Max => ("ZPOPMAX", "zpopmax"),
    };
    view.record(key, event(event_name), || Effect::new(name).arg(key.bytes).int(count));
    announce_end(view, key, count == len);
    Ok(popped)
}

/// ZMPOP: takes at most `count` members from one end of the first of some sorted sets that has any, and says which it
/// is. O(keys), and O(log n) for each member.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), if a key before the first that has members is no sorted set.
pub fn pop_first<'k>(
    view: &mut View<'_>,
    keys: impl Iterator<Item = Key<'k>>,
    end: ZEnd,
    count: usize,
) -> Result<Option<(Key<'k>, Popped)>> {
    for key in keys {
        let popped = pop(view, &key, end, count)?;
        if !popped.is_empty() {
            return Ok(Some((key, popped)));
        }
    }
    Ok(None)
}
