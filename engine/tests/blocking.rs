//! Commands that wait, through sessions as a server has them: who is served, in which order, with what, and what is left
//! behind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use carnelian::command::{Origin, Output};
use carnelian::keyspace::{Effect, Listener, LogPosition};
use carnelian::session::Status;
use carnelian::{Engine, Options, Session, Value};

const NULL: &str = "*-1\r\n";

/// A session with whoever owns it.
struct Peer {
    session: Session,
    status: Status,
    /// What has not run yet.
    rest: Vec<u8>,
}

fn request(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let bulks = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), bulks.collect::<String>()).into_bytes()
}

impl Peer {
    fn new(engine: &Engine) -> Self {
        let session = engine.session(Origin::default(), None);
        Self { session, status: Status::Continue, rest: Vec::new() }
    }

    /// Sends a command, and returns what has come back so far.
    fn say(&mut self, words: &str) -> String {
        self.rest.extend(request(words));
        self.look()
    }

    /// What has come in the meantime.
    fn look(&mut self) -> String {
        let mut output = Output::default();
        let (status, used) = self.session.feed(&self.rest, &mut output);
        self.rest.drain(..used);
        self.status = status;
        String::from_utf8(output.to_vec()).unwrap()
    }

    fn is_blocked(&self) -> bool {
        self.status == Status::Blocked
    }

    fn id(&self) -> u64 {
        self.session.client().id
    }
}

fn engine() -> Engine {
    Engine::open(Options::new().stripes(16).seed(7)).unwrap()
}

/// A peer that waits.
fn waiting(engine: &Engine, words: &str) -> Peer {
    let mut peer = Peer::new(engine);
    assert_eq!(peer.say(words), "", "{words}");
    assert!(peer.is_blocked(), "{words}");
    peer
}

fn pair(key: &str, element: &str) -> String {
    format!("*2\r\n${}\r\n{key}\r\n${}\r\n{element}\r\n", key.len(), element.len())
}

/// The figures that have to return to where they were.
fn figures(engine: &Engine) -> Vec<String> {
    let Value::Verbatim(_, text) = engine.execute(&["INFO", "clients"]).unwrap() else { panic!("no text") };
    text.lines().filter(|line| line.contains("block")).map(str::to_owned).collect()
}

