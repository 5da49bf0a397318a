//! A stopwatch for what is over sooner than the system's clock is read.
//!
//! Every command is timed, and in a virtual machine the system's clock takes a tenth of the time of a pipelined GET.
//! The processor's own counter takes a third of that. It is used where the system keeps its time by it too, which
//! means that it runs evenly and alike on all cores; elsewhere the system's clock is.
#![allow(unsafe_code)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How long the counter is compared with the clock, once for a process: its rate is off by a thousandth at most.
const COMPARED: Duration = Duration::from_micros(200);

/// Nanoseconds of a tick, times 2^32. 0 if there is no counter to rely on.
static SCALE: LazyLock<u64> = LazyLock::new(|| if counter::is_reliable() { scale() } else { 0 });
/// What the clock is read against where it stands in for the counter.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The beginning of a lap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    /// See [`SCALE`].
    scale: u64,
    ticks: u64,
}

impl Stopwatch {
    /// Starts.
    #[inline]
    pub(crate) fn start() -> Self {
        let scale = *SCALE;
        Self { scale, ticks: ticks(scale) }
    }

    /// Nanoseconds since the start or the last lap; a new lap begins.
    #[inline]
    pub(crate) fn lap(&mut self) -> u64 {
        let now = ticks(self.scale);
        let lap = self.nanos_at(now);
        self.ticks = now;
        lap
    }

    /// Nanoseconds between the starts of two.
    #[inline]
    pub(crate) fn until(&self, later: &Self) -> u64 {
        self.nanos_at(later.ticks)
    }

    #[inline]
    fn nanos_at(&self, now: u64) -> u64 {
        // Should the thread be on another core by now, the counter may stand a few ticks lower.
        let ticks = now.saturating_sub(self.ticks);
        if self.scale == 0 { ticks } else { ((u128::from(ticks) * u128::from(self.scale)) >> 32) as u64 }
    }
}

#[inline]
fn ticks(scale: u64) -> u64 {
    if scale == 0 { START.elapsed().as_nanos() as u64 } else { counter::read() }
}

fn scale() -> u64 {
    let (clock, counter) = (Instant::now(), counter::read());
    let (nanos, ticks) = loop {
        let elapsed = clock.elapsed();
        if elapsed >= COMPARED {
            break (elapsed.as_nanos() as u64, counter::read().saturating_sub(counter));
        }
        std::hint::spin_loop();
    };
    (nanos << 32).checked_div(ticks).unwrap_or(0)
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod counter {
    pub(super) fn is_reliable() -> bool {
        let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        std::fs::read_to_string(source).is_ok_and(|source| source.trim() == "tsc")
    }

    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: every processor of this architecture has the instruction, and a system that keeps its time by the
        // counter lets programs read it.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
mod counter {
    pub(super) fn is_reliable() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees_with_the_clock(mut watch: Stopwatch) {
        let clock = Instant::now();
        watch.lap();
        std::thread::sleep(Duration::from_millis(20));
        let lap = watch.lap();
        let most = clock.elapsed().as_nanos() as u64;
        // A machine under load may stop the thread between the two.
        assert!(lap >= 19_000_000 && lap <= most + most / 50, "{lap} of {most}");
        assert!(watch.lap() < 1_000_000_000);
    }

    #[test]
    fn laps_are_nanoseconds_by_either_counter() {
        agrees_with_the_clock(Stopwatch::start());
        agrees_with_the_clock(Stopwatch { scale: 0, ticks: ticks(0) });
    }
}
