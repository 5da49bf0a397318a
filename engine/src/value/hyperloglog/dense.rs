//! Dense registers: 6 bits each, the first in the lowest bits of the first byte. Four registers are three bytes.

use super::{REGISTERS, Sight};

/// Bytes of all registers.
pub(super) const LEN: usize = REGISTERS / 4 * 3;

/// The three bytes that a register shares with its neighbours, as a number, and the lowest of its bits.
fn group(registers: &[u8], register: usize) -> Option<([u8; 3], u32)> {
    let three = registers.get(register / 4 * 3..)?.first_chunk::<3>()?;
    Some((*three, register as u32 % 4 * 6))
}

fn number(three: [u8; 3]) -> u32 {
    u32::from_le_bytes([three[0], three[1], three[2], 0])
}

pub(super) fn get(registers: &[u8], register: usize) -> u8 {
    group(registers, register).map_or(0, |(three, shift)| (number(three) >> shift & 63) as u8)
}

/// Sets a register if the rank is greater; true if it was.
pub(super) fn raise(registers: &mut [u8], sight: Sight) -> bool {
    let Some((three, shift)) = group(registers, sight.register) else { return false };
    let old = number(three);
    if (old >> shift & 63) as u8 >= sight.rank {
        return false;
    }
    let new = old & !(63 << shift) | u32::from(sight.rank) << shift;
    let at = sight.register / 4 * 3;
    if let Some(place) = registers.get_mut(at..at + 3) {
        place.copy_from_slice(&new.to_le_bytes()[..3]);
    }
    true
}

/// Calls `visit` with each register and its rank.
pub(super) fn each(registers: &[u8], mut visit: impl FnMut(usize, u8)) {
    let (groups, _) = registers.as_chunks::<3>();
    for (i, &three) in groups.iter().enumerate() {
        let bits = number(three);
        for k in 0..4 {
            visit(i * 4 + k, (bits >> (k * 6) & 63) as u8);
        }
    }
}

/// Appends registers that are a byte each.
pub(super) fn pack(ranks: &[u8; REGISTERS], out: &mut Vec<u8>) {
    let (groups, _) = ranks.as_chunks::<4>();
    for four in groups {
        let bits = four.iter().rev().fold(0, |bits, &rank| bits << 6 | u32::from(rank & 63));
        out.extend_from_slice(&bits.to_le_bytes()[..3]);
    }
}
