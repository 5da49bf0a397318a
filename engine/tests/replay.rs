//! Replaying the effects of random commands gives the same keyspace.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use carnelian::command::{Origin, Output};
use carnelian::keyspace::{Access, Effect, Listener, LogPosition, View};
use carnelian::operation::generic;
use carnelian::{Clock, Engine, ManualClock, Options};
use common::{Client, engine};
use proptest::prelude::*;

#[derive(Default)]
struct Log(Mutex<Vec<Effect>>);

impl Listener for Log {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        let mut log = self.0.lock().unwrap();
        log.extend_from_slice(effects);
        log.len() as u64
    }
}

type Contents = BTreeMap<(u32, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// All that is there, expired or not.
fn contents(engine: &Engine) -> Contents {
    let space = &engine.core().keyspace;
    let mut all = Contents::new();
    for db in 0..space.databases() {
        let view = View::all(space, db, 0, Access::Read).unwrap();
        for table in view.tables() {
            table.for_each(|e| {
                all.insert((db, e.key().to_vec()), (e.string().unwrap().to_vec(), e.deadline()));
            });
        }
    }
    all
}

fn key() -> impl Strategy<Value = String> {
    (0_u8..10).prop_map(|i| format!("k{i}"))
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn command() -> impl Strategy<Value = Vec<String>> {
    let value = prop::sample::select(vec!["7".to_owned(), "some text".to_owned(), "z".repeat(20_000)]);
    let when = prop::sample::select(vec![-5_i64, 0, 1, 40, 5_000]);
    let word = prop::sample::select(vec!["", " NX", " XX", " GT", " LT", " XX LT"]);
    prop_oneof![
        5 => (key(), value).prop_map(|(k, v)| vec!["SET".into(), k, v]),
        3 => (key(), when.clone(), word.clone()).prop_map(|(k, t, w)| words(&format!("PEXPIRE {k} {t}{w}"))),
        1 => (key(), when, word).prop_map(|(k, t, w)| words(&format!("EXPIRE {k} {t}{w}"))),
        1 => key().prop_map(|k| words(&format!("PERSIST {k}"))),
        1 => (key(), key()).prop_map(|(a, b)| words(&format!("DEL {a} {b}"))),
        1 => (key(), key()).prop_map(|(a, b)| words(&format!("UNLINK {a} {b}"))),
        2 => (key(), key()).prop_map(|(a, b)| words(&format!("RENAME {a} {b}"))),
        2 => (key(), key()).prop_map(|(a, b)| words(&format!("RENAMENX {a} {b}"))),
        2 => (key(), 0..3).prop_map(|(k, db)| words(&format!("MOVE {k} {db}"))),
        2 => (key(), key(), 0..3).prop_map(|(a, b, db)| words(&format!("COPY {a} {b} DB {db} REPLACE"))),
        2 => (key(), key()).prop_map(|(a, b)| words(&format!("COPY {a} {b}"))),
        1 => (0..3, 0..3).prop_map(|(a, b)| words(&format!("swap {a} {b}"))),
        1 => (0..4).prop_map(|db| words(&format!("flush {db}"))),
        2 => (1..60).prop_map(|ms| words(&format!("wait {ms}"))),
        1 => Just(words("expire")),
    ]
}

/// Runs a command, or what stands for one that the engine does not have.
fn apply(engine: &Engine, client: &mut Client, clock: &ManualClock, argv: &[String]) {
    let space = &engine.core().keyspace;
    let all = |f: &dyn Fn(&mut View<'_>)| {
        let mut view = View::all(space, 0, space.clock().millis(), Access::Write).unwrap();
        f(&mut view);
        view.close();
    };
    let number = |i: usize| argv[i].parse::<u32>().unwrap();
    match argv[0].as_str() {
        "wait" => clock.advance(Duration::from_millis(u64::from(number(1)))),
        "expire" => assert!(space.expire_due(Duration::from_secs(60)).complete),
        "swap" => all(&|view| generic::swap(view, number(1), number(2)).unwrap()),
        "flush" => all(&|view| generic::flush(view, (number(1) < 3).then_some(number(1)), true)),
        _ => {
            client.argv(argv);
        }
    }
}

/// Replays effects into an engine whose clock stands at zero, so that nothing expires by itself.
fn replay(effects: &[Effect]) -> Engine {
    let clock = Clock::Manual(ManualClock::new(Duration::ZERO));
    let engine = Engine::open(Options::new().stripes(4).clock(clock)).unwrap();
    let space = engine.core().keyspace.clone();
    let mut session = engine.session(Origin::default(), None);
    for effect in effects {
        let name = String::from_utf8_lossy(effect.argv()[0]).into_owned();
        let number = |i: usize| std::str::from_utf8(effect.argv()[i]).unwrap().parse::<u32>().unwrap();
        let whole = |f: &dyn Fn(&mut View<'_>)| f(&mut View::all(&space, effect.db, 0, Access::Write).unwrap());
        match name.as_str() {
            "FLUSHDB" => whole(&|view| generic::flush(view, Some(effect.db), false)),
            "FLUSHALL" => whole(&|view| generic::flush(view, None, false)),
            "SWAPDB" => whole(&|view| generic::swap(view, number(1), number(2)).unwrap()),
            _ => {
                // The database of the effect takes the place of database 0 for the one command.
                let swap = |view: &mut View<'_>| generic::swap(view, 0, effect.db).unwrap();
                let mut argv = effect.argv().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
                for i in 1..argv.len() {
                    let is_db = name == "MOVE" && i == 2 || argv[i - 1] == b"DB" && i == 4;
                    if is_db {
                        let db = number(i);
                        let swapped = if db == 0 {
                            effect.db
                        } else if db == effect.db {
                            0
                        } else {
                            db
                        };
                        argv[i] = swapped.to_string().into_bytes();
                    }
                }
                whole(&swap);
                let mut request = format!("*{}\r\n", argv.len()).into_bytes();
                for arg in &argv {
                    request.extend([format!("${}\r\n", arg.len()).as_bytes(), arg, b"\r\n"].concat());
                }
                let mut output = Output::default();
                session.feed(&request, &mut output);
                assert_ne!(output.to_vec()[0], b'-', "{argv:?}: {}", String::from_utf8_lossy(&output.to_vec()));
                whole(&swap);
            }
        }
    }
    engine
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keyspace_is_what_its_effects_say(commands in prop::collection::vec(command(), 1..150)) {
        let (engine, clock) = engine(11);
        // Only when the test says so: the effects are to come in the same order each time.
        let settings = engine.core().keyspace.settings();
        settings.active_expire.store(false, std::sync::atomic::Ordering::Relaxed);
        let log = Arc::new(Log::default());
        engine.core().keyspace.listen(log.clone()).unwrap();
        let mut client = Client::new(&engine);
        for argv in &commands {
            apply(&engine, &mut client, &clock, argv);
        }
        let effects = log.0.lock().unwrap();
        let replayed = replay(&effects);
        let (expected, found) = (contents(&engine), contents(&replayed));
        prop_assert!(expected == found, "{:?}\n{:?}", expected.keys(), found.keys());
        prop_assert_eq!(effects.len() as u64, engine.core().keyspace.changes());
    }
}
