//! How the owner of a session is woken: asleep in a call, through a descriptor, or by a callback.
//!
//! Whoever has something for a session rings its bell. While a call of the owner [attends](Bell::attend) to the session it
//! will look by itself before it leaves, so that nobody is told needlessly; a call that sleeps is woken; otherwise the
//! descriptor becomes readable and the callback is called. A bell that has rung does not ring again until somebody looks.
//!
//! Invariant: whatever was there before a ring is found by the next [look](Bell::take_ring), or the owner is told.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::error;

/// There may be something that nobody has looked at.
const RUNG: u8 = 1;
/// A call of the owner looks around before it leaves.
const ATTENDED: u8 = 2;
/// That call sleeps.
const ASLEEP: u8 = 4;

/// A callback of the program's, with what it wants to be given.
pub(crate) type Callback = Box<dyn Fn() + Send>;

/// A session's bell.
#[derive(Default)]
pub(crate) struct Bell {
    state: AtomicU8,
    sleep: (Mutex<()>, Condvar),
    pipe: OnceLock<(PipeReader, PipeWriter)>,
    /// There is a byte in the pipe. Both change under the lock.
    readable: AtomicBool,
    writing: Mutex<()>,
    /// Held while it runs: when it has been taken away, it is not running any more.
    callback: Mutex<Option<Callback>>,
    has_callback: AtomicBool,
    /// Which of the times that it was to ring at is still wanted; see `timer.rs`.
    pub(crate) alarm: AtomicU64,
}

impl Bell {
    /// Says that there may be something to look at. From any thread.
    pub(crate) fn ring(&self) {
        let before = self.state.fetch_or(RUNG, AcqRel);
        if before & RUNG != 0 {
            return;
        }
        if before & ASLEEP != 0 {
            // The sleeper has said so under the lock, and lets it go only when it sleeps.
            drop(self.sleep.0.lock());
            self.sleep.1.notify_all();
        } else if before & ATTENDED == 0 {
            self.tell();
        }
    }

    /// Begins a call that looks around before it leaves.
    #[inline]
    pub(crate) fn attend(&self) {
        self.state.fetch_or(ATTENDED, AcqRel);
    }

    /// Ends it. What has come since it last looked is told.
    #[inline]
    pub(crate) fn leave(&self) {
        if self.state.fetch_and(!ATTENDED, AcqRel) & RUNG != 0 {
            self.tell();
        }
    }

    /// Whether it has rung. Whoever asks looks at everything next.
    #[inline]
    pub(crate) fn take_ring(&self) -> bool {
        self.state.load(Relaxed) & RUNG != 0 && self.state.fetch_and(!RUNG, AcqRel) & RUNG != 0
    }

    /// Sleeps until it rings, or until then. For a call that attends.
    pub(crate) fn sleep(&self, until: Option<Instant>) {
        let mut guard = self.sleep.0.lock();
        let mut state = self.state.fetch_or(ASLEEP, AcqRel);
        while state & RUNG == 0 {
            match until {
                Some(until) => {
                    if self.sleep.1.wait_until(&mut guard, until).timed_out() {
                        break;
                    }
                }
                None => self.sleep.1.wait(&mut guard),
            }
            state = self.state.load(Acquire);
        }
        self.state.fetch_and(!ASLEEP, AcqRel);
    }

    /// Whether anybody would hear it who is not in a call.
    pub(crate) fn is_heard(&self) -> bool {
        self.pipe.get().is_some() || self.has_callback.load(Relaxed)
    }

    /// Makes the descriptor readable and calls the callback.
    #[cold]
    pub(crate) fn tell(&self) {
        self.make_readable();
        if self.has_callback.load(Acquire)
            && let Some(callback) = &*self.callback.lock()
        {
            error::in_callback(callback);
        }
    }

    /// Makes the descriptor readable, if there is one.
    pub(crate) fn make_readable(&self) {
        if let Some((_, writer)) = self.pipe.get() {
            // Together, or somebody might take the byte out in between, and the mark stay without one for ever.
            let _writing = self.writing.lock();
            // Said first: whoever is woken by the byte takes it out, and must see that it is there.
            if !self.readable.swap(true, AcqRel) {
                let _ = (&*writer).write(&[1]);
            }
        }
    }

    /// Makes the descriptor unreadable: everything has been taken.
    #[inline]
    pub(crate) fn make_unreadable(&self) {
        // If somebody is about to set it, it is readable once too often.
        if self.readable.load(Relaxed) {
            self.drain();
        }
    }

    #[cold]
    fn drain(&self) {
        if let Some((reader, _)) = self.pipe.get() {
            let _writing = self.writing.lock();
            if self.readable.swap(false, AcqRel) {
                let _ = (&*reader).read(&mut [0; 8]);
            }
        }
    }

    /// The descriptor.
    pub(crate) fn descriptor(&self) -> io::Result<RawFd> {
        let pipe = match self.pipe.get() {
            Some(pipe) => pipe,
            None => {
                let (reader, writer) = io::pipe()?;
                rustix::io::ioctl_fionbio(reader.as_fd(), true)?;
                rustix::io::ioctl_fionbio(writer.as_fd(), true)?;
                // Only the session's owner comes here.
                self.pipe.get_or_init(|| (reader, writer))
            }
        };
        Ok(pipe.0.as_raw_fd())
    }

    /// Has something else, or nothing, called. Returns when the callback that there was is not running.
    pub(crate) fn set_callback(&self, callback: Option<Callback>) {
        let mut current = self.callback.lock();
        self.has_callback.store(callback.is_some(), Release);
        *current = callback;
    }
}
