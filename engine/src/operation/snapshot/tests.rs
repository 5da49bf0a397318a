//! Files that are one moment, whatever happens while they are written.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::Duration;

use carnelian_tests::share;
use proptest::prelude::*;

use super::{Progress, load, save, save_with};
use crate::command::Value;
use crate::keyspace::tests::check_accounts;
use crate::session::Connection;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::{Clock, Engine, ManualClock, Options};

const START: u64 = 1_700_000_000_000;

fn engine() -> (Engine, ManualClock) {
    engine_at(START)
}

fn engine_at(now: u64) -> (Engine, ManualClock) {
    let clock = ManualClock::new(Duration::from_millis(now));
    let options = Options::new().databases(4).stripes(4).seed(7).clock(Clock::Manual(clock.clone()));
    (Engine::open(options.config("enable-debug-command", "yes")).unwrap(), clock)
}

/// An engine that holds what a file does, at a time.
fn loaded(file: &[u8], now: u64) -> Engine {
    let (engine, _) = engine_at(now);
    load(&engine.core().keyspace, file, engine.core().keyspace.clock().millis(), |_| Ok(())).unwrap();
    engine
}

fn saved(engine: &Engine, between: impl FnMut()) -> Vec<u8> {
    let (space, out) = (&engine.core().keyspace, Cursor::new(Vec::new()));
    save_with(space, &[], out, || (Vec::new(), ()), &Progress::default(), between).unwrap().0.into_inner()
}

