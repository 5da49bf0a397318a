//! Streams, with types.

use std::ops::Bound;

use smallvec::SmallVec;

use super::{Db, Scope};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key};
use crate::operation::stream::{self, AutoClaim, GroupStart, ReadFrom, Reader, StreamTrim, XAddOptions, XClaimOptions};
use crate::value::stream::{Entry, Group, Stream, StreamId};

/// An entry of a stream, copied out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEntry {
    /// Its id.
    pub id: StreamId,
    /// Its fields and their values, in the order in which they were given.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl StreamEntry {
    pub(super) fn new(entry: &Entry<'_>) -> Self {
        let fields = entry.fields().map(|(field, value)| (field.to_vec(), value.to_vec()));
        Self { id: entry.id, fields: fields.collect() }
    }

    /// The value of a field, the first if there are several of that name.
    pub fn get(&self, field: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.fields.iter().find(|(name, _)| name == field.as_ref()).map(|(_, value)| &value[..])
    }
}

/// What is pending in a group: XPENDING in short.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PendingSummary {
    /// How many entries.
    pub count: usize,
    /// The first and the last of them.
    pub range: Option<(StreamId, StreamId)>,
    /// The consumers that have any, with how many.
    pub consumers: Vec<(Vec<u8>, usize)>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingEntry {
    /// Its id.
    pub id: StreamId,
    /// Who has it.
    pub consumer: Vec<u8>,
    /// Milliseconds since it was last delivered.
    pub idle: u64,
    /// How often it has been delivered.
    pub deliveries: u64,
}

/// Which pending entries [`Db::xpending_range`] tells about.
#[derive(Clone, Copy, Debug)]
pub struct PendingRange<'a> {
    start: StreamId,
    end: StreamId,
    count: usize,
    min_idle: u64,
    consumer: Option<&'a [u8]>,
}

impl<'a> PendingRange<'a> {
    /// The first so many.
    pub fn first(count: usize) -> Self {
        Self { start: StreamId::MIN, end: StreamId::MAX, count, min_idle: 0, consumer: None }
    }

    /// Only those from one id to another, both included.
    #[must_use]
    pub fn between(mut self, start: impl Into<StreamId>, end: impl Into<StreamId>) -> Self {
        (self.start, self.end) = (start.into(), end.into());
        self
    }

    /// Only those that were delivered so many milliseconds ago, or more.
    #[must_use]
    pub fn idle(mut self, millis: u64) -> Self {
        self.min_idle = millis;
        self
    }

    /// Only those of a consumer.
    #[must_use]
    pub fn consumer(mut self, name: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.consumer = Some(name.as_ref());
        self
    }
}

/// What [`Db::xautoclaim`] has claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AutoClaimedEntries {
    /// The id to go on at; `0-0` at the end.
    pub next: StreamId,
    /// The entries.
    pub entries: Vec<StreamEntry>,
    /// Ids that were pending although their entries had been deleted. They are not pending any more.
    pub deleted: Vec<StreamId>,
}

/// What is known of a stream: XINFO STREAM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// How many entries it has.
    pub len: usize,
    /// The last id that was given out.
    pub last_id: StreamId,
    /// The greatest id of a deleted entry.
    pub max_deleted_id: StreamId,
    /// How many entries have ever been added.
    pub added: u64,
    /// How many groups read it.
    pub groups: usize,
    /// Its first entry.
    pub first: Option<StreamEntry>,
    /// Its last entry.
    pub last: Option<StreamEntry>,
}

/// What is known of a consumer group: XINFO GROUPS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupInfo {
    /// Its name.
    pub name: Vec<u8>,
    /// How many consumers it has.
    pub consumers: usize,
    /// How many entries are pending.
    pub pending: usize,
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries it has read, if that is known.
    pub entries_read: Option<u64>,
    /// How many it has still to read, if that can be told.
    pub lag: Option<i64>,
}

/// What is known of a consumer: XINFO CONSUMERS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConsumerInfo {
    /// Its name.
    pub name: Vec<u8>,
    /// How many entries it has pending.
    pub pending: usize,
    /// Milliseconds since it last tried to do something.
    pub idle: u64,
    /// Milliseconds since it last got something.
    pub inactive: Option<u64>,
}

/// A list of copies, at most so many.
fn copies<'a>(entries: impl Iterator<Item = Entry<'a>>, count: usize) -> Vec<StreamEntry> {
    entries.take(count).map(|entry| StreamEntry::new(&entry)).collect()
}

