//! One entry of a listpack: an encoded integer or string, then its length written to be read backwards.
//!
//! ```text
//!  0xxxxxxx                       integer 0..127
//!  110xxxxx +1                    integer of 13 bits, high bits first
//!  11110001 +2   11110010 +3      integers of 16, 24,
//!  11110011 +4   11110100 +8      32 and 64 bits, low byte first
//!  10xxxxxx                       string of up to 63 bytes
//!  1110xxxx +1                    string of up to 4095 bytes, high bits first
//!  11110000 +4                    string of up to 2^32 - 1 bytes, low byte first
//! ```

use super::Item;

/// The byte behind the last entry.
pub(super) const END: u8 = 0xff;

/// The most bytes that a header with an integer, or with a string's length, can take.
const HEAD: usize = 9;
/// The most bytes of a length that is read backwards.
const BACK: usize = 5;

/// An entry taken apart: its header (which for an integer is all of it), the string, and the length behind them.
pub(super) struct Encoded<'a> {
    head: [u8; HEAD],
    head_len: u8,
    text: &'a [u8],
    back: [u8; BACK],
    back_len: u8,
}

impl<'a> Encoded<'a> {
    #[inline]
    pub(super) fn new(item: Item<'a>) -> Self {
        let mut head = [0; HEAD];
        let (head_len, text): (usize, &[u8]) = match item {
            Item::Int(n) => (encode_int(&mut head, n), &[]),
            Item::Bytes(text) => (encode_len(&mut head, text.len()), text),
        };
        let mut back = [0; BACK];
        let back_len = encode_back(&mut back, head_len + text.len());
        Self { head, head_len: head_len as u8, text, back, back_len: back_len as u8 }
    }

    #[inline]
    pub(super) fn parts(&self) -> [&[u8]; 3] {
        [&self.head[..usize::from(self.head_len)], self.text, &self.back[..usize::from(self.back_len)]]
    }

    /// Writes it into a buffer and says where it ends; `None` if there is not enough room, with some to spare.
    #[inline]
    pub(super) fn write(&self, to: &mut [u8], at: usize) -> Option<usize> {
        // Header and length are copied whole, which is faster; what follows overwrites the rest.
        *to.get_mut(at..)?.first_chunk_mut()? = self.head;
        let text_at = at + usize::from(self.head_len);
        let back_at = text_at + self.text.len();
        to.get_mut(text_at..back_at)?.copy_from_slice(self.text);
        *to.get_mut(back_at..)?.first_chunk_mut()? = self.back;
        Some(back_at + usize::from(self.back_len))
    }

    pub(super) fn size(&self) -> usize {
        usize::from(self.head_len) + self.text.len() + usize::from(self.back_len)
    }
}

fn encode_int(head: &mut [u8; HEAD], n: i64) -> usize {
    let bytes = n.to_le_bytes();
    let mut wide = |mark: u8, len: usize| {
        head[0] = mark;
        head[1..=len].copy_from_slice(&bytes[..len]);
        1 + len
    };
    match n {
        0..=127 => {
            head[0] = bytes[0];
            1
        }
        -4096..=4095 => {
            head[0] = 0b1100_0000 | bytes[1] & 0b1_1111;
            head[1] = bytes[0];
            2
        }
        -0x8000..=0x7fff => wide(0b1111_0001, 2),
        -0x80_0000..=0x7f_ffff => wide(0b1111_0010, 3),
        -0x8000_0000..=0x7fff_ffff => wide(0b1111_0011, 4),
        _ => wide(0b1111_0100, 8),
    }
}

#[inline]
fn encode_len(head: &mut [u8; HEAD], len: usize) -> usize {
    match len {
        0..64 => {
            head[0] = 0b1000_0000 | len as u8;
            1
        }
        64..4096 => {
            head[0] = 0b1110_0000 | (len >> 8) as u8;
            head[1] = len as u8;
            2
        }
        _ => {
            head[0] = 0b1111_0000;
            head[1..5].copy_from_slice(&(len as u32).to_le_bytes());
            5
        }
    }
}

