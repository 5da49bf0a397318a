//! The small forms of Redis before 7.0: ziplists and zipmaps. They are only read.

use crate::value::listpack::Item;

/// What a ziplist holds, in order; nothing if it is damaged.
pub(super) fn items(bytes: &[u8]) -> Option<Vec<Item<'_>>> {
    const HEADER: usize = 10;
    let stated: usize = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let (&end, body) = bytes.split_last()?;
    if stated != bytes.len() || end != 0xff {
        return None;
    }
    let count = u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    let mut rest = body.get(HEADER..)?;
    let (mut items, mut previous) = (Vec::new(), 0);
    while !rest.is_empty() {
        let before = rest.len();
        let (length_before, tail) = match rest.split_first()? {
            (254, tail) => (u32::from_le_bytes(*tail.first_chunk()?) as usize, tail.get(4..)?),
            (&short, tail) if short < 254 => (usize::from(short), tail),
            _ => return None,
        };
        if length_before != previous {
            return None;
        }
        let (item, tail) = item(tail)?;
        items.push(item);
        previous = before - tail.len();
        rest = tail;
    }
    (count == u16::MAX || usize::from(count) == items.len()).then_some(items)
}

/// An entry without the length of the one before it, and what is behind it.
fn item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (&mark, tail) = bytes.split_first()?;
    let (len, tail) = match mark >> 6 {
        0 => (usize::from(mark & 0x3f), tail),
        1 => (usize::from(mark & 0x3f) << 8 | usize::from(*tail.first()?), tail.get(1..)?),
        2 if mark == 0x80 => (u32::from_be_bytes(*tail.first_chunk()?) as usize, tail.get(4..)?),
        2 => return None,
        _ => return int(mark, tail),
    };
    let (text, tail) = tail.split_at_checked(len)?;
    Some((Item::Bytes(text), tail))
}

fn int(mark: u8, tail: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (n, len) = match mark {
        0xc0 => (i64::from(i16::from_le_bytes(*tail.first_chunk()?)), 2),
        0xd0 => (i64::from(i32::from_le_bytes(*tail.first_chunk()?)), 4),
        0xe0 => (i64::from_le_bytes(*tail.first_chunk()?), 8),
        0xf0 => {
            let [a, b, c] = *tail.first_chunk()?;
            (i64::from(i32::from_le_bytes([0, a, b, c]) >> 8), 3)
        }
        0xfe => (i64::from(i8::from_le_bytes(*tail.first_chunk()?)), 1),
        0xf1..=0xfd => (i64::from(mark & 0x0f) - 1, 0),
        _ => return None,
    };
    Some((Item::Int(n), tail.get(len..)?))
}

/// The fields and values of a zipmap, in turn; nothing if it is damaged.
pub(super) fn zipmap_items(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bytes.get(1..)?;
    let mut items = Vec::new();
    loop {
        let (len, tail) = match rest.split_first()? {
            (255, []) => break,
            (255, _) => return None,
            (254, tail) => (u32::from_le_bytes(*tail.first_chunk()?) as usize, tail.get(4..)?),
            (&short, tail) => (usize::from(short), tail),
        };
        // A value has so many unused bytes behind it.
        let is_value = items.len() % 2 == 1;
        let (unused, tail) = match is_value {
            true => (usize::from(*tail.first()?), tail.get(1..)?),
            false => (0, tail),
        };
        items.push(tail.get(..len)?);
        rest = tail.get(len.checked_add(unused)?..)?;
    }
    (items.len() % 2 == 0).then_some(items)
}
