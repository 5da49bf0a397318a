//! Strings: reading them, and what all changes to them share.

mod change;
mod expiry;
mod lcs;
mod many;
mod number;
mod set;

pub use change::{append, set_range};
pub use expiry::{Expiry, GetExpiry, SetExpiry};
pub use lcs::{check_lcs, lcs, lcs_len};
pub use many::{mget, mset, mset_ex, mset_nx};
pub use number::{incr_by, incr_by_float};
pub(super) use set::delete;
pub use set::{Condition, SetOptions, del_if_eq, get_del, get_ex, get_set, set, set_and_get, set_with};

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::clock::Millis;
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Entry, Key, NewValue, ValueMut, ValueRef, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::{INLINE_MAX, Value};

/// Strings up to this length are `embstr` to `OBJECT ENCODING`, unless a change in place made them.
const EMBSTR_MAX: usize = 44;

/// A string as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum StringRef<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// A string that looks like an integer.
    Int(i64),
    /// A big one, which may be kept without copying.
    Shared(&'a Arc<Vec<u8>>),
}

/// A string that was taken out of the keyspace.
#[derive(Clone, Debug)]
pub enum OldString {
    /// A copy of its bytes.
    Bytes(Vec<u8>),
    /// A string that looks like an integer.
    Int(i64),
    /// A big one, not copied.
    Shared(Arc<Vec<u8>>),
}

impl<'a> StringRef<'a> {
    /// Its bytes; an integer is written into `buffer`.
    pub fn bytes<'b>(&'b self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(n) => buffer.format(*n).as_bytes(),
            Self::Shared(bytes) => bytes,
        }
    }

    /// Its bytes, copied only if they stand nowhere.
    pub fn cow(self) -> Cow<'a, [u8]> {
        match self {
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
            Self::Int(_) => Cow::Owned(self.to_vec()),
            Self::Shared(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Int(n) => itoa::Buffer::new().format(*n).len(),
            Self::Shared(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are its bytes.
    fn is(&self, bytes: &[u8]) -> bool {
        self.bytes(&mut itoa::Buffer::new()) == bytes
    }

    /// The string, to be kept when the keyspace has changed.
    pub fn keep(&self) -> OldString {
        match self {
            Self::Bytes(bytes) => OldString::Bytes(bytes.to_vec()),
            Self::Int(n) => OldString::Int(*n),
            Self::Shared(bytes) => OldString::Shared(Arc::clone(bytes)),
        }
    }
}

impl OldString {
    /// The string, as one that is stored.
    pub fn borrow(&self) -> StringRef<'_> {
        match self {
            Self::Bytes(bytes) => StringRef::Bytes(bytes),
            Self::Int(n) => StringRef::Int(*n),
            Self::Shared(bytes) => StringRef::Shared(bytes),
        }
    }

    /// Its bytes.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(n) => itoa::Buffer::new().format(n).as_bytes().to_vec(),
            Self::Shared(bytes) => Arc::unwrap_or_clone(bytes),
        }
    }
}

impl<'a> Entry<'a> {
    /// The entry's value, which must be a string.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    #[inline]
    pub fn string(self) -> Result<StringRef<'a>> {
        match self.value() {
            ValueRef::Inline(bytes) => Ok(StringRef::Bytes(bytes)),
            ValueRef::Int(n) => Ok(StringRef::Int(n)),
            ValueRef::Shared(s) => Ok(StringRef::Shared(s)),
            _ => Err(Error::WRONG_TYPE),
        }
    }
}

/// Bytes as a value: an integer if they are one in canonical form.
pub fn encode(bytes: &[u8]) -> NewValue<'_> {
    if bytes.len() <= 20
        && let Some(n) = num::parse_i64(bytes)
    {
        return NewValue::Int(n);
    }
    NewValue::Bytes { bytes, raw: false }
}

/// What `OBJECT ENCODING` says of a string: `int`, `embstr` or `raw`.
pub fn encoding(entry: Entry<'_>) -> &'static str {
    match entry.value() {
        ValueRef::Int(_) => "int",
        ValueRef::Inline(bytes) if bytes.len() <= EMBSTR_MAX && !entry.is_raw() => "embstr",
        _ => "raw",
    }
}

/// GET. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
#[inline]
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<StringRef<'v>>> {
    view.get(key).map(Entry::string).transpose()
}

/// The string at a key, not counted as an access: what a command looks at before it goes on to parse its arguments.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn peek<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<StringRef<'v>>> {
    view.peek(key).map(Entry::string).transpose()
}

/// STRLEN. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn len(view: &View<'_>, key: &Key<'_>) -> Result<usize> {
    Ok(get(view, key)?.map_or(0, |s| s.len()))
}

