//! Changes to a part of a string.

use super::{change_bytes, check_len, encode, own, put_raw};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Entry, Event, Key, ValueMut, ValueRef, View};

/// APPEND: adds bytes at the end and returns the new length. O(1) amortised over the bytes that are added, once the
/// string is a long one.
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`Error::TOO_LONG`].
pub fn append(view: &mut View<'_>, key: &Key<'_>, bytes: &[u8]) -> Result<usize> {
    let entry = view.get_for_change(key);
    let old = entry.map(Entry::string).transpose()?;
    let old_len = old.map_or(0, |s| s.len());
    let len = old_len.checked_add(bytes.len()).ok_or(Error::TOO_LONG)?;
    let deadline = entry.and_then(Entry::deadline);
    let is_shared = entry.is_some_and(|e| matches!(e.value(), ValueRef::Shared(_)));
    match old {
        None => view.put(key, encode(bytes), None),
        Some(_) if is_shared => {
            check_len(view, Some(len as u64))?;
            view.update(key, |entry| {
                if let ValueMut::Shared(shared) = entry.value() {
                    own(shared, len).extend_from_slice(bytes);
                }
            });
        }
        Some(string) => {
            let mut joined = Vec::with_capacity(len);
            joined.extend_from_slice(string.bytes(&mut itoa::Buffer::new()));
            joined.extend_from_slice(bytes);
            check_len(view, Some(len as u64))?;
            put_raw(view, key, joined, deadline);
        }
    }
    view.record(key, Event::string("append"), || Effect::new("APPEND").arg(key.bytes).arg(bytes));
    Ok(len)
}

/// SETRANGE: overwrites bytes from an offset on, with zeros before it if the string is shorter, and returns the new
/// length. Nothing to write changes nothing. O(bytes written), once the string is a long one.
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`Error::TOO_LONG`].
pub fn set_range(view: &mut View<'_>, key: &Key<'_>, offset: u64, bytes: &[u8]) -> Result<usize> {
    let old = view.get_for_change(key).map(Entry::string).transpose()?;
    let old_len = old.map_or(0, |s| s.len());
    if bytes.is_empty() {
        return Ok(old_len);
    }
    let end = offset.checked_add(bytes.len() as u64);
    check_len(view, end)?;
    let start = usize::try_from(offset).map_err(|_| Error::TOO_LONG)?;
    let end = start.checked_add(bytes.len()).ok_or(Error::TOO_LONG)?;
    change_bytes(view, key, end, |string| {
        if let Some(part) = string.get_mut(start..end) {
            part.copy_from_slice(bytes);
        }
    });
    view.record(key, Event::string("setrange"), || Effect::new("SETRANGE").arg(key.bytes).int(offset).arg(bytes));
    Ok(old_len.max(end))
}
