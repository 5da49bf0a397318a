//! The nodes of the tree: leaves that point to elements, inner nodes that point to nodes.
//!
//! Both keep, for each entry, the upper 48 bits of the [`sort_key`] of an element's score and a pointer to that element,
//! 12 bytes together: `highs` the upper 32 bits of the key, `slots` its next 16 bits above the 48 of the pointer. Most
//! searches are decided by the keys; elements are looked at only where keys are equal. The entry of an inner node stands
//! for the first element of the node that it leads to.
//!
//! ```text
//! a leaf:  | header | slots of 8 bytes, CAPACITIES[class] of them | highs of 4 bytes, as many |
//! ```
//!
//! A leaf grows in steps before it splits, so that it is never far from full. A [`Node`] is a pointer and is copied like
//! one; the tree owns its nodes and knows by their height which are leaves.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::element::Element;
use super::order::{Bound, sort_key};
use crate::table::Pointer;
use crate::value::size_class;

const POINTER_MASK: u64 = (1 << 48) - 1;

/// Bytes of a leaf by its class: size classes of the allocator.
const SIZES: [usize; 7] = [192, 320, 512, 640, 768, 896, 1024];
const LARGEST: u8 = SIZES.len() as u8 - 1;
const HEADER: usize = size_of::<LeafHeader>();
/// Entries of a leaf of the largest class.
pub(super) const LEAF_MAX: usize = capacity(LARGEST);
/// Entries of an inner node.
pub(super) const INNER_MAX: usize = 64;

const fn capacity(class: u8) -> usize {
    (SIZES[class as usize] - HEADER) / 12
}

/// The smallest class with room for so many entries and a few more.
fn class_for(len: usize) -> u8 {
    (0..LARGEST).find(|&class| len + len / 16 < capacity(class)).unwrap_or(LARGEST)
}

/// What is known of an element without looking at it, and where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    high: u32,
    slot: u64,
}

impl Entry {
    /// The entry of an element with this score, which need not be its own yet.
    pub(super) fn new(element: Element, score: f64) -> Self {
        let key = sort_key(score);
        Self { high: (key >> 32) as u32, slot: key << 32 & !POINTER_MASK | element.to_bits() }
    }
}

/// The element of a slot.
#[inline]
pub(super) fn element(slot: u64) -> Element {
    Element::from_bits(slot & POINTER_MASK)
}

/// The entries of a node, to search them.
#[derive(Clone, Copy)]
pub(super) struct Entries<'a> {
    pub(super) highs: &'a [u32],
    pub(super) slots: &'a [u64],
}

impl Entries<'_> {
    pub(super) fn len(self) -> usize {
        self.slots.len()
    }

    pub(super) fn first(self) -> Option<Entry> {
        Some(Entry { high: *self.highs.first()?, slot: *self.slots.first()? })
    }

    /// The entries whose keys are that of the bound.
    #[inline]
    fn alike(self, key: u64) -> std::ops::Range<usize> {
        let high = (key >> 32) as u32;
        // Counting all of them is branchless, and the processor does many at once.
        let start = self.highs.iter().map(|&h| u32::from(h < high)).sum::<u32>() as usize;
        let rest = self.highs.get(start..).unwrap_or_default();
        if rest.first() != Some(&high) {
            return start..start;
        }
        let end = start + rest.partition_point(|&h| h == high);
        let low = key >> 16 & 0xffff;
        let slots = self.slots.get(start..end).unwrap_or_default();
        let first = slots.partition_point(|&slot| slot >> 48 < low);
        let slots = slots.get(first..).unwrap_or_default();
        start + first..start + first + slots.partition_point(|&slot| slot >> 48 == low)
    }

    /// How many entries lie before a place.
    #[inline]
    pub(super) fn before(self, bound: &Bound<'_>) -> usize {
        let alike = bound.key().map_or(0..self.len(), |key| self.alike(key));
        let slots = self.slots.get(alike.clone()).unwrap_or_default();
        let is_behind = |&slot: &u64| bound.is_behind(element(slot).score(), element(slot).member());
        alike.start + slots.partition_point(is_behind)
    }

    /// Where an element of this score is.
    #[inline]
    pub(super) fn find(self, wanted: Element, score: f64) -> Option<usize> {
        let alike = self.alike(sort_key(score));
        let bits = wanted.to_bits();
        let slots = self.slots.get(alike.clone())?;
        slots.iter().position(|&slot| slot & POINTER_MASK == bits).map(|i| alike.start + i)
    }
}

