//! What an engine reads when it starts: its log, or the file of its last snapshot.
//!
//! Invariant: nothing is deleted. What is cut off a log is kept beside it; a damaged file is refused with the place of the
//! damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::aof::{self, Inspection, Kind, Manifest, Piece, Plan, StoreKind, Verdict};
use crate::command::{Core, Place};
use crate::error::{Error, Result};
use crate::files;
use crate::map::Map;
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
        Some(manifest) if !is_half_adopted(&manifest, &place) => Some(manifest),
        none => adopt_single_file(core, &place)?.or(none),
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
    let moved = files::make_folder(&place.folder)
        .and_then(|()| manifest.write(&place.folder, &place.name))
        .and_then(|()| files::move_to(&old, &place.folder.join(&place.name)));
    moved.map_err(|e| Error::new(format!("ERR cannot move {} into {}: {e}", old.display(), place.folder.display())))?;
    tracing::info!("Successfully migrated an old-style AOF configuration ({}) into a directory", old.display());
    Ok(Some(manifest))
}

/// Whether somebody has gone between naming a single file and moving it.
fn is_half_adopted(manifest: &Manifest, place: &Place) -> bool {
    matches!(&manifest.pieces[..], [Piece { name, kind: Kind::Base, .. }] if *name == place.name)
        && !place.folder.join(&place.name).exists()
}

/// A file of the log, looked through.
struct Found {
    path: PathBuf,
    bytes: Map,
    /// Where its commands begin.
    from: usize,
    look: Inspection,
}

/// Loads base and increments. Returns how long the last increment is.
fn load_all(core: &Core, place: &Place, manifest: &Manifest) -> Result<u64> {
    let began = Instant::now();
    let pieces = manifest.base().into_iter().chain(manifest.increments());
    let paths: Vec<PathBuf> = pieces.map(|p| place.folder.join(&p.name)).collect();
    let sizes = paths.iter().map(|path| fs::metadata(path).map_or(0, |m| m.len()));
    core.loading.total.store(sizes.sum(), Relaxed);
    let mut files = look_at(core, paths)?;
    repair(core, manifest.base().is_some(), &mut files)?;
    for found in &files {
        if let Some(failed) = run(core, found)? {
            tracing::warn!("{failed}");
        }
    }
    let last = files.pop().filter(|_| manifest.increments().next().is_some()).map_or(0, |last| last.look.valid as u64);
    core.aof.note_size(files.iter().map(|found| found.look.valid as u64).sum());
    tracing::info!("DB loaded from append only file: {:.3} seconds", began.elapsed().as_secs_f64());
    Ok(last)
}

/// Loads a log for somebody who wants to know what is in it, without changing anything of it, and returns what he is to be
/// told about it. What is torn is left out. The engine has no directory, and its keys do not expire: it is for nothing
/// else.
///
/// # Errors
/// If a file cannot be read or is damaged.
pub(crate) fn read_log(core: &Core, paths: Vec<PathBuf>, has_base: bool) -> Result<Vec<String>> {
    core.keyspace.hold_expired(true);
    let (mut files, mut told) = (look_at(core, paths)?, Vec::new());
    match aof::plan(has_base, files.iter().map(|found| &found.look)) {
        Plan::Read => {}
        Plan::Cut(torn) => {
            let Found { path, look, .. } = &files[torn];
            told.push(format!("{} is torn: what is behind byte {} was left out", path.display(), look.valid));
            files.truncate(torn + 1);
        }
        Plan::Refuse(i) => return Err(damaged(&files[i])),
    }
    for found in &files {
        told.extend(run(core, found)?);
    }
    Ok(told)
}

/// Loads the RDB files that a log's files begin with, and looks the commands behind them through.
fn look_at(core: &Core, paths: Vec<PathBuf>) -> Result<Vec<Found>> {
    let look_at = |path: PathBuf| {
        let bytes = Map::open(&path).map_err(|e| Error::new(format!("ERR cannot read {}: {e}", path.display())))?;
        let from = load_preamble(core, &path, &bytes)?;
        let look = aof::inspect_halves(&bytes, from);
        Ok(Found { path, bytes, from, look })
    };
    paths.into_iter().map(look_at).collect()
}

/// Loads the RDB file that a base is or begins with. Returns where it ends.
fn load_preamble(core: &Core, path: &Path, bytes: &[u8]) -> Result<usize> {
    if !bytes.starts_with(b"REDIS") && !bytes.starts_with(b"VALKEY") {
        return Ok(0);
    }
    let summary = core.load_snapshot(path, bytes, 0)?;
    core.loading.done.fetch_add(summary.len as u64, Relaxed);
    Ok(summary.len)
}

/// Cuts off what a crash has left, or refuses to.
fn repair(core: &Core, has_base: bool, files: &mut [Found]) -> Result<()> {
    match aof::plan(has_base, files.iter().map(|found| &found.look)) {
        Plan::Read => Ok(()),
        Plan::Cut(torn) if core.config.get("aof-load-truncated") == "yes" => {
            // From the end: whenever this is interrupted, what is torn is still there to show it.
            for (i, found) in files.iter_mut().enumerate().skip(torn).rev() {
                set_aside(found, i == torn)?;
            }
            Ok(())
        }
        Plan::Cut(i) | Plan::Refuse(i) => Err(damaged(&files[i])),
    }
}

fn damaged(Found { path, look, .. }: &Found) -> Error {
    let path = path.display();
    match look.verdict {
        Verdict::Whole => Error::new(format!("ERR {path} is damaged")),
        Verdict::Torn { at, what } | Verdict::Damaged { at, what } => {
            Error::new(format!("ERR {path} is damaged at byte {at}: what should be there is {what}"))
        }
    }
}

/// Keeps what is cut off a file beside it: of the first one what is behind its valid part, of those behind it all.
fn set_aside(found: &mut Found, is_first: bool) -> Result<()> {
    let (path, valid) = (found.path.display(), if is_first { found.look.valid } else { 0 });
    if let Verdict::Torn { at, .. } = found.look.verdict {
        tracing::warn!("{path} is torn at byte {at}, as a crash leaves it");
    }
    let cut =
        aof::cut(&found.path, &found.bytes, valid).map_err(|e| Error::new(format!("ERR cannot cut {path}: {e}")))?;
    if let Some(aof::Cut { bytes, aside }) = cut {
        tracing::warn!("{bytes} bytes behind byte {valid} of {path} are now in {}", aside.display());
    }
    (found.look.valid, found.look.verdict) = (valid, Verdict::Whole);
    Ok(())
}

/// Runs the commands of a file. Returns what is to be told of those that failed.
fn run(core: &Core, Found { path, bytes, from, look }: &Found) -> Result<Option<String>> {
    let replayed = replay(core, bytes, *from, look.valid.max(*from), &core.loading.done)
        .map_err(|what| Error::new(format!("ERR {} cannot be read on: {what}", path.display())))?;
    let first = replayed.first.unwrap_or_default();
    let told = || format!("{} commands of {} failed; the first said {first}", replayed.failed, path.display());
    Ok((replayed.failed > 0).then(told))
}
