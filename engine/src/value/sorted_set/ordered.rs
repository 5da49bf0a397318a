//! A counted B+tree of elements in the order of their scores and members.
//!
//! Every inner node counts the elements below each of its children, so that ranks cost a walk down and every range is
//! one of ranks. Leaves need no links: going on behind a leaf is a walk down to the next rank.
//!
//! Invariants: all leaves have the same height; no node but the root is empty; the entry of a child in its parent is
//! that of the child's first element, and the count is right.
#![allow(unsafe_code)]

use std::ops::Range;

use super::element::Element;
use super::node::{Entry, INNER_BYTES, INNER_MAX, LEAF_MAX, Node, element};
use super::order::{Bound, Tie};
use crate::table::Pointer;

/// How full leaves and inner nodes are made that are built at once.
const LEAF_FILL: usize = LEAF_MAX * 7 / 8;
const INNER_FILL: usize = INNER_MAX * 7 / 8;
/// Nodes with fewer entries look for a neighbour to become one with, if the two fill at most [`MERGED`] of a node.
const SPARSE: usize = 4;
const MERGED: (usize, usize) = (3, 4);
/// How many elements ahead memory is asked for on a walk.
const AHEAD: usize = 8;

pub(super) struct Ordered {
    root: Node,
    /// 0 if the root is a leaf.
    height: usize,
    len: usize,
    /// Bytes of all nodes.
    bytes: usize,
}

/// A new node to the right of one that was split.
struct Split {
    first: Entry,
    node: Node,
    count: u64,
}

/// What to take out.
enum Target<'a> {
    Element(Element, f64, Bound<'a>),
    /// From a rank on as many of at most `max` elements as lie in one leaf.
    Run(u64, usize),
}

/// A change of an element's score.
struct Rescore<'a> {
    element: Element,
    old: f64,
    new: f64,
    from: Bound<'a>,
    to: Bound<'a>,
}

fn first_of(node: Node, height: usize) -> Option<Entry> {
    if height == 0 { node.leaf().first() } else { node.inner().entries().first() }
}

fn entries_of(node: Node, height: usize) -> usize {
    if height == 0 { node.leaf_len() } else { node.inner().len }
}

fn is_sparse(node: Node, height: usize) -> bool {
    entries_of(node, height) < if height == 0 { LEAF_MAX } else { INNER_MAX } / SPARSE
}

