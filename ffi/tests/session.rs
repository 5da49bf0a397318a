//! Sessions: commands, bytes, and who is woken when.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{last_error, open, request};

#[test]
fn commands_have_replies_of_every_type() {
    let engine = open();
    let session = engine.connect();
    assert_eq!(session.run("SET greeting hello"), "+OK");
    assert_eq!(session.run("GET greeting"), "\"hello\"");
    assert_eq!(session.run("GET nothing"), "nil");
    assert_eq!(session.run("INCR hits"), ":1");
    assert_eq!(session.run("LPUSH greeting x"), "-WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_eq!(session.run("NONSENSE a"), "-ERR unknown command 'NONSENSE', with args beginning with: 'a' ");
    assert_eq!(session.run("HSET h f v g w"), ":2");
    assert_eq!(session.run("HGETALL h"), r#"["f" "v" "g" "w"]"#);
    assert_eq!(session.run("SELECT 1"), "+OK");
    assert_eq!(session.run("GET greeting"), "nil");
    assert_eq!(session.run("SELECT 0"), "+OK");
    assert!(session.run("HELLO 3").starts_with("{\"server\" \"redis\""));
    assert_eq!(session.run("HGETALL h"), r#"{"f" "v" "g" "w"}"#);
    assert_eq!(session.run("ZADD z 1.5 m"), ":1");
    assert_eq!(session.run("ZSCORE z m"), ",1.5");
    assert_eq!(session.run("SADD s m"), ":1");
    assert_eq!(session.run("SMEMBERS s"), r#"~["m"]"#);
    assert_eq!(
        session.run("DEBUG PROTOCOL attrib"),
        "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    );
    assert_eq!(session.run("SUBSCRIBE news"), r#">["subscribe" "news" :1]"#);
    assert_eq!(session.try_run(&[b"SET", b"bytes", b"a\0b"]).unwrap(), "+OK");
    assert_eq!(session.run("GET bytes"), "\"a\\0b\"");
    assert_eq!(session.run("STRLEN bytes"), ":3");
}

#[test]
fn bytes_are_fed_in_any_pieces_and_taken_in_any_pieces() {
    let engine = open();
    let session = engine.connect();
    for &byte in &[request("SET k v"), request("GET k")].concat() {
        assert!(session.feed(&[byte]) >= 0);
    }
    let mut all = Vec::new();
    let mut one = [0_u8];
    #[allow(unsafe_code, reason = "this is C")]
    // SAFETY: a slice.
    while unsafe { common::carnelian_take(session.0, one.as_mut_ptr().cast(), 1) } == 1 {
        all.push(one[0]);
    }
    assert_eq!(all, b"+OK\r\n$1\r\nv\r\n");
    assert_eq!(session.exchange(&request("PING"), -1).unwrap(), "+PONG\r\n");
    assert_eq!(session.exchange(&[], 20).unwrap(), "", "nothing comes");
}

#[test]
fn a_blocked_request_wakes_its_session_when_it_is_served_and_when_its_time_is_up() {
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    assert!(!session.is_woken(0));
    assert_eq!(session.feed(&[request("BLPOP q 0"), request("PING")].concat()), 0);
    assert!(!session.is_woken(20));
    assert_eq!(session.take(), "");
    assert_eq!(other.run("RPUSH q x"), ":1");
    assert!(session.is_woken(1000));
    assert_eq!(session.take(), "*2\r\n$1\r\nq\r\n$1\r\nx\r\n+PONG\r\n");
    assert!(!session.is_woken(0));
    let began = Instant::now();
    assert_eq!(session.feed(&request("BLPOP q 0.05")), 0);
    assert!(session.is_woken(5000));
    assert!(began.elapsed() >= Duration::from_millis(50));
    assert_eq!(session.take(), "*-1\r\n");
    assert!(!session.is_woken(0));
    assert_eq!(session.exchange(&request("BLPOP q 0.05"), -1).unwrap(), "*-1\r\n");
}

#[test]
fn messages_wake_whoever_hears_them() {
    let engine = open();
    let (session, other) = (engine.connect(), engine.connect());
    assert_eq!(session.run("SUBSCRIBE a b"), r#"["subscribe" "a" :1]"#);
    assert!(session.is_woken(0), "{}", last_error());
    assert_eq!(session.take(), "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n");
    assert!(!session.is_woken(0));
    assert_eq!(other.run("PUBLISH a x"), ":1");
    assert!(session.is_woken(1000));
    assert_eq!(session.take(), "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n");
    assert!(!session.is_woken(0));
    assert_eq!(session.disconnect(), 0);
    assert_eq!(session.disconnect(), -1);
    assert_eq!(last_error(), "ERR the session has been closed");
}
