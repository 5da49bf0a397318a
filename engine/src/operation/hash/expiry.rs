//! Deadlines of fields.

use super::{event, limits, record_removal};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Event, Key, View};
use crate::operation::generic::{Deadline, ExpireCondition};
use crate::operation::string::{Condition, Expiry, GetExpiry, SetExpiry};
use crate::value::listpack::Item;
use crate::value::{FieldDeadline, Hash};

/// What HEXPIRE did to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldExpired {
    /// There is no such field.
    NoField,
    /// The condition does not hold.
    Unmet,
    /// The field has the deadline.
    Set,
    /// The deadline has passed, and the field is gone.
    Deleted,
}

/// What the fields of HSETEX have to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FieldCondition {
    /// Anything.
    #[default]
    Always,
    /// All of them missing (`FNX`).
    Missing,
    /// All of them there (`FXX`).
    Exist,
}

/// Under which conditions HSETEX sets fields, and what becomes of their deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub struct FieldSetOptions {
    /// What the key has to be: missing (`NX`) or there (`XX`).
    pub key: Condition<'static>,
    /// What the fields have to be.
    pub fields: FieldCondition,
    /// The deadline of all fields afterwards.
    pub expiry: SetExpiry,
}

impl FieldSetOptions {
    /// Fields without a deadline, on no condition.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only if none of the fields is there.
    #[must_use]
    pub fn fnx(self) -> Self {
        Self { fields: FieldCondition::Missing, ..self }
    }

    /// Only if all the fields are there.
    #[must_use]
    pub fn fxx(self) -> Self {
        Self { fields: FieldCondition::Exist, ..self }
    }

    /// Only if the key is not there.
    #[must_use]
    pub fn nx(self) -> Self {
        Self { key: Condition::Missing, ..self }
    }

    /// Only if the key is there.
    #[must_use]
    pub fn xx(self) -> Self {
        Self { key: Condition::Exists, ..self }
    }

    /// All fields expire at this time.
    #[must_use]
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self { expiry: SetExpiry::At(expiry), ..self }
    }

    /// Fields keep the deadlines they have.
    #[must_use]
    pub fn keep_ttl(self) -> Self {
        Self { expiry: SetExpiry::Keep, ..self }
    }
}

/// The deadline that a field gets, counted from `now` if it is relative; one in the past is fine. `command` is named if
/// it is refused.
///
/// # Errors
/// [`Error::invalid_expire`] if it is negative or too far away for a count of milliseconds.
pub fn check_expiry(expiry: Expiry, now: Millis, command: &str) -> Result<Millis> {
    let (given, scale, base) = match expiry {
        Expiry::Ex(n) => (n, 1000, now),
        Expiry::Px(n) => (n, 1, now),
        Expiry::ExAt(n) => (n, 1000, 0),
        Expiry::PxAt(n) => (n, 1, 0),
    };
    let at = Some(given)
        .filter(|&n| n >= 0)
        .and_then(|n| n.checked_mul(scale))
        .and_then(|n| n.checked_add(i64::try_from(base).ok()?));
    at.map(i64::unsigned_abs).ok_or_else(|| Error::invalid_expire(command))
}

/// Whether a deadline that somebody gives a field has already passed: the field goes at once.
fn is_over(view: &View<'_>, at: Millis) -> bool {
    at <= view.now() && !view.space().holds_expired()
}

fn with_fields(effect: Effect, fields: &[&[u8]]) -> Effect {
    fields.iter().fold(effect.arg("FIELDS").int(fields.len()), Effect::arg)
}