fn run(connection: &mut Connection, argv: &[String]) -> Option<Value> {
    connection.execute(argv).ok()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// All that is there, in words.
fn state(engine: &Engine) -> BTreeMap<(u32, String), String> {
    // Nothing is to go while it is looked at: hashes whose last fields are due are listed until somebody deletes them.
    while !engine.core().keyspace.expire_due(Duration::from_secs(1)).complete {}
    let mut found = BTreeMap::new();
    let mut connection = engine.connect();
    for db in 0..4 {
        let mut ask = |argv: &[&str]| {
            run(&mut connection, &argv.iter().map(|&word| word.to_owned()).collect::<Vec<_>>()).unwrap()
        };
        ask(&["SELECT", &db.to_string()]);
        let Value::Array(keys) = ask(&["KEYS", "*"]) else { panic!("no array") };
        for key in keys {
            let Value::Bulk(key) = key else { panic!("no key") };
            let key = String::from_utf8(key).unwrap();
            let kind = format!("{:?}", ask(&["TYPE", &key]));
            let (digest, deadline) = (ask(&["DEBUG", "DIGEST-VALUE", &key]), ask(&["PEXPIRETIME", &key]));
            let mut text = format!("{kind} {digest:?} {deadline:?}");
            if kind.contains("hash") {
                let Value::Array(mut fields) = ask(&["HKEYS", &key]) else { panic!("no fields") };
                fields.sort_by_key(|field| format!("{field:?}"));
                for field in fields {
                    let Value::Bulk(field) = field else { panic!("no field") };
                    let field = String::from_utf8(field).unwrap();
                    text += &format!("{:?}", ask(&["HPEXPIRETIME", &key, "FIELDS", "1", &field]));
                }
            }
            found.insert((db, key), text);
        }
    }
    found
}

/// What may come between two steps.
#[derive(Clone, Debug)]
enum Op {
    Command(u32, Vec<String>),
    Wait(u64),
}

/// Commands of all types, for collections that are small, large, new, and gone.
fn command() -> impl Strategy<Value = Vec<String>> {
    let patterns = prop::sample::select(vec![
        "SET K N",
        "SET K word-N",
        "SET K L",
        "SET K N PX N",
        "SETRANGE K 20000 x",
        "APPEND K tail-N",
        "INCRBY K N",
        "SETBIT K N 1",
        "BITFIELD K SET u8 N 7",
        "GETDEL K",
        "GETEX K PX N",
        "GETEX K PERSIST",
        "PFADD K a b N",
        "BITOP NOT K K",
        "DEL K",
        "UNLINK K K",
        "RENAME K K",
        "RENAMENX K K",
        "COPY K K REPLACE",
        "COPY K K DB D",
        "MOVE K D",
        "SWAPDB D D",
        "FLUSHDB",
        "FLUSHDB ASYNC",
        "FLUSHALL",
        "PEXPIRE K N",
        "PERSIST K",
        "PEXPIREAT K 1600000000000",
        "RPUSH K N a b",
        "LPUSH K L",
        "LPOP K",
        "RPOP K 2",
        "LSET K 0 N",
        "LTRIM K 1 5",
        "LINSERT K BEFORE a N",
        "LMOVE K K LEFT RIGHT",
        "LREM K 0 a",
        "SADD K N a b",
        "SADD K N 1 2",
        "SREM K a N",
        "SMOVE K K a",
        "SUNIONSTORE K K K",
        "SINTERSTORE K K K",
        "HSET K N v",
        "HSET K a N b N",
        "HDEL K a N",
        "HINCRBY K a N",
        "HPEXPIRE K N FIELDS 2 a b",
        "HPERSIST K FIELDS 1 a",
        "ZADD K N a",
        "ZADD K 5 N",
        "ZINCRBY K 2 a",
        "ZREM K a N",
        "ZPOPMIN K",
        "ZRANGESTORE K K 0 3",
        "ZREMRANGEBYRANK K 0 1",
        "ZUNIONSTORE K 2 K K",
        "XADD K N-* a b",
        "XADD K 1000-* f N",
        "XTRIM K MAXLEN 1",
        "XGROUP CREATE K g 0 MKSTREAM",
        "XREADGROUP GROUP g c COUNT 2 STREAMS K >",
        "XACK K g N-0",
        "XDEL K 1000-0",
        "XSETID K 9000-9",
        "SORT K ALPHA STORE K",
        "GET K",
        "LRANGE K 0 -1",
        "HGET K a",
        "MANY RPUSH K",
        "MANY SADD K",
        "MANY HSET K",
        "MANY ZADD K",
        "MANY XADD K",
        "MANY SET K",
        "MANY DEL K",
        "MANY HDEL K",
        "MANY SREM K",
        "MANY ZREM K",
    ]);
    (patterns, prop::collection::vec((0_usize..14, 0_u64..2_000, 0_u32..4), 6)).prop_map(|(pattern, random)| {
        let mut random = random.into_iter();
        pattern
            .split(' ')
            .map(|word| {
                let (key, n, db) = random.next().unwrap_or((3, 3, 3));
                match word {
                    "K" => format!("key:{key}"),
                    "N" => n.to_string(),
                    "D" => db.to_string(),
                    "L" => "long".repeat(4000 + n as usize),
                    word => word.replace("-N", &format!("-{n}")).replace("N-", &format!("{n}-")),
                }
            })
            .collect()
    })
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0_u32..4, command()).prop_map(|(db, argv)| Op::Command(if db == 3 { 0 } else { db }, argv)),
        1 => (1_u64..900).prop_map(Op::Wait),
    ]
}

