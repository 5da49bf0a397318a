//! A block of bytes behind one thin pointer, whose own first bytes say how long it is.
//!
//! Listpacks and intsets are such blocks. The allocation is not noted anywhere: it is always [`capacity`] of the block's
//! size, so a change of size within one size class needs no allocator.
//!
//! Invariants: the word is the address of a block plus the header's tag; blocks are aligned to 16; a block is either the
//! header's shared empty one, which is never written to, or an allocation of `capacity(size)` bytes that nobody else
//! owns and whose first `size` bytes are initialised, where `size` is what the block's header says.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::compact::Thin;
use super::{Intset, Listpack, size_class};

const ALIGN: usize = 16;

/// Room for an empty block, aligned as all blocks are.
#[repr(C, align(16))]
pub(super) struct Empty(pub [u8; ALIGN]);

/// How a kind of block says its own size.
pub(super) trait Header {
    /// The lowest bits of the word.
    const TAG: usize;
    /// How many bytes the header takes.
    const LEN: usize;
    /// The first bytes that only a [`Block`] itself writes: the size is in them.
    const GUARDED: usize;
    /// A block without elements that all share. It is a static: blocks compare its address.
    const EMPTY: &'static Empty;

    /// The size of the whole block that begins with these `LEN` bytes.
    fn size(header: &[u8]) -> usize;
    /// Makes the header say another size.
    fn set_size(header: &mut [u8], size: usize);
}

/// The allocation for a block of so many bytes.
const fn capacity(size: usize) -> usize {
    let class = size_class(size);
    if class < ALIGN { ALIGN } else { class }
}

/// A block of bytes in one word.
#[repr(transparent)]
pub(super) struct Block<H: Header> {
    word: NonNull<u8>,
    header: PhantomData<H>,
}

// SAFETY: a block owns its bytes, or shares some that nobody ever writes to.
unsafe impl<H: Header> Send for Block<H> {}
// SAFETY: as above; through a shared reference nothing is changed.
unsafe impl<H: Header> Sync for Block<H> {}

impl<H: Header> Block<H> {
    /// The empty block. Allocates nothing.
    pub(super) const fn empty() -> Self {
        Self::at(NonNull::from_ref(H::EMPTY).cast())
    }

    const fn at(start: NonNull<u8>) -> Self {
        // SAFETY: the tag is smaller than the alignment, so this stays within the block.
        Self { word: unsafe { start.add(H::TAG) }, header: PhantomData }
    }

