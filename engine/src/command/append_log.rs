//! The append-only log of an engine: where its files are, and BGREWRITEAOF.
//!
//! A rewrite is a snapshot and a new segment: at the moment that the snapshot is of, changes begin to go to the new
//! segment; when it is on the disk, the manifest names it and the new segment alone. Until then it names the old files and
//! the new segment behind them, so that at every moment what it names is everything.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::persistence::{Claim, SavesState, SnapshotBy};
use super::{Args, Categories, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::aof::{Kind, Log, Manifest, Segment, StoreKind};
use crate::error::{Error, Result};
use crate::files;
use crate::keyspace::{Keyspace, LogPosition};
use crate::operation::snapshot;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use crate::sys;

pub(super) const COMMANDS: &[Spec] = &[Spec::new("bgrewriteaof", 1, Group::Server, Run::Context(&bgrewriteaof))
    .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::NO_ASYNC_LOADING))
    .categories(Categories::ADMIN.union(Categories::DANGEROUS))
    .docs(
        "1.0.0",
        "Writes the log anew, as short as it can be, while everything goes on.",
        "O(N) for N keys, on another thread",
        "",
    )];

/// Where the files of the log are, and how they are written.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The log's own directory.
    pub(crate) folder: PathBuf,
    /// What the names of its files begin with.
    pub(crate) name: String,
    /// What segments are kept in.
    pub(crate) store: StoreKind,
}

/// The log, its files and the thread that rewrites them.
pub(crate) struct AppendLog {
    /// What is appended to.
    pub(crate) log: Arc<Log>,
    /// The place and the manifest, once they are known. Held by whoever changes files.
    files: Mutex<Option<(Place, Manifest)>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    rewriting: AtomicBool,
    /// It is to be written anew as soon as that can be.
    pub(crate) scheduled: AtomicBool,
    saves: Arc<SavesState>,
    /// The engine has been closed, and nothing may be changed any more.
    closed: AtomicBool,
    /// The log is to be on (`appendonly`).
    wanted: AtomicBool,
    /// The engine is open: before, directives are only noted.
    is_open: AtomicBool,
    pub(crate) auto: AutoRewrite,
    pub(crate) figures: LogFigures,
}

/// Whether the log is being written anew.
enum Started {
    Now,
    /// Somebody else writes a snapshot.
    Later,
    /// It was already.
    Already,
}

/// When the log is rewritten by itself.
#[derive(Debug)]
pub(crate) struct AutoRewrite {
    /// By how many per cent it has to have grown; 0 for never.
    pub(crate) percentage: AtomicU64,
    /// How many bytes it has to have.
    pub(crate) min_size: AtomicU64,
}

/// What INFO tells of the log.
#[derive(Debug, Default)]
pub(crate) struct LogFigures {
    /// Bytes of the files that nothing is appended to.
    pub(crate) settled: AtomicU64,
    /// Bytes of all files when they were last written anew, or read.
    pub(crate) base: AtomicU64,
    pub(crate) rewrites: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) last_failed: AtomicBool,
    /// Seconds that the last rewrite took, plus one; 0 for none.
    pub(crate) last_secs: AtomicI64,
    /// When the present one began, in milliseconds; 0 for none.
    pub(crate) since: AtomicU64,
    /// When the last one failed: the next waits for a while.
    failed_at: AtomicU64,
}

/// How long a failed rewrite is not tried again by itself, in milliseconds.
const PATIENCE: u64 = 1000;

impl AppendLog {
    pub(crate) fn new(space: &Keyspace, saves: Arc<SavesState>) -> Self {
        Self {
            log: Arc::new(Log::new(space.clock().clone())),
            files: Mutex::new(None),
            worker: Mutex::new(None),
            rewriting: AtomicBool::new(false),
            scheduled: AtomicBool::new(false),
            saves,
            closed: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            is_open: AtomicBool::new(false),
            auto: AutoRewrite { percentage: AtomicU64::new(100), min_size: AtomicU64::new(64 << 20) },
            figures: LogFigures::default(),
        }
    }

    /// Says where the files are and what there is, before anything is appended.
    pub(crate) fn place(&self, place: Place, manifest: Manifest) {
        *self.files.lock() = Some((place, manifest));
    }

    /// Whether the log is being written anew.
    pub(crate) fn is_rewriting(&self) -> bool {
        self.rewriting.load(Relaxed)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.figures.settled.load(Relaxed) + self.log.bytes()
    }

    /// Notes how large the files are that there are now.
    pub(crate) fn note_size(&self, settled: u64) {
        self.figures.settled.store(settled, Relaxed);
        self.figures.base.store(self.bytes(), Relaxed);
    }

