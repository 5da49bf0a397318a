//! Consumer groups: XGROUP and XACK.

use super::event;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, View};
use crate::value::stream::{Group, Stream, StreamId};

/// Where a group begins to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupStart {
    /// Behind the last entry (`$`).
    End,
    /// Behind this id; `0-0` is the beginning.
    After(StreamId),
}

impl GroupStart {
    fn id(self, stream: Option<&Stream>) -> StreamId {
        match self {
            Self::After(id) => id,
            Self::End => stream.map_or(StreamId::MIN, |stream| stream.entries().last_id()),
        }
    }
}

/// Two names in an error, each up to its first NUL, as Redis's texts end there.
fn quoting(before: &str, one: &[u8], between: &str, other: &[u8], after: &str) -> Error {
    let up_to_nul = |name: &[u8]| name.split(|&b| b == 0).next().unwrap_or_default().to_vec();
    let parts = [before.into(), up_to_nul(one), between.into(), up_to_nul(other), after.into()];
    Error::new(parts.concat())
}

/// The group does not exist, or its stream does not, in the words of most commands.
pub(super) fn no_key_or_group(key: &Key<'_>, group: &[u8], after: &str) -> Error {
    quoting("NOGROUP No such key '", key.bytes, "' or consumer group '", group, after)
}

/// The group does not exist, in the words of XGROUP and XINFO.
fn no_group(key: &Key<'_>, group: &[u8]) -> Error {
    quoting("NOGROUP No such consumer group '", group, "' for key name '", key.bytes, "'")
}

pub(super) fn must_have<T>(found: Option<T>, key: &Key<'_>, group: &[u8]) -> Result<T> {
    found.ok_or_else(|| no_key_or_group(key, group, "'"))
}

/// A group and its stream. O(log groups).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if one of them does not exist.
pub fn group<'v>(view: &'v View<'_>, key: &Key<'_>, name: &[u8]) -> Result<(&'v Stream, &'v Group)> {
    let stream = must_have(view.read::<Stream>(key)?, key, name)?;
    Ok((stream, must_have(stream.groups().get(name), key, name)?))
}

/// A group of a stream that is to be described.
///
/// # Errors
/// If there is no such group.
pub fn group_of<'s>(stream: &'s Stream, key: &Key<'_>, name: &[u8]) -> Result<&'s Group> {
    stream.groups().get(name).ok_or_else(|| no_group(key, name))
}

fn entries_read_arg(effect: Effect, entries_read: Option<u64>) -> Effect {
    match entries_read {
        Some(read) => effect.arg("ENTRIESREAD").int(read),
        None => effect.arg("ENTRIESREAD").int(-1),
    }
}

/// What says of a group what it has read.
pub(super) fn position_effect(key: &Key<'_>, name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> Effect {
    let effect = Effect::new("XGROUP").arg("SETID").arg(key.bytes).arg(name).arg(last_id.text());
    entries_read_arg(effect, entries_read)
}

/// Leaves the effect of a new consumer.
pub(super) fn record_consumer(view: &mut View<'_>, key: &Key<'_>, name: &[u8], consumer: &[u8]) {
    view.record(key, event("xgroup-createconsumer"), || {
        Effect::new("XGROUP").arg("CREATECONSUMER").arg(key.bytes).arg(name).arg(consumer)
    });
}

fn key_required() -> Error {
    Error::new(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
         option to create an empty stream automatically.",
    )
}

/// Whether there is a stream, or may be none.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if there has to be a stream and there is none.
pub fn check_key(view: &View<'_>, key: &Key<'_>, may_be_missing: bool) -> Result<()> {
    match view.peek_as::<Stream>(key)? {
        None if !may_be_missing => Err(key_required()),
        _ => Ok(()),
    }
}

/// Whether there is a group.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if stream or group does not exist.
pub fn check_group(view: &View<'_>, key: &Key<'_>, name: &[u8]) -> Result<()> {
    let stream = view.peek_as::<Stream>(key)?.ok_or_else(key_required)?;
    group_of(stream, key, name).map(|_| ())
}