fn apply(connection: &mut Connection, clock: &ManualClock, op: &Op) {
    let (db, argv) = match op {
        Op::Wait(millis) => return clock.advance(Duration::from_millis(*millis)),
        Op::Command(db, argv) => (db, argv),
    };
    run(connection, &words(&format!("SELECT {db}")));
    let [many, name, key] = argv.as_slice() else {
        run(connection, argv);
        return;
    };
    if many != "MANY" {
        run(connection, argv);
        return;
    }
    let list = |element: &dyn Fn(u64) -> String| (0..700).map(element).collect::<Vec<_>>().join(" ");
    let at_once = match name.as_str() {
        "ZADD" => list(&|n| format!("{} {n}", n % 70)),
        "HSET" => list(&|n| format!("{n} value:{n}")),
        "XADD" | "SET" | "DEL" => String::new(),
        _ => list(&|n| n.to_string()),
    };
    if !at_once.is_empty() {
        run(connection, &words(&format!("{name} {key} {at_once}")));
        return;
    }
    for n in 0..200 {
        run(
            connection,
            &words(&match name.as_str() {
                "XADD" => format!("XADD {key} {}-1 field {n}", n + 1),
                "SET" => format!("SET {key}:{n} {n}"),
                _ => format!("DEL {key}:{n}"),
            }),
        );
    }
}

/// Checks what is counted; first has every stripe tell what it has.
fn check(engine: &Engine) {
    let mut connection = engine.connect();
    for _ in 0..2 {
        run(&mut connection, &words("SWAPDB 0 1"));
    }
    check_accounts(&engine.core().keyspace);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: share(600) as u32, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_the_moment_at_which_it_was_begun(
        before in prop::collection::vec(op(), 1..60),
        during in prop::collection::vec((op(), prop::sample::select(vec![0_usize, 0, 0, 0, 0, 1, 2])), 0..120),
        again in any::<bool>(),
    ) {
        let ((live, clock), (twin, twin_clock)) = (engine(), engine());
        let (mut connection, mut twin_connection) = (live.connect(), twin.connect());
        for op in &before {
            apply(&mut connection, &clock, op);
            apply(&mut twin_connection, &twin_clock, op);
        }
        let mut rest = during.iter();
        for _ in 0..if again { 2 } else { 1 } {
            let (began, now, mut wait) = (state(&live), live.core().keyspace.clock().millis(), 0);
            let file = saved(&live, || {
                if wait > 0 {
                    wait -= 1;
                    return;
                }
                for (op, steps) in rest.by_ref() {
                    apply(&mut connection, &clock, op);
                    apply(&mut twin_connection, &twin_clock, op);
                    if *steps > 0 {
                        wait = *steps;
                        return;
                    }
                }
            });
            check(&live);
            prop_assert_eq!(state(&loaded(&file, now)), began);
            prop_assert_eq!(state(&live), state(&twin));
        }
    }
}

/// What is there at the beginning, and what is done to it before the walk has come to it: one pair for each way in which
/// an entry or a table changes or ends.
const CHANGES: &[(&str, &str)] = &[
    ("SET k 1", "SET k 2"),
    ("SET k abc", "SET k abd"),
    ("SET k abc", "SET k abcdef"),
    ("SET k abc", "DEL k"),
    ("SET k 1", "INCR k"),
    ("SET k LONG", "APPEND k x"),
    ("SET k LONG", "SETRANGE k 5 x"),
    ("SET k LONG", "SETBIT k 77 1"),
    ("SET k LONG", "SET k LONGER"),
    ("SET k v PX 5000", "PEXPIRE k 9000"),
    ("SET k v PX 5000", "SET k w PX 9000"),
    ("SET k v PX 5000", "PERSIST k"),
    ("SET k v", "PEXPIRE k 9000"),
    ("SET k LONG", "PEXPIRE k 9000"),
    ("RPUSH k a b", "PEXPIRE k 9000"),
    ("RPUSH k a b", "RPUSH k c"),
    ("RPUSH k a b", "LSET k 0 c"),
    ("RPUSH k a", "LPOP k"),
    ("SADD k 1 2", "SADD k 3"),
    ("SADD k a b", "SREM k a"),
    ("HSET k a 1", "HINCRBY k a 1"),
    ("HSET k a 1", "HPEXPIRE k 9000 FIELDS 1 a"),
    ("HSET k a 1 b 2", "HDEL k a"),
    ("ZADD k 1 a", "ZADD k 2 a"),
    ("ZADD k 1 a 2 b", "ZPOPMIN k"),
    ("XADD k 1-1 a b", "XADD k 2-1 a b"),
    ("XADD k 1-1 a b", "XGROUP CREATE k g 0"),
    ("SET k v", "RENAME k l"),
    ("SET k LONG", "RENAME k l"),
    ("RPUSH k a b", "RENAME k l"),
    ("RPUSH k a b", "MOVE k 1"),
    ("SET l v", "COPY k l REPLACE"),
    ("SET k v", "FLUSHDB"),
    ("RPUSH k a b", "FLUSHDB ASYNC"),
    ("SET k v", "FLUSHALL"),
    ("SET k v", "SWAPDB 0 1"),
    ("HSET k a 1", "SWAPDB 0 2"),
];

