//! Changing the entries: XADD, XTRIM, XDEL, XSETID.

use super::{block_limits, event};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::stream::{Entries, Stream, StreamId, TrimTo};

/// The id that a new entry is to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NewId {
    /// The time, and the next number of that millisecond (`*`).
    #[default]
    Auto,
    /// This time, and the next number of that millisecond (`ms-*`).
    At(u64),
    /// This one.
    Exactly(StreamId),
}

/// How entries are removed from the beginning of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamTrim {
    to: TrimTo,
    roughly: bool,
    limit: Option<u64>,
}

impl StreamTrim {
    /// Keeps the last so many entries.
    pub fn max_len(len: u64) -> Self {
        Self { to: TrimTo::MaxLen(len), roughly: false, limit: None }
    }

    /// Keeps the entries from an id on.
    pub fn min_id(id: impl Into<StreamId>) -> Self {
        Self { to: TrimTo::MinId(id.into()), roughly: false, limit: None }
    }

    /// Lets some more entries stay, so that only whole blocks are removed, which is faster (`~`).
    #[must_use]
    pub fn roughly(mut self) -> Self {
        self.roughly = true;
        self
    }

    /// With [`roughly`](Self::roughly): removes at most so many entries at a time; 0 for no limit. Left out, it is a
    /// hundred blocks.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    fn run(&self, entries: &mut Entries, block_entries: u64) -> u64 {
        let limit = match (self.roughly, self.limit) {
            (false, _) => 0,
            (true, Some(limit)) => limit,
            (true, None) => match block_entries.saturating_mul(100) {
                0 => 10_000,
                limit => limit.min(1_000_000),
            },
        };
        entries.trim(self.to, self.roughly, limit)
    }
}

/// Options of XADD.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct XAddOptions {
    id: NewId,
    only_existing: bool,
    trim: Option<StreamTrim>,
}

impl XAddOptions {
    /// An id of the stream's choice; the stream is made if it is not there, and not trimmed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the entry this id.
    #[must_use]
    pub fn id(mut self, id: impl Into<StreamId>) -> Self {
        self.id = NewId::Exactly(id.into());
        self
    }

    /// Gives the entry the next id of this millisecond.
    #[must_use]
    pub fn at(mut self, ms: u64) -> Self {
        self.id = NewId::At(ms);
        self
    }

    /// Does nothing if the stream is not there (`NOMKSTREAM`).
    #[must_use]
    pub fn only_existing(mut self) -> Self {
        self.only_existing = true;
        self
    }

    /// Trims the stream afterwards.
    #[must_use]
    pub fn trim(mut self, trim: StreamTrim) -> Self {
        self.trim = Some(trim);
        self
    }
}

/// The id that follows from what was asked for.
fn choose_id(entries: &Entries, id: NewId, now: u64) -> Result<StreamId> {
    let last = entries.last_id();
    if last == StreamId::MAX {
        return Err(Error::new("ERR The stream has exhausted the last possible ID, unable to add more items"));
    }
    let too_small = || Error::new("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    let id = match id {
        NewId::Exactly(id) => id,
        NewId::At(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1).ok_or_else(too_small)?),
        NewId::At(ms) => StreamId::new(ms, 0),
        NewId::Auto if now > last.ms => StreamId::new(now, 0),
        NewId::Auto => last.next().ok_or_else(too_small)?,
    };
    if id > last { Ok(id) } else { Err(too_small()) }
}

