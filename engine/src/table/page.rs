//! A page: up to 64 cache lines that hold the pointers of one range of hashes.
//!
//! ```text
//! line 0            header: count, earliest deadline
//! lines 1..=B       buckets: a bucket is one line
//! the last S lines  stash, for keys whose bucket and the one after it are full
//!
//! a line: | 7 fingerprints | marks |  7 slots of 8 bytes |
//! a slot: | 16 bits of the hash | 48 bits of pointer |      (0 = empty)
//! ```
//!
//! A page of depth `d` owns the hashes that share its first `d` bits. The next 12 bits choose the home bucket by
//! multiplication, so buckets are in hash order for any number of buckets. The slot keeps bits `w..w + 16` of the
//! hash, where `w` is `d` rounded down to a multiple of four: enough to find the home bucket and to split the page
//! without touching its entries; every fourth split shifts that window and reads them.
//!
//! Invariants: an entry lives in its home bucket, or in the one after it while the home's `SPILLED` mark is set, or in
//! the stash while its `STASHED` mark is set. The marks are exact. `earliest` is at most every deadline in the page.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::{KeyHasher, Pointer, prefetch};

/// Slots in a line.
const SLOTS: usize = 7;
/// Bits of the hash that choose the bucket within a page.
const BUCKET_BITS: u32 = 12;
/// The deepest a page may get: a scan cursor is a prefix of 48 bits.
pub(super) const MAX_DEPTH: u32 = 48 - BUCKET_BITS;

/// Lines of a page, and how many of them are stash, per size class. Each is a size class of jemalloc, so that no page
/// wastes memory, and the growth by steps keeps the load between two thirds and five sixths.
const CLASSES: [(u8, u8); 10] =
    [(4, 1), (8, 1), (12, 1), (16, 1), (24, 2), (32, 2), (40, 3), (48, 3), (56, 4), (64, 4)];
const LARGEST: u8 = CLASSES.len() as u8 - 1;

/// Slots of the largest page.
pub(super) const MAX_SLOTS: usize = (CLASSES[LARGEST as usize].0 as usize - 1) * SLOTS;

/// Buckets of a page per size class. As long as the four bits of a class can count, so that no look-up has to check it.
const BUCKETS: [u8; 16] = {
    let mut buckets = [0; 16];
    let mut class = 0;
    while class < CLASSES.len() {
        let (lines, stash) = CLASSES[class];
        buckets[class] = lines - 1 - stash;
        class += 1;
    }
    buckets
};

/// Mark of a bucket: a key whose home it is lives in the next bucket.
const SPILLED: u64 = 1;
/// Mark of a bucket: a key whose home it is lives in the stash.
const STASHED: u64 = 2;
const MARKS_SHIFT: u32 = 56;

const POINTER_MASK: u64 = (1 << 48) - 1;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Header words of line 0.
const COUNT: usize = 0;
const EARLIEST: usize = 1;

/// A page as the directory knows it: its address, depth and size class in one word, so that a look-up goes from the
/// directory straight to the bucket.
///
/// It is a plain handle; the table that holds it owns the page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRef(u64);

/// Where in a page a slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    line: u8,
    slot: u8,
}

fn layout(class: u8) -> Layout {
    // 64 lines of 64 bytes at most: the size never overflows.
    Layout::new::<[Line; 1]>().repeat(usize::from(CLASSES[usize::from(class)].0)).map_or(Layout::new::<Line>(), |l| l.0)
}

fn fingerprint(hash: u64) -> u64 {
    hash & 0xff
}

fn window_base(depth: u32) -> u32 {
    depth & !3
}

fn window(hash: u64, depth: u32) -> u64 {
    (hash << window_base(depth)) >> 48
}

fn pack(bits: u64, hash: u64, depth: u32) -> u64 {
    bits | window(hash, depth) << 48
}

/// The bytes of `word` (the first seven) that equal `byte`, as the high bit of each; a byte just above a match may be
/// reported without being one.
fn matches(word: u64, byte: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let x = word ^ (byte * LOW);
    x.wrapping_sub(LOW) & !x & 0x0080_8080_8080_8080
}

impl Line {
    fn free_slot(&self) -> Option<usize> {
        self.0[1..].iter().position(|&s| s == 0)
    }

