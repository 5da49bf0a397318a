//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones's polynomial, reflected, starting from 0.
//!
//! The sum of a whole can be had from the sums of its parts: a file's header is written last.

use crc_fast::CrcAlgorithm::Crc64Redis;
use crc_fast::{Digest, checksum_combine};

/// Carries a checksum on over more bytes; the first call is given 0.
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let mut digest = Digest::new_with_init_state(Crc64Redis, crc);
    digest.update(bytes);
    digest.finalize()
}

/// The checksum of two parts, one behind the other, from the checksum of each and the length of the second.
pub fn combine(first: u64, second: u64, second_len: u64) -> u64 {
    checksum_combine(Crc64Redis, first, second, second_len)
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

    /// Jones's polynomial, the lowest power in the highest bit.
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

    fn times_x(a: u64) -> u64 {
        a >> 1 ^ if a & 1 == 1 { POLYNOMIAL } else { 0 }
    }

    fn bit_by_bit(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, &byte| (0..8).fold(crc ^ u64::from(byte), |crc, _| times_x(crc)))
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(bytes in prop::collection::vec(any::<u8>(), 0..2000), cut in 0..2000usize) {
            let (first, second) = bytes.split_at(cut.min(bytes.len()));
            let whole = bit_by_bit(&bytes);
            prop_assert_eq!(crc64(0, &bytes), whole);
            prop_assert_eq!(crc64(crc64(0, first), second), whole);
            prop_assert_eq!(combine(crc64(0, first), crc64(0, second), second.len() as u64), whole);
        }
    }
}
