//! Hashes with deadlines of fields under a clock that is turned by hand, beside a plain map; their effects replayed.
#![allow(clippy::unwrap_used, reason = "a test that fails has to say so")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::api::recorder::Recorder;
use crate::keyspace::{Access, ValueRef, View};
use crate::{
    Clock, Db, Engine, Error, Expiry, FieldExpired, FieldSetOptions, GetExpiry, ManualClock, Options, Ttl, Value,
};

const START: u64 = 1_000_000;

fn open() -> (Engine, Db, ManualClock, Arc<Recorder>) {
    let clock = ManualClock::new(Duration::from_millis(START));
    let engine = Engine::open(Options::new().clock(Clock::Manual(clock.clone())).stripes(2)).unwrap();
    engine.execute(&["CONFIG", "SET", "hash-max-listpack-entries", "4"]).unwrap();
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    (engine, db, clock, recorder)
}

type Contents = BTreeMap<(Vec<u8>, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// All fields of all keys, whatever the time.
fn contents(engine: &Engine) -> Contents {
    let view = View::all(&engine.core().keyspace, 0, 0, Access::Read).unwrap();
    let mut all = Contents::new();
    for table in view.tables() {
        table.for_each(|entry| {
            let ValueRef::Hash(hash) = entry.value() else { return };
            assert!(!hash.is_empty());
            hash.for_each_with_deadline(|field, value, deadline| {
                all.insert((entry.key().to_vec(), field.to_vec()), (value.to_vec(), deadline));
            });
        });
    }
    all
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, u8, u8),
    SetEx(u8, u8, u8, i64),
    SetKeep(u8, u8, u8),
    Del(u8, u8),
    GetDel(u8, u8),
    Incr(u8, u8),
    IncrFloat(u8, u8),
    Expire(u8, u8, i64),
    GetEx(u8, u8, i64),
    Persist(u8, u8),
    Rename(u8, u8),
    ExpireKey(u8, u64),
    Wait(u64),
    Round,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, field, at) = (0..3_u8, 0..10_u8, 0..60_i64);
    let place = (key.clone(), field);
    prop::collection::vec(
        prop_oneof![
            8 => (place.clone(), any::<u8>()).prop_map(|((k, f), v)| Step::Set(k, f, v)),
            4 => (place.clone(), any::<u8>(), at.clone()).prop_map(|((k, f), v, at)| Step::SetEx(k, f, v, at)),
            2 => (place.clone(), any::<u8>()).prop_map(|((k, f), v)| Step::SetKeep(k, f, v)),
            2 => place.clone().prop_map(|(k, f)| Step::Del(k, f)),
            1 => place.clone().prop_map(|(k, f)| Step::GetDel(k, f)),
            2 => place.clone().prop_map(|(k, f)| Step::Incr(k, f)),
            2 => place.clone().prop_map(|(k, f)| Step::IncrFloat(k, f)),
            6 => (place.clone(), at.clone()).prop_map(|((k, f), at)| Step::Expire(k, f, at)),
            2 => (place.clone(), at).prop_map(|((k, f), at)| Step::GetEx(k, f, at)),
            2 => place.prop_map(|(k, f)| Step::Persist(k, f)),
            1 => (key.clone(), key.clone()).prop_map(|(a, b)| Step::Rename(a, b)),
            1 => (key, 1..80_u64).prop_map(|(k, ms)| Step::ExpireKey(k, ms)),
            4 => (1..30_u64).prop_map(Step::Wait),
            2 => Just(Step::Round),
        ],
        1..60,
    )
}

