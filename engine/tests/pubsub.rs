//! Publishing and hearing, through sessions and in Rust, and the events of keys.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use carnelian::command::{Origin, Output};
use carnelian::session::Session;
use carnelian::{Clock, Engine, ManualClock, Options};
use futures_core::Stream;

struct Peer {
    session: Session,
    woken: Arc<AtomicUsize>,
}

impl Peer {
    fn new(engine: &Engine) -> Self {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let wake = Box::new(move || {
            count.fetch_add(1, Relaxed);
        });
        Self { session: engine.session(Origin::default(), Some(wake)), woken }
    }

    /// The replies to an inline command, with `|` for the ends of lines.
    fn ask(&mut self, line: &str) -> String {
        let mut output = Output::default();
        self.session.feed(format!("{line}\r\n").as_bytes(), &mut output);
        String::from_utf8(output.to_vec()).unwrap().replace("\r\n", "|")
    }

    /// What was pushed in the meantime.
    fn heard(&mut self) -> String {
        let mut output = Output::default();
        self.session.pushes(&mut output);
        String::from_utf8(output.to_vec()).unwrap().replace("\r\n", "|")
    }
}

fn engine() -> Engine {
    Engine::open(Options::new()).unwrap()
}

#[test]
fn subscribers_hear_what_is_published_and_are_woken_once() {
    let engine = engine();
    let (mut a, mut b) = (Peer::new(&engine), Peer::new(&engine));
    assert_eq!(a.ask("SUBSCRIBE x y"), "*3|$9|subscribe|$1|x|:1|*3|$9|subscribe|$1|y|:2|");
    assert_eq!(b.ask("PUBLISH x one"), ":1|");
    assert_eq!(b.ask("PUBLISH y two"), ":1|");
    assert_eq!(b.ask("PUBLISH z three"), ":0|");
    assert_eq!(a.woken.load(Relaxed), 1, "one wake-up for all that waits");
    assert_eq!(a.heard(), "*3|$7|message|$1|x|$3|one|*3|$7|message|$1|y|$3|two|");
    assert_eq!(b.ask("PUBSUB NUMSUB x z"), "*4|$1|x|:1|$1|z|:0|");
    drop(a);
    assert_eq!(b.ask("PUBLISH x four"), ":0|");
    assert_eq!(b.ask("PUBSUB CHANNELS"), "*0|");
}

#[test]
fn a_subscriber_in_the_old_protocol_may_do_little_else() {
    let engine = engine();
    let mut a = Peer::new(&engine);
    a.ask("PSUBSCRIBE *");
    assert!(a.ask("GET k").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
    assert_eq!(a.ask("PING"), "*2|$4|pong|$0||");
    assert_eq!(a.ask("PUNSUBSCRIBE"), "*3|$12|punsubscribe|$1|*|:0|");
    assert_eq!(a.ask("GET k"), "$-1|");
    a.ask("HELLO 3");
    a.ask("SUBSCRIBE q");
    assert_eq!(a.ask("GET k"), "_|");
    assert_eq!(a.ask("PUBLISH q me"), ":1|>3|$7|message|$1|q|$2|me|", "after the reply");
    a.ask("CLIENT REPLY OFF");
    assert_eq!(a.ask("PUBLISH q me"), ">3|$7|message|$1|q|$2|me|", "a message is no reply");
    assert!(a.ask("RESET").contains("RESET"));
    assert_eq!(a.ask("PUBLISH q me"), ":0|");
}

#[test]
fn threads_that_publish_are_all_heard_in_their_own_order() {
    const EACH: u64 = 500;
    let engine = engine();
    let mut subscription = engine.subscribe(&["numbers", "numbers"]);
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let engine = &engine;
            scope.spawn(move || {
                for n in 0..EACH {
                    assert_eq!(engine.publish("numbers", format!("{thread} {n}")), 1);
                }
            });
        }
        let mut next = [0; 3];
        for _ in 0..3 * EACH {
            let text = String::from_utf8(subscription.next().unwrap().payload).unwrap();
            let (thread, n) = text.split_once(' ').unwrap();
            let next = &mut next[thread.parse::<usize>().unwrap()];
            assert_eq!(n.parse::<u64>().unwrap(), *next);
            *next += 1;
        }
    });
    assert_eq!(subscription.next_timeout(Duration::from_millis(1)), None);
}

