//! An entry: a key with its value, in one allocation.
//!
//! ```text
//!  0        3     4       6       8
//!  | clock  | tag | klen  | vlen  | [deadline: 8] | [long klen: 8] | key | [padding] | value |
//!
//!  clock     24 bits of access time or frequency, written by readers (atomic, relaxed)
//!  tag       kind (3 bits) and flags
//!  klen      length of the key; with the LONG_KEY flag the true length stands in the long field
//!  vlen      length of a value that is in place
//!  deadline  milliseconds since 1970, with the DEADLINE flag
//!  value     the bytes of a string up to 16 KiB, or an i64, neither of them aligned;
//!            or a value of its own allocation, which is one aligned word: `Arc<Vec<u8>>`, `List`, `Set`, ...
//! ```
//!
//! The padding costs nothing: allocations come in steps of 16 bytes.
//!
//! Invariant: the allocation has exactly the size that the header says, rounded up to 8, and alignment 8. Nothing but
//! the clock is written while an entry is shared.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::clock::Millis;
use crate::sync::PlainAtomicU32;
use crate::sync::atomic::Ordering::Relaxed;
use crate::table::{KeyHasher, Pointer, prefetch};
use crate::value::{ElementProbe, Hash, INLINE_MAX, List, Set, SortedSet, Stream, Value, shared_bytes, size_class};

const HEADER: usize = 8;
const WORD: usize = 8;

/// What stands in the value field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Kind {
    /// Bytes in place.
    Inline = 0,
    /// An `i64`.
    Int = 1,
    /// An `Arc<Vec<u8>>`.
    Shared = 2,
    List = 3,
    Set = 4,
    Hash = 5,
    SortedSet = 6,
    Stream = 7,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::Shared,
            Value::List(_) => Self::List,
            Value::Set(_) => Self::Set,
            Value::Hash(_) => Self::Hash,
            Value::SortedSet(_) => Self::SortedSet,
            Value::Stream(_) => Self::Stream,
        }
    }

    fn from_tag(tag: u8) -> Self {
        match tag & KIND {
            0 => Self::Inline,
            1 => Self::Int,
            2 => Self::Shared,
            3 => Self::List,
            4 => Self::Set,
            5 => Self::Hash,
            6 => Self::SortedSet,
            _ => Self::Stream,
        }
    }
}

/// Whatever has an allocation of its own is one word in its entry.
const _: () = {
    assert!(size_of::<Arc<Vec<u8>>>() == WORD);
    assert!(size_of::<List>() == WORD && size_of::<Set>() == WORD && size_of::<Hash>() == WORD);
    assert!(size_of::<SortedSet>() == WORD && size_of::<Stream>() == WORD);
};

const KIND: u8 = 0b0000_0111;
const DEADLINE: u8 = 0b0000_1000;
const LONG_KEY: u8 = 0b0001_0000;
/// The string was made by a change in place; `OBJECT ENCODING` then says `raw` whatever its length.
const RAW: u8 = 0b0010_0000;
/// The epoch in which the entry was made: tells a snapshot what it has yet to write.
const EPOCH: u8 = 0b0100_0000;

/// An owned entry, as a plain pointer: the table that holds it frees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EntryPtr(NonNull<u8>);

// SAFETY: an entry owns all it points to, and `Value` is Send and Sync.
unsafe impl Send for EntryPtr {}
// SAFETY: shared entries are only read, except for the clock, which is atomic.
unsafe impl Sync for EntryPtr {}

/// A value on its way into an entry.
pub enum NewValue<'a> {
    /// A string; `raw` if it was made by a change in place.
    Bytes {
        /// The string.
        bytes: &'a [u8],
        /// Whether `OBJECT ENCODING` shall say `raw`.
        raw: bool,
    },
    /// An integer, as strings that look like one are kept.
    Int(i64),
    /// A value with an allocation of its own.
    Owned(Value),
}

