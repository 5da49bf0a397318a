//! The log while it is written: records are appended under one short lock, and a thread of its own does all waiting for
//! the disk.
//!
//! Invariants: positions count the bytes of all records since the log was opened. Segments are synced in order, so
//! `synced` says that everything before it is on the disk. A record that a full disk has no room for waits in memory,
//! and all after it behind it: the order of changes is never broken, and writers are refused meanwhile.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::store::{self, Store, StoreKind};
use super::{record, thread};
use crate::clock::Clock;
use crate::keyspace::{Effect, Listener, LogPosition, Wants};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sync::{Condvar, Mutex, RwLock};

/// When appended records are brought to the disk (`appendfsync`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fsync {
    /// Before anybody sees what they did.
    Always,
    /// Once a second.
    EverySecond,
    /// When the system pleases.
    No,
}

/// How often those who wait for the disk look whether it is in trouble.
const LOOK: Duration = Duration::from_millis(100);

/// A file that is to be appended to.
pub struct Segment {
    pub(super) store: Box<dyn Store>,
    pub(super) path: PathBuf,
}

impl Segment {
    /// Opens a file whose content ends at `len`, or makes it.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(kind: &StoreKind, path: &Path, len: u64) -> io::Result<Self> {
        let mut store = store::open(kind, path, len)?;
        // Whatever a process that was killed has left to the system is on the disk before we build on it, and so is the
        // word that what follows is ours.
        let mut first = Vec::new();
        store.disk().sync()?;
        record::end(&mut first, 0, Some(len), false);
        store.append(&first)?;
        store.disk().sync()?;
        Ok(Self { store, path: path.to_path_buf() })
    }

    /// Ends it in good order.
    fn say_goodbye(&mut self) -> io::Result<()> {
        self.store.disk().sync()?;
        let mut last = Vec::new();
        record::end(&mut last, 0, Some(self.store.len()), true);
        self.store.append(&last)?;
        self.finish()
    }

    /// Ends it when nothing more is appended.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.store.disk().sync()?;
        self.store.close()?;
        self.store.disk().sync()
    }
}

/// A segment with its place among all that was appended.
pub(super) struct Placed {
    pub(super) segment: Segment,
    /// The position of its first byte.
    pub(super) start: LogPosition,
    /// Up to where it has been stated to be on the disk, as an offset.
    stated: u64,
    /// Syncing it has failed: what it holds on the disk is not known, and a new base has to take its place.
    pub(super) suspect: bool,
}

impl Placed {
    fn end(&self) -> LogPosition {
        self.start + self.segment.store.len()
    }
}

#[derive(Default)]
pub(super) struct State {
    /// What is appended to; `None` while the log is off.
    pub(super) current: Option<Placed>,
    /// Segments that something is still to be done for before those after them count.
    pub(super) earlier: Vec<Placed>,
    /// The database that the segment's reader is in.
    db: Option<u32>,
    /// The record that is put together.
    record: Vec<u8>,
    /// Records that the disk had no room for.
    pub(super) waiting: Vec<u8>,
    /// Changes were appended since the thread last stated how much is on the disk.
    pub(super) unstated: bool,
    /// The thread has been asked for room.
    pub(super) reserving: bool,
    /// The second that was last written down.
    second: u64,
    pub(super) stop: bool,
}

/// Somebody who wants to be told that more has been synced.
type Waker = Box<dyn Fn() + Send + Sync>;

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Wakes the thread.
    pub(super) work: Condvar,
    /// The thread sleeps until the next record.
    pub(super) sleeping: AtomicBool,
    fsync: AtomicU8,
    timestamps: AtomicBool,
    is_on: AtomicBool,
    pub(super) appended: AtomicU64,
    pub(super) synced: AtomicU64,
    /// Up to where somebody has asked for, whatever the policy.
    pub(super) asked: AtomicU64,
    /// What goes wrong, if anything does.
    trouble: Mutex<Option<String>>,
    in_trouble: AtomicBool,
    /// Those who wait for a sync.
    waits: (Mutex<()>, Condvar),
    wakers: RwLock<Vec<Waker>>,
    pub(super) syncs: AtomicU64,
    clock: Clock,
}

