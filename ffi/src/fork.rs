//! Processes that are copies of another: `fork` copies memory and one thread, and neither the other threads nor what they
//! were about to do.
//!
//! Each copy is a new *epoch*, noted before its code runs. Handles belong to the epoch that they were made in, and
//! everything else is looked at only afterwards, so that no lock is asked for whose owner is gone. What is needed to open
//! an engine in a copy is behind a [`gate`](alone) that is closed while the process is copied.
#![allow(unsafe_code)]

use std::sync::Once;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};

static EPOCH: AtomicU32 = AtomicU32::new(0);
static GATE: AtomicBool = AtomicBool::new(false);

/// How many copies of processes have led to this one.
#[inline]
pub(crate) fn epoch() -> u32 {
    EPOCH.load(Relaxed)
}

/// Has copies noticed from now on.
pub(crate) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handlers only write to atomics, which may be done at any moment, and they stay as long as this
        // library is loaded. The system forgets them if it is unloaded.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

/// Runs something short that no copy of the process may find half done. It cannot be nested.
pub(crate) fn alone<R>(work: impl FnOnce() -> R) -> R {
    close_gate();
    let result = work();
    GATE.store(false, Release);
    result
}

fn close_gate() {
    while GATE.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
}

unsafe extern "C" fn before() {
    close_gate();
}

unsafe extern "C" fn in_parent() {
    GATE.store(false, Release);
}

unsafe extern "C" fn in_child() {
    EPOCH.fetch_add(1, Relaxed);
    GATE.store(false, Release);
}
