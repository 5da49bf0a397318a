//! A block of entries: a listpack in the layout that RDB stores.
//!
//! ```text
//!  entries  deleted  number of fields  field ...  0                       the master entry
//!  flags  ms  seq  value ...                              elements        an entry with the master's fields
//!  flags  ms  seq  number of fields  field value ...      elements        an entry with others
//! ```
//!
//! The ids are differences to the block's own, which is that of its first entry when it was made. `elements` counts the
//! elements of the entry before it, to read the block backwards. A deleted entry stays where it is, with a flag.
//!
//! Invariant: `entries` is how many entries have no flag, and at least one; ids ascend.

use super::StreamId;
use crate::value::listpack::{Item, Listpack, Pos};

/// The entry has been deleted.
const DELETED: i64 = 1;
/// The entry has the fields of the master entry, which are not repeated.
const SAME_FIELDS: i64 = 2;

/// A few consecutive entries.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// What ids in the block are differences to.
    pub(super) master: StreamId,
    pack: Listpack,
}

/// An entry of a stream, where it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    pack: &'a Listpack,
    start: Pos,
    is_deleted: bool,
    /// How many fields it has.
    len: usize,
    /// The first of the master's fields, if it has the same.
    fields: Option<Pos>,
    /// Its first value; its first field if it has its own.
    values: Option<Pos>,
}

impl Block {
    /// A block with its first entry. `words` are fields and values in turn.
    pub(super) fn new(id: StreamId, words: &[&[u8]]) -> Self {
        let mut pack = Listpack::new();
        let fields = words.iter().step_by(2).map(|field| Item::of(field));
        let head = [1, 0, (words.len() / 2) as i64].map(Item::Int);
        pack.extend(head.into_iter().chain(fields).chain([Item::Int(0)]));
        let mut block = Self { master: id, pack };
        block.write(id, words, true);
        block
    }

    /// Adds an entry behind all others.
    pub(super) fn push(&mut self, id: StreamId, words: &[&[u8]]) {
        let (live, deleted) = self.counts();
        self.write(id, words, self.has_fields(words));
        self.set_counts(live + 1, deleted);
    }

    fn write(&mut self, id: StreamId, words: &[&[u8]], same: bool) {
        let number = (words.len() / 2) as i64;
        let (ms, seq) = (id.ms.wrapping_sub(self.master.ms), id.seq.wrapping_sub(self.master.seq));
        let head = [if same { SAME_FIELDS } else { 0 }, ms as i64, seq as i64].map(Item::Int);
        let items = |from: usize, step: usize| words.iter().skip(from).step_by(step).map(|word| Item::of(word));
        if same {
            let end = [Item::Int(number + 3)];
            self.pack.extend(head.into_iter().chain(items(1, 2)).chain(end));
        } else {
            let (number, end) = ([Item::Int(number)], [Item::Int(number * 2 + 4)]);
            self.pack.extend(head.into_iter().chain(number).chain(items(0, 1)).chain(end));
        }
    }

    /// Whether these are the master entry's fields.
    fn has_fields(&self, words: &[&[u8]]) -> bool {
        let mut at = self.element(2);
        if self.int(at) != Some((words.len() / 2) as i64) {
            return false;
        }
        words.iter().step_by(2).all(|field| {
            at = at.and_then(|at| self.pack.next(at));
            at.is_some_and(|at| self.pack.get(at).is(field))
        })
    }

    fn element(&self, index: usize) -> Option<Pos> {
        let first = self.pack.first();
        (0..index).fold(first, |at, _| self.pack.next(at?))
    }

    fn int(&self, at: Option<Pos>) -> Option<i64> {
        int(&self.pack, at)
    }

    /// How many entries there are, and how many that are deleted.
    fn counts(&self) -> (i64, i64) {
        let live = self.pack.first();
        let deleted = live.and_then(|at| self.pack.next(at));
        (self.int(live).unwrap_or(0), self.int(deleted).unwrap_or(0))
    }

