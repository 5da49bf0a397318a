//! SAVE and LASTSAVE, and the file of an engine: where it is, and when it was last written.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::connection::REDIS_VERSION;
use super::{Args, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::files;
use crate::map::Map;
use crate::operation::snapshot::{self, Summary};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("lastsave", 1, Group::Server, Run::Context(&lastsave))
        .flags(Flags::FAST.union(Flags::LOADING).union(Flags::STALE))
        .categories(super::Categories::ADMIN.union(super::Categories::DANGEROUS))
        .tips(&["nondeterministic_output"])
        .docs("1.0.0", "Says when the file was last written.", "O(1)", ""),
    Spec::new("save", 1, Group::Server, Run::Context(&save))
        .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::NO_ASYNC_LOADING).union(Flags::NO_MULTI))
        .docs("1.0.0", "Writes all keys to the file, while nobody may write.", "O(N) for N keys", ""),
];

/// What is known of the file.
#[derive(Debug)]
pub(crate) struct Saves {
    /// Held while the file is written: two would write the same file aside.
    writing: Mutex<()>,
    /// When it was last written, in milliseconds.
    last: AtomicU64,
    /// The changes that it has.
    changes: AtomicU64,
    /// How often it was written.
    count: AtomicU64,
    /// Keys that were read from it, and those that had expired.
    loaded: [AtomicU64; 2],
}

impl Saves {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            writing: Mutex::new(()),
            last: AtomicU64::new(now),
            changes: AtomicU64::new(0),
            count: AtomicU64::new(0),
            loaded: Default::default(),
        }
    }

    /// When the file was last written, in seconds.
    pub(crate) fn last_secs(&self) -> u64 {
        self.last.load(Relaxed) / 1000
    }

    /// How many of so many changes the file does not have.
    pub(crate) fn missing(&self, changes: u64) -> u64 {
        changes.saturating_sub(self.changes.load(Relaxed))
    }

    /// How often it was written.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Keys that were read from it, and those that had expired.
    pub(crate) fn loaded(&self) -> [u64; 2] {
        [self.loaded[0].load(Relaxed), self.loaded[1].load(Relaxed)]
    }
}

impl Core {
    /// Takes the directory for this process, for as long as the engine is open.
    ///
    /// # Errors
    /// If another process has it.
    pub fn own_directory(&self) -> Result<()> {
        if self.lock.get().is_none() {
            let dir = self.config.get("dir");
            let lock = files::lock(Path::new(if dir.is_empty() { "." } else { &dir }))?;
            // Whoever else has just taken it is of this process.
            let _ = self.lock.set(lock);
        }
        Ok(())
    }

    /// Where the file is.
    ///
    /// # Errors
    /// If the engine has no directory.
    fn snapshot_path(&self) -> Result<PathBuf> {
        match self.config.get("dir") {
            dir if dir.is_empty() => Err(Error::new("ERR this engine has no directory to save to")),
            dir => Ok(Path::new(&dir).join(self.config.get("dbfilename"))),
        }
    }

    /// Writes all keys to the file. Whoever writes waits meanwhile. O(keys).
    ///
    /// # Errors
    /// If the engine has no directory, or the file cannot be written: then it is as it was.
    pub fn save(&self) -> Result<Summary> {
        let path = self.snapshot_path()?;
        let _alone = self.saves.writing.lock();
        self.own_directory()?;
        let (now, began) = (self.keyspace.clock().millis(), Instant::now());
        let about = [
            ("redis-ver", REDIS_VERSION.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", (now / 1000).to_string()),
            ("used-mem", self.keyspace.used_bytes().to_string()),
            ("aof-base", "0".to_owned()),
        ];
        let written = files::replace(&path, |file| {
            let (out, summary, ()) = snapshot::save(&self.keyspace, &about, BufWriter::new(file), || Ok(()))?;
            out.into_inner()?;
            Ok(summary)
        });
        let summary = written.map_err(|e| {
            tracing::warn!("Failed saving the DB to {}: {e}", path.display());
            Error::new(format!("ERR cannot save: {e}"))
        })?;
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!("DB saved on disk: {seconds:.3} seconds, {} keys in {}", summary.keys, path.display());
        self.saves.last.store(now, Relaxed);
        self.saves.changes.store(summary.changes, Relaxed);
        self.saves.count.fetch_add(1, Relaxed);
        Ok(summary)
    }

    /// Adds the keys of the file, if there is one. O(keys).
    ///
    /// # Errors
    /// If the engine has no directory, or the file cannot be read or is damaged.
    pub fn load(&self) -> Result<Option<Summary>> {
        let (path, began) = (self.snapshot_path()?, Instant::now());
        let bytes = match Map::open(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::new(format!("ERR cannot read {}: {e}", path.display()))),
        };
        let summary = snapshot::load(&self.keyspace, &bytes, self.keyspace.clock().millis()).map_err(|damaged| {
            let (path, what, at) = (path.display(), damaged.what, damaged.at);
            Error::new(format!("ERR {path} is damaged at byte {at}: what should be there is {what}"))
        })?;
        if summary.skipped > 0 {
            tracing::warn!("{} parts of functions or modules in {} were left out", summary.skipped, path.display());
        }
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(
            "DB loaded from disk: {seconds:.3} seconds, {} keys, {} had expired",
            summary.keys,
            summary.expired
        );
        self.saves.changes.store(summary.changes, Relaxed);
        for (figure, n) in self.saves.loaded.iter().zip([summary.keys, summary.expired]) {
            figure.store(n, Relaxed);
        }
        Ok(Some(summary))
    }
}

fn save(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.save()?;
    reply.ok();
    Ok(())
}

fn lastsave(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(context.core.saves.last_secs() as i64);
    Ok(())
}