impl<'a> From<&'a Value> for ValueRef<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Self::Shared(text),
            Value::List(list) => Self::List(list),
            Value::Set(set) => Self::Set(set),
            Value::Hash(hash) => Self::Hash(hash),
            Value::SortedSet(set) => Self::SortedSet(set),
            Value::Stream(stream) => Self::Stream(stream),
        }
    }
}

/// A value as a reader sees it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum ValueRef<'a> {
    /// A short string.
    Inline(&'a [u8]),
    /// A string that looks like an integer.
    Int(i64),
    /// A long string.
    Shared(&'a Arc<Vec<u8>>),
    List(&'a List),
    Set(&'a Set),
    Hash(&'a Hash),
    SortedSet(&'a SortedSet),
    Stream(&'a Stream),
}

impl<'a> ValueRef<'a> {
    /// A copy of a value that has an allocation of its own.
    pub fn to_owned(self) -> Option<Value> {
        Some(match self {
            Self::Inline(_) | Self::Int(_) => return None,
            Self::Shared(string) => Value::String(string.clone()),
            Self::List(list) => Value::List(list.clone()),
            Self::Set(set) => Value::Set(set.clone()),
            Self::Hash(hash) => Value::Hash(hash.clone()),
            Self::SortedSet(set) => Value::SortedSet(set.clone()),
            Self::Stream(stream) => Value::Stream(stream.clone()),
        })
    }

    /// The bytes of a short string, none for all else.
    fn inline(self) -> &'a [u8] {
        if let Self::Inline(bytes) = self { bytes } else { b"" }
    }

    /// Starts to bring an element closer, if this is a big collection in which elements are found by their hash.
    pub(super) fn probe(self, element: u64) -> Option<ElementProbe<'a>> {
        match self {
            Self::Hash(hash) => hash.probe(element),
            Self::Set(set) => set.probe(element),
            Self::SortedSet(set) => set.probe(element),
            _ => None,
        }
    }

    /// Bytes of its own allocations beside the entry. O(1).
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Inline(_) | Self::Int(_) => 0,
            Self::Shared(string) => shared_bytes(string),
            Self::List(list) => list.bytes(),
            Self::Set(set) => set.bytes(),
            Self::Hash(hash) => hash.bytes(),
            Self::SortedSet(set) => set.bytes(),
            Self::Stream(stream) => stream.bytes(),
        }
    }
}

/// Sizes that are put together: header, optional fields, key, value.
#[derive(Clone, Copy)]
struct Shape {
    tag: u8,
    key_len: usize,
    value_len: usize,
}

impl Shape {
    fn deadline_at(self) -> Option<usize> {
        (self.tag & DEADLINE != 0).then_some(HEADER)
    }

    fn long_key_at(self) -> usize {
        HEADER + if self.tag & DEADLINE != 0 { WORD } else { 0 }
    }

    fn key_at(self) -> usize {
        self.long_key_at() + if self.tag & LONG_KEY != 0 { WORD } else { 0 }
    }

    fn value_at(self) -> usize {
        let key_end = self.key_at() + self.key_len;
        match Kind::from_tag(self.tag) {
            Kind::Inline | Kind::Int => key_end,
            _ => key_end.next_multiple_of(WORD),
        }
    }

    fn size(self) -> usize {
        self.value_at() + self.value_len
    }

    fn layout(self) -> Layout {
        // Keys end at isize::MAX like all slices, so rounding up cannot overflow by much; an absurd size fails to
        // allocate instead.
        Layout::from_size_align(self.size(), WORD).map_or(Layout::new::<u64>(), |l| l.pad_to_align())
    }
}

impl EntryPtr {
    /// Makes an entry. O(length).
    pub(super) fn new(key: &[u8], value: NewValue<'_>, deadline: Option<Millis>, epoch: bool) -> Self {
        let value = match value {
            NewValue::Bytes { bytes, .. } if bytes.len() > INLINE_MAX => {
                NewValue::Owned(Value::String(Arc::new(bytes.to_vec())))
            }
            other => other,
        };
        let (kind, value_len, raw) = match &value {
            NewValue::Bytes { bytes, raw } => (Kind::Inline, bytes.len(), *raw),
            NewValue::Int(_) => (Kind::Int, WORD, false),
            NewValue::Owned(value) => (Kind::of(value), WORD, true),
        };
        let mut tag = kind as u8;
        for (flag, on) in
            [(DEADLINE, deadline.is_some()), (LONG_KEY, key.len() > usize::from(u16::MAX)), (RAW, raw), (EPOCH, epoch)]
        {
            if on {
                tag |= flag;
            }
        }
        let shape = Shape { tag, key_len: key.len(), value_len };
        let layout = shape.layout();
        // SAFETY: the layout has a size of at least the header's.
        let Some(at) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let this = Self(at);
        let short_key = u16::try_from(key.len()).unwrap_or(0);
        let meta = u32::from(tag) << 24;
        let lengths = u32::from(short_key) | u32::from(value_len as u16) << 16;
        // SAFETY: all offsets come from `shape`, whose size was allocated, and nobody else knows the entry yet.
        unsafe {
            this.write(0, meta.to_ne_bytes().as_ptr(), 4);
            this.write(4, lengths.to_ne_bytes().as_ptr(), 4);
            if let (Some(at), Some(deadline)) = (shape.deadline_at(), deadline) {
                this.write(at, deadline.to_ne_bytes().as_ptr(), WORD);
            }
            if tag & LONG_KEY != 0 {
                this.write(shape.long_key_at(), (key.len() as u64).to_ne_bytes().as_ptr(), WORD);
            }
            this.write(shape.key_at(), key.as_ptr(), key.len());
            let value_at = shape.value_at();
            match value {
                NewValue::Bytes { bytes, .. } => this.write(value_at, bytes.as_ptr(), bytes.len()),
                NewValue::Int(n) => this.write(value_at, n.to_ne_bytes().as_ptr(), WORD),
                NewValue::Owned(value) => put_owned(at.as_ptr().add(value_at), value),
            }
        }
        this
    }

    /// # Safety
    /// `offset + len` is within the allocation and `from` is readable for `len`.
    unsafe fn write(self, offset: usize, from: *const u8, len: usize) {
        // SAFETY: passed on to the caller.
        unsafe { std::ptr::copy_nonoverlapping(from, self.0.as_ptr().add(offset), len) }
    }

    /// The entry for reading.
    ///
    /// # Safety
    /// The entry is alive and, but for its clock, not changed for `'a`.
    #[inline]
    pub(super) unsafe fn get<'a>(self) -> Entry<'a> {
        Entry { at: self, life: PhantomData }
    }

    /// The entry for changing in place.
    ///
    /// # Safety
    /// The entry is alive and the caller alone uses it for `'a`.
    pub(super) unsafe fn get_mut<'a>(self) -> EntryMut<'a> {
        EntryMut { at: self, life: PhantomData }
    }

    /// Frees the entry and its value.
    ///
    /// # Safety
    /// The entry is alive and nobody uses it afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: passed on to the caller.
        drop(unsafe { self.take_value() });
    }

    /// Another entry that says the same, epoch and clock included; a long string is shared. O(length).
    ///
    /// # Safety
    /// The entry is alive and, but for its clock, not changed meanwhile.
    pub(super) unsafe fn copy(self) -> Self {
        // SAFETY: passed on to the caller.
        let entry = unsafe { self.get() };
        let value = match (entry.value(), entry.value().to_owned()) {
            (ValueRef::Int(n), _) => NewValue::Int(n),
            (_, Some(value)) => NewValue::Owned(value),
            (value, None) => NewValue::Bytes { bytes: value.inline(), raw: entry.is_raw() },
        };
        let copy = Self::new(entry.key(), value, entry.deadline(), entry.epoch());
        // SAFETY: it has just been made.
        unsafe { copy.get() }.set_clock(entry.clock());
        copy
    }

    /// Frees the entry and gives its value, if that has an allocation of its own.
    ///
    /// # Safety
    /// As for [`free`](Self::free).
    pub(super) unsafe fn take_value(self) -> Option<Value> {
        // SAFETY: the entry is alive; a value in it moves out, and what it lay in is given up; the layout is the one it
        // was allocated with, as nothing changes the shape of an entry.
        unsafe {
            let shape = self.get().shape();
            let value = take_owned(self.0.as_ptr().add(shape.value_at()), Kind::from_tag(shape.tag));
            dealloc(self.0.as_ptr(), shape.layout());
            value
        }
    }
}

/// Entries that are in no table, and freed with this.
#[derive(Default)]
pub(super) struct Loose {
    entries: Vec<EntryPtr>,
    bytes: usize,
}

impl Loose {
    /// Adds an entry.
    ///
    /// # Safety
    /// The entry is alive and in no table, and the caller gives it up.
    pub(super) unsafe fn push(&mut self, entry: EntryPtr) {
        // SAFETY: passed on to the caller.
        self.bytes += unsafe { entry.get() }.bytes();
        self.entries.push(entry);
    }

    /// Takes all entries of another. O(1) where there were none.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.entries.is_empty() {
            std::mem::swap(self, other);
        }
        self.bytes += std::mem::take(&mut other.bytes);
        self.entries.append(&mut other.entries);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        // SAFETY: they are alive until they are freed below, and nobody changes them.
        self.entries.iter().map(|p| unsafe { p.get() })
    }

    /// Where the entry of a key is.
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        self.iter().position(|entry| entry.has_key(key))
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<EntryMut<'_>> {
        // SAFETY: it is alive and, while `self` is borrowed, used through this alone.
        self.entries.get(at).map(|p| unsafe { p.get_mut() })
    }

    /// Takes an entry out, which is then in `into`.
    pub(super) fn hand_over(&mut self, at: usize, into: &mut Self) {
        if at < self.entries.len() {
            let entry = self.entries.swap_remove(at);
            // SAFETY: it is alive, and just became nobody's.
            unsafe {
                self.bytes = self.bytes.saturating_sub(entry.get().bytes());
                into.push(entry);
            }
        }
    }

    /// Frees all of them.
    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        // SAFETY: they are ours alone, and forgotten one by one.
        self.entries.drain(..).for_each(|p| unsafe { p.free() });
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        self.clear();
    }
}

