//! Whole keyspaces as RDB files.

use std::borrow::Cow;
use std::io::{self, Seek, Write};

use crossbeam_channel::{Sender, bounded};

use super::generic::{format, limits};
use super::string;
use crate::clock::Millis;
use crate::keyspace::{Access, Effect, Entry, Key, Keyspace, NewValue, View};
use crate::rdb::{self, About, Damaged, FileWriter, Loaded, Part};

/// What was written or read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Keys.
    pub keys: u64,
    /// Keys that had expired and were left out.
    pub expired: u64,
    /// Libraries of functions and parts of modules, which were left out.
    pub skipped: u64,
    /// Changes of the keyspace up to this moment.
    pub changes: u64,
    /// Bytes that were read: what follows in the base of an old log are commands.
    pub len: usize,
}

/// Writes all keys as a file, with pairs of names and values about the writer. All stripes are held for reading
/// meanwhile: the file is one moment, and whoever writes waits. O(keys).
///
/// # Errors
/// Those of `out`.
pub fn save<W: Write + Seek, R>(
    space: &Keyspace,
    about: &[(&str, String)],
    out: W,
    at_once: impl FnOnce() -> io::Result<R>,
) -> io::Result<(W, Summary, R)> {
    let now = space.clock().millis();
    let mut view = View::all(space, 0, now, Access::Read).map_err(io::Error::other)?;
    let at_once = at_once()?;
    let mut file = FileWriter::begin(out, format(space.settings()), about)?;
    let mut summary = Summary { changes: space.changes(), ..Summary::default() };
    for db in 0..space.databases() {
        view.select(db).map_err(io::Error::other)?;
        let size = view.db_size();
        if size.keys == 0 {
            continue;
        }
        file.database(db, size.keys, size.deadlines)?;
        let mut result = Ok(());
        for table in view.tables() {
            table.for_each(|entry| {
                if result.is_ok() {
                    result = file.key(entry.key(), entry.value(), about_entry(&view, entry));
                    summary.keys += 1;
                }
            });
        }
        result?;
    }
    Ok((file.finish()?, summary, at_once))
}

fn about_entry(view: &View<'_>, entry: Entry<'_>) -> About {
    let policy = view.space().settings().policy();
    About {
        deadline: entry.deadline(),
        idle: policy.is_lru().then(|| view.idle_secs(entry)),
        frequency: policy.is_lfu().then(|| view.frequency(entry).min(255) as u8),
    }
}

/// Keys that are handed to a thread at once.
const BATCH: usize = 256;
/// Batches that may wait for a thread: the reader is not to be far ahead of what has been put in its place.
const AHEAD: usize = 8;

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
/// out: nothing at 0, for the base of a log. O(keys).
///
/// # Errors
/// Where the file is damaged; what stood before it has been added.
pub fn load(space: &Keyspace, file: &[u8], now: Millis) -> Result<Summary, Damaged> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(space.stripes());
    std::thread::scope(|scope| {
        let mut lanes: Vec<Lane<'_>> = Vec::with_capacity(threads);
        for _ in 0..threads {
            let (sender, batches) = bounded::<Vec<Read<'_>>>(AHEAD);
            scope.spawn(move || batches.iter().flatten().for_each(|read| put(space, now, read)));
            lanes.push(Lane { sender, batch: Vec::with_capacity(BATCH) });
        }
        let result = read(space, now, file, |read| {
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
    mut take: impl FnMut(Read<'f>) -> bool,
) -> Result<Summary, Damaged> {
    let limits = limits(space.settings());
    let mut summary = Summary::default();
    summary.len = rdb::read(file, &limits, |part| match part {
        Part::About(..) => Ok(()),
        Part::Function(_) | Part::Module => {
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
