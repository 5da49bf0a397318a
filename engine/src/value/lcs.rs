//! The longest common subsequence of two byte strings, as `LCS` finds it.
//!
//! Of several longest ones, the very one that Redis returns: walking back from both ends, where the bytes differ, the first
//! string is shortened only if that keeps strictly more than shortening the second.
//!
//! The usual table of lengths is never built. Along a row the length grows by nought or one at each byte, so a row is one
//! bit a byte, and 64 cells are worked out with a handful of instructions (Hyyrö 2004). These bits also happen to be all
//! that the walk back asks for, so that keeping them for every row takes 1/32 of the memory of a table.

use std::ops::Range;

/// A longest common subsequence and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lcs {
    /// Its length.
    pub len: usize,
    /// The bytes themselves.
    pub text: Vec<u8>,
    /// The stretches that lie together in both strings, the last one first.
    pub matches: Vec<Match>,
}

/// A stretch of the subsequence, the same bytes in both strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it lies in the first string.
    pub a: Range<usize>,
    /// Where it lies in the second string.
    pub b: Range<usize>,
    /// How long it is.
    pub len: usize,
}

/// How much memory Redis's table would take, by which it refuses inputs: above `proto-max-bulk-len`. Nothing if beyond counting.
pub fn table_bytes(a_len: usize, b_len: usize) -> Option<u64> {
    let rows = (a_len as u64).checked_add(1)?;
    let columns = (b_len as u64).checked_add(1)?;
    rows.checked_mul(columns)?.checked_mul(4)
}

/// The length alone, in memory proportional to the shorter string; nothing if there is no memory.
pub fn lcs_len(a: &[u8], b: &[u8]) -> Option<usize> {
    let (rows, columns) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let masks = Masks::new(rows, columns)?;
    let mut row = zeroed(masks.words)?;
    for &byte in rows {
        masks.advance(&mut row, byte);
    }
    Some(row.iter().map(|word| word.count_ones() as usize).sum())
}

