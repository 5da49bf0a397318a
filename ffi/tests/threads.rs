//! Many threads on one engine, and calls that meet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use common::{Session, carnelian_close, last_error, open, request};

/// Waits until somebody is blocked.
fn until_blocked(other: Session, clients: usize) {
    let until = Instant::now() + Duration::from_secs(20);
    while !other.run("INFO clients").contains(&format!("blocked_clients:{clients}\\r\\n")) {
        assert!(Instant::now() < until, "nobody blocks: {}", other.run("INFO clients"));
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn threads_that_use_a_session_at_once_are_refused_and_change_nothing() {
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    thread::scope(|scope| {
        let popped = scope.spawn(move || session.run("BLPOP q 0"));
        until_blocked(other, 1);
        let refused = "ERR the session is in use by another thread";
        assert_eq!(session.try_run(&[b"SET", b"k", b"v"]).unwrap_err(), refused);
        assert_eq!(session.feed(&request("SET k v")), -1);
        assert_eq!(last_error(), refused);
        assert_eq!(session.take_all().1, -1);
        assert_eq!(session.exchange(&request("SET k v"), 0), Err(-1));
        assert_eq!(other.run("EXISTS k"), ":0");
        assert_eq!(other.run("RPUSH q x"), ":1");
        assert_eq!(popped.join().unwrap(), r#"["q" "x"]"#);
    });
    assert_eq!(session.run("PING"), "+PONG");
}

#[test]
fn threads_that_wait_are_woken_by_disconnect_and_by_close() {
    let engine = open();
    let (one, two, other) = (engine.connect(), engine.connect(), engine.connect());
    thread::scope(|scope| {
        let command = scope.spawn(move || one.run("BLPOP q 0"));
        let exchange = scope.spawn(move || two.exchange(&request("BLPOP q 0"), -1));
        until_blocked(other, 2);
        assert_eq!(one.disconnect(), 0);
        assert_eq!(two.disconnect(), 0);
        assert_eq!(command.join().unwrap(), "-ERR the session was closed while the command ran");
        assert_eq!(exchange.join().unwrap(), Err(-2));
    });
    assert_eq!(other.run("RPUSH q x"), ":1", "nobody waits any more");
    assert_eq!(other.run("DEL q"), ":1");
    let (one, two, three) = (engine.connect(), engine.connect(), engine.connect());
    thread::scope(|scope| {
        let command = scope.spawn(move || one.run("BLPOP q 0"));
        let exchange = scope.spawn(move || two.exchange(&request("BLPOP q 0"), -1));
        let message = scope.spawn(move || three.exchange(&[], -1));
        until_blocked(other, 2);
        assert_eq!(carnelian_close(engine.0), 0);
        assert_eq!(command.join().unwrap(), "-ERR the engine was closed while the command ran");
        assert_eq!(exchange.join().unwrap(), Err(-2));
        assert!(message.join().unwrap().is_err());
    });
}

#[test]
fn threads_push_pop_publish_and_count_on_one_engine() {
    const THREADS: usize = 8;
    const EACH: usize = 50;
    let engine = open();
    let heard = AtomicU64::new(0);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (engine, heard) = (&engine, &heard);
            scope.spawn(move || {
                let (session, hears) = (engine.connect(), engine.connect());
                hears.run("SUBSCRIBE news");
                for i in 0..EACH {
                    assert!(session.run("INCR counter").starts_with(':'));
                    assert!(session.run(&format!("RPUSH queue {number}:{i}")).starts_with(':'));
                    assert!(session.run("BLPOP queue 0").starts_with("[\"queue\" "));
                    assert!(session.run("PUBLISH news x").starts_with(':'));
                    let bytes = [request("SET own 1"), request("GET own")].concat();
                    assert_eq!(session.exchange(&bytes, -1).unwrap(), "+OK\r\n$1\r\n1\r\n");
                    heard.fetch_add(hears.exchange(&[], 0).unwrap().matches("message").count() as u64, SeqCst);
                }
                assert_eq!(hears.disconnect(), 0);
                assert_eq!(session.disconnect(), 0);
            });
        }
    });
    let session = engine.connect();
    assert_eq!(session.run("GET counter"), format!("\"{}\"", THREADS * EACH));
    assert_eq!(session.run("LLEN queue"), ":0");
    assert!(heard.load(SeqCst) > 0);
}

#[test]
fn threads_open_and_close_while_others_call() {
    let rounds = 30;
    let engine = open();
    thread::scope(|scope| {
        for _ in 0..2 {
            let session = engine.connect();
            scope.spawn(move || {
                // Until the session is taken away under it, which it is told in clear words.
                loop {
                    match session.try_run(&[b"INCR", b"n"]) {
                        Ok(reply) if reply.starts_with(':') => {}
                        Ok(reply) => break assert_eq!(reply, "-ERR the engine was closed while the command ran"),
                        Err(error) => break assert_eq!(error, "ERR the session has been closed"),
                    }
                }
            });
        }
        for _ in 0..rounds {
            let session = engine.connect();
            assert_eq!(session.run("PING"), "+PONG");
            assert_eq!(session.disconnect(), 0);
        }
        thread::sleep(Duration::from_millis(20));
        assert_eq!(carnelian_close(engine.0), 0);
    });
}

#[test]
fn threads_never_let_a_message_lie_that_the_descriptor_did_not_tell_of() {
    const THREADS: usize = 8;
    const EACH: usize = 200;
    let engine = open();
    let hears = engine.connect();
    hears.run("SUBSCRIBE news");
    assert!(!hears.is_woken(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let session = engine.connect();
            scope.spawn(move || (0..EACH).for_each(|_| drop(session.run("PUBLISH news x"))));
        }
        let mut heard = 0;
        while heard < THREADS * EACH {
            assert!(hears.is_woken(20_000), "{heard} were heard, and there are more: {}", hears.take());
            heard += hears.take().matches("message").count();
        }
        assert_eq!(heard, THREADS * EACH);
    });
}
