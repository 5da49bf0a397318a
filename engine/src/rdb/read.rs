//! The parts that RDB is made of, read: lengths, strings, numbers.

use std::borrow::Cow;

use crate::codec::{lzf, num};
use crate::value::stream::StreamId;

/// What is wrong with bytes that should be RDB, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damaged {
    /// The offset, from where the reader began.
    pub at: usize,
    /// What was expected there.
    pub what: &'static str,
}

/// Reads from bytes in memory.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A length, or a mark that says how a string is encoded.
enum Length {
    Len(u64),
    Encoded(u8),
}

impl<'a> Reader<'a> {
    /// A reader at the beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// An error at the place where the reader is.
    pub fn damaged<T>(&self, what: &'static str) -> Result<T, Damaged> {
        Err(Damaged { at: self.at, what })
    }

    /// The next bytes.
    ///
    /// # Errors
    /// If there are not that many; so for all that read.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..len)) {
            Some(bytes) => {
                self.at += len;
                Ok(bytes)
            }
            None => self.damaged("more bytes than there are"),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let at = self.at;
        self.take(N)?.first_chunk().copied().ok_or(Damaged { at, what: "more bytes than there are" })
    }

    /// One byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, Damaged> {
        self.array().map(|[byte]| byte)
    }

    fn any_length(&mut self) -> Result<Length, Damaged> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, first) {
            (0, _) => Length::Len(u64::from(low)),
            (1, _) => Length::Len(u64::from(low) << 8 | u64::from(self.byte()?)),
            (2, 0x80) => Length::Len(u64::from(u32::from_be_bytes(self.array()?))),
            (2, 0x81) => Length::Len(u64::from_be_bytes(self.array()?)),
            (2, _) => return self.damaged("a length"),
            _ => Length::Encoded(low),
        })
    }

    /// A number that is written as a length.
    ///
    /// # Errors
    /// If it is none.
    pub fn length(&mut self) -> Result<u64, Damaged> {
        match self.any_length()? {
            Length::Len(n) => Ok(n),
            Length::Encoded(_) => self.damaged("a length"),
        }
    }

    /// How many things follow, of at least `each` bytes: no more than fit into what is left.
    ///
    /// # Errors
    /// If there would be more.
    pub fn count(&mut self, each: usize) -> Result<usize, Damaged> {
        let at = self.at;
        match usize::try_from(self.length()?) {
            Ok(count) if count <= self.left() / each.max(1) => Ok(count),
            _ => Err(Damaged { at, what: "a count of what follows" }),
        }
    }

    /// A string, however it is encoded.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>, Damaged> {
        let decimal = |n: i64| Cow::Owned(itoa::Buffer::new().format(n).as_bytes().to_vec());
        match self.any_length()? {
            Length::Len(len) => self.take(usize::try_from(len).unwrap_or(usize::MAX)).map(Cow::Borrowed),
            Length::Encoded(0) => Ok(decimal(i64::from(i8::from_le_bytes(self.array()?)))),
            Length::Encoded(1) => Ok(decimal(i64::from(i16::from_le_bytes(self.array()?)))),
            Length::Encoded(2) => Ok(decimal(i64::from(i32::from_le_bytes(self.array()?)))),
            Length::Encoded(3) => self.compressed().map(Cow::Owned),
            Length::Encoded(_) => self.damaged("an encoding of a string"),
        }
    }

    fn compressed(&mut self) -> Result<Vec<u8>, Damaged> {
        let (packed, len) = (self.length()?, self.length()?);
        let at = self.at;
        let packed = self.take(usize::try_from(packed).unwrap_or(usize::MAX))?;
        let damaged = Damaged { at, what: "a compressed string" };
        lzf::decompress(packed, usize::try_from(len).map_err(|_| damaged)?).ok_or(damaged)
    }

    /// A double in 8 bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn double(&mut self) -> Result<f64, Damaged> {
        self.array().map(f64::from_le_bytes)
    }

    /// A double as text, as versions before 8 wrote it.
    ///
    /// # Errors
    /// If it is none.
    pub fn old_double(&mut self) -> Result<f64, Damaged> {
        match self.byte()? {
            253 => Ok(f64::NAN),
            254 => Ok(f64::INFINITY),
            255 => Ok(f64::NEG_INFINITY),
            len => {
                let at = self.at;
                num::parse_f64(self.take(usize::from(len))?).ok_or(Damaged { at, what: "a number" })
            }
        }
    }

    /// A time in milliseconds, in 8 bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn millis(&mut self) -> Result<i64, Damaged> {
        self.array().map(i64::from_le_bytes)
    }

    /// An id of a stream's entry in 16 bytes.
    ///
    /// # Errors
    /// At the end.
    pub fn raw_id(&mut self) -> Result<StreamId, Damaged> {
        let (ms, seq) = (u64::from_be_bytes(self.array()?), u64::from_be_bytes(self.array()?));
        Ok(StreamId { ms, seq })
    }
}