impl Ordered {
    pub(super) fn new() -> Self {
        let root = Node::new_leaf(0);
        Self { root, height: 0, len: 0, bytes: root.leaf_bytes() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A tree of elements that come in order.
    pub(super) fn build(elements: &[Element]) -> Self {
        let mut this = Self::new();
        if elements.is_empty() {
            return this;
        }
        this.free_nodes(this.root, 0);
        this.bytes = 0;
        let mut level = Vec::new();
        for part in even_parts(elements, LEAF_FILL) {
            let leaf = Node::new_leaf(part.len());
            for (i, &element) in part.iter().enumerate() {
                leaf.leaf_insert(i, Entry::new(element, element.score()));
            }
            this.bytes += leaf.leaf_bytes();
            level.extend(leaf.leaf().first().map(|first| Split { first, node: leaf, count: part.len() as u64 }));
        }
        while level.len() > 1 {
            let mut above = Vec::new();
            for part in even_parts(&level, INNER_FILL) {
                let node = this.new_inner();
                let inner = node.inner_mut();
                for child in part {
                    inner.insert(inner.len, child.first, child.node, child.count);
                }
                above.extend(part.first().map(|p| Split { first: p.first, node, count: inner.count() }));
            }
            level = above;
            this.height += 1;
        }
        if let Some(root) = level.first() {
            this.root = root.node;
        }
        this.len = elements.len();
        this
    }

    fn new_inner(&mut self) -> Node {
        self.bytes += INNER_BYTES;
        Node::new_inner()
    }

    fn free_inner(&mut self, node: Node) {
        self.bytes -= INNER_BYTES;
        // SAFETY: the caller has taken it out of the tree.
        unsafe { node.free_inner() };
    }

    /// Runs something that may put another leaf in place of one, and counts the bytes.
    fn resize(&mut self, leaf: &mut Node, change: impl FnOnce(Node) -> Node) {
        self.bytes -= leaf.leaf_bytes();
        *leaf = change(*leaf);
        self.bytes += leaf.leaf_bytes();
    }

    /// Adds an element that is not in the tree.
    pub(super) fn insert(&mut self, element: Element) {
        let score = element.score();
        let bound = Bound::Score(score, Tie::Before(element.member()));
        let mut root = self.root;
        let split = self.insert_below(&mut root, self.height, &bound, Entry::new(element, score), (true, true));
        self.root = root;
        self.len += 1;
        if let Some(split) = split
            && let Some(first) = first_of(root, self.height)
        {
            let above = self.new_inner();
            let inner = above.inner_mut();
            inner.insert(0, first, root, self.len as u64 - split.count);
            inner.insert(1, split.first, split.node, split.count);
            self.root = above;
            self.height += 1;
        }
    }

    /// `edge`: whether the node is the very first and the very last of its height.
    fn insert_below(
        &mut self,
        node: &mut Node,
        height: usize,
        bound: &Bound<'_>,
        entry: Entry,
        edge: (bool, bool),
    ) -> Option<Split> {
        if height == 0 {
            return self.insert_in_leaf(node, bound, entry, edge);
        }
        let inner = node.inner_mut();
        let before = inner.entries().before(bound);
        if before == 0 {
            inner.set_entry(0, entry);
        }
        let i = before.saturating_sub(1);
        let edge = (edge.0 && i == 0, edge.1 && i + 1 == inner.len);
        let split = self.insert_below(&mut inner.children[i], height - 1, bound, entry, edge);
        inner.counts[i] += 1;
        let split = split?;
        inner.counts[i] -= split.count;
        if inner.len < INNER_MAX {
            inner.insert(i + 1, split.first, split.node, split.count);
            return None;
        }
        let cut = cut(i + 1, inner.len, edge);
        let right = self.new_inner();
        let new = right.inner_mut();
        inner.move_to(cut, new);
        if i < cut && cut < INNER_MAX {
            inner.insert(i + 1, split.first, split.node, split.count);
        } else {
            new.insert(i + 1 - cut, split.first, split.node, split.count);
        }
        new.entries().first().map(|first| Split { first, node: right, count: new.count() })
    }

    fn insert_in_leaf(
        &mut self,
        leaf: &mut Node,
        bound: &Bound<'_>,
        entry: Entry,
        edge: (bool, bool),
    ) -> Option<Split> {
        let at = leaf.leaf().before(bound);
        if !leaf.leaf_is_full() {
            self.resize(leaf, Node::leaf_with_room);
            leaf.leaf_insert(at, entry);
            return None;
        }
        let cut = cut(at, LEAF_MAX, edge);
        let mut right = *leaf;
        self.resize(leaf, |leaf| {
            let (left, new) = leaf.leaf_split(cut);
            right = new;
            left
        });
        self.bytes += right.leaf_bytes();
        if at < cut || cut == 0 {
            self.resize(leaf, Node::leaf_with_room);
            leaf.leaf_insert(at, entry);
        } else {
            self.resize(&mut right, Node::leaf_with_room);
            right.leaf_insert(at - cut, entry);
        }
        right.leaf().first().map(|first| Split { first, node: right, count: right.leaf_len() as u64 })
    }

    /// Takes an element out, which is the caller's again.
    pub(super) fn remove(&mut self, element: Element) {
        let score = element.score();
        let target = Target::Element(element, score, Bound::Score(score, Tie::After(element.member())));
        self.take_out(&target, &mut |_| {});
    }

    /// Takes elements out, from the `rank`th on as many of at most `max` as lie in one leaf: at least one, if there is
    /// one. They are the caller's again.
    pub(super) fn take_run(&mut self, rank: usize, max: usize, mut out: impl FnMut(Element)) -> usize {
        if rank >= self.len || max == 0 {
            return 0;
        }
        self.take_out(&Target::Run(rank as u64, max), &mut out)
    }

    fn take_out(&mut self, target: &Target<'_>, out: &mut dyn FnMut(Element)) -> usize {
        let mut root = self.root;
        let taken = self.remove_below(&mut root, self.height, target, out);
        self.root = root;
        debug_assert!(taken > 0, "an element is in its tree");
        self.len -= taken;
        self.lower();
        taken
    }

    fn remove_below(
        &mut self,
        node: &mut Node,
        height: usize,
        target: &Target<'_>,
        out: &mut dyn FnMut(Element),
    ) -> usize {
        if height == 0 {
            let entries = node.leaf();
            let part = match target {
                Target::Element(element, score, _) => match entries.find(*element, *score) {
                    Some(at) => at..at + 1,
                    None => 0..0,
                },
                Target::Run(rank, max) => {
                    let start = (*rank as usize).min(entries.len());
                    start..entries.len().min(start.saturating_add(*max))
                }
            };
            for &slot in entries.slots.get(part.clone()).unwrap_or_default() {
                out(element(slot));
            }
            node.leaf_remove(part.start, part.len());
            self.resize(node, Node::leaf_fitted);
            return part.len();
        }
        let inner = node.inner_mut();
        let (i, below) = match target {
            Target::Element(element, score, bound) => {
                (inner.child_for(bound), Target::Element(*element, *score, *bound))
            }
            Target::Run(rank, max) => {
                let (i, rank) = inner.child_at(*rank);
                (i, Target::Run(rank, *max))
            }
        };
        let taken = self.remove_below(&mut inner.children[i], height - 1, &below, out);
        inner.counts[i] -= taken as u64;
        self.tidy(*node, i, height - 1);
        taken
    }

    /// Puts a child in order from which something was removed.
    fn tidy(&mut self, parent: Node, i: usize, height: usize) {
        let inner = parent.inner_mut();
        let child = inner.children[i];
        let Some(first) = first_of(child, height) else {
            if height == 0 {
                self.bytes -= child.leaf_bytes();
                // SAFETY: it goes out of its parent here.
                unsafe { child.free_leaf() };
            } else {
                self.free_inner(child);
            }
            inner.remove(i);
            return;
        };
        inner.set_entry(i, first);
        if !is_sparse(child, height) {
            return;
        }
        let max = if height == 0 { LEAF_MAX } else { INNER_MAX } * MERGED.0 / MERGED.1;
        let fits = |left: usize| {
            let children = &inner.children[left..left + 2];
            children.iter().map(|&child| entries_of(child, height)).sum::<usize>() <= max
        };
        if i > 0 && fits(i - 1) {
            self.merge(parent, i - 1, height);
        } else if i + 1 < inner.len && fits(i) {
            self.merge(parent, i, height);
        }
    }

    /// Makes one of a child and the one behind it.
    fn merge(&mut self, parent: Node, left: usize, height: usize) {
        let inner = parent.inner_mut();
        let right = inner.children[left + 1];
        if height == 0 {
            self.bytes -= right.leaf_bytes();
            self.resize(&mut inner.children[left], |leaf| leaf.leaf_absorb(right));
        } else {
            right.inner_mut().move_to(0, inner.children[left].inner_mut());
            self.free_inner(right);
        }
        inner.counts[left] += inner.counts[left + 1];
        inner.remove(left + 1);
    }

    /// Takes away inner nodes at the top that lead to one child or to none.
    fn lower(&mut self) {
        while self.height > 0 && self.root.inner().len <= 1 {
            let old = self.root;
            if old.inner().len == 1 {
                self.root = old.inner().children[0];
                self.height -= 1;
            } else {
                self.root = Node::new_leaf(0);
                self.bytes += self.root.leaf_bytes();
                self.height = 0;
            }
            self.free_inner(old);
        }
    }

    /// Gives an element another score, and its place.
    pub(super) fn rescore(&mut self, element: Element, new: f64) {
        let (old, member) = (element.score(), element.member());
        let change = Rescore {
            element,
            old,
            new,
            from: Bound::Score(old, Tie::After(member)),
            to: Bound::Score(new, Tie::Before(member)),
        };
        let mut root = self.root;
        let moved = self.rescore_below(&mut root, self.height, &change);
        self.root = root;
        element.set_score(new);
        if !moved {
            self.len -= 1;
            self.lower();
            self.insert(element);
        }
    }

    /// Moves the element within its leaf, if it stays there for certain, else takes it out. Whether it moved.
    fn rescore_below(&mut self, node: &mut Node, height: usize, change: &Rescore<'_>) -> bool {
        if height == 0 {
            let leaf = node.leaf();
            let Some(from) = leaf.find(change.element, change.old) else {
                debug_assert!(false, "an element is in its tree");
                return true;
            };
            let to = leaf.before(&change.to);
            // Before the first and behind the last it may belong into another leaf.
            if 0 < to && to < leaf.len() {
                node.leaf_move(from, to, Entry::new(change.element, change.new));
                return true;
            }
            node.leaf_remove(from, 1);
            self.resize(node, Node::leaf_fitted);
            return false;
        }
        let inner = node.inner_mut();
        let i = inner.child_for(&change.from);
        let moved = self.rescore_below(&mut inner.children[i], height - 1, change);
        if !moved {
            inner.counts[i] -= 1;
            self.tidy(*node, i, height - 1);
        } else if let Some(first) = first_of(inner.children[i], height - 1) {
            inner.set_entry(i, first);
        }
        moved
    }

    /// How many elements lie before an element.
    pub(super) fn rank(&self, wanted: Element) -> usize {
        let score = wanted.score();
        let bound = Bound::Score(score, Tie::After(wanted.member()));
        let (mut node, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let inner = node.inner();
            let i = inner.child_for(&bound);
            rank += inner.count_before(i);
            node = inner.children[i];
        }
        rank as usize + node.leaf().find(wanted, score).unwrap_or(0)
    }

    /// How many elements lie before a place.
    pub(super) fn before(&self, bound: &Bound<'_>) -> usize {
        let (mut node, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let inner = node.inner();
            let i = inner.child_for(bound);
            rank += inner.count_before(i);
            node = inner.children[i];
        }
        rank as usize + node.leaf().before(bound)
    }

    /// The slots of the leaf with the `rank`th element, and where it is among them.
    fn leaf_at(&self, rank: usize) -> (&[u64], usize) {
        let (mut node, mut rank) = (self.root, rank as u64);
        for _ in 0..self.height {
            let inner = node.inner();
            let (i, below) = inner.child_at(rank);
            rank = below;
            node = inner.children[i];
        }
        (node.leaf().slots, rank as usize)
    }

    /// The elements of some ranks, in their order or against it.
    pub(super) fn walk(&self, ranks: Range<usize>, backwards: bool) -> Walk<'_> {
        let end = ranks.end.min(self.len);
        Walk { tree: self, left: ranks.start.min(end)..end, backwards, slots: &[] }
    }

    /// Frees all nodes below one. Only `Drop` may call it, and who replaces the root.
    fn free_nodes(&self, node: Node, height: usize) {
        if height == 0 {
            // SAFETY: nobody uses the tree any more.
            unsafe { node.free_leaf() };
            return;
        }
        let inner = node.inner();
        for &child in &inner.children[..inner.len] {
            self.free_nodes(child, height - 1);
        }
        // SAFETY: as above.
        unsafe { node.free_inner() };
    }
}

impl Drop for Ordered {
    fn drop(&mut self) {
        self.free_nodes(self.root, self.height);
    }
}

/// Where a full node is split that is to take an entry before its `at`th: in the middle, but at the ends of a tree that
/// is filled in order, so that full nodes stay full.
fn cut(at: usize, len: usize, edge: (bool, bool)) -> usize {
    if edge.1 && at == len {
        len
    } else if edge.0 && at == 0 {
        0
    } else {
        len / 2
    }
}

/// Parts of nearly equal length, none longer than `max`.
fn even_parts<T>(all: &[T], max: usize) -> impl Iterator<Item = &[T]> {
    let parts = all.len().div_ceil(max);
    (0..parts).map(move |i| all.get(i * all.len() / parts..(i + 1) * all.len() / parts).unwrap_or_default())
}

/// A walk along elements.
pub(super) struct Walk<'t> {
    tree: &'t Ordered,
    left: Range<usize>,
    backwards: bool,
    /// Those of the current leaf that are still to come.
    slots: &'t [u64],
}

