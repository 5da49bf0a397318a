//! Random operations against a plain model, and their effects replayed into another engine.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails has to say so")]

mod model;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use self::model::{Model, Step, keys, step};
use crate::api::recorder::Recorder;
use crate::command::{Origin, Output};
use crate::keyspace::{Access, Effect, Entry, View};
use crate::operation::string;
use crate::{Clock, Db, Engine, Error, ManualClock, Options, Result, SetOptions};

const START: Duration = Duration::from_secs(1_000);

fn open(clock: &ManualClock) -> Engine {
    Engine::open(Options::new().clock(Clock::Manual(clock.clone())).stripes(4)).unwrap()
}

type Stored = (Vec<u8>, Vec<u8>, Option<u64>);

/// All keys with their values and deadlines, in order.
fn contents(engine: &Engine) -> Vec<Stored> {
    let view = View::all(&engine.core().keyspace, 0, 0, Access::Read).unwrap();
    let mut all = Vec::new();
    let mut add = |e: Entry<'_>| all.push((e.key().to_vec(), e.string().unwrap().to_vec(), e.deadline()));
    view.tables().for_each(|table| table.for_each(&mut add));
    all.sort();
    all
}

/// Runs effects through a session of another engine, whose clock stands still.
fn replay(effects: &[Effect]) -> Engine {
    let engine = open(&ManualClock::new(START));
    let mut session = engine.session(Origin::default(), None);
    let mut output = Output::default();
    for effect in effects {
        let mut input = Vec::new();
        effect.write_to(&mut input);
        let (_, used) = session.feed(&input, &mut output);
        assert_eq!(used, input.len());
        let reply = output.to_vec();
        assert_ne!(reply.first(), Some(&b'-'), "{}", String::from_utf8_lossy(&reply));
        output.clear();
    }
    drop(session);
    engine
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let clock = ManualClock::new(START);
    let engine = open(&clock);
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    let mut model = Model::new(START.as_millis() as u64);
    for step in steps {
        if let Step::Wait(millis) = step {
            clock.advance(Duration::from_millis(*millis));
            model.now += millis;
        }
        if !model.knows(step) {
            continue;
        }
        let (ours, expected) = (step.run(&db), model.run(step));
        prop_assert_eq!(ours, expected, "{:?}", step);
        for key in keys() {
            prop_assert_eq!(db.get(&key).unwrap(), model.get(&key), "{:?} after {:?}", key, step);
        }
    }
    engine.core().keyspace.expire_due(Duration::from_secs(10));
    let left = contents(&engine);
    prop_assert_eq!(&left, &model.contents());
    prop_assert_eq!(&contents(&replay(&recorder.effects.lock())), &left);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn behaves_like_the_model_and_replays(steps in prop::collection::vec(step(), 1..40)) {
        check(&steps)?;
    }
}

fn db() -> (Engine, Db, ManualClock) {
    let clock = ManualClock::new(START);
    let engine = open(&clock);
    let db = engine.db(0).unwrap();
    (engine, db, clock)
}

#[test]
fn encodings_are_redis_s() {
    let (engine, db, _) = db();
    let encoding = |key: &str| {
        let space = &engine.core().keyspace;
        let key = space.key(key.as_bytes());
        let view = View::one(space, 0, 0, Access::Read, key.hash).unwrap();
        view.peek(&key).map(string::encoding)
    };
    let is = |key: &str, expected: &str| assert_eq!(encoding(key), Some(expected), "{key}");
    db.set("int", "-12").unwrap();
    is("int", "int");
    db.set("embstr", "012").unwrap();
    is("embstr", "embstr");
    db.set("at most", [b'x'; 44]).unwrap();
    is("at most", "embstr");
    db.set("longer", [b'x'; 45]).unwrap();
    is("longer", "raw");
    db.append("appended", "12").unwrap();
    is("appended", "int");
    db.append("appended", "").unwrap();
    is("appended", "raw");
    db.incr("appended").unwrap();
    is("appended", "int");
    db.incr_by_float("appended", 1.0).unwrap();
    is("appended", "embstr");
    db.set_range("appended", 0, "2").unwrap();
    is("appended", "raw");
    db.set("bits", "5").unwrap();
    db.set_bit("bits", 0, false).unwrap();
    is("bits", "raw");
    assert_eq!(db.get("bits").unwrap().unwrap(), b"5");
    db.bit_op(crate::BitOp::Or, "copy", &["int"]).unwrap();
    is("copy", "raw");
    db.get_set("copy", "7").unwrap();
    is("copy", "int");
}