/// GETRANGE: gives `read` the bytes from `start` to `end`, both included and counted from the end if negative; none if
/// the key is not there. O(length of the part).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn get_range<R>(view: &View<'_>, key: &Key<'_>, start: i64, end: i64, read: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let string = get(view, key)?.unwrap_or(StringRef::Bytes(b""));
    let mut buffer = itoa::Buffer::new();
    let bytes = string.bytes(&mut buffer);
    let part = clamp(start, end, bytes.len() as u64);
    let part = part.start as usize..part.end as usize;
    Ok(read(bytes.get(part).unwrap_or_default()))
}

/// The part of `len` places from `start` to `end`, both included and counted from the end if negative. As in Redis an
/// end before the beginning means the first place, unless it is before the start as they are given.
pub(super) fn clamp(start: i64, end: i64, len: u64) -> Range<u64> {
    if len == 0 || start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let place = |n: i64| if n < 0 { len.saturating_sub(n.unsigned_abs()) } else { n.unsigned_abs() };
    let (start, end) = (place(start), place(end).min(len - 1));
    if start > end { 0..0 } else { start..end + 1 }
}

/// The string at a key that is going to be changed, counted as a reader's access.
fn read_for_change<'v>(view: &'v mut View<'_>, key: &Key<'_>) -> Result<Option<StringRef<'v>>> {
    view.drop_expired(key);
    get(view, key)
}

/// Refuses strings longer than `proto-max-bulk-len`.
fn check_len(view: &View<'_>, len: Option<u64>) -> Result<()> {
    match len {
        Some(len) if len <= view.space().settings().proto_max_bulk_len.load(Relaxed) => Ok(()),
        _ => Err(Error::TOO_LONG),
    }
}

/// Puts a string that a change made, without copying it if it is a big one.
pub(super) fn put_raw(view: &mut View<'_>, key: &Key<'_>, bytes: Vec<u8>, deadline: Option<Millis>) {
    let value = if bytes.len() > INLINE_MAX {
        NewValue::Owned(Value::String(Arc::new(bytes)))
    } else {
        NewValue::Bytes { bytes: &bytes, raw: true }
    };
    view.put(key, value, deadline);
}

/// The bytes of a big string for a change that needs `room` bytes; copied if somebody still sends them.
fn own(shared: &mut Arc<Vec<u8>>, room: usize) -> &mut Vec<u8> {
    if Arc::get_mut(shared).is_none() {
        let mut copy = Vec::with_capacity(room.max(shared.len()));
        copy.extend_from_slice(shared);
        *shared = Arc::new(copy);
    }
    Arc::make_mut(shared)
}

/// Changes the bytes of a string in place, after adding zeros until there are `len`. The key holds a string or nothing,
/// and the caller records the effect. O(change), unless the string is short or still being sent.
pub(super) fn change_bytes(view: &mut View<'_>, key: &Key<'_>, len: usize, change: impl FnOnce(&mut [u8])) {
    let (mut bytes, deadline) = match view.peek(key).map(|e| (e.value(), e.deadline())) {
        Some((ValueRef::Inline(old), _)) if old.len() >= len => {
            view.update(key, |entry| {
                if let ValueMut::Inline(bytes) = entry.value() {
                    change(bytes);
                }
                entry.set_raw();
            });
            return;
        }
        Some((ValueRef::Shared(_), _)) => {
            view.update(key, |entry| {
                if let ValueMut::Shared(shared) = entry.value() {
                    let bytes = own(shared, len);
                    if bytes.len() < len {
                        bytes.resize(len, 0);
                    }
                    change(bytes);
                }
            });
            return;
        }
        Some((ValueRef::Inline(old), deadline)) => (grown(old, len), deadline),
        Some((ValueRef::Int(n), deadline)) => (grown(itoa::Buffer::new().format(n).as_bytes(), len), deadline),
        _ => (vec![0; len], None),
    };
    change(&mut bytes);
    put_raw(view, key, bytes, deadline);
}

/// A copy with zeros up to `len`, which the system gives away for free where there are many.
fn grown(old: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len.max(old.len())];
    if let Some(front) = bytes.get_mut(..old.len()) {
        front.copy_from_slice(old);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::clamp;

    /// Asked of Redis 7.0.15, with a string of five.
    #[test]
    fn ranges_like_redis() {
        for (start, end, part) in [
            (0, -1, 0..5),
            (1, 3, 1..4),
            (-3, -2, 2..4),
            (0, -100, 0..1),
            (-100, -90, 0..1),
            (-90, -100, 0..0),
            (-1, -2, 0..0),
            (3, 1, 0..0),
            (5, 9, 0..0),
            (4, i64::MAX, 4..5),
            (i64::MIN, i64::MAX, 0..5),
        ] {
            assert_eq!(clamp(start, end, 5), part, "{start} {end}");
        }
        assert_eq!(clamp(0, -1, 0), 0..0);
    }
}
