//! Freeing what is big on a thread of its own, so that no command waits for it.

use std::any::Any;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, unbounded};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::value::Value;

/// Values from this size on are worth a hand-over.
const BIG: usize = 256 * 1024;

type Garbage = Box<dyn Any + Send>;

/// The thread, started when there is something to free for the first time.
#[derive(Default)]
pub(super) struct Reclaimer {
    sender: OnceLock<Sender<Garbage>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    freed: AtomicU64,
    pending: AtomicU64,
}

impl Reclaimer {
    /// Drops a value, here if it is small.
    pub(super) fn value(&self, value: Value) {
        if value.bytes() >= BIG {
            self.send(Box::new(value));
        }
    }

    /// Drops anything on the thread.
    pub(super) fn send(&self, garbage: Garbage) {
        let sender = self.sender.get_or_init(|| self.start());
        self.counts.pending.fetch_add(1, Relaxed);
        // If the thread is gone the garbage is dropped here, which is slower and nothing else.
        let _ = sender.send(garbage);
    }

    /// How many things have been freed here, and how many wait for it.
    pub(super) fn freed_and_pending(&self) -> (u64, u64) {
        (self.counts.freed.load(Relaxed), self.counts.pending.load(Relaxed))
    }

    /// Counts what is freed anew.
    pub(super) fn reset(&self) {
        self.counts.freed.store(0, Relaxed);
    }

    fn start(&self) -> Sender<Garbage> {
        let (sender, receiver) = unbounded::<Garbage>();
        let counts = self.counts.clone();
        let work = move || {
            for garbage in receiver {
                drop(garbage);
                counts.pending.fetch_sub(1, Relaxed);
                counts.freed.fetch_add(1, Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name("carnelian-free".into()).spawn(work);
        *self.thread.lock() = thread.ok();
        sender
    }
}

impl Drop for Reclaimer {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}
