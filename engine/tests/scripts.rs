//! Scripts in an engine: what they leave behind, who may touch what, and how they are ended.

#![cfg(feature = "lua")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

mod common;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use carnelian::command::Value;
use carnelian::{Engine, Options};
use common::folder::Folder;
use common::{Client, engine};

const LIBRARY: &str = "#!lua name=counters
local calls = 0
redis.register_function('count', function(keys, args) calls = calls + 1 return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{function_name='calls', callback=function() return calls end, flags={'no-writes'}}";

fn text(engine: &Engine, argv: &[&str]) -> String {
    match engine.execute(argv) {
        Ok(Value::Bulk(bytes)) => String::from_utf8(bytes).unwrap(),
        Ok(Value::Int(n)) => n.to_string(),
        Ok(Value::Null) => "(nil)".into(),
        Ok(Value::Simple(text) | Value::Verbatim(_, text)) => text,
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    }
}

fn info(engine: &Engine, name: &str) -> u64 {
    let info = text(engine, &["INFO", "everything"]);
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn a_hundred_thousand_different_scripts_take_no_more_memory_than_some_hundred() {
    let (engine, _) = engine(1);
    let run = |n: u64| {
        assert_eq!(text(&engine, &["EVAL", &format!("return {n} + #ARGV"), "0", "a"]), (n + 1).to_string());
    };
    (0..2_000).for_each(run);
    let few = (info(&engine, "used_memory_vm_eval"), info(&engine, "used_memory_scripts_eval"));
    (2_000..100_000).for_each(run);
    let many = (info(&engine, "used_memory_vm_eval"), info(&engine, "used_memory_scripts_eval"));
    assert!(many.0 < few.0 * 2 && many.1 < few.1 * 4, "{few:?} bytes came to {many:?}");
    assert_eq!(info(&engine, "number_of_cached_scripts"), 500);
    assert_eq!(info(&engine, "evicted_scripts"), 99_500);
    text(&engine, &["SCRIPT", "FLUSH"]);
    assert_eq!(info(&engine, "number_of_cached_scripts"), 0);
    assert!(info(&engine, "used_memory_vm_eval") < few.0, "the interpreter has forgotten them too");
}

#[test]
fn what_scripts_change_is_in_the_log_as_changes() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    text(&engine, &["SADD", "from", "a", "b", "c", "d", "e", "f"]);
    let source = "for i = 1, 3 do redis.call('LPUSH', KEYS[2], redis.call('SPOP', KEYS[1])) end
        redis.call('SET', 'undeclared', math.random()) redis.call('EXPIRE', 'undeclared', 100)
        redis.call('SELECT', 3) redis.call('SET', 'there', 1) return redis.call('DBSIZE')";
    assert_eq!(text(&engine, &["EVAL", source, "2", "from", "to"]), "1");
    assert_eq!(text(&engine, &["DBSIZE"]), "3", "what a script selects is its own affair");
    // What was written before an error stays.
    let broken = "redis.call('SET', 'before', 1) redis.call('NOPE') redis.call('SET', 'after', 1)";
    assert!(text(&engine, &["EVAL", broken, "0"]).contains("Unknown Redis command"));
    let state = |engine: &Engine| {
        let keys = ["undeclared", "before", "after"].map(|key| text(engine, &["GET", key]));
        let sets = [text(engine, &["SMEMBERS", "from"]), text(engine, &["LRANGE", "to", "0", "-1"])];
        let expires: u64 = text(engine, &["PEXPIRETIME", "undeclared"]).parse().unwrap();
        (keys, sets, expires, text(engine, &["DEBUG", "DIGEST"]))
    };
    let before = state(&engine);
    assert_eq!((&*before.0[1], &*before.0[2]), ("1", "(nil)"));
    let copy = folder.crash();
    let log = fs::read(copy.segment(1)).unwrap();
    let log = String::from_utf8_lossy(&log);
    assert!(!log.to_lowercase().contains("eval"), "effects, never the script: {log}");
    assert_eq!(log.matches("MULTI").count(), 1, "a script of several changes is a transaction: {log}");
    assert_eq!(state(&copy.open().unwrap()), before);
}

#[test]
fn scripts_may_keep_changes_out_of_the_log() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let source = "redis.call('SET', 'a', 1) redis.set_repl(redis.REPL_NONE) redis.call('SET', 'b', 1)
        redis.set_repl(redis.REPL_ALL) redis.call('SET', 'c', 1)";
    text(&engine, &["EVAL", source, "0"]);
    assert_eq!(text(&engine, &["DBSIZE"]), "3");
    let again = folder.crash().open().unwrap();
    assert_eq!(["a", "b", "c"].map(|key| text(&again, &["GET", key])), ["1", "(nil)", "1"]);
    // It holds for that script alone.
    text(&engine, &["EVAL", "redis.set_repl(redis.REPL_NONE)", "0"]);
    text(&engine, &["EVAL", "redis.call('SET', 'd', 1)", "0"]);
    assert_eq!(text(&folder.crash().open().unwrap(), &["GET", "d"]), "1");
}

