//! The thread of the log: it brings records to the disk, reserves space ahead of them and tries again what has failed.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::log::{Fsync, Placed, Shared, State};
use super::store::{Disk, Reserve};
use crate::keyspace::LogPosition;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering::Relaxed;

/// How long it waits before it tries again what has failed.
const RETRY: Duration = Duration::from_millis(100);
/// From one sync to the next, once a second.
const SECOND: Duration = Duration::from_secs(1);

/// What is to be done, without the lock.
enum Work {
    Stop,
    /// Bring to the disk the earlier segments and the current one; then all is synced up to the position.
    Sync(Vec<Arc<dyn Disk>>, LogPosition),
    /// Reserve space for the segment that begins there.
    Reserve(LogPosition, Reserve),
}

/// When it did what, last.
struct Times {
    synced: Instant,
    /// When to ask for room again after it was refused.
    reserve: Instant,
}

/// Works until the log is closed.
pub(super) fn run(shared: &Shared) {
    let now = Instant::now();
    let mut times = Times { synced: now, reserve: now };
    loop {
        match next(shared, &times) {
            Work::Stop => return,
            Work::Sync(disks, position) => {
                times.synced = Instant::now();
                sync(shared, &disks, position);
            }
            Work::Reserve(start, reserve) => {
                if let Err(e) = give_room(shared, start, reserve) {
                    // Whoever needs it will see for himself.
                    tracing::debug!("no space could be reserved for the append-only log: {e}");
                    times.reserve = Instant::now() + RETRY;
                }
            }
        }
    }
}

/// Waits until there is something to do.
fn next(shared: &Shared, times: &Times) -> Work {
    let mut state = shared.state.lock();
    loop {
        if state.stop {
            return Work::Stop;
        }
        let failed = state.retry().map_err(|e| shared.fail(e.to_string())).is_err();
        let suspect = state.earlier.iter().chain(&state.current).any(|placed| placed.suspect);
        if !failed && !suspect {
            shared.recover();
        }
        let now = Instant::now();
        if let Some(work) = room_to_reserve(&mut state, now >= times.reserve) {
            return work;
        }
        let due = if suspect { None } else { due(shared, &mut state, times.synced, now) };
        if due.is_some_and(|due| due <= now) {
            let placed = state.earlier.iter().chain(&state.current);
            let disks = placed.map(|placed| placed.segment.store.disk()).collect();
            return Work::Sync(disks, shared.appended.load(Relaxed) - state.waiting.len() as u64);
        }
        let again = (failed || state.reserving).then_some(now + RETRY);
        let until = [due, again].into_iter().flatten().min();
        state = sleep(shared, state, until);
    }
}

fn room_to_reserve(state: &mut State, now: bool) -> Option<Work> {
    if !state.reserving || !now {
        return None;
    }
    let placed = state.current.as_ref();
    let wanted = placed.and_then(|placed| Some(Work::Reserve(placed.start, placed.segment.store.wants_room()?)));
    state.reserving = wanted.is_some();
    wanted
}

/// When the next sync is due, if there is something to be synced.
fn due(shared: &Shared, state: &mut State, last: Instant, now: Instant) -> Option<Instant> {
    let (appended, synced) = (shared.appended.load(Relaxed) - state.waiting.len() as u64, shared.synced.load(Relaxed));
    let fsync = shared.fsync();
    if synced >= appended && state.unstated && state.waiting.is_empty() && fsync != Fsync::No {
        // Nothing more has come: what is there is stated to be on the disk, so that damage to it is told from loss.
        if now < last + SECOND {
            return Some(last + SECOND);
        }
        state.state_synced(shared);
        return Some(now);
    }
    match fsync {
        _ if !state.earlier.is_empty() => Some(now),
        _ if synced >= appended => None,
        _ if shared.asked.load(Relaxed) > synced => Some(now),
        Fsync::Always => Some(now),
        Fsync::EverySecond => Some(last + SECOND),
        Fsync::No => None,
    }
}

fn sleep<'s>(shared: &'s Shared, state: MutexGuard<'s, State>, until: Option<Instant>) -> MutexGuard<'s, State> {
    // Whoever appends wakes it if it would not look by itself in time.
    let lazy = until.is_some() && shared.fsync() == Fsync::EverySecond;
    shared.sleeping.store(!lazy && shared.fsync() != Fsync::No, Relaxed);
    let state = shared.work.wait(state, until);
    shared.sleeping.store(false, Relaxed);
    state
}

/// Brings segments to the disk, in order; the earlier ones are then cut to their lengths and done with.
fn sync(shared: &Shared, disks: &[Arc<dyn Disk>], position: LogPosition) {
    for (i, disk) in disks.iter().enumerate() {
        shared.syncs.fetch_add(1, Relaxed);
        if let Err(e) = disk.sync() {
            let mut state = shared.state.lock();
            let State { earlier, current, .. } = &mut *state;
            if let Some(placed) = earlier.iter_mut().chain(current).nth(i) {
                placed.suspect = true;
            }
            drop(state);
            return shared.fail(format!("fsync: {e}"));
        }
    }
    let done: Vec<Placed> = {
        let mut state = shared.state.lock();
        let n = disks.len().saturating_sub(1).min(state.earlier.len());
        state.earlier.drain(..n).collect()
    };
    for mut placed in done {
        if let Err(e) = placed.segment.finish() {
            tracing::warn!("{} could not be cut to its length: {e}", placed.segment.path.display());
        }
    }
    shared.advance(position);
}

fn give_room(shared: &Shared, start: LogPosition, reserve: Reserve) -> io::Result<()> {
    let room = reserve()?;
    let mut state = shared.state.lock();
    state.reserving = false;
    if let Some(placed) = state.current.as_mut().filter(|placed| placed.start == start) {
        placed.segment.store.give_room(room);
    }
    Ok(())
}