/// How many bytes the length of an entry takes behind it. Redis leaves the last values of each width unused.
#[inline]
const fn back_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// Seven bits a byte, highest first; all but the first are marked, so that reading backwards knows where to stop.
#[inline]
fn encode_back(back: &mut [u8; BACK], len: usize) -> usize {
    let width = back_len(len);
    for (at, byte) in back[..width].iter_mut().enumerate() {
        *byte = (len >> (7 * (width - 1 - at)) & 127) as u8 | if at > 0 { 128 } else { 0 };
    }
    width
}

/// What stands at the beginning of `bytes`, and the bytes of the whole entry, the length behind it included.
///
/// `None` if this is not an entry, or not all of one. The length behind is not looked at.
#[inline]
pub(super) fn decode(bytes: &[u8]) -> Option<(Item<'_>, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let text = |header: usize, len: usize| {
        let total = header + len;
        Some((Item::Bytes(bytes.get(header..total)?), total + back_len(total)))
    };
    match first {
        0..0b1000_0000 => Some((Item::Int(i64::from(first)), 2)),
        0b1000_0000..0b1100_0000 => text(1, usize::from(first & 0b11_1111)),
        0b1100_0000..0b1110_0000 => {
            let bits = i64::from(first & 0b1_1111) << 8 | i64::from(*rest.first()?);
            // Thirteen bits with a sign.
            Some((Item::Int(bits << 51 >> 51), 3))
        }
        0b1110_0000..0b1111_0000 => text(2, usize::from(first & 0b1111) << 8 | usize::from(*rest.first()?)),
        0b1111_0000 => text(5, u32::from_le_bytes(*rest.first_chunk()?) as usize),
        0b1111_0001 => Some((Item::Int(i16::from_le_bytes(*rest.first_chunk()?).into()), 4)),
        0b1111_0010 => {
            let [low, middle, high] = *rest.first_chunk()?;
            Some((Item::Int((i32::from_le_bytes([0, low, middle, high]) >> 8).into()), 5))
        }
        0b1111_0011 => Some((Item::Int(i32::from_le_bytes(*rest.first_chunk()?).into()), 6)),
        0b1111_0100 => Some((Item::Int(i64::from_le_bytes(*rest.first_chunk()?)), 10)),
        _ => None,
    }
}

/// The bytes of the whole entry at the beginning of `bytes`, without looking at what it holds.
///
/// Zero if there is none: at the end of a listpack, or where the bytes end too early to tell.
#[inline]
pub(super) fn skip(bytes: &[u8]) -> usize {
    let Some((&first, rest)) = bytes.split_first() else { return 0 };
    let len = match first {
        0..0b1000_0000 => return 2,
        0b1000_0000..0b1100_0000 => 1 + usize::from(first & 0b11_1111),
        0b1100_0000..0b1110_0000 => return 3,
        0b1110_0000..0b1111_0000 => {
            let Some(&low) = rest.first() else { return 0 };
            2 + (usize::from(first & 0b1111) << 8 | usize::from(low))
        }
        0b1111_0000 => {
            let Some(&len) = rest.first_chunk() else { return 0 };
            5 + u32::from_le_bytes(len) as usize
        }
        0b1111_0001 => return 4,
        0b1111_0010 => return 5,
        0b1111_0011 => return 6,
        0b1111_0100 => return 10,
        _ => return 0,
    };
    len + back_len(len)
}

/// The bytes of the whole entry that ends where `bytes` end, read from the length behind it. `None` if there is none.
#[inline]
pub(super) fn skip_back(bytes: &[u8]) -> Option<usize> {
    let (&last, before) = bytes.split_last()?;
    let mut len = usize::from(last & 127);
    let mut width = 1;
    if last & 128 != 0 {
        for &byte in before.iter().rev().take(BACK - 1) {
            len |= usize::from(byte & 127) << (7 * width);
            width += 1;
            if byte & 128 == 0 {
                break;
            }
        }
    }
    (len > 0).then_some(len + width)
}

/// Whether a whole entry stands at the beginning of `bytes`, with the very length behind it that Redis writes. Its bytes.
pub(super) fn validate(bytes: &[u8]) -> Option<usize> {
    let (_, size) = decode(bytes)?;
    let mut back = [0; BACK];
    let mut len = size - 1;
    // The length behind is the largest that, with its own width, makes up the size.
    while len + back_len(len) > size {
        len -= 1;
    }
    let width = encode_back(&mut back, len);
    (bytes.get(len..size)? == &back[..width]).then_some(size)
}