#[test]
fn libraries_of_functions_outlive_the_engine_in_the_log_its_base_and_a_snapshot() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    assert_eq!(text(&engine, &["FUNCTION", "LOAD", LIBRARY]), "counters");
    assert_eq!(text(&engine, &["FUNCTION", "LOAD", &LIBRARY.replace("counters", "others")]), {
        "ERR Function count already exists"
    });
    assert_eq!(text(&engine, &["FCALL", "count", "1", "n", "7"]), "7");
    let listed = text(&engine, &["FUNCTION", "LIST", "WITHCODE"]);
    let has_all = |engine: &Engine, n: &str| {
        assert_eq!(text(engine, &["FUNCTION", "LIST", "WITHCODE"]), listed);
        assert_eq!(text(engine, &["FCALL", "count", "1", "n", "1"]), n);
    };
    has_all(&folder.crash().open().unwrap(), "8");
    text(&engine, &["DEBUG", "RELOAD"]);
    has_all(&engine, "8");
    text(&engine, &["BGREWRITEAOF"]);
    while text(&engine, &["INFO", "persistence"]).contains("aof_rewrite_in_progress:1") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(folder.names().contains(&"appendonly.aof.2.incr.aof".to_owned()));
    has_all(&folder.crash().open().unwrap(), "9");
    // A payload does the same elsewhere, all of it or nothing.
    let dump = engine.execute(&["FUNCTION", "DUMP"]).unwrap();
    let Value::Bulk(dump) = dump else { panic!("no payload") };
    let other = Engine::open(Options::new()).unwrap();
    other.execute(&[b"FUNCTION", &b"RESTORE"[..], &dump]).unwrap();
    assert_eq!(text(&other, &["FUNCTION", "LIST", "WITHCODE"]), listed);
    assert!(other.execute(&[b"FUNCTION", &b"RESTORE"[..], &dump]).is_err(), "it is there");
    other.execute(&[b"FUNCTION", &b"RESTORE"[..], &dump, b"REPLACE"]).unwrap();
    let mut wrong = dump.clone();
    wrong[5] ^= 1;
    assert!(other.execute(&[b"FUNCTION", &b"RESTORE"[..], &wrong, b"FLUSH"]).is_err());
    assert_eq!(text(&other, &["FUNCTION", "LIST", "WITHCODE"]), listed, "nothing was flushed for it");
    text(&engine, &["FUNCTION", "DELETE", "counters"]);
    assert_eq!(text(&folder.crash().open().unwrap(), &["FUNCTION", "LIST"]), "Array([])");
}

