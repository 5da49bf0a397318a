//! Random operations beside a plain model, across the encoding thresholds, and their effects replayed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails has to say so")]

mod model;

use proptest::prelude::*;

use self::model::{Model, all_keys, step};
use crate::api::recorder::Recorder;
use crate::command::{Origin, Output};
use crate::keyspace::Effect;
use crate::{AddOptions, Db, Engine, Error, Options, ScoreRange, ZCombine, ZRange};

/// An engine whose sorted sets grow big early.
fn open() -> Engine {
    let engine = Engine::open(Options::new().stripes(4)).unwrap();
    engine.execute(&["CONFIG", "SET", "zset-max-listpack-entries", "16"]).unwrap();
    engine.execute(&["CONFIG", "SET", "zset-max-listpack-value", "20"]).unwrap();
    engine
}

/// Runs effects through a session of another engine.
fn replay(effects: &[Effect]) -> Engine {
    let engine = open();
    let mut session = engine.session(Origin::default(), None);
    let mut output = Output::default();
    for effect in effects {
        let mut input = Vec::new();
        effect.write_to(&mut input);
        session.feed(&input, &mut output);
        let reply = output.to_vec();
        assert_ne!(reply.first(), Some(&b'-'), "{effect:?} {}", String::from_utf8_lossy(&reply));
        output.clear();
    }
    drop(session);
    engine
}

fn contents(db: &Db) -> Vec<Vec<(Vec<u8>, u64)>> {
    let bits = |(member, score): (Vec<u8>, f64)| (member, (score + 0.0).to_bits());
    all_keys()
        .iter()
        .map(|key| {
            let all = db.zrange_with_scores(key, &ZRange::by_rank(0, -1)).unwrap();
            all.into_iter().map(bits).collect()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn behaves_like_the_model_and_replays(steps in prop::collection::vec(step(), 1..60)) {
        let engine = open();
        let recorder = Recorder::of(&engine);
        let db = engine.db(0).unwrap();
        let mut model = Model::default();
        for step in &steps {
            prop_assert_eq!(step.run(&db), model.run(step), "{:?}", step);
            for key in all_keys() {
                prop_assert_eq!(db.zcard(&key).unwrap(), model.card(&key), "{:?} after {:?}", key, step);
            }
        }
        prop_assert_eq!(contents(&db), model.contents());
        let other = replay(&recorder.effects.lock());
        prop_assert_eq!(contents(&other.db(0).unwrap()), model.contents());
    }
}

#[test]
fn events_name_what_has_happened() {
    let engine = open();
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    db.zadd("z", &[(1.0, "a"), (2.0, "b"), (3.0, "c"), (4.0, "d")]).unwrap();
    db.zadd("z", &[(1.0, "a")]).unwrap();
    db.zincr_by("z", 1.0, "a").unwrap();
    db.zunion_store("u", &ZCombine::new(&["z"])).unwrap();
    db.zrange_store("r", "z", &ZRange::by_rank(0, 0)).unwrap();
    db.zrem("r", &["a", "b", "x"]).unwrap();
    db.zpop_min("u", 1).unwrap();
    db.zpop_max("u", 9).unwrap();
    db.zrem_range_by_rank("z", 0, 0).unwrap();
    db.zrem_range_by_score("z", &ScoreRange::all()).unwrap();
    db.zinter_store("x", &ZCombine::new(&["z"])).unwrap();
    let events = recorder.take_events().join(", ");
    assert_eq!(
        events,
        "zadd z, zincr z, zunionstore u, zrangestore r, zrem r, del r, zpopmin u, zpopmax u, del u, \
         zremrangebyrank z, zremrangebyscore z, del z"
    );
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_changed() {
    let engine = open();
    let db = engine.db(0).unwrap();
    db.zadd("z", &[(f64::INFINITY, "a")]).unwrap();
    assert_eq!(db.zadd("z", &[(1.0, "b"), (f64::NAN, "c")]), Err(Error::NOT_FLOAT));
    assert_eq!(db.zincr_by("z", f64::NAN, "a"), Err(Error::NOT_FLOAT));
    let error = db.zincr_by("z", f64::NEG_INFINITY, "a").unwrap_err();
    assert_eq!(error.text(), "ERR resulting score is not a number (NaN)");
    let error = db.zadd_with("z", &[(1.0, "a")], AddOptions::new().nx().gt()).unwrap_err();
    assert_eq!(error.text(), "ERR GT, LT, and/or NX options at the same time are not compatible");
    let error = db.zadd_with("z", &[(1.0, "a")], AddOptions::new().nx().xx()).unwrap_err();
    assert_eq!(error.text(), "ERR XX and NX options at the same time are not compatible");
    assert_eq!(db.zrange_with_scores("z", &ZRange::by_rank(0, -1)).unwrap(), [(b"a".to_vec(), f64::INFINITY)]);
    db.set("s", "x").unwrap();
    assert_eq!(db.zadd("s", &[(1.0, "a")]), Err(Error::WRONG_TYPE));
    assert_eq!(db.zcard("s"), Err(Error::WRONG_TYPE));
    assert_eq!(db.zunion_store("z", &ZCombine::new(&["z", "s"])), Err(Error::WRONG_TYPE));
    assert_eq!(db.zpop_min("s", 1), Err(Error::WRONG_TYPE));
    assert_eq!(db.get("s").unwrap().as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_scan_gives_each_member_once_while_others_come_and_go() {
    let engine = open();
    let db = engine.db(0).unwrap();
    let stays: Vec<(f64, String)> = (0..2000).map(|i| (f64::from(i), format!("stays:{i}"))).collect();
    db.zadd("z", &stays).unwrap();
    let (mut cursor, mut found, mut round) = (0, Vec::new(), 0);
    loop {
        let (next, more) = db.zscan("z", cursor, Some("stays:*"), 20).unwrap();
        found.extend(more.into_iter().map(|(member, _)| member));
        let guest = |n: i32| format!("guest:{n}");
        let guests: Vec<(f64, String)> = (0..50).map(|i| (0.5, guest(round * 50 + i))).collect();
        db.zadd("z", &guests).unwrap();
        if round > 20 {
            let leaves: Vec<String> = (0..50).map(|i| guest((round - 20) * 50 + i)).collect();
            db.zrem("z", &leaves).unwrap();
        }
        round += 1;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    found.sort();
    let mut all: Vec<Vec<u8>> = stays.into_iter().map(|(_, member)| member.into_bytes()).collect();
    all.sort();
    assert_eq!(found, all);
}

#[test]
fn random_members_are_members() {
    let engine = open();
    let db = engine.db(0).unwrap();
    for size in [10, 300] {
        let pairs: Vec<(f64, String)> = (0..size).map(|i| (f64::from(i), format!("m{i}"))).collect();
        db.zadd("z", &pairs).unwrap();
        for (count, given) in [(5, 5), (size - 1, size - 1), (1000, size), (-50, 50), (0, 0)] {
            let mut members = db.zrand_members("z", i64::from(count)).unwrap();
            assert_eq!(members.len(), given as usize);
            assert!(members.iter().all(|(m, score)| *m == format!("m{score}").into_bytes()));
            if count > 0 {
                members.sort_by(|a, b| a.0.cmp(&b.0));
                members.dedup();
                assert_eq!(members.len(), given as usize, "no member twice");
            }
        }
    }
    assert_eq!(db.zrand_member("nothing").unwrap(), None);
}