const NOBODY: [&str; 3] = ["blocked_clients:0", "total_blocking_keys:0", "total_blocking_keys_on_nokey:0"];

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let engine = engine();
    let mut waiters: Vec<Peer> = (0..4).map(|_| waiting(&engine, "BLPOP other k 0")).collect();
    let mut pusher = Peer::new(&engine);
    assert_eq!(pusher.say("RPUSH k a b"), ":2\r\n");
    let heard: Vec<String> = waiters.iter_mut().map(Peer::look).collect();
    assert_eq!(heard, [pair("k", "a"), pair("k", "b"), String::new(), String::new()]);
    assert_eq!(figures(&engine), ["blocked_clients:2", "total_blocking_keys:2", "total_blocking_keys_on_nokey:0"]);
    assert_eq!(pusher.say("LPUSH other c d e"), ":3\r\n");
    assert_eq!(waiters[3].look(), pair("other", "d"), "by their ages, whoever looks first");
    assert_eq!(waiters[2].look(), pair("other", "e"));
    assert_eq!(pusher.say("LRANGE other 0 -1"), "*1\r\n$1\r\nc\r\n");
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn ten_thousand_who_wait_for_one_key_are_each_served_once_and_in_order() {
    const MANY: usize = 10_000;
    let engine = engine();
    let mut waiters: Vec<Peer> = (0..MANY).map(|_| waiting(&engine, "BLPOP k 0")).collect();
    let mut pusher = Peer::new(&engine);
    for i in 0..MANY {
        assert_eq!(pusher.say(&format!("RPUSH k {i}")), ":1\r\n");
    }
    for (i, waiter) in waiters.iter_mut().enumerate() {
        assert_eq!(waiter.look(), pair("k", &i.to_string()));
        assert!(!waiter.is_blocked());
        assert_eq!(waiter.look(), "", "served once");
    }
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn what_is_pipelined_behind_runs_when_the_wait_is_over() {
    let engine = engine();
    let mut waiter = waiting(&engine, "BLPOP k 0");
    assert_eq!(waiter.say("PING"), "");
    assert_eq!(waiter.say("BRPOP k 0"), "");
    assert_eq!(waiter.say("ECHO end"), "");
    let mut pusher = Peer::new(&engine);
    pusher.say("RPUSH k a");
    assert_eq!(waiter.look(), pair("k", "a") + "+PONG\r\n");
    assert!(waiter.is_blocked());
    pusher.say("RPUSH k b");
    assert_eq!(waiter.look(), pair("k", "b") + "$3\r\nend\r\n");
}

#[test]
fn a_wait_ends_in_time_and_not_before() {
    let engine = engine();
    let began = Instant::now();
    let mut waiter = waiting(&engine, "BLPOP k 0.03");
    let deadline = waiter.session.deadline().unwrap();
    let left = deadline.duration_since(began);
    assert!(left >= Duration::from_millis(30) && left < Duration::from_secs(5), "{left:?}");
    while waiter.is_blocked() {
        let heard = waiter.look();
        if Instant::now() < deadline {
            assert_eq!(heard, "");
        } else if !waiter.is_blocked() {
            assert_eq!(heard, NULL);
        }
    }
    assert!(Instant::now() >= deadline);
    assert_eq!(waiting(&engine, "BLPOP k 0").session.deadline(), None);
    assert_eq!(Peer::new(&engine).say("RPUSH k late"), ":1\r\n");
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn a_timeout_is_refused_in_the_words_of_redis() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    for (timeout, error) in [
        ("x", "-ERR timeout is not a float or out of range\r\n"),
        ("nan", "-ERR timeout is not a float or out of range\r\n"),
        ("-1", "-ERR timeout is negative\r\n"),
        ("-inf", "-ERR timeout is negative\r\n"),
        ("inf", "-ERR timeout is out of range\r\n"),
        ("9223372036854775.807", "-ERR timeout is out of range\r\n"),
    ] {
        assert_eq!(peer.say(&format!("BLPOP k {timeout}")), error);
        assert_eq!(peer.say(&format!("BLMOVE k d LEFT RIGHT {timeout}")), error);
        assert_eq!(peer.say(&format!("BZMPOP {timeout} 1 k MIN")), error);
    }
    assert_eq!(peer.say("XREAD BLOCK 1.5 STREAMS s 0"), "-ERR timeout is not an integer or out of range\r\n");
    assert_eq!(peer.say("XREAD BLOCK -1 STREAMS s 0"), "-ERR timeout is negative\r\n");
    // The least negative number is rounded up to nothing, which is without end.
    assert_eq!(waiting(&engine, "BLPOP k -0.0001").session.deadline(), None);
    let soon = waiting(&engine, "BLPOP k 0.0000001").session.deadline();
    assert!(soon.is_some_and(|at| at < Instant::now() + Duration::from_secs(5)));
}

#[test]
fn a_client_may_be_unblocked_by_another() {
    let engine = engine();
    let mut other = Peer::new(&engine);
    for (how, reply) in
        [("", NULL), (" TIMEOUT", NULL), (" error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")]
    {
        let mut waiter = waiting(&engine, "BLPOP k 0");
        let unblock = format!("CLIENT UNBLOCK {}{how}", waiter.id());
        assert_eq!(other.say(&unblock), ":1\r\n");
        assert_eq!(other.say(&unblock), ":0\r\n", "it is over, though not everybody has noticed");
        assert_eq!(other.say("RPUSH k x"), ":1\r\n");
        assert_eq!(other.say("DEL k"), ":1\r\n", "nobody has taken it");
        assert_eq!(waiter.look(), reply);
        assert!(!waiter.is_blocked());
        assert_eq!(other.say(&unblock), ":0\r\n");
    }
    assert_eq!(other.say("CLIENT UNBLOCK 12345"), ":0\r\n");
    assert_eq!(other.say("CLIENT UNBLOCK -1"), ":0\r\n");
    assert_eq!(other.say("CLIENT UNBLOCK x"), "-ERR value is not an integer or out of range\r\n");
    assert_eq!(other.say("CLIENT UNBLOCK 1 x"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let engine = engine();
    let kinds = ["BLPOP a b c 0", "BLMOVE a b LEFT RIGHT 0", "BZPOPMIN a z 0", "XREAD BLOCK 0 STREAMS s $", "WAIT 1 0"];
    let waiters: Vec<Peer> = kinds.iter().map(|words| waiting(&engine, words)).collect();
    assert_eq!(figures(&engine)[..2], ["blocked_clients:5", "total_blocking_keys:5"]);
    drop(waiters);
    assert_eq!(figures(&engine), NOBODY);
    assert_eq!(Peer::new(&engine).say("RPUSH a x"), ":1\r\n");
    assert_eq!(Peer::new(&engine).say("LLEN a"), ":1\r\n");
}

#[test]
fn a_killed_client_is_not_served() {
    let engine = engine();
    let mut waiter = waiting(&engine, "BLPOP k 0");
    let mut other = Peer::new(&engine);
    assert_eq!(other.say(&format!("CLIENT KILL ID {}", waiter.id())), ":1\r\n");
    assert_eq!(other.say("RPUSH k x"), ":1\r\n");
    assert_eq!(other.say("LLEN k"), ":1\r\n");
    waiter.look();
    assert_eq!(waiter.status, Status::Close);
}

#[test]
fn client_list_shows_who_waits() {
    let engine = engine();
    let mut waiter = waiting(&engine, "BLPOP k 0");
    let mut other = Peer::new(&engine);
    let list = format!("CLIENT LIST ID {}", waiter.id());
    assert!(other.say(&list).contains(" flags=b "));
    other.say("RPUSH k x");
    waiter.look();
    assert!(other.say(&list).contains(" flags=N "));
}

#[test]
fn moves_go_on_from_list_to_list_within_one_command() {
    // Keys of many stripes: the pushing command names one of them only.
    let engine = engine();
    let key = |i: usize| format!("key:{i}");
    let mut movers: Vec<Peer> =
        (0..20).map(|i| waiting(&engine, &format!("BLMOVE {} {} RIGHT LEFT 0", key(i), key(i + 1)))).collect();
    let mut last = waiting(&engine, &format!("BRPOP {} 0", key(20)));
    assert_eq!(Peer::new(&engine).say("RPUSH key:0 x"), ":1\r\n");
    for mover in &mut movers {
        assert_eq!(mover.look(), "$1\r\nx\r\n");
    }
    assert_eq!(last.look(), pair("key:20", "x"));
    assert_eq!(Peer::new(&engine).say("DBSIZE"), ":0\r\n");
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn moves_in_a_circle_end() {
    let engine = engine();
    let mut there = waiting(&engine, "BLMOVE a b LEFT LEFT 0");
    let mut back = waiting(&engine, "BRPOPLPUSH b a 0");
    let mut again = waiting(&engine, "BLMOVE a a LEFT LEFT 0");
    assert_eq!(Peer::new(&engine).say("RPUSH a x"), ":1\r\n");
    assert_eq!((there.look(), back.look()), ("$1\r\nx\r\n".into(), "$1\r\nx\r\n".into()));
    assert_eq!(again.look(), "$1\r\nx\r\n");
    assert_eq!(Peer::new(&engine).say("LRANGE a 0 -1"), "*1\r\n$1\r\nx\r\n");
}

#[test]
fn a_move_to_what_is_no_list_fails_and_the_next_is_served() {
    let engine = engine();
    let mut mover = waiting(&engine, "BLMOVE k d LEFT LEFT 0");
    let mut popper = waiting(&engine, "BLPOP k 0");
    let mut other = Peer::new(&engine);
    other.say("SET d text");
    assert_eq!(other.say("RPUSH k x"), ":1\r\n");
    assert!(mover.look().starts_with("-WRONGTYPE "));
    assert_eq!(popper.look(), pair("k", "x"));
    assert_eq!(other.say("GET d"), "$4\r\ntext\r\n");
}

#[test]
fn a_transaction_serves_at_its_end() {
    let engine = engine();
    let mut waiter = waiting(&engine, "BLPOP k 0");
    let mut other = Peer::new(&engine);
    for words in ["MULTI", "RPUSH k a", "DEL k", "RPUSH k b", "RPUSH k c", "LLEN k"] {
        other.say(words);
        assert_eq!(waiter.look(), "");
    }
    assert_eq!(other.say("EXEC"), "*5\r\n:1\r\n:1\r\n:1\r\n:2\r\n:2\r\n");
    assert_eq!(waiter.look(), pair("k", "b"));
    let mut waiter = waiting(&engine, "BLPOP gone 0");
    for words in ["MULTI", "RPUSH gone a", "DEL gone", "EXEC"] {
        other.say(words);
    }
    assert_eq!(waiter.look(), "");
}

#[test]
fn nobody_waits_within_a_transaction() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    for (words, reply) in [
        ("BLPOP k 0", NULL),
        ("BLMPOP 0 1 k LEFT", NULL),
        ("BLMOVE k d LEFT LEFT 0", "$-1\r\n"),
        ("BRPOPLPUSH k d 0", "$-1\r\n"),
        ("BZPOPMAX k 0", NULL),
        ("BZMPOP 0 1 k MAX", NULL),
        ("XREAD BLOCK 0 STREAMS s $", NULL),
        ("WAIT 1 0", ":0\r\n"),
        ("WAITAOF 0 1 0", "*2\r\n:0\r\n:0\r\n"),
    ] {
        peer.say("MULTI");
        peer.say(words);
        assert_eq!(peer.say("EXEC"), format!("*1\r\n{reply}"), "{words}");
    }
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn whatever_puts_a_list_under_a_key_serves_those_who_wait_for_it() {
    for (before, then) in [
        ("RPUSH other x", "RENAME other k"),
        ("RPUSH other x", "RENAMENX other k"),
        ("RPUSH other x", "COPY other k"),
        ("RPUSH other x", "LMOVE other k LEFT LEFT"),
        ("SADD other x", "SORT other BY nosort STORE k"),
    ] {
        let engine = engine();
        let mut waiter = waiting(&engine, "BLPOP k 0");
        let mut other = Peer::new(&engine);
        other.say(before);
        other.say(then);
        assert_eq!(waiter.look(), pair("k", "x"), "{then}");
    }
    let engine = engine();
    let mut waiter = waiting(&engine, "BLPOP k 0");
    let mut other = Peer::new(&engine);
    other.say("SET k text");
    assert!(other.say("RPUSH k x").starts_with("-WRONGTYPE"), "a string in the way");
    other.say("SADD s x");
    other.say("SORT s BY nosort STORE k");
    assert_eq!(waiter.look(), pair("k", "x"), "a list in the place of a string");
    let mut waiter = waiting(&engine, "BLPOP k 0");
    other.say("SELECT 1");
    other.say("RPUSH k x");
    assert_eq!(waiter.look(), "", "another database");
    other.say("MOVE k 0");
    assert_eq!(waiter.look(), pair("k", "x"));
    let mut waiter = waiting(&engine, "BLPOP k 0");
    other.say("RPUSH k y");
    assert_eq!(waiter.look(), "");
    other.say("SWAPDB 0 1");
    assert_eq!(waiter.look(), pair("k", "y"));
}

#[test]
fn sorted_sets_serve_as_lists_do() {
    let engine = engine();
    let mut min = waiting(&engine, "BZPOPMIN z 0");
    let mut list = waiting(&engine, "BLPOP z 0");
    let mut max = waiting(&engine, "BZPOPMAX z 0");
    let mut some = waiting(&engine, "BZMPOP 0 2 y z MIN COUNT 2");
    assert_eq!(Peer::new(&engine).say("ZADD z 1 a 2 b 3 c 4.5 d"), ":4\r\n");
    assert_eq!(min.look(), "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\n1\r\n");
    assert_eq!(max.look(), "*3\r\n$1\r\nz\r\n$1\r\nd\r\n$3\r\n4.5\r\n");
    assert_eq!(some.look(), "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n");
    assert_eq!(list.look(), "");
    assert_eq!(Peer::new(&engine).say("RPUSH z x"), ":1\r\n");
    assert_eq!(list.look(), pair("z", "x"));
}

#[test]
fn all_who_read_a_stream_are_served() {
    let engine = engine();
    let mut readers = [(); 2].map(|()| waiting(&engine, "XREAD BLOCK 0 STREAMS s t $ 5"));
    let mut late = waiting(&engine, "XREAD BLOCK 0 STREAMS t 7");
    let mut other = Peer::new(&engine);
    let entry = |key: &str, id: &str| {
        format!("*1\r\n*2\r\n$1\r\n{key}\r\n*1\r\n*2\r\n$3\r\n{id}\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n")
    };
    other.say("XADD t 4-1 f v");
    assert_eq!(readers[0].look(), "");
    other.say("XADD t 6-1 f v");
    for reader in &mut readers {
        assert_eq!(reader.look(), entry("t", "6-1"));
    }
    assert_eq!(late.look(), "");
    other.say("DEL t");
    other.say("RPUSH t x");
    assert_eq!(late.look(), "", "XREAD does not care about other types");
    other.say("DEL t");
    other.say("XADD t 8-1 f v");
    assert_eq!(late.look(), entry("t", "8-1"));
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn one_of_a_group_is_served_and_a_loss_is_told_to_all() {
    let engine = engine();
    let mut other = Peer::new(&engine);
    other.say("XGROUP CREATE s g $ MKSTREAM");
    let words = |name: &str| format!("XREADGROUP GROUP g {name} BLOCK 0 STREAMS s >");
    let mut readers = ["a", "b", "c"].map(|name| waiting(&engine, &words(name)));
    assert_eq!(figures(&engine)[1..], ["total_blocking_keys:1", "total_blocking_keys_on_nokey:1"]);
    other.say("XADD s 1-1 f v");
    let first = "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    assert_eq!(readers.each_mut().map(Peer::look), [first, "", ""]);
    other.say("DEL s");
    let lost = "-UNBLOCKED the stream key no longer exists\r\n";
    assert_eq!(readers.each_mut().map(Peer::look), ["", lost, lost]);
    for loss in ["SET s x", "RENAME s t", "FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1", "UNLINK s"] {
        other.say("FLUSHALL");
        other.say("XGROUP CREATE s g $ MKSTREAM");
        let mut reader = waiting(&engine, &words("a"));
        other.say(loss);
        assert_eq!(reader.look(), lost, "{loss}");
    }
    other.say("FLUSHALL");
    other.say("XGROUP CREATE s g $ MKSTREAM");
    let mut reader = waiting(&engine, &words("a"));
    other.say("XGROUP DESTROY s g");
    assert_eq!(reader.look(), "-NOGROUP the consumer group this client was blocked on no longer exists\r\n");
    assert_eq!(figures(&engine), NOBODY);
}

/// Effects as text.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Listener for Log {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        let text = |effect: &Effect| {
            effect.argv().iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
        };
        self.0.lock().unwrap().extend(effects.iter().map(text));
        0
    }
}

#[test]
fn the_log_has_what_was_done_and_never_that_somebody_waited() {
    let engine = engine();
    let log = Arc::new(Log::default());
    engine.core().keyspace.listen(log.clone()).unwrap();
    let waiters = ["BLPOP a 0", "BLMOVE a b LEFT RIGHT 0", "BLMPOP 0 1 b LEFT COUNT 5"];
    let mut waiters = waiters.map(|words| waiting(&engine, words));
    Peer::new(&engine).say("RPUSH a 1 2 3");
    waiters.iter_mut().for_each(|waiter| drop(waiter.look()));
    assert_eq!(*log.0.lock().unwrap(), ["RPUSH a 1 2 3", "LPOP a", "LMOVE a b LEFT RIGHT", "LPOP b"]);
}

#[test]
fn replies_that_are_not_wanted_are_not_sent() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    peer.say("CLIENT REPLY OFF");
    peer.say("BLPOP k 0");
    assert!(peer.is_blocked());
    Peer::new(&engine).say("RPUSH k a b");
    assert_eq!(peer.look(), "");
    assert!(!peer.is_blocked());
    peer.say("CLIENT REPLY ON");
    peer.say("CLIENT REPLY SKIP");
    peer.say("BLPOP gone 0.001");
    while peer.is_blocked() {
        assert_eq!(peer.look(), "");
    }
    assert_eq!(peer.say("PING"), "+PONG\r\n");
    assert_eq!(Peer::new(&engine).say("LRANGE k 0 -1"), "*1\r\n$1\r\nb\r\n");
}

#[test]
fn resp3_is_spoken_to_those_who_do() {
    let engine = engine();
    let mut peers = [(); 3].map(|()| Peer::new(&engine));
    for (peer, words) in peers.iter_mut().zip(["BLPOP k 0.001", "BZPOPMIN z 0", "XREAD BLOCK 0 STREAMS s 0"]) {
        peer.say("HELLO 3");
        assert_eq!(peer.say(words), "");
    }
    let mut other = Peer::new(&engine);
    other.say("ZADD z 1.5 a");
    other.say("XADD s 1-1 f v");
    while peers[0].is_blocked() {
        assert!(["", "_\r\n"].contains(&&*peers[0].look()));
    }
    assert_eq!(peers[1].look(), "*3\r\n$1\r\nz\r\n$1\r\na\r\n,1.5\r\n");
    assert_eq!(peers[2].look(), "%1\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
}

#[test]
fn threads_in_this_process_wait_as_well() {
    let engine = engine();
    let popper = {
        let engine = engine.clone();
        std::thread::spawn(move || engine.connect().execute(&["BLPOP", "k", "0"]))
    };
    let mover = {
        let engine = engine.clone();
        std::thread::spawn(move || engine.execute(&["BLMOVE", "l", "k", "LEFT", "LEFT", "0"]))
    };
    while figures(&engine)[0] != "blocked_clients:2" {
        std::thread::yield_now();
    }
    engine.db(0).unwrap().rpush("l", ["x"]).unwrap();
    assert_eq!(mover.join().unwrap(), Ok(Value::Bulk(b"x".to_vec())));
    let popped = Value::Array(vec![Value::Bulk(b"k".to_vec()), Value::Bulk(b"x".to_vec())]);
    assert_eq!(popper.join().unwrap(), Ok(popped));
    let began = Instant::now();
    assert_eq!(engine.execute(&["BLPOP", "k", "0.02"]), Ok(Value::Null));
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn threads_that_wait_can_be_unblocked_and_killed() {
    let engine = engine();
    for (ending, expected) in [
        ("UNBLOCK", "UNBLOCKED client unblocked via CLIENT UNBLOCK"),
        ("KILL", "ERR the connection was ended by CLIENT KILL"),
    ] {
        let mut connection = engine.connect();
        let Value::Int(id) = connection.execute(&["CLIENT", "ID"]).unwrap() else { panic!("no id") };
        let waiter = std::thread::spawn(move || connection.execute(&["BLPOP", "k", "0"]));
        while figures(&engine)[0] != "blocked_clients:1" {
            std::thread::yield_now();
        }
        let id = id.to_string();
        let argv = if ending == "KILL" { ["CLIENT", ending, "ID", &id] } else { ["CLIENT", ending, &id, "ERROR"] };
        assert_eq!(engine.execute(&argv), Ok(Value::Int(1)));
        assert_eq!(waiter.join().unwrap().unwrap_err().text(), expected);
    }
    assert_eq!(figures(&engine), NOBODY);
}

#[test]
fn a_transaction_serves_moves_to_keys_that_it_only_watches() {
    let engine = engine();
    let mut mover = waiting(&engine, "BLMOVE k d LEFT LEFT 0");
    let mut other = Peer::new(&engine);
    for words in ["WATCH d x y z", "MULTI", "RPUSH k a", "EXEC"] {
        other.say(words);
    }
    assert_eq!(mover.look(), "$1\r\na\r\n");
    assert_eq!(other.say("LRANGE d 0 -1"), "*1\r\n$1\r\na\r\n");
}