#[test]
fn a_library_keeps_its_variables_from_call_to_call_and_others_come_and_go_beside_it() {
    let (engine, _) = engine(2);
    text(&engine, &["FUNCTION", "LOAD", LIBRARY]);
    for n in 1..=3 {
        text(&engine, &["FCALL", "count", "1", "n", "1"]);
        assert_eq!(text(&engine, &["FCALL_RO", "calls", "0"]), n.to_string());
        let other = format!("#!lua name=other{n}\nredis.register_function('f{n}', function() return {n} end)");
        text(&engine, &["FUNCTION", "LOAD", &other]);
    }
    text(&engine, &["FUNCTION", "DELETE", "other2"]);
    assert_eq!(["f1", "f2", "f3"].map(|f| text(&engine, &["FCALL", f, "0"])), ["1", "ERR Function not found", "3"]);
    assert_eq!(text(&engine, &["FCALL_RO", "calls", "0"]), "3");
    text(&engine, &["FUNCTION", "LOAD", "REPLACE", LIBRARY]);
    assert_eq!(text(&engine, &["FCALL_RO", "calls", "0"]), "0", "it was loaded anew");
}

#[test]
fn threads_share_the_variables_of_a_library() {
    const EACH: u64 = 200;
    let (engine, _) = engine(3);
    text(&engine, &["FUNCTION", "LOAD", LIBRARY]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let engine = &engine;
            scope.spawn(move || {
                for n in 0..EACH {
                    text(engine, &["FCALL", "count", "1", "n", "1"]);
                    // What others do meanwhile: new scripts, and those that only read.
                    assert_eq!(
                        text(engine, &["EVAL", &format!("return {n} + {thread}000"), "0"]),
                        (n + thread * 1000).to_string()
                    );
                    text(engine, &["SCRIPT", "LOAD", &format!("return {n} - {thread}")]);
                    text(engine, &["EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "n"]);
                }
            });
        }
    });
    assert_eq!(text(&engine, &["GET", "n"]), (4 * EACH).to_string());
    assert_eq!(text(&engine, &["FCALL", "calls", "0"]), (4 * EACH).to_string());
}

#[test]
fn scripts_are_parts_of_transactions_and_wait_for_nothing() {
    let (engine, _) = engine(3);
    let mut client = Client::new(&engine);
    client.text("MULTI");
    client.text("SET a 1");
    client.argv(&["EVAL", "return redis.call('INCR', 'a')", "0"]);
    client.argv(&["EVAL", "return redis.call('BLPOP', 'none', 0)", "0"]);
    client.text("INCR a");
    assert_eq!(client.text("EXEC"), "OK 2 (nil) 3");
    assert!(client.argv(&["EVAL", "return redis.call('EVAL', 'return 1', 0)", "0"]).text().contains("not allowed"));
}

#[test]
fn those_who_wait_are_served_at_the_end_of_a_script() {
    let (engine, _) = engine(4);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| text(&engine, &["BLPOP", "list", "10"]));
        while info(&engine, "blocked_clients") == 0 {
            std::thread::yield_now();
        }
        let source = "redis.call('RPUSH', 'list', 'a', 'b') return redis.call('LPOP', 'list')";
        assert_eq!(text(&engine, &["EVAL", source, "0"]), "a", "a script is not interrupted");
        assert!(waiter.join().unwrap().contains("[98]"), "the rest is there for whoever waits");
    });
}

#[test]
fn with_declared_keys_scripts_of_other_keys_go_on_and_other_keys_are_refused() {
    let options = Options::new().config("script-keys-declared", "yes").config("busy-reply-threshold", "20");
    let engine = Engine::open(options).unwrap();
    assert_eq!(text(&engine, &["EVAL", "return redis.call('SET', KEYS[1], 1)", "1", "a"]), "OK");
    for undeclared in
        ["return redis.call('SET', 'b', 1)", "return redis.call('KEYS', '*')", "return redis.call('FLUSHALL')"]
    {
        let reply = text(&engine, &["EVAL", undeclared, "1", "a"]);
        assert!(reply.contains("not declared"), "{undeclared}: {reply}");
    }
    assert_eq!(text(&engine, &["EVAL", "return redis.call('MSET', KEYS[1], 1, KEYS[2], 2)", "2", "a", "b"]), "OK");
    // A script that goes on until it is told to holds up nobody whose keys are in other stripes.
    let run = |key: &str| text(&engine, &["EVAL", "return redis.call('INCRBY', KEYS[1], 0)", "1", key]);
    std::thread::scope(|scope| {
        scope.spawn(|| text(&engine, &["EVAL", "while true do end", "1", "a"]));
        let began = Instant::now();
        while !run("a").starts_with("BUSY") {
            assert!(began.elapsed() < Duration::from_secs(30), "it never began");
        }
        let served = (0..64).filter(|n| run(&format!("key {n}")) == "0").count();
        assert!(served > 32, "only {served} of 64 other keys could be had");
        assert_eq!(text(&engine, &["PING"]), "PONG");
        assert_eq!(text(&engine, &["SCRIPT", "KILL"]), "OK");
    });
}

