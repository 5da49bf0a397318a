//! Sessions: bytes in, bytes out, as a client on a socket would see them.

#![allow(clippy::panic, reason = "a test may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use carnelian::command::{Origin, Output, Value};
use carnelian::session::{Session, Status};
use carnelian::{Clock, Engine, ManualClock, Options};

fn engine() -> Engine {
    Engine::open(Options::new()).expect("opens")
}

/// A session and its output, fed with whatever a socket would bring.
struct Peer {
    session: Session,
    rest: Vec<u8>,
    output: Output,
}

impl Peer {
    fn new(engine: &Engine) -> Self {
        let origin = Origin { addr: "10.0.0.1:5000".into(), laddr: "10.0.0.2:6379".into(), fd: 9, unix: false };
        Self { session: engine.session(origin, None), rest: Vec::new(), output: Output::default() }
    }

    fn feed(&mut self, bytes: impl AsRef<[u8]>) -> (Status, String) {
        self.rest.extend_from_slice(bytes.as_ref());
        let (status, used) = self.session.feed(&self.rest, &mut self.output);
        self.rest.drain(..used);
        let reply = String::from_utf8_lossy(&self.output.to_vec()).into_owned();
        self.output.clear();
        (status, reply)
    }

    /// The replies to inline commands, one a line.
    fn ask(&mut self, lines: &str) -> String {
        let (status, reply) = self.feed(format!("{lines}\r\n"));
        assert_eq!(status, Status::Continue, "{lines}: {reply}");
        reply
    }
}

fn multibulk(args: &[&str]) -> String {
    let args: String = args.iter().map(|a| format!("${}\r\n{a}\r\n", a.len())).collect();
    format!("*{}\r\n{args}", args.matches('$').count())
}

const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";

