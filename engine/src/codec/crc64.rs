//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones's polynomial, reflected, starting from 0.
//!
//! The sum of a whole can be had from the sums of its parts, so that parts can be summed by several cores.

/// Jones's polynomial, the lowest power in the highest bit.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[k][b]` is the sum of byte `b` followed by `k` zero bytes: eight bytes are summed in one step.
static TABLES: [[u64; 256]; 8] = tables();

/// Carries a checksum on over more bytes; the first call is given 0.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = &TABLES;
    let (words, rest) = bytes.as_chunks::<8>();
    let whole = words.iter().fold(crc, |crc, &word| {
        let [b0, b1, b2, b3, b4, b5, b6, b7] = (crc ^ u64::from_le_bytes(word)).to_le_bytes().map(usize::from);
        t7[b0] ^ t6[b1] ^ t5[b2] ^ t4[b3] ^ t3[b4] ^ t2[b5] ^ t1[b6] ^ t0[b7]
    });
    rest.iter().fold(whole, |crc, &byte| t0[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// The checksum of two parts, one behind the other, from the checksum of each and the length of the second.
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    // What follows a part multiplies its polynomial by x, once for each bit.
    let mut shifted = first;
    let mut power = 1 << (63 - 8); // x^8: one byte
    let mut left = second_len;
    while left != 0 {
        if left & 1 == 1 {
            shifted = multiply(shifted, power);
        }
        power = multiply(power, power);
        left >>= 1;
    }
    shifted ^ second
}

/// The product of two polynomials modulo Jones's.
const fn multiply(a: u64, b: u64) -> u64 {
    let mut product = 0;
    let mut shifted = b;
    let mut bit = 1 << 63;
    while bit != 0 {
        if a & bit != 0 {
            product ^= shifted;
        }
        shifted = times_x(shifted);
        bit >>= 1;
    }
    product
}

const fn times_x(a: u64) -> u64 {
    a >> 1 ^ if a & 1 == 1 { POLYNOMIAL } else { 0 }
}

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut zeros = 0;
        while zeros < 8 {
            let mut bit = 0;
            while bit < 8 {
                crc = times_x(crc);
                bit += 1;
            }
            tables[zeros][byte] = crc;
            zeros += 1;
        }
        byte += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_sums() {
        assert_eq!(crc64(0, b""), 0);
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        // What Redis 7.0.15 gives for `DUMP` of "hello world this is hello world", less the sum itself.
        let dump = b"\x00\x1fhello world this is hello world\x0a\x00";
        assert_eq!(crc64(0, dump).to_le_bytes(), [0x91, 0x8a, 0x9e, 0x9f, 0x50, 0x67, 0xac, 0xc7]);
    }

    fn bit_by_bit(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| (0..8).fold(crc ^ u64::from(byte), |crc, _| times_x(crc)))
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(bytes in prop::collection::vec(any::<u8>(), 0..100), cut in 0..100usize) {
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let whole = bit_by_bit(&bytes);
            prop_assert_eq!(crc64(0, &bytes), whole);
            prop_assert_eq!(crc64(crc64(0, first), second), whole);
            prop_assert_eq!(combine(crc64(0, first), crc64(0, second), second.len() as u64), whole);
        }
    }
}
