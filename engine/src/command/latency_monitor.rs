//! Events that took longer than `latency-monitor-threshold`, by kind.

use std::collections::{BTreeMap, VecDeque};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Samples that are kept of each kind of event.
const KEPT: usize = 160;

/// What has been seen of one kind of event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// Seconds since 1970, and the longest in that second in milliseconds; oldest first.
    pub samples: VecDeque<(u64, u64)>,
    /// The longest ever.
    pub max: u64,
}

/// All kinds of events.
#[derive(Debug, Default)]
pub struct LatencyMonitor {
    /// Milliseconds; 0 for off.
    threshold: AtomicU64,
    events: Mutex<BTreeMap<&'static str, Series>>,
}

impl LatencyMonitor {
    /// From how many milliseconds on events are kept; 0 for none.
    pub fn set_threshold(&self, millis: u64) {
        self.threshold.store(millis, Relaxed);
    }

    /// From how many milliseconds on events are kept; 0 for none.
    pub fn threshold(&self) -> u64 {
        self.threshold.load(Relaxed)
    }

    /// From how many nanoseconds on an event has to be noted.
    pub fn limit_nanos(&self) -> u64 {
        match self.threshold() {
            0 => u64::MAX,
            millis => millis.saturating_mul(1_000_000),
        }
    }

    /// Keeps an event if it took long enough.
    pub fn note(&self, now: u64, event: &'static str, nanos: u64) {
        if nanos < self.limit_nanos() {
            return;
        }
        let (time, millis) = (now / 1000, nanos / 1_000_000);
        let mut events = self.events.lock();
        let series = events.entry(event).or_default();
        series.max = series.max.max(millis);
        match series.samples.back_mut() {
            Some(last) if last.0 == time => last.1 = last.1.max(millis),
            _ => {
                if series.samples.len() == KEPT {
                    series.samples.pop_front();
                }
                series.samples.push_back((time, millis));
            }
        }
    }

    /// What has been seen of an event.
    pub fn get(&self, event: &[u8]) -> Option<Series> {
        self.events.lock().iter().find(|(name, _)| name.as_bytes() == event).map(|(_, series)| series.clone())
    }

    /// All kinds of events.
    pub fn all(&self) -> BTreeMap<&'static str, Series> {
        self.events.lock().clone()
    }

    /// Forgets the events of some names, or all if none are given. Returns how many kinds there were.
    pub fn reset(&self, names: &[&[u8]]) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|name, _| !names.is_empty() && !names.iter().any(|n| n.eq_ignore_ascii_case(name.as_bytes())));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_events_are_kept_one_a_second() {
        let monitor = LatencyMonitor::default();
        monitor.note(1_000, "command", 1 << 40);
        assert!(monitor.all().is_empty(), "it is off by default");
        monitor.set_threshold(10);
        for (now, millis) in [(1_000, 9), (1_000, 10), (1_500, 30), (1_999, 20), (2_000, 11)] {
            monitor.note(now, "command", millis * 1_000_000);
        }
        let series = monitor.get(b"command").expect("events");
        assert_eq!(series, Series { samples: [(1, 30), (2, 11)].into(), max: 30 });
        for second in 10..400 {
            monitor.note(second * 1000, "fork", 10_000_000);
        }
        assert_eq!(monitor.get(b"fork").map(|s| (s.samples.len(), s.samples[0].0)), Some((KEPT, 240)));
        assert_eq!(monitor.reset(&[b"nosuch", b"fork"]), 1);
        assert_eq!(monitor.reset(&[]), 1);
    }
}
