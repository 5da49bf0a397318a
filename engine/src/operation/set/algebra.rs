//! Intersections, unions and differences.
//!
//! Nothing is copied on the way to a reply: a result is a list of references into the sets, whose stripes are held.

use super::{event, limits};
use crate::error::Result;
use crate::keyspace::{Effect, Event, Key, NewValue, View};
use crate::value::Set;
use crate::value::set::{Item, Wanted};

/// How sets are combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algebra {
    /// Members of all sets.
    Inter,
    /// Members of any set.
    Union,
    /// Members of the first set and of no other.
    Diff,
}

/// From so many sets on a union remembers what it has given, instead of looking it up in the sets before.
const MANY_SETS: usize = 8;

/// The sets at some keys. A set that is not there is `None`.
fn read<'v>(view: &'v View<'_>, keys: &[Key<'_>]) -> Result<Vec<Option<&'v Set>>> {
    keys.iter().map(|key| view.read::<Set>(key)).collect()
}

/// SINTER, SUNION, SDIFF: the members, in no particular order. O(all members), an intersection O(smallest set x sets), a
/// difference O(first set x sets).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn combine<'v>(view: &'v View<'_>, how: Algebra, keys: &[Key<'_>]) -> Result<Vec<Item<'v>>> {
    Ok(combined(how, &read(view, keys)?))
}

fn combined<'v>(how: Algebra, sets: &[Option<&'v Set>]) -> Vec<Item<'v>> {
    match how {
        Algebra::Inter => {
            let mut items = Vec::new();
            inter(sets, |item| {
                items.push(item);
                true
            });
            items
        }
        Algebra::Union => union(sets),
        Algebra::Diff => diff(sets),
    }
}

/// SINTERCARD: how many members all sets share; no more than `limit` are counted. O(smallest set x sets).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn inter_card(view: &View<'_>, keys: &[Key<'_>], limit: usize) -> Result<usize> {
    let sets = read(view, keys)?;
    let mut count = 0;
    inter(&sets, |_| {
        count += 1;
        count < limit
    });
    Ok(count)
}

/// SINTERSTORE, SUNIONSTORE, SDIFFSTORE: puts the result in place of whatever `dest` holds and returns its size; an empty
/// one deletes the key. As [`combine`], and O(result).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if a source is no set.
pub fn store(view: &mut View<'_>, how: Algebra, dest: &Key<'_>, keys: &[Key<'_>]) -> Result<usize> {
    // The effect reads the sources again, so one that has expired has to be gone by then.
    for key in keys {
        view.drop_expired(key);
    }
    let limits = limits(view.space().settings());
    let sets = read(view, keys)?;
    let set = match (how, sets.first()) {
        (Algebra::Diff, Some(Some(first))) if removes(&sets) => {
            let mut set = Set::of_distinct(&first.items(), limits);
            remove_others(&mut set, &sets);
            set
        }
        _ => Set::of_distinct(&combined(how, &sets), limits),
    };
    let len = set.len();
    if len == 0 {
        if view.remove(dest) {
            view.record(dest, Event::generic("del"), || Effect::new("DEL").arg(dest.bytes));
        }
        return Ok(0);
    }
    view.put(dest, NewValue::Owned(set.into()), None);
    let (command, name) = match how {
        Algebra::Inter => ("SINTERSTORE", "sinterstore"),
        Algebra::Union => ("SUNIONSTORE", "sunionstore"),
        Algebra::Diff => ("SDIFFSTORE", "sdiffstore"),
    };
    view.record(dest, event(name), || {
        keys.iter().fold(Effect::new(command).arg(dest.bytes), |effect, key| effect.arg(key.bytes))
    });
    Ok(len)
}

/// Visits what all sets share, until `visit` says that it is enough.
fn inter<'v>(sets: &[Option<&'v Set>], mut visit: impl FnMut(Item<'v>) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<&Set>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    // The same set twice has nothing to say the second time.
    let others: Vec<&Set> = others.iter().copied().filter(|set| !std::ptr::eq(*set, *smallest)).collect();
    let (mut buffer, mut enough) = (itoa::Buffer::new(), false);
    smallest.for_each(|item| {
        if enough {
            return;
        }
        let wanted = Wanted::new(item, &mut buffer);
        if others.iter().all(|set| set.has(&wanted)) {
            enough = !visit(item);
        }
    });
}

fn union<'v>(sets: &[Option<&'v Set>]) -> Vec<Item<'v>> {
    let mut sets: Vec<&Set> = sets.iter().copied().flatten().collect();
    // What comes first is not looked up.
    sets.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let mut items = sets.first().map(|set| set.items()).unwrap_or_default();
    let mut buffer = itoa::Buffer::new();
    if sets.len() > MANY_SETS {
        let mut given = Set::default();
        let limits = crate::value::set::Limits { intset_entries: 0, listpack_entries: 0, listpack_value: 0 };
        items.clear();
        for set in sets {
            set.for_each(|item| {
                if given.insert(item.bytes(&mut buffer), limits) {
                    items.push(item);
                }
            });
        }
        return items;
    }
    for (i, set) in sets.iter().enumerate().skip(1) {
        let before = sets.get(..i).unwrap_or_default();
        set.for_each(|item| {
            let wanted = Wanted::new(item, &mut buffer);
            if !before.iter().any(|set| set.has(&wanted)) {
                items.push(item);
            }
        });
    }
    items
}

fn diff<'v>(sets: &[Option<&'v Set>]) -> Vec<Item<'v>> {
    let Some((Some(first), others)) = sets.split_first() else { return Vec::new() };
    let mut others: Vec<&Set> = others.iter().copied().flatten().collect();
    // A larger set is likelier to have a member.
    others.sort_by_key(|set| std::cmp::Reverse(set.len()));
    let (mut items, mut buffer) = (Vec::new(), itoa::Buffer::new());
    first.for_each(|item| {
        let wanted = Wanted::new(item, &mut buffer);
        if !others.iter().any(|set| set.has(&wanted)) {
            items.push(item);
        }
    });
    items
}

/// Whether Redis makes a difference by removing the others' members from a copy of the first set, which shows in the form
/// that the result has: that of the whole first set.
fn removes(sets: &[Option<&Set>]) -> bool {
    let sizes = || sets.iter().copied().flatten().map(Set::len);
    let Some(first) = sizes().next() else { return false };
    first * sizes().count() / 2 > sizes().sum()
}

fn remove_others(set: &mut Set, sets: &[Option<&Set>]) {
    let mut buffer = itoa::Buffer::new();
    for other in sets.iter().skip(1).copied().flatten() {
        other.for_each(|item| {
            set.remove(item.bytes(&mut buffer));
        });
    }
}