    fn put(&mut self, slot: usize, packed: u64, fingerprint: u64) {
        self.0[slot + 1] = packed;
        let shift = slot as u32 * 8;
        self.0[0] = self.0[0] & !(0xff << shift) | fingerprint << shift;
    }

    fn fingerprint(&self, slot: usize) -> u64 {
        self.0[0] >> (slot as u32 * 8) & 0xff
    }

    fn marks(&self) -> u64 {
        self.0[0] >> MARKS_SHIFT
    }

    fn mark(&mut self, mark: u64) {
        self.0[0] |= mark << MARKS_SHIFT;
    }

    fn set_marks(&mut self, marks: u64) {
        self.0[0] = self.0[0] & !(0xff << MARKS_SHIFT) | marks << MARKS_SHIFT;
    }
}

impl PageRef {
    /// An empty page of the smallest class at `depth`.
    pub(super) fn new(depth: u32) -> Self {
        Self::with_class(0, depth)
    }

    /// An empty page with room for so many keys.
    pub(super) fn with_room(depth: u32, keys: usize) -> Self {
        Self::with_class(class_for(keys), depth)
    }

    fn with_class(class: u8, depth: u32) -> Self {
        let layout = layout(class);
        // SAFETY: the layout has a size above zero.
        let Some(ptr) = NonNull::new(unsafe { alloc_zeroed(layout) }) else { handle_alloc_error(layout) };
        let address = ptr.as_ptr().expose_provenance() as u64;
        debug_assert!(address & !POINTER_MASK == 0 && address & 63 == 0);
        let page = Self(address | u64::from(class) | u64::from(depth) << 56);
        // SAFETY: just made, and not known to anybody else.
        unsafe { PageMut::new(page) }.set_earliest(u64::MAX);
        page
    }

    /// The bits of the hash that all keys of the page share.
    pub(super) fn depth(self) -> u32 {
        (self.0 >> 56) as u32
    }

    fn class(self) -> u8 {
        (self.0 & 15) as u8
    }

    fn shape(self) -> (usize, usize) {
        let (lines, stash) = CLASSES[usize::from(self.class())];
        (usize::from(lines), usize::from(stash))
    }

    #[inline]
    fn buckets(self) -> usize {
        usize::from(BUCKETS[usize::from(self.class())])
    }

    /// The home bucket of a hash. Below [`buckets`](Self::buckets), as twelve bits are below 2^12.
    #[inline]
    fn home(self, hash: u64) -> usize {
        let bits = hash << self.depth() >> (64 - BUCKET_BITS);
        ((bits * self.buckets() as u64) >> BUCKET_BITS) as usize
    }

    /// How many slots the page has.
    pub(super) fn slots(self) -> usize {
        (self.shape().0 - 1) * SLOTS
    }

    /// Bytes of the page's allocation.
    pub(super) fn bytes(self) -> usize {
        self.shape().0 * size_of::<Line>()
    }

    fn address(self) -> *mut Line {
        std::ptr::with_exposed_provenance_mut((self.0 & POINTER_MASK & !63) as usize)
    }

    /// # Safety
    /// The page is alive and nobody changes it for `'a`.
    unsafe fn lines<'a>(self) -> &'a [Line] {
        // SAFETY: the page was allocated with that many lines; the caller answers for the rest.
        unsafe { std::slice::from_raw_parts(self.address(), self.shape().0) }
    }

    /// # Safety
    /// The page is alive and the caller is the only one who touches it for `'a`.
    #[allow(clippy::mut_from_ref)]
    unsafe fn lines_mut<'a>(self) -> &'a mut [Line] {
        // SAFETY: the page was allocated with that many lines; the caller answers for the rest.
        unsafe { std::slice::from_raw_parts_mut(self.address(), self.shape().0) }
    }

    /// Frees the page, not what its slots point to.
    ///
    /// # Safety
    /// The page is alive, and nobody uses it afterwards.
    pub(super) unsafe fn free(self) {
        // SAFETY: allocated by `with_class` with the same layout.
        unsafe { dealloc(self.address().cast(), layout(self.class())) }
    }
}

