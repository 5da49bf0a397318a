//! SET and its relatives: whole values in, whole values out.

use super::expiry::{Deadline, GetExpiry, SetExpiry};
use super::{Expiry, OldString, encode, get, read_for_change};
use crate::clock::Millis;
use crate::error::Result;
use crate::keyspace::{Effect, Entry, Event, Key, View};

/// What has to be so for SET to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Condition<'a> {
    /// Nothing.
    #[default]
    Always,
    /// The key is not there (`NX`).
    Missing,
    /// The key is there (`XX`).
    Exists,
    /// The key is there and holds this string (`IFEQ`).
    Equals(&'a [u8]),
}

/// How SET sets.
///
/// ```
/// use carnelian::SetOptions;
/// let once_for_a_minute = SetOptions::new().nx().ex(60);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[must_use]
pub struct SetOptions<'a> {
    /// What has to be so.
    pub condition: Condition<'a>,
    /// What becomes of the deadline.
    pub expiry: SetExpiry,
}

impl<'a> SetOptions<'a> {
    /// Sets whatever was there, without a deadline.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if the key is not there.
    pub fn nx(mut self) -> Self {
        self.condition = Condition::Missing;
        self
    }

    /// Only if the key is there.
    pub fn xx(mut self) -> Self {
        self.condition = Condition::Exists;
        self
    }

    /// Only if the key holds this string.
    pub fn if_eq(mut self, value: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.condition = Condition::Equals(value.as_ref());
        self
    }

    /// The key keeps its deadline.
    pub fn keep_ttl(mut self) -> Self {
        self.expiry = SetExpiry::Keep;
        self
    }

    /// The key expires in some seconds.
    pub fn ex(self, seconds: i64) -> Self {
        self.expiry(Expiry::Ex(seconds))
    }

    /// The key expires in some milliseconds.
    pub fn px(self, millis: i64) -> Self {
        self.expiry(Expiry::Px(millis))
    }

    /// The key expires at a time in seconds since 1970.
    pub fn ex_at(self, seconds: i64) -> Self {
        self.expiry(Expiry::ExAt(seconds))
    }

    /// The key expires at a time in milliseconds since 1970.
    pub fn px_at(self, millis: i64) -> Self {
        self.expiry(Expiry::PxAt(millis))
    }

    /// The key expires then.
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.expiry = SetExpiry::At(expiry);
        self
    }
}

/// SET without conditions. O(1).
#[inline]
pub fn set(view: &mut View<'_>, key: &Key<'_>, value: &[u8], deadline: Option<Millis>) {
    store(view, key, value, deadline.map_or(Deadline::None, Deadline::At));
}

/// Sets a key and says so.
pub(super) fn store(view: &mut View<'_>, key: &Key<'_>, value: &[u8], deadline: Deadline) {
    let at = match deadline {
        Deadline::None => None,
        Deadline::At(at) => Some(at),
        Deadline::Keep => view.peek(key).and_then(Entry::deadline),
    };
    view.put(key, encode(value), at);
    view.record(key, Event::string("set"), || {
        let effect = Effect::new("SET").arg(key.bytes).arg(value);
        match deadline {
            Deadline::None => effect,
            Deadline::Keep => effect.arg("KEEPTTL"),
            Deadline::At(at) => effect.arg("PXAT").int(at),
        }
    });
    if let Deadline::At(at) = deadline {
        view.announce(key, Event::generic("expire"));
        if view.is_past(Some(at)) {
            view.drop_expired(key);
        }
    }
}

/// SET. False if the condition was not met. O(1).
///
/// # Errors
/// [`Error::invalid_expire`](crate::Error::invalid_expire);
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE) if the key has to equal a string and is none.
pub fn set_with(view: &mut View<'_>, key: &Key<'_>, value: &[u8], options: &SetOptions<'_>) -> Result<bool> {
    let deadline = options.expiry.resolve(view.now(), "set")?;
    let done = match options.condition {
        Condition::Always => true,
        Condition::Missing => view.get_for_change(key).is_none(),
        Condition::Exists => view.get_for_change(key).is_some(),
        Condition::Equals(wanted) => holds(view, key, wanted)?,
    };
    if done {
        store(view, key, value, deadline);
    }
    Ok(done)
}

/// SET with GET: returns what the key held, whether or not the condition was met. O(1).
///
/// # Errors
/// As for [`set_with`]; [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE) if the key holds no string.
pub fn set_and_get(
    view: &mut View<'_>,
    key: &Key<'_>,
    value: &[u8],
    options: &SetOptions<'_>,
) -> Result<Option<OldString>> {
    let deadline = options.expiry.resolve(view.now(), "set")?;
    let old = read_for_change(view, key)?;
    let done = match options.condition {
        Condition::Always => true,
        Condition::Missing => old.is_none(),
        Condition::Exists => old.is_some(),
        Condition::Equals(wanted) => old.is_some_and(|s| s.is(wanted)),
    };
    let old = old.map(|s| s.keep());
    if done {
        store(view, key, value, deadline);
    }
    Ok(old)
}

fn holds(view: &mut View<'_>, key: &Key<'_>, wanted: &[u8]) -> Result<bool> {
    let string = view.get_for_change(key).map(Entry::string).transpose()?;
    Ok(string.is_some_and(|s| s.is(wanted)))
}

/// GETSET: sets a key without a deadline and returns what it held. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn get_set(view: &mut View<'_>, key: &Key<'_>, value: &[u8]) -> Result<Option<OldString>> {
    set_and_get(view, key, value, &SetOptions::new())
}

/// GETDEL. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn get_del(view: &mut View<'_>, key: &Key<'_>) -> Result<Option<OldString>> {
    let old = read_for_change(view, key)?.map(|s| s.keep());
    if old.is_some() {
        delete(view, key);
    }
    Ok(old)
}

/// DELIFEQ: deletes a key if it holds this string. O(length).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn del_if_eq(view: &mut View<'_>, key: &Key<'_>, wanted: &[u8]) -> Result<bool> {
    let equal = holds(view, key, wanted)?;
    if equal {
        delete(view, key);
    }
    Ok(equal)
}

/// Deletes a key that is there, and says so.
pub(in crate::operation) fn delete(view: &mut View<'_>, key: &Key<'_>) {
    if view.remove(key) {
        view.record(key, Event::generic("del"), || Effect::new("DEL").arg(key.bytes));
    }
}

/// GETEX: reads a key and changes its deadline. One that has passed deletes the key. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE);
/// [`Error::invalid_expire`](crate::Error::invalid_expire) unless the key is missing.
pub fn get_ex(view: &mut View<'_>, key: &Key<'_>, expiry: GetExpiry) -> Result<Option<OldString>> {
    view.drop_expired(key);
    let Some(old) = get(view, key)?.map(|s| s.keep()) else { return Ok(None) };
    match expiry {
        GetExpiry::Keep => {}
        GetExpiry::Persist => {
            if view.peek(key).and_then(Entry::deadline).is_some() && view.set_deadline(key, None) {
                view.record(key, Event::generic("persist"), || Effect::new("PERSIST").arg(key.bytes));
            }
        }
        GetExpiry::At(expiry) => {
            let at = expiry.deadline(view.now(), "getex")?;
            if at <= view.now() {
                delete(view, key);
            } else if view.set_deadline(key, Some(at)) {
                let effect = || Effect::new("PEXPIREAT").arg(key.bytes).int(at);
                view.record(key, Event::generic("expire"), effect);
            }
        }
    }
    Ok(Some(old))
}