/// Hashes by key: the key's deadline, and its fields with their values and deadlines.
type Model = BTreeMap<u8, (Option<u64>, BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>)>;

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let (engine, db, clock, recorder) = open();
    let key = |k: u8| format!("k{k}").into_bytes();
    let field = |f: u8| format!("f{f}").into_bytes();
    let mut model = Model::new();
    let mut now = START;
    for step in steps {
        // What is due is not there any more.
        model.retain(|_, (deadline, fields)| {
            fields.retain(|_, (_, at)| at.is_none_or(|at| now <= at));
            !fields.is_empty() && deadline.is_none_or(|at| now <= at)
        });
        let in_model =
            |model: &Model, k: u8, f: u8| model.get(&k).and_then(|(_, fields)| fields.get(&field(f)).cloned());
        match *step {
            Step::Set(k, f, v) => {
                let is_new = model.entry(k).or_default().1.insert(field(f), (vec![b'0' + v % 10], None)).is_none();
                prop_assert_eq!(db.hset(key(k), field(f), [b'0' + v % 10]).unwrap(), is_new);
            }
            Step::SetEx(k, f, v, ms) => {
                let options = FieldSetOptions::new().expiry(Expiry::Px(ms));
                prop_assert!(db.hsetex(key(k), &[(field(f), [b'0' + v % 10])], &options).unwrap());
                let fields = &mut model.entry(k).or_default().1;
                if ms == 0 {
                    fields.remove(&field(f));
                } else {
                    fields.insert(field(f), (vec![b'0' + v % 10], Some(now + ms as u64)));
                }
            }
            Step::SetKeep(k, f, v) => {
                prop_assert!(
                    db.hsetex(key(k), &[(field(f), [b'0' + v % 10])], &FieldSetOptions::new().keep_ttl()).unwrap()
                );
                let fields = &mut model.entry(k).or_default().1;
                let at = fields.get(&field(f)).and_then(|(_, at)| *at);
                fields.insert(field(f), (vec![b'0' + v % 10], at));
            }
            Step::Del(k, f) => {
                let there = in_model(&model, k, f).is_some();
                prop_assert_eq!(db.hdel(key(k), &[field(f)]).unwrap(), usize::from(there));
                model.entry(k).or_default().1.remove(&field(f));
            }
            Step::GetDel(k, f) => {
                let there = in_model(&model, k, f).map(|(value, _)| value);
                prop_assert_eq!(db.hgetdel(key(k), &[field(f)]).unwrap(), [there]);
                model.entry(k).or_default().1.remove(&field(f));
            }
            Step::Incr(k, f) | Step::IncrFloat(k, f) => {
                let (value, at) = in_model(&model, k, f).unwrap_or((b"0".to_vec(), None));
                let old: i64 = String::from_utf8(value).unwrap().parse().unwrap();
                if let Step::Incr(..) = step {
                    prop_assert_eq!(db.hincrby(key(k), field(f), 3).unwrap(), old + 3);
                } else {
                    prop_assert!((db.hincrbyfloat(key(k), field(f), 3.0).unwrap() - (old + 3) as f64).abs() < 1e-9);
                }
                model.entry(k).or_default().1.insert(field(f), ((old + 3).to_string().into_bytes(), at));
            }
            Step::Expire(k, f, ms) => {
                let expected = match (in_model(&model, k, f), ms) {
                    (None, _) => FieldExpired::NoField,
                    (_, 0) => FieldExpired::Deleted,
                    _ => FieldExpired::Set,
                };
                prop_assert_eq!(db.hexpire(key(k), Expiry::Px(ms), &[field(f)]).unwrap(), [expected]);
                let fields = &mut model.entry(k).or_default().1;
                if ms == 0 {
                    fields.remove(&field(f));
                } else if let Some(field) = fields.get_mut(&field(f)) {
                    field.1 = Some(now + ms as u64);
                }
            }
            Step::GetEx(k, f, ms) => {
                let there = in_model(&model, k, f).map(|(value, _)| value);
                prop_assert_eq!(db.hgetex(key(k), GetExpiry::At(Expiry::Px(ms)), &[field(f)]).unwrap(), [there]);
                let fields = &mut model.entry(k).or_default().1;
                if ms == 0 {
                    fields.remove(&field(f));
                } else if let Some(field) = fields.get_mut(&field(f)) {
                    field.1 = Some(now + ms as u64);
                }
            }
            Step::Persist(k, f) => {
                let had = in_model(&model, k, f).is_some_and(|(_, at)| at.is_some());
                prop_assert_eq!(db.hpersist(key(k), &[field(f)]).unwrap(), [had]);
                if let Some(field) = model.entry(k).or_default().1.get_mut(&field(f)) {
                    field.1 = None;
                }
            }
            Step::Rename(a, b) => {
                if a != b && model.contains_key(&a) {
                    db.rename(key(a), key(b)).unwrap();
                    let moved = model.remove(&a).unwrap();
                    model.insert(b, moved);
                }
            }
            Step::ExpireKey(k, ms) => {
                if let Some((deadline, _)) = model.get_mut(&k) {
                    *deadline = Some(now + ms);
                    prop_assert!(db.expire(key(k), Duration::from_millis(ms)).unwrap());
                }
            }
            Step::Wait(ms) => {
                now += ms;
                clock.advance(Duration::from_millis(ms));
            }
            Step::Round => {
                engine.core().keyspace.expire_due(Duration::from_secs(9));
                let due = contents(&engine).values().any(|(_, at)| at.is_some_and(|at| now > at));
                prop_assert!(!due, "a round leaves nothing that is due");
            }
        }
        // An emptied hash has no key.
        model.retain(|_, (_, fields)| !fields.is_empty());
    }
    model.retain(|_, (deadline, fields)| {
        fields.retain(|_, (_, at)| at.is_none_or(|at| now <= at));
        !fields.is_empty() && deadline.is_none_or(|at| now <= at)
    });
    for k in 0..3 {
        let fields = model.get(&k).map(|(_, fields)| fields.clone()).unwrap_or_default();
        let seen: BTreeMap<_, _> = db.hgetall(key(k)).unwrap().into_iter().collect();
        prop_assert_eq!(&seen, &fields.iter().map(|(f, (v, _))| (f.clone(), v.clone())).collect::<BTreeMap<_, _>>());
        prop_assert_eq!(db.hlen(key(k)).unwrap(), fields.len());
        for (field, (_, at)) in fields {
            let ttl = at.map_or(Ttl::Never, |at| Ttl::In(Duration::from_millis(at - now)));
            prop_assert_eq!(db.httl(key(k), &[field]).unwrap(), [ttl]);
        }
    }
    // The effects alone give the same, with the clock at the start.
    engine.core().keyspace.expire_due(Duration::from_secs(9));
    let other = Engine::open(Options::new().clock(Clock::Manual(ManualClock::new(Duration::from_millis(1))))).unwrap();
    for effect in recorder.effects.lock().iter() {
        let reply = other.execute(&effect.argv()).unwrap();
        prop_assert!(!matches!(reply, Value::Error(_)), "{:?}", effect);
    }
    prop_assert_eq!(contents(&engine), contents(&other));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn behaves_like_the_model_and_replays(steps in steps()) {
        check(&steps)?;
    }
}

