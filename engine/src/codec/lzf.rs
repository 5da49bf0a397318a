//! LZF, the compression of strings in RDB files and DUMP payloads.
//!
//! A stream is a row of steps. A byte below 32 says that so many bytes and one more follow as they are. Any other byte
//! says in its upper three bits, and in one more byte if they are all set, how many bytes to copy, less two; its lower five
//! bits and the next byte say how far back they lie, less one. Streams may come from strangers: decompressing reads and
//! writes nothing but what it was given, and allocates no more than the stream could fill.

/// The longest run of bytes as they are.
const MAX_LITERALS: usize = 32;
/// The shortest and the longest copy that can be written down.
const MIN_COPY: usize = 3;
const MAX_COPY: usize = 7 + 255 + 2;
/// How far back a copy can reach.
const MAX_DISTANCE: usize = 1 << 13;
/// No stream makes more of its bytes than long copies of three bytes each.
const MAX_GROWTH: usize = MAX_COPY / 3;

const TABLE_BITS: u32 = 13;

/// Restores what was compressed to its known length; nothing if the stream is damaged or its length is another.
pub fn decompress(stream: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > stream.len().saturating_mul(MAX_GROWTH) {
        return None;
    }
    let mut out = vec![0; len];
    let mut filled = 0;
    let mut rest = stream;
    while let Some((&control, after)) = rest.split_first() {
        if usize::from(control) < MAX_LITERALS {
            let count = usize::from(control) + 1;
            let (literals, after_literals) = after.split_at_checked(count)?;
            let to = out.get_mut(filled..)?;
            // A copy of known size is a few instructions; what it writes too much is overwritten later.
            match (to.first_chunk_mut::<MAX_LITERALS>(), after.first_chunk::<MAX_LITERALS>()) {
                (Some(to), Some(from)) => *to = *from,
                _ => to.get_mut(..count)?.copy_from_slice(literals),
            }
            filled += count;
            rest = after_literals;
            continue;
        }
        let (extra, after) = match (control >> 5, after) {
            (7, [extra, after @ ..]) => (usize::from(*extra), after),
            (7, []) => return None,
            _ => (0, after),
        };
        let (&low, after) = after.split_first()?;
        let count = usize::from(control >> 5) + extra + 2;
        let distance = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
        copy_within(&mut out, filled, distance, count)?;
        filled += count;
        rest = after;
    }
    (filled == len).then_some(out)
}

/// Copies from an earlier place, which may run into what is being written.
#[inline]
fn copy_within(out: &mut [u8], filled: usize, distance: usize, count: usize) -> Option<()> {
    const SHORT: usize = 16;
    let from = filled.checked_sub(distance)?;
    let (done, to) = out.split_at_mut_checked(filled)?;
    if count > to.len() {
        return None;
    }
    if distance >= SHORT
        && count <= SHORT
        && let Some(to) = to.first_chunk_mut::<SHORT>()
    {
        *to = *done.get(from..)?.first_chunk()?;
        return Some(());
    }
    if distance >= count {
        to.get_mut(..count)?.copy_from_slice(done.get(from..from + count)?);
        return Some(());
    }
    // Each round doubles what there is to copy from.
    let mut copied = 0;
    while copied < count {
        let chunk = (count - copied).min(distance + copied);
        out.copy_within(from..from + chunk, filled + copied);
        copied += chunk;
    }
    Some(())
}

/// Compresses strings; one is meant to be used for many, since its table is then cleared only once in 4 GiB.
#[derive(Debug)]
pub struct Compressor {
    /// By hash of three bytes, where they were last seen, counted from `base`; smaller numbers are of earlier strings.
    table: Vec<u32>,
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor::new()
    }
}

impl Compressor {
    /// A compressor, 32 KiB big.
    pub fn new() -> Compressor {
        Compressor { table: vec![0; 1 << TABLE_BITS], base: 1 }
    }

    /// Appends the compressed string if that takes no more than `limit` bytes; otherwise appends nothing and says false.
    pub fn compress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Some(base) = self.begin(input.len()) else { return false };
        let start = out.len();
        let fits = |out: &[u8]| out.len() - start <= limit;
        let mut literals = 0; // From here to `at`, bytes are still to be written as they are.
        let mut at = 0;
        while let Some(key) = key_at(input, at) {
            let seen = self.replace(key, base, at);
            let copy = seen.map_or(0, |seen| common(input, seen, at));
            let Some(seen) = seen.filter(|_| copy >= MIN_COPY) else {
                at += 1;
                continue;
            };
            write_literals(out, input.get(literals..at).unwrap_or_default());
            write_copy(out, copy, at - seen);
            if !fits(out) {
                out.truncate(start);
                return false;
            }
            at += copy;
            literals = at;
            // The places inside of a copy are not all worth remembering, but its end is where the next copy starts.
            for inside in [at - 2, at - 1] {
                if let Some(key) = key_at(input, inside) {
                    self.replace(key, base, inside);
                }
            }
        }
        write_literals(out, input.get(literals..).unwrap_or_default());
        if !fits(out) {
            out.truncate(start);
            return false;
        }
        true
    }

    /// Reserves numbers for the places of a string; nothing if it has too many.
    fn begin(&mut self, len: usize) -> Option<u32> {
        let len = u32::try_from(len).ok()?;
        let next = match self.base.checked_add(len) {
            Some(next) => next,
            None => {
                self.table.fill(0);
                self.base = 1;
                self.base.checked_add(len)?
            }
        };
        Some(std::mem::replace(&mut self.base, next))
    }

    /// Notes a place for a key and gives the one noted before, if it is of this string and near enough.
    #[inline]
    fn replace(&mut self, key: u32, base: u32, at: usize) -> Option<usize> {
        let slot = self.table.get_mut((key.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize)?;
        let seen = std::mem::replace(slot, base + at as u32).checked_sub(base)? as usize;
        (seen < at && at - seen <= MAX_DISTANCE).then_some(seen)
    }
}