#[test]
fn events_of_keys_are_published_by_class() {
    let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
    let engine = Engine::open(Options::new().clock(Clock::Manual(clock.clone()))).unwrap();
    let db = engine.db(0).unwrap();
    let all = engine.subscribe_to_patterns(&["__key*"]);
    let heard = || {
        std::iter::from_fn(|| all.try_next())
            .map(|m| format!("{} {}", String::from_utf8_lossy(&m.channel), String::from_utf8_lossy(&m.payload)))
            .collect::<Vec<_>>()
    };
    db.set("a", "1").unwrap();
    assert_eq!(heard(), [""; 0], "nobody has asked");
    engine.execute(&["CONFIG", "SET", "notify-keyspace-events", "KE$"]).unwrap();
    db.set("a", "1").unwrap();
    db.del("a").unwrap();
    assert_eq!(heard(), ["__keyspace@0__:a set", "__keyevent@0__:set a"]);
    engine.execute(&["CONFIG", "SET", "notify-keyspace-events", "Egx"]).unwrap();
    engine.execute(&["SET", "a", "1", "PX", "5"]).unwrap();
    clock.advance(Duration::from_millis(6));
    engine.execute(&["SETNX", "a", "2"]).unwrap();
    assert_eq!(heard(), ["__keyevent@0__:expire a", "__keyevent@0__:expired a"]);
    engine.execute(&["CONFIG", "SET", "notify-keyspace-events", "Emn"]).unwrap();
    assert_eq!(db.get("missing").unwrap(), None);
    db.rpush("list", ["x"]).unwrap();
    db.rpush("list", ["y"]).unwrap();
    assert_eq!(heard(), ["__keyevent@0__:keymiss missing", "__keyevent@0__:new list"]);
    engine.execute(&["CONFIG", "SET", "notify-keyspace-events", ""]).unwrap();
    db.del("a").unwrap();
    assert_eq!(heard(), [""; 0]);

    // Within a transaction, which holds the keyspace.
    let mut connection = engine.connect();
    for command in [&["MULTI"][..], &["CONFIG", "SET", "notify-keyspace-events", "E$"], &["EXEC"]] {
        connection.execute(command).unwrap();
    }
    db.set("b", "1").unwrap();
    assert_eq!(heard(), ["__keyevent@0__:set b"]);
}

#[test]
fn monitors_are_shown_commands_of_every_door() {
    let clock = ManualClock::new(Duration::from_micros(1_700_000_000_000_042));
    let engine = Engine::open(Options::new().clock(Clock::Manual(clock))).unwrap();
    let mut monitor = Peer::new(&engine);
    assert_eq!(monitor.ask("MONITOR"), "+OK|");
    engine.execute(&["SET", "key", "with \"quotes\"\n"]).unwrap();
    let mut connection = engine.connect();
    connection.execute(&["SELECT", "3"]).unwrap();
    connection.execute(&["MULTI"]).unwrap();
    connection.execute(&["GET", "\u{e4}"]).unwrap();
    connection.execute(&["EXEC"]).unwrap();
    let line = |db, command| format!("+1700000000.000042 [{db} embedded] {command}|");
    let shown = [
        line(0, r#""SET" "key" "with \"quotes\"\n""#),
        line(3, r#""SELECT" "3""#),
        line(3, r#""MULTI""#),
        line(3, r#""GET" "\xc3\xa4""#),
        line(3, r#""EXEC""#),
    ];
    assert_eq!(monitor.heard(), shown.concat());
    drop(monitor);
    let mut other = Peer::new(&engine);
    engine.execute(&["GET", "key"]).unwrap();
    assert_eq!(other.ask("MONITOR"), "+OK|");
    assert_eq!(other.heard(), "");
}

#[test]
fn a_caller_in_process_is_not_sent_what_it_never_looks_for() {
    let engine = engine();
    let mut connection = engine.connect();
    for command in ["SUBSCRIBE x", "PSUBSCRIBE x", "SSUBSCRIBE x", "MONITOR", "CLIENT TRACKING on"] {
        let argv: Vec<&str> = command.split(' ').collect();
        let refused = connection.execute(&argv).unwrap_err().to_string();
        assert_eq!(refused, "ERR a caller in the same process gets no messages here; see Engine::subscribe");
    }
}

#[test]
fn a_subscription_is_a_stream_for_any_runtime() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let (engine, woken) = (engine(), Arc::new(Count(AtomicUsize::new(0))));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    let mut news = pin!(engine.subscribe(&["news"]));
    assert_eq!(news.as_mut().poll_next(&mut context), Poll::Pending);
    assert_eq!(woken.0.load(Relaxed), 0);
    engine.publish("news", "one");
    engine.publish("news", "two");
    assert_eq!(woken.0.load(Relaxed), 1, "once, until it is polled again");
    let mut next = || match news.as_mut().poll_next(&mut context) {
        Poll::Ready(message) => String::from_utf8(message.unwrap().payload).unwrap(),
        Poll::Pending => "nothing".into(),
    };
    assert_eq!([next(), next(), next()], ["one", "two", "nothing"]);
    std::thread::scope(|scope| {
        let mut other = engine.subscribe(&["news"]);
        let heard = scope.spawn(move || {
            (other.next(), other.next_timeout(Duration::from_secs(20)), other.next_timeout(Duration::ZERO))
        });
        engine.publish("news", "three");
        std::thread::sleep(Duration::from_millis(20));
        engine.publish("news", "four");
        let (first, second, third) = heard.join().unwrap();
        let text = |message: Option<carnelian::Message>| message.map(|m| String::from_utf8(m.payload).unwrap());
        assert_eq!([text(first), text(second), text(third)], [Some("three".into()), Some("four".into()), None]);
    });
}