/// The log of an engine; off until it is [started](Self::switch).
pub struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("position", &self.position()).finish_non_exhaustive()
    }
}

impl Log {
    /// A log that is off.
    pub fn new(clock: Clock) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            sleeping: AtomicBool::new(false),
            fsync: AtomicU8::new(Fsync::EverySecond as u8),
            timestamps: AtomicBool::new(false),
            is_on: AtomicBool::new(false),
            appended: AtomicU64::new(0),
            synced: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            trouble: Mutex::default(),
            in_trouble: AtomicBool::new(false),
            waits: (Mutex::default(), Condvar::new()),
            wakers: RwLock::default(),
            syncs: AtomicU64::new(0),
            clock,
        };
        Self { shared: Arc::new(shared), thread: Mutex::default() }
    }

    /// Appends to another segment from now on, or to a first one. Whoever calls holds all stripes, and has the listeners
    /// asked again if the log was off. Returns the position at which it begins.
    ///
    /// # Errors
    /// If records wait for room on the disk, or the system has no thread to give.
    pub fn switch(&self, segment: Segment) -> io::Result<LogPosition> {
        self.start_thread()?;
        let mut state = self.shared.state.lock();
        if !state.waiting.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let before = state.current.take();
        state.earlier.extend(before);
        let len = segment.store.len();
        let position = self.shared.appended.load(Relaxed).max(len);
        self.shared.appended.store(position, Relaxed);
        if state.earlier.is_empty() {
            // All that is there was synced when it was opened.
            self.shared.synced.store(position, Release);
        }
        state.current = Some(Placed { segment, start: position - len, stated: len, suspect: false });
        state.db = None;
        self.shared.is_on.store(true, Release);
        drop(state);
        self.shared.nudge();
        Ok(position)
    }

    fn start_thread(&self) -> io::Result<()> {
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let shared = self.shared.clone();
            self.shared.state.lock().stop = false;
            *thread =
                Some(std::thread::Builder::new().name("carnelian-log".into()).spawn(move || thread::run(&shared))?);
        }
        Ok(())
    }

    /// Whether changes are logged.
    pub fn is_on(&self) -> bool {
        self.shared.is_on.load(Relaxed)
    }

    /// Up to where records have been appended.
    pub fn position(&self) -> LogPosition {
        self.shared.appended.load(Acquire)
    }

    /// Up to where it has to be on the disk for whoever is to see whatever may be seen now: 0 if nobody waits for that.
    #[inline]
    pub fn visible(&self) -> LogPosition {
        if self.shared.fsync.load(Relaxed) == Fsync::Always as u8 && self.is_on() { self.position() } else { 0 }
    }

    /// Up to where they are on the disk.
    pub fn synced(&self) -> LogPosition {
        self.shared.synced.load(Acquire)
    }

    /// Whether everything before a position is on the disk, or nobody takes care of that any more.
    #[inline]
    pub fn covers(&self, position: LogPosition) -> bool {
        position <= self.synced() || !self.is_on()
    }

    /// How often the disk was waited for.
    pub fn syncs(&self) -> u64 {
        self.shared.syncs.load(Relaxed)
    }

    /// When records are brought to the disk.
    pub fn fsync(&self) -> Fsync {
        self.shared.fsync()
    }

    /// Says when records are brought to the disk. The listeners are to be asked again.
    pub fn set_fsync(&self, fsync: Fsync) {
        self.shared.fsync.store(fsync as u8, Relaxed);
        self.shared.nudge();
    }

    /// Says whether the time is written down (`aof-timestamp-enabled`).
    pub fn set_timestamps(&self, on: bool) {
        self.shared.timestamps.store(on, Relaxed);
    }

    /// Has something called whenever more has been synced.
    pub fn on_sync(&self, waker: impl Fn() + Send + Sync + 'static) {
        self.shared.wakers.write().push(Box::new(waker));
    }

    /// What goes wrong, for whoever would write: `None` mostly, and then at the cost of one look.
    #[inline]
    pub fn trouble(&self) -> Option<String> {
        if self.shared.in_trouble.load(Relaxed) { self.shared.trouble.lock().clone() } else { None }
    }

    /// Whether only a new base makes the log whole again: a sync has failed.
    pub fn needs_base(&self) -> bool {
        self.shared.in_trouble.load(Relaxed) && {
            let state = self.shared.state.lock();
            state.earlier.iter().chain(&state.current).any(|placed| placed.suspect)
        }
    }

    /// A new base holds everything up to a position and is on the disk, and the manifest says so: earlier segments are
    /// no longer needed.
    pub fn rebased(&self, at: LogPosition) {
        let mut state = self.shared.state.lock();
        state.earlier.retain(|placed| placed.start >= at || placed.end() > at);
        let whole = state.earlier.is_empty();
        drop(state);
        if whole {
            self.shared.advance(at);
        }
        self.shared.nudge();
    }

    /// Bytes of the segments that are open.
    pub fn bytes(&self) -> u64 {
        let state = self.shared.state.lock();
        state.earlier.iter().chain(&state.current).map(|placed| placed.segment.store.len()).sum()
    }

    /// Bytes that wait for room on the disk.
    pub fn waiting(&self) -> usize {
        self.shared.state.lock().waiting.len()
    }

    /// Returns when everything before a position is on the disk.
    ///
    /// # Errors
    /// What is wrong with the disk.
    pub fn sync_to(&self, position: LogPosition) -> Result<(), String> {
        if self.synced() >= position {
            return Ok(());
        }
        self.shared.asked.fetch_max(position, Relaxed);
        self.shared.nudge();
        self.wait(position)
    }

    /// Waits until everything before a position is on the disk, as the policy brings it there.
    ///
    /// # Errors
    /// What is wrong with the disk.
    pub fn wait(&self, position: LogPosition) -> Result<(), String> {
        let mut guard = self.shared.waits.0.lock();
        while self.synced() < position {
            if let Some(trouble) = self.trouble() {
                return Err(trouble);
            }
            if !self.is_on() {
                return Ok(());
            }
            guard = self.shared.waits.1.wait(guard, Some(Instant::now() + LOOK));
        }
        Ok(())
    }

    /// Brings everything to the disk, cuts the file to its length and ends the log.
    ///
    /// # Errors
    /// What is wrong with the disk; the log is off all the same.
    pub fn close(&self) -> Result<(), String> {
        let thread = self.thread.lock().take();
        let Some(thread) = thread else { return Ok(()) };
        self.shared.state.lock().stop = true;
        self.shared.work.notify_all();
        // A panic there has been reported already.
        let _ = thread.join();
        self.shared.is_on.store(false, Release);
        let result = self.shared.end();
        self.shared.tell();
        result
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            tracing::warn!("The append-only log could not be closed in good order: {e}");
        }
    }
}

