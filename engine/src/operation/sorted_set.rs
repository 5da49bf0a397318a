//! Sorted sets: questions about them, and what all changes to them share.

mod add;
mod combine;
mod range;
mod remove;
mod scan;

pub use add::{AddOptions, Added, add, incr};
pub use combine::{Aggregate, Combination, check_inputs, combine, combine_store, inter_card};
pub use range::{RangeBy, ZRange, range, range_store};
pub use remove::{Popped, ZEnd, pop, pop_first, remove, remove_range};
pub use scan::{random, random_members, scan};

use crate::codec::num;
use crate::error::Result;
use crate::keyspace::{Effect, Event, EventClass, Key, NewValue, Settings, View};
use crate::operation::string::delete;
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::SortedSet;
use crate::value::sorted_set::{Builder, LexRange, Limits, ScoreRange};

/// Up to where sorted sets stay small, by the directives.
pub(super) fn limits(settings: &Settings) -> Limits {
    let limit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Limits {
        entries: limit(settings.zset_max_listpack_entries.load(Relaxed)),
        value: limit(settings.zset_max_listpack_value.load(Relaxed)),
    }
}

const fn event(name: &'static str) -> Event {
    Event::new(EventClass::SortedSet, name)
}

impl Effect {
    /// Adds a score as an argument, which reads back the same.
    #[must_use]
    fn score(self, score: f64) -> Self {
        let mut text = Vec::new();
        num::write_f64(&mut text, score);
        self.arg(text)
    }
}

/// Puts a sorted set in place of whatever a key holds; an empty one deletes the key. Returns how many members it has.
/// `effect` is that of the command, which computes the set again. O(1).
fn store(
    view: &mut View<'_>,
    dest: &Key<'_>,
    set: SortedSet,
    name: &'static str,
    effect: impl FnOnce() -> Effect,
) -> usize {
    let len = set.len();
    if len == 0 {
        delete(view, dest);
        return 0;
    }
    view.put(dest, NewValue::Owned(set.into()), None);
    view.record(dest, event(name), effect);
    len
}

/// Puts what was collected in place of whatever a key holds; nothing deletes the key. Returns how many members there
/// are. `name` is that of the event, and `effect` a command that computes the same again. O(n log n).
pub fn store_built(
    view: &mut View<'_>,
    dest: &Key<'_>,
    built: Builder,
    name: &'static str,
    effect: impl FnOnce() -> Effect,
) -> usize {
    let set = SortedSet::from_builder(built, limits(view.space().settings()));
    store(view, dest, set, name, effect)
}

/// ZCARD. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn card(view: &View<'_>, key: &Key<'_>) -> Result<usize> {
    Ok(view.read::<SortedSet>(key)?.map_or(0, SortedSet::len))
}

/// ZSCORE. O(1), O(n) for a small set.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn score(view: &View<'_>, key: &Key<'_>, member: &[u8]) -> Result<Option<f64>> {
    Ok(view.read::<SortedSet>(key)?.and_then(|set| set.score(member)))
}

/// ZMSCORE: gives `each` the scores of some members, in their order. O(members).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn scores<'m>(
    view: &View<'_>,
    key: &Key<'_>,
    members: impl Iterator<Item = &'m [u8]>,
    each: impl FnMut(Option<f64>),
) -> Result<()> {
    let set = view.read::<SortedSet>(key)?;
    members.map(|member| set.and_then(|set| set.score(member))).for_each(each);
    Ok(())
}

/// ZRANK and ZREVRANK: how many members come before a member (behind it if `reversed`), and its score. O(log n).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn rank(view: &View<'_>, key: &Key<'_>, member: &[u8], reversed: bool) -> Result<Option<(usize, f64)>> {
    let Some(set) = view.read::<SortedSet>(key)? else { return Ok(None) };
    let found = set.rank(member);
    Ok(found.map(|(rank, score)| (if reversed { set.len() - 1 - rank } else { rank }, score)))
}

/// ZCOUNT. O(log n).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn count(view: &View<'_>, key: &Key<'_>, range: &ScoreRange) -> Result<usize> {
    Ok(view.read::<SortedSet>(key)?.map_or(0, |set| set.score_span(range).len()))
}

/// ZLEXCOUNT. O(log n).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn lex_count(view: &View<'_>, key: &Key<'_>, range: &LexRange<'_>) -> Result<usize> {
    Ok(view.read::<SortedSet>(key)?.map_or(0, |set| set.lex_span(range).len()))
}

/// Whether a key is there, which must be a sorted set; not counted as an access: what a command looks at before it goes
/// on to parse its arguments. O(1).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn check(view: &View<'_>, key: &Key<'_>) -> Result<bool> {
    Ok(view.peek_as::<SortedSet>(key)?.is_some())
}
