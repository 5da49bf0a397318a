//! A member of a big collection: its bytes in an allocation of their own, and their length in the pointer.
//!
//! ```text
//!  | address / 16: 43 bits | length: 5 bits |      48 bits, as a table's slot has them
//!
//!  length 1 to 31   the allocation is the bytes
//!  length 0         the allocation is the length in 8 bytes, then the bytes
//! ```
//!
//! Allocations begin at multiples of 16, and a program's addresses on `x86_64` have 47 bits, so a member of 16 bytes takes
//! 16. Where addresses have 48 bits, the length has four.
//!
//! A [`Member`] is a pointer and is copied like one. Whoever made it frees it, and sees to it that nobody uses it, or the
//! bytes that it gave out, any longer.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::size_class;
use crate::table::{KeyHasher, Pointer, prefetch};

const ALIGN: usize = 16;
const LEN_BITS: u32 = if cfg!(target_arch = "x86_64") { 5 } else { 4 };
const LEN_MASK: u64 = (1 << LEN_BITS) - 1;
/// Bytes of a length that stands in the allocation.
const LEN_SIZE: usize = size_of::<usize>();

/// A pointer to a member. Not zero, because an address is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member(u64);

// SAFETY: what it points to is never changed, and freed by its owner alone.
unsafe impl Send for Member {}
// SAFETY: as above.
unsafe impl Sync for Member {}

/// Whether the length stands in the allocation.
fn is_long(len: usize) -> bool {
    len == 0 || len as u64 > LEN_MASK
}

fn layout(len: usize) -> Layout {
    let size = if is_long(len) { LEN_SIZE + len } else { len };
    match Layout::from_size_align(size, ALIGN) {
        Ok(layout) => layout,
        // The bytes are in memory already, so their length is far below the limit.
        Err(_) => handle_alloc_error(Layout::new::<u8>()),
    }
}

impl Member {
    /// A copy of some bytes, to be freed by the caller.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (len, layout) = (bytes.len(), layout(bytes.len()));
        // SAFETY: the layout is not empty; what is written lies within it.
        unsafe {
            let Some(at) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
            let (start, short) = if is_long(len) {
                at.cast::<usize>().write(len);
                (at.add(LEN_SIZE), 0)
            } else {
                (at, len as u64)
            };
            start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), len);
            let address = at.as_ptr().expose_provenance() as u64;
            let bits = address / ALIGN as u64;
            debug_assert!(bits >> (48 - LEN_BITS) == 0, "an address of more than 47 bits");
            Self(bits << LEN_BITS | short)
        }
    }

    #[inline]
    fn address(self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut((self.0 >> LEN_BITS) as usize * ALIGN)
    }

    /// The bytes.
    ///
    /// # Safety
    /// The member is not freed for `'a`.
    #[inline]
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        let (at, short) = (self.address(), (self.0 & LEN_MASK) as usize);
        // SAFETY: the member is alive, by the caller's word, and was written like this.
        unsafe {
            if short > 0 {
                std::slice::from_raw_parts(at, short)
            } else {
                std::slice::from_raw_parts(at.add(LEN_SIZE), at.cast::<usize>().read())
            }
        }
    }

    /// Bytes of the allocation of a member of some length.
    pub(super) fn allocation(len: usize) -> usize {
        size_class(layout(len).size().max(ALIGN))
    }

    /// # Safety
    /// The member is alive, and neither it nor its bytes are used afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: alive by the caller's word, and allocated with this very layout.
        unsafe { dealloc(self.address(), layout(self.bytes().len())) }
    }
}

impl Pointer for Member {
    #[inline]
    fn to_bits(self) -> u64 {
        self.0
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    fn hash(self, hasher: &KeyHasher) -> u64 {
        // SAFETY: a table asks only for what is in it, and its owner frees nothing that still is.
        hasher.hash(unsafe { self.bytes() })
    }

    #[inline]
    fn prefetch(self) {
        prefetch(self.address());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for len in [0, 1, 14, 15, 16, 17, 30, 31, 32, 33, 64, 1000] {
            let text: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let member = Member::new(&text);
            assert!(member.to_bits() >> 48 == 0);
            let again = Member::from_bits(member.to_bits());
            // SAFETY: alive until the next line, and nobody uses it behind that.
            unsafe {
                assert_eq!(again.bytes(), text);
                again.free();
            }
        }
        assert_eq!(Member::allocation(16), 16);
    }
}
