//! The machines that run nothing just now.
//!
//! While scripts take all stripes, runs that change something follow one another, and the machine that was given back
//! last is the next to be taken: so one does everything, and what a library keeps in variables of its own is kept there.
//! Under `script-keys-declared` runs go on at once, and each thread has a machine of its own: its memory stays in the
//! caches of the core that the thread runs on, and taking it meets nobody.

use super::machine::Machine;
use crate::error::Result;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::{CachePadded, Mutex, per_thread};

/// So many threads have a machine of their own; the next ones share with these, and take another when they meet.
const THREADS: usize = 32;

static NEXT: AtomicUsize = AtomicUsize::new(0);

per_thread! {
    /// Tells threads apart.
    static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
}

/// A machine of a thread, and machines of all: each run takes one out and puts it back, which is to move a pointer.
type Place = CachePadded<Mutex<Option<Box<Machine>>>>;

/// See the module.
pub(super) struct Pool {
    of_threads: Box<[Place]>,
    #[expect(clippy::vec_box, reason = "as for a place")]
    of_all: Mutex<Vec<Box<Machine>>>,
}

impl Default for Pool {
    fn default() -> Self {
        Self { of_threads: (0..THREADS).map(|_| Place::default()).collect(), of_all: Mutex::default() }
    }
}

impl Pool {
    /// Has a machine run or compile something; with `own` the thread's, if it is there.
    ///
    /// # Errors
    /// There is none, and none can be made; or the run's own.
    pub(super) fn with<R>(&self, own: bool, run: impl FnOnce(&mut Machine) -> Result<R>) -> Result<R> {
        let mine = if own { self.place().lock().take() } else { None };
        let free = mine.or_else(|| self.of_all.lock().pop());
        let mut machine = free.map_or_else(|| Machine::new().map(Box::new), Ok)?;
        let result = run(&mut machine);
        self.give(machine, own);
        result
    }

    fn give(&self, machine: Box<Machine>, own: bool) {
        if own {
            let mut place = self.place().lock();
            if place.is_none() {
                *place = Some(machine);
                return;
            }
        }
        self.of_all.lock().push(machine);
    }

    /// Does something to all machines that run nothing. O(machines).
    pub(super) fn each(&self, mut run: impl FnMut(&mut Machine)) {
        self.of_all.lock().iter_mut().for_each(|machine| run(machine));
        for place in &self.of_threads {
            if let Some(machine) = &mut *place.lock() {
                run(machine);
            }
        }
    }

    fn place(&self) -> &Place {
        &self.of_threads[NUMBER.with(|&number| number) % THREADS]
    }
}
