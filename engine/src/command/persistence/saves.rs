//! The writing of the file: by whom, when nobody has asked for it, and what became of it.
//!
//! Invariants: there is one snapshot of the keyspace at a time, and whoever writes it holds the [`Claim`]. A file takes
//! its place under `committing`, only if nobody has called it off, and never that of one from a later moment: FLUSHALL,
//! which needs no snapshot to write a file without keys, can be sure that this stays.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

use super::points;
use crate::clock::Millis;
use crate::command::REDIS_VERSION;
use crate::command::directory::Directory;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files;
use crate::keyspace::Keyspace;
use crate::operation::snapshot::{self, Functions, Progress, Summary};
use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::sys;

/// Who writes a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotBy {
    /// SAVE and what is like it: somebody waits for its end.
    Save,
    /// BGSAVE, or a save point.
    BackgroundSave,
    /// The log, which begins anew.
    LogRewrite,
}

/// After a failure, nothing is tried again for so many seconds unless somebody asks for it.
const RETRY_SECS: u64 = 5;

/// The kind of error of a file in whose place there is one from a later moment; the system has no cause to give it.
const SUPERSEDED: io::ErrorKind = io::ErrorKind::AlreadyExists;

/// A snapshot that is being written.
struct Running {
    by: SnapshotBy,
    since: Instant,
    progress: Arc<Progress>,
}

/// The right to write a snapshot, as long as it is held.
pub(crate) struct Claim {
    state: Arc<State>,
    /// How far it has come, for INFO; and whether it is still wanted.
    pub(crate) progress: Arc<Progress>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        *self.state.running.lock() = None;
        self.state.released.notify_all();
    }
}

/// Figures for INFO.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// Whether it is being written in the background, and for how many seconds.
    pub(crate) running_secs: Option<u64>,
    /// Keys that the snapshot in the background has written and will have written; also for the log.
    pub(crate) keys: [u64; 2],
    /// Whether the last try in the background failed.
    pub(crate) failed: bool,
    /// Seconds that the last one in the background took, -1 before the first.
    pub(crate) last_secs: i64,
    /// Bytes that were kept for it.
    pub(crate) last_kept: u64,
    /// How often the file was written, or was to be.
    pub(crate) count: u64,
    /// When it was last written, in seconds.
    pub(crate) saved: u64,
    /// Keys that were read from it, and those that had expired.
    pub(crate) loaded: [u64; 2],
}

/// What is known of the file. Dropped, it calls off what is written in the background and waits for the end.
pub(crate) struct Saves {
    state: Arc<State>,
}

/// What is shared with those who write in the background.
pub(crate) struct State {
    keyspace: Arc<Keyspace>,
    config: Arc<Config>,
    directory: Arc<Directory>,
    running: Mutex<Option<Running>>,
    released: Condvar,
    committing: Mutex<()>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// It is to be written in the background as soon as that can be.
    scheduled: AtomicBool,
    /// When it was last written, in milliseconds; the changes that it has; how often it was written.
    saved: AtomicU64,
    changes: AtomicU64,
    count: AtomicU64,
    /// The last tries in the background: whether it failed, when it began, how many seconds it took, what it had kept.
    failed: AtomicBool,
    tried: AtomicU64,
    last_secs: AtomicI64,
    last_kept: AtomicU64,
    loaded: [AtomicU64; 2],
    /// Where the libraries of functions are to be had.
    functions: OnceLock<Box<dyn Fn() -> Functions + Send + Sync>>,
}

impl Saves {
    pub(crate) fn new(keyspace: Arc<Keyspace>, config: Arc<Config>, directory: Arc<Directory>, now: Millis) -> Self {
        let state = State {
            keyspace,
            config,
            directory,
            running: Mutex::new(None),
            released: Condvar::new(),
            committing: Mutex::new(()),
            thread: Mutex::new(None),
            scheduled: AtomicBool::new(false),
            saved: AtomicU64::new(now),
            changes: AtomicU64::new(0),
            count: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            tried: AtomicU64::new(0),
            last_secs: AtomicI64::new(-1),
            last_kept: AtomicU64::new(0),
            loaded: Default::default(),
            functions: OnceLock::new(),
        };
        Self { state: Arc::new(state) }
    }

