//! Lists: adding and taking at their ends, and reading. What happens in the middle is in the files below.

mod middle;
mod moves;
mod position;

pub use self::middle::{insert, remove, set, trim};
pub use self::moves::move_between;
pub use self::position::{PositionOptions, positions};
pub use crate::value::list::{Element, Side};

use std::iter::Take;

use crate::error::Result;
use crate::keyspace::{Effect, Event, EventClass, Key, Settings, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::List;
use crate::value::list::{Elements, Limits};

/// Some elements of a list in order.
pub type Part<'a> = Take<Elements<'a>>;

impl Side {
    const fn pop_event(self) -> &'static str {
        if let Self::Left = self { "lpop" } else { "rpop" }
    }

    const fn push_event(self) -> &'static str {
        if let Self::Left = self { "lpush" } else { "rpush" }
    }

    /// The word that LMOVE and LMPOP have for it.
    pub const fn word(self) -> &'static str {
        if let Self::Left = self { "LEFT" } else { "RIGHT" }
    }
}

const fn event(name: &'static str) -> Event {
    Event::new(EventClass::List, name)
}

/// The directives for sizes of nodes.
pub(super) fn limits(settings: &Settings) -> Limits {
    let threshold = settings.list_packed_threshold.load(Relaxed);
    Limits::new(settings.list_max_listpack_size.load(Relaxed), usize::try_from(threshold).unwrap_or(usize::MAX))
}

/// A range with both ends included, counted from the end if negative: the first index, and how many.
fn clamp(start: i64, end: i64, len: usize) -> (usize, usize) {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |index: i64| if index < 0 { index.saturating_add(len).max(-1) } else { index };
    let (start, end) = (from_end(start).max(0), from_end(end).min(len - 1));
    if start > end { (0, 0) } else { (start as usize, (end - start + 1) as usize) }
}

/// The place of an index, counted from the end if negative.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(len).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// LPUSH and RPUSH, or with `must_exist` LPUSHX and RPUSHX: adds elements one after the other, and gives the new
/// length; 0 if the list had to exist and does not. O(elements).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); so for all operations on lists.
pub fn push<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    side: Side,
    elements: impl Iterator<Item = &'a [u8]> + Clone,
    must_exist: bool,
) -> Result<usize> {
    let limits = limits(view.space().settings());
    let mut list = if must_exist {
        let Some(list) = view.edit::<List>(key)? else { return Ok(0) };
        list
    } else {
        view.edit_or_create::<List>(key)?
    };
    let (count, bytes) = elements.clone().fold((0, 0), |(count, bytes), text| (count + 1, bytes + text.len()));
    if count == 0 {
        return Ok(list.len());
    }
    list.mark_changed();
    let inner = &mut *list;
    inner.grow(count, bytes, limits);
    elements.clone().for_each(|text| inner.push(side, text, limits));
    let len = inner.len();
    drop(list);
    view.record(key, event(side.push_event()), || {
        let name = if side == Side::Left { "LPUSH" } else { "RPUSH" };
        elements.fold(Effect::new(name).arg(key.bytes), Effect::arg)
    });
    Ok(len)
}

/// LPOP and RPOP: takes up to `count` elements, not 0, from an end, the outermost first, once `read` has seen how many
/// there are and which. `None` if there is no list. O(count).
///
/// # Errors
/// As for [`push`].
pub fn pop<R>(
    view: &mut View<'_>,
    key: &Key<'_>,
    side: Side,
    count: usize,
    read: impl FnOnce(usize, Part<'_>) -> R,
) -> Result<Option<R>> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(key)? else { return Ok(None) };
    let count = count.min(list.len());
    let result = read(count, list.walk(0, side).take(count));
    if count == 0 {
        return Ok(Some(result));
    }
    list.mark_changed();
    let inner = &mut *list;
    inner.remove_end(side, count);
    inner.shrink(limits);
    let emptied = inner.is_empty();
    drop(list);
    view.record(key, event(side.pop_event()), || {
        let effect = Effect::new(if side == Side::Left { "LPOP" } else { "RPOP" }).arg(key.bytes);
        if count == 1 { effect } else { effect.int(count) }
    });
    announce_emptied(view, key, emptied);
    Ok(Some(result))
}

/// LMPOP: as [`pop`], from the first of some keys that holds a list. O(keys + count).
///
/// # Errors
/// As for [`push`], for the keys in front of that list.
pub fn pop_first<'k, R>(
    view: &mut View<'_>,
    keys: impl Iterator<Item = Key<'k>>,
    side: Side,
    count: usize,
    read: impl FnOnce(&[u8], usize, Part<'_>) -> R,
) -> Result<Option<R>> {
    for key in keys {
        view.drop_expired(&key);
        if view.peek_as::<List>(&key)?.is_some() {
            return pop(view, &key, side, count, |count, part| read(key.bytes, count, part));
        }
    }
    Ok(None)
}

fn announce_emptied(view: &mut View<'_>, key: &Key<'_>, emptied: bool) {
    if emptied {
        view.announce(key, Event::generic("del"));
    }
}

/// LLEN. O(1).
///
/// # Errors
/// As for [`push`].
pub fn len(view: &View<'_>, key: &Key<'_>) -> Result<usize> {
    Ok(view.read::<List>(key)?.map_or(0, List::len))
}

/// LINDEX: the element with an index, counted from the end if it is negative. O(N / elements of a node).
///
/// # Errors
/// As for [`push`].
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>, index: i64) -> Result<Option<Element<'v>>> {
    let Some(list) = view.read::<List>(key)? else { return Ok(None) };
    Ok(place(index, list.len()).and_then(|index| list.get(index)))
}

/// LRANGE: has `read` see how many elements there are from `start` to `end`, both included and counted from the end
/// if negative, and which. O(elements).
///
/// # Errors
/// As for [`push`].
pub fn range<R>(
    view: &View<'_>,
    key: &Key<'_>,
    start: i64,
    end: i64,
    read: impl FnOnce(usize, Part<'_>) -> R,
) -> Result<R> {
    let Some(list) = view.read::<List>(key)? else { return Ok(read(0, List::default().iter().take(0))) };
    let (start, count) = clamp(start, end, list.len());
    Ok(read(count, list.walk(start, Side::Left).take(count)))
}
