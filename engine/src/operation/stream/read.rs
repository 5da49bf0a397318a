//! Reading: XRANGE, XREAD and XREADGROUP.
//!
//! Entries are given out where they are stored, one by one. Nothing here waits; whether there is something to read can
//! be asked.

use smallvec::SmallVec;

use super::group::{no_key_or_group, position_effect, record_consumer};
use crate::error::Result;
use crate::keyspace::{Effect, Key, View};
use crate::value::stream::{Entry, Stream, StreamId, Walk};

/// From where XREAD reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadFrom {
    /// Behind this id.
    After(StreamId),
    /// What will be added from now on (`$`).
    End,
    /// The last entry (`+`).
    LastEntry,
}

/// A stream, counted as read. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn stream<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v Stream>> {
    view.read::<Stream>(key)
}

/// A stream, not counted as read. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn peek<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v Stream>> {
    view.peek_as::<Stream>(key)
}

/// XRANGE and XREVRANGE: the entries from one id to another, both included, or back; `None` if there is no stream.
/// O(log blocks) to begin.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn range<'v>(
    view: &'v View<'_>,
    key: &Key<'_>,
    start: StreamId,
    end: StreamId,
    backwards: bool,
) -> Result<Option<Walk<'v>>> {
    Ok(stream(view, key)?.map(|stream| stream.entries().walk(start, end, backwards)))
}

/// The id behind which a reader of a stream is to begin. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn find_start(view: &View<'_>, key: &Key<'_>, from: ReadFrom) -> Result<StreamId> {
    let Some(stream) = view.peek_as::<Stream>(key)? else {
        return Ok(if let ReadFrom::After(id) = from { id } else { StreamId::MIN });
    };
    Ok(match from {
        ReadFrom::After(id) => id,
        ReadFrom::End => stream.entries().last_id(),
        ReadFrom::LastEntry => match stream.entries().top_id() {
            Some(top) => top.prev().unwrap_or_default(),
            None => stream.entries().last_id(),
        },
    })
}

/// XREAD of one stream: the entries behind an id; `None` if there is none. O(log blocks) to begin.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn read_after<'v>(view: &'v View<'_>, key: &Key<'_>, after: StreamId) -> Result<Option<Walk<'v>>> {
    let Some(stream) = stream(view, key)? else { return Ok(None) };
    let Some(start) = after.next().filter(|_| after < stream.entries().last_id()) else { return Ok(None) };
    let walk = stream.entries().walk(start, StreamId::MAX, false);
    Ok(walk.clone().next().map(|_| walk))
}

/// Whether XREAD would find entries of a stream behind an id. O(1).
pub fn has_after(view: &View<'_>, key: &Key<'_>, after: StreamId) -> bool {
    let top = peek(view, key).ok().flatten().and_then(|stream| stream.entries().top_id());
    top.is_some_and(|top| top > after)
}

/// Whether XREADGROUP would find entries that a group has not been given. O(log groups).
///
/// # Errors
/// As for [`check_reader`].
pub fn has_new(view: &View<'_>, key: &Key<'_>, group: &[u8]) -> Result<bool> {
    let stream = view.peek_as::<Stream>(key)?;
    let found = stream.and_then(|stream| Some((stream.groups().get(group)?, stream.entries())));
    let (group, entries) = to_read(found, key, group)?;
    Ok(entries.top_id().is_some_and(|top| top > group.last_id()))
}

/// Who reads for a group, and how.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The group.
    pub group: &'a [u8],
    /// The consumer, who is added to the group if it is new.
    pub consumer: &'a [u8],
    /// The most entries to read.
    pub count: u64,
    /// Whether what is read counts as done at once (`NOACK`).
    pub no_ack: bool,
}

/// Whether a group can be read. O(log groups).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there is no such stream or group.
pub fn check_reader(view: &View<'_>, key: &Key<'_>, group: &[u8]) -> Result<()> {
    let stream = view.peek_as::<Stream>(key)?;
    to_read(stream.and_then(|stream| stream.groups().get(group)), key, group).map(drop)
}

