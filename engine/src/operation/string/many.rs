//! Strings of many keys at once: all of them are locked before the first is looked at.

use super::set::store;
use super::{Condition, SetOptions, StringRef};
use crate::error::Result;
use crate::keyspace::{Entry, Key, View};

/// MGET: gives `read` each value in turn, nothing where a key is missing or holds no string. O(keys).
pub fn mget<'k>(view: &View<'_>, keys: impl Iterator<Item = Key<'k>>, mut read: impl FnMut(Option<StringRef<'_>>)) {
    for key in keys {
        read(view.get(&key).map(Entry::string).and_then(Result::ok));
    }
}

/// MSET: sets keys one after the other, so that of two equal ones the later holds. O(keys).
pub fn mset<'k>(view: &mut View<'_>, pairs: impl Iterator<Item = (Key<'k>, &'k [u8])>) {
    for (key, value) in pairs {
        super::set(view, &key, value, None);
    }
}

/// MSETNX: sets all keys or, if one of them is there, none. O(keys).
pub fn mset_nx<'k>(view: &mut View<'_>, pairs: impl Iterator<Item = (Key<'k>, &'k [u8])> + Clone) -> bool {
    let free = none_there(view, pairs.clone().map(|(key, _)| key));
    if free {
        mset(view, pairs);
    }
    free
}

/// MSETEX: sets all keys or, if the condition is not met by every key, none. O(keys).
///
/// # Errors
/// [`Error::invalid_expire`](crate::Error::invalid_expire);
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE) if a key has to equal a string and is none.
pub fn mset_ex<'k>(
    view: &mut View<'_>,
    pairs: impl Iterator<Item = (Key<'k>, &'k [u8])> + Clone,
    options: &SetOptions<'_>,
) -> Result<bool> {
    let deadline = options.expiry.resolve(view.now(), "msetex")?;
    let mut keys = pairs.clone().map(|(key, _)| key);
    let done = match options.condition {
        Condition::Always => true,
        Condition::Missing => none_there(view, keys),
        Condition::Exists => keys.all(|key| view.get_for_change(&key).is_some()),
        Condition::Equals(wanted) => {
            let mut all = true;
            for key in keys {
                let string = view.get_for_change(&key).map(Entry::string).transpose()?;
                all &= string.is_some_and(|s| s.is(wanted));
            }
            all
        }
    };
    if done {
        pairs.for_each(|(key, value)| store(view, &key, value, deadline));
    }
    Ok(done)
}

fn none_there<'k>(view: &mut View<'_>, mut keys: impl Iterator<Item = Key<'k>>) -> bool {
    keys.all(|key| view.get_for_change(&key).is_none())
}