/// Three bytes as one number.
#[inline]
fn key_at(input: &[u8], at: usize) -> Option<u32> {
    let &[a, b, c] = input.get(at..at + 3)?.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

/// How many bytes are the same at two places, up to what one copy can take.
#[inline]
fn common(input: &[u8], seen: usize, at: usize) -> usize {
    let new = input.get(at..).unwrap_or_default();
    let new = new.get(..MAX_COPY).unwrap_or(new);
    let old = input.get(seen..).unwrap_or_default();
    old.iter().zip(new).take_while(|(a, b)| a == b).count()
}

fn write_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(MAX_LITERALS) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn write_copy(out: &mut Vec<u8>, len: usize, distance: usize) {
    let (len, distance) = (len - 2, distance - 1);
    let (high, low) = ((distance >> 8) as u8, distance as u8);
    if len < 7 {
        out.extend_from_slice(&[(len as u8) << 5 | high, low]);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8, low]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compressed(input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(Compressor::new().compress(input, usize::MAX, &mut out));
        out
    }

    /// From `DUMP` of Redis 7.0.15.
    #[test]
    fn reads_what_redis_writes() {
        assert_eq!(decompress(b"\x01aa\xe0\x57\x00\x01aa", 100), Some(vec![b'a'; 100]));
        assert_eq!(decompress(b"\x03abca\xe0\x88\x02\x01cx", 151), Some([b"abc".repeat(50).as_slice(), b"x"].concat()));
    }

    #[test]
    fn damaged_streams_are_refused() {
        for (stream, len) in [
            (&b""[..], 1),
            (b"\x00", 1),
            (b"\x02ab", 3),
            (b"\x00a\xe0", 10),
            (b"\x00a\xe0\x00", 10),
            (b"\x00a\x20", 4),
            (b"\x00a\x20\x01", 4),
            (b"\x20\x00", 3),
            (b"\x00a\x20\x00", 3),
            (b"\x00a\x20\x00", 5),
            (b"\x01ab", 1),
            (b"\x00a", usize::MAX),
        ] {
            assert_eq!(decompress(stream, len), None, "{stream:?}");
        }
        assert_eq!(decompress(b"\x00a\x20\x00", 4), Some(b"aaaa".to_vec()));
        assert_eq!(decompress(b"", 0), Some(Vec::new()));
    }

    #[test]
    fn compresses_well() {
        assert!(compressed(&[b'a'; 10_000]).len() < 130);
        assert!(compressed(&b"the quick brown fox ".repeat(100)).len() < 80);
        let far: Vec<u8> =
            (0..MAX_DISTANCE as u32 * 3).flat_map(|n| n.wrapping_mul(0x9e37_79b1).to_le_bytes()).collect();
        assert_eq!(decompress(&compressed(&far), far.len()), Some(far));
    }

    #[test]
    fn what_does_not_fit_leaves_nothing() {
        let mut out = b"before".to_vec();
        let mut compressor = Compressor::new();
        let input = b"0123456789abcdef0123456789abcdefghijklmnop";
        let size = compressed(input).len();
        assert!(!compressor.compress(input, size - 1, &mut out));
        assert_eq!(out, b"before");
        assert!(compressor.compress(input, size, &mut out));
        assert_eq!(out.len(), 6 + size);
    }

    #[test]
    fn numbers_of_places_run_out() {
        let input = b"abcabcabcabcabc";
        for base in [u32::MAX, u32::MAX - 15, u32::MAX - 16] {
            let mut compressor = Compressor::new();
            compressor.base = base;
            for _ in 0..3 {
                let mut out = Vec::new();
                assert!(compressor.compress(input, usize::MAX, &mut out));
                assert_eq!(out, compressed(input));
            }
        }
    }

    proptest! {
        #[test]
        fn comes_back(inputs in prop::collection::vec("[ab]{0,600}|[a-d]{0,300}|.{0,80}", 1..5)) {
            let mut compressor = Compressor::new();
            for input in inputs {
                let mut out = Vec::new();
                prop_assert!(compressor.compress(input.as_bytes(), usize::MAX, &mut out));
                prop_assert_eq!(decompress(&out, input.len()), Some(input.into_bytes()));
            }
        }

        #[test]
        fn never_panics(stream in prop::collection::vec(prop_oneof![0..4u8, any::<u8>()], 0..60), len in 0..500usize) {
            prop_assert!(decompress(&stream, len).is_none_or(|out| out.len() == len));
        }
    }
}