fn to_read<T>(found: Option<T>, key: &Key<'_>, group: &[u8]) -> Result<T> {
    found.ok_or_else(|| no_key_or_group(key, group, "' in XREADGROUP with GROUP option"))
}

/// XREADGROUP with `>`: gives a consumer the next entries of its group that nobody has been given, and says how many.
/// They are pending from now on. O(log blocks + entries, each with log pending).
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there is no such stream or group.
pub fn read_new(
    view: &mut View<'_>,
    key: &Key<'_>,
    reader: &Reader<'_>,
    mut read: impl FnMut(&Entry<'_>),
) -> Result<usize> {
    let (now, name) = (view.wall(), reader.group);
    let mut edit = to_read(view.edit::<Stream>(key)?, key, name)?;
    let (entries, groups) = edit.groups_mut();
    let mut group = to_read(groups.get_mut(name), key, name)?;
    let (consumer, is_new) = group.find_or_add(reader.consumer, now);
    let mut ids: SmallVec<[StreamId; 16]> = SmallVec::new();
    let most = usize::try_from(reader.count).unwrap_or(usize::MAX);
    for entry in group.unread(entries).into_iter().flatten().take(most) {
        group.advance(&entry, entries);
        if !reader.no_ack {
            group.give(entry.id, consumer, now, 1);
        }
        read(&entry);
        ids.push(entry.id);
    }
    if let Some(consumer) = group.get_mut(consumer) {
        consumer.seen = now;
        if !ids.is_empty() {
            consumer.active = Some(now);
        }
    }
    let (last_id, entries_read) = (group.last_id(), group.entries_read());
    drop(group);
    if is_new || !ids.is_empty() {
        edit.mark_changed();
    }
    drop(edit);
    if is_new {
        record_consumer(view, key, name, reader.consumer);
    }
    if !ids.is_empty() {
        if !reader.no_ack {
            view.record_effect(|| {
                let effect = Effect::new("XCLAIM").arg(key.bytes).arg(name).arg(reader.consumer).int(0);
                let effect = ids.iter().fold(effect, |effect, id| effect.arg(id.text()));
                let effect = effect.arg("TIME").int(now).arg("RETRYCOUNT").int(1).arg("FORCE").arg("JUSTID");
                effect.arg("LASTID").arg(last_id.text())
            });
        }
        view.record_effect(|| position_effect(key, name, last_id, entries_read));
    }
    Ok(ids.len())
}

/// XREADGROUP with an id: gives a consumer once more what it has pending behind that id; `None` in place of an entry
/// that has been deleted. O(log pending + entries, each with a search).
///
/// That an entry was delivered once more is no effect, as in Redis.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there is no such stream or group.
pub fn read_history(
    view: &mut View<'_>,
    key: &Key<'_>,
    reader: &Reader<'_>,
    after: StreamId,
    mut read: impl FnMut(StreamId, Option<&Entry<'_>>),
) -> Result<usize> {
    let (now, name) = (view.wall(), reader.group);
    let mut edit = to_read(view.edit::<Stream>(key)?, key, name)?;
    let (entries, groups) = edit.groups_mut();
    let mut group = to_read(groups.get_mut(name), key, name)?;
    let (consumer, is_new) = group.find_or_add(reader.consumer, now);
    let most = usize::try_from(reader.count).unwrap_or(usize::MAX);
    let mut ids: SmallVec<[StreamId; 16]> = SmallVec::new();
    if let (Some(start), Some(consumer)) = (after.next(), group.get_mut(consumer)) {
        consumer.seen = now;
        ids.extend(consumer.pending().range(start..).take(most).copied());
    }
    for &id in &ids {
        let entry = entries.get(id);
        if entry.is_some() {
            group.redeliver(id, now);
        }
        read(id, entry.as_ref());
    }
    drop(group);
    if is_new {
        edit.mark_changed();
        drop(edit);
        record_consumer(view, key, name, reader.consumer);
    }
    Ok(ids.len())
}