/// What is done to a collection of which pieces have been given.
const CHANGES_OF_BIG: &[(&str, &[&str])] = &[
    (
        "HSET",
        &[
            "HSET k 5 new",
            "HSET k new 1",
            "HDEL k 5 6 7",
            "HPEXPIRE k 1000 FIELDS 2 5 6",
            "HPERSIST k FIELDS 1 9",
            "HSETEX k PX 5 FIELDS 1 8 x",
            "HSET k 5 new,HSET k 5 newer,HDEL k 5,HSET k 5 newest,HINCRBY k 5x 1,HDEL k 5x",
        ],
    ),
    (
        "SADD",
        &[
            "SADD k new newer",
            "SREM k 5,SADD k 5,SREM k 5,SADD k new,SREM k new",
            "SREM k 5 6 7",
            "SMOVE k l 5",
            "SPOP k 650",
            "SPOP k 800",
            "SUNIONSTORE k k l",
        ],
    ),
    (
        "ZADD",
        &[
            "ZADD k 7.5 5",
            "ZADD k 9 5,ZADD k 10 5,ZREM k 5,ZADD k 1 5,ZADD k 1 new,ZREM k new",
            "ZADD k 7 new",
            "ZREM k 5 6",
            "ZREMRANGEBYRANK k 5 600",
            "ZINCRBY k 3 5",
        ],
    ),
    ("RPUSH", &["LSET k 5 new", "RPUSH k x", "LTRIM k 5 6"]),
    ("XADD", &["XADD k 9000-1 f v", "XDEL k 5-1", "XTRIM k MAXLEN 5"]),
];

/// What is done to a key, whatever it is.
const ENDS: &str =
    "DEL k,UNLINK k,SET k text,RENAME k l,MOVE k 1,COPY k l,PEXPIRE k 9000,PERSIST k,FLUSHDB,FLUSHALL ASYNC,SWAPDB 0 1";

/// What is done some steps later.
const THEN: &str = ",DEL k,RENAME k m,HSET k again 1,SADD k again,ZADD k 1 again,FLUSHALL";

#[test]
fn a_collection_of_which_pieces_have_been_given_is_whole_in_the_file() {
    for (fill, changes) in CHANGES_OF_BIG {
        for (i, change) in changes.iter().copied().chain(ENDS.split(',')).enumerate() {
            // Each at the beginning, and at some other times, each with something else that follows.
            change_between_pieces(fill, change, 0, "");
            for (n, then) in THEN.split(',').enumerate().filter(|(n, _)| (n + i) % 3 == 0) {
                change_between_pieces(fill, change, 1 + n * n, then);
            }
        }
    }
}

