//! Bitmaps: strings as rows of bits.

mod field;

pub use field::{FieldOp, bitfield, get_fields};

use std::borrow::Cow;
use std::ops::Range;

use super::string::{StringRef, change_bytes, clamp, delete, encoding, get, put_raw};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Entry, Event, Key, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::bits;

pub use bits::BitOp;

/// What the ends of a [`BitRange`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BitUnit {
    /// Bytes.
    #[default]
    Byte,
    /// Bits.
    Bit,
}

/// A part of a bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BitRange {
    /// The first place, counted from the end if negative.
    pub start: i64,
    /// The last place, included; the end of the string if not given.
    pub end: Option<i64>,
    /// What is counted.
    pub unit: BitUnit,
}

impl BitRange {
    /// From one byte to another, both included and counted from the end if negative.
    pub fn bytes(start: i64, end: i64) -> Self {
        Self { start, end: Some(end), unit: BitUnit::Byte }
    }

    /// From one bit to another, both included and counted from the end if negative.
    pub fn bits(start: i64, end: i64) -> Self {
        Self { start, end: Some(end), unit: BitUnit::Bit }
    }

    /// From a byte to the end of the string.
    pub fn from_byte(start: i64) -> Self {
        Self { start, end: None, unit: BitUnit::Byte }
    }

    /// Where it lies in a string of some bytes, in bits.
    fn within(self, len: usize) -> Range<u64> {
        let scale = if self.unit == BitUnit::Byte { 8 } else { 1 };
        let places = (len as u64).saturating_mul(8) / scale;
        let part = clamp(self.start, self.end.unwrap_or(-1), places);
        part.start * scale..part.end * scale
    }
}

/// The error for an offset that lies beyond the longest string.
pub fn bad_offset() -> Error {
    Error::new("ERR bit offset is not an integer or out of range")
}

/// Refuses bits that lie beyond the longest string.
///
/// # Errors
/// [`bad_offset`].
pub fn check_offset(view: &View<'_>, bit: u64) -> Result<u64> {
    let max = view.space().settings().proto_max_bulk_len.load(Relaxed);
    if bit >> 3 < max { Ok(bit) } else { Err(bad_offset()) }
}

/// GETBIT. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`bad_offset`].
pub fn get_bit(view: &View<'_>, key: &Key<'_>, bit: u64) -> Result<bool> {
    check_offset(view, bit)?;
    read(view, key, |bytes| bits::get_bit(bytes, bit))
}

/// SETBIT: returns what the bit was. O(1), once the string is a long one.
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`bad_offset`].
pub fn set_bit(view: &mut View<'_>, key: &Key<'_>, bit: u64, on: bool) -> Result<bool> {
    check_offset(view, bit)?;
    let at = usize::try_from(bit / 8).map_err(|_| bad_offset())?;
    let entry = view.get_for_change(key);
    let string = entry.map(Entry::string).transpose()?;
    let mut buffer = itoa::Buffer::new();
    let bytes = string.as_ref().map_or(&b""[..], |s| s.bytes(&mut buffer));
    let was = bits::get_bit(bytes, bit);
    let changes = at >= bytes.len() || was != on;
    // Redis makes the string a raw one even if the bit stays as it is.
    if !changes && entry.is_none_or(|e| encoding(e) == "raw") {
        return Ok(was);
    }
    change_bytes(view, key, at + 1, |bytes| {
        let mask = 0x80 >> (bit % 8);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if on { *byte | mask } else { *byte & !mask };
        }
    });
    let effect = || Effect::new("SETBIT").arg(key.bytes).int(bit).int(u8::from(on));
    view.record_effect(effect);
    if changes {
        view.announce(key, Event::string("setbit"));
    }
    Ok(was)
}

/// BITCOUNT. O(length of the part).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn count(view: &View<'_>, key: &Key<'_>, range: BitRange) -> Result<u64> {
    read(view, key, |bytes| bits::count(bytes, range.within(bytes.len())))
}

