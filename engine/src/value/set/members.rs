//! The big form of a set: a table of members.
//!
//! Invariant: the table holds each member once, and owns it.
#![allow(unsafe_code)]

use std::ops::ControlFlow;

use smallvec::SmallVec;

use crate::table::{Pointer, Probe, Table};
use crate::value::member::Member;
use crate::value::pieces::Pieces;
use crate::value::{Elements, hasher, size_class};

/// Members that are fetched from memory at a time.
const AHEAD: usize = 16;

/// Members in a hash table.
pub struct Members {
    table: Table<Member>,
    /// Bytes of the members' own allocations.
    bytes: usize,
    /// Members that have gone or come, while it is given in pieces.
    pub(super) pieces: Option<Box<Pieces<()>>>,
}

impl Members {
    pub(super) fn probe(&self, hash: u64) -> Probe<'_, Member> {
        self.table.probe(hash)
    }

    pub(super) fn new() -> Self {
        Self::with_room(0)
    }

    /// With room for so many members.
    pub(super) fn with_room(expected: usize) -> Self {
        Self { table: Table::with_room(0, expected), bytes: 0, pieces: None }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_class(size_of::<Self>()) + self.table.bytes() + self.bytes
    }

    /// The bytes of a member of this table.
    #[inline]
    fn text(&self, member: Member) -> &[u8] {
        // SAFETY: members of the table are freed when they have been taken out of it, which needs `&mut self`.
        unsafe { member.bytes() }
    }

    #[inline]
    pub(super) fn contains(&self, hash: u64, text: &[u8]) -> bool {
        self.table.find(hash, |member| self.text(member) == text).is_some()
    }

    pub(super) fn insert(&mut self, text: &[u8]) -> bool {
        let hash = hasher().hash(text);
        let is_new = !self.contains(hash, text);
        if is_new {
            self.insert_new(hash, text);
        }
        is_new
    }

    /// Adds a member that is not there.
    pub(super) fn insert_new(&mut self, hash: u64, text: &[u8]) {
        if let Some(pieces) = &mut self.pieces {
            pieces.note(hash, text, || None);
        }
        self.bytes += Member::allocation(text.len());
        self.table.insert(hash, Member::new(text), hasher());
    }

    pub(super) fn remove(&mut self, text: &[u8]) -> bool {
        let hash = hasher().hash(text);
        let found = self.table.find_slot(hash, |member| self.text(member) == text);
        let Some((slot, member)) = found else { return false };
        if let Some(pieces) = &mut self.pieces {
            pieces.note(hash, text, || Some(((), 0)));
        }
        self.bytes -= Member::allocation(text.len());
        self.table.remove(slot, hasher());
        // SAFETY: it was in the table once and is not any more; `text` is compared no longer.
        unsafe { member.free() };
        true
    }

    /// Visits all members, in no particular order.
    #[inline]
    pub(super) fn for_each<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        let mut ahead = SmallVec::<[Member; AHEAD]>::new();
        self.table.for_each(|member: Member| {
            member.prefetch();
            ahead.push(member);
            if ahead.len() == AHEAD {
                ahead.drain(..).for_each(|member| visit(self.text(member)));
            }
        });
        ahead.into_iter().for_each(|member| visit(self.text(member)));
    }

    /// One step of a walk in the order of hashes. See [`Table::scan`].
    pub(super) fn scan<'a>(&'a self, position: u64, mut visit: impl FnMut(&'a [u8])) -> Option<u64> {
        self.table.scan(position, hasher(), |member| visit(self.text(member)))
    }

    /// See [`Pieces`].
    pub(super) fn piece(&mut self, out: &mut Elements) -> ControlFlow<usize> {
        let Some(mut pieces) = self.pieces.take() else { return ControlFlow::Break(0) };
        let next = self.scan(pieces.position(), |text| {
            if !pieces.has(hasher().hash(text), text) {
                out.push(text, b"", 0);
            }
        });
        let flow = pieces.end(next, |name, ()| out.push(name, b"", 0));
        self.pieces = flow.is_continue().then_some(pieces);
        flow
    }

    /// Any member, each with the same probability.
    pub(super) fn random(&self, random: impl FnMut() -> u64) -> Option<&[u8]> {
        if let Some(member) = self.table.draw(random) {
            return Some(self.text(member));
        }
        // Chance was very unkind.
        let mut any = None;
        self.for_each(|text| any = Some(text));
        any
    }
}

impl Clone for Members {
    fn clone(&self) -> Self {
        let mut copy = Self::new();
        self.for_each(|text| copy.insert_new(hasher().hash(text), text));
        copy
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        // SAFETY: each member is in the table once, and the table does not look at them any more.
        self.table.for_each(|member: Member| unsafe { member.free() });
    }
}