fn change_between_pieces(fill: &str, change: &str, when: usize, then: &str) {
    let ((live, clock), (twin, twin_clock)) = (engine(), engine());
    let (mut connection, mut twin_connection) = (live.connect(), twin.connect());
    for (connection, clock) in [(&mut connection, &clock), (&mut twin_connection, &twin_clock)] {
        apply(connection, clock, &Op::Command(0, words(&format!("MANY {fill} k"))));
        for command in ["SET stays 1", "PEXPIRE k 5000", "HPEXPIRE k 4000 FIELDS 3 5 9 100"] {
            run(connection, &words(command));
        }
    }
    let (began, mut step, is_random) = (state(&live), 0, change.starts_with("SPOP"));
    let file = saved(&live, || {
        let commands = match step {
            n if n == when => change,
            n if n == when + 3 => then,
            _ => return step += 1,
        };
        step += 1;
        for command in commands.split(',') {
            run(&mut connection, &words(command));
            run(&mut twin_connection, &words(command));
        }
    });
    assert_eq!(state(&loaded(&file, START)), began, "{fill}, {change} at {when}, then {then}");
    assert!(is_random || state(&live) == state(&twin), "{fill}, {change} at {when}, then {then}");
    check(&live);
}

#[test]
fn whatever_is_done_to_a_key_is_not_in_a_file_that_was_begun_before() {
    for (before, change) in CHANGES {
        let ((live, _), (twin, _)) = (engine(), engine());
        let (mut connection, mut twin_connection) = (live.connect(), twin.connect());
        let text = |words: &str| words.replace("LONGER", &"y".repeat(30_000)).replace("LONG", &"x".repeat(20_000));
        for command in ["SET k other", "SET l another", "DEL k l", &text(before)] {
            run(&mut connection, &words(command)).unwrap();
            run(&mut twin_connection, &words(command)).unwrap();
        }
        run(&mut connection, &words("SET k:2 stays")).unwrap();
        run(&mut twin_connection, &words("SET k:2 stays")).unwrap();
        let began = state(&live);
        let mut command = Some(text(change));
        let file = saved(&live, || {
            if let Some(command) = command.take() {
                assert!(run(&mut connection, &words(&command)).is_some(), "{change}");
                run(&mut twin_connection, &words(&command));
            }
        });
        assert_eq!(state(&loaded(&file, START)), began, "{before}, {change}");
        assert_eq!(state(&live), state(&twin), "{before}, {change}");
        check(&live);
    }
}

/// The sum of all numbers and of all fields' values.
fn sum(engine: &Engine) -> i64 {
    let mut connection = engine.connect();
    let number = |value: &Value| match value {
        Value::Bulk(text) => std::str::from_utf8(text).unwrap().parse::<i64>().unwrap(),
        _ => 0,
    };
    let hash = match run(&mut connection, &words("HVALS accounts")) {
        Some(Value::Array(values)) => values.iter().map(number).sum(),
        _ => 0,
    };
    (0..100).filter_map(|n| run(&mut connection, &words(&format!("GET account:{n}")))).map(|v| number(&v)).sum::<i64>()
        + hash
}

#[test]
fn threads_that_transfer_leave_every_file_whole() {
    const FIELDS: u64 = 1_000;
    let (engine, _) = engine();
    let mut connection = engine.connect();
    for n in 0..100 {
        run(&mut connection, &words(&format!("SET account:{n} 10")));
    }
    for n in 0..FIELDS {
        run(&mut connection, &words(&format!("HSET accounts {n} 10")));
    }
    let (all, is_done) = (sum(&engine), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (engine, is_done) = (&engine, &is_done);
            scope.spawn(move || {
                let (mut seed, mut connection) = (thread + 1, engine.connect());
                while !is_done.load(Relaxed) {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let (one, other) = ((seed >> 20) % FIELDS, (seed >> 40) % FIELDS);
                    // From a key to another, from a field to a key, and a collection that goes and comes back.
                    let commands = match seed >> 60 {
                        0 => format!(
                            "RENAME accounts aside,RENAME aside accounts,INCR account:{},DECR account:0",
                            one % 100
                        ),
                        1..6 => format!("DECRBY account:{} 3,INCRBY account:{} 3", one % 100, other % 100),
                        6..10 => format!("HINCRBY accounts {one} -2,INCRBY account:{} 2", other % 100),
                        _ => format!("HINCRBY accounts {one} -5,HINCRBY accounts {other} 5"),
                    };
                    for command in ["MULTI"].into_iter().chain(commands.split(',')).chain(["EXEC"]) {
                        run(&mut connection, &words(command)).unwrap();
                    }
                }
            });
        }
        for n in 0..share(200) {
            let file = saved(&engine, || ());
            assert_eq!(sum(&loaded(&file, START)), all, "file {n}");
        }
        is_done.store(true, Relaxed);
    });
    assert_eq!(sum(&engine), all);
    check(&engine);
}