/// What can be done with a page by whoever owns it. A `Page` is a `PageRef` whose owner vouches for it.
///
/// All methods are safe: making the value is the unsafe step.
pub(super) struct Page<'a> {
    at: PageRef,
    life: PhantomData<&'a [Line]>,
}

/// A page that may be changed.
pub(super) struct PageMut<'a> {
    at: PageRef,
    life: PhantomData<&'a mut [Line]>,
}

impl<'a> Page<'a> {
    /// # Safety
    /// The page is alive and nobody changes it for `'a`.
    #[inline]
    pub(super) unsafe fn new(at: PageRef) -> Self {
        Self { at, life: PhantomData }
    }

    fn lines(&self) -> &'a [Line] {
        // SAFETY: whoever made the value vouched for the page.
        unsafe { self.at.lines() }
    }

    pub(super) fn count(&self) -> usize {
        self.lines()[0].0[COUNT] as usize
    }

    pub(super) fn earliest(&self) -> u64 {
        self.lines()[0].0[EARLIEST]
    }

    fn home(&self, hash: u64) -> usize {
        self.at.home(hash)
    }

    /// The line of a bucket, straight from the page's address: a look-up needs to know nothing else of the page.
    #[inline]
    fn bucket(&self, bucket: usize) -> &'a Line {
        debug_assert!(bucket < self.at.buckets());
        // SAFETY: the page is alive, and its first line is followed by that of each bucket.
        unsafe { &*self.at.address().add(1 + bucket) }
    }

    /// The home bucket of what a slot holds, from the bits kept in the slot.
    fn home_of(&self, packed: u64) -> usize {
        let depth = self.at.depth();
        let bits = packed << (depth - window_base(depth)) >> (64 - BUCKET_BITS);
        ((bits * self.at.buckets() as u64) >> BUCKET_BITS) as usize
    }

    fn stash_start(&self) -> usize {
        1 + self.at.buckets()
    }

    fn after(&self, bucket: usize) -> usize {
        if bucket + 1 == self.at.buckets() { 0 } else { bucket + 1 }
    }

    /// The lines where a key of this home bucket can be, given the bucket's marks.
    fn search_lines(&self, home: usize) -> impl Iterator<Item = usize> + use<> {
        let marks = self.bucket(home).marks();
        let next = (marks & SPILLED != 0).then(|| self.after(home) + 1);
        let stash = if marks & STASHED != 0 { self.stash_start()..self.at.shape().0 } else { 0..0 };
        std::iter::once(home + 1).chain(next).chain(stash)
    }

    /// Asks the processor for the home bucket's line.
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(std::ptr::from_ref(self.bucket(self.home(hash))));
    }

    /// Asks for the header's line, which an insert changes beside that of the bucket.
    pub(super) fn prefetch_header(&self) {
        prefetch(self.at.address());
    }

    #[inline(always)]
    fn in_line<P: Pointer>(&self, line: &Line, hash: u64, mut is: impl FnMut(P) -> bool) -> Option<(usize, P)> {
        let window = window(hash, self.at.depth());
        let mut found = matches(line.0[0], fingerprint(hash));
        while found != 0 {
            let slot = (found.trailing_zeros() / 8) as usize;
            let packed = line.0[slot + 1];
            if packed >> 48 == window && packed & POINTER_MASK != 0 {
                let p = P::from_bits(packed & POINTER_MASK);
                if is(p) {
                    return Some((slot, p));
                }
            }
            found &= found - 1;
        }
        None
    }

    /// Finds the pointer of `hash` that `is` accepts.
    #[inline]
    pub(super) fn find<P: Pointer>(&self, hash: u64, mut is: impl FnMut(P) -> bool) -> Option<(Place, P)> {
        let home = self.home(hash);
        let line = self.bucket(home);
        if let Some((slot, p)) = self.in_line(line, hash, &mut is) {
            return Some((Place { line: home as u8 + 1, slot: slot as u8 }, p));
        }
        if line.marks() == 0 { None } else { self.find_displaced(home, line.marks(), hash, is) }
    }

    /// As [`find`](Self::find), for keys that are not in their home bucket, which has these marks.
    fn find_displaced<P: Pointer>(
        &self,
        home: usize,
        marks: u64,
        hash: u64,
        mut is: impl FnMut(P) -> bool,
    ) -> Option<(Place, P)> {
        if marks & SPILLED != 0 {
            let next = self.after(home);
            if let Some((slot, p)) = self.in_line(self.bucket(next), hash, &mut is) {
                return Some((Place { line: next as u8 + 1, slot: slot as u8 }, p));
            }
        }
        if marks & STASHED != 0 {
            for i in self.stash_start()..self.at.shape().0 {
                if let Some((slot, p)) = self.in_line(&self.lines()[i], hash, &mut is) {
                    return Some((Place { line: i as u8, slot: slot as u8 }, p));
                }
            }
        }
        None
    }

    /// Calls `visit` for all pointers of the page.
    pub(super) fn for_each<P: Pointer>(&self, mut visit: impl FnMut(P)) {
        for &packed in self.lines()[1..].iter().flat_map(|l| &l.0[1..]).filter(|&&s| s != 0) {
            visit(P::from_bits(packed & POINTER_MASK));
        }
    }

    /// The pointer in the `n`th slot of the page, if it holds one; `n` counts around.
    pub(super) fn nth<P: Pointer>(&self, n: usize) -> Option<P> {
        let n = n % self.at.slots();
        let packed = self.lines()[1 + n / SLOTS].0[1 + n % SLOTS];
        (packed != 0).then(|| P::from_bits(packed & POINTER_MASK))
    }

    /// Visits all keys of the home bucket that `hash` falls into, and returns the first hash after that bucket
    /// (`None` past the last hash there is). Keys below `hash` itself may be among them.
    pub(super) fn scan_bucket<P: Pointer>(&self, hash: u64, mut visit: impl FnMut(P)) -> Option<u64> {
        let home = self.home(hash);
        for i in self.search_lines(home) {
            for &packed in self.lines()[i].0[1..].iter().filter(|&&s| s != 0) {
                if self.home_of(packed) == home {
                    visit(P::from_bits(packed & POINTER_MASK));
                }
            }
        }
        let buckets = self.at.buckets() as u64;
        let next = ((home as u64 + 1) << BUCKET_BITS).div_ceil(buckets);
        let depth = self.at.depth();
        let prefix = if depth == 0 { 0 } else { hash >> (64 - depth) << (64 - depth) };
        let step = u128::from(next) << (64 - BUCKET_BITS - depth);
        u64::try_from(u128::from(prefix) + step).ok()
    }
}

