//! Intsets: a few integers in order in one block of bytes, exactly as RDB stores them.
//!
//! ```text
//!  width (4, low byte first) | count (4) | integer ... in ascending order, each of `width` bytes
//! ```
//!
//! The width is 2, 4 or 8, as the greatest integer that ever was in the set needed it.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

use super::block::{Block, Empty, Header};
use super::listpack::Malformed;

/// Bytes in front of the first integer.
const HEADER: usize = 8;

static EMPTY: Empty = Empty([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

struct Head;

impl Header for Head {
    const TAG: usize = 2;
    const LEN: usize = HEADER;
    const GUARDED: usize = HEADER;
    const EMPTY: &'static Empty = &EMPTY;

    #[inline]
    fn size(header: &[u8]) -> usize {
        let (width, count) = parts(header);
        HEADER + width * count
    }

    fn set_size(header: &mut [u8], size: usize) {
        let (width, _) = parts(header);
        let count = size.saturating_sub(HEADER).checked_div(width).and_then(|count| u32::try_from(count).ok());
        if let (Some(count), Some(to)) = (count, header.last_chunk_mut()) {
            *to = count.to_le_bytes();
        }
    }
}

/// Width and count, as a header states them.
#[inline]
fn parts(bytes: &[u8]) -> (usize, usize) {
    match bytes.first_chunk::<HEADER>() {
        Some(&[a, b, c, d, e, f, g, h]) => {
            (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize)
        }
        None => (0, 0),
    }
}

/// Integers in ascending order in one block of bytes. One word; an empty one allocates nothing.
#[derive(Clone)]
#[repr(transparent)]
pub struct Intset(Block<Head>);

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Intset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Intset {
    /// An empty set.
    pub const fn new() -> Self {
        Self(Block::empty())
    }

    /// A set from bytes that nobody vouches for. O(integers).
    ///
    /// # Errors
    /// [`Malformed`] if they are not exactly one intset: the length, the width, or the order is wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        if !matches!(parts(bytes).0, 2 | 4 | 8) {
            return Err(Malformed);
        }
        let set = Self(Block::from_bytes(bytes).ok_or(Malformed)?);
        if set.iter().is_sorted_by(|a, b| a < b) { Ok(set) } else { Err(Malformed) }
    }

    /// All its bytes, as RDB stores them.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Bytes of its allocation. O(1).
    pub fn bytes(&self) -> usize {
        self.0.allocated()
    }

    /// How many integers it has. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        parts(self.as_bytes()).1
    }

    /// Whether it has none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The integer with this index, in ascending order. O(1).
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let bytes = self.as_bytes();
        let (width, count) = parts(bytes);
        if index >= count {
            return None;
        }
        read(width, bytes.get(HEADER + index * width..)?)
    }

    /// The least. O(1).
    pub fn min(&self) -> Option<i64> {
        self.get(0)
    }

    /// The greatest. O(1).
    pub fn max(&self) -> Option<i64> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Whether it has this integer. O(log integers).
    #[inline]
    pub fn contains(&self, n: i64) -> bool {
        self.search(n).is_ok()
    }

    /// Adds an integer; false if it is there. O(integers).
    pub fn insert(&mut self, n: i64) -> bool {
        let Err(index) = self.search(n) else { return false };
        let width = width_of(n);
        if width > parts(self.as_bytes()).0 {
            self.widen(width, n);
        } else {
            let width = parts(self.as_bytes()).0;
            let bytes = n.to_le_bytes();
            let bytes = bytes.get(..width).unwrap_or_default();
            self.0.splice(HEADER + index * width, 0, [bytes, &[], &[]]);
        }
        true
    }

    /// Removes an integer; false if it is not there. O(integers).
    pub fn remove(&mut self, n: i64) -> bool {
        let Ok(index) = self.search(n) else { return false };
        let width = parts(self.as_bytes()).0;
        self.0.splice(HEADER + index * width, width, [&[]; 3]);
        true
    }

    /// All integers in ascending order, from both ends.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        let bytes = self.as_bytes();
        Iter { width: parts(bytes).0, rest: bytes.get(HEADER..).unwrap_or_default() }
    }

    /// Where the integer is, or where it belongs.
    fn search(&self, n: i64) -> Result<usize, usize> {
        let bytes = self.as_bytes();
        let (width, count) = parts(bytes);
        let rest = bytes.get(HEADER..).unwrap_or_default();
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            let at = rest.get(middle * width..).and_then(|bytes| read(width, bytes)).unwrap_or_default();
            match at.cmp(&n) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Makes all integers wider and adds one that needs it, which is less or greater than all others.
    fn widen(&mut self, width: usize, n: i64) {
        let mut bytes = Vec::with_capacity(HEADER + (self.len() + 1) * width);
        bytes.extend_from_slice(&(width as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.len() as u32 + 1).to_le_bytes());
        let (before, behind) = if n < 0 { (Some(n), None) } else { (None, Some(n)) };
        for n in before.into_iter().chain(self.iter()).chain(behind) {
            bytes.extend_from_slice(n.to_le_bytes().get(..width).unwrap_or_default());
        }
        if let Some(block) = Block::from_bytes(&bytes) {
            self.0 = block;
        }
    }
}

/// The fewest bytes that an integer is stored in.
fn width_of(n: i64) -> usize {
    match n {
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

/// The integer at the beginning of `bytes`.
#[inline]
fn read(width: usize, bytes: &[u8]) -> Option<i64> {
    Some(match width {
        2 => i16::from_le_bytes(*bytes.first_chunk()?).into(),
        4 => i32::from_le_bytes(*bytes.first_chunk()?).into(),
        _ => i64::from_le_bytes(*bytes.first_chunk()?),
    })
}

impl<'a> IntoIterator for &'a Intset {
    type Item = i64;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The integers of an intset in ascending order, from both ends. See [`Intset::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    width: usize,
    rest: &'a [u8],
}

impl Iterator for Iter<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let n = read(self.width, self.rest)?;
        self.rest = self.rest.get(self.width..).unwrap_or_default();
        Some(n)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.rest.len() / self.width;
        (len, Some(len))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<i64> {
        let (rest, last) = self.rest.split_at_checked(self.rest.len().checked_sub(self.width)?)?;
        self.rest = rest;
        read(self.width, last)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl std::iter::FusedIterator for Iter<'_> {}
