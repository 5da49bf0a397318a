//! Listpacks: many small strings and integers in one block of bytes, exactly as RDB stores them.
//!
//! ```text
//!  total (4, low byte first) | count (2) | entry ... | 0xff
//! ```
//!
//! Each entry carries its length in front and behind (see `entry`), so a listpack is walked in both directions. The
//! count 65535 stands for "many: walk and see".
//!
//! Invariant: the bytes between the header and the last byte are whole entries as `entry::validate` wants them, as
//! many as the count says if it says anything. A change is one move of what lies behind it.

mod entry;
#[cfg(test)]
mod tests;

use std::fmt;

use self::entry::{END, Encoded};
use super::block::{Block, Empty, Header};
use crate::codec::num::parse_i64;

/// Bytes in front of the first entry.
const HEADER: usize = 6;
/// Bytes of a listpack without entries.
const EMPTY_LEN: usize = HEADER + 1;
/// The count that stands for any number from here on.
const MANY: u16 = u16::MAX;
/// Redis refuses to let a listpack grow beyond this.
const SAFETY_LIMIT: usize = 1 << 30;

static EMPTY: Empty = Empty([EMPTY_LEN as u8, 0, 0, 0, 0, 0, END, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

struct Head;

impl Header for Head {
    const TAG: usize = 0;
    const LEN: usize = HEADER;
    const GUARDED: usize = 4;
    const EMPTY: &'static Empty = &EMPTY;

    #[inline]
    fn size(header: &[u8]) -> usize {
        header.first_chunk().map_or(0, |&total| u32::from_le_bytes(total) as usize)
    }

    #[inline]
    fn set_size(header: &mut [u8], size: usize) {
        if let (Some(total), Ok(size)) = (header.first_chunk_mut(), u32::try_from(size)) {
            *total = size.to_le_bytes();
        }
    }
}

/// A string or an integer of a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// An integer; its text is its one canonical spelling.
    Int(i64),
    /// A string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// How a string is stored: as an integer if it is the canonical spelling of one, as Redis does.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        // No integer has more than twenty characters.
        match if text.len() <= 20 { parse_i64(text) } else { None } {
            Some(n) => Self::Int(n),
            None => Self::Bytes(text),
        }
    }

    /// Its text, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// Its text; an integer is written into `buffer`.
    #[inline]
    pub fn bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Int(n) => buffer.format(n).as_bytes(),
            Self::Bytes(text) => text,
        }
    }

    /// The length of its text.
    #[allow(clippy::len_without_is_empty, reason = "an item is not a container")]
    pub fn len(self) -> usize {
        match self {
            Self::Int(n) => n.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1 + usize::from(n < 0),
            Self::Bytes(text) => text.len(),
        }
    }

    /// Whether this is its text.
    #[inline]
    pub fn is(self, text: &[u8]) -> bool {
        match self {
            Self::Int(n) => text.len() <= 20 && parse_i64(text) == Some(n),
            Self::Bytes(own) => own == text,
        }
    }

    /// The integer whose canonical spelling its text is.
    #[inline]
    pub fn as_int(self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(n),
            Self::Bytes(text) => parse_i64(text),
        }
    }
}

/// Where an entry begins. Changes in front of it or of it make it mean another entry, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

impl Pos {
    #[inline]
    fn at(self) -> usize {
        self.0 as usize
    }
}

