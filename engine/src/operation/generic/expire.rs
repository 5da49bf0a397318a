//! Deadlines of keys.

use crate::clock::Millis;
use crate::keyspace::{Effect, Event, Key, View};

/// When a new deadline takes the place of the present one.
///
/// A key without a deadline counts as one that expires later than any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExpireCondition {
    /// Always.
    #[default]
    Always,
    /// If the key has none (`NX`).
    IfNone,
    /// If the key has one (`XX`).
    IfSome,
    /// If it is later than the present one (`GT`).
    IfLater,
    /// If it is earlier than the present one (`LT`).
    IfEarlier,
    /// If the key has one and the new one is earlier (`XX LT`).
    IfSomeAndEarlier,
}

impl ExpireCondition {
    pub(in crate::operation) fn holds(self, present: Option<i64>, new: i64) -> bool {
        match self {
            Self::Always => true,
            Self::IfNone => present.is_none(),
            Self::IfSome => present.is_some(),
            Self::IfLater => present.is_some_and(|p| new > p),
            Self::IfEarlier => present.is_none_or(|p| new < p),
            Self::IfSomeAndEarlier => present.is_some_and(|p| new < p),
        }
    }
}

/// When a key expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    /// There is no such key.
    NoKey,
    /// It does not.
    Never,
    /// After this millisecond since 1970.
    At(Millis),
}

/// The EXPIRE family: gives a key a deadline in milliseconds since 1970. One that has passed deletes the key. False if
/// the key is not there or the condition does not hold. O(1).
pub fn expire_at(view: &mut View<'_>, key: &Key<'_>, at: i64, condition: ExpireCondition) -> bool {
    let Some(entry) = view.get_for_change(key) else { return false };
    let present = entry.deadline().map(|d| i64::try_from(d).unwrap_or(i64::MAX));
    if !condition.holds(present, at) {
        return false;
    }
    let now = i64::try_from(view.now()).unwrap_or(i64::MAX);
    if at <= now && !view.space().holds_expired() {
        return super::delete(view, key);
    }
    let at = u64::try_from(at).unwrap_or(0);
    let set = view.set_deadline(key, Some(at));
    if set {
        view.record(key, Event::generic("expire"), || Effect::new("PEXPIREAT").arg(key.bytes).int(at));
    }
    set
}

/// PERSIST: takes a key's deadline away. False if there is none. O(1).
pub fn persist(view: &mut View<'_>, key: &Key<'_>) -> bool {
    if view.get_for_change(key).is_none_or(|e| e.deadline().is_none()) {
        return false;
    }
    let done = view.set_deadline(key, None);
    if done {
        view.record(key, Event::generic("persist"), || Effect::new("PERSIST").arg(key.bytes));
    }
    done
}

/// TTL and EXPIRETIME: when a key expires. O(1).
pub fn deadline(view: &View<'_>, key: &Key<'_>) -> Deadline {
    match view.look(key) {
        None => Deadline::NoKey,
        Some(entry) => entry.deadline().map_or(Deadline::Never, Deadline::At),
    }
}