/// As Redis 7.0 and, for a time that has passed, all of them in the end.
#[test]
fn events_and_effects() {
    let (engine, db, _) = db();
    let recorder = Recorder::of(&engine);
    db.set_ex("a", 10, "1").unwrap();
    db.set_with("a", "2", &SetOptions::new().keep_ttl()).unwrap();
    db.incr("a").unwrap();
    db.get_ex("a", crate::GetExpiry::Persist).unwrap();
    db.get_ex("a", crate::GetExpiry::Persist).unwrap();
    db.set_with("a", "3", &SetOptions::new().ex_at(1)).unwrap();
    db.set_bit("b", 8, false).unwrap();
    db.set_bit("b", 0, false).unwrap();
    db.mset(&[("c", "1"), ("c", "2")]).unwrap();
    db.get_ex("c", crate::GetExpiry::At(crate::Expiry::ExAt(1))).unwrap();
    let expected = [
        "set a",
        "expire a",
        "set a",
        "incrby a",
        "persist a",
        "set a",
        "expire a",
        "expired a",
        "setbit b",
        "set c",
        "set c",
        "del c",
    ];
    assert_eq!(recorder.take_events(), expected);
    let expected = [
        "SET a 1 PXAT 1010000",
        "SET a 2 KEEPTTL",
        "INCRBY a 1",
        "PERSIST a",
        "SET a 3 PXAT 1000",
        "DEL a",
        "SETBIT b 8 0",
        "SET c 1",
        "SET c 2",
        "DEL c",
    ];
    assert_eq!(recorder.take_effects(), expected);
}

#[test]
fn long_strings_are_not_copied_for_a_change() {
    let (engine, db, _) = db();
    let at = || {
        let space = &engine.core().keyspace;
        let key = space.key(b"long");
        let view = View::one(space, 0, 0, Access::Read, key.hash).unwrap();
        match view.peek(&key).unwrap().string().unwrap() {
            string::StringRef::Shared(shared) => (shared.as_ptr(), shared.capacity(), Arc::clone(shared)),
            other => panic!("{other:?}"),
        }
    };
    db.set_range("long", 1 << 20, "end").unwrap();
    let (before, _, held) = at();
    drop(held);
    db.set_range("long", 5, "x").unwrap();
    db.set_bit("long", 1, true).unwrap();
    assert_eq!(at().0, before);

    let (_, _, held) = at();
    db.set_bit("long", 2, true).unwrap();
    assert_ne!(at().0, before, "somebody still sends the old bytes");
    assert_eq!(held[0], 0x40);
    drop(held);

    let mut moves = 0;
    let mut place = at().0;
    for _ in 0..(1 << 20) / 1024 {
        db.append("long", [1; 1024]).unwrap();
        moves += usize::from(at().0 != place);
        place = at().0;
    }
    assert!(moves <= 3, "an appending loop moved the string {moves} times");
}

#[test]
fn limits() {
    let (engine, db, _) = db();
    engine.core().keyspace.settings().proto_max_bulk_len.store(1 << 20, crate::sync::atomic::Ordering::Relaxed);
    assert_eq!(db.set_range("k", 1 << 20, "x"), Err(Error::TOO_LONG));
    assert_eq!(db.set_range("k", u64::MAX, "x"), Err(Error::TOO_LONG));
    assert_eq!(db.set_range("k", u64::MAX, ""), Ok(0));
    assert!(db.set_bit("k", 8 << 20, true).is_err());
    assert_eq!(db.get("k"), Ok(None));
    assert_eq!(db.set_bit("k", (8 << 20) - 1, true), Ok(false));
    assert_eq!(db.append("k", "x"), Err(Error::TOO_LONG));
    assert_eq!(db.strlen("k"), Ok(1 << 20));
    assert!(db.lcs("k", "k").is_err());
}

#[cfg(feature = "serde")]
#[test]
fn values_of_serde_s_types() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Point {
        x: i32,
        label: Option<String>,
    }
    let (_, db, _) = db();
    let point = Point { x: -3, label: Some("here".into()) };
    db.set_as("point", &point).unwrap();
    assert_eq!(db.get_as("point").unwrap(), Some(point));
    assert_eq!(db.get_as::<Point>("nothing").unwrap(), None);
    db.set("short", "").unwrap();
    assert!(db.get_as::<Point>("short").is_err());
}