#[test]
fn each_thread_runs_what_is_known_at_that_moment() {
    let engine = Engine::open(Options::new().config("script-keys-declared", "yes")).unwrap();
    let load = |version: u32| {
        let library = format!("#!lua name=v\nredis.register_function('version', function() return {version} end)");
        assert_eq!(text(&engine, &["FUNCTION", "LOAD", "REPLACE", &library]), "v");
    };
    let sha = text(&engine, &["SCRIPT", "LOAD", "return 'known'"]);
    load(1);
    let expected: Mutex<[String; 2]> = Mutex::new(["known".into(), "1".into()]);
    // Threads and the one that changes what is known take turns.
    let turn = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..6 {
                    turn.wait();
                    let expected = expected.lock().unwrap().clone();
                    for _ in 0..3 {
                        let got = [text(&engine, &["EVALSHA", &sha, "0"]), text(&engine, &["FCALL", "version", "0"])];
                        assert_eq!(got, expected);
                    }
                    turn.wait();
                }
            });
        }
        let change = |script: &str, version: &str, run: &dyn Fn()| {
            run();
            *expected.lock().unwrap() = [script.to_owned(), version.to_owned()];
            turn.wait();
            turn.wait();
        };
        let unknown = "NOSCRIPT No matching script. Please use EVAL.";
        change("known", "1", &|| ());
        change("known", "2", &|| load(2));
        change(unknown, "2", &|| assert_eq!(text(&engine, &["SCRIPT", "FLUSH"]), "OK"));
        change("known", "3", &|| {
            assert_eq!(text(&engine, &["EVAL", "return 'known'", "0"]), "known");
            load(3);
        });
        change("known", "ERR Function not found", &|| assert_eq!(text(&engine, &["FUNCTION", "FLUSH"]), "OK"));
        // Enough others for it to be let go.
        change(unknown, "4", &|| {
            load(4);
            for n in 0..1_100 {
                assert_eq!(text(&engine, &["EVAL", &format!("return {n}"), "0"]), n.to_string());
            }
        });
    });
}

#[test]
fn time_stands_still_within_a_script_and_a_transaction() {
    let (engine, clock) = engine(1);
    let script = "local first = redis.call('TIME') for i = 1, 1000 do redis.sha1hex('') end
        local again = redis.call('TIME') return {first[1] == again[1] and first[2] == again[2] and 1 or 0, first[2]}";
    // The clock is turned all the time.
    let (turning, began) = (AtomicBool::new(true), Instant::now());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while turning.load(Relaxed) && began.elapsed() < Duration::from_secs(60) {
                clock.advance(Duration::from_micros(1));
            }
        });
        for _ in 0..200 {
            let Ok(Value::Array(values)) = engine.execute(&["EVAL", script, "0"]) else { panic!("it has two values") };
            assert_eq!(values[0], Value::Int(1));
            let (before, mut connection) = (engine.core().keyspace.clock().micros(), engine.connect());
            connection.execute(&["MULTI"]).unwrap();
            for _ in 0..2 {
                connection.execute(&["TIME"]).unwrap();
                connection.execute(&["EVAL", "return redis.call('TIME')", "0"]).unwrap();
            }
            let Ok(Value::Array(times)) = connection.execute(&["EXEC"]) else { panic!("it has four values") };
            assert!(times.iter().all(|time| *time == times[0]), "{times:?}");
            let micros = |time: &Value| match time {
                Value::Array(parts) => match &parts[..] {
                    [Value::Bulk(seconds), Value::Bulk(micros)] => {
                        let number = |text: &[u8]| std::str::from_utf8(text).unwrap().parse::<u64>().unwrap();
                        number(seconds) * 1_000_000 + number(micros)
                    }
                    _ => panic!("{parts:?}"),
                },
                _ => panic!("{time:?}"),
            };
            assert!(micros(&times[0]) >= before, "it is the time of this transaction");
        }
        turning.store(false, Relaxed);
    });
}

