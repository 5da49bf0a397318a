//! Where the engine's time comes from: the system's clock, or one that a test turns by hand.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stopwatch::Stopwatch;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Milliseconds since 1970, as deadlines are kept.
pub type Millis = u64;

/// The engine's clock. Cheap to clone; clones of a manual clock share its hands.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's wall clock.
    #[default]
    System,
    /// A clock that stands still until it is told to go on.
    Manual(ManualClock),
}

/// A clock for tests: deadlines pass when you say so.
///
/// ```
/// use carnelian::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
/// let before = Clock::Manual(clock.clone()).millis();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(Clock::Manual(clock).millis() - before, 60_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at `since_1970`.
    pub fn new(since_1970: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(micros_of(since_1970))))
    }

    /// Turns the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(micros_of(by), Relaxed);
    }
}

fn micros_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// For how long the system's clock is not read again, as the time since is measured with less effort. The two run
/// apart by a thousandth at most, and a clock that is set is noticed this late.
const TRUSTED: Duration = Duration::from_millis(5);

thread_local! {
    /// When this thread has read the system's clock, and what it showed.
    static READ: Cell<Option<(Stopwatch, u64)>> = const { Cell::new(None) };
}

/// What the system's clock, for which every command asks, shows at the start of a stopwatch.
#[inline]
fn system_micros(now: &Stopwatch) -> u64 {
    if let Some((watch, micros)) = READ.get() {
        let nanos = watch.until(now);
        if nanos < TRUSTED.as_nanos() as u64 {
            return micros + nanos / 1000;
        }
    }
    read_system_clock()
}

#[cold]
fn read_system_clock() -> u64 {
    let watch = Stopwatch::start();
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros_of);
    READ.set(Some((watch, micros)));
    micros
}

impl Clock {
    /// Microseconds since 1970.
    #[inline]
    pub fn micros(&self) -> u64 {
        self.micros_at(&Stopwatch::start())
    }

    /// Milliseconds since 1970, and a stopwatch that starts at that: for one look at the processor's counter.
    #[inline]
    pub(crate) fn start(&self) -> (Millis, Stopwatch) {
        let watch = Stopwatch::start();
        (self.micros_at(&watch) / 1000, watch)
    }

    #[inline]
    fn micros_at(&self, now: &Stopwatch) -> u64 {
        match self {
            Self::System => system_micros(now),
            Self::Manual(clock) => clock.0.load(Relaxed),
        }
    }

    /// Milliseconds since 1970.
    #[inline]
    pub fn millis(&self) -> Millis {
        self.micros() / 1000
    }
}
