//! The data types as plain structures: no keys, no locks, no RESP.

pub mod bits;
mod block;
pub mod compact;
pub mod hash;
pub mod hyperloglog;
pub mod intset;
pub mod lcs;
pub mod list;
pub mod listpack;
mod member;
mod member_hash;
mod pieces;
mod probe;
pub mod set;
mod size_class;
pub mod sorted_set;
pub mod stream;

use std::sync::Arc;

pub use hash::{FieldDeadline, Hash, HashLimits};
pub use intset::Intset;
pub use list::List;
pub use listpack::Listpack;
pub use member_hash::hasher;
pub use pieces::{Elements, Whole, WholeKind};
pub(crate) use probe::ElementProbe;
pub use set::Set;
pub use size_class::size_class;
pub use sorted_set::SortedSet;
pub use stream::Stream;

/// Strings up to this length live inside their entry; longer ones are shared by reference count, so that a reply can
/// send them after the locks are gone.
pub const INLINE_MAX: usize = 16 * 1024;

/// A value that has an allocation of its own beside its entry, in which it is one word.
///
/// Short strings and integers have none: see `keyspace::entry`.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Value {
    /// A string longer than [`INLINE_MAX`]; cloned before a change while a reply still holds it.
    String(Arc<Vec<u8>>),
    List(List),
    Set(Set),
    Hash(Hash),
    SortedSet(SortedSet),
    Stream(Stream),
}

impl Value {
    /// Bytes of all allocations of the value, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        match self {
            Self::String(s) => shared_bytes(s),
            Self::List(list) => list.bytes(),
            Self::Set(set) => set.bytes(),
            Self::Hash(hash) => hash.bytes(),
            Self::SortedSet(set) => set.bytes(),
            Self::Stream(stream) => stream.bytes(),
        }
    }
}

/// Bytes of a shared string's allocations. O(1).
pub fn shared_bytes(string: &Arc<Vec<u8>>) -> usize {
    size_class(size_of::<Vec<u8>>() + 16) + size_class(string.capacity())
}