impl Listener for Log {
    fn wants(&self) -> Wants {
        match (self.is_on(), self.fsync()) {
            (false, _) => Wants::empty(),
            (true, Fsync::Always) => Wants::EFFECTS | Wants::POSITIONS,
            (true, _) => Wants::EFFECTS,
        }
    }

    fn hurry(&self) -> Option<LogPosition> {
        if !self.is_on() || self.trouble().is_some() {
            return None;
        }
        let position = self.position();
        self.shared.asked.fetch_max(position, Relaxed);
        self.shared.nudge();
        Some(position)
    }

    fn effects(&self, effects: &[Effect]) -> LogPosition {
        if effects.is_empty() || !self.is_on() {
            return 0;
        }
        let position = self.shared.append(effects);
        // Nobody waits for it otherwise.
        if self.fsync() == Fsync::Always { position } else { 0 }
    }
}

impl Fsync {
    /// What a word of `appendfsync` means.
    pub fn of(word: &str) -> Self {
        match word {
            "always" => Self::Always,
            "no" => Self::No,
            _ => Self::EverySecond,
        }
    }
}

impl Shared {
    pub(super) fn fsync(&self) -> Fsync {
        match self.fsync.load(Relaxed) {
            0 => Fsync::Always,
            1 => Fsync::EverySecond,
            _ => Fsync::No,
        }
    }

