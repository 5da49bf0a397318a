//! The big form of a sorted set: its elements in order, and a table that finds them by their members.
//!
//! Invariant: table and order hold the same elements, which the tree owns.
#![allow(unsafe_code)]

use std::ops::{ControlFlow, Range};

use super::element::Element;
use super::order::{Bound, sort_key};
use super::ordered::{Ordered, Walk};
use crate::table::{Pointer, Probe, Slot, Table};
use crate::value::pieces::Pieces;
use crate::value::{Elements, hasher, size_class};

#[inline]
fn hash(member: &[u8]) -> u64 {
    hasher().hash(member)
}

/// A sorted set of any size.
pub struct Tree {
    order: Ordered,
    table: Table<Element>,
    /// Bytes of all elements.
    element_bytes: usize,
    /// Scores that have changed, while it is given in pieces.
    pub(super) pieces: Option<Box<Pieces<f64>>>,
}

/// An element of a [`Tree`] that was looked up.
#[derive(Clone, Copy)]
pub(super) struct Found(Element);

impl Found {
    #[inline]
    pub(super) fn score(self) -> f64 {
        self.0.score()
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::with_room(0)
    }
}

impl Tree {
    fn with_room(expected: usize) -> Self {
        Self { order: Ordered::new(), table: Table::with_room(0, expected), element_bytes: 0, pieces: None }
    }

    pub(super) fn probe(&self, hash: u64) -> Probe<'_, Element> {
        self.table.probe(hash)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_class(size_of::<Self>()) + self.order.bytes() + self.table.bytes() + self.element_bytes
    }

    fn slot(&self, member: &[u8]) -> Option<(Slot, Element)> {
        self.table.find_slot(hash(member), |e| e.member() == member)
    }

    /// Looks a member up. O(1).
    #[inline]
    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        self.table.find(hash(member), |e| e.member() == member).map(Found)
    }

    /// The score of a member. O(1).
    #[inline]
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.find(member)?.0.score())
    }

    /// The rank and the score of a member. O(log n).
    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let found = self.find(member)?.0;
        Some((self.order.rank(found), found.score()))
    }

    /// Notes an element that is about to change, if it is being given.
    #[inline]
    fn note(&mut self, element: Element) {
        if let Some(pieces) = &mut self.pieces {
            pieces.note(element.hash(hasher()), element.member(), || Some((element.score(), 0)));
        }
    }

    /// Gives an element that was found another score. O(log n).
    pub(super) fn rescore(&mut self, found: Found, score: f64) {
        self.note(found.0);
        self.order.rescore(found.0, score);
    }

    /// Adds a member that is not there. O(log n).
    pub(super) fn insert(&mut self, member: &[u8], score: f64) {
        if let Some(pieces) = &mut self.pieces {
            pieces.note(hash(member), member, || None);
        }
        let element = Element::new(score, member);
        self.element_bytes += element.bytes();
        self.table.insert(hash(member), element, hasher());
        self.order.insert(element);
    }

    /// Removes a member and returns its score. O(log n).
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let (slot, element) = self.slot(member)?;
        self.note(element);
        self.order.remove(element);
        self.table.remove(slot, hasher());
        let score = element.score();
        self.element_bytes -= element.bytes();
        // SAFETY: neither table nor order know it any more.
        unsafe { element.free() };
        Some(score)
    }

    /// Removes the elements of some ranks. O(log n) for each.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>, mut removed: impl FnMut(&[u8], f64)) {
        let mut left = ranks.end.min(self.len()).saturating_sub(ranks.start);
        let mut taken = Vec::new();
        while left > 0 {
            taken.clear();
            left -= self.order.take_run(ranks.start, left, |element| taken.push(element));
            for element in &taken {
                element.prefetch();
            }
            for &element in &taken {
                self.note(element);
                if let Some((slot, _)) = self.slot_of(element) {
                    self.table.remove(slot, hasher());
                }
                removed(element.member(), element.score());
                self.element_bytes -= element.bytes();
                // SAFETY: neither table nor order know it any more.
                unsafe { element.free() };
            }
        }
    }

    fn slot_of(&self, element: Element) -> Option<(Slot, Element)> {
        self.table.find_slot(element.hash(hasher()), |e| e == element)
    }

    /// How many elements lie before a place. O(log n).
    pub(super) fn before(&self, bound: &Bound<'_>) -> usize {
        self.order.before(bound)
    }

    /// The elements of some ranks. O(log n) to the first.
    pub(super) fn walk(&self, ranks: Range<usize>, backwards: bool) -> TreeWalk<'_> {
        TreeWalk(self.order.walk(ranks, backwards))
    }

    /// One step of a walk in the order of the members' hashes: see [`Table::scan`].
    pub(super) fn scan(&self, position: u64, mut visit: impl FnMut(&[u8], f64)) -> Option<u64> {
        self.table.scan(position, hasher(), |e| visit(e.member(), e.score()))
    }

    /// See [`Pieces`].
    pub(super) fn piece(&mut self, out: &mut Elements) -> ControlFlow<usize> {
        let Some(mut pieces) = self.pieces.take() else { return ControlFlow::Break(0) };
        let next = self.scan(pieces.position(), |member, score| {
            if !pieces.has(hash(member), member) {
                out.push(member, b"", score.to_bits());
            }
        });
        let flow = pieces.end(next, |name, score| out.push(name, b"", score.to_bits()));
        self.pieces = flow.is_continue().then_some(pieces);
        flow
    }

    #[cfg(test)]
    pub(super) fn check(&self) {
        self.order.check(self.len());
        let all: Vec<Element> = self.order.walk(0..self.len(), false).collect();
        assert_eq!(all.len(), self.len());
        let mut bytes = 0;
        for &element in &all {
            assert!(self.slot_of(element).is_some());
            bytes += element.bytes();
        }
        assert_eq!(bytes, self.element_bytes);
        let key = |e: &Element| (e.score(), e.member());
        assert!(all.windows(2).all(|w| super::order::compare(key(&w[0]), key(&w[1])).is_lt()));
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.table.for_each(|element| {
            // SAFETY: the tree owns it, and nobody looks at it any more: neither order nor table when they are dropped.
            unsafe { element.free() };
        });
    }
}