/// # Safety
/// `at` is aligned, writable for a word, and nothing is dropped that lies there.
unsafe fn put_owned(at: *mut u8, value: Value) {
    // SAFETY: by the caller's word.
    unsafe {
        match value {
            Value::String(string) => at.cast::<Arc<Vec<u8>>>().write(string),
            Value::List(list) => at.cast::<List>().write(list),
            Value::Set(set) => at.cast::<Set>().write(set),
            Value::Hash(hash) => at.cast::<Hash>().write(hash),
            Value::SortedSet(set) => at.cast::<SortedSet>().write(set),
            Value::Stream(stream) => at.cast::<Stream>().write(stream),
        }
    }
}

/// # Safety
/// What `kind` says lies at `at`, and is not used there afterwards.
unsafe fn take_owned(at: *mut u8, kind: Kind) -> Option<Value> {
    // SAFETY: by the caller's word.
    unsafe {
        Some(match kind {
            Kind::Inline | Kind::Int => return None,
            Kind::Shared => Value::String(at.cast::<Arc<Vec<u8>>>().read()),
            Kind::List => Value::List(at.cast::<List>().read()),
            Kind::Set => Value::Set(at.cast::<Set>().read()),
            Kind::Hash => Value::Hash(at.cast::<Hash>().read()),
            Kind::SortedSet => Value::SortedSet(at.cast::<SortedSet>().read()),
            Kind::Stream => Value::Stream(at.cast::<Stream>().read()),
        })
    }
}

