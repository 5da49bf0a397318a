//! The data types as plain structures: no keys, no locks, no RESP.

pub mod bits;
pub mod lcs;
mod size_class;

use std::sync::Arc;

pub use size_class::size_class;

/// Strings up to this length live inside their entry; longer ones are shared by reference count, so that a reply can
/// send them after the locks are gone.
pub const INLINE_MAX: usize = 16 * 1024;

/// A value that has an allocation of its own beside its entry.
///
/// Short strings and integers have none: see `keyspace::entry`.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string longer than [`INLINE_MAX`]; cloned before a change while a reply still holds it.
    String(Arc<Vec<u8>>),
}

impl Value {
    /// Bytes of all allocations of the value, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        size_class(size_of::<Self>())
            + match self {
                Self::String(s) => size_class(size_of::<Vec<u8>>() + 16) + size_class(s.capacity()),
            }
    }
}