/// A leaf or an inner node: only the height at which it was found says which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Node(NonNull<u8>);

// SAFETY: a node belongs to one tree and changes only through `&mut` of it.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

#[repr(C)]
struct LeafHeader {
    len: u16,
    class: u8,
    _pad: [u8; 5],
}

/// An inner node. Its arrays are filled up to `len`.
pub(super) struct Inner {
    pub(super) len: usize,
    highs: [u32; INNER_MAX],
    slots: [u64; INNER_MAX],
    /// How many elements lie below each child.
    pub(super) counts: [u64; INNER_MAX],
    pub(super) children: [Node; INNER_MAX],
}

/// Bytes of an inner node's allocation.
pub(super) const INNER_BYTES: usize = size_class(size_of::<Inner>());

fn leaf_layout(class: u8) -> Layout {
    match Layout::from_size_align(SIZES[usize::from(class)], align_of::<u64>()) {
        Ok(layout) => layout,
        Err(_) => handle_alloc_error(Layout::new::<u64>()),
    }
}

/// All methods take the node for what their names say; the tree vouches for it, and that it is alive.
impl Node {
    /// A new leaf with room for `len` entries and some more.
    pub(super) fn new_leaf(len: usize) -> Self {
        Self::with_class(class_for(len))
    }

    fn with_class(class: u8) -> Self {
        let layout = leaf_layout(class);
        // SAFETY: the layout is not empty, and the header fits.
        unsafe {
            let Some(p) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            p.cast::<LeafHeader>().write(LeafHeader { len: 0, class, _pad: [0; 5] });
            Self(p)
        }
    }

    pub(super) fn new_inner() -> Self {
        let inner = Inner {
            len: 0,
            highs: [0; INNER_MAX],
            slots: [0; INNER_MAX],
            counts: [0; INNER_MAX],
            children: [Node(NonNull::dangling()); INNER_MAX],
        };
        Self(NonNull::from(Box::leak(Box::new(inner))).cast())
    }

    /// # Safety
    /// A leaf, not used afterwards.
    pub(super) unsafe fn free_leaf(self) {
        // SAFETY: allocated with this very layout.
        unsafe { dealloc(self.0.as_ptr(), leaf_layout(self.class())) }
    }

    /// # Safety
    /// An inner node, not used afterwards.
    pub(super) unsafe fn free_inner(self) {
        // SAFETY: made from a box.
        drop(unsafe { Box::from_raw(self.0.cast::<Inner>().as_ptr()) });
    }

    #[inline]
    pub(super) fn inner<'a>(self) -> &'a Inner {
        // SAFETY: the tree vouches for it.
        unsafe { self.0.cast().as_ref() }
    }

    #[inline]
    pub(super) fn inner_mut<'a>(self) -> &'a mut Inner {
        // SAFETY: the tree vouches for it, and has `&mut self`.
        unsafe { self.0.cast().as_mut() }
    }

    fn class(self) -> u8 {
        // SAFETY: the tree vouches for it.
        unsafe { (*self.0.cast::<LeafHeader>().as_ptr()).class }
    }

    /// How many entries a leaf has.
    #[inline]
    pub(super) fn leaf_len(self) -> usize {
        // SAFETY: the tree vouches for it.
        usize::from(unsafe { (*self.0.cast::<LeafHeader>().as_ptr()).len })
    }

    fn set_leaf_len(self, len: usize) {
        // SAFETY: the tree vouches for it, and has `&mut self`.
        unsafe { (*self.0.cast::<LeafHeader>().as_ptr()).len = len as u16 }
    }

