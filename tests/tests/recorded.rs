//! What Redis 8.0 and Valkey 9.1 answered, recorded in `tests/data`, must be what the server under test answers; where
//! the two differ, it answers as one of them.
//!
//! Needs none of them. To record again, for new commands in the files or newer servers:
//! `CARNELIAN_RECORD=1 cargo test -p carnelian-tests --test recorded`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use carnelian_tests::recorded::{PEERS, parse, peers, replay, write};
use carnelian_tests::resp::Client;
use carnelian_tests::server::Server;

const ARGUMENTS: [&str; 2] = ["--enable-debug-command", "yes"];

fn files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data");
    let entries = fs::read_dir(&folder).expect("there is a folder of recorded answers");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

/// A connection to an emptied server.
fn fresh(server: &Server) -> Client {
    let mut client = server.connect();
    client.call(&["FLUSHALL"]);
    client
}

#[test]
fn replies_are_those_that_newer_servers_gave() {
    let record = std::env::var("CARNELIAN_RECORD").is_ok_and(|v| v == "1");
    let files = files();
    assert!(!files.is_empty());
    if record {
        let servers = PEERS.map(|peer| (peer, Server::peer(peer, &ARGUMENTS)));
        for file in files {
            let lines = parse(&fs::read_to_string(&file).expect("a file can be read"));
            let asked = servers.iter().filter(|(peer, _)| peers(&lines).contains(peer));
            let answers: Vec<_> = asked.map(|(_, server)| replay(&lines, &mut fresh(server))).collect();
            fs::write(&file, write(&lines, &answers)).expect("a file can be written");
        }
        return;
    }
    let server = Server::subject(&ARGUMENTS);
    let mut report = String::new();
    for file in files {
        let lines = parse(&fs::read_to_string(&file).expect("a file can be read"));
        let answers = replay(&lines, &mut fresh(&server));
        for (line, answer) in lines.iter().filter(|line| line.command.is_some()).zip(answers) {
            if !answer.is_empty() && !line.answers.contains(&answer) {
                let name = file.file_name().unwrap_or_default().display();
                let right = line.answers.join("\n    or: ");
                // Writing into a string cannot fail.
                let _ = writeln!(report, "{name}: {}\n  ours: {answer}\n    is: {right}", line.text);
            }
        }
    }
    assert!(report.is_empty(), "answers that no server gave:\n{report}");
}