impl Clone for Tree {
    fn clone(&self) -> Self {
        let mut copy = Builder::default();
        for (member, score) in self.walk(0..self.len(), false) {
            copy.add(member, score);
        }
        copy.finish()
    }
}

/// The members and scores of some ranks.
pub(super) struct TreeWalk<'t>(Walk<'t>);

impl<'t> Iterator for TreeWalk<'t> {
    type Item = (&'t [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let element = self.0.next()?;
        Some((element.member(), element.score()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

/// Collects members and scores in any order, and puts them in order once, at the end.
#[derive(Default)]
pub struct Builder {
    tree: Tree,
    elements: Vec<Element>,
    longest: usize,
    /// Bytes of all members.
    total: usize,
}

impl Builder {
    /// With room for so many members.
    pub fn with_room(expected: usize) -> Self {
        Self { tree: Tree::with_room(expected), elements: Vec::with_capacity(expected), ..Self::default() }
    }

    /// How many members it has. O(1).
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether it has none. O(1).
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// The length of the longest member.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Bytes of all members.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// Adds a member that it does not have. O(1).
    pub fn add(&mut self, member: &[u8], score: f64) {
        self.add_hashed(hash(member), member, score);
    }

    fn add_hashed(&mut self, hash: u64, member: &[u8], score: f64) {
        let element = Element::new(score, member);
        self.tree.element_bytes += element.bytes();
        self.tree.table.insert(hash, element, hasher());
        self.elements.push(element);
        self.longest = self.longest.max(member.len());
        self.total += member.len();
    }

    /// Adds a member, or changes the score that it has. O(1).
    pub fn merge(&mut self, member: &[u8], score: f64, both: impl FnOnce(f64, f64) -> f64) {
        let hash = hash(member);
        match self.tree.table.find(hash, |e| e.member() == member) {
            Some(element) => element.set_score(both(element.score(), score)),
            None => self.add_hashed(hash, member, score),
        }
    }

    /// The elements in order.
    fn sorted(&mut self) -> &[Element] {
        let mut keyed: Vec<(u64, Element)> = self.elements.iter().map(|&e| (sort_key(e.score()), e)).collect();
        keyed.sort_unstable_by_key(|&(key, _)| key);
        for alike in keyed.chunk_by_mut(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
            alike.sort_unstable_by(|a, b| a.1.member().cmp(b.1.member()));
        }
        self.elements.clear();
        self.elements.extend(keyed.into_iter().map(|(_, element)| element));
        &self.elements
    }

    /// Gives all members and scores in order. O(n log n).
    pub fn for_each_sorted(&mut self, mut visit: impl FnMut(&[u8], f64)) {
        for element in self.sorted() {
            visit(element.member(), element.score());
        }
    }

    /// The sorted set. O(n log n).
    pub(super) fn finish(mut self) -> Tree {
        self.sorted();
        self.tree.order = Ordered::build(&self.elements);
        self.tree
    }
}
