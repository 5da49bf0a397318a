//! Whole keyspaces as RDB files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Seek, Write};
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use super::generic::{format, limits};
use super::string;
use crate::clock::Millis;
use crate::keyspace::{Access, Batch, DbSize, Effect, Key, Keyspace, NewValue, View};
use crate::rdb::{self, About, Damaged, FileWriter, Loaded, Part};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sys;

/// What was written or read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Keys.
    pub keys: u64,
    /// Keys that had expired and were left out.
    pub expired: u64,
    /// Parts of modules, which were left out.
    pub skipped: u64,
    /// Changes of the keyspace up to this moment.
    pub changes: u64,
    /// Bytes that were read: what follows in the base of an old log are commands.
    pub len: usize,
}

/// How far the writing of a file has come, for others to see; and whether it is wanted any more.
#[derive(Debug, Default)]
pub struct Progress {
    /// Keys that have been written.
    pub keys: AtomicU64,
    /// Keys that will have been written.
    pub total: AtomicU64,
    /// Changes of the keyspace before the file's moment.
    pub changes: AtomicU64,
    /// Set by whoever calls it off.
    pub is_called_off: AtomicBool,
}

/// The sources of libraries of functions.
pub type Functions = Vec<Arc<[u8]>>;

/// Writes all keys as a file, with pairs of names and values about the writer. The file is one moment, in which `at_once`
/// runs while nobody can read or write, and says which libraries of functions there are; everybody goes on meanwhile.
/// O(keys).
///
/// # Errors
/// Those of `out`; if it is called off; if there is a snapshot already; from within a view.
pub fn save<W: Write + Seek, R>(
    space: &Keyspace,
    about: &[(&str, String)],
    out: W,
    at_once: impl FnOnce() -> (Functions, R),
    progress: &Progress,
) -> io::Result<(W, Summary, R)> {
    save_with(space, about, out, at_once, progress, || ())
}

/// As [`save`]; runs `between` before each step of the walk.
fn save_with<W: Write + Seek, R>(
    space: &Keyspace,
    writer: &[(&str, String)],
    out: W,
    at_once: impl FnOnce() -> (Functions, R),
    progress: &Progress,
    mut between: impl FnMut(),
) -> io::Result<(W, Summary, R)> {
    let (mut snapshot, (functions, result)) = space.begin_snapshot(at_once).map_err(io::Error::other)?;
    let mut summary = Summary { changes: snapshot.changes(), ..Summary::default() };
    let sizes: BTreeMap<u32, DbSize> = snapshot.sizes().iter().copied().collect();
    progress.changes.store(summary.changes, Relaxed);
    progress.total.store(sizes.values().map(|size| size.keys as u64).sum(), Relaxed);
    let mut file = FileWriter::begin(out, format(space.settings()), writer)?;
    functions.iter().try_for_each(|source| file.function(source))?;
    let mut db = None;
    loop {
        between();
        // Whoever shares the core with this thread and has been woken meanwhile is not to wait for the end of its turn.
        sys::let_others_run();
        let Some(batch) = snapshot.step().map_err(io::Error::other)? else { break };
        if progress.is_called_off.load(Relaxed) {
            return Err(called_off());
        }
        if db != Some(batch.db) {
            let size = sizes.get(&batch.db).copied().unwrap_or_default();
            file.database(batch.db, size.keys, size.deadlines)?;
            db = Some(batch.db);
        }
        for entry in batch.entries() {
            file.key(entry.key(), entry.value(), about(space, &batch, entry.deadline(), entry.clock()))?;
        }
        if let Some(piece) = batch.piece() {
            if piece.is_first {
                file.begin_pieces(piece.key(), piece.whole(), about(space, &batch, piece.deadline(), piece.clock()))?;
            }
            file.piece(piece.whole(), piece.elements)?;
        }
        summary.keys += batch.keys() as u64;
        progress.keys.store(summary.keys, Relaxed);
    }
    Ok((file.finish()?, summary, result))
}

/// Writes a file without keys.
///
/// # Errors
/// Those of `out`.
pub fn save_nothing<W: Write + Seek>(
    space: &Keyspace,
    about: &[(&str, String)],
    functions: &Functions,
    out: W,
) -> io::Result<W> {
    let mut file = FileWriter::begin(out, format(space.settings()), about)?;
    functions.iter().try_for_each(|source| file.function(source))?;
    file.finish()
}

/// The error of whatever is called off.
pub(crate) fn called_off() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "it was called off")
}

fn about(space: &Keyspace, batch: &Batch<'_>, deadline: Option<Millis>, clock: u32) -> About {
    let policy = space.settings().policy();
    About {
        deadline,
        idle: policy.is_lru().then(|| batch.idle_secs(clock)),
        frequency: policy.is_lfu().then(|| batch.frequency(clock).min(255) as u8),
    }
}

/// Keys that are handed to a thread at once: as many as are looked for in memory together.
const BATCH: usize = 64;
/// Batches that may wait for a thread: the reader is not to be far ahead of what has been put in its place.
const AHEAD: usize = 32;

/// A key on its way from a file into the keyspace.
struct Read<'f> {
    db: u32,
    hash: u64,
    key: Cow<'f, [u8]>,
    value: Loaded<'f>,
    about: About,
}