/// XADD: adds an entry and returns its id; `None` if the stream was not to be made. `words` are fields and values in
/// turn. O(fields), and what is trimmed.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; an error if the id is not greater than all before, or the entry is too large.
pub fn add(view: &mut View<'_>, key: &Key<'_>, words: &[&[u8]], options: &XAddOptions) -> Result<Option<StreamId>> {
    if options.id == NewId::Exactly(StreamId::MIN) {
        return Err(Error::new("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let (now, limits) = (view.now(), block_limits(view));
    let mut edit = if options.only_existing {
        let Some(edit) = view.edit::<Stream>(key)? else { return Ok(None) };
        edit
    } else {
        view.edit_or_create::<Stream>(key)?
    };
    let entries = edit.entries_mut();
    let id = choose_id(entries, options.id, now)?;
    let pushed = entries.push(id, words, limits);
    pushed.map_err(|_| Error::new("ERR Elements are too large to be stored"))?;
    let trimmed = options.trim.map_or(0, |trim| trim.run(entries, limits.entries));
    let len = entries.len();
    edit.mark_changed();
    drop(edit);
    view.record(key, event("xadd"), || {
        let mut effect = Effect::new("XADD").arg(key.bytes);
        if trimmed > 0 {
            // However it was asked for: so many are left.
            effect = effect.arg("MAXLEN").arg("=").int(len);
        }
        words.iter().fold(effect.arg(id.text()), Effect::arg)
    });
    if trimmed > 0 {
        view.announce(key, event("xtrim"));
    }
    Ok(Some(id))
}

/// XTRIM: removes entries from the beginning and says how many. O(entries removed).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn trim(view: &mut View<'_>, key: &Key<'_>, trim: &StreamTrim) -> Result<u64> {
    let block_entries = view.space().settings().stream_node_max_entries.load(Relaxed);
    let Some(mut edit) = view.edit::<Stream>(key)? else { return Ok(0) };
    let trimmed = trim.run(edit.entries_mut(), block_entries);
    if trimmed > 0 {
        let len = edit.entries().len();
        edit.mark_changed();
        drop(edit);
        let effect = || Effect::new("XTRIM").arg(key.bytes).arg("MAXLEN").arg("=").int(len);
        view.record(key, event("xtrim"), effect);
    }
    Ok(trimmed)
}

/// XDEL: deletes entries and says how many were there. O(entries), each with a search.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn delete(view: &mut View<'_>, key: &Key<'_>, ids: &[StreamId]) -> Result<usize> {
    let Some(mut edit) = view.edit::<Stream>(key)? else { return Ok(0) };
    let entries = edit.entries_mut();
    let deleted = ids.iter().filter(|&&id| entries.delete(id)).count();
    if deleted > 0 {
        edit.mark_changed();
        drop(edit);
        view.record(key, event("xdel"), || {
            ids.iter().fold(Effect::new("XDEL").arg(key.bytes), |effect, id| effect.arg(id.text()))
        });
    }
    Ok(deleted)
}

/// XSETID: sets the last id, and where they are given how many entries have been added and the greatest id that was
/// deleted. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`], [`Error::NO_SUCH_KEY`]; an error if the figures cannot be true of the stream.
pub fn set_id(
    view: &mut View<'_>,
    key: &Key<'_>,
    last: StreamId,
    added: Option<u64>,
    max_deleted: Option<StreamId>,
) -> Result<()> {
    let mut edit = view.edit::<Stream>(key)?.ok_or(Error::NO_SUCH_KEY)?;
    let entries = edit.entries_mut();
    if last < entries.max_deleted_id() {
        return Err(Error::new("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"));
    }
    if entries.top_id().is_some_and(|top| last < top) {
        return Err(Error::new("ERR The ID specified in XSETID is smaller than the target stream top item"));
    }
    if !entries.is_empty() && added.is_some_and(|added| added < entries.len()) {
        let text = "ERR The entries_added specified in XSETID is smaller than the target stream length";
        return Err(Error::new(text));
    }
    entries.set_last_id(last, added, max_deleted.filter(|id| !id.is_zero()));
    let (added, max_deleted) = (entries.added(), entries.max_deleted_id());
    edit.mark_changed();
    drop(edit);
    view.record(key, event("xsetid"), || {
        let effect = Effect::new("XSETID").arg(key.bytes).arg(last.text());
        effect.arg("ENTRIESADDED").int(added).arg("MAXDELETEDID").arg(max_deleted.text())
    });
    Ok(())
}
