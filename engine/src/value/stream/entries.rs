//! The entries of a stream: blocks in the order of their ids, and what is known of all of them.
//!
//! Nearly every change is at one of the two ends, so blocks stand in a queue with room at both: an entry is added in
//! constant time, and found by halving.
//!
//! Invariants: ids ascend from block to block; `len` is the sum of the blocks' entries; `first` is the id of the first
//! entry, or zero; no entry is greater than `last`.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::StreamId;
use super::block::{Block, Entry};
use crate::value::listpack::Pos;
use crate::value::{Listpack, size_class};

/// The most bytes of a block, whatever the setting, and of an entry's fields and values.
const MAX_BLOCK: usize = 1 << 30;

/// When a block is full.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// `stream-node-max-bytes`; 0 for no limit.
    pub bytes: u64,
    /// `stream-node-max-entries`; 0 for no limit.
    pub entries: u64,
}

/// What to cut off at the beginning of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrimTo {
    /// All but the last so many entries.
    MaxLen(u64),
    /// All entries before this id.
    MinId(StreamId),
}

/// The fields and values are too long for an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge;

/// Where an entry was found, to go on from there. Once entries have moved, it leads nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    moves: u64,
    at: Pos,
}

/// What is known of the entries of a stream beside themselves.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// The last id that was given out.
    pub last: StreamId,
    /// How many entries have ever been added.
    pub added: u64,
    /// The greatest id of a deleted entry.
    pub max_deleted: StreamId,
}

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    blocks: VecDeque<Block>,
    /// Bytes of all blocks' listpacks.
    pack_bytes: usize,
    len: u64,
    added: u64,
    first: StreamId,
    last: StreamId,
    max_deleted: StreamId,
    /// How often entries may have moved within their blocks, or gone.
    moves: u64,
}

impl Entries {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many have ever been added.
    pub fn added(&self) -> u64 {
        self.added
    }

