//! The payloads of DUMP and RESTORE: a type, a value, the version, and a checksum over all that.

use super::{Format, Writer, is_readable, kind, kind_of, save};
use crate::codec::crc64::crc64;
use crate::keyspace::ValueRef;

/// The version and the checksum.
const FOOTER: usize = 2 + 8;

/// A payload that is of no version that can be read, or not what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadPayload;

/// Makes a payload of a value. O(length).
pub fn seal(value: ValueRef<'_>, format: Format) -> Vec<u8> {
    let mut writer = Writer::new(format.compress);
    let kind = kind_of(value, format);
    writer.byte(kind);
    save(value, format, &mut writer);
    let version = match kind {
        kind::HASH_METADATA | kind::HASH_2 => format.version_with_deadlines(),
        _ => format.version,
    };
    writer.raw(&version.to_le_bytes());
    let mut payload = writer.into_bytes();
    let sum = crc64(0, &payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

/// The type and the value of a payload whose version and checksum are right.
///
/// # Errors
/// [`BadPayload`].
pub fn open(payload: &[u8]) -> Result<(u8, &[u8]), BadPayload> {
    let (body, footer) = payload.split_last_chunk::<FOOTER>().ok_or(BadPayload)?;
    let (version, sum) = footer.split_first_chunk::<2>().ok_or(BadPayload)?;
    let sum = sum.first_chunk().map(|sum| u64::from_le_bytes(*sum)).ok_or(BadPayload)?;
    let summed = payload.get(..payload.len() - 8).ok_or(BadPayload)?;
    if !is_readable(u16::from_le_bytes(*version)) || sum != crc64(0, summed) {
        return Err(BadPayload);
    }
    body.split_first().map(|(kind, value)| (*kind, value)).ok_or(BadPayload)
}
