//! What is counted: of each command, of errors, and of the engine as a whole.

use std::collections::BTreeMap;

use super::clients::Totals;
use crate::error::Error;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Buckets of the latency histogram: powers of two of microseconds.
pub(super) const BUCKETS: usize = 32;

/// Counters of one command, for `INFO commandstats` and `LATENCY HISTOGRAM`.
///
/// They have cache lines of their own, in pairs as processors fetch them: what stands beside them in a command is read by
/// all threads all the time.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct CommandStats {
    /// Nanoseconds that its calls took.
    pub nanos: AtomicU64,
    /// Times it was refused before it ran.
    pub rejected: AtomicU64,
    /// Times it ran and failed.
    pub failed: AtomicU64,
    /// Calls by duration: bucket `n` counts those of up to `2^n` microseconds. Each call is in one.
    pub latency: [AtomicU64; BUCKETS],
}

impl CommandStats {
    /// Times it ran.
    pub fn calls(&self) -> u64 {
        self.latency.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Microseconds that took.
    pub fn micros(&self) -> u64 {
        self.nanos.load(Relaxed) / 1000
    }

    /// Starts anew.
    pub fn reset(&self) {
        for counter in [&self.nanos, &self.rejected, &self.failed].into_iter().chain(&self.latency) {
            counter.store(0, Relaxed);
        }
    }
}

/// Calls of one command in a row by one session, added to the shared counters when another command comes.
///
/// A pipeline of one command thus touches the shared counters once.
#[derive(Debug, Default)]
pub struct Streak {
    nanos: u64,
    latency: [u32; BUCKETS],
    /// The buckets that are not empty, as bits: mostly one, so that they are not all looked at for it.
    filled: u32,
}

const _: () = assert!(BUCKETS <= u32::BITS as usize);

impl Streak {
    /// Counts a call.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        self.nanos += nanos;
        let bucket = (nanos / 1000).saturating_sub(1).checked_ilog2().map_or(0, |b| b as usize + 1);
        let bucket = bucket.min(BUCKETS - 1);
        self.latency[bucket] += 1;
        self.filled |= 1 << bucket;
    }

    /// Hands the counts over.
    pub fn flush(&mut self, stats: &CommandStats) {
        if self.filled == 0 {
            return;
        }
        stats.nanos.fetch_add(std::mem::take(&mut self.nanos), Relaxed);
        while self.filled != 0 {
            let bucket = self.filled.trailing_zeros() as usize;
            stats.latency[bucket].fetch_add(u64::from(std::mem::take(&mut self.latency[bucket])), Relaxed);
            self.filled &= self.filled - 1;
        }
    }
}

/// Codes of errors that are counted one by one; whoever makes up codes cannot fill the memory with them.
const MAX_ERROR_CODES: usize = 128;
/// Samples that the rates are averaged over, and the milliseconds between them.
const SAMPLES: usize = 16;
const SAMPLE_MILLIS: u64 = 100;

/// How much happens in a second, just now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Commands.
    pub commands: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

#[derive(Debug, Default)]
struct Sampler {
    last: Option<(u64, Totals)>,
    rates: [Rates; SAMPLES],
    next: usize,
}

/// Figures of sockets. The engine has none: the server counts these.
#[derive(Debug, Default)]
pub struct SocketStats {
    /// Times that something was read.
    pub reads: AtomicU64,
    /// Times that replies were written.
    pub writes: AtomicU64,
    /// Connections that ended because of `client-query-buffer-limit`.
    pub query_limit: AtomicU64,
    /// Connections that ended because of `client-output-buffer-limit`.
    pub output_limit: AtomicU64,
}

/// Figures of the engine as a whole, beside those that clients and the keyspace count themselves.
#[derive(Debug, Default)]
pub struct EngineStats {
    errors: Mutex<BTreeMap<String, u64>>,
    total_errors: AtomicU64,
    peak_memory: AtomicU64,
    /// Sessions that ended because their input was no protocol.
    pub protocol_errors: AtomicU64,
    /// Attempts to authenticate that failed.
    pub auth_failures: AtomicU64,
    /// What happened to the sockets of sessions, by whoever owns them.
    pub sockets: SocketStats,
    sampler: Mutex<Sampler>,
}

impl EngineStats {
    /// Counts an error that a caller was told.
    #[cold]
    pub fn error(&self, error: &Error) {
        self.total_errors.fetch_add(1, Relaxed);
        let mut errors = self.errors.lock();
        let code = error.code();
        if let Some(count) = errors.get_mut(&*code) {
            *count += 1;
        } else if errors.len() < MAX_ERROR_CODES {
            errors.insert(code.into_owned(), 1);
        }
    }