    /// What the engine's own thread looks at.
    pub(crate) fn share(&self) -> Arc<State> {
        self.state.clone()
    }
}

impl std::ops::Deref for Saves {
    type Target = Arc<State>;

    fn deref(&self) -> &Arc<State> {
        &self.state
    }
}

impl Drop for Saves {
    fn drop(&mut self) {
        self.call_off(SnapshotBy::BackgroundSave);
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

impl State {
    /// Where the file is.
    ///
    /// # Errors
    /// If the engine has no directory.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.directory.path_of("dbfilename")
    }

    /// Takes the directory for this process.
    ///
    /// # Errors
    /// If another process has it.
    pub(crate) fn own_directory(&self) -> Result<()> {
        self.directory.own()
    }

    /// Who writes a snapshot just now.
    pub(crate) fn running(&self) -> Option<SnapshotBy> {
        self.running.lock().as_ref().map(|running| running.by)
    }

    /// Takes the right to write a snapshot; waits for those who have it and are worth waiting for.
    ///
    /// # Errors
    /// Who has it.
    pub(crate) fn claim(
        self: &Arc<Self>,
        by: SnapshotBy,
        waits_for: impl Fn(SnapshotBy) -> bool,
    ) -> Result<Claim, SnapshotBy> {
        let mut running = self.running.lock();
        while let Some(other) = running.as_ref().map(|running| running.by) {
            // Whoever is within a view has what the other needs for its end.
            if !waits_for(other) || self.keyspace.is_entered() {
                return Err(other);
            }
            running = self.released.wait(running, None);
        }
        let progress = Arc::<Progress>::default();
        *running = Some(Running { by, since: Instant::now(), progress: progress.clone() });
        Ok(Claim { state: self.clone(), progress })
    }

    /// Calls off what is being written by somebody of a kind.
    pub(crate) fn call_off(&self, by: SnapshotBy) {
        let _alone = self.committing.lock();
        self.call_off_alone(by);
    }

    fn call_off_alone(&self, by: SnapshotBy) {
        if let Some(running) = self.running.lock().as_ref().filter(|running| running.by == by) {
            running.progress.is_called_off.store(true, Relaxed);
        }
    }

    /// Writes all keys to the file, while the caller waits.
    ///
    /// # Errors
    /// If there is no directory, or it cannot be written: then it is as it was.
    pub(crate) fn save(&self, claim: &Claim) -> Result<Summary> {
        let (path, began) = (self.path()?, Instant::now());
        self.count.fetch_add(1, Relaxed);
        let summary = match self.write(&path, || (), &claim.progress) {
            // All keys have gone since, and what was written after that is what whoever asked would find anyhow.
            Err(e) if e.kind() == SUPERSEDED => return Ok(Summary::default()),
            written => written.map_err(|e| {
                tracing::warn!("Failed saving the DB to {}: {e}", path.display());
                Error::new(format!("ERR cannot save: {e}"))
            })?,
        };
        let seconds = began.elapsed().as_secs_f64();
        tracing::info!("DB saved on disk: {seconds:.3} seconds, {} keys in {}", summary.keys, path.display());
        self.note_saved(summary.changes);
        Ok(summary)
    }

    /// Writes all keys to the file on a thread of its own. Returns when the file's moment has come.
    ///
    /// # Errors
    /// If there is no directory, or no thread.
    pub(crate) fn save_in_background(self: &Arc<Self>, claim: Claim) -> Result<()> {
        let path = self.path()?;
        let mut thread = self.thread.lock();
        if let Some(last) = thread.take() {
            // It has let go of its claim, which was all that it had left to do.
            let _ = last.join();
        }
        self.count.fetch_add(1, Relaxed);
        self.tried.store(self.now_secs(), Relaxed);
        let (begun, moment) = bounded(1);
        let state = self.clone();
        let work = move || {
            sys::give_way();
            state.work(&path, &claim, begun);
        };
        let started = std::thread::Builder::new().name("carnelian-save".into()).spawn(work);
        *thread = Some(started.map_err(|e| {
            self.failed.store(true, Relaxed);
            Error::new(format!("ERR cannot start a thread: {e}"))
        })?);
        drop(thread);
        tracing::info!("Background saving started");
        // It ends without a word if it fails before its moment.
        let _ = moment.recv();
        Ok(())
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever waits for the moment waits no longer than this is there"
    )]
    fn work(&self, path: &Path, claim: &Claim, begun: Sender<()>) {
        let began = Instant::now();
        let at_once = || {
            // Nobody listens if the caller has gone.
            let _ = begun.try_send(());
        };
        match self.write(path, at_once, &claim.progress) {
            Ok(summary) => {
                let seconds = began.elapsed().as_secs_f64();
                let (keys, path) = (summary.keys, path.display());
                tracing::info!(
                    "Background saving terminated with success: {seconds:.3} seconds, {keys} keys in {path}"
                );
                self.note_saved(summary.changes);
            }
            Err(_) if claim.progress.is_called_off.load(Relaxed) => tracing::info!("Background saving was called off"),
            Err(e) => {
                tracing::warn!("Background saving error: {}: {e}", path.display());
                self.failed.store(true, Relaxed);
            }
        }
        self.last_secs.store(began.elapsed().as_secs() as i64, Relaxed);
        self.last_kept.store(self.keyspace.kept_for_snapshot().all() as u64, Relaxed);
    }

