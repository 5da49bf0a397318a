//! MIGRATE between the server under test and real ones, in both directions; and what it says and does when the other side
//! refuses, breaks off or is silent, beside a real Redis that is asked the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::fill;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How many keyspaces go each way with each peer, in full.
const KEYSPACES: u64 = 60;
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes"];
/// Keys of one command.
const BATCH: usize = 7;

fn ok() -> Reply {
    Reply::Simple(b"OK".to_vec())
}

fn keys(client: &mut Client) -> Vec<Vec<u8>> {
    let Reply::Array(keys) = client.call(&["KEYS", "*"]) else { panic!("no keys") };
    let mut keys: Vec<_> = keys.iter().map(|key| key.text().expect("a name").to_vec()).collect();
    keys.sort();
    keys
}

/// A call with `words` behind the timeout.
fn migrate(client: &mut Client, to: &str, key: &[u8], words: &[&[u8]]) -> Reply {
    let (host, port) = to.split_once(':').expect("a host and a port");
    let head: [&[u8]; 6] = [b"MIGRATE", host.as_bytes(), port.as_bytes(), key, b"0", b"10000"];
    client.call(&[&head, words].concat())
}

/// Moves all keys, with words for each command.
fn move_all(from: &mut Client, to: &Server, words: &[&[u8]]) {
    for batch in keys(from).chunks(BATCH) {
        let batch: Vec<&[u8]> = batch.iter().map(|key| &key[..]).collect();
        let reply = match &batch[..] {
            [key] if !key.is_empty() => migrate(from, to.address(), key, words),
            _ => migrate(from, to.address(), b"", &[words, &[b"KEYS"], &batch].concat()),
        };
        assert_eq!(reply, ok());
    }
}

fn digest(client: &mut Client) -> Reply {
    client.call(&["DEBUG", "DIGEST"])
}

/// Moves keyspaces from ours to theirs and back, and then copies them: from there on both have the same reason for the
/// encodings that they choose, and hold the same in every respect.
fn there_and_back(peer: Peer, ours: &Server, theirs: &Server) {
    let (mut us, mut them) = (ours.connect(), theirs.connect());
    for seed in 1..=share(KEYSPACES) {
        fill(&mut us, seed, peer);
        assert_eq!(them.call(&["FLUSHALL"]), ok());
        let (all, content) = (keys(&mut us), digest(&mut us));
        move_all(&mut us, theirs, &[b"COPY"]);
        assert_eq!((&keys(&mut us), &keys(&mut them)), (&all, &all), "seed {seed}, copied");
        move_all(&mut us, theirs, &[b"REPLACE"]);
        assert_eq!((&keys(&mut us), &keys(&mut them)), (&vec![], &all), "seed {seed}, moved");
        move_all(&mut them, ours, &[]);
        assert_eq!((&keys(&mut us), &keys(&mut them)), (&all, &vec![]), "seed {seed}, moved back");
        assert_eq!(digest(&mut us), content, "seed {seed}, moved back");
        move_all(&mut us, theirs, &[b"copy"]);
        assert_eq!(keyspaces_differ(peer, &mut us, &mut them, 0), None, "seed {seed}");
    }
}

#[test]
fn keys_move_to_redis_7_and_back() {
    let ours = Server::subject(&[ARGUMENTS, &["--rdb-version", "10"]].concat());
    there_and_back(Peer::Redis7, &ours, &Server::peer(Peer::Redis7, ARGUMENTS));
}

#[test]
fn keys_move_to_redis_8_and_back() {
    there_and_back(Peer::Redis8, &Server::subject(ARGUMENTS), &Server::peer(Peer::Redis8, ARGUMENTS));
}

#[test]
fn keys_move_to_valkey_and_back() {
    let ours = Server::subject(&[ARGUMENTS, &["--rdb-dialect", "valkey"]].concat());
    there_and_back(Peer::Valkey, &ours, &Server::peer(Peer::Valkey, ARGUMENTS));
}

#[test]
fn keys_move_between_two_of_ours() {
    there_and_back(Peer::Redis8, &Server::subject(ARGUMENTS), &Server::subject(ARGUMENTS));
}

/// A server that reads what comes, sends one of some texts on each connection in turn, and then says no more. With
/// `closes` it then hangs up.
fn actor(texts: &'static [&'static str], closes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address").to_string();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (stream, text) in listener.incoming().flatten().zip(texts.iter().chain(std::iter::repeat(&""))) {
            open.push(act(stream, text));
            if closes {
                open.clear();
            }
        }
    });
    address
}

fn act(mut stream: TcpStream, text: &str) -> TcpStream {
    let mut chunk = vec![0; 1024 * 1024];
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout that is not zero");
    while stream.read(&mut chunk).is_ok_and(|n| n > 0) {}
    let _ = stream.write_all(text.as_bytes());
    stream
}

/// What a server said to some calls about the keys `a`, `b` and `c`, and what it then still had.
type Report = Vec<(String, Reply, Vec<Vec<u8>>)>;

