//! Changes in the middle of a list.

use super::{Side, announce_emptied, clamp, event, limits, place};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, View};
use crate::value::List;

/// LSET: puts another element in the place of one, counted from the end if the index is negative. O(N / elements of a
/// node).
///
/// # Errors
/// As for [`push`](super::push); [`Error::NO_SUCH_KEY`]; [`Error::OUT_OF_RANGE`].
pub fn set(view: &mut View<'_>, key: &Key<'_>, index: i64, text: &[u8]) -> Result<()> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(key)? else { return Err(Error::NO_SUCH_KEY) };
    let at = place(index, list.len()).ok_or(Error::OUT_OF_RANGE)?;
    list.mark_changed();
    let inner = &mut *list;
    inner.grow(1, text.len(), limits);
    inner.set(at, text, limits);
    inner.shrink(limits);
    drop(list);
    view.record(key, event("lset"), || Effect::new("LSET").arg(key.bytes).int(index).arg(text));
    Ok(())
}

/// LINSERT: adds an element in front of the first that is `pivot`, or behind it, and gives the new length: 0 if there
/// is no list, -1 if there is no such element. O(N).
///
/// # Errors
/// As for [`push`](super::push).
pub fn insert(view: &mut View<'_>, key: &Key<'_>, behind: bool, pivot: &[u8], text: &[u8]) -> Result<i64> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(key)? else { return Ok(0) };
    list.grow(1, text.len(), limits);
    if !list.insert(pivot, behind, text, limits) {
        return Ok(-1);
    }
    list.mark_changed();
    let len = list.len() as i64;
    drop(list);
    view.record(key, event("linsert"), || {
        Effect::new("LINSERT").arg(key.bytes).arg(if behind { "AFTER" } else { "BEFORE" }).arg(pivot).arg(text)
    });
    Ok(len)
}

/// LREM: removes elements that are this string and says how many there were: all of them if `count` is 0, at most that
/// many, seen from the end if it is negative. O(N).
///
/// # Errors
/// As for [`push`](super::push).
pub fn remove(view: &mut View<'_>, key: &Key<'_>, count: i64, text: &[u8]) -> Result<usize> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(key)? else { return Ok(0) };
    let from = if count < 0 { Side::Right } else { Side::Left };
    let most = if count == 0 { usize::MAX } else { usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX) };
    let removed = list.remove(text, most, from);
    if removed == 0 {
        return Ok(0);
    }
    list.mark_changed();
    list.shrink(limits);
    let emptied = list.is_empty();
    drop(list);
    view.record(key, event("lrem"), || Effect::new("LREM").arg(key.bytes).int(count).arg(text));
    announce_emptied(view, key, emptied);
    Ok(removed)
}

/// LTRIM: removes all elements but those from `start` to `end`, both included and counted from the end if negative.
/// O(elements removed).
///
/// # Errors
/// As for [`push`](super::push).
pub fn trim(view: &mut View<'_>, key: &Key<'_>, start: i64, end: i64) -> Result<()> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(key)? else { return Ok(()) };
    let len = list.len();
    let (first, count) = clamp(start, end, len);
    if count == len {
        drop(list);
        // Nothing has changed, and yet Redis announces it.
        view.announce(key, event("ltrim"));
        return Ok(());
    }
    list.mark_changed();
    let inner = &mut *list;
    inner.remove_end(Side::Right, len - first - count);
    inner.remove_end(Side::Left, first);
    inner.shrink(limits);
    let emptied = inner.is_empty();
    drop(list);
    view.record(key, event("ltrim"), || Effect::new("LTRIM").arg(key.bytes).int(start).int(end));
    announce_emptied(view, key, emptied);
    Ok(())
}