#[test]
fn a_file_that_is_called_off_leaves_no_trace() {
    let (engine, clock) = engine();
    let mut connection = engine.connect();
    for n in 0..2_000 {
        run(&mut connection, &words(&format!("SET key:{n} value:{n}")));
    }
    apply(&mut connection, &clock, &Op::Command(0, words("MANY SADD big")));
    apply(&mut connection, &clock, &Op::Command(0, words("MANY HSET another")));
    let (space, progress) = (&engine.core().keyspace, Progress::default());
    let mut step = 0;
    let result = save_with(
        space,
        &[],
        Cursor::new(Vec::new()),
        || (Vec::new(), ()),
        &progress,
        || {
            step += 1;
            match step {
                2..9 => drop(run(&mut connection, &words(&format!("SET key:{step} another value")))),
                9 => assert!(run(&mut connection, &words("SADD big new")).is_some()),
                10 => {
                    assert!(run(&mut connection, &words("DEL big")).is_some());
                    run(&mut connection, &words("FLUSHALL"));
                    run(&mut connection, &words("SET new 1"));
                    assert!(space.kept_for_snapshot().now() > 0);
                }
                15 => progress.is_called_off.store(true, Relaxed),
                _ => {}
            }
        },
    );
    assert_eq!(result.err().map(|e| e.kind()), Some(std::io::ErrorKind::Interrupted));
    assert!(!space.snapshot_runs());
    check(&engine);
    let file = saved(&engine, || ());
    assert_eq!(state(&loaded(&file, START)).len(), 1);
}

#[test]
fn collections_note_nothing_more_once_a_file_is_called_off() {
    for when in [1, 3, 8] {
        let (engine, clock) = engine();
        let mut connection = engine.connect();
        for fill in ["MANY SADD set", "MANY HSET hash", "MANY ZADD zset"] {
            apply(&mut connection, &clock, &Op::Command(0, words(fill)));
        }
        let (progress, mut step) = (Progress::default(), 0);
        let result = save_with(
            &engine.core().keyspace,
            &[],
            Cursor::new(Vec::new()),
            || (Vec::new(), ()),
            &progress,
            || {
                let commands = if step == 0 { "SADD set new,HSET hash new 1,ZADD zset 1 new" } else { "DEL zset" };
                for command in commands.split(',') {
                    run(&mut connection, &words(command));
                }
                progress.is_called_off.store(step == when, Relaxed);
                step += 1;
            },
        );
        assert!(result.is_err());
        check(&engine);
    }
}

#[test]
fn there_is_one_snapshot_at_a_time_and_none_within_a_view() {
    let (engine, _) = engine();
    let space = &engine.core().keyspace;
    let try_one = || {
        save(space, &[], Cursor::new(Vec::new()), || (Vec::new(), 7), &Progress::default()).map(|(_, _, seven)| seven)
    };
    let (snapshot, ()) = space.begin_snapshot(|| ()).unwrap();
    assert!(try_one().unwrap_err().to_string().contains("another snapshot"));
    drop(snapshot);
    let within = engine.db(0).unwrap().transaction(["k"], |_| Ok(try_one().map_err(|e| e.to_string()))).unwrap();
    assert_eq!(within.unwrap_err(), crate::Error::REENTERED.to_string());
    assert_eq!(try_one().unwrap(), 7);
}