    fn append(&self, effects: &[Effect]) -> LogPosition {
        let second = if self.timestamps.load(Relaxed) { self.clock.millis() / 1000 } else { 0 };
        let mut state = self.state.lock();
        let State { db, record, second: last, .. } = &mut *state;
        record.clear();
        if second > *last {
            *last = second;
            record::time(record, second);
        }
        record::requests(record, effects, db);
        let position = state.append(self);
        state.unstated = true;
        let low = !state.reserving && state.current.as_ref().is_some_and(|placed| placed.segment.store.is_low());
        state.reserving |= low;
        drop(state);
        // The thread looks at what there is to do, and goes to sleep, under the lock.
        if low || self.sleeping.load(Relaxed) && self.sleeping.swap(false, Relaxed) {
            self.work.notify_all();
        }
        position
    }

    /// Makes the thread look around.
    fn nudge(&self) {
        drop(self.state.lock());
        self.work.notify_all();
    }

    /// More is on the disk.
    pub(super) fn advance(&self, to: LogPosition) {
        self.synced.fetch_max(to, Release);
        self.tell();
    }

    fn tell(&self) {
        drop(self.waits.0.lock());
        self.waits.1.notify_all();
        self.wakers.read().iter().for_each(|wake| wake());
    }

    pub(super) fn fail(&self, what: String) {
        let mut trouble = self.trouble.lock();
        if trouble.as_ref() != Some(&what) {
            tracing::warn!("The append-only log is in trouble: {what}. Writes are refused until it is over.");
        }
        *trouble = Some(what);
        self.in_trouble.store(true, Relaxed);
        drop(trouble);
        self.tell();
    }

    pub(super) fn recover(&self) {
        if self.in_trouble.load(Relaxed) {
            *self.trouble.lock() = None;
            self.in_trouble.store(false, Relaxed);
            tracing::info!("The append-only log works again.");
        }
    }

    /// The last words of the log: everything on the disk, the file as long as its content.
    fn end(&self) -> Result<(), String> {
        let mut state = self.state.lock();
        state.retry().map_err(|e| e.to_string())?;
        let (earlier, current) = (std::mem::take(&mut state.earlier), state.current.take());
        drop(state);
        for mut placed in earlier {
            placed.segment.finish().map_err(|e| e.to_string())?;
        }
        let Some(mut placed) = current else { return Ok(()) };
        placed.segment.say_goodbye().map_err(|e| format!("{}: {e}", placed.segment.path.display()))?;
        self.synced.fetch_max(self.appended.load(Relaxed), Release);
        Ok(())
    }
}

impl State {
    /// Ends the record and appends it to the segment, or to what waits for room. Returns the position behind it.
    pub(super) fn append(&mut self, shared: &Shared) -> LogPosition {
        let position = shared.appended.load(Relaxed);
        let Some(placed) = &mut self.current else { return position };
        let synced = shared.synced.load(Relaxed).saturating_sub(placed.start);
        let news = (synced > placed.stated).then_some(synced);
        placed.stated = placed.stated.max(synced);
        record::end(&mut self.record, 0, news, false);
        let position = position + self.record.len() as u64;
        self.store_record(shared);
        shared.appended.store(position, Release);
        position
    }

    /// Appends a record without requests, which states what has been synced.
    pub(super) fn state_synced(&mut self, shared: &Shared) {
        self.record.clear();
        self.append(shared);
        self.unstated = false;
    }

    /// Appends the record to the segment, or to what waits for room.
    fn store_record(&mut self, shared: &Shared) {
        let Some(placed) = &mut self.current else { return };
        if self.waiting.is_empty() {
            match placed.segment.store.append(&self.record) {
                Ok(()) => return,
                Err(e) => shared.fail(e.to_string()),
            }
        }
        self.waiting.extend_from_slice(&self.record);
    }

    /// Tries again to append what waits.
    pub(super) fn retry(&mut self) -> io::Result<()> {
        if let Some(placed) = &mut self.current
            && !self.waiting.is_empty()
        {
            placed.segment.store.append(&self.waiting)?;
            self.waiting = Vec::new();
        }
        Ok(())
    }
}
