//! The hash table: pointers found by a 64-bit hash, in hash order, with no rehash ever.
//!
//! Three layers: a page holds some hundred pointers in cache lines, the directory leads from the top bits of
//! the hash to the page, and [`Table`] splits, merges and walks pages. The keyspace holds entries in it, and so do
//! the big collections.
//!
//! Location is monotonic in the hash: a walk in hash order is given by a position (a hash), "everything below it has
//! been given", and stays exact while pages split, grow and merge.
#![allow(unsafe_code)]

mod directory;
mod hash;
mod page;
#[cfg(test)]
mod tests;

pub use hash::KeyHasher;

use directory::Directory;
use page::{Grown, Page, PageMut, PageRef, Place};

/// What a table stores: a pointer of at most 48 bits, owned by whoever owns the table.
///
/// The table neither frees what it stores nor looks into it, except for its hash (when a page splits) and its
/// deadline (when looking for what is due).
pub trait Pointer: Copy {
    /// The pointer as a number below 2^48, not zero.
    fn to_bits(self) -> u64;
    /// The pointer that [`to_bits`](Self::to_bits) gave.
    fn from_bits(bits: u64) -> Self;
    /// The hash under which it was inserted.
    fn hash(self, hasher: &KeyHasher) -> u64;
    /// Its deadline in milliseconds, `u64::MAX` for none.
    fn deadline(self) -> u64 {
        u64::MAX
    }
    /// Asks the processor to fetch what it points to.
    fn prefetch(self) {}
}

/// Asks the processor to bring a cache line closer. No effect on the program's meaning.
#[inline]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching is allowed for any address, valid or not.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: prefetching is allowed for any address, valid or not.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) at, options(nostack, readonly, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// A hash table of pointers.
pub struct Table<P> {
    directory: Directory,
    /// Bits of the hash that all keys share because of where the table stands.
    base: u32,
    len: usize,
    page_bytes: usize,
    pointers: std::marker::PhantomData<P>,
}

/// A place in a table where a pointer was found. Good until the next change of the table.
pub struct Slot {
    page: PageRef,
    place: Place,
    hash: u64,
}

/// A look-up that has been started, so that many can wait for memory at once.
pub struct Probe<'a, P> {
    page: Page<'a>,
    hash: u64,
    pointers: std::marker::PhantomData<P>,
}

impl<P: Pointer> Probe<'_, P> {
    /// The second step, when the bucket has arrived: brings the entry closer.
    #[inline]
    pub fn fetch(&self) {
        match self.page.find(self.hash, |_: P| true) {
            Some((_, p)) => p.prefetch(),
            // It may be going to be added.
            None => self.page.prefetch_header(),
        }
    }
}

// SAFETY: a table is a tree of pages that only it refers to; it may go to another thread when its pointers may.
unsafe impl<P: Send> Send for Table<P> {}
// SAFETY: all changes need `&mut self`.
unsafe impl<P: Sync> Sync for Table<P> {}

impl<P> Drop for Table<P> {
    fn drop(&mut self) {
        for page in self.directory.pages() {
            // SAFETY: the table owns its pages, and each is given once.
            unsafe { page.free() };
        }
    }
}

impl<P: Pointer> Table<P> {
    /// An empty table whose keys' hashes all share their first `base` bits.
    pub fn new(base: u32) -> Self {
        let page = PageRef::new(base);
        Self {
            directory: Directory::new(base, page),
            base,
            len: 0,
            page_bytes: page.bytes(),
            pointers: std::marker::PhantomData,
        }
    }

    /// An empty table with room for so many pointers: while it is filled, pages grow and split only by chance. O(expected).
    pub fn with_room(base: u32, expected: usize) -> Self {
        let mut table = Self::new(base);
        let bits = page::depth_for(expected);
        let (depth, first) = (base + bits, table.directory.page(0));
        for i in 0..1u64 << bits {
            let hash = i.checked_shl(64 - depth).unwrap_or(0);
            let page = PageRef::with_room(depth, expected >> bits);
            table.page_bytes += page.bytes();
            table.directory.deepen(hash, depth);
            table.directory.set(hash, page);
        }
        table.release(first);
        table
    }

    /// How many pointers it holds. O(1).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the table's own allocations, without what the pointers point to. O(1).
    pub fn bytes(&self) -> usize {
        self.page_bytes + self.directory.bytes()
    }