/// Adds the keys of a file to the keyspace, in place of those of the same names. One thread reads, and as many as there
/// are cores put away what it has read; keys of one stripe always go to the same of them. What has expired at `now` is left
/// out: nothing at 0, for the base of a log. `function` is given the libraries of functions. O(keys).
///
/// # Errors
/// Where the file is damaged; what stood before it has been added.
pub fn load(
    space: &Keyspace,
    file: &[u8],
    now: Millis,
    mut function: impl FnMut(&[u8]) -> Result<(), &'static str>,
) -> Result<Summary, Damaged> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(space.stripes());
    std::thread::scope(|scope| {
        let mut lanes: Vec<Lane<'_>> = Vec::with_capacity(threads);
        for _ in 0..threads {
            let (sender, batches) = bounded::<Vec<Read<'_>>>(AHEAD);
            scope.spawn(move || batches.iter().for_each(|batch| put_all(space, now, batch)));
            lanes.push(Lane { sender, batch: Vec::with_capacity(BATCH) });
        }
        let result = read(space, now, file, &mut function, |read| {
            let lane = space.stripe_of(read.hash) % threads;
            lanes.get_mut(lane).is_none_or(|lane| lane.add(read))
        });
        for lane in &mut lanes {
            lane.send();
        }
        result
    })
    .map(|summary| Summary { changes: space.changes(), ..summary })
}

/// The way to a thread.
struct Lane<'f> {
    sender: Sender<Vec<Read<'f>>>,
    batch: Vec<Read<'f>>,
}

impl<'f> Lane<'f> {
    /// Adds a key; false if the thread has gone.
    fn add(&mut self, read: Read<'f>) -> bool {
        self.batch.push(read);
        self.batch.len() < BATCH || self.send()
    }

    fn send(&mut self) -> bool {
        let full = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.sender.send(full).is_ok()
    }
}

/// Reads a file, key by key; `take` says whether it could take one.
fn read<'f>(
    space: &Keyspace,
    now: Millis,
    file: &'f [u8],
    function: &mut impl FnMut(&[u8]) -> Result<(), &'static str>,
    mut take: impl FnMut(Read<'f>) -> bool,
) -> Result<Summary, Damaged> {
    let limits = limits(space.settings());
    let mut summary = Summary::default();
    summary.len = rdb::read(file, &limits, |part| match part {
        Part::About(..) => Ok(()),
        Part::Size(db, keys) => {
            if let Some(db) = u32::try_from(db).ok().filter(|&db| db < space.databases()) {
                make_room(space, db, keys);
            }
            Ok(())
        }
        Part::Function(source) => function(&source),
        Part::Module => {
            summary.skipped += 1;
            Ok(())
        }
        Part::Key(_, _, None, _) => Ok(()),
        Part::Key(_, _, Some(_), About { deadline: Some(at), .. }) if at < now => {
            summary.expired += 1;
            Ok(())
        }
        Part::Key(db, key, Some(value), about) => {
            summary.keys += 1;
            let db = u32::try_from(db).ok().filter(|&db| db < space.databases());
            let db = db.ok_or("a database that there is: see the directive databases")?;
            let hash = space.hasher().hash(&key);
            if take(Read { db, hash, key, value, about }) { Ok(()) } else { Err("threads that put keys away") }
        }
    })?;
    Ok(summary)
}

/// Makes the tables of a database as large as they are going to be, if they are empty.
fn make_room(space: &Keyspace, db: u32, keys: usize) {
    if let Ok(mut view) = View::all(space, db, 0, Access::Write) {
        view.make_room(keys);
        view.close();
    }
}

/// Puts keys away. Their places in the tables are asked for together, so that the waiting for memory is shared.
fn put_all(space: &Keyspace, now: Millis, batch: Vec<Read<'_>>) {
    let mut hashes = Vec::with_capacity(BATCH);
    for keys in batch.chunk_by(|a, b| a.db == b.db) {
        hashes.clear();
        hashes.extend(keys.iter().map(|read| read.hash));
        space.prefetch_places(keys[0].db, &hashes);
    }
    batch.into_iter().for_each(|read| put(space, now, read));
}

fn put(space: &Keyspace, now: Millis, read: Read<'_>) {
    let Read { db, hash, key, value, about } = read;
    let key = Key { bytes: &key, hash };
    let Ok(mut view) = View::one(space, db, now, Access::Write, hash) else {
        debug_assert!(false, "a thread of its own holds no view");
        return;
    };
    match value {
        Loaded::String(text) => view.put(&key, string::encode(&text), about.deadline),
        Loaded::Value(value) => view.put(&key, NewValue::Owned(value), about.deadline),
    }
    let mut payload = None;
    if (about.idle.is_some() || about.frequency.is_some() || view.wants_effects())
        && let Some(entry) = view.peek(&key)
    {
        view.set_usage(entry, about.idle, about.frequency);
        payload = view.wants_effects().then(|| rdb::seal(entry.value(), format(space.settings())));
    }
    view.record_effect(|| {
        let effect = Effect::new("RESTORE").arg(key.bytes).int(about.deadline.unwrap_or(0));
        effect.arg(payload.unwrap_or_default()).arg("ABSTTL").arg("REPLACE")
    });
    view.close();
}

/// The format of what DUMP and its like give.
#[cfg(feature = "lua")]
pub(crate) fn format_of(space: &Keyspace) -> rdb::Format {
    format(space.settings())
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests;
