//! Whether threads that share an engine see it do one thing at a time: histories of 8 to 10 threads, over commands of
//! several keys, transactions, watched keys and pops that wait, are recorded and given to a checker of linearizability.
//!
//! Invariant: each step's invocation and return are numbered in real time, so a history that passes has an order of all
//! its steps in which every reply is what one client alone would have got, and which no clock contradicts.
//!
//! Histories are short, because checking is exponential, and many. To run one again, often, since threads interleave
//! otherwise each time: `CARNELIAN_SEED=<seed> cargo test -p carnelian --test linearizable`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod model;
mod program;
mod record;

use std::collections::HashSet;
use std::fmt::Write;

use carnelian::{Engine, Error, Options, Value};
use carnelian_tests::share;
use todc_utils::linearizability::WGLChecker;
use todc_utils::specifications::Specification;

use model::{Done, Redis};
use program::{KEYS, Step, Writer};
use record::{Flaw, Recorded, history, run};

/// Histories of the whole.
const WHOLE: u64 = 20_000;
const STRIPES: usize = 16;

/// An engine in which every key has a stripe of its own.
fn engine() -> Engine {
    let apart =
        (0..10_000).map(|seed| Engine::open(Options::new().stripes(STRIPES).seed(seed)).unwrap()).find(|engine| {
            let hasher = engine.core().keyspace.hasher();
            let stripes = KEYS.map(|key| hasher.hash(key.as_bytes()) >> (64 - STRIPES.ilog2()));
            HashSet::from(stripes).len() == KEYS.len()
        });
    apart.expect("some seed puts them into different stripes")
}

fn is_linearizable(recorded: &[Recorded]) -> bool {
    WGLChecker::<Redis>::is_linearizable(history(recorded))
}

/// A history for people, by the moments of invocation.
fn story(recorded: &[Recorded]) -> String {
    let mut sorted: Vec<_> = recorded.iter().collect();
    sorted.sort_by_key(|r| r.invoked);
    sorted.iter().fold(String::new(), |mut story, Recorded { done, invoked, returned }| {
        let Done { thread, step, reply } = done;
        let _ = writeln!(story, "{invoked:4}..{returned:<4} thread {thread}: {} -> {}", step.text(), text(reply));
        story
    })
}

fn text(reply: &Value) -> String {
    match reply {
        Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

/// When an element that was popped or moved had been pushed.
fn pushed(recorded: &[Recorded], reply: &Value) -> Option<u64> {
    let element = match reply {
        Value::Array(pair) => text(&pair[1]),
        other => text(other),
    };
    recorded.iter().find(|r| r.done.step.names(&element)).map(|r| r.invoked)
}

/// What the histories have been made of, so that they cannot have passed by doing little.
#[derive(Debug, Default)]
struct Seen {
    histories: usize,
    /// Histories in which steps on the same keys ran at once.
    overlapped: usize,
    /// Such pairs of steps.
    pairs: usize,
    steps: usize,
    transactions: usize,
    broken_watches: usize,
    kept_watches: usize,
    /// Waiting commands that got something.
    served: usize,
    /// Those among them that were there before whoever pushed what they got.
    handed_over: usize,
    timed_out: usize,
    wrong_types: usize,
}

impl Seen {
    fn add(&mut self, recorded: &[Recorded]) {
        let pairs = recorded.iter().enumerate();
        let pairs = pairs.map(|(i, a)| recorded[..i].iter().filter(|b| a.meets(b)).count()).sum::<usize>();
        self.histories += 1;
        self.overlapped += usize::from(pairs > 0);
        self.pairs += pairs;
        self.steps += recorded.len();
        let mut watching = HashSet::new();
        for Recorded { done: Done { thread, step, reply }, invoked, .. } in recorded {
            if step.text().starts_with("WATCH") {
                watching.insert(thread);
            }
            let watched = step.transaction && watching.remove(thread);
            self.transactions += usize::from(step.transaction);
            self.broken_watches += usize::from(watched && *reply == Value::Null);
            self.kept_watches += usize::from(watched && *reply != Value::Null);
            self.served += usize::from(step.waits() && matches!(reply, Value::Array(_) | Value::Bulk(_)));
            self.handed_over += usize::from(step.waits() && pushed(recorded, reply) > Some(*invoked));
            self.timed_out += usize::from(step.waits() && *reply == Value::Null);
            self.wrong_types += usize::from(*reply == Value::Error(Error::WRONG_TYPE));
        }
    }

    fn expect_enough(&self) {
        // Mostly it is nearly all of them; on a busy machine threads have their turns one after the other, and 1 in 25
        // was seen.
        assert!(self.overlapped * 100 > self.histories, "too few of the histories overlapped: {self:?}");
        let few = self.histories / 100;
        let each =
            [self.broken_watches, self.kept_watches, self.served, self.handed_over, self.timed_out, self.wrong_types];
        assert!(each.iter().all(|&count| count > few), "too little of something: {self:?}");
    }
}

fn seeds() -> impl Iterator<Item = u64> {
    let (whole, one) = (share(WHOLE), std::env::var("CARNELIAN_SEED").ok());
    let one = one.map(|text| text.parse().expect("a seed is a number"));
    (1..=whole).map(move |seed| one.unwrap_or(seed))
}

#[test]
fn histories_of_threads_are_linearizable() {
    let engine = engine();
    let mut seen = Seen::default();
    for seed in seeds() {
        let recorded = run(&engine, Writer::new(seed).threads(), Flaw::None);
        assert!(is_linearizable(&recorded), "seed {seed} is not linearizable:\n{}", story(&recorded));
        seen.add(&recorded);
    }
    println!("{seen:?}");
    // One of a few may well be poor.
    if seen.histories >= 100 && std::env::var_os("CARNELIAN_SEED").is_none() {
        seen.expect_enough();
    }
}

/// Runs histories with a flaw until one is found out.
fn find(flaw: Flaw) {
    let engine = engine();
    let found = (1..=WHOLE).find(|&seed| !is_linearizable(&run(&engine, Writer::new(seed).threads(), flaw)));
    println!("{flaw:?}: found in history {found:?}");
    assert!(found.is_some(), "{flaw:?} is not found");
}

#[test]
fn transactions_of_threads_that_are_not_atomic_are_found() {
    find(Flaw::NoMulti);
}

#[test]
fn commands_of_threads_that_take_key_by_key_are_found() {
    find(Flaw::KeyByKey);
}

#[test]
fn watches_of_threads_that_never_break_are_found() {
    find(Flaw::NoWatch);
}

#[test]
fn elements_that_threads_wait_for_and_lose_are_found() {
    find(Flaw::LostPop);
}

/// The model has to be right by itself, or it would call right what both do wrong.
#[test]
fn the_model_answers_as_the_engine_does_for_one_client() {
    let engine = engine();
    for seed in 1..=share(WHOLE / 4) {
        let steps: Vec<Step> = Writer::new(seed).threads().concat();
        let recorded = run(&engine, vec![steps], Flaw::None);
        let mut state = Redis::init();
        for Recorded { done, .. } in &recorded {
            let (fits, after) = Redis::apply(done, &state);
            assert!(fits, "seed {seed}, {} -> {}\nin {state:?}", done.step.text(), text(&done.reply));
            state = after;
        }
    }
}