#[test]
fn replies_come_in_the_version_that_was_chosen() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    assert_eq!(peer.ask("GET nosuch"), "$-1\r\n");
    assert_eq!(peer.ask("CONFIG GET hz"), "*2\r\n$2\r\nhz\r\n$2\r\n10\r\n");
    let hello = peer.ask("HELLO 3 SETNAME bob");
    assert!(hello.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n"), "{hello}");
    assert!(hello.ends_with("$7\r\nmodules\r\n*0\r\n"), "{hello}");
    assert_eq!(peer.ask("CLIENT GETNAME"), "$3\r\nbob\r\n");
    assert_eq!(peer.ask("GET nosuch"), "_\r\n");
    assert_eq!(peer.ask("CONFIG GET hz"), "%1\r\n$2\r\nhz\r\n$2\r\n10\r\n");
    assert!(peer.ask("CLIENT INFO").starts_with('='));
    assert_eq!(peer.ask("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
    assert!(peer.ask("HELLO 2").starts_with("*14\r\n"));
    assert_eq!(peer.ask("GET nosuch"), "$-1\r\n");
}

#[test]
fn pipelines_are_answered_in_order_however_they_arrive() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    let many: String = (0..200).map(|i| multibulk(&["SET", &format!("k{i}"), &i.to_string()])).collect();
    let (status, reply) = peer.feed(&many);
    assert_eq!((status, reply), (Status::Continue, "+OK\r\n".repeat(200)));
    let gets: String = (0..200).map(|i| multibulk(&["GET", &format!("k{i}")])).collect();
    let expected: String = (0..200).map(|i| format!("${}\r\n{i}\r\n", i.to_string().len())).collect();
    let mut got = String::new();
    for piece in gets.as_bytes().chunks(7) {
        got += &peer.feed(piece).1;
    }
    assert_eq!(got, expected);
    let mixed = format!("PING\r\n{}\r\n*0\r\n{}ECHO 'a b'\r\n", multibulk(&["PING"]), multibulk(&["NOSUCH"]));
    let (_, reply) = peer.feed(mixed);
    let unknown = "-ERR unknown command 'NOSUCH', with args beginning with: \r\n";
    assert_eq!(reply, format!("+PONG\r\n+PONG\r\n{unknown}$3\r\na b\r\n"));
}

#[test]
fn what_is_no_protocol_ends_the_session_after_what_came_before() {
    let engine = engine();
    for (bytes, error) in [
        ("*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n"),
        ("*x\r\n", "-ERR Protocol error: invalid multibulk length\r\n"),
        ("*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n"),
        ("PING \"\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"),
    ] {
        let mut peer = Peer::new(&engine);
        let (status, reply) = peer.feed(format!("{}{bytes}{}", multibulk(&["PING"]), multibulk(&["SET", "no", "1"])));
        assert_eq!((status, reply), (Status::Close, format!("+PONG\r\n{error}")));
    }
    assert_eq!(engine.execute(&["GET", "no"]), Ok(Value::Null), "nothing runs behind the error");
    let mut peer = Peer::new(&engine);
    let (status, reply) = peer.feed(format!("{}{}*x\r\n", multibulk(&["QUIT"]), multibulk(&["PING"])));
    assert_eq!((status, reply.as_str()), (Status::Close, "+OK\r\n"));
}

#[test]
fn clients_choose_which_replies_they_want() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    assert_eq!(peer.ask("CLIENT REPLY ON"), "+OK\r\n");
    let big = "x".repeat(20_000);
    peer.feed(multibulk(&["SET", "big", &big]));
    let silent = ["CLIENT REPLY OFF", "PING", "GET big", "NOSUCH", "CLIENT REPLY SKIP"].join("\r\n");
    assert_eq!(peer.ask(&silent), "");
    assert_eq!(peer.ask("PING\r\nCLIENT REPLY ON\r\nPING"), "+OK\r\n+PONG\r\n");
    assert_eq!(peer.ask("CLIENT REPLY SKIP\r\nPING\r\nECHO seen"), "$4\r\nseen\r\n");
    assert_eq!(peer.ask("CLIENT REPLY SKIP\r\nGET big\r\nECHO seen"), "$4\r\nseen\r\n");
    assert_eq!(peer.ask("CLIENT REPLY OFF\r\nRESET\r\nPING"), "+RESET\r\n+PONG\r\n");
}

#[test]
fn whoever_has_not_given_the_password_gets_little() {
    let engine = Engine::open(Options::new().config("requirepass", "secret")).expect("opens");
    let mut peer = Peer::new(&engine);
    assert_eq!(peer.ask("GET k"), NOAUTH);
    assert_eq!(peer.ask("PING"), NOAUTH);
    assert!(peer.ask("HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already authenticated"));
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    assert_eq!(peer.ask("AUTH wrong"), wrong);
    assert_eq!(peer.ask("HELLO 3 AUTH other secret"), wrong);
    // A pipeline that begins with AUTH is authenticated behind it, large arguments included.
    let large = "x".repeat(20_000);
    let (status, reply) = peer.feed(multibulk(&["AUTH", "secret"]) + &multibulk(&["SET", "k", &large]) + "PING\r\n");
    assert_eq!((status, reply.as_str()), (Status::Continue, "+OK\r\n+OK\r\n+PONG\r\n"));
    assert_eq!(peer.ask("RESET\r\nPING"), format!("+RESET\r\n{NOAUTH}"));
    assert!(peer.ask("HELLO 3 AUTH default secret").starts_with("%7"));

    let refused = |bytes: String, error: &str| {
        let mut peer = Peer::new(&engine);
        assert_eq!(peer.feed(bytes), (Status::Close, format!("-ERR Protocol error: {error}\r\n")));
    };
    refused("*11\r\n".into(), "unauthenticated multibulk length");
    refused(multibulk(&["SET", "k", &large]), "unauthenticated bulk length");

    // Sessions that are there when the demand comes stay, and new ones are free when it goes.
    engine.execute(&["CONFIG", "SET", "requirepass", ""]).expect("set");
    let mut free = Peer::new(&engine);
    assert!(free.ask("AUTH secret").starts_with("-ERR AUTH <password> called without any password configured"));
    engine.execute(&["CONFIG", "SET", "requirepass", "other"]).expect("set");
    assert_eq!(free.ask("PING"), "+PONG\r\n");
    assert_eq!(Peer::new(&engine).ask("PING"), NOAUTH);
}

