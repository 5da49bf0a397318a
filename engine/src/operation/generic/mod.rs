//! What can be done to a key whatever it holds.

mod database;
mod dump;
mod expire;
mod object;
mod scan;

pub use database::{db_size, flush, swap};
pub use dump::{RestoreOptions, check_free, dump, format, limits, restore};
pub use expire::{Deadline, ExpireCondition, deadline, expire_at, persist};
pub use object::{KeyType, encoding, encoding_of, frequency, idle_secs, key_type, refcount};
pub use scan::{ScanOptions, keys, random_key, scan};

use crate::error::{Error, Result};
use crate::keyspace::{Effect, Event, Key, NewValue, ValueRef, View};

/// The error of an operation whose source and destination are one and the same.
pub(crate) fn same_object() -> Error {
    Error::new("ERR source and destination objects are the same")
}

/// DEL and UNLINK of one key: big values are freed in the background either way. O(1).
pub fn delete(view: &mut View<'_>, key: &Key<'_>) -> bool {
    let deleted = view.remove(key);
    if deleted {
        view.record(key, Event::generic("del"), || Effect::new("DEL").arg(key.bytes));
    }
    deleted
}

/// EXISTS of one key. O(1).
pub fn exists(view: &View<'_>, key: &Key<'_>) -> bool {
    view.look(key).is_some()
}

/// TOUCH of one key: counts an access even for those whose reads do not. O(1).
pub fn touch(view: &View<'_>, key: &Key<'_>) -> bool {
    let Some(entry) = view.look(key) else { return false };
    view.touch_anyway(entry);
    true
}

/// RENAME. What `to` held is gone. O(1): a big value moves without being copied.
///
/// # Errors
/// [`Error::NO_SUCH_KEY`].
pub fn rename(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>) -> Result<()> {
    if view.get_for_change(from).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    if from.bytes != to.bytes {
        relocate(view, from, to);
    }
    Ok(())
}

/// RENAMENX. False if there is a key `to` already. O(1).
///
/// # Errors
/// [`Error::NO_SUCH_KEY`].
pub fn rename_if_new(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>) -> Result<bool> {
    if view.get_for_change(from).is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    view.drop_expired(to);
    if view.peek(to).is_some() {
        return Ok(false);
    }
    relocate(view, from, to);
    Ok(true)
}

/// Moves a key that is there to another name.
fn relocate(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>) {
    // First, so that the log has the deletion of an expired key before the change that found it.
    view.drop_expired(to);
    let Some(taken) = view.take(from) else { return };
    view.restore(to, taken);
    view.record(from, Event::generic("rename_from"), || Effect::new("RENAME").arg(from.bytes).arg(to.bytes));
    view.announce(to, Event::generic("rename_to"));
}

/// MOVE to another database. False if the key is not here, or is there already. O(1).
///
/// # Errors
/// [`Error::DB_INDEX`], and an error of its own if it is the same database.
pub fn move_to(view: &mut View<'_>, key: &Key<'_>, db: u32) -> Result<bool> {
    view.space().check_db(db)?;
    if db == view.db() {
        return Err(same_object());
    }
    if view.get_for_change(key).is_none() || occupied(view, key, db)? {
        return Ok(false);
    }
    let Some(taken) = view.take(key) else { return Ok(false) };
    let here = view.select(db)?;
    view.restore(key, taken);
    view.select(here)?;
    view.record(key, Event::generic("move_from"), || Effect::new("MOVE").arg(key.bytes).int(db));
    view.select(db)?;
    view.announce(key, Event::generic("move_to"));
    view.select(here)?;
    Ok(true)
}

/// Whether a database holds a key. One that has expired is deleted there.
fn occupied(view: &mut View<'_>, key: &Key<'_>, db: u32) -> Result<bool> {
    let here = view.select(db)?;
    view.drop_expired(key);
    let occupied = view.peek(key).is_some();
    view.select(here)?;
    Ok(occupied)
}

/// COPY to a key of a database, with the deadline. False if there is nothing to copy, or something is there and not to
/// be replaced. O(1) for strings, a long one being shared until one of the two changes; O(N) for collections.
///
/// # Errors
/// [`Error::DB_INDEX`], and an error of its own if both are the same key.
pub fn copy(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>, db: u32, replace: bool) -> Result<bool> {
    view.space().check_db(db)?;
    if db == view.db() && from.bytes == to.bytes {
        return Err(same_object());
    }
    view.drop_expired(from);
    let Some(entry) = view.get(from) else { return Ok(false) };
    let (deadline, raw) = (entry.deadline(), entry.is_raw());
    // The entry stays locked, but the view is about to change: what lies in place is copied out.
    let (bytes, value) = match entry.value() {
        ValueRef::Inline(bytes) => (bytes.to_vec(), None),
        ValueRef::Int(n) => (Vec::new(), Some(NewValue::Int(n))),
        owned => (Vec::new(), owned.to_owned().map(NewValue::Owned)),
    };
    if occupied(view, to, db)? && !replace {
        return Ok(false);
    }
    let here = view.db();
    view.record_effect(|| {
        let effect = Effect::new("COPY").arg(from.bytes).arg(to.bytes);
        let effect = if db == here { effect } else { effect.arg("DB").int(db) };
        effect.arg("REPLACE")
    });
    view.select(db)?;
    // A copy is a new key: it does not inherit the access clock of what it replaces.
    view.remove(to);
    view.put(to, value.unwrap_or(NewValue::Bytes { bytes: &bytes, raw }), deadline);
    view.announce(to, Event::generic("copy_to"));
    view.select(here)?;
    Ok(true)
}
