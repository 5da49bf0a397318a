//! Ids of entries: a time in milliseconds, and a number among those of the same millisecond.

use std::fmt;
use std::str::FromStr;

use crate::codec::num;

/// The longest text that Redis looks at for an id.
const MAX_TEXT: usize = 127;

/// The id of a stream's entry. Entries are in the order of their ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StreamId {
    /// Milliseconds since 1970, by custom.
    pub ms: u64,
    /// Which one of those of the same millisecond.
    pub seq: u64,
}

/// The text of an id, with room for it.
pub struct IdText {
    bytes: [u8; 41],
    len: usize,
}

impl IdText {
    fn push(&mut self, text: &str) {
        let to = self.bytes.get_mut(self.len..self.len + text.len());
        if let Some(to) = to {
            to.copy_from_slice(text.as_bytes());
            self.len += text.len();
        }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsRef<[u8]> for IdText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl StreamId {
    /// `0-0`, which no entry has: the place before all of them.
    pub const MIN: Self = Self::new(0, 0);
    /// The last id that there can be.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// An id of its two parts.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Whether it is `0-0`.
    pub fn is_zero(self) -> bool {
        self == Self::MIN
    }

    /// The id behind this one, if there is one.
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, 0)),
            (None, None) => None,
        }
    }

    /// The id before this one, if there is one.
    pub const fn prev(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, u64::MAX)),
            (None, None) => None,
        }
    }

    /// Reads `ms-seq`, or `ms` alone, to which `missing_seq` is added.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let Some(dash) = text.iter().position(|&b| b == b'-') else {
            return Some(Self::new(num::parse_u64(text)?, missing_seq));
        };
        let (ms, seq) = text.split_at(dash);
        Some(Self::new(num::parse_u64(ms)?, num::parse_u64(seq.get(1..)?)?))
    }

    /// Its text.
    pub fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; 41], len: 0 };
        let mut buffer = itoa::Buffer::new();
        text.push(buffer.format(self.ms));
        text.push("-");
        text.push(buffer.format(self.seq));
        text
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// What is no id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the id of a stream's entry")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for StreamId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Self::parse(text.as_bytes(), 0).ok_or(NotAnId)
    }
}

impl From<(u64, u64)> for StreamId {
    fn from((ms, seq): (u64, u64)) -> Self {
        Self::new(ms, seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        assert_eq!(StreamId::new(5, u64::MAX).next(), Some(StreamId::new(6, 0)));
        assert_eq!(StreamId::new(6, 0).prev(), Some(StreamId::new(5, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
    }

    #[test]
    fn texts() {
        for (text, id) in [
            ("5", Some(StreamId::new(5, 9))),
            ("5-3", Some(StreamId::new(5, 3))),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616-0", None),
            ("5-", None),
            ("-", None),
            ("+", None),
            ("", None),
            ("5-3-1", None),
            ("5-*", None),
            ("a", None),
        ] {
            assert_eq!(StreamId::parse(text.as_bytes(), 9), id, "{text}");
        }
        assert_eq!(StreamId::MAX.text().as_bytes(), b"18446744073709551615-18446744073709551615");
        assert_eq!(StreamId::new(7, 0).to_string(), "7-0");
    }
}
