//! A field with its value, in one allocation.
//!
//! ```text
//!  short   | flags and field length: 1 | value length: 1 |                  [deadline: 8] | field | value |
//!  long    | flags: 1 | field length: 8 | value length: 8 |                 [deadline: 8] | field | value |
//! ```
//!
//! The first byte holds a flag for the deadline and, in seven bits, the length of the field; 127 of them say that the
//! form is the long one. Nothing is aligned. With 16 bytes of field and 8 of value it is an allocation of 32 bytes.
//!
//! Invariant: the allocation has the size class of what the header says, so that a value which leaves the class alone
//! is changed in place.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::clock::Millis;
use crate::table::{KeyHasher, Pointer, prefetch};
use crate::value::size_class;

const DEADLINE: u8 = 0x80;
/// In place of a field's length: the lengths follow in full.
const LONG: u8 = 0x7f;
const WORD: usize = 8;

/// An owned field, as a plain pointer: the table that holds it frees it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FieldPtr(NonNull<u8>);

// SAFETY: it owns bytes and nothing else.
unsafe impl Send for FieldPtr {}
// SAFETY: shared fields are only read.
unsafe impl Sync for FieldPtr {}

/// A field, borrowed from its table.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    at: FieldPtr,
    life: PhantomData<&'a [u8]>,
}

/// What the header says.
#[derive(Clone, Copy)]
struct Shape {
    long: bool,
    has_deadline: bool,
    field_len: usize,
    value_len: usize,
}

impl Shape {
    fn new(field_len: usize, value_len: usize, has_deadline: bool) -> Self {
        let long = field_len >= usize::from(LONG) || value_len > usize::from(u8::MAX);
        Self { long, has_deadline, field_len, value_len }
    }

    fn deadline_at(self) -> usize {
        if self.long { 1 + 2 * WORD } else { 2 }
    }

    fn field_at(self) -> usize {
        self.deadline_at() + if self.has_deadline { WORD } else { 0 }
    }

    fn value_at(self) -> usize {
        self.field_at() + self.field_len
    }

    fn class(self) -> usize {
        size_class(self.value_at() + self.value_len)
    }

    fn layout(self) -> Layout {
        // Slices end at isize::MAX, so that only absurd sizes fail here, which fail to be allocated instead.
        Layout::from_size_align(self.class(), 1).unwrap_or(Layout::new::<u64>())
    }
}

impl FieldPtr {
    /// Makes a field. O(length).
    pub(super) fn new(field: &[u8], value: &[u8], deadline: Option<Millis>) -> Self {
        let shape = Shape::new(field.len(), value.len(), deadline.is_some());
        let layout = shape.layout();
        // SAFETY: the size is that of a header at least.
        let Some(at) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let this = Self(at);
        // SAFETY: all offsets come from `shape`, whose size was allocated, and nobody else knows the field yet.
        unsafe {
            this.write_header(shape);
            if let Some(deadline) = deadline {
                this.write(shape.deadline_at(), &deadline.to_ne_bytes());
            }
            this.write(shape.field_at(), field);
            this.write(shape.value_at(), value);
        }
        this
    }

    /// # Safety
    /// `offset + bytes.len()` is within the allocation, which is the caller's alone.
    unsafe fn write(self, offset: usize, bytes: &[u8]) {
        // SAFETY: passed on to the caller.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr().add(offset), bytes.len()) }
    }

    /// # Safety
    /// The allocation has the size of `shape` and is the caller's alone.
    unsafe fn write_header(self, shape: Shape) {
        let flag = if shape.has_deadline { DEADLINE } else { 0 };
        // SAFETY: passed on to the caller.
        unsafe {
            if shape.long {
                self.write(0, &[flag | LONG]);
                self.write(1, &shape.field_len.to_ne_bytes());
                self.write(1 + WORD, &shape.value_len.to_ne_bytes());
            } else {
                self.write(0, &[flag | shape.field_len as u8, shape.value_len as u8]);
            }
        }
    }

    /// The field for reading.
    ///
    /// # Safety
    /// The field is alive and not changed for `'a`.
    #[inline]
    pub(super) unsafe fn get<'a>(self) -> Field<'a> {
        Field { at: self, life: PhantomData }
    }

    /// Changes value and deadline in place. False, and nothing done, if they need another allocation.
    ///
    /// # Safety
    /// The field is alive and the caller alone uses it.
    pub(super) unsafe fn overwrite(self, value: &[u8], deadline: Option<Millis>) -> bool {
        // SAFETY: passed on to the caller; the new shape has the class, and the places, of the old.
        unsafe {
            let old = self.get().shape();
            let new = Shape::new(old.field_len, value.len(), deadline.is_some());
            let fits = new.long == old.long && new.has_deadline == old.has_deadline && new.class() == old.class();
            if !fits {
                return false;
            }
            self.write_header(new);
            if let Some(deadline) = deadline {
                self.write(new.deadline_at(), &deadline.to_ne_bytes());
            }
            self.write(new.value_at(), value);
        }
        true
    }

