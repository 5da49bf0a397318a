//! Counting: fields as numbers.

use super::{event, limits};
use crate::codec::num::LongDouble;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, View};
use crate::value::{FieldDeadline, Hash};

/// HINCRBY: adds to the integer in a field, nothing counting as 0, and returns the sum. The field keeps its deadline.
/// O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`Error::OVERFLOW`]; an error if the value is no integer.
pub fn incr_by(view: &mut View<'_>, key: &Key<'_>, field: &[u8], by: i64) -> Result<i64> {
    let (limits, now) = (limits(view.space().settings()), view.now());
    let mut hash = view.edit_or_create::<Hash>(key)?;
    let old = match hash.get(field, now) {
        Some(value) => value.as_int().ok_or_else(|| Error::new("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = old.checked_add(by).ok_or(Error::OVERFLOW)?;
    hash.set(field, itoa::Buffer::new().format(sum).as_bytes(), FieldDeadline::Keep, limits);
    hash.mark_changed();
    drop(hash);
    view.record(key, event("hincrby"), || Effect::new("HINCRBY").arg(key.bytes).arg(field).int(by));
    Ok(sum)
}

/// HINCRBYFLOAT: adds to the number in a field, nothing counting as 0, and returns the sum as it is stored. The field
/// keeps its deadline. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if the value is no number, or the sum no finite one.
pub fn incr_by_float(view: &mut View<'_>, key: &Key<'_>, field: &[u8], by: LongDouble) -> Result<Vec<u8>> {
    let (limits, now) = (limits(view.space().settings()), view.now());
    let mut hash = view.edit_or_create::<Hash>(key)?;
    let mut buffer = itoa::Buffer::new();
    let (old, deadline) = match hash.get_with_deadline(field, now) {
        Some((value, deadline)) => (LongDouble::parse(value.bytes(&mut buffer)), deadline),
        None => (LongDouble::parse(b"0"), None),
    };
    let sum = old.ok_or_else(|| Error::new("ERR hash value is not a float"))?.add(by);
    if sum.is_nan() || sum.is_infinite() {
        return Err(Error::new("ERR increment would produce NaN or Infinity"));
    }
    let mut text = Vec::new();
    sum.write(&mut text);
    hash.set(field, &text, FieldDeadline::Keep, limits);
    hash.mark_changed();
    drop(hash);
    // The sum, not the addition: it must come out the same wherever it is replayed.
    view.record(key, event("hincrbyfloat"), || match deadline {
        None => Effect::new("HSET").arg(key.bytes).arg(field).arg(&text),
        Some(_) => Effect::new("HSETEX").arg(key.bytes).arg("KEEPTTL").arg("FIELDS").int(1).arg(field).arg(&text),
    });
    Ok(text)
}
