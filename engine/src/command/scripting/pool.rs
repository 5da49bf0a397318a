//! The machines that run nothing just now.
//!
//! While scripts take all stripes, runs that may change something follow one another, and take the first machine that there
//! is: so one does everything, and what a library keeps in variables of its own is kept there. Others are for runs at the
//! same time, of scripts that only read.
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
    /// The first one at the end.
    #[expect(clippy::vec_box, reason = "as for a place")]
    of_all: Mutex<Vec<Box<Machine>>>,
    /// How many were made.
    made: AtomicUsize,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            of_threads: (0..THREADS).map(|_| Place::default()).collect(),
            of_all: Mutex::default(),
            made: AtomicUsize::new(0),
        }
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
        let make = || Machine::new(self.made.fetch_add(1, Relaxed)).map(Box::new);
        let mut machine = free.map_or_else(make, Ok)?;
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
        let mut all = self.of_all.lock();
        let place = all.partition_point(|other| other.number > machine.number);
        all.insert(place, machine);
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

#[cfg(test)]
mod tests {
    use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use crate::{Engine, Error, Options, Value};

    /// What threads share without locks: whether scripts are known, the libraries, the places of machines.
    #[test]
    fn threads_have_machines_of_their_own_while_scripts_come_and_go() {
        let engine = Engine::open(Options::new().config("script-keys-declared", "yes")).expect("it opens");
        let run = |argv: &[&str]| engine.execute(argv);
        let source = "return redis.call('INCR', KEYS[1]) > 0 and 1 or 0";
        let Ok(Value::Bulk(sha)) = run(&["SCRIPT", "LOAD", source]) else { unreachable!("it is Lua") };
        let sha = String::from_utf8(sha).expect("it is a number");
        let library =
            "#!lua name=lib\nredis.register_function('one', function(keys) return redis.call('STRLEN', keys[1]) end)";
        run(&["FUNCTION", "LOAD", library]).expect("it is a library");
        let (sha, run, done) = (&sha, &run, AtomicBool::new(false));
        std::thread::scope(|scope| {
            let workers: Vec<_> = ["a", "b", "c"]
                .map(|key| {
                    scope.spawn(move || {
                        let mut known = 0;
                        for _ in 0..400 {
                            match run(&["EVALSHA", sha, "1", key]) {
                                Ok(value) => {
                                    assert_eq!(value, Value::Int(1));
                                    known += 1;
                                }
                                Err(error) => assert_eq!(error.code(), "NOSCRIPT"),
                            }
                            assert_eq!(run(&["EVAL", source, "1", key]), Ok(Value::Int(1)));
                            match run(&["FCALL", "one", "1", key]) {
                                Ok(value) => assert!(matches!(value, Value::Int(1..=4)), "{value:?}"),
                                Err(error) => assert_eq!(error, Error::new("ERR Function not found")),
                            }
                        }
                        known
                    })
                })
                .into_iter()
                .collect();
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    run(&["SCRIPT", "FLUSH"]).expect("it always can");
                    run(&["FUNCTION", "FLUSH"]).expect("it always can");
                    run(&["FUNCTION", "LOAD", library]).expect("it is a library");
                    run(&["SCRIPT", "LOAD", source]).expect("it is Lua");
                }
            });
            let ends: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            done.store(true, Relaxed);
            let known: u32 = ends.into_iter().map(|end| end.expect("it ends well")).sum();
            assert!(known > 0, "scripts were known now and then");
        });
        for key in ["a", "b", "c"] {
            let Ok(Value::Bulk(count)) = run(&["GET", key]) else { unreachable!("there is a count") };
            assert!(String::from_utf8_lossy(&count).parse::<u32>().is_ok_and(|n| (400..=800).contains(&n)));
        }
    }
}