impl Pointer for EntryPtr {
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
        hasher.hash(unsafe { self.get() }.key())
    }

    /// The earlier of the key's deadline and that of its fields.
    fn deadline(self) -> u64 {
        // SAFETY: what a table holds is alive.
        let entry = unsafe { self.get() };
        let own = entry.deadline().unwrap_or(u64::MAX);
        if entry.kind() == Kind::Hash
            && let ValueRef::Hash(hash) = entry.value()
        {
            return own.min(hash.earliest());
        }
        own
    }

    #[inline]
    fn prefetch(self) {
        // Header and key are in the first line, most short values end in the second.
        prefetch(self.0.as_ptr());
        prefetch(self.0.as_ptr().wrapping_add(64));
    }
}

/// Whether two strings are equal. Keys are short: comparing words in place is quicker than a call of `memcmp`.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let words =
        |at: usize| a.get(at..).and_then(<[u8]>::first_chunk::<8>) == b.get(at..).and_then(<[u8]>::first_chunk::<8>);
    let len = a.len();
    len == b.len()
        && match len {
            8..=16 => words(0) && words(len - 8),
            17..=32 => words(0) && words(8) && words(len - 16) && words(len - 8),
            _ => a == b,
        }
}

/// An entry of the keyspace, borrowed for reading.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    at: EntryPtr,
    life: PhantomData<&'a ()>,
}

