//! A session that is driven by bytes behaves as a connection to a server does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{carnelian_advance_clock, last_error, open, request, try_open};

#[test]
fn what_ends_a_session_lets_everything_be_taken_first() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(session.feed(&[request("PING"), request("QUIT"), request("PING")].concat()), 12);
    assert_eq!(session.take_all(), ("+PONG\r\n+OK\r\n".into(), -2));
    assert_eq!(session.feed(&request("PING")), 0, "as a socket that nobody reads");
    assert_eq!(session.take_all(), (String::new(), -2));
    assert_eq!(session.exchange(&request("PING"), -1), Err(-2));
    assert_eq!(session.run("PING"), "-ERR the session has ended");
    assert_eq!(session.disconnect(), 0);

    let session = engine.connect();
    session.feed(b"*1\r\n+PING\r\n");
    assert_eq!(session.take_all(), ("-ERR Protocol error: expected '$', got '+'\r\n".into(), -2));
    assert!(session.is_woken(0), "as a socket that is closed");
}

#[test]
fn a_killed_session_is_over_at_once_and_is_told() {
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    let id = session.run("CLIENT ID");
    assert!(!session.is_woken(0));
    assert_eq!(session.feed(&request("BLPOP q 0")), 0);
    assert_eq!(other.run(&format!("CLIENT KILL ID {}", &id[1..])), ":1");
    assert!(session.is_woken(1000));
    assert_eq!(session.take_all(), (String::new(), -2));
    assert_eq!(session.run("PING"), "-ERR the connection was ended by CLIENT KILL");
    // One's own end comes behind the reply.
    let id = other.run("CLIENT ID");
    assert_eq!(other.exchange(&request(&format!("CLIENT KILL ID {} SKIPME no", &id[1..])), -1), Ok(":1\r\n".into()));
    assert_eq!(other.take_all().1, -2);
}

#[test]
fn a_pause_holds_requests_back_and_its_end_wakes_their_sessions() {
    let engine = open();
    let (session, waiting, other) = (engine.connect(), engine.connect(), engine.connect());
    assert!(!session.is_woken(0));
    assert_eq!(other.run("CLIENT PAUSE 100000 WRITE"), "+OK");
    assert_eq!(session.feed(&[request("GET k"), request("SET k 1"), request("GET k")].concat()), 5);
    assert_eq!(session.take(), "$-1\r\n");
    assert!(!session.is_woken(20));
    std::thread::scope(|scope| {
        let began = Instant::now();
        let exchanged = scope.spawn(move || waiting.exchange(&request("SET other 1"), -1));
        std::thread::sleep(Duration::from_millis(30));
        assert_eq!(other.run("CLIENT UNPAUSE"), "+OK");
        assert_eq!(exchanged.join().unwrap(), Ok("+OK\r\n".into()));
        assert!(began.elapsed() >= Duration::from_millis(30));
    });
    assert!(session.is_woken(1000));
    assert_eq!(session.take(), "+OK\r\n$1\r\n1\r\n");
    assert_eq!(other.run("CLIENT PAUSE 30 ALL"), "+OK");
    assert_eq!(session.run("GET k"), "\"1\"", "a command waits by itself");
}

#[test]
fn transactions_scripts_and_reset_work_through_bytes() {
    let engine = open();
    let session = engine.connect();
    let lines = ["MULTI", "INCR n", "INCR n", "EXEC"].map(request).concat();
    assert_eq!(session.exchange(&lines, -1).unwrap(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
    let script: [&[u8]; 3] = [b"EVAL", b"return {1, 'two', redis.status_reply('three')}", b"0"];
    assert_eq!(session.try_run(&script).unwrap(), "[:1 \"two\" +three]");
    assert_eq!(
        session.exchange(b"MULTI\r\nRESET\r\nEXEC\r\n", -1).unwrap(),
        "+OK\r\n+RESET\r\n-ERR EXEC without MULTI\r\n"
    );
    // Deep trees are neither made nor freed by recursion.
    let deep: [&[u8]; 3] = [b"EVAL", b"local t = {} for _ = 1, 5000 do t = {t} end return t", b"0"];
    assert!(session.try_run(&deep).unwrap().len() > 1000);
}

#[test]
fn invalidations_come_as_pushes() {
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    assert!(session.run("HELLO 3").starts_with('{'));
    assert_eq!(session.run("CLIENT TRACKING ON"), "+OK");
    assert_eq!(session.run("GET k"), "nil");
    assert!(!session.is_woken(0));
    assert_eq!(other.run("SET k v"), "+OK");
    assert!(session.is_woken(1000));
    assert_eq!(session.take(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    assert!(!session.is_woken(0));
    // What comes while a command waits is kept from its reply.
    assert_eq!(session.run("GET k"), "\"v\"");
    std::thread::scope(|scope| {
        let popped = scope.spawn(move || session.run("BLPOP q 0"));
        while !other.run("CLIENT LIST").contains("flags=bt ") && !other.run("CLIENT LIST").contains("cmd=blpop") {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(other.run("SET k w"), "+OK");
        assert_eq!(other.run("RPUSH q x"), ":1");
        assert_eq!(popped.join().unwrap(), r#"["q" "x"]"#);
    });
    assert!(session.is_woken(1000));
    assert_eq!(session.take(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
}

#[test]
fn own_messages_come_behind_the_reply() {
    let engine = open();
    let session = engine.connect();
    session.run("HELLO 3");
    assert_eq!(session.run("SUBSCRIBE c"), r#">["subscribe" "c" :1]"#);
    let sent = session.exchange(&request("PUBLISH c m"), -1).unwrap();
    assert_eq!(sent, ":1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    assert_eq!(session.run("PUBLISH c m"), ":1");
    assert!(session.is_woken(0));
    assert_eq!(session.take(), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
}

#[test]
fn replies_that_nobody_takes_end_the_session_at_the_limit() {
    let engine = try_open(None, &[("client-output-buffer-limit", "normal 100kb 0 0")]).unwrap();
    let session = engine.connect();
    let value = "x".repeat(60_000);
    assert_eq!(session.run(&format!("SET k {value}")), "+OK");
    assert!(session.feed(&request("GET k")) > 60_000);
    assert_eq!(session.feed(&request("GET k")), 0);
    assert_eq!(session.take_all(), (String::new(), -2));
}

#[test]
fn a_password_is_for_others() {
    let engine = try_open(None, &[("requirepass", "secret")]).unwrap();
    let session = engine.connect();
    assert_eq!(session.run("PING"), "+PONG");
    assert_eq!(session.exchange(b"RESET\r\nPING\r\n", -1).unwrap(), "+RESET\r\n+PONG\r\n");
}

#[test]
fn a_manual_clock_moves_deadlines() {
    let engine = try_open(None, &[("manual-clock", "1700000000000"), ("maxmemory", "100mb")]).unwrap();
    let session = engine.connect();
    assert_eq!(session.run("TIME"), "[\"1700000000\" \"0\"]");
    assert_eq!(session.run("SET k v PX 1000"), "+OK");
    assert_eq!(carnelian_advance_clock(engine.0, 999), 0);
    assert_eq!(session.run("PTTL k"), ":1");
    assert_eq!(carnelian_advance_clock(engine.0, 2), 0);
    assert_eq!(session.run("GET k"), "nil");
    assert_eq!(session.run("CONFIG GET maxmemory"), r#"["maxmemory" "104857600"]"#);
    let other = open();
    assert_eq!(carnelian_advance_clock(other.0, 1), -1);
    assert_eq!(last_error(), "ERR the engine was opened without manual-clock");
}