/// Logs of entries, each with an id and some fields.
///
/// ```
/// # use carnelian::{Engine, GroupStart, Options, StreamId, StreamTrim};
/// let db = Engine::open(Options::new())?.db(0)?;
/// let id = db.xadd("log", &[("user", "ada"), ("action", "login")])?;
/// db.xgroup_create("log", "workers", GroupStart::After(StreamId::MIN))?;
///
/// let entries = db.xreadgroup("log", "workers", "worker-1", 10)?;
/// assert_eq!(entries[0].get("user"), Some(&b"ada"[..]));
/// assert_eq!(db.xack("log", "workers", &[id])?, 1);
/// assert_eq!(db.xtrim("log", &StreamTrim::max_len(0))?, 1);
/// # Ok::<(), carnelian::Error>(())
/// ```
///
/// What all of these methods return if the key holds no stream is [`WRONG_TYPE`](Error::WRONG_TYPE).
impl<S: Scope> Db<S> {
    /// Adds an entry to a stream, which is made if it is not there, and returns its id. O(fields).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE), [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY); [`SYNTAX`](Error::SYNTAX) without
    /// fields; an error if the stream has run out of ids, or the entry is too large.
    pub fn xadd(&self, key: impl AsRef<[u8]>, fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<StreamId> {
        Ok(self.xadd_with(key, fields, &XAddOptions::new())?.unwrap_or_default())
    }

    /// Adds an entry with an id of its own, trims the stream at once, or adds only to what is there; `None` if it is
    /// not. O(fields), and what is trimmed.
    ///
    /// ```
    /// # use carnelian::{XAddOptions, Engine, Options, StreamId, StreamTrim};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let options = XAddOptions::new().id((1, 1)).trim(StreamTrim::max_len(1000).roughly());
    /// assert_eq!(db.xadd_with("log", &[("n", "1")], &options)?, Some(StreamId::new(1, 1)));
    /// assert_eq!(db.xadd_with("none", &[("n", "1")], &XAddOptions::new().only_existing())?, None);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`xadd`](Self::xadd); an error if the id is not greater than all before.
    pub fn xadd_with(
        &self,
        key: impl AsRef<[u8]>,
        fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
        options: &XAddOptions,
    ) -> Result<Option<StreamId>> {
        if fields.is_empty() {
            return Err(Error::SYNTAX);
        }
        let words = fields.iter().flat_map(|(field, value)| [field.as_ref(), value.as_ref()]);
        let words: SmallVec<[&[u8]; 16]> = words.collect();
        self.write(key.as_ref(), |view, key| stream::add(view, key, &words, options))
    }

    /// Removes entries from the beginning and says how many. O(entries removed).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xtrim(&self, key: impl AsRef<[u8]>, trim: &StreamTrim) -> Result<u64> {
        self.change(key.as_ref(), |view, key| stream::trim(view, key, trim))?
    }

    /// Deletes entries and says how many were there. O(1) for each.
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xdel(&self, key: impl AsRef<[u8]>, ids: &[StreamId]) -> Result<usize> {
        self.change(key.as_ref(), |view, key| stream::delete(view, key, ids))?
    }