    /// The id of the first entry; zero if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first
    }

    /// The last id that was given out, whether or not its entry is still there.
    pub fn last_id(&self) -> StreamId {
        self.last
    }

    /// The greatest id of a deleted entry.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted
    }

    /// The id of the last entry that is there. O(1), unless the last entries have been deleted.
    pub fn top_id(&self) -> Option<StreamId> {
        self.walk(StreamId::MIN, StreamId::MAX, true).next().map(|entry| entry.id)
    }

    /// How many blocks they are kept in.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The blocks, as RDB stores them: what their ids are differences to, and their listpacks.
    pub fn packs(&self) -> impl Iterator<Item = (StreamId, &Listpack)> {
        self.blocks.iter().map(|block| (block.master, block.pack()))
    }

    /// Entries out of blocks that nobody vouches for. Nothing if they are not what blocks have to be, or say other than
    /// the totals. O(entries).
    pub fn from_packs(packs: Vec<(StreamId, Listpack)>, totals: Totals) -> Option<Self> {
        let Totals { last, added, max_deleted } = totals;
        let mut entries = Self { last, added, max_deleted, ..Self::default() };
        let mut before = None;
        for (master, pack) in packs {
            let (block, len) = Block::from_pack(master, pack, &mut before)?;
            entries.len = entries.len.checked_add(len)?;
            entries.pack_bytes += block.pack().bytes();
            entries.blocks.push_back(block);
        }
        entries.first = entries.walk(StreamId::MIN, StreamId::MAX, false).next().map_or(StreamId::MIN, |e| e.id);
        (before.is_none_or(|id| id <= last)).then_some(entries)
    }

    /// The bytes of the blocks as they are kept account of, and counted.
    #[cfg(test)]
    pub(super) fn pack_bytes(&self) -> (usize, usize) {
        (self.pack_bytes, self.packs().map(|(_, pack)| pack.bytes()).sum())
    }

    /// Bytes of all allocations. O(1).
    pub fn bytes(&self) -> usize {
        self.pack_bytes + size_class(self.blocks.capacity() * size_of::<Block>())
    }

    /// Sets the last id and, where they are given, the two figures that go with it.
    pub fn set_last_id(&mut self, last: StreamId, added: Option<u64>, max_deleted: Option<StreamId>) {
        self.last = last;
        self.added = added.unwrap_or(self.added);
        self.max_deleted = max_deleted.unwrap_or(self.max_deleted);
    }

    /// Adds an entry, whose id is greater than all before. `words` are fields and values in turn. O(fields).
    ///
    /// # Errors
    /// [`TooLarge`]; nothing is changed.
    pub fn push(&mut self, id: StreamId, words: &[&[u8]], limits: BlockLimits) -> Result<(), TooLarge> {
        debug_assert!(id > self.last);
        let more = words.iter().fold(0_usize, |sum, word| sum.saturating_add(word.len()));
        if more > MAX_BLOCK {
            return Err(TooLarge);
        }
        match self.blocks.back_mut().filter(|block| has_room(block, more, limits)) {
            Some(block) => {
                let before = block.pack().bytes();
                self.moves += u64::from(block.push(id, words));
                self.pack_bytes = self.pack_bytes - before + block.pack().bytes();
            }
            None => {
                let block = Block::new(id, words);
                self.pack_bytes += block.pack().bytes();
                self.blocks.push_back(block);
            }
        }
        self.added = self.added.wrapping_add(1);
        self.last = id;
        self.len += 1;
        if self.len == 1 {
            self.first = id;
        }
        Ok(())
    }

    /// The entry with an id. O(log blocks + entries of a block).
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.walk(id, id, false).next()
    }

    /// The entries from one id to another, both included, or back. O(log blocks + entries of a block) to begin.
    pub fn walk(&self, start: StreamId, end: StreamId, backwards: bool) -> Walk<'_> {
        let mut walk = Walk { entries: self, block: 0, at: None, is_given: false, start, end, backwards };
        if start > end || start > self.last || end < self.first || self.len == 0 {
            return walk;
        }
        let from = if backwards { end } else { start.max(self.first) };
        walk.block = self.block_of(from);
        walk.at = self.blocks.get(walk.block).and_then(|block| block.seek(from, backwards));
        if walk.at.is_none() {
            walk.enter_next_block();
        }
        walk
    }

    /// The entries behind an id. O(log blocks) to begin if this is where that one was found, and no entry has moved
    /// since; otherwise as [`walk`](Self::walk).
    pub fn walk_on(&self, after: StreamId, place: Option<Place>) -> Option<Walk<'_>> {
        let start = after.next().filter(|&start| start <= self.last)?;
        if let Some(place) = place.filter(|place| place.moves == self.moves) {
            let block = self.block_of(after);
            let at = self.blocks.get(block).and_then(|block| block.at(place.at));
            if at.is_some_and(|entry| entry.id == after) {
                let (is_given, end, backwards) = (true, StreamId::MAX, false);
                return Some(Walk { entries: self, block, at, is_given, start, end, backwards });
            }
        }
        Some(self.walk(start, StreamId::MAX, false))
    }

    /// Where an entry of this stream is.
    pub fn place(&self, entry: &Entry<'_>) -> Place {
        Place { moves: self.moves, at: entry.start() }
    }

    /// The block that holds an id, if any does: the last one that begins at it or before it, or the first.
    fn block_of(&self, id: StreamId) -> usize {
        // Readers are mostly at the end.
        match self.blocks.back() {
            Some(last) if last.master <= id => self.blocks.len() - 1,
            _ => self.blocks.partition_point(|block| block.master <= id).saturating_sub(1),
        }
    }

    /// Deletes an entry; false if it is not there. O(log blocks + entries of a block).
    pub fn delete(&mut self, id: StreamId) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let at = self.block_of(id);
        let Some(block) = self.blocks.get_mut(at) else { return false };
        self.moves += 1;
        let before = block.pack().bytes();
        if block.len() <= 1 {
            self.blocks.remove(at);
            self.pack_bytes -= before;
        } else {
            block.delete(id, id, 1);
            self.pack_bytes = self.pack_bytes - before + block.pack().bytes();
        }
        self.len -= 1;
        self.max_deleted = self.max_deleted.max(id);
        if id == self.first {
            self.find_first();
        }
        true
    }

    /// Removes entries from the beginning and says how many. If `roughly`, only whole blocks go. Blocks that would
    /// bring the number above `limit` stay; 0 for no limit. O(blocks removed + entries of a block).
    pub fn trim(&mut self, to: TrimTo, roughly: bool, limit: u64) -> u64 {
        let mut removed = 0;
        while let Some(block) = self.blocks.front_mut() {
            let live = block.len();
            let is_done = matches!(to, TrimTo::MaxLen(max) if self.len <= max);
            if is_done || limit > 0 && removed + live > limit {
                break;
            }
            let before = block.pack().bytes();
            let goes_whole = match to {
                TrimTo::MaxLen(max) => self.len - live >= max,
                TrimTo::MinId(min) => block.last().is_none_or(|entry| entry.id < min),
            };
            if goes_whole {
                self.pack_bytes -= before;
                self.blocks.pop_front();
                self.len -= live;
                removed += live;
                continue;
            }
            if roughly {
                break;
            }
            let done = match to {
                TrimTo::MaxLen(max) => block.delete(StreamId::MIN, StreamId::MAX, self.len - max),
                TrimTo::MinId(min) => min.prev().map_or(0, |last| block.delete(StreamId::MIN, last, u64::MAX)),
            };
            let (is_empty, after) = (block.len() == 0, block.pack().bytes());
            self.pack_bytes = self.pack_bytes - before + after;
            if is_empty {
                self.pack_bytes -= after;
                self.blocks.pop_front();
            }
            self.len -= done;
            removed += done;
            break;
        }
        if removed > 0 {
            self.moves += 1;
            self.find_first();
        }
        removed
    }

    fn find_first(&mut self) {
        self.first = StreamId::MIN;
        self.first = self.walk(StreamId::MIN, StreamId::MAX, false).next().map_or(StreamId::MIN, |entry| entry.id);
    }

    /// Whether an entry behind `after` may have been deleted, but for those at the beginning of the stream.
    ///
    /// Those count at two places, where all versions of Redis after 7.0 have them count.
    pub fn has_gaps_after(&self, after: StreamId) -> bool {
        let deleted = self.max_deleted;
        let counts = deleted >= self.first || after.is_zero() || after == deleted;
        !self.is_empty() && !deleted.is_zero() && after <= deleted && counts
    }

    /// How many entries had been added when the one with this id was, if that can be told.
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if self.is_empty() && id <= self.last || id == self.last {
            return Some(self.added);
        }
        if id > self.last || !self.max_deleted.is_zero() && self.max_deleted >= self.first {
            return None;
        }
        match id.cmp(&self.first) {
            Ordering::Less => Some(self.added.wrapping_sub(self.len)),
            Ordering::Equal => Some(self.added.wrapping_sub(self.len).wrapping_add(1)),
            Ordering::Greater => None,
        }
    }
}