#[test]
fn paused_clients_wait_and_go_on_where_they_stopped() {
    let clock = ManualClock::new(Duration::from_secs(1_000));
    let engine = Engine::open(Options::new().clock(Clock::Manual(clock.clone()))).expect("opens");
    let (mut a, mut b) = (Peer::new(&engine), Peer::new(&engine));
    assert_eq!(a.ask("CLIENT PAUSE 100 WRITE"), "+OK\r\n");
    // Half a request behind the one that has to wait.
    let (status, reply) = b.feed("GET k\r\n".to_owned() + &multibulk(&["SET", "k", "1"]) + "*2\r\n$3\r\nGET\r\n$");
    assert_eq!((status, reply.as_str()), (Status::Paused, "$-1\r\n"));
    assert_eq!(b.feed(""), (Status::Paused, String::new()));
    clock.advance(Duration::from_millis(101));
    assert_eq!(b.feed(""), (Status::Continue, "+OK\r\n".into()));
    assert_eq!(b.feed("1\r\nk\r\n"), (Status::Continue, "$1\r\n1\r\n".into()));

    assert_eq!(a.ask("CLIENT PAUSE 100000"), "+OK\r\n");
    assert_eq!(b.feed("PING\r\n"), (Status::Paused, String::new()));
    engine.core().clients.unpause();
    assert_eq!(b.feed(""), (Status::Continue, "+PONG\r\n".into()));
}

#[test]
fn clients_see_and_end_each_other() {
    let engine = engine();
    let woken = Arc::new(AtomicUsize::new(0));
    let wake = {
        let woken = woken.clone();
        Box::new(move || {
            woken.fetch_add(1, Relaxed);
        })
    };
    let mut a = Peer::new(&engine);
    let origin = Origin { addr: "10.0.0.9:1".into(), ..Origin::default() };
    let mut b = Peer { session: engine.session(origin, Some(wake)), rest: Vec::new(), output: Output::default() };
    b.ask("SELECT 3\r\nCLIENT SETNAME bob\r\nGET x");
    let list = a.ask("CLIENT LIST");
    let line = list.lines().find(|l| l.contains("name=bob")).unwrap_or_else(|| panic!("{list}"));
    for part in ["addr=10.0.0.9:1 ", " db=3 ", " cmd=get ", " resp=2 ", " tot-cmds=3"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let own = a.ask("CLIENT INFO");
    assert!(own.contains(" cmd=client|info ") && own.contains("addr=10.0.0.1:5000 "), "{own}");
    assert_eq!(a.ask("CLIENT KILL ADDR 10.0.0.9:1"), ":1\r\n");
    assert_eq!(woken.load(Relaxed), 1);
    assert_eq!(b.feed("PING\r\n"), (Status::Close, String::new()));
    drop(b);
    assert!(!a.ask("CLIENT LIST").contains("bob"));
    assert_eq!(a.feed("CLIENT KILL SKIPME no\r\n"), (Status::Close, ":1\r\n".into()));
}

#[test]
fn what_happens_is_counted() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    let request = multibulk(&["SET", "k", "v"]).repeat(3) + "GET k\r\nGET\r\nNOSUCH\r\nSELECT 99\r\n";
    let (_, reply) = peer.feed(&request);
    let sent = reply.len();
    let (_, info) = peer.feed(multibulk(&["INFO", "everything"]));
    for line in [
        "total_commands_processed:5".to_owned(),
        format!("total_net_input_bytes:{}", request.len()),
        format!("total_net_output_bytes:{sent}"),
        "total_connections_received:1".into(),
        "errorstat_ERR:count=3".into(),
        "keyspace_hits:1".into(),
        "db0:keys=1,expires=0,avg_ttl=0".into(),
    ] {
        assert!(info.contains(&format!("{line}\r\n")), "{line}");
    }
    let stats = |name: &str| {
        let line = info.lines().find(|l| l.starts_with(&format!("cmdstat_{name}:"))).unwrap_or_default();
        line.to_owned()
    };
    assert!(stats("set").starts_with("cmdstat_set:calls=3,"));
    assert!(stats("get").starts_with("cmdstat_get:calls=1,") && stats("get").contains("rejected_calls=1"));
    assert!(stats("select").ends_with("failed_calls=1"));
    let (_, reset) = peer.feed("CONFIG RESETSTAT\r\nINFO commandstats\r\n");
    assert!(!reset.contains("cmdstat_set") && reset.contains("cmdstat_config|resetstat"), "{reset}");
}

