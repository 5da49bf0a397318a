//! What somebody was told survives a process that is killed, whatever the policy; and with `appendfsync always` nobody is
//! told what is not on the disk yet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
#[path = "../../server/tests/gate/mod.rs"]
mod gate;

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use carnelian::aof::{Store, StoreKind};
use carnelian::{Durability, Options};
use common::{Engine, Folder, request, try_open};
use gate::{Gate, Gated};

/// Who is started anew by the tests below, and embeds an engine until it is killed.
const WRITER: &str = "CARNELIAN_FFI_WRITER";

/// Counts, by arguments and by bytes in turn, and says how far it has come after each reply.
#[test]
fn a_writer() {
    let Ok(folder) = std::env::var(WRITER) else { return };
    let policy = std::env::var("CARNELIAN_FFI_POLICY").unwrap();
    let engine = try_open(Some(&folder), &[("appendfsync", &policy)]).unwrap();
    let session = engine.connect();
    let mut out = io::stdout().lock();
    loop {
        let by_arguments = session.run("INCR counter");
        writeln!(out, "acknowledged {}", &by_arguments[1..]).unwrap();
        let by_bytes = session.exchange(&request("INCR counter"), -1).unwrap();
        writeln!(out, "acknowledged {}", by_bytes[1..].trim_end()).unwrap();
    }
}

fn survives_kills(policy: &str) {
    let folder = Folder::new(&format!("kill-{policy}"));
    let mut acknowledged = 0_u64;
    for kill in 0..4_u64 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_writer", "--nocapture"])
            .env(WRITER, folder.path())
            .env("CARNELIAN_FFI_POLICY", policy)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap());
        let mut seen = 0_u64;
        for line in lines.lines() {
            let Ok(line) = line else { break };
            let Some((_, n)) = line.split_once("acknowledged ") else { continue };
            // What the kill has cut off was not said.
            let Ok(n) = n.parse::<u64>() else { continue };
            assert!(n > acknowledged, "{policy}: {acknowledged} was acknowledged, and then {n}");
            acknowledged = n;
            seen += 1;
            if seen == 50 + 37 * kill {
                writer.kill().unwrap();
            }
        }
        writer.wait().unwrap();
        assert!(seen >= 50, "{policy}: the writer got nowhere");
        let engine = try_open(Some(folder.path()), &[]).unwrap();
        let counter: u64 = engine.connect().run("GET counter").trim_matches('"').parse().unwrap();
        assert!(counter >= acknowledged, "{policy}: {acknowledged} was acknowledged, and {counter} is there");
        assert!(counter <= acknowledged + 1, "{policy}: {counter} is there, after {acknowledged}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_under_always() {
    survives_kills("always");
}

#[test]
fn nothing_acknowledged_is_lost_under_everysec() {
    survives_kills("everysec");
}

#[test]
fn nothing_acknowledged_is_lost_under_no() {
    survives_kills("no");
}

#[test]
fn nobody_is_told_of_a_change_before_it_is_on_the_disk() {
    let folder = Folder::new("held");
    let gate = Arc::<Gate>::default();
    let store = {
        let gate = gate.clone();
        let open = move |_: &Path, len| Ok(Box::new(Gated { gate: gate.clone(), len }) as Box<dyn Store>);
        StoreKind::Custom(Arc::new(open))
    };
    let options =
        Options::new().dir(folder.path()).durability(Durability::Always).log_store(store).stripes(1024).seed(7);
    let engine = Engine(carnelian_ffi::abi::engine::adopt(carnelian::Engine::open(options).unwrap()));
    let [writer, reader, waiting, command, other] = [(); 5].map(|()| engine.connect());
    assert!(!writer.is_woken(0) && !reader.is_woken(0));
    assert_eq!(waiting.feed(&request("BLPOP q 0")), 0);
    assert!(!waiting.is_woken(0));
    gate.shut(true);
    assert_eq!(writer.feed(&request("SET k 1")), 0, "it is not on the disk");
    assert_eq!(reader.feed(&request("GET k")), 0, "nor is what it has read");
    assert_eq!(other.feed(&request("RPUSH q x")), 0);
    assert!(!writer.is_woken(50) && !reader.is_woken(0));
    assert_eq!((writer.take(), reader.take(), waiting.take()), (String::new(), String::new(), String::new()));
    std::thread::scope(|scope| {
        let command = scope.spawn(move || command.run("INCR n"));
        let exchange = scope.spawn(move || other.exchange(&request("INCR m"), -1));
        assert_eq!(writer.exchange(&[], 50), Ok(String::new()));
        assert!(!command.is_finished() && !exchange.is_finished());
        gate.shut(false);
        assert_eq!(command.join().unwrap(), ":1");
        assert_eq!(exchange.join().unwrap(), Ok(":1\r\n:1\r\n".into()));
    });
    assert!(writer.is_woken(2000) && reader.is_woken(2000) && waiting.is_woken(2000));
    assert_eq!(writer.take(), "+OK\r\n");
    assert_eq!(reader.take(), "$1\r\n1\r\n");
    assert_eq!(waiting.take(), "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(engine.connect().run("GET n"), "\"1\"");
}