/// Whether an entry of so many bytes still goes into a block. As Redis judges it, so that blocks end at the same entries.
fn has_room(block: &Block, more: usize, limits: BlockLimits) -> bool {
    let max = usize::try_from(limits.bytes).unwrap_or(MAX_BLOCK);
    let max = if max == 0 || max > MAX_BLOCK { MAX_BLOCK } else { max };
    block.pack().size() + more < max && (limits.entries == 0 || block.len_with_deleted() < limits.entries)
}

/// Entries one after the other.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    entries: &'a Entries,
    block: usize,
    /// The next entry, or the last one that was given: what is behind it is looked up only when it is asked for.
    at: Option<Entry<'a>>,
    is_given: bool,
    start: StreamId,
    end: StreamId,
    backwards: bool,
}

impl<'a> Walk<'a> {
    fn step(&mut self, entry: &Entry<'a>) {
        let Some(block) = self.entries.blocks.get(self.block) else { return };
        self.at = if self.backwards { block.before(entry) } else { block.after(entry) };
        if self.at.is_none() {
            self.enter_next_block();
        }
    }

    fn enter_next_block(&mut self) {
        let next = if self.backwards { self.block.checked_sub(1) } else { self.block.checked_add(1) };
        let Some(next) = next else { return };
        self.block = next;
        let block = self.entries.blocks.get(next);
        self.at = block.and_then(|block| if self.backwards { block.last() } else { block.first() });
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if std::mem::take(&mut self.is_given)
                && let Some(given) = self.at.take()
            {
                self.step(&given);
            }
            let entry = self.at?;
            let is_past = if self.backwards { entry.id < self.start } else { entry.id > self.end };
            if is_past {
                self.at = None;
                return None;
            }
            self.is_given = true;
            if !entry.is_deleted() && entry.id >= self.start && entry.id <= self.end {
                return Some(entry);
            }
        }
    }
}