/// These bytes are not a listpack, or not an intset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Many small strings and integers in one block of bytes. One word; an empty one allocates nothing.
#[derive(Clone)]
#[repr(transparent)]
pub struct Listpack(Block<Head>);

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Listpack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Listpack {
    /// An empty listpack.
    pub const fn new() -> Self {
        Self(Block::empty())
    }

    /// A listpack from bytes that nobody vouches for: every entry is looked at. O(length).
    ///
    /// # Errors
    /// [`Malformed`] if they are not exactly one listpack.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let (&end, body) = bytes.split_last().ok_or(Malformed)?;
        if end != END {
            return Err(Malformed);
        }
        let (mut rest, mut count) = (body.get(HEADER..).ok_or(Malformed)?, 0usize);
        while !rest.is_empty() {
            let size = entry::validate(rest).ok_or(Malformed)?;
            rest = rest.get(size..).ok_or(Malformed)?;
            count += 1;
        }
        let stated = count_of(bytes);
        if stated != MANY && usize::from(stated) != count {
            return Err(Malformed);
        }
        Block::from_bytes(bytes).map(Self).ok_or(Malformed)
    }

    /// All its bytes, as RDB stores them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// How many bytes it has. O(1).
    #[inline]
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// Bytes of its allocation. O(1).
    #[inline]
    pub fn bytes(&self) -> usize {
        self.0.allocated()
    }

    /// How many entries it has. O(1); O(entries) from 65535 on.
    pub fn len(&self) -> usize {
        match count_of(self.as_bytes()) {
            MANY => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// Whether it has no entries. O(1).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.size() == EMPTY_LEN
    }

    /// Whether so many more bytes would leave it within the limit that Redis sets.
    pub fn fits(&self, more: usize) -> bool {
        self.size().saturating_add(more) <= SAFETY_LIMIT
    }

    /// Bytes that a string takes as an entry.
    pub fn entry_size(text: &[u8]) -> usize {
        Encoded::new(Item::of(text)).size()
    }

    /// The first entry. O(1).
    #[inline]
    pub fn first(&self) -> Option<Pos> {
        (!self.is_empty()).then_some(Pos(HEADER as u32))
    }

    /// The last entry. O(1).
    #[inline]
    pub fn last(&self) -> Option<Pos> {
        self.before(self.end())
    }

    /// The entry behind this one. O(1).
    #[inline]
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        self.entry_at(pos.at() + entry::skip(self.from(pos)))
    }

    /// The entry in front of this one. O(1).
    #[inline]
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        self.before(pos.at())
    }

    /// The entry with this index, counted from the end if it is negative: -1 is the last. Walks from the nearer end.
    pub fn seek(&self, index: isize) -> Option<Pos> {
        let count = count_of(self.as_bytes());
        let (mut from_end, mut steps) = (index < 0, if index < 0 { !index as usize } else { index as usize });
        if count != MANY {
            let count = usize::from(count);
            if steps >= count {
                return None;
            }
            if steps > count / 2 {
                from_end = !from_end;
                steps = count - 1 - steps;
            }
        }
        if from_end {
            (0..steps).try_fold(self.last()?, |pos, _| self.prev(pos))
        } else {
            let bytes = self.as_bytes();
            let at = (0..steps).fold(HEADER, |at, _| at + entry::skip(bytes.get(at..).unwrap_or_default()));
            self.entry_at(at)
        }
    }

    /// What an entry holds. O(1).
    #[inline]
    pub fn get(&self, pos: Pos) -> Item<'_> {
        entry::decode(self.from(pos)).map_or(Item::Bytes(&[]), |(item, _)| item)
    }

    /// All entries in order, from both ends.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: self.as_bytes().get(HEADER..self.end()).unwrap_or_default() }
    }

    /// All entries from this one on, from both ends.
    #[inline]
    pub fn iter_at(&self, pos: Pos) -> Iter<'_> {
        Iter { rest: self.as_bytes().get(pos.at()..self.end()).unwrap_or_default() }
    }

    /// All entries up to this one, from both ends.
    #[inline]
    pub fn iter_to(&self, pos: Pos) -> Iter<'_> {
        let end = pos.at() + entry::skip(self.from(pos));
        Iter { rest: self.as_bytes().get(HEADER..end).unwrap_or_default() }
    }

    /// All entries from this one on, each with its place.
    #[inline]
    pub fn iter_from(&self, pos: Pos) -> impl Iterator<Item = (Pos, Item<'_>)> {
        let bytes = self.as_bytes();
        let mut at = pos.at();
        std::iter::from_fn(move || {
            let (item, size) = entry::decode(bytes.get(at..)?)?;
            let pos = Pos(at as u32);
            at += size;
            Some((pos, item))
        })
    }

    /// The first entry from `from` on whose text this is, looking at one entry of every `skip + 1`. O(entries).
    pub fn find(&self, from: Pos, needle: &[u8], skip: usize) -> Option<Pos> {
        let bytes = self.as_bytes();
        let int = if let Item::Int(n) = Item::of(needle) { Some(n) } else { None };
        let mut at = from.at();
        loop {
            let (item, size) = entry::decode(bytes.get(at..)?)?;
            let found = match item {
                Item::Int(n) => int == Some(n),
                // The last bytes first: names that are alike often begin alike.
                Item::Bytes(text) => text.len() == needle.len() && text.last() == needle.last() && text == needle,
            };
            if found {
                return Some(Pos(at as u32));
            }
            at += size;
            for _ in 0..skip {
                at += entry::skip(bytes.get(at..)?);
            }
        }
    }

    /// Adds a string at the end. As with everything that adds: the caller has made sure that it [`fits`](Self::fits).
    #[inline]
    pub fn push_back(&mut self, text: &[u8]) {
        self.push_back_item(Item::of(text));
    }

    /// Adds an integer at the end.
    pub fn push_back_int(&mut self, n: i64) {
        self.push_back_item(Item::Int(n));
    }

    /// Adds at the end what another listpack holds.
    #[inline]
    pub fn push_back_item(&mut self, item: Item<'_>) {
        self.put(self.end(), item);
    }

    /// Adds a string at the beginning. O(length).
    #[inline]
    pub fn push_front(&mut self, text: &[u8]) {
        self.push_front_item(Item::of(text));
    }

    /// Adds at the beginning what another listpack holds. O(length).
    #[inline]
    pub fn push_front_item(&mut self, item: Item<'_>) {
        self.put(HEADER, item);
    }

    /// Adds a string in front of an entry, and gives its place. O(length).
    pub fn insert(&mut self, before: Pos, text: &[u8]) -> Pos {
        self.put(before.at(), Item::of(text));
        before
    }

    /// Adds a string behind an entry, and gives its place. O(length).
    pub fn insert_after(&mut self, pos: Pos, text: &[u8]) -> Pos {
        let at = pos.at() + entry::skip(self.from(pos));
        self.put(at, Item::of(text));
        Pos(at as u32)
    }

    /// Puts another string in the place of an entry, and gives its place. O(length) if their sizes differ.
    pub fn replace(&mut self, pos: Pos, text: &[u8]) -> Pos {
        self.replace_item(pos, Item::of(text))
    }

    /// Puts something else in the place of an entry, and gives its place. O(length) if their sizes differ.
    pub fn replace_item(&mut self, pos: Pos, item: Item<'_>) -> Pos {
        let old = entry::skip(self.from(pos));
        self.0.splice(pos.at(), old, Encoded::new(item).parts());
        pos
    }

    /// Removes an entry, and gives the place of the next. O(length).
    pub fn remove(&mut self, pos: Pos) -> Option<Pos> {
        self.remove_at(pos, 1)
    }

    /// Removes up to `count` entries from `pos` on, and gives the place of the next. O(length).
    pub fn remove_at(&mut self, pos: Pos, count: usize) -> Option<Pos> {
        let (mut end, mut removed) = (pos.at(), 0);
        while removed < count {
            let size = entry::skip(self.as_bytes().get(end..).unwrap_or_default());
            if size == 0 {
                break;
            }
            end += size;
            removed += 1;
        }
        self.cut(pos.at(), end, removed);
        self.entry_at(pos.at())
    }

    /// Removes up to `count` entries from an index on. O(length).
    pub fn remove_range(&mut self, index: usize, count: usize) {
        let Ok(index) = isize::try_from(index) else { return };
        if let Some(pos) = self.seek(index) {
            self.remove_at(pos, count);
        }
    }

    /// Cuts it in two: this entry and all behind it go into another listpack. O(length).
    pub fn split_off(&mut self, at: Pos) -> Self {
        let mut tail = Self::new();
        let end = self.end();
        let entries = self.as_bytes().get(at.at()..end).unwrap_or_default();
        let count = Iter { rest: entries }.count();
        tail.0.splice(HEADER, 0, [entries, &[], &[]]);
        tail.add_to_count(count);
        self.cut(at.at(), end, count);
        tail
    }

    /// Adds all entries of another one at the end. O(length of the other).
    pub fn append(&mut self, other: &Self) {
        let entries = other.as_bytes().get(HEADER..other.end()).unwrap_or_default();
        if !entries.is_empty() {
            self.0.splice(self.end(), 0, [entries, &[], &[]]);
            self.add_to_count(usize::from(count_of(other.as_bytes())));
        }
    }

    /// Adds items at the end, which is resized once for all of them if they are short. O(length of the items).
    pub fn extend<'i>(&mut self, items: impl IntoIterator<Item = Item<'i>>) {
        let (mut gathered, mut len) = ([0; 512], 0);
        let mut count = 0;
        for item in items {
            let encoded = Encoded::new(item);
            if let Some(end) = encoded.write(&mut gathered, len) {
                len = end;
            } else {
                self.0.splice(self.end(), 0, [gathered.get(..len).unwrap_or_default(), &[], &[]]);
                self.0.splice(self.end(), 0, encoded.parts());
                len = 0;
            }
            count += 1;
        }
        self.0.splice(self.end(), 0, [gathered.get(..len).unwrap_or_default(), &[], &[]]);
        self.add_to_count(count);
    }

    /// Where the last byte stands, which ends the listpack.
    #[inline]
    fn end(&self) -> usize {
        self.size() - 1
    }

    #[inline]
    fn from(&self, pos: Pos) -> &[u8] {
        self.as_bytes().get(pos.at()..).unwrap_or_default()
    }

    /// The place of the entry that begins here, unless this is the end.
    #[inline]
    fn entry_at(&self, at: usize) -> Option<Pos> {
        (at < self.end()).then_some(Pos(at as u32))
    }

    #[inline]
    fn before(&self, at: usize) -> Option<Pos> {
        let entries = self.as_bytes().get(HEADER..at)?;
        Some(Pos((at - entry::skip_back(entries)?) as u32))
    }

    #[inline]
    fn put(&mut self, at: usize, item: Item<'_>) {
        self.0.splice(at, 0, Encoded::new(item).parts());
        self.add_to_count(1);
    }

    fn cut(&mut self, from: usize, to: usize, count: usize) {
        if to > from {
            self.0.splice(from, to - from, [&[]; 3]);
            let old = count_of(self.as_bytes());
            if old != MANY {
                self.set_count(old.saturating_sub(u16::try_from(count).unwrap_or(MANY)));
            }
        }
    }

    #[inline]
    fn add_to_count(&mut self, more: usize) {
        let count = usize::from(count_of(self.as_bytes())) + more;
        self.set_count(u16::try_from(count).unwrap_or(MANY));
    }

    #[inline]
    fn set_count(&mut self, count: u16) {
        self.0.write(4, &count.to_le_bytes());
    }
}

#[inline]
fn count_of(bytes: &[u8]) -> u16 {
    match bytes {
        [_, _, _, _, low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}

impl<'a> IntoIterator for &'a Listpack {
    type Item = Item<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a listpack in order, from both ends. See [`Listpack::iter`].
#[derive(Clone, Debug, Default)]
pub struct Iter<'a> {
    /// Whole entries.
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        let (item, size) = entry::decode(self.rest)?;
        self.rest = self.rest.get(size..).unwrap_or_default();
        Some(item)
    }

    fn count(mut self) -> usize {
        let mut count = 0;
        while !self.rest.is_empty() {
            self.rest = self.rest.get(entry::skip(self.rest).max(1)..).unwrap_or_default();
            count += 1;
        }
        count
    }
}

impl<'a> DoubleEndedIterator for Iter<'a> {
    #[inline]
    fn next_back(&mut self) -> Option<Item<'a>> {
        let at = self.rest.len().checked_sub(entry::skip_back(self.rest)?)?;
        let (before, last) = self.rest.split_at(at);
        self.rest = before;
        entry::decode(last).map(|(item, _)| item)
    }
}

impl std::iter::FusedIterator for Iter<'_> {}