    /// Goes on in the last segment, whose content ends at `len`, or begins a first log if there is none.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn start(&self, space: &Keyspace, len: u64) -> io::Result<()> {
        let files = self.files.lock();
        let last = files.as_ref().and_then(|(place, manifest)| {
            let last = manifest.increments().next_back()?;
            Some((place.store.clone(), place.folder.join(&last.name)))
        });
        match last {
            Some((store, path)) => {
                // Nobody is to begin another segment meanwhile.
                self.log.switch(Segment::open(&store, &path, len)?)?;
                drop(files);
                space.ask_listeners();
                Ok(())
            }
            None => {
                drop(files);
                let claim = self.saves.claim(SnapshotBy::LogRewrite, |_| true);
                self.rewrite(space, &claim.map_err(|_| io::Error::other("there is a snapshot already"))?)
            }
        }
    }

    /// Writes a new base and lets the log go on, or begin, in a new segment. O(keys).
    ///
    /// # Errors
    /// Those of the system: then the files that there were are still the log.
    fn rewrite(&self, space: &Keyspace, claim: &Claim) -> io::Result<()> {
        let mut files = self.files.lock();
        let Some((place, manifest)) = &mut *files else {
            return Err(io::Error::other("this engine has no directory to write a log to"));
        };
        self.saves.own_directory().map_err(io::Error::other)?;
        files::make_folder(&place.folder)?;
        let was_on = self.log.is_on();
        let increment = manifest.next_increment(&place.name);
        let path = place.folder.join(&increment.name);
        let segment = Segment::open(&place.store, &path, 0)?;
        let mut longer = manifest.clone();
        longer.pieces.push(increment);
        // A log that is off begins with its base: before, there is nothing for anybody to read.
        if was_on {
            longer.write(&place.folder, &place.name)?;
            *manifest = longer.clone();
        }
        let base = longer.next_base(&place.name);
        let written = self.write_base(space, &place.folder.join(&base.name), segment, claim);
        let is_written = written.is_ok();
        let shorter = longer.rebased(base);
        let named = written.and_then(|written| shorter.write(&place.folder, &place.name).map(|()| written));
        if named.is_err() && !was_on {
            // Nobody would ever read what went to a segment that is not named.
            self.turn_off(space);
            if !is_written {
                let _ = std::fs::remove_file(&path);
            }
        }
        let (at, bytes) = named?;
        *manifest = shorter;
        self.log.rebased(at);
        self.note_size(bytes);
        forget_history(place, manifest)
    }

    /// Writes all keys to a file and has changes go to `segment` from the moment that the file is of. Returns the position
    /// of that moment and the length of the file.
    fn write_base(
        &self,
        space: &Keyspace,
        path: &Path,
        segment: Segment,
        claim: &Claim,
    ) -> io::Result<(LogPosition, u64)> {
        let mut switched = None;
        let at_once = || {
            let result = self.log.switch(segment);
            space.ask_listeners();
            claim.progress.is_called_off.fetch_or(result.is_err(), Relaxed);
            switched = Some(result);
        };
        let written = files::replace(path, |file| {
            let about = self.saves.about(true);
            let at_once = || (self.saves.functions(), at_once());
            let (out, ..) = snapshot::save(space, &about, BufWriter::new(file), at_once, &claim.progress)?;
            out.into_inner()?;
            Ok(file.metadata()?.len())
        });
        match switched {
            Some(Err(e)) => Err(e),
            Some(Ok(at)) => written.map(|bytes| (at, bytes)),
            None => written.and(Err(io::Error::other("there was no moment"))),
        }
    }

    fn turn_off(&self, space: &Keyspace) {
        if let Err(e) = self.log.close() {
            tracing::warn!("The append-only log could not be closed in good order: {e}");
        }
        space.ask_listeners();
    }

    /// Brings everything to the disk and ends the log; what would be changed afterwards is refused.
    ///
    /// # Errors
    /// What is wrong with the disk.
    pub(crate) fn close(&self) -> Result<()> {
        self.closed.store(true, Release);
        self.saves.call_off(SnapshotBy::LogRewrite);
        if let Some(worker) = self.worker.lock().take() {
            // A panic there has been reported already.
            let _ = worker.join();
        }
        self.log.close().map_err(Error::disk)
    }

    /// Why nothing may be changed, if that is so.
    #[inline]
    pub(crate) fn refusal(&self) -> Option<Error> {
        if self.closed.load(Relaxed) {
            return Some(Error::new("ERR the engine has been closed"));
        }
        self.log.trouble().map(Error::disk)
    }

    /// Has the log written anew on a thread of its own, now or, if somebody else writes a snapshot, as soon as that can be.
    fn start_rewrite(self: &Arc<Self>, space: &Arc<Keyspace>) -> io::Result<Started> {
        if !self.is_open.load(Acquire) {
            // What is there is still being read, or the log is about to go on with it.
            self.scheduled.store(true, Relaxed);
            return Ok(Started::Later);
        }
        if self.closed.load(Relaxed) || self.rewriting.swap(true, AcqRel) {
            return Ok(Started::Already);
        }
        let started = self.claim_and_spawn(space);
        if !matches!(started, Ok(Started::Now)) {
            self.rewriting.store(false, Release);
        }
        self.scheduled.store(matches!(started, Ok(Started::Later)), Relaxed);
        started
    }

    fn claim_and_spawn(self: &Arc<Self>, space: &Arc<Keyspace>) -> io::Result<Started> {
        let Ok(claim) = self.saves.claim(SnapshotBy::LogRewrite, |_| false) else { return Ok(Started::Later) };
        let mut worker = self.worker.lock();
        if let Some(last) = worker.take() {
            // It has said that it is done, which was all that it had left to do.
            let _ = last.join();
        }
        let (this, space) = (self.clone(), space.clone());
        let work = move || {
            sys::give_way();
            this.rewrite_and_note(&space, &claim);
            drop(claim);
            this.rewriting.store(false, Release);
        };
        *worker = Some(std::thread::Builder::new().name("carnelian-rewrite".into()).spawn(work)?);
        Ok(Started::Now)
    }

    fn rewrite_and_note(&self, space: &Keyspace, claim: &Claim) {
        let (figures, began) = (&self.figures, Instant::now());
        figures.since.store(space.clock().millis(), Relaxed);
        tracing::info!("Background append only file rewriting started");
        let result = self.rewrite(space, claim);
        let secs = began.elapsed().as_secs();
        figures.since.store(0, Relaxed);
        figures.last_secs.store(i64::try_from(secs).unwrap_or(i64::MAX - 1) + 1, Relaxed);
        figures.last_failed.store(result.is_err(), Relaxed);
        match result {
            Ok(()) => {
                figures.rewrites.fetch_add(1, Relaxed);
                figures.failures.store(0, Relaxed);
                tracing::info!("Background append only file rewriting finished: {secs} seconds");
            }
            Err(e) => {
                figures.failures.fetch_add(1, Relaxed);
                figures.failed_at.store(space.clock().millis(), Relaxed);
                tracing::warn!("Background append only file rewriting failed: {e}");
            }
        }
    }

    /// Looks whether the log is to be written anew without anybody asking: it has grown, a sync has failed, or it is to
    /// be on and is not.
    pub(crate) fn tick(self: &Arc<Self>, space: &Arc<Keyspace>) {
        let patient = space.clock().millis().saturating_sub(self.figures.failed_at.load(Relaxed)) < PATIENCE;
        if !self.is_open.load(Acquire)
            || self.is_rewriting()
            || patient
            || !(self.scheduled.load(Relaxed) || self.has_grown() || self.log.needs_base() || self.is_missing())
        {
            return;
        }
        if let Err(e) = self.start_rewrite(space) {
            tracing::warn!("Cannot start a thread to rewrite the append-only log: {e}");
        }
    }

    fn is_missing(&self) -> bool {
        self.wanted.load(Relaxed) && !self.log.is_on()
    }

    fn has_grown(&self) -> bool {
        let percentage = self.auto.percentage.load(Relaxed);
        if percentage == 0 || !self.log.is_on() {
            return false;
        }
        let (bytes, base) = (self.bytes(), self.figures.base.load(Relaxed).max(1));
        bytes > self.auto.min_size.load(Relaxed) && bytes.saturating_sub(base).saturating_mul(100) / base >= percentage
    }

    /// Turns the log on or off while the engine runs (`CONFIG SET appendonly`).
    pub(crate) fn turn(self: &Arc<Self>, space: &Arc<Keyspace>, on: bool) -> Result<(), String> {
        if !self.is_open.load(Relaxed) {
            // The directive is read when the files are.
            return Ok(());
        }
        if self.files.lock().is_none() {
            return if on { Err("there is no directory, or its manifest cannot be read".into()) } else { Ok(()) };
        }
        self.wanted.store(on, Relaxed);
        if on && !self.log.is_on() {
            self.start_rewrite(space).map_err(|e| e.to_string())?;
        } else if !on && self.log.is_on() {
            self.turn_off(space);
        }
        Ok(())
    }

    /// Says that the engine is open.
    pub(crate) fn note_open(&self) {
        self.is_open.store(true, Release);
    }

    /// Says that the log is to be on.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Relaxed);
    }
}

