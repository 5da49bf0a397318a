//! Strings.

use std::sync::Arc;

use crate::clock::Millis;
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Entry, Event, Key, NewValue, ValueRef, View};
use crate::value::Value;

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

    /// A copy of its bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes(&mut itoa::Buffer::new()).to_vec()
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
            ValueRef::Boxed(Value::String(s)) => Ok(StringRef::Shared(s)),
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

/// GET. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
#[inline]
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<StringRef<'v>>> {
    view.get(key).map(Entry::string).transpose()
}

/// SET without conditions. O(1).
pub fn set(view: &mut View<'_>, key: &Key<'_>, value: &[u8], deadline: Option<Millis>) {
    view.put(key, encode(value), deadline);
    view.record(key, Event::string("set"), || match deadline {
        None => Effect::new("SET").arg(key.bytes).arg(value),
        Some(at) => Effect::new("SET").arg(key.bytes).arg(value).arg("PXAT").int(at),
    });
}

#[allow(unused)]
fn unused() -> Error {
    Error::SYNTAX
}
