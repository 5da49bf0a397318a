//! Random operations against a plain model, through the whole engine, and their effects replayed into another one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails has to say so")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::api::recorder::Recorder;
use crate::{Db, Engine, Error, Options};

type Model = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

const KEYS: [&str; 3] = ["a", "b", "c"];

fn open() -> Engine {
    let engine = Engine::open(Options::new().stripes(4)).unwrap();
    for (name, value) in
        [("set-max-intset-entries", "12"), ("set-max-listpack-entries", "8"), ("set-max-listpack-value", "10")]
    {
        engine.execute(&["CONFIG", "SET", name, value]).unwrap();
    }
    engine
}

fn sorted(members: Vec<Vec<u8>>) -> BTreeSet<Vec<u8>> {
    let len = members.len();
    let set: BTreeSet<_> = members.into_iter().collect();
    assert_eq!(set.len(), len, "a member twice");
    set
}

fn contents(db: &Db) -> Model {
    let all = KEYS.map(|key| (key, sorted(db.smembers(key).unwrap())));
    all.into_iter().filter(|(_, set)| !set.is_empty()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Add(&'static str, Vec<Vec<u8>>),
    Remove(&'static str, Vec<Vec<u8>>),
    Pop(&'static str, usize),
    Move(&'static str, &'static str, Vec<u8>),
    Store(usize, &'static str, Vec<&'static str>),
    Random(&'static str, usize),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..20u32).prop_map(|n| n.to_string().into_bytes()),
        2 => "[a-c]{0,2}".prop_map(String::into_bytes),
        1 => Just(b"a longer member than fits".to_vec()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::sample::select(&KEYS[..]);
    let members = || prop::collection::vec(member(), 1..8);
    prop_oneof![
        5 => (key(), members()).prop_map(|(k, m)| Step::Add(k, m)),
        2 => (key(), members()).prop_map(|(k, m)| Step::Remove(k, m)),
        1 => (key(), 0..30usize).prop_map(|(k, n)| Step::Pop(k, n)),
        1 => (key(), key(), member()).prop_map(|(a, b, m)| Step::Move(a, b, m)),
        2 => (0..3usize, key(), prop::collection::vec(key(), 1..4)).prop_map(|(how, d, k)| Step::Store(how, d, k)),
        1 => (key(), 0..30usize).prop_map(|(k, n)| Step::Random(k, n)),
    ]
}

/// The result of a combination, by its definition.
fn combined(model: &Model, how: usize, keys: &[&'static str]) -> BTreeSet<Vec<u8>> {
    let mut sets = keys.iter().map(|key| model.get(key).cloned().unwrap_or_default());
    let first = sets.next().unwrap();
    sets.fold(first, |a, b| match how {
        0 => &a & &b,
        1 => &a | &b,
        _ => &a - &b,
    })
}

fn apply(db: &Db, model: &mut Model, step: Step) {
    match step {
        Step::Add(key, members) => {
            let set = model.entry(key).or_default();
            let added = members.iter().filter(|m| set.insert((*m).clone())).count();
            assert_eq!(db.sadd(key, &members).unwrap(), added);
        }
        Step::Remove(key, members) => {
            let set = model.entry(key).or_default();
            let removed = members.iter().filter(|m| set.remove(*m)).count();
            assert_eq!(db.srem(key, &members).unwrap(), removed);
        }
        Step::Pop(key, count) => {
            let set = model.entry(key).or_default();
            let popped = sorted(db.spop_many(key, count).unwrap());
            assert_eq!(popped.len(), count.min(set.len()));
            assert!(popped.iter().all(|m| set.remove(m)));
        }
        Step::Move(from, to, member) => {
            let moves = model.get(from).is_some_and(|set| set.contains(&member));
            assert_eq!(db.smove(from, to, &member).unwrap(), moves);
            if moves {
                model.entry(from).or_default().remove(&member);
                model.entry(to).or_default().insert(member);
            }
        }
        Step::Store(how, dest, keys) => {
            let result = combined(model, how, &keys);
            let read = [db.sinter(&keys), db.sunion(&keys), db.sdiff(&keys)][how].clone().unwrap();
            assert_eq!(sorted(read), result);
            if how == 0 {
                assert_eq!(db.sintercard(&keys, None).unwrap(), result.len());
                assert_eq!(db.sintercard(&keys, Some(2)).unwrap(), result.len().min(2));
            }
            let stored = match how {
                0 => db.sinterstore(dest, &keys),
                1 => db.sunionstore(dest, &keys),
                _ => db.sdiffstore(dest, &keys),
            };
            assert_eq!(stored.unwrap(), result.len());
            model.insert(dest, result);
        }
        Step::Random(key, count) => {
            let set = model.entry(key).or_default();
            let drawn = sorted(db.srandmembers(key, count).unwrap());
            assert_eq!(drawn.len(), count.min(set.len()));
            assert!(drawn.is_subset(set));
            assert_eq!(db.srandmember(key).unwrap().is_some(), !set.is_empty());
        }
    }
    model.retain(|_, set| !set.is_empty());
}

proptest! {
    #[test]
    fn sets_like_plain_ones_and_replayed(steps in prop::collection::vec(step(), 0..60)) {
        let (engine, other) = (open(), open());
        let recorder = Recorder::of(&engine);
        let (db, mut model) = (engine.db(0).unwrap(), Model::new());
        for step in steps {
            apply(&db, &mut model, step);
            prop_assert_eq!(&contents(&db), &model);
            for key in KEYS {
                let there = model.contains_key(key);
                prop_assert_eq!(db.exists(key).unwrap(), there, "{}", key);
                prop_assert_eq!(db.scard(key).unwrap(), model.get(key).map_or(0, BTreeSet::len));
            }
        }
        for effect in recorder.effects.lock().iter() {
            other.execute(&effect.argv()).unwrap();
        }
        prop_assert_eq!(contents(&other.db(0).unwrap()), model);
        for key in KEYS {
            db.del(key).unwrap();
        }
        prop_assert_eq!(engine.core().keyspace.db_size(0).unwrap().keys, 0);
    }
}

#[test]
fn changes_are_announced_as_redis_does() {
    let engine = open();
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    db.sadd("a", &["1", "2", "3"]).unwrap();
    db.sadd("a", &["1"]).unwrap();
    db.smove("a", "b", "1").unwrap();
    db.spop("b").unwrap();
    db.sunionstore("c", &["a"]).unwrap();
    db.sinterstore("c", &["a", "nothing"]).unwrap();
    db.srem("a", &["2", "3", "4"]).unwrap();
    let events = recorder.take_events().join(", ");
    assert_eq!(events, "sadd a, srem a, sadd b, spop b, del b, sunionstore c, del c, srem a, del a");
}

#[test]
fn other_types_are_refused_and_left_alone() {
    let db = open().db(0).unwrap();
    db.set("string", "x").unwrap();
    db.sadd("set", &["x"]).unwrap();
    assert_eq!(db.sadd("string", &["y"]), Err(Error::WRONG_TYPE));
    assert_eq!(db.smove("set", "string", "x"), Err(Error::WRONG_TYPE));
    assert_eq!(db.sinterstore("set", &["nothing", "string"]), Err(Error::WRONG_TYPE));
    assert_eq!(db.smembers("set").unwrap(), [b"x"]);
    assert_eq!(db.sunionstore("string", &["set"]), Ok(1));
}