/// XGROUP CREATE: adds a group; with `make_stream` also a stream, if there is none. O(log groups).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if the stream does not exist, or the group does.
pub fn create_group(
    view: &mut View<'_>,
    key: &Key<'_>,
    name: &[u8],
    start: GroupStart,
    entries_read: Option<u64>,
    make_stream: bool,
) -> Result<()> {
    let mut edit = view.edit_or_create::<Stream>(key)?;
    let is_new = edit.is_new();
    if is_new && !make_stream {
        return Err(key_required());
    }
    let id = start.id(Some(&edit));
    if !edit.groups_mut().1.add(name, id, entries_read) {
        return Err(Error::new("BUSYGROUP Consumer Group name already exists"));
    }
    edit.mark_changed();
    drop(edit);
    view.record(key, event("xgroup-create"), || {
        let effect = Effect::new("XGROUP").arg("CREATE").arg(key.bytes).arg(name).arg(id.text());
        let effect = if is_new { effect.arg("MKSTREAM") } else { effect };
        entries_read_arg(effect, entries_read)
    });
    Ok(())
}

/// XGROUP SETID: sets what a group has read. O(log groups).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if stream or group does not exist.
pub fn set_group(
    view: &mut View<'_>,
    key: &Key<'_>,
    name: &[u8],
    start: GroupStart,
    entries_read: Option<u64>,
) -> Result<()> {
    let mut edit = view.edit::<Stream>(key)?.ok_or_else(key_required)?;
    let id = start.id(Some(&edit));
    let mut group = edit.groups_mut().1.get_mut(name).ok_or_else(|| no_group(key, name))?;
    group.set_last_id(id, entries_read);
    drop(group);
    edit.mark_changed();
    drop(edit);
    view.record(key, event("xgroup-setid"), || position_effect(key, name, id, entries_read));
    Ok(())
}

/// XGROUP DESTROY: removes a group with all that is pending in it; false if there is none. O(pending).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if the stream does not exist.
pub fn destroy_group(view: &mut View<'_>, key: &Key<'_>, name: &[u8]) -> Result<bool> {
    let mut edit = view.edit::<Stream>(key)?.ok_or_else(key_required)?;
    let done = edit.groups_mut().1.remove(name);
    if done {
        edit.mark_changed();
        drop(edit);
        let effect = || Effect::new("XGROUP").arg("DESTROY").arg(key.bytes).arg(name);
        view.record(key, event("xgroup-destroy"), effect);
    }
    Ok(done)
}

/// XGROUP CREATECONSUMER: adds a consumer; false if it is there. O(log consumers).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if stream or group does not exist.
pub fn create_consumer(view: &mut View<'_>, key: &Key<'_>, name: &[u8], consumer: &[u8]) -> Result<bool> {
    let now = view.wall();
    let mut edit = view.edit::<Stream>(key)?.ok_or_else(key_required)?;
    let mut group = edit.groups_mut().1.get_mut(name).ok_or_else(|| no_group(key, name))?;
    let (_, is_new) = group.find_or_add(consumer, now);
    drop(group);
    if is_new {
        edit.mark_changed();
        drop(edit);
        record_consumer(view, key, name, consumer);
    }
    Ok(is_new)
}

/// XGROUP DELCONSUMER: removes a consumer, and says how much it had pending, which nobody has afterwards; `None` if
/// there is none. O(pending).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if stream or group does not exist.
pub fn delete_consumer(view: &mut View<'_>, key: &Key<'_>, name: &[u8], consumer: &[u8]) -> Result<Option<usize>> {
    let mut edit = view.edit::<Stream>(key)?.ok_or_else(key_required)?;
    let mut group = edit.groups_mut().1.get_mut(name).ok_or_else(|| no_group(key, name))?;
    let pending = group.remove_consumer(consumer);
    drop(group);
    if pending.is_some() {
        edit.mark_changed();
        drop(edit);
        let effect = || Effect::new("XGROUP").arg("DELCONSUMER").arg(key.bytes).arg(name).arg(consumer);
        view.record(key, event("xgroup-delconsumer"), effect);
    }
    Ok(pending)
}

/// XACK: forgets pending entries, which are done, and says how many those were. O(log pending) for each.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn acknowledge(view: &mut View<'_>, key: &Key<'_>, name: &[u8], ids: &[StreamId]) -> Result<usize> {
    let Some(mut edit) = view.edit::<Stream>(key)? else { return Ok(0) };
    let Some(mut group) = edit.groups_mut().1.get_mut(name) else { return Ok(0) };
    let done = ids.iter().filter(|&&id| group.acknowledge(id)).count();
    drop(group);
    if done > 0 {
        edit.mark_changed();
        drop(edit);
        view.record_effect(|| ack_effect(key, name, ids));
    }
    Ok(done)
}

pub(super) fn ack_effect(key: &Key<'_>, name: &[u8], ids: &[StreamId]) -> Effect {
    let effect = Effect::new("XACK").arg(key.bytes).arg(name);
    ids.iter().fold(effect, |effect, id| effect.arg(id.text()))
}
