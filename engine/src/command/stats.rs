//! What is counted of each command.

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of the latency histogram: powers of two of microseconds.
pub const BUCKETS: usize = 32;

/// Counters of one command, for `INFO commandstats` and `LATENCY HISTOGRAM`.
#[derive(Debug, Default)]
pub struct CommandStats {
    /// Times it ran.
    pub calls: AtomicU64,
    /// Microseconds that took.
    pub micros: AtomicU64,
    /// Times it was refused before it ran.
    pub rejected: AtomicU64,
    /// Times it ran and failed.
    pub failed: AtomicU64,
    /// Calls by duration: bucket `n` counts those of up to `2^n` microseconds.
    pub latency: [AtomicU64; BUCKETS],
}

impl CommandStats {
    /// Starts anew.
    pub fn reset(&self) {
        for counter in [&self.calls, &self.micros, &self.rejected, &self.failed].into_iter().chain(&self.latency) {
            counter.store(0, Relaxed);
        }
    }
}

/// Calls of one command in a row by one session, added to the shared counters when another command comes.
///
/// A pipeline of one command thus touches the shared counters once.
#[derive(Debug, Default)]
pub struct Streak {
    calls: u64,
    nanos: u64,
    latency: [u32; BUCKETS],
}

impl Streak {
    /// Counts a call.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.calls += 1;
        self.nanos += nanos;
        let bucket = (nanos / 1000).saturating_sub(1).checked_ilog2().map_or(0, |b| b as usize + 1);
        self.latency[bucket.min(BUCKETS - 1)] += 1;
    }

    /// Hands the counts over.
    pub fn flush(&mut self, stats: &CommandStats) {
        if self.calls == 0 {
            return;
        }
        stats.calls.fetch_add(self.calls, Relaxed);
        stats.micros.fetch_add(self.nanos / 1000, Relaxed);
        for (mine, shared) in self.latency.iter_mut().zip(&stats.latency).filter(|(n, _)| **n > 0) {
            shared.fetch_add(u64::from(std::mem::take(mine)), Relaxed);
        }
        (self.calls, self.nanos) = (0, self.nanos % 1000);
    }
}
