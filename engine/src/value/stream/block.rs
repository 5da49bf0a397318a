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

/// The master entry's fields.
#[derive(Clone, Copy, Debug)]
struct Master {
    fields: Pos,
    number: u32,
}

/// An entry of a stream, where it is stored.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: StreamId,
    pack: &'a Listpack,
    start: Pos,
    /// Its first value; its first field if it has its own.
    values: Pos,
    /// Those of its block, so that they are looked up once for many entries.
    master: Master,
    /// How many fields it has.
    len: u32,
    has_masters: bool,
    is_deleted: bool,
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

    /// A block out of a listpack that nobody vouches for, with the number of its entries. Its ids have to follow `before`,
    /// which becomes the last of them. Nothing if it is none.
    pub(super) fn from_pack(master: StreamId, pack: Listpack, before: &mut Option<StreamId>) -> Option<(Self, u64)> {
        let mut items = pack.iter();
        let int = |items: &mut dyn Iterator<Item = Item<'_>>| items.next().and_then(Item::as_int);
        let (live, deleted, number) = (int(&mut items)?, int(&mut items)?, int(&mut items)?);
        let fields = usize::try_from(number).ok()?;
        if fields > 0 {
            items.nth(fields - 1)?;
        }
        if int(&mut items)? != 0 {
            return None;
        }
        let (mut found, mut gone) = (0, 0);
        while let Some(flags) = items.next() {
            let flags = flags.as_int()?;
            let (ms, seq) = (int(&mut items)? as u64, int(&mut items)? as u64);
            let id = StreamId { ms: master.ms.wrapping_add(ms), seq: master.seq.wrapping_add(seq) };
            if before.is_some_and(|before| id <= before) {
                return None;
            }
            *before = Some(id);
            let (words, elements) = match flags & SAME_FIELDS {
                0 => {
                    let own = int(&mut items)?;
                    (usize::try_from(own).ok()?.checked_mul(2)?, own.checked_mul(2)?.checked_add(4)?)
                }
                _ => (fields, number.checked_add(3)?),
            };
            if words > 0 {
                items.nth(words - 1)?;
            }
            if int(&mut items)? != elements {
                return None;
            }
            *(if flags & DELETED == 0 { &mut found } else { &mut gone }) += 1;
        }
        let is_right = found == live && gone == deleted && live > 0 && u32::try_from(number).is_ok();
        is_right.then(|| (Self { master, pack }, live.unsigned_abs()))
    }

    /// Adds an entry behind all others, and says whether that moved them.
    pub(super) fn push(&mut self, id: StreamId, words: &[&[u8]]) -> bool {
        let (live, same) = self.compare(words);
        self.write(id, words, same);
        self.set_count(0, live + 1)
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

    /// How many entries there are, and whether these are the master entry's fields.
    fn compare(&self, words: &[&[u8]]) -> (i64, bool) {
        let mut items = self.pack.iter();
        let live = items.next().and_then(Item::as_int).unwrap_or(0);
        let number = items.nth(1);
        let same = number == Some(Item::Int((words.len() / 2) as i64))
            && words.iter().step_by(2).all(|field| items.next().is_some_and(|item| item.is(field)));
        (live, same)
    }

    /// How many entries there are, and how many that are deleted.
    fn counts(&self) -> (i64, i64) {
        let mut items = self.pack.iter();
        let mut next = || items.next().and_then(Item::as_int).unwrap_or(0);
        (next(), next())
    }

    /// Sets one of the counts, and says whether that moved what is behind it.
    fn set_count(&mut self, index: isize, n: i64) -> bool {
        let before = self.pack.size();
        if let Some(at) = self.pack.seek(index) {
            self.pack.replace_item(at, Item::Int(n));
        }
        self.pack.size() != before
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

    fn master(&self) -> Option<Master> {
        let mut items = self.pack.iter_from(self.pack.first()?);
        let number = items.nth(2)?.1.as_int()?;
        Some(Master { fields: items.next()?.0, number: u32::try_from(number).ok()? })
    }

    /// The first entry, deleted or not.
    pub(super) fn first(&self) -> Option<Entry<'_>> {
        let master = self.master()?;
        // The zero that ends the master entry is passed too.
        let start = (0..=master.number).try_fold(master.fields, |at, _| self.pack.next(at))?;
        self.entry(start, master)
    }

    /// The last entry, deleted or not.
    pub(super) fn last(&self) -> Option<Entry<'_>> {
        self.ending_at(self.pack.last()?, self.master()?)
    }

    /// The entry behind another, deleted or not.
    pub(super) fn after(&self, entry: &Entry<'_>) -> Option<Entry<'_>> {
        let words = if entry.has_masters { entry.len } else { entry.len.saturating_mul(2) };
        let start = (0..=words).try_fold(entry.values, |at, _| self.pack.next(at))?;
        self.entry(start, entry.master)
    }

    /// The entry before another, deleted or not.
    pub(super) fn before(&self, entry: &Entry<'_>) -> Option<Entry<'_>> {
        self.ending_at(self.pack.prev(entry.start)?, entry.master)
    }

    /// The entry at a place that was [`Entry::start`] of one, if nothing has moved since.
    pub(super) fn at(&self, start: Pos) -> Option<Entry<'_>> {
        self.entry(start, self.master()?)
    }

    /// The first entry with this id or a greater one; if `backwards`, the last with this id or a smaller one. Deleted or
    /// not. Walks from the end that is likely to be nearer.
    pub(super) fn seek(&self, id: StreamId, backwards: bool) -> Option<Entry<'_>> {
        let (first, last) = (self.first()?, self.last()?);
        let far = |from: StreamId, to: StreamId| match first.id.ms == last.id.ms {
            true => to.seq.wrapping_sub(from.seq),
            false => to.ms.wrapping_sub(from.ms),
        };
        let is_wanted = |entry: &Entry<'_>| if backwards { entry.id <= id } else { entry.id >= id };
        let (mut at, from_end) = match (id < first.id, id > last.id) {
            (true, _) => return Some(first).filter(is_wanted),
            (_, true) => return Some(last).filter(is_wanted),
            _ if far(first.id, id) > far(id, last.id) => (last, true),
            _ => (first, false),
        };
        // Both loops end one entry after the wanted one, or at it.
        loop {
            if at.id == id || is_wanted(&at) && from_end == backwards {
                return Some(at);
            }
            let next = if from_end { self.before(&at) } else { self.after(&at) };
            match next {
                Some(next) if is_wanted(&next) || !is_wanted(&at) => at = next,
                _ => return Some(at).filter(is_wanted),
            }
        }
    }

    /// The entry whose count of elements stands here; none if that is the end of the master entry.
    fn ending_at(&self, end: Pos, master: Master) -> Option<Entry<'_>> {
        let elements = int(&self.pack, end).filter(|&n| n > 0)?;
        let start = (0..elements).try_fold(end, |at, _| self.pack.prev(at))?;
        self.entry(start, master)
    }

    fn entry(&self, start: Pos, master: Master) -> Option<Entry<'_>> {
        let mut items = self.pack.iter_from(start);
        let mut next = || items.next().and_then(|(_, item)| item.as_int());
        let (flags, ms, seq) = (next()?, next()?, next()?);
        let (mut values, item) = items.next()?;
        let id = StreamId::new(self.master.ms.wrapping_add(ms as u64), self.master.seq.wrapping_add(seq as u64));
        let has_masters = flags & SAME_FIELDS != 0;
        let mut len = master.number;
        if !has_masters {
            len = u32::try_from(item.as_int()?).ok()?;
            values = items.next()?.0;
        }
        let is_deleted = flags & DELETED != 0;
        Some(Entry { id, pack: &self.pack, start, values, master, len, has_masters, is_deleted })
    }

    /// Deletes entries between two ids, both included, at most so many, and says how many those were. At least one
    /// entry is left: a block without any is removed whole.
    pub(super) fn delete(&mut self, from: StreamId, to: StreamId, most: u64) -> u64 {
        let (live, deleted) = self.counts();
        let mut done = 0;
        let mut entry = self.seek(from, false);
        while let Some(e) = entry {
            let (start, master) = (e.start, e.master);
            if e.id > to || done >= most {
                break;
            }
            if !e.is_deleted {
                let flags = int(&self.pack, start).unwrap_or(0) | DELETED;
                // As long as before: positions stay.
                self.pack.replace_item(start, Item::Int(flags));
                done += 1;
            }
            entry = self.entry(start, master).and_then(|e| self.after(&e));
        }
        if done > 0 {
            let n = done as i64;
            self.set_count(0, live - n);
            self.set_count(1, deleted + n);
        }
        done
    }
}

fn int(pack: &Listpack, at: Pos) -> Option<i64> {
    match pack.get(at) {
        Item::Int(n) => Some(n),
        Item::Bytes(_) => None,
    }
}

impl<'a> Entry<'a> {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no fields, which only foreign files can bring about.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it has been deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// Where it begins in its block.
    pub(super) fn start(&self) -> Pos {
        self.start
    }

    /// Its fields and their values, in the order in which they were given.
    pub fn fields(&self) -> Fields<'a> {
        let fields = self.has_masters.then_some(self.master.fields);
        Fields { pack: self.pack, left: self.len(), fields, values: Some(self.values) }
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
