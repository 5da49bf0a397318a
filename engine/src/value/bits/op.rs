//! Combining bitmaps, as `BITOP` does.
//!
//! The result is as long as the longest source; shorter ones count as padded with zeros. The loops run over plain bytes so
//! that the compiler can make vector instructions of them.

/// How sources are combined. The first source is special where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    /// Set in every source.
    And,
    /// Set in some source.
    Or,
    /// Set in an odd number of sources.
    Xor,
    /// Not set in the first source; others are ignored.
    Not,
    /// Set in the first source and in no other.
    Diff,
    /// Set in some other source but not in the first.
    Diff1,
    /// Set in the first source and in some other.
    AndOr,
    /// Set in exactly one source.
    One,
}

/// Combines the sources.
pub fn bitop(op: BitOp, sources: &[&[u8]]) -> Vec<u8> {
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    let len = if op == BitOp::Not { first.len() } else { sources.iter().map(|s| s.len()).max().unwrap_or(0) };
    match op {
        BitOp::Not => first.iter().map(|byte| !byte).collect(),
        BitOp::And => {
            let mut result = padded(first, len);
            others.iter().for_each(|other| and(&mut result, other));
            result
        }
        BitOp::Or => {
            let mut result = padded(first, len);
            others.iter().for_each(|other| merge(&mut result, other, |a, b| a | b));
            result
        }
        BitOp::Xor => {
            let mut result = padded(first, len);
            others.iter().for_each(|other| merge(&mut result, other, |a, b| a ^ b));
            result
        }
        BitOp::Diff => {
            let mut result = padded(first, len);
            others.iter().for_each(|other| merge(&mut result, other, |a, b| a & !b));
            result
        }
        BitOp::Diff1 => {
            let mut result = any_of(others, len);
            merge(&mut result, first, |a, b| a & !b);
            result
        }
        BitOp::AndOr => {
            let mut result = any_of(others, len);
            and(&mut result, first);
            result
        }
        BitOp::One => {
            let mut once = padded(first, len);
            let mut twice = vec![0; len];
            for other in others {
                for ((once, twice), &byte) in once.iter_mut().zip(&mut twice).zip(*other) {
                    *twice |= *once & byte;
                    *once |= byte;
                }
            }
            merge(&mut once, &twice, |a, b| a & !b);
            once
        }
    }
}

fn padded(source: &[u8], len: usize) -> Vec<u8> {
    let mut result = Vec::with_capacity(len);
    result.extend_from_slice(source);
    result.resize(len, 0);
    result
}

fn any_of(sources: &[&[u8]], len: usize) -> Vec<u8> {
    let mut result = vec![0; len];
    sources.iter().for_each(|source| merge(&mut result, source, |a, b| a | b));
    result
}

/// For operations under which padding zeros change nothing.
#[inline]
fn merge(result: &mut [u8], source: &[u8], with: impl Fn(u8, u8) -> u8) {
    result.iter_mut().zip(source).for_each(|(a, &b)| *a = with(*a, b));
}

fn and(result: &mut [u8], source: &[u8]) {
    merge(result, source, |a, b| a & b);
    result.iter_mut().skip(source.len()).for_each(|byte| *byte = 0);
}

/// What an operation makes of one bit of its sources: whether it is set in the first, in how many, and of how many.
#[cfg(test)]
pub(crate) fn by_definition(op: BitOp, first: bool, set: usize, sources: usize) -> bool {
    let others = set - usize::from(first);
    match op {
        BitOp::And => set == sources,
        BitOp::Or => set > 0,
        BitOp::Xor => set % 2 == 1,
        BitOp::Not => !first,
        BitOp::Diff => first && others == 0,
        BitOp::Diff1 => !first && others > 0,
        BitOp::AndOr => first && others > 0,
        BitOp::One => set == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::get_bit;
    use super::*;
    use proptest::prelude::*;

    /// By hand, after the documentation of Redis 8.2; no server at hand knew the last four.
    #[test]
    fn combines_as_documented() {
        let sources: &[&[u8]] = &[b"\xf0\x0f\xaa", b"\x3c\x01\xff\xff", b"\x55"];
        assert_eq!(bitop(BitOp::Diff, sources), b"\x80\x0e\x00\x00");
        assert_eq!(bitop(BitOp::Diff1, sources), b"\x0d\x00\x55\xff");
        assert_eq!(bitop(BitOp::AndOr, sources), b"\x70\x01\xaa\x00");
        assert_eq!(bitop(BitOp::One, sources), b"\x89\x0e\x55\xff");
        assert_eq!(bitop(BitOp::Not, &sources[..1]), b"\x0f\xf0\x55");
        assert!(bitop(BitOp::Or, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn bit_by_bit(sources in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6)) {
            let sources: Vec<&[u8]> = sources.iter().map(Vec::as_slice).collect();
            let longest = sources.iter().map(|s| s.len()).max().unwrap_or(0);
            for op in [BitOp::And, BitOp::Or, BitOp::Xor, BitOp::Not, BitOp::Diff, BitOp::Diff1, BitOp::AndOr, BitOp::One] {
                let result = bitop(op, &sources);
                prop_assert_eq!(result.len(), if op == BitOp::Not { sources[0].len() } else { longest });
                for bit in 0..result.len() as u64 * 8 {
                    let first = get_bit(sources[0], bit);
                    let set = sources.iter().filter(|s| get_bit(s, bit)).count();
                    let expected = by_definition(op, first, set, sources.len());
                    prop_assert_eq!(get_bit(&result, bit), expected, "{:?} bit {}", op, bit);
                }
            }
        }
    }
}