/// Runs a call on three new keys.
fn told(report: &mut Report, client: &mut Client, what: &str, call: impl FnOnce(&mut Client) -> Reply) {
    assert_eq!(client.call(&["FLUSHALL"]), ok());
    assert_eq!(client.call(&["MSET", "a", "1", "b", "2", "c", "3"]), ok());
    let reply = call(client);
    report.push((what.to_owned(), reply, keys(client)));
}

/// A call about several keys, with a short timeout.
fn several(client: &mut Client, to: &str, words: &[&str]) -> Reply {
    let (host, port) = to.split_once(':').expect("a host and a port");
    client.call(&[&["MIGRATE", host, port, "", "0", "300"][..], words].concat())
}

fn answers_of_actors(report: &mut Report, client: &mut Client) {
    const THREE: &[&str] = &["KEYS", "a", "b", "c"];
    for (what, texts, closes) in [
        ("silent", &[""][..], false),
        ("closing", &[""], true),
        ("closing the first connection", &["", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n"], true),
        ("acknowledging two, then silent", &["+OK\r\n+OK\r\n+OK\r\n"], false),
        ("acknowledging two, then closing", &["+OK\r\n+OK\r\n+OK\r\n"], true),
        ("refusing the second of three", &["+OK\r\n+OK\r\n-BUSYKEY no\r\n+OK\r\n"], false),
        ("refusing the first, then silent", &["+OK\r\n-BUSYKEY no\r\n"], false),
        ("refusing the first, then closing", &["+OK\r\n-BUSYKEY no\r\n"], true),
        ("refusing two in different words", &["+OK\r\n-ERR one\r\n-ERR two\r\n+OK\r\n"], false),
        ("refusing the database", &["-ERR no such database\r\n+OK\r\n+OK\r\n+OK\r\n"], false),
        ("in the middle of a line", &["+OK\r\n+OK\r\n+O"], true),
    ] {
        let address = actor(texts, closes);
        told(report, client, what, |client| several(client, &address, THREE));
    }
    let address = actor(&["-ERR no password\r\n+OK\r\n+OK\r\n"], false);
    told(report, client, "refusing the password", |client| several(client, &address, &["AUTH", "p", "KEYS", "a"]));
}

fn errors_of_calls(report: &mut Report, client: &mut Client) {
    let nobody = "127.0.0.1:1";
    for words in [
        &["KEYS", "a"][..],
        &["KEYS", "none", "neither"],
        &["KEYS"],
        &["COPY", "REPLACE"],
        &["AUTH"],
        &["AUTH2", "one"],
        &["NONSENSE"],
        &["AUTH", "KEYS", "KEYS", "a"],
        &["AUTH2", "KEYS", "KEYS", "KEYS", "a"],
    ] {
        told(report, client, &words.join(" "), |client| several(client, nobody, words));
    }
    for call in [
        &["MIGRATE", "127.0.0.1", "1", "a", "0", "300", "KEYS", "b"][..],
        &["MIGRATE", "127.0.0.1", "1", "a", "x", "300"],
        &["MIGRATE", "127.0.0.1", "1", "a", "x", "y", "z"],
        &["MIGRATE", "127.0.0.1", "1", "a", "0", "1.5"],
        &["MIGRATE", "127.0.0.1", "1", "none", "0", "300"],
        &["MIGRATE", "127.0.0.1", "1", "a", "0", "-1"],
        &["MIGRATE", "127.0.0.1", "1", "a", "0", "0"],
        &["MIGRATE", "nobody.invalid", "1", "a", "0", "300"],
        &["MIGRATE", "127.0.0.1", "1", "a", "0"],
        &["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "a", "0", "1"],
        &["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "1", "KEYS", "a", "KEYS", "b"],
        &["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "1", "AUTH", "keys", "COPY", "KEYS", "a"],
        &["COMMAND", "GETKEYS", "MIGRATE", "h", "1", "a", "0", "1", "KEYS", "b"],
    ] {
        told(report, client, &call.join(" "), |client| client.call(call));
    }
}

/// Calls to a real server, with a password.
fn answers_of_a_server(report: &mut Report, client: &mut Client) {
    let target = Server::peer(Peer::Redis7, &["--requirepass", "secret"]);
    let mut there = target.connect();
    assert_eq!(there.call(&["AUTH", "secret"]), ok());
    for (what, words) in [
        ("without the password", &["KEYS", "a"][..]),
        ("with a wrong one", &["AUTH", "wrong", "KEYS", "a", "b"]),
        ("with the password", &["AUTH", "secret", "KEYS", "a"]),
        ("with a user", &["AUTH2", "default", "secret", "KEYS", "none", "b"]),
        ("one that is taken", &["KEYS", "x", "b", "c"]),
        ("one that is taken, replaced", &["REPLACE", "KEYS", "b", "c"]),
        ("copies", &["COPY", "REPLACE", "KEYS", "a", "b", "c"]),
        ("twice the same", &["KEYS", "d", "d"]),
    ] {
        told(report, client, what, |client| {
            assert_eq!(client.call(&["SET", "d", "4", "PX", "100000"]), ok());
            several(client, target.address(), words)
        });
        report.push((format!("{what}: there"), there.call(&["MGET", "a", "b", "c", "d"]), keys(&mut there)));
    }
    let Reply::Integer(left) = there.call(&["PTTL", "d"]) else { panic!("no deadline") };
    assert!((1..=100_000).contains(&left), "{left}");
    let (host, port) = target.address().split_once(':').expect("a host and a port");
    for db in ["3", "3", "0", "16"] {
        told(report, client, &format!("to database {db}"), |client| {
            client.call(&["MIGRATE", host, port, "c", db, "1000", "REPLACE"])
        });
    }
    assert_eq!(there.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]), Reply::Integer(1));
    let call = ["MIGRATE", host, port, "b", "0", "1000", "REPLACE", "AUTH", "secret"];
    told(report, client, "after the connection was cut", |client| client.call(&call));
}

#[test]
fn what_goes_wrong_is_told_as_redis_tells_it() {
    let report = |server: &Server| {
        let (mut report, mut client) = (Report::new(), server.connect());
        answers_of_actors(&mut report, &mut client);
        errors_of_calls(&mut report, &mut client);
        answers_of_a_server(&mut report, &mut client);
        report
    };
    let ours = report(&Server::subject(&["--rdb-version", "10"]));
    let theirs = report(&Server::peer(Peer::Redis7, &[]));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn other_keys_go_on_and_these_stay_as_they_are() {
    let server = Server::subject(&["--io-threads", "2"]);
    // The second connection is the second thread's.
    let (mut mover, mut other) = (server.connect(), server.connect());
    assert_eq!(other.call(&["SET", "a", "1"]), ok());
    let address = actor(&[], false);
    let (host, port) = address.split_once(':').expect("a host and a port");
    let error = b"IOERR error or timeout reading to target instance".to_vec();
    // One in sixteen keys is locked with this one.
    let went_on = (1..6).any(|n| {
        let begun = Instant::now();
        mover.send(&["MIGRATE", host, port, "a", "0", "1500"]).expect("sent");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(other.call(&["INCR", &format!("other {n}")]), Reply::Integer(1));
        let went_on = begun.elapsed() < Duration::from_millis(1200);
        assert_eq!(other.call(&["INCR", "a"]), Reply::Integer(n + 1));
        assert!(begun.elapsed() > Duration::from_millis(1400), "the key changed on its way");
        assert_eq!(mover.read().expect("a reply"), Reply::Error(error.clone()));
        went_on
    });
    assert!(went_on, "every other key waited");
}

#[test]
fn in_a_transaction_too() {
    let (server, target) = (Server::subject(&[]), Server::subject(&[]));
    let (mut client, mut there) = (server.connect(), target.connect());
    let (host, port) = target.address().split_once(':').expect("a host and a port");
    for (command, reply) in [(&["MULTI"][..], "OK"), (&["SET", "a", "1"], "QUEUED")] {
        assert_eq!(client.call(command), Reply::Simple(reply.into()));
    }
    client.call(&["MIGRATE", host, port, "", "2", "1000", "KEYS", "a", "b"]);
    client.call(&["EXISTS", "a"]);
    assert_eq!(client.call(&["EXEC"]), Reply::Array(vec![ok(), ok(), Reply::Integer(0)]));
    there.call(&["SELECT", "2"]);
    assert_eq!(there.call(&["GET", "a"]), Reply::Bulk(b"1".to_vec()));
}

#[test]
fn connections_are_kept_for_ten_seconds() {
    let (server, target) = (Server::subject(&[]), Server::subject(&[]));
    let (mut client, mut there) = (server.connect(), target.connect());
    let kept = |client: &mut Client| {
        let Reply::Bulk(info) = client.call(&["INFO", "stats"]) else { panic!("no INFO") };
        let info = String::from_utf8(info).expect("text");
        info.lines().find_map(|line| line.strip_prefix("migrate_cached_sockets:")).map(str::to_owned)
    };
    let accepted = |there: &mut Client| {
        let Reply::Bulk(info) = there.call(&["INFO", "stats"]) else { panic!("no INFO") };
        let info = String::from_utf8(info).expect("text");
        info.lines().find_map(|line| line.strip_prefix("total_connections_received:")).map(str::to_owned)
    };
    assert_eq!(kept(&mut client).as_deref(), Some("0"));
    let mut counts = Vec::new();
    for _ in 0..3 {
        assert_eq!(client.call(&["SET", "k", "v"]), ok());
        assert_eq!(migrate(&mut client, target.address(), b"k", &[b"REPLACE"]), ok());
        counts.push(accepted(&mut there));
    }
    assert_eq!(counts[0], counts[2], "one connection for all");
    assert_eq!(kept(&mut client).as_deref(), Some("1"));
    let begun = Instant::now();
    while kept(&mut client).as_deref() != Some("0") {
        assert!(begun.elapsed() < Duration::from_secs(15), "it is kept for too long");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() > Duration::from_secs(8), "it is closed too early");
}
