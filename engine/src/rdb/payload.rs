//! The payloads of DUMP and RESTORE: a type, a value, the version, and a checksum over all that.

use super::file::mark;
use super::{Format, Reader, Writer, is_readable, kind, kind_of, save};
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
    close(writer, version)
}

/// Makes a payload of libraries of functions (FUNCTION DUMP). O(length).
pub fn seal_functions<'a>(sources: impl Iterator<Item = &'a [u8]>, format: Format) -> Vec<u8> {
    let mut writer = Writer::new(format.compress);
    for source in sources {
        writer.byte(mark::FUNCTION);
        writer.string(source);
    }
    close(writer, format.version)
}

fn close(mut writer: Writer, version: u16) -> Vec<u8> {
    writer.raw(&version.to_le_bytes());
    let mut payload = writer.into_bytes();
    let sum = crc64(0, &payload);
    payload.extend_from_slice(&sum.to_le_bytes());
    payload
}

/// The sources in a payload of libraries of functions. `None` if it is the payload of something else.
///
/// # Errors
/// [`BadPayload`].
pub fn open_functions(payload: &[u8]) -> Result<Option<Vec<Vec<u8>>>, BadPayload> {
    let body = checked(payload)?;
    let (mut reader, mut sources) = (Reader::new(body), Vec::new());
    while reader.left() > 0 {
        if reader.byte() != Ok(mark::FUNCTION) {
            return Ok(None);
        }
        let Ok(source) = reader.string() else { return Ok(None) };
        sources.push(source.into_owned());
    }
    Ok(Some(sources))
}

/// The type and the value of a payload whose version and checksum are right.
///
/// # Errors
/// [`BadPayload`].
pub fn open(payload: &[u8]) -> Result<(u8, &[u8]), BadPayload> {
    checked(payload)?.split_first().map(|(kind, value)| (*kind, value)).ok_or(BadPayload)
}

/// What stands before version and checksum, if they are right.
fn checked(payload: &[u8]) -> Result<&[u8], BadPayload> {
    let (body, footer) = payload.split_last_chunk::<FOOTER>().ok_or(BadPayload)?;
    let (version, sum) = footer.split_first_chunk::<2>().ok_or(BadPayload)?;
    let sum = sum.first_chunk().map(|sum| u64::from_le_bytes(*sum)).ok_or(BadPayload)?;
    let summed = payload.get(..payload.len() - 8).ok_or(BadPayload)?;
    if !is_readable(u16::from_le_bytes(*version)) || sum != crc64(0, summed) {
        return Err(BadPayload);
    }
    Ok(body)
}
