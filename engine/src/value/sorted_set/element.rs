//! An element of a big sorted set: score and member in one allocation, which table and tree both point to.
//!
//! ```text
//!  0        8     9                    a member shorter than 255 bytes
//!  | score  | len | member .. |
//!  0        8     9         17         a longer one
//!  | score  | 255 | len     | member .. |
//! ```
//!
//! An [`Element`] is a pointer and is copied like one. The tree that made it frees it; nobody outside of this module's
//! parent ever holds one, and the references that it gives out are tied to the tree there.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::table::{KeyHasher, Pointer, prefetch};
use crate::value::size_class;

const LEN_AT: usize = 8;
const LONG: u8 = 255;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element(NonNull<u8>);

// SAFETY: it points to plain bytes that only its tree changes, through `&mut`.
unsafe impl Send for Element {}
// SAFETY: as above.
unsafe impl Sync for Element {}

/// Where the member begins, by its length.
const fn member_at(len: usize) -> usize {
    if len < LONG as usize { LEN_AT + 1 } else { LEN_AT + 1 + size_of::<usize>() }
}

fn layout(len: usize) -> Layout {
    match Layout::from_size_align(member_at(len) + len, align_of::<f64>()) {
        Ok(layout) => layout,
        // The member is in memory already, so its length is far below the limit.
        Err(_) => handle_alloc_error(Layout::new::<u8>()),
    }
}

impl Element {
    /// A new element, to be freed by whoever keeps it.
    pub(super) fn new(score: f64, member: &[u8]) -> Self {
        let (layout, at) = (layout(member.len()), member_at(member.len()));
        // SAFETY: the layout is not empty; everything written lies within it.
        unsafe {
            let Some(start) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            let p = start.as_ptr();
            p.cast::<f64>().write(score);
            if member.len() < usize::from(LONG) {
                p.add(LEN_AT).write(member.len() as u8);
            } else {
                p.add(LEN_AT).write(LONG);
                p.add(LEN_AT + 1).cast::<usize>().write_unaligned(member.len());
            }
            p.add(at).copy_from_nonoverlapping(member.as_ptr(), member.len());
            Self(start)
        }
    }

    fn len(self) -> usize {
        // SAFETY: the element is alive, as the module says.
        unsafe {
            match self.0.as_ptr().add(LEN_AT).read() {
                LONG => self.0.as_ptr().add(LEN_AT + 1).cast::<usize>().read_unaligned(),
                short => usize::from(short),
            }
        }
    }

    #[inline]
    pub(super) fn score(self) -> f64 {
        // SAFETY: the element is alive, as the module says.
        unsafe { self.0.cast::<f64>().read() }
    }

    /// Changes the score; the element must not be in a tree under its old one.
    pub(super) fn set_score(self, score: f64) {
        // SAFETY: the element is alive, and whoever may change its tree changes it.
        unsafe { self.0.cast::<f64>().write(score) }
    }

    /// The member, for as long as the element is alive.
    #[inline]
    pub(super) fn member<'a>(self) -> &'a [u8] {
        let len = self.len();
        // SAFETY: the element is alive, as the module says, and its member never changes.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(member_at(len)), len) }
    }

    /// Bytes of the allocation.
    pub(super) fn bytes(self) -> usize {
        let len = self.len();
        size_class(member_at(len) + len)
    }

    /// # Safety
    /// Neither the element nor a reference to its member is used afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: allocated with this very layout.
        unsafe { dealloc(self.0.as_ptr(), layout(self.len())) }
    }
}

impl Pointer for Element {
    #[inline]
    fn to_bits(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        let p = std::ptr::with_exposed_provenance_mut(bits as usize);
        // SAFETY: `to_bits` never gives zero.
        Self(unsafe { NonNull::new_unchecked(p) })
    }

    fn hash(self, hasher: &KeyHasher) -> u64 {
        hasher.hash(self.member())
    }

    #[inline]
    fn prefetch(self) {
        prefetch(self.0.as_ptr());
    }
}