/// Deletes what is no longer part of the log, and then says so.
fn forget_history(place: &Place, manifest: &mut Manifest) -> io::Result<()> {
    for piece in manifest.pieces.iter().filter(|piece| piece.kind == Kind::History) {
        match std::fs::remove_file(place.folder.join(&piece.name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => tracing::warn!("{} stays behind: {e}", piece.name),
            _ => {}
        }
    }
    manifest.pieces.retain(|piece| piece.kind != Kind::History);
    manifest.write(&place.folder, &place.name)
}

fn bgrewriteaof(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let core = context.core;
    match core.aof.start_rewrite(&core.keyspace) {
        Ok(Started::Now) => reply.simple("Background append only file rewriting started"),
        Ok(Started::Later) => reply.simple("Background append only file rewriting scheduled"),
        Ok(Started::Already) => {
            return Err(Error::new("ERR Background append only file rewriting already in progress"));
        }
        Err(e) => {
            tracing::warn!("Cannot rewrite the append only file: {e}");
            return Err(Error::new(
                "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.",
            ));
        }
    }
    Ok(())
}

impl Core {
    /// The append-only log.
    pub fn log(&self) -> &Arc<Log> {
        &self.aof.log
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Err(e) = self.aof.close() {
            tracing::warn!("The log could not be ended in good order: {e}");
        }
    }
}