impl<'a> PageMut<'a> {
    /// # Safety
    /// The page is alive and the caller is the only one who touches it for `'a`.
    pub(super) unsafe fn new(at: PageRef) -> Self {
        Self { at, life: PhantomData }
    }

    fn lines(&mut self) -> &mut [Line] {
        // SAFETY: whoever made the value vouched for the page, and no other reference into it is alive.
        unsafe { self.at.lines_mut() }
    }

    pub(super) fn read(&self) -> Page<'_> {
        Page { at: self.at, life: PhantomData }
    }

    /// Notes that a key with this deadline is in the page.
    pub(super) fn note_deadline(&mut self, deadline: u64) {
        let earliest = &mut self.lines()[0].0[EARLIEST];
        *earliest = (*earliest).min(deadline);
    }

    pub(super) fn set_earliest(&mut self, earliest: u64) {
        self.lines()[0].0[EARLIEST] = earliest;
    }

    /// Adds a pointer that is not in the page; false when home, neighbour and stash are full.
    pub(super) fn insert<P: Pointer>(&mut self, hash: u64, p: P) -> bool {
        self.insert_packed(pack(p.to_bits(), hash, self.at.depth()), fingerprint(hash))
    }

    fn insert_packed(&mut self, packed: u64, fingerprint: u64) -> bool {
        let home = self.read().home_of(packed);
        let lines = self.lines();
        let done = match lines[home + 1].free_slot() {
            Some(slot) => {
                lines[home + 1].put(slot, packed, fingerprint);
                true
            }
            None => self.insert_displaced(home, packed, fingerprint),
        };
        self.lines()[0].0[COUNT] += u64::from(done);
        done
    }

    /// Finds a slot for a key whose home bucket is full.
    fn insert_displaced(&mut self, home: usize, packed: u64, fingerprint: u64) -> bool {
        let next = self.read().after(home);
        let stash = self.read().stash_start()..self.at.shape().0;
        let lines = self.lines();
        for (i, mark) in std::iter::once((next + 1, SPILLED)).chain(stash.map(|i| (i, STASHED))) {
            if let Some(slot) = lines[i].free_slot() {
                lines[i].put(slot, packed, fingerprint);
                lines[home + 1].mark(mark);
                return true;
            }
        }
        false
    }

    /// Puts another pointer of the same hash into a place.
    pub(super) fn replace<P: Pointer>(&mut self, place: Place, p: P) {
        let packed = &mut self.lines()[usize::from(place.line)].0[usize::from(place.slot) + 1];
        *packed = *packed & !POINTER_MASK | p.to_bits();
    }

    /// Empties a place, and lets a key that had to live elsewhere come home.
    pub(super) fn remove(&mut self, place: Place) {
        let (line, slot) = (usize::from(place.line), usize::from(place.slot));
        let packed = self.lines()[line].0[slot + 1];
        let home = self.read().home_of(packed);
        self.lines()[line].put(slot, 0, 0);
        self.lines()[0].0[COUNT] -= 1;
        if line < self.read().stash_start() {
            self.bring_home(line - 1, slot);
        }
        if home != line - 1 {
            self.refresh_marks(home);
        }
    }

    /// Moves a displaced key of `bucket` into its free `slot`.
    fn bring_home(&mut self, bucket: usize, slot: usize) {
        if self.lines()[bucket + 1].marks() == 0 {
            return;
        }
        let page = self.read();
        let displaced = page.search_lines(bucket).filter(|&i| i != bucket + 1).find_map(|i| {
            let s = page.lines()[i].0[1..].iter().position(|&s| s != 0 && page.home_of(s) == bucket)?;
            Some((i, s))
        });
        if let Some((i, s)) = displaced {
            let (packed, fingerprint) = (self.lines()[i].0[s + 1], self.lines()[i].fingerprint(s));
            self.lines()[i].put(s, 0, 0);
            self.lines()[bucket + 1].put(slot, packed, fingerprint);
        }
        self.refresh_marks(bucket);
    }

    fn refresh_marks(&mut self, bucket: usize) {
        let page = self.read();
        let holds = |i: usize| page.lines()[i].0[1..].iter().any(|&s| s != 0 && page.home_of(s) == bucket);
        let next = page.after(bucket);
        let mut marks = 0;
        if next != bucket && holds(next + 1) {
            marks |= SPILLED;
        }
        if (page.stash_start()..page.at.shape().0).any(holds) {
            marks |= STASHED;
        }
        self.lines()[bucket + 1].set_marks(marks);
    }

    /// All slots with their fingerprints.
    fn packed(&self) -> Vec<(u64, u64)> {
        let page = self.read();
        let mut packed = Vec::with_capacity(page.count());
        for line in &page.lines()[1..] {
            packed.extend((0..SLOTS).filter(|&s| line.0[s + 1] != 0).map(|s| (line.0[s + 1], line.fingerprint(s))));
        }
        packed
    }
}