impl Walk<'_> {
    #[cold]
    fn next_leaf(&mut self) {
        let rank = if self.backwards { self.left.end - 1 } else { self.left.start };
        let (slots, at) = self.tree.leaf_at(rank);
        let (before, behind) = slots.split_at(if self.backwards { at + 1 } else { at });
        self.slots = if self.backwards { before } else { behind };
        let near = self.left.len().min(AHEAD);
        for i in 0..near.min(self.slots.len()) {
            self.prefetch(i);
        }
    }

    /// Asks for the memory of the element that comes after `i` others.
    fn prefetch(&self, i: usize) {
        let i = if self.backwards { self.slots.len().wrapping_sub(i + 1) } else { i };
        if let Some(&slot) = self.slots.get(i) {
            element(slot).prefetch();
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Element;

    #[inline]
    fn next(&mut self) -> Option<Element> {
        if self.left.is_empty() {
            return None;
        }
        if self.slots.is_empty() {
            self.next_leaf();
        }
        if self.left.len() > AHEAD {
            self.prefetch(AHEAD);
        }
        let (slot, rest) = if self.backwards {
            self.left.end -= 1;
            self.slots.split_last()?
        } else {
            self.left.start += 1;
            self.slots.split_first()?
        };
        self.slots = rest;
        Some(element(*slot))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.len(), Some(self.left.len()))
    }
}