    /// Errors by their codes.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        self.errors.lock().clone()
    }

    /// Errors, ever.
    pub fn total_errors(&self) -> u64 {
        self.total_errors.load(Relaxed)
    }

    /// Notes how much memory is in use and returns the most that ever was.
    pub fn note_memory(&self, used: u64) -> u64 {
        self.peak_memory.fetch_max(used, Relaxed).max(used)
    }

    /// Looks at the totals now and then; the more often, up to every 100 ms, the finer the rates. Returns the rates.
    pub fn sample(&self, now: u64, totals: Totals) -> Rates {
        let mut sampler = self.sampler.lock();
        let Some((time, last)) = sampler.last else {
            sampler.last = Some((now, totals));
            return Rates::default();
        };
        let millis = now.saturating_sub(time);
        if millis >= SAMPLE_MILLIS {
            let per_second = |now: u64, last: u64| now.saturating_sub(last).saturating_mul(1000) / millis;
            let rate = Rates {
                commands: per_second(totals.commands, last.commands),
                bytes_in: per_second(totals.bytes_in, last.bytes_in),
                bytes_out: per_second(totals.bytes_out, last.bytes_out),
            };
            // A long time without a look counts as many samples.
            for _ in 0..(millis / SAMPLE_MILLIS).min(SAMPLES as u64) {
                let next = sampler.next;
                sampler.rates[next] = rate;
                sampler.next = (next + 1) % SAMPLES;
            }
            sampler.last = Some((now, totals));
        }
        let average = |f: fn(&Rates) -> u64| sampler.rates.iter().map(f).sum::<u64>() / SAMPLES as u64;
        Rates {
            commands: average(|r| r.commands),
            bytes_in: average(|r| r.bytes_in),
            bytes_out: average(|r| r.bytes_out),
        }
    }

    /// Starts anew (`CONFIG RESETSTAT`).
    pub fn reset(&self) {
        self.errors.lock().clear();
        let SocketStats { reads, writes, query_limit, output_limit } = &self.sockets;
        let own = [&self.total_errors, &self.peak_memory, &self.protocol_errors, &self.auth_failures];
        own.into_iter().chain([reads, writes, query_limit, output_limit]).for_each(|counter| counter.store(0, Relaxed));
        *self.sampler.lock() = Sampler::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_fall_into_buckets_of_powers_of_two() {
        let (mut streak, stats) = (Streak::default(), CommandStats::default());
        for micros in [0, 1, 2, 3, 4, 5, 1000, 1024, 1025] {
            streak.add(micros * 1000 + 1);
        }
        streak.flush(&stats);
        let counts: Vec<u64> = stats.latency.iter().map(|b| b.load(Relaxed)).collect();
        assert_eq!(&counts[..4], [2, 1, 2, 1]);
        assert_eq!(&counts[10..12], [2, 1]);
        assert_eq!((stats.calls(), stats.micros()), (9, 3064));
        streak.flush(&stats);
        assert_eq!(stats.calls(), 9, "what was handed over is not handed over again");
    }

    #[test]
    fn rates_are_averages_over_the_last_samples() {
        let stats = EngineStats::default();
        let totals = |commands| Totals { commands, ..Totals::default() };
        assert_eq!(stats.sample(0, totals(0)).commands, 0);
        assert_eq!(stats.sample(50, totals(1000)).commands, 0, "too early to say");
        assert_eq!(stats.sample(100, totals(1600)).commands, 1000, "16000 a second in one of 16 samples");
        assert_eq!(stats.sample(10_100, totals(11_600)).commands, 1000, "a long time fills all samples");
        stats.reset();
        assert_eq!(stats.sample(10_200, totals(50_000)).commands, 0);
    }

    #[test]
    fn errors_are_counted_by_code_and_the_codes_are_limited() {
        let stats = EngineStats::default();
        stats.error(&Error::SYNTAX);
        stats.error(&Error::SYNTAX);
        stats.error(&Error::WRONG_TYPE);
        assert_eq!(stats.errors().into_iter().collect::<Vec<_>>(), [("ERR".into(), 2), ("WRONGTYPE".into(), 1)]);
        for i in 0..1000 {
            stats.error(&Error::new(format!("CODE{i} made up")));
        }
        assert_eq!((stats.errors().len(), stats.total_errors()), (128, 1003));
    }
}
