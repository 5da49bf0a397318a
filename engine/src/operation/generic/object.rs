//! What a key holds, and how.

use crate::error::{Error, Result};
use crate::keyspace::{Entry, Key, ValueRef, View};
use crate::operation::string;
use crate::sync::atomic::Ordering::Relaxed;

/// The type of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are Redis's own")]
pub enum KeyType {
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Stream,
}

impl KeyType {
    const ALL: [Self; 6] = [Self::String, Self::List, Self::Set, Self::SortedSet, Self::Hash, Self::Stream];

    /// The name that `TYPE` gives.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
        }
    }

    /// The type of a name, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The type of an entry.
    pub fn of(entry: Entry<'_>) -> Self {
        match entry.value() {
            ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => Self::String,
            ValueRef::List(_) => Self::List,
            ValueRef::Set(_) => Self::Set,
            ValueRef::Hash(_) => Self::Hash,
            ValueRef::SortedSet(_) => Self::SortedSet,
            ValueRef::Stream(_) => Self::Stream,
        }
    }
}

/// TYPE. O(1).
pub fn key_type(view: &View<'_>, key: &Key<'_>) -> Option<KeyType> {
    view.look(key).map(KeyType::of)
}

/// OBJECT ENCODING: how the value is kept, in Redis's words. O(1).
pub fn encoding(view: &View<'_>, key: &Key<'_>) -> Option<&'static str> {
    view.look_silently(key).map(encoding_of)
}

/// How the value of an entry is kept, in Redis's words. O(1).
pub fn encoding_of(entry: Entry<'_>) -> &'static str {
    match entry.value() {
        ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => string::encoding(entry),
        ValueRef::List(list) => list.encoding(),
        ValueRef::Set(set) => set.encoding(),
        ValueRef::Hash(hash) => hash.encoding(),
        ValueRef::SortedSet(set) => set.encoding(),
        ValueRef::Stream(stream) => stream.encoding(),
    }
}

/// OBJECT REFCOUNT. Always one, except for the small integers that Redis keeps once for all keys: clients and test
/// suites know their number. O(1).
pub fn refcount(view: &View<'_>, key: &Key<'_>) -> Option<i64> {
    let settings = view.space().settings();
    let policy = settings.policy();
    let keeps_clocks = policy.is_lru() || policy.is_lfu();
    let shares = settings.maxmemory.load(Relaxed) == 0 || !keeps_clocks;
    view.look_silently(key).map(|entry| match entry.value() {
        ValueRef::Int(0..10_000) if shares => i64::from(i32::MAX),
        _ => 1,
    })
}

/// OBJECT IDLETIME: seconds since the key was used. O(1).
///
/// # Errors
/// If the policy counts accesses instead of keeping their time.
pub fn idle_secs(view: &View<'_>, key: &Key<'_>) -> Result<Option<u64>> {
    let Some(entry) = view.look_silently(key) else { return Ok(None) };
    if view.space().settings().policy().is_lfu() {
        return Err(Error::new(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between \
             policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    Ok(Some(view.idle_secs(entry)))
}

/// OBJECT FREQ: how often the key is used, on a logarithmic scale. O(1).
///
/// # Errors
/// If the policy does not count accesses.
pub fn frequency(view: &View<'_>, key: &Key<'_>) -> Result<Option<u64>> {
    let Some(entry) = view.look_silently(key) else { return Ok(None) };
    if !view.space().settings().policy().is_lfu() {
        return Err(Error::new(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    Ok(Some(view.frequency(entry)))
}