/// The HEXPIRE family: gives fields a deadline in milliseconds since 1970, and tells `done` of each what has become of
/// it. A deadline that has passed deletes the field. O(1) a field.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn expire_at<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    at: Millis,
    condition: ExpireCondition,
    fields: impl Iterator<Item = &'a [u8]>,
    mut done: impl FnMut(FieldExpired),
) -> Result<()> {
    let (now, is_over) = (view.now(), is_over(view, at));
    let Some(mut hash) = view.edit::<Hash>(key)? else {
        fields.for_each(|_| done(FieldExpired::NoField));
        return Ok(());
    };
    let new = i64::try_from(at).unwrap_or(i64::MAX);
    let mut changed = Vec::new();
    for field in fields {
        let Some((_, present)) = hash.get_with_deadline(field, now) else {
            done(FieldExpired::NoField);
            continue;
        };
        if !condition.holds(present.map(|d| i64::try_from(d).unwrap_or(i64::MAX)), new) {
            done(FieldExpired::Unmet);
            continue;
        }
        if is_over {
            hash.remove(field);
        } else {
            hash.set_deadline(field, Some(at));
        }
        changed.push(field);
        done(if is_over { FieldExpired::Deleted } else { FieldExpired::Set });
    }
    if changed.is_empty() {
        return Ok(());
    }
    let is_gone = hash.is_empty();
    hash.mark_changed();
    drop(hash);
    record_deadline(view, key, at, is_over, is_gone, &changed);
    Ok(())
}

/// Records that fields have got a deadline, or have gone because of it.
fn record_deadline(view: &mut View<'_>, key: &Key<'_>, at: Millis, is_over: bool, is_gone: bool, fields: &[&[u8]]) {
    if is_over {
        record_removal(view, key, "hexpired", is_gone, fields.iter().copied());
        return;
    }
    view.record(key, event("hexpire"), || with_fields(Effect::new("HPEXPIREAT").arg(key.bytes).int(at), fields));
}

/// HTTL and HEXPIRETIME: when a field expires. O(1).
pub fn field_deadline(hash: Option<&Hash>, field: &[u8], now: Millis) -> Deadline {
    match hash.and_then(|hash| hash.get_with_deadline(field, now)) {
        None => Deadline::NoKey,
        Some((_, deadline)) => deadline.map_or(Deadline::Never, Deadline::At),
    }
}

/// HPERSIST: takes the deadlines of fields away, and tells `done` of each field what it had. O(1) a field.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn persist<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    fields: impl Iterator<Item = &'a [u8]>,
    mut done: impl FnMut(Deadline),
) -> Result<()> {
    let now = view.now();
    let Some(mut hash) = view.edit::<Hash>(key)? else {
        fields.for_each(|_| done(Deadline::NoKey));
        return Ok(());
    };
    let mut changed = Vec::new();
    for field in fields {
        let had = field_deadline(Some(&*hash), field, now);
        if let Deadline::At(_) = had {
            hash.set_deadline(field, None);
            changed.push(field);
        }
        done(had);
    }
    if changed.is_empty() {
        return Ok(());
    }
    hash.mark_changed();
    drop(hash);
    record_persist(view, key, &changed);
    Ok(())
}

fn record_persist(view: &mut View<'_>, key: &Key<'_>, fields: &[&[u8]]) {
    view.record(key, event("hpersist"), || with_fields(Effect::new("HPERSIST").arg(key.bytes), fields));
}