    #[inline(always)]
    fn page(&self, hash: u64) -> Page<'_> {
        // SAFETY: the directory's pages live as long as the table, and change only through `&mut self`.
        unsafe { Page::new(self.directory.page(hash)) }
    }

    fn page_mut(&mut self, at: PageRef) -> PageMut<'_> {
        // SAFETY: as above, and `&mut self` makes us the only one.
        unsafe { PageMut::new(at) }
    }

    /// Finds what `is` accepts among the pointers of this hash. O(1), mostly one cache line and the entry's.
    #[inline]
    pub fn find(&self, hash: u64, is: impl FnMut(P) -> bool) -> Option<P> {
        self.page(hash).find(hash, is).map(|(_, p)| p)
    }

    /// As [`find`](Self::find), with the place where it was found.
    #[inline]
    pub fn find_slot(&self, hash: u64, is: impl FnMut(P) -> bool) -> Option<(Slot, P)> {
        let page = self.directory.page(hash);
        let (place, p) = self.page(hash).find(hash, is)?;
        Some((Slot { page, place, hash }, p))
    }

    /// Starts to bring what is stored under a hash closer: its bucket first.
    #[inline]
    pub fn probe(&self, hash: u64) -> Probe<'_, P> {
        let page = self.page(hash);
        page.prefetch(hash);
        Probe { page, hash, pointers: std::marker::PhantomData }
    }

    /// Brings closer what an insert under this hash is going to change.
    #[inline]
    pub fn prefetch_place(&self, hash: u64) {
        self.page(hash).prefetch(hash);
        self.page(hash).prefetch_header();
    }

    /// Adds a pointer whose key is not in the table. The pause is one page split at most.
    ///
    /// # Panics
    /// If hundreds of keys agree in 36 bits of their hash, which a seeded hash does not let happen.
    pub fn insert(&mut self, hash: u64, p: P, hasher: &KeyHasher) {
        loop {
            let at = self.directory.page(hash);
            if self.page_mut(at).insert(hash, p) {
                break;
            }
            self.make_room(hash, at, hasher);
        }
        self.len += 1;
        if p.deadline() != u64::MAX {
            self.note_deadline(hash, p.deadline());
        }
    }

    #[cold]
    fn make_room(&mut self, hash: u64, at: PageRef, hasher: &KeyHasher) {
        match page::grow::<P>(&self.page_mut(at), hasher) {
            Grown::Larger(page) => {
                self.page_bytes += page.bytes();
                self.directory.set(hash, page);
            }
            Grown::Split(low, high) => {
                self.page_bytes += low.bytes() + high.bytes();
                let bit = 1 << (63 - at.depth());
                self.directory.deepen(hash, low.depth());
                self.directory.set(hash & !bit, low);
                self.directory.set(hash | bit, high);
            }
            #[allow(clippy::panic)]
            Grown::Impossible => panic!("hundreds of keys share a hash: the hash function is broken"),
        }
        self.release(at);
    }

    fn release(&mut self, page: PageRef) {
        self.page_bytes -= page.bytes();
        // SAFETY: the caller took it out of the directory.
        unsafe { page.free() };
    }

    /// Notes that the key of `hash` now has this deadline, which is earlier than its last one or its first.
    pub fn note_deadline(&mut self, hash: u64, deadline: u64) {
        let at = self.directory.page(hash);
        self.page_mut(at).note_deadline(deadline);
        self.directory.note_deadline(hash, deadline);
    }

    /// Puts another pointer of the same key into the place.
    pub fn replace(&mut self, slot: &Slot, p: P) {
        self.page_mut(slot.page).replace(slot.place, p);
        if p.deadline() != u64::MAX {
            self.note_deadline(slot.hash, p.deadline());
        }
    }

    /// Takes a pointer out. What it points to is the caller's again.
    #[expect(clippy::needless_pass_by_value, reason = "the place is gone with what was in it")]
    pub fn remove(&mut self, slot: Slot, hasher: &KeyHasher) {
        self.page_mut(slot.page).remove(slot.place);
        self.len -= 1;
        self.give_room_back(slot.hash, slot.page, hasher);
    }

    fn give_room_back(&mut self, hash: u64, at: PageRef, hasher: &KeyHasher) {
        if let Some(small) = page::shrink(&self.page_mut(at)) {
            self.page_bytes += small.bytes();
            self.directory.set(hash, small);
            self.release(at);
            return;
        }
        if at.depth() == self.base || self.page(hash).count() > 48 || !self.directory.may_merge(hash) {
            return;
        }
        let bit = 1 << (64 - at.depth());
        let (low, high) = (self.directory.page(hash & !bit), self.directory.page(hash | bit));
        if low.depth() != high.depth() {
            return;
        }
        // SAFETY: two different pages of this table, which `&mut self` makes ours alone.
        let merged = unsafe { page::merge::<P>(&PageMut::new(low), &PageMut::new(high), hasher) };
        if let Some(merged) = merged {
            self.page_bytes += merged.bytes();
            self.directory.set(hash, merged);
            self.release(low);
            self.release(high);
        }
    }

    /// One step of a walk in hash order: visits pointers from `position` on, a bucket's worth, and returns the
    /// position to go on from (`None` at the end). All that is in the table from the first step to the last is
    /// visited exactly once.
    pub fn scan(&self, position: u64, hasher: &KeyHasher, mut visit: impl FnMut(P)) -> Option<u64> {
        let mut inside = smallvec::SmallVec::<[P; 16]>::new();
        let next = self.page(position).scan_bucket(position, |p: P| inside.push(p));
        inside.iter().for_each(|p| p.prefetch());
        for p in inside {
            // A position left by a page of another shape may lie within the bucket.
            if p.hash(hasher) >= position {
                visit(p);
            }
        }
        next.filter(|&n| self.base == 0 || n >> (64 - self.base) == position >> (64 - self.base))
    }

    /// Visits all pointers, in no particular order. O(n).
    pub fn for_each(&self, mut visit: impl FnMut(P)) {
        for page in self.directory.pages() {
            // SAFETY: as in `page`.
            unsafe { Page::new(page) }.for_each(&mut visit);
        }
    }

    /// A pointer near a random place: the page by `hash`, the slot in it by `n`. `None` if that slot is empty.
    pub fn pick(&self, hash: u64, n: usize) -> Option<P> {
        self.page(hash).nth(n)
    }

    /// Any pointer, each with the same probability; `random` gives 64 random bits. O(1) unless chance is unkind: `None`
    /// if it is so for long, and if the table is empty.
    ///
    /// A page is found by a random hash, so one of lesser depth is found more often, and a slot of a small page more often
    /// than one of a large page. Both are made good by drawing again.
    pub fn draw(&self, mut random: impl FnMut() -> u64) -> Option<P> {
        /// Pages merge when they have come down to this many pointers, so no page has many fewer.
        const FEW: usize = 32;
        let deepest = self.base + (self.len / FEW).max(1).ilog2() + 1;
        for _ in 0..1 << 14 {
            let (hash, bits) = (random(), random());
            let page = self.directory.page(hash);
            let only = page.depth() == self.base;
            let more_often = if only { 0 } else { deepest.saturating_sub(page.depth()) };
            if bits & ((1 << more_often.min(32)) - 1) != 0 {
                continue;
            }
            let slots = if only { page.slots() } else { page::MAX_SLOTS };
            let slot = ((bits >> 32) as usize * slots) >> 32;
            if slot < page.slots()
                && let Some(p) = self.page(hash).nth(slot)
            {
                return Some(p);
            }
        }
        None
    }

    /// A deadline before which nothing in the table is due.
    pub fn earliest(&self) -> u64 {
        self.directory.earliest()
    }

    /// The first position from `position` on in a page that may hold something with a deadline. Skips what cannot.
    pub fn skip_to_deadline(&self, position: u64) -> Option<u64> {
        let mut at = position;
        loop {
            let (earliest, after_chunk) = self.directory.chunk_earliest(at);
            let next = if earliest == u64::MAX {
                after_chunk
            } else {
                let page = self.directory.page(at);
                if self.page(at).earliest() != u64::MAX {
                    return Some(at);
                }
                directory::after(at, page.depth())
            };
            at = self.within(at, next)?;
        }
    }

    /// One step of a walk for what is due: the pointers of one page whose deadline is at most `now`, which the caller
    /// must remove. Skips what cannot be due. Returns the position to go on from.
    pub fn due(&mut self, position: u64, now: u64, out: &mut Vec<P>) -> Option<u64> {
        let (earliest, after_chunk) = self.directory.chunk_earliest(position);
        if earliest > now {
            return self.within(position, after_chunk);
        }
        let at = self.directory.page(position);
        let mut page = self.page_mut(at);
        if page.read().earliest() <= now {
            let mut rest = u64::MAX;
            page.read().for_each(|p: P| if p.deadline() <= now { out.push(p) } else { rest = rest.min(p.deadline()) });
            page.set_earliest(rest);
        }
        let next = directory::after(position, at.depth());
        if next == after_chunk {
            // SAFETY: as in `page`.
            self.directory.refresh_earliest(position, |p| unsafe { Page::new(p) }.earliest());
        }
        self.within(position, next)
    }

    fn within(&self, position: u64, next: Option<u64>) -> Option<u64> {
        next.filter(|&n| self.base == 0 || n >> (64 - self.base) == position >> (64 - self.base))
    }
}
