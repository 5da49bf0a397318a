//! From an element to its register and rank: MurmurHash64A, with Redis's seed.

use super::{REGISTERS, Sight};

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

fn murmur(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for &word in words {
        let mut k = u64::from_le_bytes(word).wrapping_mul(FACTOR);
        k ^= k >> SHIFT;
        hash = (hash ^ k.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(FACTOR);
    }
    hash ^= hash >> SHIFT;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}

/// Where an element is seen, and how rare it is: the rank is one more than the number of zeros that follow in its hash.
pub fn observe(element: &[u8]) -> Sight {
    let hash = murmur(element);
    let bits = REGISTERS.ilog2();
    // The bit that ends the zeros wherever the hash has none.
    let rest = hash >> bits | 1 << (64 - bits);
    Sight { register: hash as usize & (REGISTERS - 1), rank: rest.trailing_zeros() as u8 + 1 }
}