#[test]
fn slow_and_large_commands_are_noted() {
    let engine = engine();
    let mut peer = Peer::new(&engine);
    peer.ask(
        "CONFIG SET slowlog-log-slower-than 0 commandlog-request-larger-than 500 commandlog-reply-larger-than 500",
    );
    peer.ask("CLIENT SETNAME bob\r\nSLOWLOG RESET");
    peer.feed(multibulk(&["SET", "k", &"x".repeat(600)]));
    peer.ask("GET k");
    peer.ask("CONFIG SET slowlog-log-slower-than -1");
    let slow = peer.ask("SLOWLOG GET 10");
    assert!(slow.starts_with("*3\r\n*6\r\n:"), "GET, SET and RESET itself: {slow}");
    assert!(slow.contains("$13\r\n10.0.0.1:5000\r\n$3\r\nbob\r\n"), "{slow}");
    assert!(slow.contains(&format!("{}... (472 more bytes)", "x".repeat(128))), "{slow}");
    assert_eq!(peer.ask("COMMANDLOG LEN large-request"), ":1\r\n");
    assert_eq!(peer.ask("COMMANDLOG LEN large-reply"), ":1\r\n");
    let large = peer.ask("COMMANDLOG GET -1 large-reply");
    assert!(large.contains("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), "{large}");
    assert_eq!(peer.ask("SLOWLOG LEN\r\nSLOWLOG RESET\r\nSLOWLOG LEN"), ":3\r\n+OK\r\n:0\r\n");
}

#[test]
fn connections_in_the_same_process_keep_their_state() {
    let engine = Engine::open(Options::new().config("requirepass", "secret")).expect("opens");
    let mut connection = engine.connect();
    connection.execute(&["SELECT", "2"]).expect("selects");
    connection.execute(&["SET", "k", "v"]).expect("sets");
    assert_eq!(connection.db(), 2);
    assert_eq!(connection.execute(&["GET", "k"]), Ok(Value::Bulk(b"v".to_vec())));
    assert_eq!(engine.execute(&["GET", "k"]), Ok(Value::Null));
    engine.execute(&["SELECT", "2"]).expect("selects");
    assert_eq!(engine.execute(&["GET", "k"]), Ok(Value::Null), "nothing is kept");
    let error = connection.execute(&["SELECT", "99"]).expect_err("no such database");
    assert_eq!(error.bytes(), b"ERR DB index is out of range");
    assert!(connection.execute(&[] as &[&str]).is_err());
    let shutdown = engine.execute(&["SHUTDOWN"]).expect_err("the program decides");
    assert!(shutdown.text().contains("part of another program"), "{shutdown}");
    let pairs = engine.execute(&["CONFIG", "GET", "hz"]);
    assert_eq!(pairs, Ok(Value::Map(vec![(Value::Bulk(b"hz".to_vec()), Value::Bulk(b"10".to_vec()))])));
}