/// HGETEX: gives `read` the values of fields and changes when they expire. A time that has passed deletes them. O(1) a
/// field.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; [`Error::invalid_expire`].
pub fn get_ex<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    expiry: GetExpiry,
    fields: impl Iterator<Item = &'a [u8]>,
    mut read: impl FnMut(Option<Item<'_>>),
) -> Result<()> {
    let now = view.now();
    let at = match expiry {
        GetExpiry::At(expiry) => Some(check_expiry(expiry, now, "hgetex")?),
        GetExpiry::Keep | GetExpiry::Persist => None,
    };
    let is_over = at.is_some_and(|at| is_over(view, at));
    let Some(mut hash) = view.edit::<Hash>(key)? else {
        fields.for_each(|_| read(None));
        return Ok(());
    };
    let mut changed = Vec::new();
    for field in fields {
        let found = hash.get_with_deadline(field, now);
        let had = found.map(|(_, deadline)| deadline);
        read(found.map(|(value, _)| value));
        let changes = match (had, expiry) {
            (None, _) | (_, GetExpiry::Keep) => false,
            (Some(deadline), GetExpiry::Persist) => deadline.is_some() && hash.set_deadline(field, None),
            (_, GetExpiry::At(_)) if is_over => hash.remove(field),
            (_, GetExpiry::At(_)) => hash.set_deadline(field, at),
        };
        if changes {
            changed.push(field);
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    let is_gone = hash.is_empty();
    hash.mark_changed();
    drop(hash);
    match at {
        Some(at) => record_deadline(view, key, at, is_over, is_gone, &changed),
        None => record_persist(view, key, &changed),
    }
    Ok(())
}

/// HSETEX: sets fields under conditions or with a deadline; false, and nothing done, if a condition was not met. O(1) a
/// field.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; [`Error::invalid_expire`].
pub fn set_ex<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
    options: &FieldSetOptions,
) -> Result<bool> {
    let (limits, now) = (limits(view.space().settings()), view.now());
    let deadline = match options.expiry {
        SetExpiry::Clear => FieldDeadline::Clear,
        SetExpiry::Keep => FieldDeadline::Keep,
        SetExpiry::At(expiry) => FieldDeadline::At(check_expiry(expiry, now, "hsetex")?),
    };
    let is_over = matches!(deadline, FieldDeadline::At(at) if is_over(view, at));
    let mut hash = view.edit_or_create::<Hash>(key)?;
    let is_met = match options.key {
        Condition::Missing => hash.is_new(),
        Condition::Exists => !hash.is_new(),
        _ => true,
    } && match options.fields {
        FieldCondition::Always => true,
        FieldCondition::Missing => pairs.clone().all(|(field, _)| hash.get(field, now).is_none()),
        FieldCondition::Exist => pairs.clone().all(|(field, _)| hash.get(field, now).is_some()),
    };
    if !is_met {
        return Ok(false);
    }
    if is_over {
        drop(hash);
        set_expired(view, key, pairs)?;
        return Ok(true);
    }
    let mut count = 0;
    for (field, value) in pairs.clone() {
        hash.set(field, value, deadline, limits);
        count += 1;
    }
    if count == 0 {
        return Ok(true);
    }
    hash.mark_changed();
    drop(hash);
    view.record(key, event("hset"), || {
        let start = Effect::new(if deadline == FieldDeadline::Clear { "HSET" } else { "HSETEX" }).arg(key.bytes);
        let start = match deadline {
            FieldDeadline::Clear => start,
            FieldDeadline::Keep => start.arg("KEEPTTL").arg("FIELDS").int(count),
            FieldDeadline::At(at) => start.arg("PXAT").int(at).arg("FIELDS").int(count),
        };
        pairs.fold(start, |effect, (field, value)| effect.arg(field).arg(value))
    });
    if let FieldDeadline::At(_) = deadline {
        view.announce(key, event("hexpire"));
    }
    Ok(true)
}

/// Fields that are set with a deadline which has passed are only removed, with all the events of setting them.
fn set_expired<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<()> {
    let mut removed = Vec::new();
    let mut is_gone = true;
    if let Some(mut hash) = view.edit::<Hash>(key)? {
        removed.extend(pairs.map(|(field, _)| field).filter(|field| hash.remove(field)));
        is_gone = hash.is_empty();
        if !removed.is_empty() {
            hash.mark_changed();
        }
    }
    for name in ["hset", "hexpire"] {
        view.announce(key, event(name));
    }
    if removed.is_empty() {
        view.announce(key, event("hexpired"));
        if is_gone {
            view.announce(key, Event::generic("del"));
        }
    } else {
        record_removal(view, key, "hexpired", is_gone, removed.into_iter());
    }
    Ok(())
}