    /// Frees the field.
    ///
    /// # Safety
    /// The field is alive and nobody uses it afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: passed on to the caller; the layout is the one it was allocated with, by the invariant.
        unsafe { dealloc(self.0.as_ptr(), self.get().shape().layout()) }
    }
}

impl<'a> Field<'a> {
    fn word(self, offset: usize) -> u64 {
        // SAFETY: the callers ask for words that the header says are there.
        unsafe { self.at.0.as_ptr().add(offset).cast::<u64>().read_unaligned() }
    }

    #[inline]
    fn shape(self) -> Shape {
        // SAFETY: every field has a header of two bytes at least.
        let [first, second] = unsafe { self.at.0.as_ptr().cast::<[u8; 2]>().read() };
        let has_deadline = first & DEADLINE != 0;
        if first & !DEADLINE == LONG {
            let (field_len, value_len) = (self.word(1) as usize, self.word(1 + WORD) as usize);
            return Shape { long: true, has_deadline, field_len, value_len };
        }
        Shape { long: false, has_deadline, field_len: usize::from(first & !DEADLINE), value_len: usize::from(second) }
    }

    fn bytes_at(self, offset: usize, len: usize) -> &'a [u8] {
        // SAFETY: the callers ask for what the header says is there, and it is not changed for 'a.
        unsafe { std::slice::from_raw_parts(self.at.0.as_ptr().add(offset), len) }
    }

    /// The field's name.
    #[inline]
    pub(super) fn name(self) -> &'a [u8] {
        let shape = self.shape();
        self.bytes_at(shape.field_at(), shape.field_len)
    }

    /// Its value.
    #[inline]
    pub(super) fn value(self) -> &'a [u8] {
        let shape = self.shape();
        self.bytes_at(shape.value_at(), shape.value_len)
    }

    /// When it expires, if ever.
    #[inline]
    pub(super) fn deadline(self) -> Option<Millis> {
        let shape = self.shape();
        shape.has_deadline.then(|| self.word(shape.deadline_at()))
    }

    /// Bytes of its allocation.
    pub(super) fn bytes(self) -> usize {
        self.shape().class()
    }
}

impl Pointer for FieldPtr {
    #[inline]
    fn to_bits(self) -> u64 {
        self.0.as_ptr().expose_provenance() as u64
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        let at = std::ptr::with_exposed_provenance_mut(bits as usize);
        // The table never stores zero.
        Self(NonNull::new(at).unwrap_or(NonNull::dangling()))
    }

    fn hash(self, hasher: &KeyHasher) -> u64 {
        // SAFETY: what a table holds is alive.
        hasher.hash(unsafe { self.get() }.name())
    }

    fn deadline(self) -> u64 {
        // SAFETY: what a table holds is alive.
        unsafe { self.get() }.deadline().unwrap_or(u64::MAX)
    }

    #[inline]
    fn prefetch(self) {
        prefetch(self.0.as_ptr());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_hold_what_was_put_in() {
        for field_len in [0, 1, 16, 126, 127, 128, 300] {
            for value_len in [0, 1, 8, 255, 256, 5000] {
                for deadline in [None, Some(0), Some(u64::MAX - 1)] {
                    let (field, value) = (vec![b'f'; field_len], vec![b'v'; value_len]);
                    let p = FieldPtr::new(&field, &value, deadline);
                    // SAFETY: just made, and known here alone.
                    unsafe {
                        assert_eq!((p.get().name(), p.get().value()), (&field[..], &value[..]));
                        assert_eq!(p.get().deadline(), deadline);
                        let before = p.get().bytes();
                        let other = vec![b'w'; value_len.saturating_sub(1)];
                        if p.overwrite(&other, deadline) {
                            assert_eq!((p.get().name(), p.get().value()), (&field[..], &other[..]));
                            assert_eq!(p.get().bytes(), before);
                        }
                        assert!(!p.overwrite(&vec![b'x'; value_len + 10_000], deadline));
                        assert!(!p.overwrite(b"", if deadline.is_none() { Some(1) } else { None }));
                        p.free();
                    }
                }
            }
        }
        let p = FieldPtr::new(&[b'f'; 16], &[b'v'; 8], None);
        // SAFETY: as above.
        unsafe {
            assert_eq!(p.get().bytes(), 32);
            p.free();
        }
    }
}