#[test]
fn events_are_valkey_s() {
    let (engine, db, clock, recorder) = open();
    let expect = |events: &[&str]| {
        assert_eq!(recorder.take_events(), events);
    };
    db.hset_many("h", &[("a", "1"), ("b", "2"), ("c", "3")]).unwrap();
    expect(&["hset h"]);
    db.hexpire("h", Expiry::Px(100), &["a", "zz"]).unwrap();
    expect(&["hexpire h"]);
    db.hexpire("h", Expiry::Px(0), &["b"]).unwrap();
    expect(&["hexpired h"]);
    db.hsetex("h", &[("d", "1")], &FieldSetOptions::new().expiry(Expiry::PxAt(1))).unwrap();
    expect(&["hset h", "hexpire h", "hexpired h"]);
    db.hpersist("h", &["a"]).unwrap();
    expect(&["hpersist h"]);
    db.hexpire("h", Expiry::Px(100), &["a", "c"]).unwrap();
    expect(&["hexpire h"]);
    clock.advance(Duration::from_millis(101));
    assert_eq!(db.hlen("h").unwrap(), 0);
    expect(&[]);
    engine.core().keyspace.expire_due(Duration::from_secs(9));
    expect(&["hexpired h", "del h"]);
    assert_eq!(engine.execute(&["EXISTS", "h"]).unwrap(), Value::Int(0));
    db.hset("h", "a", "1").unwrap();
    db.hexpire("h", Expiry::Px(100), &["a"]).unwrap();
    clock.advance(Duration::from_millis(101));
    expect(&["hset h", "hexpire h"]);
    assert_eq!(db.hincrby("h", "a", 5).unwrap(), 5, "a writer removes what is due first");
    expect(&["hexpired h", "del h", "hincrby h"]);
    assert_eq!(db.httl("h", &["a"]).unwrap(), [Ttl::Never]);
}

#[test]
fn a_round_takes_a_large_hash_in_portions() {
    let (engine, db, clock, _) = open();
    let pairs: Vec<_> = (0..5000).map(|n| (format!("f{n}"), "v")).collect();
    db.hsetex("h", &pairs, &FieldSetOptions::new().expiry(Expiry::Px(10))).unwrap();
    db.hset("h", "stays", "v").unwrap();
    clock.advance(Duration::from_millis(11));
    assert!(engine.core().keyspace.expire_due(Duration::from_secs(9)).complete);
    assert_eq!(db.hkeys("h").unwrap(), [b"stays"]);
    assert_eq!(contents(&engine).len(), 1);
}

#[test]
fn a_held_deadline_only_hides() {
    let (engine, db, clock, _) = open();
    db.hset_many("h", &[("a", "1"), ("b", "2")]).unwrap();
    db.hexpire("h", Expiry::Px(10), &["a"]).unwrap();
    engine.core().keyspace.hold_expired(true);
    clock.advance(Duration::from_millis(11));
    db.hset("h", "c", "3").unwrap();
    assert_eq!((db.hlen("h").unwrap(), contents(&engine).len()), (2, 3));
    engine.core().keyspace.hold_expired(false);
    db.hset("h", "c", "3").unwrap();
    assert_eq!(contents(&engine).len(), 2);
}

#[test]
fn other_types_are_refused() {
    let (_, db, _, _) = open();
    db.set("s", "x").unwrap();
    assert_eq!(db.hset("s", "a", "1"), Err(Error::WRONG_TYPE));
    assert_eq!(db.hget("s", "a"), Err(Error::WRONG_TYPE));
    assert_eq!(db.hexpire("s", Expiry::Ex(1), &["a"]), Err(Error::WRONG_TYPE));
    assert_eq!(db.hscan("s").next(), Some(Err(Error::WRONG_TYPE)));
}
