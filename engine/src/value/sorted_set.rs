//! The sorted_set type.

/// A sorted_set in one word.
#[derive(Clone, Debug, Default)]
#[repr(transparent)]
pub struct SortedSet(Box<u64>);

impl SortedSet {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        *self.0 as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        8
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        "skiplist"
    }
}