    fn write(&self, path: &Path, at_once: impl FnOnce(), progress: &Progress) -> io::Result<Summary> {
        self.directory.own().map_err(io::Error::other)?;
        let about = self.about(false);
        let write = |file: &File| {
            let (out, summary, ()) = snapshot::save(
                &self.keyspace,
                &about,
                BufWriter::new(file),
                || (self.functions(), at_once()),
                progress,
            )?;
            out.into_inner()?;
            Ok(summary)
        };
        files::replace_if(path, "", write, || self.commit(progress))
    }

    /// The right to put the file into its place.
    fn commit(&self, progress: &Progress) -> io::Result<MutexGuard<'_, ()>> {
        let alone = self.committing.lock();
        if progress.is_called_off.load(Relaxed) {
            return Err(snapshot::called_off());
        }
        if self.changes.load(Relaxed) > progress.changes.load(Relaxed) {
            return Err(io::Error::new(SUPERSEDED, "there is a file from a later moment"));
        }
        Ok(alone)
    }

    /// All keys have gone (FLUSHALL), with which `changes` have been made: nobody wants what is being written in the
    /// background. With save points, a file without keys takes the place of the last.
    pub(crate) fn flushed(&self, changes: u64) {
        let _alone = self.committing.lock();
        self.call_off_alone(SnapshotBy::BackgroundSave);
        let Some(path) = self.path().ok().filter(|_| self.has_points()) else { return };
        if self.changes.load(Relaxed) > changes {
            return;
        }
        let (about, functions) = (self.about(false), self.functions());
        let write = |file: &File| -> io::Result<()> {
            snapshot::save_nothing(&self.keyspace, &about, &functions, BufWriter::new(file))?.into_inner()?;
            Ok(())
        };
        let owned = self.directory.own().map_err(io::Error::other);
        match owned.and_then(|()| files::replace_if(&path, "-flushed", write, || Ok(()))) {
            Ok(()) => self.note_saved(changes),
            Err(e) => tracing::warn!("Failed saving the DB to {}: {e}", path.display()),
        }
    }

    /// The libraries of functions that a file is to have.
    pub(crate) fn functions(&self) -> Functions {
        self.functions.get().map(|functions| functions()).unwrap_or_default()
    }

    /// Says where the libraries of functions are to be had. Only the first call counts.
    #[cfg(feature = "lua")]
    pub(crate) fn with_functions(&self, functions: impl Fn() -> Functions + Send + Sync + 'static) {
        let _ = self.functions.set(Box::new(functions));
    }

    /// What a file tells of its writer, and whether it is the base of a log.
    pub(crate) fn about(&self, is_base: bool) -> [(&'static str, String); 5] {
        [
            ("redis-ver", REDIS_VERSION.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", self.now_secs().to_string()),
            ("used-mem", self.keyspace.used_bytes().to_string()),
            ("aof-base", u8::from(is_base).to_string()),
        ]
    }

    fn note_saved(&self, changes: u64) {
        self.saved.store(self.keyspace.clock().millis(), Relaxed);
        self.changes.fetch_max(changes, Relaxed);
        self.failed.store(false, Relaxed);
    }

    /// Notes that the file has been read.
    pub(crate) fn note_loaded(&self, summary: &Summary) {
        self.changes.store(summary.changes, Relaxed);
        for (figure, n) in self.loaded.iter().zip([summary.keys, summary.expired]) {
            figure.store(n, Relaxed);
        }
    }

    /// Has the file written in the background as soon as that can be.
    pub(crate) fn schedule(&self) {
        self.scheduled.store(true, Relaxed);
    }

    /// Begins to write the file if it is time to: called with each tick of the engine's thread.
    pub(crate) fn tick(self: &Arc<Self>) {
        let now = self.now_secs();
        let may_retry = !self.failed.load(Relaxed) || now.saturating_sub(self.tried.load(Relaxed)) > RETRY_SECS;
        if !may_retry || self.running().is_some() || self.path().is_err() {
            return;
        }
        if !self.scheduled.load(Relaxed) {
            let (missing, past) = (self.missing(), now.saturating_sub(self.saved.load(Relaxed) / 1000));
            let due = |&(secs, changes): &(u64, u64)| missing >= changes && past > secs;
            let Some((secs, changes)) = points::read(&self.config.get("save")).into_iter().find(due) else { return };
            tracing::info!("{changes} changes in {secs} seconds. Saving...");
        }
        let Ok(claim) = self.claim(SnapshotBy::BackgroundSave, |_| false) else { return };
        if self.save_in_background(claim).is_ok() {
            self.scheduled.store(false, Relaxed);
        }
    }

    fn now_secs(&self) -> u64 {
        self.keyspace.clock().millis() / 1000
    }

    /// Whether the file is written without anybody asking for it.
    pub(crate) fn has_points(&self) -> bool {
        !self.config.get("save").is_empty() && self.path().is_ok()
    }

    /// Whether nobody may write because the file could not be written.
    #[inline]
    pub(crate) fn refuses_writes(&self) -> bool {
        self.failed.load(Relaxed) && self.is_to_refuse()
    }

    #[cold]
    fn is_to_refuse(&self) -> bool {
        self.config.is("stop-writes-on-bgsave-error") && self.has_points()
    }

    /// How many changes the file does not have.
    pub(crate) fn missing(&self) -> u64 {
        self.keyspace.changes().saturating_sub(self.changes.load(Relaxed))
    }

    /// When the file was last written, in seconds.
    pub(crate) fn saved_secs(&self) -> u64 {
        self.saved.load(Relaxed) / 1000
    }

    /// All figures.
    pub(crate) fn figures(&self) -> Figures {
        let running = self.running.lock();
        let running = running.as_ref().filter(|running| running.by != SnapshotBy::Save);
        let keys = running.map(|running| [&running.progress.keys, &running.progress.total].map(|n| n.load(Relaxed)));
        let saving = running.filter(|running| running.by == SnapshotBy::BackgroundSave);
        Figures {
            running_secs: saving.map(|running| running.since.elapsed().as_secs()),
            keys: keys.unwrap_or_default(),
            failed: self.failed.load(Relaxed),
            last_secs: self.last_secs.load(Relaxed),
            last_kept: self.last_kept.load(Relaxed),
            count: self.count.load(Relaxed),
            saved: self.saved_secs(),
            loaded: [self.loaded[0].load(Relaxed), self.loaded[1].load(Relaxed)],
        }
    }
}
