//! What an engine reads when it starts: its log, or the file of its last snapshot.
//!
//! Invariant: nothing is deleted. What is cut off a log is kept beside it; a damaged file is refused with the place of the
//! damage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::aof::{self, Inspection, Kind, Manifest, Piece, StoreKind, Verdict};
use crate::command::{Core, Place};
use crate::error::{Error, Result};
use crate::map::Map;
use crate::operation::snapshot;
use crate::session::replay::replay;
use crate::sync::atomic::Ordering::Relaxed;

/// Loads what there is and, if the log is on, begins to append to it. Called once, before anybody else changes a key.
///
/// # Errors
/// If a file cannot be read or is damaged: then the engine is of no use.
pub(crate) fn recover(core: &Core) -> Result<()> {
    core.loading.begin(core.keyspace.clock().millis());
    core.keyspace.hold_expired(true);
    let result = if core.config.get("appendonly") == "yes" {
        recover_log(core)
    } else {
        core.load().map(|_| {
            // It may be turned on later, and then begins anew.
            let place = place(core);
            match Manifest::read(&place.folder, &place.name) {
                Ok(manifest) => core.aof.place(place, manifest.unwrap_or_default()),
                Err(e) => tracing::warn!("the manifest in {}: {e}", place.folder.display()),
            }
        })
    };
    core.aof.note_open();
    core.keyspace.hold_expired(false);
    core.loading.end();
    result
}

/// Where the log is, by the directives.
fn place(core: &Core) -> Place {
    let folder = Path::new(&core.config.get("dir")).join(core.config.get("appenddirname"));
    let by_directive = || match core.config.get("aof-store").as_str() {
        "written" => StoreKind::Written,
        _ => StoreKind::Mapped,
    };
    let store = core.log_store.get().cloned().unwrap_or_else(by_directive);
    Place { folder, name: core.config.get("appendfilename"), store }
}

fn recover_log(core: &Core) -> Result<()> {
    core.own_directory()?;
    let place = place(core);
    core.aof.want();
    let manifest = Manifest::read(&place.folder, &place.name)
        .map_err(|e| Error::new(format!("ERR the manifest in {}: {e}", place.folder.display())))?;
    let manifest = match manifest {
        Some(manifest) => Some(manifest),
        None => adopt_single_file(core, &place)?,
    };
    let start = |len| core.aof.start(&core.keyspace, len).map_err(|e| Error::new(format!("ERR cannot log: {e}")));
    match manifest {
        Some(manifest) => {
            let len = load_all(core, &place, &manifest)?;
            core.aof.place(place, manifest);
            start(len)
        }
        None => {
            // A log that begins now begins with what the last snapshot has.
            core.load()?;
            core.aof.place(place, Manifest::default());
            start(0)
        }
    }
}

/// Makes the single file of a server before Redis 7 the base of a log, as Redis 7 does.
fn adopt_single_file(core: &Core, place: &Place) -> Result<Option<Manifest>> {
    let old = Path::new(&core.config.get("dir")).join(&place.name);
    if !old.is_file() {
        return Ok(None);
    }
    let manifest = Manifest { pieces: vec![Piece { name: place.name.clone(), seq: 1, kind: Kind::Base }] };
    let moved = fs::create_dir_all(&place.folder)
        .and_then(|()| manifest.write(&place.folder, &place.name))
        .and_then(|()| fs::rename(&old, place.folder.join(&place.name)));
    moved.map_err(|e| Error::new(format!("ERR cannot move {} into {}: {e}", old.display(), place.folder.display())))?;
    tracing::info!("Successfully migrated an old-style AOF configuration ({}) into a directory", old.display());
    Ok(Some(manifest))
}

/// A file of the log, looked through.
struct Found {
    path: PathBuf,
    bytes: Map,
    look: Inspection,
}

/// Loads base and increments. Returns how long the last increment is.
fn load_all(core: &Core, place: &Place, manifest: &Manifest) -> Result<u64> {
    let began = Instant::now();
    let pieces: Vec<&Piece> = manifest.base().into_iter().chain(manifest.increments()).collect();
    let sizes = pieces.iter().map(|p| fs::metadata(place.folder.join(&p.name)).map_or(0, |m| m.len()));
    core.loading.total.store(sizes.sum(), Relaxed);
    let mut settled = 0;
    let mut increments = Vec::new();
    for piece in pieces {
        let path = place.folder.join(&piece.name);
        let bytes = match Map::open(&path) {
            Ok(bytes) => bytes,
            // Space is reserved and the manifest written before anything is in it.
            Err(e) => return Err(Error::new(format!("ERR cannot read {}: {e}", path.display()))),
        };
        let from = load_preamble(core, &path, &bytes)?;
        settled += from as u64;
        let look = aof::inspect(&bytes, from);
        if piece.kind == Kind::Base {
            refuse_unless_whole(&path, &look)?;
            run(core, &Found { path, bytes, look }, from)?;
            continue;
        }
        increments.push(Found { path, bytes, look });
    }
    let last = judge(core, &mut increments)?;
    for found in &increments {
        run(core, found, 0)?;
    }
    let last = if manifest.increments().next().is_some() { last } else { 0 };
    core.aof.note_size(settled + increments.iter().rev().skip(1).map(|f| f.look.valid as u64).sum::<u64>());
    tracing::info!("DB loaded from append only file: {:.3} seconds", began.elapsed().as_secs_f64());
    Ok(last)
}

