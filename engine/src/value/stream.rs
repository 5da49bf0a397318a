//! Streams: entries in the order of their ids, and groups of consumers that share them.
//!
//! A stream has two parts that know nothing of each other's insides: [`Entries`], and the [`Groups`] that read them.

mod block;
mod entries;
mod group;
mod id;
#[cfg(test)]
mod tests;

pub use block::{Entry, Fields};
pub use entries::{BlockLimits, Entries, TooLarge, Totals, TrimTo, Walk};
pub use group::{Consumer, ConsumerId, Group, GroupMut, Groups, Pending};
pub use id::{IdText, NotAnId, StreamId};

use crate::value::size_class;

/// A stream in one word.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub struct Stream(Box<Parts>);

#[derive(Clone, Debug, Default)]
struct Parts {
    entries: Entries,
    groups: Groups,
}

impl Stream {
    /// A stream of entries, without groups.
    pub fn from_entries(entries: Entries) -> Self {
        Self(Box::new(Parts { entries, groups: Groups::default() }))
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        usize::try_from(self.0.entries.len()).unwrap_or(usize::MAX)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its entries.
    pub fn entries(&self) -> &Entries {
        &self.0.entries
    }

    /// Its entries, to be changed.
    pub fn entries_mut(&mut self) -> &mut Entries {
        &mut self.0.entries
    }

    /// Its groups.
    pub fn groups(&self) -> &Groups {
        &self.0.groups
    }

    /// Its entries, and its groups to be changed.
    pub fn groups_mut(&mut self) -> (&Entries, &mut Groups) {
        (&self.0.entries, &mut self.0.groups)
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        size_class(size_of::<Parts>()) + self.0.entries.bytes() + self.0.groups.bytes()
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        "stream"
    }
}