    /// Bytes of a leaf's allocation.
    pub(super) fn leaf_bytes(self) -> usize {
        SIZES[usize::from(self.class())]
    }

    fn leaf_slots(self) -> *mut u64 {
        // SAFETY: within the allocation.
        unsafe { self.0.as_ptr().add(HEADER).cast() }
    }

    fn leaf_highs(self) -> *mut u32 {
        // SAFETY: the highs begin behind the last slot, within the allocation.
        unsafe { self.leaf_slots().add(capacity(self.class())).cast() }
    }

    /// The entries of a leaf.
    #[inline]
    pub(super) fn leaf<'a>(self) -> Entries<'a> {
        let len = self.leaf_len();
        // SAFETY: the first `len` of both are filled.
        unsafe {
            Entries {
                highs: std::slice::from_raw_parts(self.leaf_highs(), len),
                slots: std::slice::from_raw_parts(self.leaf_slots(), len),
            }
        }
    }

    /// Whether a leaf has no room for one more in its class, and there is no larger one.
    pub(super) fn leaf_is_full(self) -> bool {
        self.leaf_len() == LEAF_MAX
    }

    /// The leaf, or a larger one in its place, with room for one more.
    #[must_use]
    pub(super) fn leaf_with_room(self) -> Self {
        let (len, class) = (self.leaf_len(), self.class());
        if len < capacity(class) || class == LARGEST { self } else { self.resized(class + 1) }
    }

    /// The leaf, or a smaller one in its place if it has far too much room.
    #[must_use]
    pub(super) fn leaf_fitted(self) -> Self {
        let class = class_for(self.leaf_len());
        if class + 1 < self.class() { self.resized(class) } else { self }
    }

    fn resized(self, class: u8) -> Self {
        let new = Self::with_class(class);
        new.leaf_append(self.leaf());
        // SAFETY: the new leaf takes its place.
        unsafe { self.free_leaf() };
        new
    }

    /// Adds entries behind the last; there is room.
    pub(super) fn leaf_append(self, entries: Entries<'_>) {
        let (len, more) = (self.leaf_len(), entries.len());
        assert!(len + more <= capacity(self.class()) && entries.highs.len() == more);
        // SAFETY: there is room, as has just been seen; the entries lie in another node.
        unsafe {
            self.leaf_slots().add(len).copy_from_nonoverlapping(entries.slots.as_ptr(), more);
            self.leaf_highs().add(len).copy_from_nonoverlapping(entries.highs.as_ptr(), more);
        }
        self.set_leaf_len(len + more);
    }

    /// Puts an entry before the `at`th; there is room.
    pub(super) fn leaf_insert(self, at: usize, entry: Entry) {
        let len = self.leaf_len();
        assert!(at <= len && len < capacity(self.class()));
        // SAFETY: one more entry has room, as has just been seen.
        unsafe {
            let (slot, high) = (self.leaf_slots().add(at), self.leaf_highs().add(at));
            slot.copy_to(slot.add(1), len - at);
            high.copy_to(high.add(1), len - at);
            slot.write(entry.slot);
            high.write(entry.high);
        }
        self.set_leaf_len(len + 1);
    }

    /// Takes `count` entries out from the `at`th on.
    pub(super) fn leaf_remove(self, at: usize, count: usize) {
        let len = self.leaf_len();
        assert!(at + count <= len);
        // SAFETY: all within the filled part, as has just been seen.
        unsafe {
            let (slot, high) = (self.leaf_slots().add(at), self.leaf_highs().add(at));
            slot.add(count).copy_to(slot, len - at - count);
            high.add(count).copy_to(high, len - at - count);
        }
        self.set_leaf_len(len - count);
    }