#[test]
fn a_script_that_has_changed_nothing_can_be_ended_and_others_are_told_meanwhile() {
    let engine = Engine::open(Options::new().config("busy-reply-threshold", "20")).unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for source in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "local function f() return xpcall(f, f) end while true do coroutine.wrap(f)() end",
            "while true do pcall(redis.call, 'GET', 'a') end",
        ] {
            let runner = scope.spawn(|| text(&engine, &["EVAL", source, "0"]));
            while !text(&engine, &["GET", "a"]).starts_with("BUSY") {
                std::thread::yield_now();
            }
            assert!(text(&engine, &["PING"]).starts_with("BUSY"), "also what needs no keys");
            assert!(text(&engine, &["FUNCTION", "KILL"]).starts_with("BUSY"), "it is no function");
            assert!(engine.db(0).unwrap().get("a").is_err(), "a typed call as well");
            assert_eq!(text(&engine, &["SCRIPT", "KILL"]), "OK");
            let ended = runner.join().unwrap();
            assert!(ended.starts_with("ERR Script killed by user with SCRIPT KILL."), "{source}: {ended}");
            assert_eq!(text(&engine, &["GET", "a"]), "(nil)");
        }
        assert!(text(&engine, &["SCRIPT", "KILL"]).starts_with("NOTBUSY"));
        // Whoever has changed something goes on to its end.
        let source = "redis.call('SET', 'a', 1) local till = tonumber(ARGV[1]) for i = 1, till do end return 'done'";
        let runner = scope.spawn(|| {
            let reply = text(&engine, &["EVAL", source, "0", "300000000"]);
            is_done.store(true, Relaxed);
            reply
        });
        loop {
            let reply = text(&engine, &["SCRIPT", "KILL"]);
            if reply.starts_with("UNKILLABLE") {
                break;
            }
            assert!(reply.starts_with("NOTBUSY") && !is_done.load(Relaxed), "{reply}");
        }
        assert_eq!(runner.join().unwrap(), "done");
    });
}

#[test]
fn scripts_without_memory_to_write_to_are_refused_where_redis_refuses_them() {
    let engine = Engine::open(Options::new().config("maxmemory", "1mb")).unwrap();
    while engine.execute(&["APPEND", "a", &"x".repeat(10_000)]).is_ok() {}
    let run = |source: &str| text(&engine, &["EVAL", source, "0"]);
    assert_eq!(run("return redis.call('STRLEN', 'a') > 0"), "1");
    assert!(run("return redis.call('SET', 'b', 1)").starts_with("OOM command not allowed"));
    let full = "OOM command not allowed when used memory > 'maxmemory'.";
    // Before anything else is looked at, as in all real servers.
    assert_eq!(run("#!lua\nreturn 1"), full);
    assert_eq!(run("#!lua\nreturn ("), full);
    let sha = text(&engine, &["EVAL", "return redis.sha1hex('#!lua\\nreturn 1')", "0"]);
    assert_eq!(engine.execute(&["SCRIPT", "EXISTS", &sha]), Ok(Value::Array(vec![Value::Int(0)])));
    assert_eq!(run("#!lua flags=no-writes\nreturn 1"), "1");
    assert_eq!(run("#!lua flags=allow-oom\nreturn redis.call('SET', 'b', 1)"), "OK");
    assert!(run("#!lua flags=no-writes\nreturn redis.call('SET', 'b', 1)").contains("read-only scripts"));
    assert_eq!(text(&engine, &["EVAL_RO", "#!lua\nreturn 1", "0"]), full);
    assert_eq!(text(&engine, &["EVAL_RO", "#!lua flags=allow-oom\nreturn 1", "0"]), {
        "ERR Can not execute a script with write flag using *_ro command."
    });
}
