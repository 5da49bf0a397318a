//! Strings as bitmaps: single bits, counting, searching, combining, and bit fields.
//!
//! Bit 0 is the highest bit of the first byte, as everywhere in Redis. Bits beyond the end of a slice read as zero; only
//! [`set_bit`] makes a string longer.

mod field;
mod op;

pub use field::{Field, Overflow};
#[cfg(test)]
pub(crate) use op::by_definition;
pub use op::{BitOp, bitop};

use std::ops::Range;

/// One bit; false beyond the end.
#[inline]
pub fn get_bit(bytes: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0)
}

/// Sets one bit and returns what it was; zeros are added at the end if the bit lies beyond it.
///
/// The caller has checked the bit against the greatest length a string may have.
pub fn set_bit(bytes: &mut Vec<u8>, bit: u64, on: bool) -> bool {
    let Ok(at) = usize::try_from(bit / 8) else { return false };
    if at >= bytes.len() {
        bytes.resize(at + 1, 0);
    }
    let Some(byte) = bytes.get_mut(at) else { return false };
    let mask = 0x80 >> (bit % 8);
    let was = *byte & mask != 0;
    if on {
        *byte |= mask;
    } else {
        *byte &= !mask;
    }
    was
}

/// How many bits of a range are set; the part of the range beyond the end has none.
pub fn count(bytes: &[u8], bits: Range<u64>) -> u64 {
    let Some(span) = Span::new(bytes, bits) else { return 0 };
    let edges = span.first.count_ones() + span.last.count_ones();
    u64::from(edges) + count_all(span.middle)
}

/// The first bit of a range that is set, or that is clear; only bits that exist are looked at.
///
/// What `BITPOS` says when it looks for a zero and there is none is for the caller to decide.
pub fn position(bytes: &[u8], bit: bool, bits: Range<u64>) -> Option<u64> {
    // Looking for a zero is looking for a one with everything turned around; bits out of range never match.
    let flip = if bit { 0x00 } else { 0xff };
    let span = Span::new(bytes, bits)?;
    let first = (span.first ^ flip) & span.first_mask;
    if first != 0 {
        return Some(span.first_byte * 8 + u64::from(first.leading_zeros()));
    }
    let middle = span.first_byte + 1;
    if let Some((at, byte)) = find_other(span.middle, flip) {
        return Some((middle + at as u64) * 8 + u64::from((byte ^ flip).leading_zeros()));
    }
    let last = (span.last ^ flip) & span.last_mask;
    (last != 0).then(|| (middle + span.middle.len() as u64) * 8 + u64::from(last.leading_zeros()))
}

/// A range of bits cut into a first byte, whole bytes, and a last byte; the edges come masked.
struct Span<'a> {
    first_byte: u64,
    first: u8,
    first_mask: u8,
    middle: &'a [u8],
    last: u8,
    last_mask: u8,
}

impl<'a> Span<'a> {
    /// Nothing if no bit of the range exists.
    fn new(bytes: &'a [u8], bits: Range<u64>) -> Option<Span<'a>> {
        let end = bits.end.min((bytes.len() as u64).saturating_mul(8));
        if bits.start >= end {
            return None;
        }
        let first_byte = bits.start / 8;
        let last_byte = (end - 1) / 8;
        let covered = bytes.get(usize::try_from(first_byte).ok()?..=usize::try_from(last_byte).ok()?)?;
        let from_start = 0xff >> (bits.start % 8);
        let to_end = 0xff << (7 - (end - 1) % 8);
        let (&first, rest) = covered.split_first()?;
        let Some((&last, middle)) = rest.split_last() else {
            let first_mask = from_start & to_end;
            let first = first & first_mask;
            return Some(Span { first_byte, first, first_mask, middle: &[], last: 0, last_mask: 0 });
        };
        Some(Span {
            first_byte,
            first: first & from_start,
            first_mask: from_start,
            middle,
            last: last & to_end,
            last_mask: to_end,
        })
    }
}

fn count_all(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let whole: u64 = words.iter().map(|&word| u64::from(u64::from_ne_bytes(word).count_ones())).sum();
    whole + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The first byte that is not `fill`, eight at a time.
fn find_other(bytes: &[u8], fill: u8) -> Option<(usize, u8)> {
    let (words, _) = bytes.as_chunks::<8>();
    let skipped = words.iter().take_while(|&&word| word == [fill; 8]).count() * 8;
    let rest = bytes.get(skipped..)?;
    let at = rest.iter().position(|&byte| byte != fill)?;
    Some((skipped + at, *rest.get(at)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Mostly runs of equal bytes, where the fast paths are.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let run = (prop_oneof![Just(0u8), Just(0xffu8), any::<u8>()], 0..20usize);
        prop::collection::vec(run, 0..6)
            .prop_map(|runs| runs.into_iter().flat_map(|(byte, len)| std::iter::repeat_n(byte, len)).collect())
    }

    #[test]
    fn bits_count_from_the_top() {
        let mut bytes = Vec::new();
        assert!(!set_bit(&mut bytes, 7, true));
        assert_eq!(bytes, [1]);
        assert!(!set_bit(&mut bytes, 16, false));
        assert_eq!(bytes, [1, 0, 0]);
        assert!(set_bit(&mut bytes, 7, false));
        assert!(!get_bit(&bytes, u64::MAX));
        assert_eq!(count(b"foobar", 5..31), 17);
        assert_eq!(count(b"foobar", 0..u64::MAX), 26);
        assert_eq!(position(b"\xff\xf0\x00", false, 0..24), Some(12));
        assert_eq!(position(b"\x00\xff\xf0", true, 16..24), Some(16));
        assert_eq!(position(b"\xff", false, 0..8), None);
        assert_eq!(position(b"", false, 0..8), None);
    }

    proptest! {
        #[test]
        fn set_then_get(mut bytes in bytes(), bit in 0..700u64, on: bool) {
            let before = bytes.clone();
            prop_assert_eq!(set_bit(&mut bytes, bit, on), get_bit(&before, bit));
            prop_assert_eq!(bytes.len(), before.len().max(bit as usize / 8 + 1));
            for i in 0..720 {
                prop_assert_eq!(get_bit(&bytes, i), if i == bit { on } else { get_bit(&before, i) });
            }
        }

        #[test]
        fn count_and_position_bit_by_bit(bytes in bytes(), start in 0..500u64, len in 0..1000u64, bit: bool) {
            let range = start..start + len;
            let there = || range.clone().filter(|&i| i < bytes.len() as u64 * 8);
            prop_assert_eq!(count(&bytes, range.clone()), there().filter(|&i| get_bit(&bytes, i)).count() as u64);
            prop_assert_eq!(position(&bytes, bit, range.clone()), there().find(|&i| get_bit(&bytes, i) == bit));
        }
    }
}
