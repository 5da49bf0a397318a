//! Whole keyspaces as RDB files.

use std::io::{self, Seek, Write};

use super::generic::{format, limits};
use super::string;
use crate::error::Error;
use crate::keyspace::{Access, Effect, Entry, Keyspace, NewValue, View};
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
}

/// Writes all keys as a file, with pairs of names and values about the writer. All stripes are held for reading
/// meanwhile: the file is one moment, and whoever writes waits. O(keys).
///
/// # Errors
/// Those of `out`.
pub fn save<W: Write + Seek>(space: &Keyspace, about: &[(&str, String)], out: W) -> io::Result<(W, Summary)> {
    let now = space.clock().millis();
    let mut view = View::all(space, 0, now, Access::Read).map_err(io::Error::other)?;
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
    Ok((file.finish()?, summary))
}

fn about_entry(view: &View<'_>, entry: Entry<'_>) -> About {
    let policy = view.space().settings().policy();
    About {
        deadline: entry.deadline(),
        idle: policy.is_lru().then(|| view.idle_secs(entry)),
        frequency: policy.is_lfu().then(|| view.frequency(entry).min(255) as u8),
    }
}

/// Adds the keys of a file to the keyspace, in place of those of the same names. O(keys).
///
/// # Errors
/// Where the file is damaged; what stood before it has been added.
pub fn load(space: &Keyspace, file: &[u8]) -> Result<Summary, Damaged> {
    let (now, limits) = (space.clock().millis(), limits(space.settings()));
    let mut summary = Summary::default();
    rdb::read(file, &limits, |part| match part {
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
            put(space, db, now, &key, value, about).map_err(|_| "a keyspace that nobody on this thread holds")
        }
    })?;
    summary.changes = space.changes();
    Ok(summary)
}

fn put(space: &Keyspace, db: u32, now: u64, key: &[u8], value: Loaded<'_>, about: About) -> Result<(), Error> {
    let key = space.key(key);
    let mut view = View::one(space, db, now, Access::Write, key.hash)?;
    match value {
        Loaded::String(text) => view.put(&key, string::encode(&text), about.deadline),
        Loaded::Value(value) => view.put(&key, NewValue::Owned(value), about.deadline),
    }
    let mut payload = None;
    if let Some(entry) = view.peek(&key) {
        view.set_usage(entry, about.idle, about.frequency);
        payload = view.wants_effects().then(|| rdb::seal(entry.value(), format(space.settings())));
    }
    view.record_effect(|| {
        let effect = Effect::new("RESTORE").arg(key.bytes).int(about.deadline.unwrap_or(0));
        effect.arg(payload.unwrap_or_default()).arg("ABSTTL").arg("REPLACE")
    });
    view.close();
    Ok(())
}