impl<'a> Entry<'a> {
    /// Clock and tag in one atomic word, as readers write the clock.
    fn meta(self) -> &'a PlainAtomicU32 {
        // SAFETY: the entry is alive for 'a, its first four bytes are aligned and only ever used atomically while
        // it is shared.
        unsafe { self.at.0.cast::<PlainAtomicU32>().as_ref() }
    }

    #[inline]
    fn tag(self) -> u8 {
        (self.meta().load(Relaxed) >> 24) as u8
    }

    #[inline]
    fn kind(self) -> Kind {
        Kind::from_tag(self.tag())
    }

    /// # Safety
    /// `offset + 8` is within the allocation.
    unsafe fn word(self, offset: usize) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe { self.at.0.as_ptr().add(offset).cast::<u64>().read_unaligned() }
    }

    #[inline]
    fn shape(self) -> Shape {
        let tag = self.tag();
        // SAFETY: every entry has a header, and the long field where the flag says so.
        let lengths = unsafe { self.at.0.as_ptr().add(4).cast::<u32>().read() };
        let (key_len, value_len) = ((lengths & 0xffff) as usize, (lengths >> 16) as usize);
        let mut shape = Shape { tag, key_len, value_len };
        if tag & LONG_KEY != 0 {
            // SAFETY: as above.
            shape.key_len = unsafe { self.word(shape.long_key_at()) } as usize;
        }
        shape
    }

    /// The key.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        let shape = self.shape();
        // SAFETY: the key lies where the shape says.
        unsafe { std::slice::from_raw_parts(self.at.0.as_ptr().add(shape.key_at()), shape.key_len) }
    }

    /// Whether this is the entry of `key`.
    #[inline]
    pub fn has_key(self, key: &[u8]) -> bool {
        same(self.key(), key)
    }

    /// When the key expires, if ever.
    #[inline]
    pub fn deadline(self) -> Option<Millis> {
        if self.tag() & DEADLINE == 0 {
            return None;
        }
        // SAFETY: the flag says that the field is there.
        Some(unsafe { self.word(HEADER) })
    }

    /// The value.
    #[inline]
    pub fn value(self) -> ValueRef<'a> {
        let shape = self.shape();
        // SAFETY: the value lies where the shape says, in the form that the kind says, aligned if it is a word.
        unsafe {
            let at = self.at.0.as_ptr().add(shape.value_at());
            match Kind::from_tag(shape.tag) {
                Kind::Inline => ValueRef::Inline(std::slice::from_raw_parts(at, shape.value_len)),
                Kind::Int => ValueRef::Int(at.cast::<i64>().read_unaligned()),
                Kind::Shared => ValueRef::Shared(&*at.cast()),
                Kind::List => ValueRef::List(&*at.cast()),
                Kind::Set => ValueRef::Set(&*at.cast()),
                Kind::Hash => ValueRef::Hash(&*at.cast()),
                Kind::SortedSet => ValueRef::SortedSet(&*at.cast()),
                Kind::Stream => ValueRef::Stream(&*at.cast()),
            }
        }
    }

    /// Whether the string came from a change in place.
    pub fn is_raw(self) -> bool {
        self.tag() & RAW != 0
    }

    /// The epoch in which the entry was made.
    pub fn epoch(self) -> bool {
        self.tag() & EPOCH != 0
    }

    /// The access clock: 24 bits whose meaning `maxmemory-policy` decides.
    pub fn clock(self) -> u32 {
        self.meta().load(Relaxed) & 0xff_ffff
    }

    /// Sets the access clock; several readers may do so at once, and one of them wins.
    #[inline]
    pub fn set_clock(self, clock: u32) {
        let meta = self.meta().load(Relaxed);
        if meta & 0xff_ffff != clock {
            self.meta().store(meta & 0xff00_0000 | clock & 0xff_ffff, Relaxed);
        }
    }

    /// Bytes of all allocations of the entry, rounded to size classes. O(1).
    pub fn bytes(self) -> usize {
        size_class(self.shape().layout().size()) + self.value().bytes()
    }
}

