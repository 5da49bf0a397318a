//! dump.rdb of real servers and of the one under test, each read by the other: started from the same file, both hold the
//! same.

use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::fill;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How many files go each way with each peer, in full.
const FILES: u64 = 40;
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes"];
/// Databases that hold something.
const DATABASES: [usize; 3] = [0, 1, 9];

fn ok(client: &mut Client, command: &[&str]) {
    assert_eq!(client.call(command), Reply::Simple(b"OK".to_vec()), "{command:?}");
}

/// Fills a server and lets it write its file.
fn save(server: &Server, seed: u64, peer: Peer) {
    let mut client = server.connect();
    fill(&mut client, seed, peer);
    for database in &DATABASES[1..] {
        ok(&mut client, &["SELECT", &database.to_string()]);
        ok(&mut client, &["SET", "in", &database.to_string(), "PXAT", "4000000000123"]);
    }
    fill_big(&mut client, peer);
    ok(&mut client, &["SAVE"]);
}

/// Collections that are too big to be written in one go.
fn fill_big(client: &mut Client, peer: Peer) {
    for first in (0..4_000).step_by(500) {
        for (command, key) in [("HSET", "big:hash"), ("SADD", "big:set"), ("ZADD", "big:zset"), ("RPUSH", "big:list")] {
            let mut words = vec![command.to_owned(), key.to_owned()];
            for n in first..first + 500 {
                match command {
                    "HSET" => words.extend([format!("field:{n}"), format!("value:{n}")]),
                    "ZADD" => words.extend([format!("{}.5", n % 700), format!("member:{n}")]),
                    _ => words.push(format!("member:{n}")),
                }
            }
            client.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    if peer != Peer::Redis7 {
        for n in (0..4_000).step_by(7) {
            let deadline = (4_000_000_000_000_u64 + n).to_string();
            client.call(&["HPEXPIREAT", "big:hash", &deadline, "FIELDS", "1", &format!("field:{n}")]);
        }
    }
}

/// Starts one of both kinds from the file of a server.
fn both_hold_the_same(saved: &Server, peer: Peer, what: &str) {
    let folder = saved.folder().expect("a server of this test").to_str().expect("a path in UTF-8");
    let arguments = [ARGUMENTS, &["--dir", folder]].concat();
    let (ours, theirs) = (Server::subject(&arguments), Server::peer(peer, &arguments));
    let (mut ours, mut theirs) = (ours.connect(), theirs.connect());
    assert_ne!(ours.call(&["DBSIZE"]), Reply::Integer(0), "{what}");
    for database in DATABASES {
        let difference = keyspaces_differ(peer, &mut ours, &mut theirs, database);
        assert_eq!(difference, None, "{what}, database {database}");
    }
}

fn files_are_read(peer: Peer, directives: &[&str]) {
    for seed in 1..=share(FILES) {
        let theirs = Server::peer(peer, ARGUMENTS);
        save(&theirs, seed, peer);
        both_hold_the_same(&theirs, peer, &format!("a file of {}, seed {seed}", peer.name()));
        let ours = Server::subject(&[ARGUMENTS, directives].concat());
        save(&ours, seed, peer);
        both_hold_the_same(&ours, peer, &format!("our file for {}, seed {seed}", peer.name()));
    }
}

#[test]
fn files_of_redis_7_and_for_it() {
    files_are_read(Peer::Redis7, &["--rdb-version", "10"]);
}

#[test]
fn files_of_redis_8_and_for_it() {
    files_are_read(Peer::Redis8, &[]);
}

#[test]
fn files_of_valkey_and_for_it() {
    files_are_read(Peer::Valkey, &["--rdb-dialect", "valkey"]);
}