    /// The leaf, or a larger one in its place, with the entries of another one behind its own; that one is gone.
    #[must_use]
    pub(super) fn leaf_absorb(self, right: Self) -> Self {
        let len = self.leaf_len() + right.leaf_len();
        let whole = if len <= capacity(self.class()) { self } else { self.resized(class_for(len)) };
        whole.leaf_append(right.leaf());
        // SAFETY: its entries have moved.
        unsafe { right.free_leaf() };
        whole
    }

    /// Moves the `from`th entry before the `to`th and gives it another key.
    pub(super) fn leaf_move(self, from: usize, to: usize, entry: Entry) {
        self.leaf_remove(from, 1);
        self.leaf_insert(if to > from { to - 1 } else { to }, entry);
    }

    /// Splits a leaf: its first `at` entries stay in it, those behind go to a new one.
    pub(super) fn leaf_split(self, at: usize) -> (Self, Self) {
        let all = self.leaf();
        let right = Self::new_leaf(all.len() - at);
        right.leaf_append(Entries {
            highs: all.highs.get(at..).unwrap_or_default(),
            slots: all.slots.get(at..).unwrap_or_default(),
        });
        self.set_leaf_len(at);
        // A leaf that keeps all it has was filled in order, and stays as full as it is.
        let left = if right.leaf_len() == 0 { self } else { self.leaf_fitted() };
        (left, right)
    }
}

impl Inner {
    /// The entries, one for each child.
    #[inline]
    pub(super) fn entries(&self) -> Entries<'_> {
        Entries {
            highs: self.highs.get(..self.len).unwrap_or_default(),
            slots: self.slots.get(..self.len).unwrap_or_default(),
        }
    }

    /// The child in which an element of this place belongs.
    #[inline]
    pub(super) fn child_for(&self, bound: &Bound<'_>) -> usize {
        self.entries().before(bound).saturating_sub(1)
    }

    /// The child in which the `rank`th element lies, and its rank there; behind the last, the last child.
    #[inline]
    pub(super) fn child_at(&self, rank: u64) -> (usize, u64) {
        let (mut i, mut rank) = (0, rank);
        while i + 1 < self.len && rank >= self.counts[i] {
            rank -= self.counts[i];
            i += 1;
        }
        (i, rank)
    }

    /// How many elements lie below the first `n` children.
    #[inline]
    pub(super) fn count_before(&self, n: usize) -> u64 {
        self.counts[..n].iter().sum()
    }

    /// How many elements lie below it.
    pub(super) fn count(&self) -> u64 {
        self.count_before(self.len)
    }

    pub(super) fn set_entry(&mut self, i: usize, entry: Entry) {
        self.highs[i] = entry.high;
        self.slots[i] = entry.slot;
    }

    /// Puts a child before the `at`th; there is room.
    pub(super) fn insert(&mut self, at: usize, entry: Entry, child: Node, count: u64) {
        let len = self.len;
        self.highs.copy_within(at..len, at + 1);
        self.slots.copy_within(at..len, at + 1);
        self.counts.copy_within(at..len, at + 1);
        self.children.copy_within(at..len, at + 1);
        self.set_entry(at, entry);
        self.counts[at] = count;
        self.children[at] = child;
        self.len += 1;
    }

    /// Takes the `at`th child out.
    pub(super) fn remove(&mut self, at: usize) {
        let len = self.len;
        self.highs.copy_within(at + 1..len, at);
        self.slots.copy_within(at + 1..len, at);
        self.counts.copy_within(at + 1..len, at);
        self.children.copy_within(at + 1..len, at);
        self.len -= 1;
    }

    /// Moves all children from the `at`th on behind those of another node.
    pub(super) fn move_to(&mut self, at: usize, other: &mut Inner) {
        let (from, to) = (at..self.len, other.len..other.len + self.len - at);
        other.highs[to.clone()].copy_from_slice(&self.highs[from.clone()]);
        other.slots[to.clone()].copy_from_slice(&self.slots[from.clone()]);
        other.counts[to.clone()].copy_from_slice(&self.counts[from.clone()]);
        other.children[to.clone()].copy_from_slice(&self.children[from]);
        other.len = to.end;
        self.len = at;
    }
}
