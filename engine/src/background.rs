//! The engine's own thread: what has to be done now and then without anybody asking, and alarms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::keyspace::Keyspace;
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::Relaxed;

/// A thread that looks after a keyspace, `hz` times a second. It ends, and is waited for, when this is dropped: whoever
/// shares the engine holds this and not the keyspace, so that the last of them ends both.
///
/// It ticks in real time whatever the engine's clock: a manual clock that was turned forward is noticed with the next
/// tick.
pub(crate) struct Background {
    signals: Sender<Signal>,
    alarms: Arc<Mutex<Alarms>>,
    thread: Option<JoinHandle<()>>,
}

enum Signal {
    /// An alarm is set that comes before all others.
    Sooner,
    Stop,
}

/// What is done when an alarm goes off.
type Ring = Box<dyn Fn() + Send>;

#[derive(Default)]
struct Alarms {
    by_time: BTreeMap<(Instant, u64), Ring>,
    last: u64,
}

/// An alarm that is set. Dropped, it is so no more.
pub(crate) struct Alarm {
    alarms: Arc<Mutex<Alarms>>,
    at: (Instant, u64),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // What it would have done is dropped without the lock: that may be anybody's code.
        let ring = self.alarms.lock().by_time.remove(&self.at);
        drop(ring);
    }
}

impl Background {
    /// Starts the thread. `every_tick` is called as often as it looks after the keyspace.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(keyspace: Arc<Keyspace>, every_tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (signals, received) = mpsc::channel();
        let alarms = Arc::<Mutex<Alarms>>::default();
        let mine = alarms.clone();
        let work = move || {
            let mut start = Instant::now();
            loop {
                let tick = tick(&keyspace);
                if !sleep(&received, &mine, start + tick) {
                    return;
                }
                start = Instant::now();
                expire(&keyspace, tick);
                every_tick();
            }
        };
        let thread = std::thread::Builder::new().name("carnelian-tick".into()).spawn(work)?;
        Ok(Self { signals, alarms, thread: Some(thread) })
    }

    /// Has something done at a time, on the engine's thread: it has to be quick.
    pub(crate) fn alarm(&self, at: Instant, ring: impl Fn() + Send + 'static) -> Alarm {
        let mut alarms = self.alarms.lock();
        alarms.last += 1;
        let at = (at, alarms.last);
        let is_first = alarms.by_time.first_key_value().is_none_or(|(first, _)| at < *first);
        alarms.by_time.insert(at, Box::new(ring));
        drop(alarms);
        if is_first {
            // It fails only if the thread has ended, which it does with the engine.
            let _ = self.signals.send(Signal::Sooner);
        }
        Alarm { alarms: self.alarms.clone(), at }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::Stop);
        // An alarm may have dropped the last that held the engine: then it is this thread that ends.
        if let Some(thread) = self.thread.take().filter(|t| t.thread().id() != std::thread::current().id()) {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

/// Sleeps until a time; alarms go off meanwhile. False if the thread has to end.
fn sleep(signals: &Receiver<Signal>, alarms: &Mutex<Alarms>, until: Instant) -> bool {
    loop {
        let next = ring(alarms).map_or(until, |next| next.min(until));
        match signals.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Signal::Sooner) => {}
            Err(RecvTimeoutError::Timeout) if Instant::now() >= until => return true,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Has all alarms go off that are due, and says when the next one is.
fn ring(alarms: &Mutex<Alarms>) -> Option<Instant> {
    loop {
        let mut alarms = alarms.lock();
        let first = alarms.by_time.first_entry()?;
        let at = first.key().0;
        if at > Instant::now() {
            return Some(at);
        }
        let ring = first.remove();
        drop(alarms);
        ring();
    }
}

/// The time from one round of work to the next.
fn tick(keyspace: &Keyspace) -> Duration {
    Duration::from_secs(1) / keyspace.settings().hz.load(Relaxed).clamp(1, 500)
}

fn expire(keyspace: &Keyspace, tick: Duration) {
    let settings = keyspace.settings();
    if settings.active_expire.load(Relaxed) {
        let effort = settings.active_expire_effort.load(Relaxed).clamp(1, 10);
        // A quarter of the time at most, and two hundredths more for each degree of effort.
        keyspace.expire_due(tick * (25 + 2 * (effort - 1)) / 100);
    }
}
