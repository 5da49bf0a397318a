//! What is known while keys are read from the disk.

use super::Core;
use crate::clock::Millis;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How far the reading of an engine's files has come.
#[derive(Debug, Default)]
pub(crate) struct Loading {
    is_on: AtomicBool,
    /// When it began, in milliseconds.
    pub(crate) since: AtomicU64,
    /// Bytes of all files.
    pub(crate) total: AtomicU64,
    /// Bytes that have been read.
    pub(crate) done: AtomicU64,
}

impl Core {
    /// Says that keys are about to be loaded: whoever comes in meanwhile is told so.
    pub fn begin_loading(&self) {
        self.loading.begin(self.keyspace.clock().millis());
    }
}

impl Loading {
    /// Whether keys are being read.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Reading begins.
    pub(crate) fn begin(&self, now: Millis) {
        self.since.store(now, Relaxed);
        self.total.store(0, Relaxed);
        self.done.store(0, Relaxed);
        self.is_on.store(true, Relaxed);
    }

    /// Reading has ended.
    pub(crate) fn end(&self) {
        self.is_on.store(false, Relaxed);
    }
}