/// BITPOS: the first bit that is set, or clear. A clear one is found behind the last byte, unless the range has an end
/// or lies outside of the string. O(length of the part).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn position(view: &View<'_>, key: &Key<'_>, on: bool, range: BitRange) -> Result<Option<u64>> {
    let Some(string) = get(view, key)? else { return Ok((!on).then_some(0)) };
    let mut buffer = itoa::Buffer::new();
    let bytes = string.bytes(&mut buffer);
    let part = range.for_position(bytes.len());
    if part.is_empty() {
        return Ok(None);
    }
    let found = bits::position(bytes, on, part);
    Ok(found.or_else(|| (!on && range.end.is_none()).then_some(bytes.len() as u64 * 8)))
}

impl BitRange {
    /// As [`within`](Self::within), but for one thing: an end before the start is judged only after both have been
    /// brought into the string.
    fn for_position(self, len: usize) -> Range<u64> {
        let scale = if self.unit == BitUnit::Byte { 8 } else { 1 };
        let places = (len as u64).saturating_mul(8) / scale;
        let place = |n: i64| if n < 0 { places.saturating_sub(n.unsigned_abs()) } else { n.unsigned_abs() };
        let (start, end) = (place(self.start), place(self.end.unwrap_or(-1)).min(places.saturating_sub(1)));
        if places == 0 || start > end { 0..0 } else { start * scale..(end + 1) * scale }
    }
}

/// BITOP: combines strings and stores the result, whose length is returned; an empty result deletes the key.
/// O(length of all).
///
/// # Errors
/// [`Error::WRONG_TYPE`] if a source is no string; an error if the operation takes another number of sources.
pub fn bitop(view: &mut View<'_>, op: BitOp, dest: &Key<'_>, sources: &[Key<'_>]) -> Result<usize> {
    check_sources(op, sources.len())?;
    // The effect reads the sources again, so one that has expired has to be gone by then.
    for source in sources {
        view.drop_expired(source);
    }
    let strings = sources.iter().map(|key| get(view, key)).collect::<Result<Vec<_>>>()?;
    let strings: Vec<Cow<'_, [u8]>> = strings.into_iter().map(|s| s.unwrap_or(StringRef::Bytes(b"")).cow()).collect();
    let slices: Vec<&[u8]> = strings.iter().map(|s| &**s).collect();
    let result = bits::bitop(op, &slices);
    drop(slices);
    drop(strings);
    let len = result.len();
    if len == 0 {
        delete(view, dest);
        return Ok(0);
    }
    put_raw(view, dest, result, None);
    view.record(dest, Event::string("set"), || {
        let effect = Effect::new("BITOP").arg(name(op)).arg(dest.bytes);
        sources.iter().fold(effect, |effect, source| effect.arg(source.bytes))
    });
    Ok(len)
}

/// Refuses a number of sources that an operation does not take.
///
/// # Errors
/// An error of BITOP's own.
pub fn check_sources(op: BitOp, sources: usize) -> Result<()> {
    match op {
        BitOp::Not if sources != 1 => Err(Error::new("ERR BITOP NOT must be called with a single source key.")),
        BitOp::Diff | BitOp::Diff1 | BitOp::AndOr if sources < 2 => {
            Err(Error::new(format!("ERR BITOP {} must be called with at least two source keys.", name(op))))
        }
        _ => Ok(()),
    }
}

/// All operations of BITOP by their names.
pub const BIT_OPS: [(&str, BitOp); 8] = [
    ("AND", BitOp::And),
    ("OR", BitOp::Or),
    ("XOR", BitOp::Xor),
    ("NOT", BitOp::Not),
    ("DIFF", BitOp::Diff),
    ("DIFF1", BitOp::Diff1),
    ("ANDOR", BitOp::AndOr),
    ("ONE", BitOp::One),
];

fn name(op: BitOp) -> &'static str {
    BIT_OPS.iter().find(|(_, o)| *o == op).map_or("", |(name, _)| name)
}

/// Gives `read` the bytes of a string, none if the key is not there.
fn read<R>(view: &View<'_>, key: &Key<'_>, read: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let string = get(view, key)?.unwrap_or(StringRef::Bytes(b""));
    Ok(read(string.bytes(&mut itoa::Buffer::new())))
}
