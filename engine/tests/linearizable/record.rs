//! Runs the steps of one history on as many threads, and records when each was invoked and when it returned.
//!
//! One counter gives all moments: what returned before something else was invoked has the smaller number. A step's number
//! is taken right before its command goes to the engine, and right after the reply is there.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread::yield_now;

use carnelian::{Connection, Engine, Value};
use todc_utils::linearizability::history::{Action, History};

use crate::model::Done;
use crate::program::{Command, Step, all};

/// What is done wrong on purpose, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// Transactions run as single commands.
    NoMulti,
    /// MGET and MSET run as many GET and SET.
    KeyByKey,
    /// Nobody watches.
    NoWatch,
    /// What a BLPOP has got is lost.
    LostPop,
}

/// A step with its moments.
pub(crate) struct Recorded {
    pub(crate) done: Done,
    pub(crate) invoked: u64,
    pub(crate) returned: u64,
}

impl Recorded {
    /// Whether both ran at once, on different threads, on a key of both, and neither only waited.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (a, b) = (&self.done, &other.done);
        let at_once = self.invoked < other.returned && other.invoked < self.returned;
        let waited = a.step.waits() || b.step.waits();
        let same_key = || crate::program::KEYS.iter().any(|key| a.step.names(key) && b.step.names(key));
        at_once && a.thread != b.thread && !waited && same_key()
    }
}

/// Runs one history on an empty engine; the last step in it is a look at everything.
pub(crate) fn run(engine: &Engine, threads: Vec<Vec<Step>>, flaw: Flaw) -> Vec<Recorded> {
    engine.execute(&["FLUSHALL"]).unwrap();
    let (clock, here, count) = (AtomicU64::new(0), AtomicUsize::new(0), threads.len());
    let (clock, here) = (&clock, &here);
    let mut history: Vec<Recorded> = std::thread::scope(|scope| {
        let running: Vec<_> = threads
            .into_iter()
            .enumerate()
            .map(|(thread, steps)| {
                scope.spawn(move || {
                    let mut client = Client { connection: engine.connect(), clock, flaw, watching: false };
                    here.fetch_add(1, SeqCst);
                    while here.load(SeqCst) < count {
                        yield_now();
                    }
                    client.run(thread, steps)
                })
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut client = Client { connection: engine.connect(), clock, flaw: Flaw::None, watching: false };
    history.extend(client.run(count, vec![all()]));
    history
}

/// The history, as the checker takes it.
pub(crate) fn history(recorded: &[Recorded]) -> History<Done> {
    let calls = recorded.iter().map(|r| (r.invoked, (r.done.thread, Action::Call(r.done.clone()))));
    let returns = recorded.iter().map(|r| (r.returned, (r.done.thread, Action::Response(r.done.clone()))));
    let mut actions: Vec<_> = calls.chain(returns).collect();
    actions.sort_by_key(|(moment, _)| *moment);
    History::from_actions(actions.into_iter().map(|(_, action)| action).collect())
}

struct Client<'a> {
    connection: Connection,
    clock: &'a AtomicU64,
    flaw: Flaw,
    watching: bool,
}

impl Client<'_> {
    fn run(&mut self, thread: usize, steps: Vec<Step>) -> Vec<Recorded> {
        let mut recorded = Vec::with_capacity(steps.len());
        for step in steps {
            // Two cores are enough for all threads to take part.
            yield_now();
            let (invoked, reply, returned) = self.step(&step);
            recorded.push(Recorded { done: Done { thread, step, reply }, invoked, returned });
        }
        recorded
    }

    fn step(&mut self, step: &Step) -> (u64, Value, u64) {
        match &step.commands[..] {
            body if step.transaction => self.transaction(body),
            [command] => self.one(command),
            _ => panic!("{step:?}"),
        }
    }

    fn transaction(&mut self, body: &[Command]) -> (u64, Value, u64) {
        if self.flaw == Flaw::NoMulti && !self.watching {
            return self.one_by_one(body);
        }
        self.watching = false;
        self.call(&["MULTI"]);
        for command in body {
            let queued = self.call(&command.words());
            assert_eq!(queued, Value::Simple("QUEUED".into()), "{command:?}");
        }
        self.timed(|client| client.call(&["EXEC"]))
    }

    fn one(&mut self, command: &Command) -> (u64, Value, u64) {
        let words = command.words();
        self.watching |= words[0] == "WATCH";
        match (self.flaw, &words[..]) {
            (Flaw::NoWatch, ["WATCH", ..]) => self.timed(|client| client.call(&["UNWATCH"])),
            (Flaw::KeyByKey, ["MGET", keys @ ..]) => {
                let gets: Vec<_> = keys.iter().map(|key| vec!["GET", key]).collect();
                self.timed(|client| Value::Array(client.apart(&gets)))
            }
            (Flaw::KeyByKey, ["MSET", pairs @ ..]) => {
                let sets: Vec<_> = pairs.chunks(2).map(|pair| vec!["SET", pair[0], pair[1]]).collect();
                self.timed(|client| client.apart(&sets).remove(0))
            }
            (Flaw::LostPop, ["BLPOP", ..]) => self.timed(|client| {
                client.call(&words);
                Value::Null
            }),
            _ => self.timed(|client| client.call(&words)),
        }
    }

    fn one_by_one(&mut self, body: &[Command]) -> (u64, Value, u64) {
        let commands: Vec<_> = body.iter().map(Command::words).collect();
        self.timed(|client| Value::Array(client.apart(&commands)))
    }

    /// Runs commands, each by itself.
    fn apart(&mut self, commands: &[Vec<&str>]) -> Vec<Value> {
        commands.iter().map(|words| self.call(words)).collect()
    }

    fn timed(&mut self, call: impl FnOnce(&mut Self) -> Value) -> (u64, Value, u64) {
        let invoked = self.clock.fetch_add(1, SeqCst);
        let reply = call(self);
        (invoked, reply, self.clock.fetch_add(1, SeqCst))
    }

    fn call(&mut self, words: &[&str]) -> Value {
        self.connection.execute(words).unwrap_or_else(Value::Error)
    }
}
