//! SAVE, BGSAVE and LASTSAVE, and the file of an engine: reading it, and having it written.

mod points;
mod saves;

use std::path::Path;

use super::{Args, Categories, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::map::Map;
use crate::operation::snapshot::{self, Functions, Summary};

pub(crate) use points::canonical as canonical_points;
pub(crate) use saves::Claim;
pub use saves::SnapshotBy;
pub(super) use saves::{Saves, State as SavesState};

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("bgsave", -1, Group::Server, Run::Context(&bgsave))
        .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::NO_ASYNC_LOADING))
        .docs("1.0.0", "Writes all keys to the file in the background.", "O(1)", "[SCHEDULE]"),
    Spec::new("lastsave", 1, Group::Server, Run::Context(&lastsave))
        .flags(Flags::FAST.union(Flags::LOADING).union(Flags::STALE))
        .categories(Categories::ADMIN.union(Categories::DANGEROUS))
        .tips(&["nondeterministic_output"])
        .docs("1.0.0", "Says when the file was last written.", "O(1)", ""),
    Spec::new("save", 1, Group::Server, Run::Context(&save))
        .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::NO_ASYNC_LOADING).union(Flags::NO_MULTI))
        .docs("1.0.0", "Writes all keys to the file, and answers when that is done.", "O(N) for N keys", ""),
];

impl Core {
    /// Takes the directory for this process, for as long as the engine is open.
    ///
    /// # Errors
    /// If another process has it.
    pub fn own_directory(&self) -> Result<()> {
        self.directory.own()
    }

    /// Who writes a snapshot just now: there is one at a time.
    pub fn snapshot_in_progress_by(&self) -> Option<SnapshotBy> {
        self.saves.running()
    }

    /// Writes all keys to the file, as they are at one moment; nobody else waits. O(keys).
    ///
    /// # Errors
    /// If the engine has no directory, or the file cannot be written: then it is as it was. If it is being written in the
    /// background.
    pub fn save(&self) -> Result<Summary> {
        self.save_after(|by| by != SnapshotBy::BackgroundSave)
    }

    /// As [`save`](Self::save), but waits for what is written in the background.
    pub(super) fn save_when_possible(&self) -> Result<Summary> {
        self.save_after(|_| true)
    }

    fn save_after(&self, waits_for: impl Fn(SnapshotBy) -> bool) -> Result<Summary> {
        let claim = self.saves.claim(SnapshotBy::Save, waits_for).map_err(|by| match by {
            SnapshotBy::BackgroundSave if !self.keyspace.is_entered() => in_progress(),
            _ => Error::REENTERED,
        })?;
        self.saves.save(&claim)
    }

    /// What is to be done to the file before the program ends: what is being written in the background is called off, and
    /// the file is written if that is asked for, or if it is left to the configuration and there are save points.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn save_before_end(&self, save: Option<bool>) -> Result<()> {
        if self.loading.is_on() {
            // What is there so far is not what there is to be saved.
            return Ok(());
        }
        self.saves.call_off(SnapshotBy::BackgroundSave);
        if save.unwrap_or_else(|| self.saves.has_points()) {
            self.save_when_possible()?;
        }
        Ok(())
    }

    /// Adds the keys of the file, if there is one. O(keys).
    ///
    /// # Errors
    /// If the engine has no directory, or the file cannot be read or is damaged.
    pub fn load(&self) -> Result<Option<Summary>> {
        let (path, began) = (self.saves.path()?, std::time::Instant::now());
        let bytes = match Map::open(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::new(format!("ERR cannot read {}: {e}", path.display()))),
        };
        let summary = self.load_snapshot(&path, &bytes, self.keyspace.clock().millis())?;
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!(
            "DB loaded from disk: {seconds:.3} seconds, {} keys, {} had expired",
            summary.keys,
            summary.expired
        );
        self.saves.note_loaded(&summary);
        Ok(Some(summary))
    }
}

impl Core {
    /// Adds what an RDB file holds that has been read from a path: its keys, but for those that have expired at `now`, and
    /// its functions.
    ///
    /// # Errors
    /// Where it is damaged.
    pub(crate) fn load_snapshot(&self, path: &Path, bytes: &[u8], now: Millis) -> Result<Summary> {
        let mut unloaded = None;
        let load = |source: &[u8]| {
            self.load_function(source).map_err(|error| {
                unloaded = Some(error);
                "a library of functions that can be loaded"
            })
        };
        let summary = snapshot::load(&self.keyspace, bytes, now, load).map_err(|damaged| {
            let (path, what, at) = (path.display(), damaged.what, damaged.at);
            let why = unloaded.take().map(|error| format!(" ({})", error.text())).unwrap_or_default();
            Error::new(format!("ERR {path} is damaged at byte {at}: what should be there is {what}{why}"))
        })?;
        if summary.skipped > 0 {
            tracing::warn!("{} parts of modules in {} were left out", summary.skipped, path.display());
        }
        Ok(summary)
    }

    /// The sources of the libraries of functions.
    pub fn functions(&self) -> Functions {
        self.saves.functions()
    }

    #[cfg(feature = "lua")]
    fn load_function(&self, source: &[u8]) -> Result<()> {
        self.scripts.load_from_file(source)
    }

    #[cfg(not(feature = "lua"))]
    fn load_function(&self, _source: &[u8]) -> Result<()> {
        tracing::warn!("A library of functions was left out: scripts are not built in");
        Ok(())
    }
}

fn save(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.save()?;
    reply.ok();
    Ok(())
}

fn bgsave(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let is_scheduled = match *args.from(1) {
        [] => false,
        [word] if word.eq_ignore_ascii_case(b"schedule") => true,
        _ => return Err(Error::SYNTAX),
    };
    let saves = &context.core.saves;
    saves.path()?;
    let claim = match context.held {
        // In a transaction nothing begins.
        Some(_) => Err(saves.running().unwrap_or(SnapshotBy::LogRewrite)),
        None => saves.claim(SnapshotBy::BackgroundSave, |by| by == SnapshotBy::Save),
    };
    match claim {
        Ok(claim) => {
            saves.save_in_background(claim)?;
            reply.simple("Background saving started");
        }
        Err(SnapshotBy::BackgroundSave) => return Err(in_progress()),
        Err(_) if is_scheduled || context.held.is_some() => {
            saves.schedule();
            reply.simple("Background saving scheduled");
        }
        Err(_) => {
            return Err(Error::new(
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to \
                 schedule a BGSAVE whenever possible.",
            ));
        }
    }
    Ok(())
}

fn in_progress() -> Error {
    Error::new("ERR Background save already in progress")
}

fn lastsave(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(context.core.saves.saved_secs() as i64);
    Ok(())
}