    /// How many entries a stream has, 0 if the key is not there. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xlen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), |view, key| Ok(stream::stream(view, key)?.map_or(0, Stream::len)))
    }

    /// Sets the last id of a stream and, where they are given, how many entries have been added and the greatest id
    /// that was deleted. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE), [`NO_SUCH_KEY`](Error::NO_SUCH_KEY); an error if that cannot be true of the
    /// stream.
    pub fn xsetid(
        &self,
        key: impl AsRef<[u8]>,
        last_id: impl Into<StreamId>,
        added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<()> {
        let last = last_id.into();
        self.write(key.as_ref(), |view, key| stream::set_id(view, key, last, added, max_deleted_id))
    }

    /// The first `count` entries from one id to another, both included. O(entries).
    ///
    /// ```
    /// # use carnelian::{XAddOptions, Engine, Options, StreamId};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// for n in 1..=5 {
    ///     db.xadd_with("log", &[("n", n.to_string())], &XAddOptions::new().id((n, 0)))?;
    /// }
    /// let entries = db.xrange("log", (2, 0), StreamId::MAX, 2)?;
    /// assert_eq!(entries.iter().map(|entry| entry.id.ms).collect::<Vec<_>>(), [2, 3]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xrange(
        &self,
        key: impl AsRef<[u8]>,
        start: impl Into<StreamId>,
        end: impl Into<StreamId>,
        count: usize,
    ) -> Result<Vec<StreamEntry>> {
        self.entries(key.as_ref(), start.into(), end.into(), count, false)
    }

    /// The first `count` entries from one id back to another, both included. O(entries).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xrevrange(
        &self,
        key: impl AsRef<[u8]>,
        end: impl Into<StreamId>,
        start: impl Into<StreamId>,
        count: usize,
    ) -> Result<Vec<StreamEntry>> {
        self.entries(key.as_ref(), start.into(), end.into(), count, true)
    }

    fn entries(
        &self,
        key: &[u8],
        start: StreamId,
        end: StreamId,
        count: usize,
        back: bool,
    ) -> Result<Vec<StreamEntry>> {
        self.read(key, |view, key| {
            let walk = stream::range(view, key, start, end, back)?;
            Ok(walk.map_or_else(Vec::new, |walk| copies(walk, count)))
        })
    }

    /// The first `count` entries of each stream behind the id that goes with it, without waiting for any. Streams that
    /// have none are left out; the others are named by their place in `streams`. O(entries).
    ///
    /// ```
    /// # use carnelian::{XAddOptions, Engine, Options, ReadFrom, StreamId};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.xadd_with("b", &[("n", "1")], &XAddOptions::new().id((7, 0)))?;
    /// let found = db.xread(&[("a", ReadFrom::After(StreamId::MIN)), ("b", ReadFrom::LastEntry)], 10)?;
    /// assert_eq!((found[0].0, found[0].1[0].id), (1, StreamId::new(7, 0)));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xread(
        &self,
        streams: &[(impl AsRef<[u8]>, ReadFrom)],
        count: usize,
    ) -> Result<Vec<(usize, Vec<StreamEntry>)>> {
        let keys: Vec<Key<'_>> = streams.iter().map(|(key, _)| self.space().key(key.as_ref())).collect();
        self.on_keys(Access::Read, &keys, |view| {
            let mut found = Vec::new();
            for (i, (key, (_, from))) in keys.iter().zip(streams).enumerate() {
                let start = stream::find_start(view, key, *from)?;
                let walk = stream::read_after(view, key, start)?;
                found.extend(walk.map(|walk| (i, copies(walk, count))));
            }
            Ok(found)
        })
    }

    /// Gives a consumer the next entries of its group that nobody has been given, at most `count`. They are pending
    /// until they are [acknowledged](Self::xack). O(entries).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); an error if stream or group does not exist.
    pub fn xreadgroup(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        count: u64,
    ) -> Result<Vec<StreamEntry>> {
        self.read_new(key.as_ref(), group.as_ref(), consumer.as_ref(), count, false)
    }

    /// As [`xreadgroup`](Self::xreadgroup), of entries that count as acknowledged at once (`NOACK`). O(entries).
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xreadgroup_no_ack(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        count: u64,
    ) -> Result<Vec<StreamEntry>> {
        self.read_new(key.as_ref(), group.as_ref(), consumer.as_ref(), count, true)
    }

    fn read_new(
        &self,
        key: &[u8],
        group: &[u8],
        consumer: &[u8],
        count: u64,
        no_ack: bool,
    ) -> Result<Vec<StreamEntry>> {
        let reader = Reader { group, consumer, count, no_ack };
        self.change(key, |view, key| {
            let mut entries = Vec::new();
            stream::read_new(view, key, &reader, |entry| entries.push(StreamEntry::new(entry)))?;
            Ok(entries)
        })?
    }

    /// Gives a consumer once more what it has pending behind an id, at most `count` entries; `None` for those that have
    /// been deleted meanwhile. O(entries).
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xreadgroup_history(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        after: impl Into<StreamId>,
        count: u64,
    ) -> Result<Vec<(StreamId, Option<StreamEntry>)>> {
        let reader = Reader { group: group.as_ref(), consumer: consumer.as_ref(), count, no_ack: false };
        let after = after.into();
        self.change(key.as_ref(), |view, key| {
            let mut entries = Vec::new();
            stream::read_history(view, key, &reader, after, |id, entry| {
                entries.push((id, entry.map(StreamEntry::new)));
            })?;
            Ok(entries)
        })?
    }

    /// Says of entries that were delivered to a group that they are done; returns how many were pending. O(log pending)
    /// for each.
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE).
    pub fn xack(&self, key: impl AsRef<[u8]>, group: impl AsRef<[u8]>, ids: &[StreamId]) -> Result<usize> {
        self.change(key.as_ref(), |view, key| stream::acknowledge(view, key, group.as_ref(), ids))?
    }

    /// Adds a consumer group to a stream, which is made if it is not there. O(log groups).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE), [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY); an error with the code `BUSYGROUP`
    /// if the group is there.
    pub fn xgroup_create(&self, key: impl AsRef<[u8]>, group: impl AsRef<[u8]>, start: GroupStart) -> Result<()> {
        self.write(key.as_ref(), |view, key| stream::create_group(view, key, group.as_ref(), start, None, true))
    }

    /// Sets the last id that a group was given, and if it is known how many entries that makes. O(log groups).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); an error if stream or group does not exist.
    pub fn xgroup_setid(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        start: GroupStart,
        entries_read: Option<u64>,
    ) -> Result<()> {
        self.change(key.as_ref(), |view, key| stream::set_group(view, key, group.as_ref(), start, entries_read))?
    }

    /// Removes a group with all that is pending in it; false if there is none. O(pending).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); an error if the stream does not exist.
    pub fn xgroup_destroy(&self, key: impl AsRef<[u8]>, group: impl AsRef<[u8]>) -> Result<bool> {
        self.change(key.as_ref(), |view, key| stream::destroy_group(view, key, group.as_ref()))?
    }

    /// Adds a consumer to a group; false if it is there. O(log consumers).
    ///
    /// # Errors
    /// As for [`xgroup_setid`](Self::xgroup_setid); [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY).
    pub fn xgroup_createconsumer(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
    ) -> Result<bool> {
        let (group, consumer) = (group.as_ref(), consumer.as_ref());
        self.write(key.as_ref(), |view, key| stream::create_consumer(view, key, group, consumer))
    }

    /// Removes a consumer with all that it has pending, and says how much that was; `None` if there is none. O(pending).
    ///
    /// # Errors
    /// As for [`xgroup_setid`](Self::xgroup_setid).
    pub fn xgroup_delconsumer(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        let (group, consumer) = (group.as_ref(), consumer.as_ref());
        self.change(key.as_ref(), |view, key| stream::delete_consumer(view, key, group, consumer))?
    }

    fn on_group<R>(&self, key: &[u8], group: &[u8], look: impl FnOnce(&Group, u64) -> R) -> Result<R> {
        self.read(key, |view, key| {
            let (_, group) = stream::group(view, key, group)?;
            Ok(look(group, view.now()))
        })
    }

    /// What is pending in a group, in short. O(consumers).
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xpending(&self, key: impl AsRef<[u8]>, group: impl AsRef<[u8]>) -> Result<PendingSummary> {
        self.on_group(key.as_ref(), group.as_ref(), |group, _| {
            let pending = group.pending();
            let ends = (pending.first_key_value(), pending.last_key_value());
            let range = if let (Some((first, _)), Some((last, _))) = ends { Some((*first, *last)) } else { None };
            let consumers = group.consumers().filter_map(|(_, consumer)| consumer);
            let busy = consumers.filter(|consumer| !consumer.pending().is_empty());
            let consumers = busy.map(|consumer| (consumer.name().to_vec(), consumer.pending().len())).collect();
            PendingSummary { count: pending.len(), range, consumers }
        })
    }

    /// What is pending in a group, one by one. O(entries looked at).
    ///
    /// ```
    /// # use carnelian::{Engine, GroupStart, Options, PendingRange, StreamId};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// # db.xadd("log", &[("n", "1")])?;
    /// db.xgroup_create("log", "workers", GroupStart::After(StreamId::MIN))?;
    /// db.xreadgroup("log", "workers", "ada", 10)?;
    /// let pending = db.xpending_range("log", "workers", &PendingRange::first(10).consumer("ada"))?;
    /// assert_eq!(pending[0].deliveries, 1);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xpending_range(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        range: &PendingRange<'_>,
    ) -> Result<Vec<PendingEntry>> {
        self.on_group(key.as_ref(), group.as_ref(), |group, now| {
            if range.start > range.end {
                return Vec::new();
            }
            let wanted = range.consumer.map(|name| group.find(name));
            let bounds = (Bound::Included(range.start), Bound::Included(range.end));
            let all = group.pending().range(bounds).filter(|(_, pending)| {
                wanted.is_none_or(|consumer| consumer == Some(pending.consumer))
                    && now.saturating_sub(pending.delivered) >= range.min_idle
            });
            let entry = |(id, pending): (&StreamId, &crate::value::stream::Pending)| PendingEntry {
                id: *id,
                consumer: group.get(pending.consumer).map_or_else(Vec::new, |consumer| consumer.name().to_vec()),
                idle: now.saturating_sub(pending.delivered),
                deliveries: pending.deliveries,
            };
            all.take(range.count).map(entry).collect()
        })
    }

    /// Gives a consumer entries that others have had pending for at least `min_idle` milliseconds; returns those that
    /// it got. O(log pending) for each.
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xclaim(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        min_idle: u64,
        ids: &[StreamId],
        options: &XClaimOptions,
    ) -> Result<Vec<StreamEntry>> {
        let (group, consumer) = (group.as_ref(), consumer.as_ref());
        self.change(key.as_ref(), |view, key| {
            let mut entries = Vec::new();
            let read = |entry: &Entry<'_>| entries.push(StreamEntry::new(entry));
            stream::claim(view, key, group, consumer, min_idle, ids, options, read)?;
            Ok(entries)
        })?
    }

    /// Gives a consumer up to `count` entries, from an id on, that have been pending for at least `min_idle`
    /// milliseconds. O(count).
    ///
    /// # Errors
    /// As for [`xreadgroup`](Self::xreadgroup).
    pub fn xautoclaim(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        min_idle: u64,
        start: impl Into<StreamId>,
        count: u64,
    ) -> Result<AutoClaimedEntries> {
        let (group, consumer, start) = (group.as_ref(), consumer.as_ref(), start.into());
        let options = AutoClaim { group, consumer, min_idle, start, count, just_id: false };
        self.change(key.as_ref(), |view, key| {
            let done = stream::auto_claim(view, key, &options)?;
            let entries = stream::peek(view, key)?.map(Stream::entries);
            let entry = |id: &StreamId| entries.and_then(|entries| entries.get(*id)).map(|e| StreamEntry::new(&e));
            let entries = done.claimed.iter().filter_map(entry).collect();
            Ok(AutoClaimedEntries { next: done.next, entries, deleted: done.gone })
        })?
    }

    /// What is known of a stream. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE), [`NO_SUCH_KEY`](Error::NO_SUCH_KEY).
    pub fn xinfo_stream(&self, key: impl AsRef<[u8]>) -> Result<StreamInfo> {
        self.read(key.as_ref(), |view, key| {
            let stream = stream::stream(view, key)?.ok_or(Error::NO_SUCH_KEY)?;
            let entries = stream.entries();
            let end = |back| entries.walk(StreamId::MIN, StreamId::MAX, back).next().map(|e| StreamEntry::new(&e));
            Ok(StreamInfo {
                len: stream.len(),
                last_id: entries.last_id(),
                max_deleted_id: entries.max_deleted_id(),
                added: entries.added(),
                groups: stream.groups().len(),
                first: end(false),
                last: end(true),
            })
        })
    }

    /// What is known of the groups of a stream. O(groups).
    ///
    /// # Errors
    /// As for [`xinfo_stream`](Self::xinfo_stream).
    pub fn xinfo_groups(&self, key: impl AsRef<[u8]>) -> Result<Vec<GroupInfo>> {
        self.read(key.as_ref(), |view, key| {
            let stream = stream::stream(view, key)?.ok_or(Error::NO_SUCH_KEY)?;
            let info = |(name, group): (&[u8], &Group)| GroupInfo {
                name: name.to_vec(),
                consumers: group.consumers().len(),
                pending: group.pending().len(),
                last_id: group.last_id(),
                entries_read: group.entries_read(),
                lag: group.lag(stream.entries()),
            };
            Ok(stream.groups().iter().map(info).collect())
        })
    }

    /// What is known of the consumers of a group. O(consumers).
    ///
    /// # Errors
    /// As for [`xinfo_stream`](Self::xinfo_stream); an error if there is no such group.
    pub fn xinfo_consumers(&self, key: impl AsRef<[u8]>, group: impl AsRef<[u8]>) -> Result<Vec<ConsumerInfo>> {
        self.read(key.as_ref(), |view, key| {
            let stream = stream::stream(view, key)?.ok_or(Error::NO_SUCH_KEY)?;
            let group = stream::group_of(stream, key, group.as_ref())?;
            let now = view.now();
            let consumers = group.consumers().filter_map(|(_, consumer)| consumer);
            let info = consumers.map(|consumer| ConsumerInfo {
                name: consumer.name().to_vec(),
                pending: consumer.pending().len(),
                idle: now.saturating_sub(consumer.seen),
                inactive: consumer.active.map(|active| now.saturating_sub(active)),
            });
            Ok(info.collect())
        })
    }
}
