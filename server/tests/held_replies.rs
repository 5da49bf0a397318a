//! Under `appendfsync always`, a server sends nothing that rests on changes which are not on the disk yet.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod gate;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carnelian::aof::{Store, StoreKind};
use carnelian::{Durability, Engine, Options};
use carnelian_server::{Config, Server, directives, serve};
use gate::{Gate, Gated};

struct Folder(std::path::PathBuf, Arc<Gate>);

impl Drop for Folder {
    fn drop(&mut self) {
        // The engine ends with a sync, whatever a test has come to.
        self.1.shut(false);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(name: &str) -> (Arc<Gate>, Server, Engine, Folder) {
    open_with(name, 2)
}

fn open_with(name: &str, threads: usize) -> (Arc<Gate>, Server, Engine, Folder) {
    let gate = Arc::<Gate>::default();
    let folder = std::env::temp_dir().join(format!("carnelian-held-{}-{name}", std::process::id()));
    let folder = Folder(folder, gate.clone());
    let store = {
        let gate = gate.clone();
        let open = move |_: &Path, len| Ok(Box::new(Gated { gate: gate.clone(), len }) as Box<dyn Store>);
        StoreKind::Custom(Arc::new(open))
    };
    // The keys of the tests are in stripes of their own.
    let options = Options::new().dir(&folder.0).durability(Durability::Always).log_store(store).stripes(1024).seed(7);
    let options = options.config("enable-debug-command", "yes");
    let engine = Engine::open(directives::register(options)).unwrap();
    let server = serve(&engine, &Config::new().listen("127.0.0.1", 0).io_threads(threads)).unwrap();
    (gate, server, engine, folder)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn send(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).unwrap();
}

fn expect(stream: &mut TcpStream, reply: &str) {
    let mut got = vec![0; reply.len()];
    stream.read_exact(&mut got).unwrap_or_else(|e| panic!("{reply:?} does not come: {e}"));
    assert_eq!(String::from_utf8_lossy(&got), reply);
}

fn expect_nothing(stream: &mut TcpStream, what: &str) {
    stream.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
    let error = stream.read(&mut [0; 64]).err().unwrap_or_else(|| panic!("{what} was answered"));
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{what}: {error}");
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
}

#[test]
fn neither_who_writes_nor_who_reads_it_hears_of_a_change_before_it_is_on_the_disk() {
    let (gate, server, _engine, _folder) = open("replies");
    let [mut writer, mut reader, mut other, mut subscriber] = [(); 4].map(|()| connect(&server));
    send(&mut writer, "SET there 1\r\n");
    expect(&mut writer, "+OK\r\n");
    send(&mut subscriber, "SUBSCRIBE news\r\n");
    expect(&mut subscriber, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    gate.shut(true);
    send(&mut writer, "SET k 1\r\nPUBLISH news k\r\n");
    expect_nothing(&mut writer, "SET");
    send(&mut reader, "GET k\r\n");
    expect_nothing(&mut reader, "GET of what is not on the disk");
    expect_nothing(&mut subscriber, "a message behind it");
    // Whoever has to do with neither goes on; and what is held comes in order, with what is asked meanwhile behind it.
    send(&mut other, "GET there\r\nPING\r\n");
    expect(&mut other, "$1\r\n1\r\n+PONG\r\n");
    send(&mut reader, "PING\r\n");
    expect_nothing(&mut reader, "PING behind what is held");
    gate.shut(false);
    expect(&mut writer, "+OK\r\n:1\r\n");
    expect(&mut reader, "$1\r\n1\r\n+PONG\r\n");
    expect(&mut subscriber, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nk\r\n");
    send(&mut reader, "GET k\r\n");
    expect(&mut reader, "$1\r\n1\r\n");
    server.stop().unwrap();
}

#[test]
fn who_waited_for_an_element_hears_of_it_when_it_is_on_the_disk() {
    let (gate, server, _engine, _folder) = open("waiters");
    let (mut waiter, mut pusher) = (connect(&server), connect(&server));
    send(&mut waiter, "BLPOP queue 0\r\n");
    std::thread::sleep(Duration::from_millis(50));
    gate.shut(true);
    send(&mut pusher, "RPUSH queue job\r\n");
    expect_nothing(&mut pusher, "RPUSH");
    expect_nothing(&mut waiter, "BLPOP");
    gate.shut(false);
    expect(&mut waiter, "*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n");
    expect(&mut pusher, ":1\r\n");
    server.stop().unwrap();
}

#[test]
fn whoever_walks_through_all_keys_hears_of_none_that_is_not_on_the_disk() {
    let (gate, server, _engine, _folder) = open("walks");
    let mut writer = connect(&server);
    let walks = [
        ("KEYS *\r\n", "*1\r\n$1\r\nk\r\n"),
        ("SCAN 0 COUNT 10000\r\n", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n"),
        ("RANDOMKEY\r\n", "$1\r\nk\r\n"),
        ("DBSIZE\r\n", ":1\r\n"),
    ];
    let mut readers = walks.map(|walk| (walk, connect(&server)));
    gate.shut(true);
    send(&mut writer, "SET k 1\r\n");
    expect_nothing(&mut writer, "SET");
    for ((request, _), reader) in &mut readers {
        send(reader, request);
    }
    for ((request, _), reader) in &mut readers {
        expect_nothing(reader, request);
    }
    gate.shut(false);
    for ((_, reply), reader) in &mut readers {
        expect(reader, reply);
    }
    expect(&mut writer, "+OK\r\n");
    server.stop().unwrap();
}

#[test]
fn a_transaction_that_was_too_late_says_so_when_what_was_faster_is_on_the_disk() {
    let (gate, server, _engine, _folder) = open("watches");
    let (mut writer, mut watcher) = (connect(&server), connect(&server));
    send(&mut watcher, "WATCH k\r\nMULTI\r\nPING\r\n");
    expect(&mut watcher, "+OK\r\n+OK\r\n+QUEUED\r\n");
    gate.shut(true);
    send(&mut writer, "SET k 1\r\n");
    expect_nothing(&mut writer, "SET");
    send(&mut watcher, "EXEC\r\n");
    expect_nothing(&mut watcher, "EXEC");
    gate.shut(false);
    expect(&mut watcher, "*-1\r\n");
    expect(&mut writer, "+OK\r\n");
    server.stop().unwrap();
}

#[test]
fn a_message_that_comes_with_the_reply_to_something_else_waits_as_well() {
    let (gate, server, _engine, _folder) = open_with("pushes", 1);
    let [mut subscriber, mut sleeper, mut writer] = [(); 3].map(|()| connect(&server));
    send(&mut subscriber, "HELLO 3\r\nSUBSCRIBE news\r\n");
    let mut greeting = Vec::new();
    while !greeting.ends_with(b"\r\n$4\r\nnews\r\n:1\r\n") {
        let mut byte = [0];
        subscriber.read_exact(&mut byte).unwrap();
        greeting.push(byte[0]);
    }
    gate.shut(true);
    // While its thread sleeps, requests of others come together, and are then run one after the other.
    send(&mut sleeper, "DEBUG SLEEP 0.3\r\n");
    std::thread::sleep(Duration::from_millis(100));
    send(&mut writer, "SET k 1\r\nPUBLISH news k\r\n");
    std::thread::sleep(Duration::from_millis(50));
    send(&mut subscriber, "PING\r\n");
    expect(&mut sleeper, "+OK\r\n");
    expect_nothing(&mut subscriber, "PING behind a message");
    gate.shut(false);
    let mut got = [0; 7];
    subscriber.read_exact(&mut got).unwrap();
    server.stop().unwrap();
}