/// The subsequence and its stretches of at least `min_match_len` bytes; nothing if there is no memory.
pub fn lcs(a: &[u8], b: &[u8], min_match_len: usize) -> Option<Lcs> {
    let masks = Masks::new(a, b)?;
    let words = masks.words;
    if words == 0 {
        return Some(Lcs::default());
    }
    // All rows one behind the other, the first byte's first.
    let mut rows: Vec<u64> = Vec::new();
    rows.try_reserve_exact(a.len().checked_mul(words)?).ok()?;
    let mut row = zeroed(words)?;
    for &byte in a {
        masks.advance(&mut row, byte);
        rows.extend_from_slice(&row);
    }
    let len = row.iter().map(|word| word.count_ones() as usize).sum();

    let mut found = Lcs { len, text: Vec::with_capacity(len), matches: Vec::new() };
    let mut stretch: Option<Match> = None;
    let (mut i, mut j) = (a.len(), b.len());
    while let (Some((&last_a, _)), Some((&last_b, _))) = (split_at_end(a, i), split_at_end(b, j)) {
        if last_a == last_b {
            (i, j) = (i - 1, j - 1);
            found.text.push(last_a);
            match &mut stretch {
                Some(open) if open.a.start == i + 1 && open.b.start == j + 1 => {
                    (open.a.start, open.b.start) = (i, j);
                    open.len += 1;
                }
                _ => {
                    let closed = stretch.replace(Match { a: i..i + 1, b: j..j + 1, len: 1 });
                    found.matches.extend(closed.filter(|m| m.len >= min_match_len));
                }
            }
        } else if rows.get((i - 1) * words + (j - 1) / 64).is_some_and(|word| word >> ((j - 1) % 64) & 1 == 1) {
            // The row grows at this column, so without the column one byte is lost, and without the row none.
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found.matches.extend(stretch.filter(|m| m.len >= min_match_len));
    found.text.reverse();
    Some(found)
}

/// The last of the first `len` bytes and those before it.
fn split_at_end(bytes: &[u8], len: usize) -> Option<(&u8, &[u8])> {
    bytes.get(..len)?.split_last()
}

fn zeroed(words: usize) -> Option<Vec<u64>> {
    let mut row = Vec::new();
    row.try_reserve_exact(words).ok()?;
    row.resize(words, 0);
    Some(row)
}

/// For every byte that occurs in both strings, the columns at which it stands.
struct Masks {
    words: usize,
    /// Where in `bits` a byte's columns begin; nothing if it is not in both.
    place: [Option<usize>; 256],
    bits: Vec<u64>,
}

impl Masks {
    fn new(rows: &[u8], columns: &[u8]) -> Option<Masks> {
        let words = columns.len().div_ceil(64);
        let (mut in_rows, mut in_columns) = ([false; 256], [false; 256]);
        rows.iter().for_each(|&byte| in_rows[usize::from(byte)] = true);
        columns.iter().for_each(|&byte| in_columns[usize::from(byte)] = true);
        let mut place = [None; 256];
        let mut end = 0usize;
        for ((place, in_rows), in_columns) in place.iter_mut().zip(in_rows).zip(in_columns) {
            if in_rows && in_columns {
                *place = Some(end);
                end = end.checked_add(words)?;
            }
        }
        let mut bits = zeroed(end)?;
        for (column, &byte) in columns.iter().enumerate() {
            let word = place[usize::from(byte)].and_then(|start| bits.get_mut(start + column / 64));
            if let Some(word) = word {
                *word |= 1 << (column % 64);
            }
        }
        Some(Masks { words, place, bits })
    }

    /// Turns a row, set where its length grows, into the one after it, which has one more byte of the other string.
    ///
    /// Between two columns of growth, and before the first, growth moves to the first column that holds the byte. With
    /// the row inverted, that is what the carry of an addition does.
    fn advance(&self, row: &mut [u64], byte: u8) {
        let Some(start) = self.place[usize::from(byte)] else { return };
        let mut carry = false;
        for (word, &mask) in row.iter_mut().zip(self.bits.get(start..).unwrap_or_default()) {
            let flat = !*word;
            let held = flat & mask;
            let (sum, over) = flat.overflowing_add(held);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            carry = over | over_again;
            *word = !(sum | (flat & !mask));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Stretch = (Range<usize>, Range<usize>);

    fn stretches(a: &str, b: &str, min: usize) -> (String, Vec<Stretch>) {
        let found = lcs(a.as_bytes(), b.as_bytes(), min).unwrap_or_default();
        let matches = found.matches.into_iter().map(|m| (m.a, m.b)).collect();
        (String::from_utf8_lossy(&found.text).into_owned(), matches)
    }

    /// Asked of Redis 7.0.15.
    #[test]
    fn chooses_like_redis() {
        assert_eq!(stretches("ohmytext", "mynewtext", 0), ("mytext".into(), vec![(4..8, 5..9), (2..4, 0..2)]));
        assert_eq!(stretches("ohmytext", "mynewtext", 4), ("mytext".into(), vec![(4..8, 5..9)]));
        assert_eq!(stretches("abcxyz", "xyzabc", 0), ("xyz".into(), vec![(3..6, 0..3)]));
        assert_eq!(stretches("ab", "ba", 0), ("b".into(), vec![(1..2, 0..1)]));
        assert_eq!(stretches("aab", "aba", 0), ("ab".into(), vec![(1..3, 0..2)]));
        assert_eq!(stretches("xaxbxc", "abc", 0), ("abc".into(), vec![(5..6, 2..3), (3..4, 1..2), (1..2, 0..1)]));
        assert_eq!(stretches("", "", 0), (String::new(), vec![]));
        assert_eq!(stretches("a", "", 0), (String::new(), vec![]));
        assert_eq!(stretches("", "a", 0), (String::new(), vec![]));
        assert_eq!(table_bytes(511, 511), Some(1 << 20));
        assert_eq!(table_bytes(usize::MAX, 1), None);
    }

    /// The table of lengths, and the walk back through it.
    fn model(a: &[u8], b: &[u8]) -> Lcs {
        let mut table = vec![vec![0usize; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] =
                    if a[i - 1] == b[j - 1] { table[i - 1][j - 1] + 1 } else { table[i - 1][j].max(table[i][j - 1]) };
            }
        }
        let mut found = Lcs { len: table[a.len()][b.len()], ..Lcs::default() };
        let (mut i, mut j) = (a.len(), b.len());
        let mut pairs = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        found.text = pairs.iter().rev().map(|&(i, _)| a[i]).collect();
        for run in pairs.chunk_by(|x, y| x.0 == y.0 + 1 && x.1 == y.1 + 1) {
            let (last, first) = (run[0], run[run.len() - 1]);
            found.matches.push(Match { a: first.0..last.0 + 1, b: first.1..last.1 + 1, len: run.len() });
        }
        found
    }

    proptest! {
        #[test]
        fn agrees_with_the_model(a in "[ab]{0,200}|[a-d]{0,150}|[a-z]{0,80}", b in "[ab]{0,200}|[a-d]{0,150}|[a-z]{0,80}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let expected = model(a, b);
            prop_assert_eq!(lcs_len(a, b), Some(expected.len));
            prop_assert_eq!(lcs(a, b, 0), Some(expected));
        }

        #[test]
        fn short_stretches_are_left_out(a in "[ab]{0,60}", b in "[ab]{0,60}", min in 0..6usize) {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let mut expected = model(a, b);
            expected.matches.retain(|m| m.len >= min);
            prop_assert_eq!(lcs(a, b, min), Some(expected));
        }
    }
}
