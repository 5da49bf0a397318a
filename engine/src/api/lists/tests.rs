//! Lists through the whole engine: effects, events, memory.
#![allow(clippy::unwrap_used)]

use crate::api::recorder::Recorder;
use crate::{Engine, Error, Options, Side};

#[test]
fn effects_and_events_are_those_of_redis() {
    let engine = Engine::open(Options::new()).unwrap();
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    let expect = |effects: &[&str], events: &[&str]| {
        assert_eq!(recorder.take_effects(), effects);
        assert_eq!(recorder.take_events(), events);
    };
    db.rpush("k", ["a", "b", "c"]).unwrap();
    expect(&["RPUSH k a b c"], &["rpush k"]);
    db.lpushx("no", ["a"]).unwrap();
    db.rpush("no", [b""; 0]).unwrap();
    expect(&[], &[]);
    db.ltrim("k", 0, -1).unwrap();
    expect(&[], &["ltrim k"]);
    db.lset("k", -1, "d").unwrap();
    expect(&["LSET k -1 d"], &["lset k"]);
    db.linsert_after("k", "d", "e").unwrap();
    expect(&["LINSERT k AFTER d e"], &["linsert k"]);
    assert_eq!(db.linsert_after("k", "none", "e").unwrap(), None);
    db.lrem("k", 0, "none").unwrap();
    expect(&[], &[]);
    db.lrem("k", -1, "b").unwrap();
    expect(&["LREM k -1 b"], &["lrem k"]);
    db.lmove("k", "to", Side::Left, Side::Right).unwrap();
    expect(&["LMOVE k to LEFT RIGHT"], &["rpush to", "lpop k"]);
    db.lpop_many("k", 9).unwrap();
    expect(&["LPOP k 2"], &["lpop k", "del k"]);
    db.rpoplpush("to", "k").unwrap();
    expect(&["LMOVE to k RIGHT LEFT"], &["lpush k", "rpop to", "del to"]);
    db.rpoplpush("k", "k").unwrap();
    expect(&["LMOVE k k RIGHT LEFT"], &["lpush k", "rpop k"]);
    db.ltrim("k", 5, 6).unwrap();
    expect(&["LTRIM k 5 6"], &["ltrim k", "del k"]);
    assert_eq!(db.size().unwrap(), 0);
}

#[test]
fn a_refused_command_changes_nothing() {
    let db = Engine::open(Options::new()).unwrap().db(0).unwrap();
    db.set("string", "x").unwrap();
    db.rpush("list", ["a"]).unwrap();
    assert_eq!(db.lmove("list", "string", Side::Left, Side::Left), Err(Error::WRONG_TYPE));
    assert_eq!(db.lmove("string", "list", Side::Left, Side::Left), Err(Error::WRONG_TYPE));
    assert_eq!(db.lmove("none", "string", Side::Left, Side::Left), Ok(None));
    assert_eq!(db.lpush("string", ["a"]), Err(Error::WRONG_TYPE));
    assert_eq!(db.lset("none", 0, "a"), Err(Error::NO_SUCH_KEY));
    assert_eq!(db.lset("list", 1, "b"), Err(Error::OUT_OF_RANGE));
    assert_eq!(db.lset("list", i64::MIN, "b"), Err(Error::OUT_OF_RANGE));
    assert_eq!(db.lindex("list", i64::MIN), Ok(None));
    assert_eq!(db.get("list"), Err(Error::WRONG_TYPE));
    assert_eq!(db.lmpop(["none", "string", "list"], Side::Left, 1), Err(Error::WRONG_TYPE));
    assert_eq!(db.lrange("list", i64::MIN, i64::MAX).unwrap(), [b"a"]);
    assert_eq!(db.lrange("list", i64::MAX, i64::MIN).unwrap(), [b""; 0]);
}

#[test]
fn memory_is_given_back() {
    let engine = Engine::open(Options::new()).unwrap();
    let db = engine.db(0).unwrap();
    // The first key of a stripe brings a table that stays.
    db.rpush("list", ["a"]).unwrap();
    db.del("list").unwrap();
    let before = engine.core().keyspace.used_bytes();
    for n in 0..10_000 {
        db.rpush("list", [format!("element {n}")]).unwrap();
    }
    db.linsert_before("list", "element 5000", vec![b'x'; 20_000]).unwrap();
    assert!(engine.core().keyspace.used_bytes() > before + 100_000);
    assert_eq!(db.lindex("list", 5000).unwrap().unwrap().len(), 20_000);
    assert_eq!(db.rpop_many("list", usize::MAX).unwrap().len(), 10_001);
    assert_eq!(engine.core().keyspace.used_bytes(), before);
}
