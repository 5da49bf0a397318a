//! Scripts that take long: others are told that the engine is busy, and may end one that has changed nothing.
//!
//! A script is entered here when it has run for a while, so that a short one pays nothing for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// Which kind of script it is: each has a KILL of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Script,
    Function,
}

impl Kind {
    /// How it is ended.
    pub(super) fn kill(self) -> &'static str {
        match self {
            Self::Script => "SCRIPT KILL",
            Self::Function => "FUNCTION KILL",
        }
    }

    /// What others are told meanwhile.
    pub(super) fn busy(self) -> Error {
        let kill = self.kill();
        Error::new(format!("BUSY Redis is busy running a script. You can only call {kill} or SHUTDOWN NOSAVE."))
    }
}

/// A script that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The command that began it.
    pub(super) command: Vec<Vec<u8>>,
    pub(super) since: Instant,
    /// It has been told to end.
    pub(super) is_killed: AtomicBool,
    /// It has changed something.
    pub(super) wrote: AtomicBool,
    /// It has run for longer than is good.
    pub(super) is_slow: AtomicBool,
}

/// All of them.
pub(super) struct AllRunning {
    list: Mutex<Vec<Arc<Running>>>,
    /// Milliseconds after which others are told (`busy-reply-threshold`); 0 or less for never.
    pub(super) threshold: AtomicI64,
}

impl Default for AllRunning {
    fn default() -> Self {
        Self { list: Mutex::default(), threshold: AtomicI64::new(5000) }
    }
}

impl AllRunning {
    pub(super) fn enter(&self, running: Arc<Running>) {
        self.list.lock().push(running);
    }

    pub(super) fn leave(&self, running: &Arc<Running>) {
        self.list.lock().retain(|other| !Arc::ptr_eq(other, running));
    }

    /// Whether a script of this age is slow.
    pub(super) fn is_slow(&self, age: Duration) -> bool {
        let threshold = self.threshold.load(Relaxed);
        threshold > 0 && age.as_millis() as i64 >= threshold
    }

    /// The one that has run for longest.
    pub(super) fn oldest(&self) -> Option<Arc<Running>> {
        self.list.lock().iter().min_by_key(|running| running.since).cloned()
    }

    /// What is told to whoever cannot be served while a script is slow.
    pub(super) fn busy(&self) -> Option<Error> {
        let list = self.list.lock();
        list.iter().find(|running| running.is_slow.load(Relaxed)).map(|running| running.kind.busy())
    }

    /// Ends what runs.
    ///
    /// # Errors
    /// If nothing runs, or it cannot be ended.
    pub(super) fn kill(&self, kind: Kind) -> Result<()> {
        let Some(running) = self.oldest() else {
            return Err(Error::new("NOTBUSY No scripts in execution right now."));
        };
        if running.kind != kind {
            return Err(running.kind.busy());
        }
        if running.wrote.load(Relaxed) {
            return Err(Error::new(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait \
                 the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            ));
        }
        running.is_killed.store(true, Relaxed);
        Ok(())
    }
}