/// Loads the RDB file that a base is or begins with. Returns where it ends.
fn load_preamble(core: &Core, path: &Path, bytes: &[u8]) -> Result<usize> {
    if !bytes.starts_with(b"REDIS") && !bytes.starts_with(b"VALKEY") {
        return Ok(0);
    }
    let summary = snapshot::load(&core.keyspace, bytes, 0).map_err(|damaged| {
        let (path, what, at) = (path.display(), damaged.what, damaged.at);
        Error::new(format!("ERR {path} is damaged at byte {at}: what should be there is {what}"))
    })?;
    core.loading.done.fetch_add(summary.len as u64, Relaxed);
    Ok(summary.len)
}

fn refuse_unless_whole(path: &Path, look: &Inspection) -> Result<()> {
    match look.verdict {
        Verdict::Whole => Ok(()),
        Verdict::Torn { at, what } | Verdict::Damaged { at, what } => {
            let path = path.display();
            Err(Error::new(format!("ERR {path} is damaged at byte {at}: what should be there is {what}")))
        }
    }
}

/// Decides about what crashes have left: the first torn segment is the end of the log, and what is behind it is set
/// aside, unless some of that was safe. Returns how long the last segment is.
fn judge(core: &Core, increments: &mut [Found]) -> Result<u64> {
    let torn = increments.iter().position(|found| found.look.verdict != Verdict::Whole);
    let Some(torn) = torn else { return Ok(increments.last().map_or(0, |found| found.look.valid as u64)) };
    let (found, behind) = (&increments[torn], &increments[torn + 1..]);
    // Segments are brought to the disk in order: if part of a later one was, all of this one was.
    let was_safe = behind.iter().any(|later| later.look.synced.is_some_and(|synced| synced > 0));
    let is_plain = behind.iter().any(|later| later.look.commands > 0 && later.look.synced.is_none());
    match found.look.verdict {
        Verdict::Torn { at, .. } if !was_safe && !is_plain && core.config.get("aof-load-truncated") == "yes" => {
            tracing::warn!("{} is torn at byte {at}, as a crash leaves it", found.path.display());
        }
        _ => refuse_unless_whole(&found.path, &found.look)?,
    }
    for found in &mut increments[torn..] {
        set_aside(found)?;
    }
    Ok(increments.last().map_or(0, |found| found.look.valid as u64))
}

/// Keeps what is cut off a segment beside it.
fn set_aside(found: &mut Found) -> Result<()> {
    let is_first = found.look.verdict != Verdict::Whole;
    let valid = if is_first { found.look.valid } else { 0 };
    let rest = found.bytes.get(valid..).unwrap_or_default();
    let used = rest.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    if used > 0 {
        let aside = format!("{}.cut-at-{valid}", found.path.display());
        let written = fs::write(&aside, &rest[..used]);
        written.map_err(|e| Error::new(format!("ERR cannot keep what is cut off in {aside}: {e}")))?;
        tracing::warn!("{used} bytes behind byte {valid} of {} are now in {aside}", found.path.display());
    }
    let cut = File::options().write(true).open(&found.path).and_then(|file| {
        file.set_len(valid as u64)?;
        file.sync_all()
    });
    cut.map_err(|e| Error::new(format!("ERR cannot cut {}: {e}", found.path.display())))?;
    found.look.valid = valid;
    if !is_first {
        found.look.commands = 0;
    }
    found.look.verdict = Verdict::Whole;
    Ok(())
}

fn run(core: &Core, found: &Found, from: usize) -> Result<()> {
    let Found { path, bytes, look } = found;
    let replayed = replay(core, bytes, from, look.valid, &core.loading.done)
        .map_err(|what| Error::new(format!("ERR {} cannot be read on: {what}", path.display())))?;
    if replayed.failed > 0 {
        let first = replayed.first.unwrap_or_default();
        tracing::warn!("{} commands of {} failed; the first said {first}", replayed.failed, path.display());
    }
    Ok(())
}
