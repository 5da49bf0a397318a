//! Counting: strings as numbers.

use super::StringRef;
use crate::codec::num::{self, LongDouble};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Entry, Event, Key, NewValue, ValueMut, ValueRef, View};

impl StringRef<'_> {
    /// The integer that the string spells.
    fn int(&self) -> Result<i64> {
        match self {
            Self::Int(n) => Ok(*n),
            Self::Bytes(bytes) => num::parse_i64(bytes).ok_or(Error::NOT_INTEGER),
            Self::Shared(_) => Err(Error::NOT_INTEGER),
        }
    }
}

/// INCRBY and its relatives: adds to an integer, nothing counting as 0, and returns the sum. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`Error::NOT_INTEGER`], [`Error::OVERFLOW`].
pub fn incr_by(view: &mut View<'_>, key: &Key<'_>, by: i64) -> Result<i64> {
    let entry = view.get_for_change(key);
    let old = entry.map_or(Ok(0), |e| e.string()?.int())?;
    let sum = old.checked_add(by).ok_or(Error::OVERFLOW)?;
    let deadline = entry.and_then(Entry::deadline);
    if entry.is_some_and(|e| matches!(e.value(), ValueRef::Int(_))) {
        view.update(key, |entry| {
            if let ValueMut::Int(mut n) = entry.value() {
                n.set(sum);
            }
        });
    } else {
        view.put(key, NewValue::Int(sum), deadline);
    }
    view.record(key, Event::string("incrby"), || Effect::new("INCRBY").arg(key.bytes).int(by));
    Ok(sum)
}

/// INCRBYFLOAT: adds to a number, nothing counting as 0, and returns the sum as it is stored. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; [`Error::NOT_FLOAT`] if the value is none; an error if the sum is no finite number.
pub fn incr_by_float(view: &mut View<'_>, key: &Key<'_>, by: LongDouble) -> Result<Vec<u8>> {
    let entry = view.get_for_change(key);
    let string = entry.map_or(Ok(StringRef::Int(0)), Entry::string)?;
    let mut buffer = itoa::Buffer::new();
    let sum = LongDouble::parse(string.bytes(&mut buffer)).ok_or(Error::NOT_FLOAT)?.add(by);
    if sum.is_nan() || sum.is_infinite() {
        return Err(Error::new("ERR increment would produce NaN or Infinity"));
    }
    let deadline = entry.and_then(Entry::deadline);
    let mut text = Vec::new();
    sum.write(&mut text);
    // Not an integer even if it looks like one, as in Redis.
    view.put(key, NewValue::Bytes { bytes: &text, raw: false }, deadline);
    // The sum, not the addition: it must come out the same wherever it is replayed.
    let effect = || Effect::new("SET").arg(key.bytes).arg(&text).arg("KEEPTTL");
    view.record(key, Event::string("incrbyfloat"), effect);
    Ok(text)
}