    /// Positions behind the counts may change.
    fn set_counts(&mut self, live: i64, deleted: i64) {
        for (index, n) in [live, deleted].into_iter().enumerate() {
            if let Some(at) = self.element(index) {
                self.pack.replace_item(at, Item::Int(n));
            }
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> u64 {
        self.counts().0.max(0).unsigned_abs()
    }

    /// How many entries there are or have been.
    pub(super) fn len_with_deleted(&self) -> u64 {
        let (live, deleted) = self.counts();
        live.saturating_add(deleted).max(0).unsigned_abs()
    }

    /// The listpack.
    pub(super) fn pack(&self) -> &Listpack {
        &self.pack
    }

    /// Where the master entry's fields begin, how many there are, and its end, which is a zero.
    fn master_entry(&self) -> Option<(Pos, i64, Pos)> {
        let number_at = self.element(2)?;
        let number = self.int(Some(number_at))?;
        let fields = self.pack.next(number_at)?;
        let end = (0..number).try_fold(fields, |at, _| self.pack.next(at))?;
        Some((fields, number, end))
    }

    /// The first entry, deleted or not.
    pub(super) fn first(&self) -> Option<Entry<'_>> {
        let (.., end) = self.master_entry()?;
        self.entry(self.pack.next(end)?)
    }

    /// The last entry, deleted or not.
    pub(super) fn last(&self) -> Option<Entry<'_>> {
        self.ending_at(self.pack.last()?)
    }

    /// The entry behind another, deleted or not.
    pub(super) fn after(&self, entry: &Entry<'_>) -> Option<Entry<'_>> {
        let words = if entry.fields.is_some() { entry.len } else { entry.len * 2 };
        let mut at = entry.values?;
        for _ in 0..words {
            at = self.pack.next(at)?;
        }
        self.entry(self.pack.next(at)?)
    }

    /// The entry before another, deleted or not.
    pub(super) fn before(&self, entry: &Entry<'_>) -> Option<Entry<'_>> {
        self.ending_at(self.pack.prev(entry.start)?)
    }

    /// The entry whose count of elements stands here; none if that is the end of the master entry.
    fn ending_at(&self, end: Pos) -> Option<Entry<'_>> {
        let elements = self.int(Some(end)).filter(|&n| n > 0)?;
        let start = (0..elements).try_fold(end, |at, _| self.pack.prev(at))?;
        self.entry(start)
    }

    fn entry(&self, start: Pos) -> Option<Entry<'_>> {
        let pack = &self.pack;
        let ms_at = pack.next(start)?;
        let seq_at = pack.next(ms_at)?;
        let flags = int(pack, Some(start))?;
        let (ms, seq) = (int(pack, Some(ms_at))?, int(pack, Some(seq_at))?);
        let id = StreamId::new(self.master.ms.wrapping_add(ms as u64), self.master.seq.wrapping_add(seq as u64));
        let mut values = pack.next(seq_at)?;
        let (fields, len) = if flags & SAME_FIELDS != 0 {
            let number_at = self.element(2)?;
            (Some(pack.next(number_at)?), int(pack, Some(number_at))?)
        } else {
            let len = int(pack, Some(values))?;
            values = pack.next(values)?;
            (None, len)
        };
        let len = usize::try_from(len).ok()?;
        Some(Entry { id, pack, start, is_deleted: flags & DELETED != 0, len, fields, values: Some(values) })
    }

    /// Deletes entries between two ids, both included, at most so many, and says how many those were. At least one
    /// entry is left: a block without any is removed whole.
    pub(super) fn delete(&mut self, from: StreamId, to: StreamId, most: u64) -> u64 {
        let (live, deleted) = self.counts();
        let mut done = 0;
        let mut entry = self.first();
        while let Some(e) = entry {
            let start = e.start;
            let (id, is_deleted) = (e.id, e.is_deleted);
            if id > to || done >= most {
                break;
            }
            if id >= from && !is_deleted {
                let flags = int(&self.pack, Some(start)).unwrap_or(0) | DELETED;
                // As long as before: positions stay.
                self.pack.replace_item(start, Item::Int(flags));
                done += 1;
            }
            entry = self.entry(start).and_then(|e| self.after(&e));
        }
        if done > 0 {
            let n = done as i64;
            self.set_counts(live - n, deleted + n);
        }
        done
    }
}

fn int(pack: &Listpack, at: Option<Pos>) -> Option<i64> {
    match pack.get(at?) {
        Item::Int(n) => Some(n),
        Item::Bytes(_) => None,
    }
}

impl<'a> Entry<'a> {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no fields, which only foreign files can bring about.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has been deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// Its fields and their values, in the order in which they were given.
    pub fn fields(&self) -> Fields<'a> {
        Fields { pack: self.pack, left: self.len, fields: self.fields, values: self.values }
    }
}

/// Fields of an entry and their values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    pack: &'a Listpack,
    left: usize,
    fields: Option<Pos>,
    values: Option<Pos>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let field = match self.fields {
            Some(at) => {
                self.fields = self.pack.next(at);
                at
            }
            None => {
                let at = self.values?;
                self.values = self.pack.next(at);
                at
            }
        };
        let value = self.values?;
        self.values = self.pack.next(value);
        Some((self.pack.get(field), self.pack.get(value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}
