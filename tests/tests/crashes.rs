//! The server killed without warning, again and again, while clients write: nothing that was acknowledged is missing,
//! and transactions are there whole.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How often it is killed under each policy, in full.
const KILLS: u64 = 200;
const CLIENTS: usize = 4;
/// Transactions that a client sends before it reads.
const AHEAD: u64 = 8;

/// A folder that outlives the servers which run in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("carnelian-crashes-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What a failure was about is there to be looked at.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Sends transactions that advance a counter and add to a list, until the server is gone. `acknowledged` is the last step
/// that was answered.
fn write(mut client: Client, number: usize, acknowledged: &AtomicU64, stop: &AtomicBool) -> io::Result<()> {
    let (counter, list) = (format!("counter {number}"), format!("list {number}"));
    while !stop.load(SeqCst) {
        for _ in 0..AHEAD {
            client.send(&["MULTI"])?;
            client.send(&["INCR", &counter])?;
            client.send(&["RPUSH", &list, "a value of some length, so that records cross pages"])?;
            client.send(&["EXEC"])?;
        }
        for _ in 0..AHEAD {
            for _ in 0..3 {
                client.read()?;
            }
            match client.read()? {
                Reply::Array(replies) => match replies.first() {
                    Some(Reply::Integer(n)) => acknowledged.store(u64::try_from(*n).expect("counters grow"), SeqCst),
                    other => panic!("INCR said {other:?}"),
                },
                other => panic!("EXEC said {other:?}"),
            }
        }
    }
    Ok(())
}

/// What the counters are, each as long as its list.
fn counters(client: &mut Client) -> Vec<u64> {
    let counter = |number: usize| {
        let n = match client.call(&["GET", &format!("counter {number}")]) {
            Reply::Bulk(text) => String::from_utf8_lossy(&text).parse().expect("a number"),
            _ => 0,
        };
        let len = client.call(&["LLEN", &format!("list {number}")]);
        assert_eq!(len, Reply::Integer(i64::try_from(n).expect("small")), "a transaction is there in part");
        n
    };
    (0..CLIENTS).map(counter).collect()
}

fn is_killed_again_and_again(policy: &str, store: &str) {
    let folder = Folder::new(&format!("{policy}-{store}"));
    let path = folder.0.to_str().expect("a path in UTF-8");
    // Small enough that it is rewritten now and then.
    let arguments = ["--dir", path, "--appendonly", "yes", "--appendfsync", policy, "--aof-store", store];
    let rewritten = ["--auto-aof-rewrite-min-size", "200kb", "--auto-aof-rewrite-percentage", "50"];
    let arguments = [&arguments[..], &rewritten].concat();
    let acknowledged: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
    for kill in 0..share(KILLS) {
        let server = Server::subject(&arguments);
        let there = counters(&mut server.connect());
        for (number, (acknowledged, there)) in acknowledged.iter().zip(&there).enumerate() {
            let acknowledged = acknowledged.load(SeqCst);
            assert!(*there >= acknowledged, "kill {kill}: counter {number} is {there} and was {acknowledged}");
            let most = acknowledged + AHEAD;
            assert!(*there <= most, "kill {kill}: counter {number} is {there}, and no more than {most} were sent");
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (number, acknowledged) in acknowledged.iter().enumerate() {
                acknowledged.store(there[number], SeqCst);
                // Connected here: later, another test's server might be at the same port.
                let (client, stop) = (server.connect(), &stop);
                // It ends with an error, when the server does.
                scope.spawn(move || drop(write(client, number, acknowledged, stop)));
            }
            std::thread::sleep(Duration::from_millis(5 + kill * 37 % 90));
            // Dropping it is SIGKILL.
            drop(server);
            stop.store(true, SeqCst);
        });
    }
    assert!(acknowledged.iter().all(|n| n.load(SeqCst) > 0), "no client got anywhere");
}

#[test]
fn killed_under_always() {
    is_killed_again_and_again("always", "mapped");
}

#[test]
fn killed_under_everysec() {
    is_killed_again_and_again("everysec", "mapped");
}

#[test]
fn killed_under_no() {
    is_killed_again_and_again("no", "mapped");
}

#[test]
fn killed_with_a_written_file() {
    is_killed_again_and_again("everysec", "written");
}