/// The smallest class that holds `count` keys with room to grow.
fn class_for(count: usize) -> u8 {
    let fits = |&c: &u8| {
        let slots = (usize::from(CLASSES[usize::from(c)].0) - 1) * SLOTS;
        count * 4 <= slots * 3
    };
    (0..LARGEST).find(fits).unwrap_or(LARGEST)
}

/// By how many bits pages that share so many keys are deeper than one page would be: as many as they would come to by
/// splitting when they are full.
pub(super) fn depth_for(keys: usize) -> u32 {
    /// What the largest page holds with room to spare for a share that is larger than its sisters' by chance.
    const MOST: usize = MAX_SLOTS * 3 / 4;
    (0..MAX_DEPTH / 2).find(|bits| keys >> bits <= MOST).unwrap_or(MAX_DEPTH / 2)
}

/// Makes a page of `depth` out of packed slots; grows the class until all find a place.
///
/// `None` if even the largest page is too small.
fn build(depth: u32, class: u8, earliest: u64, slots: &[(u64, u64)]) -> Option<PageRef> {
    for class in class..=LARGEST {
        let at = PageRef::with_class(class, depth);
        // SAFETY: just made, and not known to anybody else.
        let mut page = unsafe { PageMut::new(at) };
        page.set_earliest(earliest);
        if slots.iter().all(|&(packed, fingerprint)| page.insert_packed(packed, fingerprint)) {
            return Some(at);
        }
        // SAFETY: never handed out.
        unsafe { at.free() };
    }
    None
}

