//! Transactions and watched keys: what is atomic, and what breaks a watch.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::Duration;

use carnelian::{Engine, Options};
use common::{Client, engine};

const OK: &str = "OK";

#[test]
fn queued_commands_run_as_one_and_errors_stay_where_they_happened() {
    let (engine, _) = engine(1);
    let (mut a, mut b) = (Client::new(&engine), Client::new(&engine));
    assert_eq!(a.text("MULTI"), OK);
    for line in ["SET x 1", "INCR x", "LPUSHX", "GET x"] {
        let reply = a.text(line);
        assert!(reply == "QUEUED" || line == "LPUSHX", "{line}: {reply}");
    }
    assert_eq!(b.text("GET x"), "(nil)", "nothing has run");
    assert_eq!(a.text("EXEC"), "EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(b.text("GET x"), "(nil)");

    for line in ["MULTI", "SET x abc", "INCR x", "SET y 2", "DBSIZE", "SELECT 1", "SET z 1", "KEYS *"] {
        a.text(line);
    }
    assert_eq!(a.text("EXEC"), "OK ERR value is not an integer or out of range OK 2 OK OK z");
    assert_eq!(a.text("GET z"), "1", "the selected database stays");
    assert_eq!(b.text("GET y"), "2");
    assert_eq!(a.text("EXEC"), "ERR EXEC without MULTI");
    assert_eq!(a.text("DISCARD"), "ERR DISCARD without MULTI");
}

#[test]
fn nested_commands_of_transactions_are_errors_that_break_nothing() {
    let (engine, _) = engine(2);
    let mut a = Client::new(&engine);
    a.text("MULTI");
    assert_eq!(a.text("MULTI"), "ERR MULTI calls can not be nested");
    assert_eq!(a.text("WATCH x"), "ERR WATCH inside MULTI is not allowed");
    a.text("SET x 1");
    assert_eq!(a.text("EXEC"), OK);
    a.text("MULTI");
    a.text("SET x 2");
    assert_eq!(a.text("DISCARD"), OK);
    assert_eq!(a.text("GET x"), "1");
}

/// Each way to change a key, with what must have been there before.
const CHANGES: &[(&str, &str)] = &[
    ("SET k 0", "SET k 1"),
    ("", "SET k 1"),
    ("SET k 0", "DEL k"),
    ("SET k 0", "APPEND k x"),
    ("SET k 0", "INCR k"),
    ("SET k 0", "EXPIRE k 100"),
    ("SET k 0 EX 100", "PERSIST k"),
    ("SET k 0", "RENAME k other"),
    ("SET other 0", "RENAME other k"),
    ("SET other 0", "COPY other k"),
    ("SET k 0", "MOVE k 1"),
    ("SET k 0", "SETRANGE k 0 z"),
    ("SET k 0", "GETDEL k"),
    ("SET k 0", "FLUSHDB"),
    ("SET k 0", "FLUSHALL"),
    ("SET k 0", "SWAPDB 0 1"),
    ("", "MSET other 1 k 2"),
];

/// Ways to look at a key, or to change others.
const HARMLESS: &[(&str, &str)] = &[
    ("SET k 0", "GET k"),
    ("SET k 0", "SET other 1"),
    ("SET k 0", "DEL other"),
    ("", "DEL k"),
    ("", "FLUSHALL"),
    ("SET k 0", "SETNX k 1"),
    ("SET k 0", "TOUCH k"),
    ("SET k 0", "SWAPDB 2 3"),
];

fn exec_after(before: &str, change: &str) -> String {
    let (engine, _) = engine(3);
    let (mut a, mut b) = (Client::new(&engine), Client::new(&engine));
    if !before.is_empty() {
        b.text(before);
    }
    assert_eq!(a.text("WATCH k"), OK);
    b.text(change);
    a.text("MULTI");
    a.text("PING");
    a.text("EXEC")
}

#[test]
fn watched_keys_break_with_each_kind_of_change_and_nothing_else() {
    for (before, change) in CHANGES {
        assert_eq!(exec_after(before, change), "(nil)", "{before}; {change}");
    }
    for (before, harmless) in HARMLESS {
        assert_eq!(exec_after(before, harmless), "PONG", "{before}; {harmless}");
    }
}

#[test]
fn a_watch_ends_with_exec_discard_unwatch_and_reset() {
    for end in [&["UNWATCH"][..], &["MULTI", "DISCARD"], &["MULTI", "EXEC"], &["RESET"]] {
        let (engine, _) = engine(4);
        let (mut a, mut b) = (Client::new(&engine), Client::new(&engine));
        a.text("WATCH k");
        end.iter().for_each(|line| drop(a.text(line)));
        b.text("SET k 1");
        a.text("MULTI");
        a.text("GET k");
        assert_eq!(a.text("EXEC"), "1", "{end:?}");
    }
}

#[test]
fn a_key_that_expires_breaks_its_watch_whether_or_not_somebody_met_it() {
    for meet in [false, true] {
        let (engine, clock) = engine(5);
        let (mut a, mut b) = (Client::new(&engine), Client::new(&engine));
        a.text("SET k 1 PX 10");
        a.text("WATCH k");
        clock.advance(Duration::from_millis(11));
        if meet {
            assert_eq!(b.text("INCR k"), "1");
        }
        a.text("MULTI");
        a.text("PING");
        assert_eq!(a.text("EXEC"), "(nil)");
        // One that had expired before is not there, and stays so.
        a.text("SET gone 1 PX 10");
        clock.advance(Duration::from_millis(11));
        a.text("WATCH gone");
        assert_eq!(b.text("GET gone"), "(nil)");
        a.text("MULTI");
        a.text("PING");
        assert_eq!(a.text("EXEC"), "PONG");
    }
}

#[test]
fn typed_calls_break_watches_as_commands_do() {
    let (engine, _) = engine(6);
    let mut a = Client::new(&engine);
    a.text("WATCH k");
    engine.db(0).unwrap().set("k", "1").unwrap();
    a.text("MULTI");
    a.text("PING");
    assert_eq!(a.text("EXEC"), "(nil)");
}

/// Increments by WATCH, GET, MULTI, SET, EXEC: none is lost, however the threads meet.
#[test]
fn watching_threads_lose_no_increment() {
    const THREADS: usize = 4;
    const EACH: usize = 300;
    let engine = Engine::open(Options::new()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut client = Client::new(&engine);
                let mut done = 0;
                while done < EACH {
                    client.text("WATCH n m");
                    let n: u64 = client.text("GET n").parse().unwrap_or(0);
                    client.text("MULTI");
                    client.text(&format!("SET n {}", n + 1));
                    client.text("INCR m");
                    if client.text("EXEC") != "(nil)" {
                        done += 1;
                    }
                }
            });
        }
    });
    let mut client = Client::new(&engine);
    let whole = (THREADS * EACH).to_string();
    assert_eq!(client.text("MGET n m"), format!("{whole} {whole}"));
}

/// WATCH a, SET b beside WATCH b, SET a: if both looked before either wrote, one of the two must fail.
#[test]
fn crossed_watches_of_threads_have_no_write_skew() {
    let engine = Engine::open(Options::new()).unwrap();
    let both = std::sync::Barrier::new(2);
    let mut rounds = Vec::new();
    for _ in 0..300 {
        engine.execute(&["FLUSHALL"]).unwrap();
        let committed = std::thread::scope(|scope| {
            let run = |mine: &'static str, other: &'static str| {
                let (engine, both) = (&engine, &both);
                scope.spawn(move || {
                    let mut client = Client::new(engine);
                    client.text(&format!("WATCH {other}"));
                    both.wait();
                    client.text("MULTI");
                    client.text(&format!("SET {mine} 1"));
                    client.text("EXEC") != "(nil)"
                })
            };
            let threads = [run("a", "b"), run("b", "a")];
            threads.map(|t| t.join().unwrap())
        });
        rounds.push(committed);
    }
    assert!(rounds.iter().all(|done| !(done[0] && done[1])), "both went through");
    assert!(rounds.iter().any(|done| done[0] || done[1]), "one may");
}
