//! The engine's own thread: what has to be done now and then without anybody asking.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::keyspace::Keyspace;
use crate::sync::atomic::Ordering::Relaxed;

/// A thread that looks after a keyspace, `hz` times a second. It ends, and is waited for, when this is dropped: whoever
/// shares the engine holds this and not the keyspace, so that the last of them ends both.
///
/// It ticks in real time whatever the engine's clock: a manual clock that was turned forward is noticed with the next
/// tick.
pub(crate) struct Background {
    /// Dropped to say that it is over.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts the thread. `every_tick` is called as often as it looks after the keyspace.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(keyspace: Arc<Keyspace>, every_tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            let mut start = Instant::now();
            loop {
                let tick = tick(&keyspace);
                let left = tick.saturating_sub(start.elapsed());
                if stopped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                start = Instant::now();
                expire(&keyspace, tick);
                every_tick();
            }
        };
        let thread = std::thread::Builder::new().name("carnelian-tick".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
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