/// What became of a page that had no room.
pub(super) enum Grown {
    /// One larger page in its place.
    Larger(PageRef),
    /// Two pages of one more bit of depth.
    Split(PageRef, PageRef),
    /// Every key has the same prefix of the greatest depth: the hash function is broken.
    Impossible,
}

/// Makes room in a page that refused an insert. The old page is left as it is, for the caller to free.
pub(super) fn grow<P: Pointer>(page: &PageMut<'_>, hasher: &KeyHasher) -> Grown {
    let (at, earliest) = (page.at, page.read().earliest());
    let slots = page.packed();
    if at.class() < LARGEST
        && let Some(larger) = build(at.depth(), at.class() + 1, earliest, &slots)
    {
        return Grown::Larger(larger);
    }
    let (mut old_depth, mut slots) = (at.depth(), slots);
    if old_depth >= MAX_DEPTH {
        return Grown::Impossible;
    }
    let depth = old_depth + 1;
    // The bit that decides is the first after the old depth; it is still in the old window.
    let bit = 63 - (old_depth - window_base(old_depth));
    let goes_high: Vec<bool> = slots.iter().map(|&(packed, _)| packed >> bit & 1 == 1).collect();
    if window_base(depth) != window_base(old_depth) {
        shift_window::<P>(&mut slots, depth, hasher);
        old_depth = depth;
    }
    debug_assert_eq!(window_base(depth), window_base(old_depth));
    let half = |high: bool| -> Option<PageRef> {
        let part: Vec<_> = slots.iter().zip(&goes_high).filter(|(_, h)| **h == high).map(|(s, _)| *s).collect();
        build(depth, class_for(part.len()), earliest, &part)
    };
    match (half(false), half(true)) {
        (Some(low), Some(high)) => Grown::Split(low, high),
        // One half takes all 441 keys: as good as impossible.
        (low, high) => {
            for page in [low, high].into_iter().flatten() {
                // SAFETY: never handed out.
                unsafe { page.free() };
            }
            Grown::Impossible
        }
    }
}

/// Rewrites the hash bits of all slots for another window, which takes a look at each entry.
fn shift_window<P: Pointer>(slots: &mut [(u64, u64)], depth: u32, hasher: &KeyHasher) {
    for (packed, _) in slots.iter() {
        P::from_bits(packed & POINTER_MASK).prefetch();
    }
    for (packed, _) in slots {
        let bits = *packed & POINTER_MASK;
        *packed = pack(bits, P::from_bits(bits).hash(hasher), depth);
    }
}

/// The page in a smaller size, if it is worth it. The old page is left as it is.
pub(super) fn shrink(page: &PageMut<'_>) -> Option<PageRef> {
    let count = page.read().count();
    if page.at.class() == 0 || count * 2 >= page.at.slots() {
        return None;
    }
    let class = class_for(count);
    if class >= page.at.class() {
        return None;
    }
    let slots = page.packed();
    let small = build(page.at.depth(), class, page.read().earliest(), &slots)?;
    if small.class() < page.at.class() {
        return Some(small);
    }
    // SAFETY: never handed out.
    unsafe { small.free() };
    None
}

/// Two sibling pages as one of one bit less, if that leaves room. The old pages are left as they are.
pub(super) fn merge<P: Pointer>(low: &PageMut<'_>, high: &PageMut<'_>, hasher: &KeyHasher) -> Option<PageRef> {
    let count = low.read().count() + high.read().count();
    // Far below the load at which a page splits, so that merging and splitting never chase each other.
    if count > 96 {
        return None;
    }
    let depth = low.at.depth() - 1;
    let mut slots = low.packed();
    slots.extend(high.packed());
    if window_base(depth) != window_base(low.at.depth()) {
        shift_window::<P>(&mut slots, depth, hasher);
    }
    let earliest = low.read().earliest().min(high.read().earliest());
    build(depth, class_for(count), earliest, &slots)
}