/// An entry of the keyspace, borrowed for a change that leaves its shape as it is.
pub struct EntryMut<'a> {
    at: EntryPtr,
    life: PhantomData<&'a mut ()>,
}

/// A value that may be changed in place.
#[allow(missing_docs, reason = "they say what they are")]
pub enum ValueMut<'a> {
    /// A short string; its length stays.
    Inline(&'a mut [u8]),
    /// An integer.
    Int(IntMut<'a>),
    /// A long string.
    Shared(&'a mut Arc<Vec<u8>>),
    List(&'a mut List),
    Set(&'a mut Set),
    Hash(&'a mut Hash),
    SortedSet(&'a mut SortedSet),
    Stream(&'a mut Stream),
}

/// An integer in an entry, which need not be aligned.
pub struct IntMut<'a> {
    at: *mut i64,
    life: PhantomData<&'a mut i64>,
}

impl IntMut<'_> {
    /// Its value.
    pub fn get(&self) -> i64 {
        // SAFETY: points into a live entry that is ours alone.
        unsafe { self.at.read_unaligned() }
    }

    /// Changes it.
    pub fn set(&mut self, n: i64) {
        // SAFETY: points into a live entry that is ours alone.
        unsafe { self.at.write_unaligned(n) }
    }
}

impl<'a> EntryMut<'a> {
    /// The entry for reading.
    pub fn read(&self) -> Entry<'_> {
        // SAFETY: borrowed from an entry that is ours alone.
        unsafe { self.at.get() }
    }

    /// The value for changing.
    pub fn value(&mut self) -> ValueMut<'_> {
        // SAFETY: borrowed from `self`.
        unsafe { self.value_for() }
    }

    /// The value for changing, for as long as the entry is ours.
    pub(super) fn into_value(self) -> ValueMut<'a> {
        // SAFETY: `self` is given up.
        unsafe { self.value_for() }
    }

    /// # Safety
    /// Nothing else uses the entry's value for `'v`, which is no longer than `'a`.
    unsafe fn value_for<'v>(&self) -> ValueMut<'v> {
        let (shape, kind) = (self.read().shape(), self.read().kind());
        // SAFETY: the value lies where the shape says, in the form that the kind says, and is ours alone.
        unsafe {
            let at = self.at.0.as_ptr().add(shape.value_at());
            match kind {
                Kind::Inline => ValueMut::Inline(std::slice::from_raw_parts_mut(at, shape.value_len)),
                Kind::Int => ValueMut::Int(IntMut { at: at.cast(), life: PhantomData }),
                Kind::Shared => ValueMut::Shared(&mut *at.cast()),
                Kind::List => ValueMut::List(&mut *at.cast()),
                Kind::Set => ValueMut::Set(&mut *at.cast()),
                Kind::Hash => ValueMut::Hash(&mut *at.cast()),
                Kind::SortedSet => ValueMut::SortedSet(&mut *at.cast()),
                Kind::Stream => ValueMut::Stream(&mut *at.cast()),
            }
        }
    }

    /// Overwrites the entry with what a new one of the same size would hold. False, and nothing done, if the sizes
    /// or the places of the fields differ, or the entry is of another epoch: a snapshot will want what it holds.
    pub(super) fn overwrite(&mut self, value: &NewValue<'_>, deadline: Option<Millis>, epoch: bool) -> bool {
        let shape = self.read().shape();
        let kind = self.read().kind();
        let fits = deadline.is_some() == shape.deadline_at().is_some()
            && (shape.tag & EPOCH != 0) == epoch
            && match value {
                NewValue::Bytes { bytes, .. } => kind == Kind::Inline && bytes.len() == shape.value_len,
                NewValue::Int(_) => kind == Kind::Int,
                NewValue::Owned(_) => false,
            };
        if !fits {
            return false;
        }
        match (self.value(), value) {
            (ValueMut::Inline(old), NewValue::Bytes { bytes, .. }) => old.copy_from_slice(bytes),
            (ValueMut::Int(mut old), NewValue::Int(n)) => old.set(*n),
            _ => return false,
        }
        if let Some(deadline) = deadline {
            self.set_deadline(deadline);
        }
        self.set_flag(RAW, matches!(value, NewValue::Bytes { raw: true, .. }));
        true
    }

    /// Changes a deadline that is there; false if the entry has no room for one.
    pub(super) fn set_deadline(&mut self, deadline: Millis) -> bool {
        let Some(at) = self.read().shape().deadline_at() else { return false };
        // SAFETY: the field is there, and the entry is ours alone.
        unsafe { self.at.write(at, deadline.to_ne_bytes().as_ptr(), WORD) };
        true
    }

    fn set_flag(&mut self, flag: u8, on: bool) {
        let meta = self.read().meta();
        let bit = u32::from(flag) << 24;
        let old = meta.load(Relaxed);
        let new = if on { old | bit } else { old & !bit };
        if new != old {
            meta.store(new, Relaxed);
        }
    }

    /// Notes that the string was changed in place.
    pub fn set_raw(&mut self) {
        self.set_flag(RAW, true);
    }

    pub(super) fn set_epoch(&mut self, epoch: bool) {
        self.set_flag(EPOCH, epoch);
    }
}

/// Makes the same entry with another deadline, and frees the old one; a value with its own allocation moves over.
///
/// # Safety
/// The entry is alive, the caller alone uses it, and not afterwards.
pub(super) unsafe fn with_deadline(old: EntryPtr, deadline: Option<Millis>, epoch: bool) -> EntryPtr {
    // SAFETY: by the caller's word; the value moves from the old entry into the new one.
    unsafe {
        let entry = old.get();
        let raw = entry.is_raw();
        let (clock, key) = (entry.clock(), entry.key());
        let new = match entry.value() {
            ValueRef::Inline(bytes) => EntryPtr::new(key, NewValue::Bytes { bytes, raw }, deadline, epoch),
            ValueRef::Int(n) => EntryPtr::new(key, NewValue::Int(n), deadline, epoch),
            _ => {
                let key = key.to_vec();
                let value = old.take_value().unwrap_or_else(|| Value::String(Arc::default()));
                let new = EntryPtr::new(&key, NewValue::Owned(value), deadline, epoch);
                new.get().set_clock(clock);
                return new;
            }
        };
        new.get().set_clock(clock);
        old.free();
        new
    }
}