    /// A block with these bytes. `None` if the size that they state is not their length.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < H::LEN || H::size(bytes.get(..H::LEN)?) != bytes.len() {
            return None;
        }
        let start = allocate(capacity(bytes.len()));
        // SAFETY: the allocation is new and at least as long.
        unsafe { start.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(Self::at(start))
    }

    #[inline]
    fn start(&self) -> NonNull<u8> {
        // SAFETY: the word lies `TAG` bytes into the block.
        unsafe { self.word.sub(H::TAG) }
    }

    fn is_shared(&self) -> bool {
        std::ptr::eq(self.start().as_ptr(), H::EMPTY.0.as_ptr())
    }

    /// How many bytes the block has.
    #[inline]
    pub(super) fn size(&self) -> usize {
        // SAFETY: every block begins with a header.
        H::size(unsafe { std::slice::from_raw_parts(self.start().as_ptr(), H::LEN) })
    }

    /// All bytes of the block.
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        // SAFETY: the first `size` bytes are initialised, and change only through a mutable borrow.
        unsafe { std::slice::from_raw_parts(self.start().as_ptr(), self.size()) }
    }

    /// Bytes of the allocation.
    pub(super) fn allocated(&self) -> usize {
        if self.is_shared() { 0 } else { capacity(self.size()) }
    }

    /// Overwrites some bytes behind the guarded ones.
    ///
    /// # Panics
    /// If the bytes are not there, or the block is the shared empty one.
    #[inline]
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at >= H::GUARDED && at + bytes.len() <= self.size() && !self.is_shared());
        // SAFETY: in bounds, and the block is ours alone; `bytes` cannot be part of it.
        unsafe { self.start().as_ptr().add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Puts `parts`, one after the other, in the place of `remove` bytes at `at`, and has the header say the new size.
    /// What lies behind is moved once.
    ///
    /// # Panics
    /// If the bytes are not there, or the header cannot say the size.
    #[inline]
    pub(super) fn splice(&mut self, at: usize, remove: usize, parts: [&[u8]; 3]) {
        let insert = parts[0].len() + parts[1].len() + parts[2].len();
        let size = self.size();
        assert!(at >= H::LEN && remove <= size && at <= size - remove);
        let behind = size - remove - at;
        let new_size = size - remove + insert;
        let mut header = [0; ALIGN];
        let header = &mut header[..H::LEN];
        header.copy_from_slice(&self.as_bytes()[..H::LEN]);
        H::set_size(header, new_size);
        assert!(H::size(header) == new_size);
        if new_size > size || self.is_shared() {
            self.reallocate(size, new_size);
        }
        // SAFETY: the allocation holds both sizes, and the block is ours alone, so the parts lie elsewhere.
        unsafe {
            let start = self.start().as_ptr();
            start.copy_from_nonoverlapping(header.as_ptr(), H::LEN);
            let gap = start.add(at);
            if insert != remove {
                gap.add(insert).copy_from(gap.add(remove), behind);
            }
            let mut to = gap;
            for part in parts {
                to.copy_from_nonoverlapping(part.as_ptr(), part.len());
                to = to.add(part.len());
            }
        }
        if new_size < size {
            self.reallocate(size, new_size);
        }
    }

    /// Moves the block to an allocation that fits `new` bytes.
    fn reallocate(&mut self, old: usize, new: usize) {
        let (from, to) = (capacity(old), capacity(new));
        if self.is_shared() {
            let start = allocate(to);
            // SAFETY: the new allocation has at least the 16 bytes that the shared block has.
            unsafe { start.as_ptr().copy_from_nonoverlapping(H::EMPTY.0.as_ptr(), ALIGN) };
            *self = Self::at(start);
        } else if from != to {
            let layout = layout(from);
            // SAFETY: by the invariant the block was allocated with this layout; the new size is not zero.
            let start = unsafe { realloc(self.start().as_ptr(), layout, to) };
            let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
            // The old allocation is gone: forget it without dropping.
            self.word = Self::into_word(Self::at(start));
        }
    }

    fn into_word(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).word
    }
}

fn layout(capacity: usize) -> Layout {
    // Sizes are sizes of something that exists plus what is about to be added, so this cannot fail where it fits at all.
    Layout::from_size_align(capacity, ALIGN).unwrap_or_else(|_| handle_alloc_error(Layout::new::<Empty>()))
}

fn allocate(capacity: usize) -> NonNull<u8> {
    let layout = layout(capacity);
    // SAFETY: the size is not zero.
    let start = unsafe { alloc(layout) };
    NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout))
}

// SAFETY: a listpack is a block and nothing else: one word, aligned to 16, without a tag.
unsafe impl Thin for Listpack {
    const TAG: usize = 0;
}

// SAFETY: as above, plus the tag.
unsafe impl Thin for Intset {
    const TAG: usize = 2;
}

impl<H: Header> Clone for Block<H> {
    fn clone(&self) -> Self {
        if self.is_shared() {
            return Self::empty();
        }
        Self::from_bytes(self.as_bytes()).unwrap_or_else(Self::empty)
    }
}

impl<H: Header> Drop for Block<H> {
    fn drop(&mut self) {
        if !self.is_shared() {
            // SAFETY: by the invariant, and nobody uses the block afterwards.
            unsafe { dealloc(self.start().as_ptr(), layout(capacity(self.size()))) };
        }
    }
}
