//! Files of real servers, exported as lines and imported again: what comes out holds the same, for us and for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::fill;
use carnelian_tests::resp::Reply;
use carnelian_tests::server::{Server, subject_program};
use carnelian_tests::share;

/// How many files are taken from each peer, in full.
const FILES: u64 = 30;
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes"];

/// Runs a tool of the program under test.
fn tool(arguments: &[&str]) -> String {
    let output = Command::new(subject_program()).args(arguments).output().expect("the program runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out.into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn started(folder: &Path, with: impl FnOnce(&[&str]) -> Server) -> Server {
    with(&[ARGUMENTS, &["--dir", path(folder)]].concat())
}

fn comes_back(peer: Peer, directives: &[&str]) {
    for seed in 1..=share(FILES) {
        let server = Server::peer(peer, ARGUMENTS);
        let mut client = server.connect();
        fill(&mut client, seed, peer);
        client.call(&[&b"SET"[..], b"\xff\x00\"\n", b"\xc3\x28"]);
        client.call(&["SELECT", "9"]);
        client.call(&["SET", "in", "9", "PXAT", "4000000000123"]);
        assert_eq!(client.call(&["SAVE"]), Reply::Simple(b"OK".to_vec()));
        let old: PathBuf = server.folder().expect("a server of this test").to_owned();
        let (saved, new) = (old.join("keys.jsonl"), old.join("new"));
        assert!(tool(&["check", path(&old)]).contains("The file is good."));
        tool(&["export", path(&old), "--output", path(&saved)]);
        tool(&[&["import", path(&saved), "--dir", path(&new)], directives].concat());
        let (ours, theirs) = (started(&new, Server::subject), started(&new, |args| Server::peer(peer, args)));
        let before = started(&old, Server::subject);
        for database in [0, 9] {
            let difference = keyspaces_differ(peer, &mut ours.connect(), &mut theirs.connect(), database);
            assert_eq!(difference, None, "read by both, seed {seed}, database {database}");
            let difference = keyspaces_differ(peer, &mut before.connect(), &mut ours.connect(), database);
            assert_eq!(difference, None, "before and after, seed {seed}, database {database}");
        }
    }
}

#[test]
fn files_of_redis_7_come_back() {
    comes_back(Peer::Redis7, &["--rdb-version", "10"]);
}

#[test]
fn files_of_redis_8_come_back() {
    comes_back(Peer::Redis8, &[]);
}

#[test]
fn files_of_valkey_come_back() {
    comes_back(Peer::Valkey, &["--rdb-dialect", "valkey"]);
}