#[cfg(test)]
impl Ordered {
    /// Checks all invariants.
    pub(super) fn check(&self, elements: usize) {
        assert_eq!(self.len, elements);
        let (count, bytes) = self.check_below(self.root, self.height, true);
        assert_eq!((count as usize, bytes), (self.len, self.bytes));
    }

    fn check_below(&self, node: Node, height: usize, is_root: bool) -> (u64, usize) {
        assert!(is_root || entries_of(node, height) > 0);
        if height == 0 {
            let leaf = node.leaf();
            for (&slot, &high) in leaf.slots.iter().zip(leaf.highs) {
                let entry = Entry::new(element(slot), element(slot).score());
                assert_eq!(entry, super::node::Entries { highs: &[high], slots: &[slot] }.first().expect("one"));
            }
            return (leaf.len() as u64, node.leaf_bytes());
        }
        let inner = node.inner();
        assert!(!is_root || inner.len > 1);
        let (mut count, mut bytes) = (0, INNER_BYTES);
        for i in 0..inner.len {
            let child = inner.children[i];
            let below = self.check_below(child, height - 1, false);
            assert_eq!(below.0, inner.counts[i]);
            let entries = inner.entries();
            let entry = super::node::Entries { highs: &entries.highs[i..=i], slots: &entries.slots[i..=i] }.first();
            assert_eq!(entry, first_of(child, height - 1));
            count += below.0;
            bytes += below.1;
        }
        (count, bytes)
    }
}
