//! Elements on their way into the caches, ahead of the command that looks for them.

use super::hash::FieldPtr;
use super::member::Member;
use super::sorted_set::Element;
use crate::table::Probe;

/// A look-up in a big collection that has been started, so that many can wait for memory at once.
pub(crate) enum ElementProbe<'a> {
    /// Of a field of a hash.
    Field(Probe<'a, FieldPtr>),
    /// Of a member of a set.
    Member(Probe<'a, Member>),
    /// Of a member of a sorted set.
    Scored(Probe<'a, Element>),
}

impl ElementProbe<'_> {
    /// The second step, when the bucket has arrived: brings the element closer.
    #[inline]
    pub(crate) fn fetch(&self) {
        match self {
            Self::Field(probe) => probe.fetch(),
            Self::Member(probe) => probe.fetch(),
            Self::Scored(probe) => probe.fetch(),
        }
    }
}
