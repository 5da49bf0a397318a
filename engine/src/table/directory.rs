//! The directory: from the top bits of a hash to its page.
//!
//! Extendible hashing on two levels. The root maps the first bits to a chunk, the chunk the next bits to a page. A
//! page that splits doubles its chunk at most, and a chunk of 512 slots splits in two, so that nothing larger than a
//! chunk (4 KiB) and the root (4 bytes a chunk) is ever copied at once.
//!
//! Invariants: a page of depth `d` stands in all slots of its prefix and in no other; these lie in one chunk, side by
//! side. A chunk of depth `c` stands in all root slots of its prefix.

use super::page::PageRef;

const CHUNK_BITS: u32 = 9;

pub(super) struct Directory {
    /// Bits of the hash above this table: all its keys share them (the stripe's number).
    base: u32,
    root_bits: u32,
    root: Vec<u32>,
    chunks: Vec<Chunk>,
    /// Bytes of the directory's own allocations.
    bytes: usize,
}

struct Chunk {
    /// Bits of the hash, after `base`, that all pages of the chunk share.
    depth: u32,
    /// Bits after those that choose the slot.
    bits: u32,
    /// At most the earliest deadline of all its pages.
    earliest: u64,
    slots: Box<[PageRef]>,
}

/// The first `bits` bits of `hash` after the first `skip`, as a number.
#[inline(always)]
fn bits_of(hash: u64, skip: u32, bits: u32) -> usize {
    // In two steps, because a shift by 64 is not one.
    ((hash << skip) >> 1 >> (63 - bits)) as usize
}

impl Chunk {
    #[inline(always)]
    fn index(&self, hash: u64, base: u32) -> usize {
        bits_of(hash, base + self.depth, self.bits)
    }

    /// The slots in which a page of `depth` stands that holds `hash`.
    fn range(&self, hash: u64, base: u32, depth: u32) -> std::ops::Range<usize> {
        let alike = base + self.depth + self.bits - depth;
        let first = self.index(hash, base) >> alike << alike;
        first..first + (1 << alike)
    }
}

impl Directory {
    pub(super) fn new(base: u32, page: PageRef) -> Self {
        let chunk = Chunk { depth: 0, bits: 0, earliest: u64::MAX, slots: Box::new([page]) };
        Self {
            base,
            root_bits: 0,
            root: vec![0],
            chunks: vec![chunk],
            bytes: size_of::<Chunk>() + size_of::<PageRef>(),
        }
    }

    #[inline(always)]
    fn chunk_index(&self, hash: u64) -> usize {
        self.root[bits_of(hash, self.base, self.root_bits)] as usize
    }

    #[inline(always)]
    fn chunk(&self, hash: u64) -> &Chunk {
        &self.chunks[self.chunk_index(hash)]
    }

    #[inline(always)]
    pub(super) fn page(&self, hash: u64) -> PageRef {
        let chunk = self.chunk(hash);
        chunk.slots[chunk.index(hash, self.base)]
    }

    /// Puts `page` into all slots of its prefix.
    pub(super) fn set(&mut self, hash: u64, page: PageRef) {
        let (base, at) = (self.base, self.chunk_index(hash));
        let chunk = &mut self.chunks[at];
        let range = chunk.range(hash, base, page.depth());
        chunk.slots[range].fill(page);
    }

    /// Makes slots for pages of `depth` around `hash`.
    pub(super) fn deepen(&mut self, hash: u64, depth: u32) {
        loop {
            let at = self.chunk_index(hash);
            let chunk = &mut self.chunks[at];
            if depth <= self.base + chunk.depth + chunk.bits {
                return;
            }
            if chunk.bits < CHUNK_BITS {
                self.bytes += size_of_val(&*chunk.slots);
                chunk.slots = chunk.slots.iter().flat_map(|&p| [p, p]).collect();
                chunk.bits += 1;
            } else {
                self.split_chunk(hash);
            }
        }
    }

    fn split_chunk(&mut self, hash: u64) {
        let at = self.chunk_index(hash);
        if self.chunks[at].depth == self.root_bits {
            self.bytes += size_of_val(&*self.root);
            self.root = self.root.iter().flat_map(|&c| [c, c]).collect();
            self.root_bits += 1;
        }
        self.bytes += size_of::<Chunk>();
        let new = self.chunks.len() as u32;
        let chunk = &mut self.chunks[at];
        let half = chunk.slots.len() / 2;
        let high: Box<[PageRef]> = chunk.slots[half..].into();
        chunk.slots = chunk.slots[..half].into();
        chunk.depth += 1;
        chunk.bits -= 1;
        let (depth, bits, earliest) = (chunk.depth, chunk.bits, chunk.earliest);
        self.chunks.push(Chunk { depth, bits, earliest, slots: high });
        let alike = self.root_bits - depth;
        let first = (bits_of(hash, self.base, self.root_bits) >> alike | 1) << alike;
        self.root[first..first + (1 << alike)].fill(new);
    }

    /// Whether the page around `hash` may become one with its sibling: a page never spans chunks.
    pub(super) fn may_merge(&self, hash: u64) -> bool {
        let chunk = self.chunk(hash);
        chunk.slots[chunk.index(hash, self.base)].depth() > self.base + chunk.depth
    }

    pub(super) fn note_deadline(&mut self, hash: u64, deadline: u64) {
        let at = self.chunk_index(hash);
        self.chunks[at].earliest = self.chunks[at].earliest.min(deadline);
    }

    /// At most the earliest deadline of all pages in the chunk of `hash`, and the first hash after that chunk.
    pub(super) fn chunk_earliest(&self, hash: u64) -> (u64, Option<u64>) {
        let chunk = self.chunk(hash);
        (chunk.earliest, after(hash, self.base + chunk.depth))
    }

    /// Replaces the chunk's earliest deadline by the least of what `page_earliest` says of its pages.
    pub(super) fn refresh_earliest(&mut self, hash: u64, page_earliest: impl Fn(PageRef) -> u64) {
        let at = self.chunk_index(hash);
        let chunk = &mut self.chunks[at];
        chunk.earliest = chunk.slots.iter().map(|&p| page_earliest(p)).min().unwrap_or(u64::MAX);
    }

    /// The earliest deadline of all pages, or less.
    pub(super) fn earliest(&self) -> u64 {
        self.chunks.iter().map(|c| c.earliest).min().unwrap_or(u64::MAX)
    }

    /// All pages, each once, in no particular order.
    pub(super) fn pages(&self) -> impl Iterator<Item = PageRef> + '_ {
        self.chunks.iter().flat_map(|chunk| {
            let mut last = None;
            chunk.slots.iter().copied().filter(move |&p| last.replace(p) != Some(p))
        })
    }

    /// Bytes of the directory's own allocations. O(1).
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The first hash after all those that share the first `depth` bits of `hash`; `None` past the last.
pub(super) fn after(hash: u64, depth: u32) -> Option<u64> {
    if depth == 0 { None } else { ((hash >> (64 - depth)) + 1).checked_shl(64 - depth).filter(|&h| h != 0) }
}
