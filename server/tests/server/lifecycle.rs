//! From the start to the end.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::harness::{Directory, Server, bulk, eventually, pattern, request};

#[test]
fn a_clean_stop() {
    for signal in ["-TERM", "-INT"] {
        let directory = Directory::new();
        let (socket, pid) = (directory.file("s.sock"), directory.file("s.pid"));
        let mut server = Server::start(&["--unixsocket", socket.to_str().unwrap(), "--pidfile", pid.to_str().unwrap()]);
        let id = server.child.id().to_string();
        crate::harness::eventually("the pid file", || std::fs::read_to_string(&pid).is_ok_and(|t| t.trim() == id));
        assert!(socket.exists());
        let mut client = server.connect();
        client.ask(&[b"GET", b"none"], b"$-1\r\n");
        server.signal(signal);
        assert_eq!(client.rest(), b"");
        assert_eq!(server.exit_code(), Some(0));
        assert!(!socket.exists() && !pid.exists());
        server.expect_log("now ready to exit, bye bye");
    }
}

#[test]
fn what_can_be_sent_quickly_is_sent() {
    let mut server = Server::start(&[]);
    let value = pattern(20 << 20);
    let mut client = server.connect();
    client.ask(&[b"SET", b"k", &value], b"+OK\r\n");
    client.send(&request(&[b"GET", b"k"]));
    let mut start = [0; 1000];
    client.0.read_exact(&mut start).unwrap();
    server.signal("-TERM");
    let all = [start.to_vec(), client.rest()].concat();
    assert!(all == bulk(&value), "{} bytes", all.len());
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn an_unread_reply_does_not_delay_the_end() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.ask(&[b"SET", b"k", &pattern(50 << 20)], b"+OK\r\n");
    client.send(&request(&[b"GET", b"k"]));
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn the_banner() {
    let server = Server::start(&["--io-threads", "2", "--bind", "127.0.0.1"]);
    let log = server.log();
    let pid = server.child.id();
    assert!(log.contains(&format!("pid={pid}, 2 I/O threads")), "{log}");
    assert!(log.contains(&format!("Ready to accept connections on 127.0.0.1:{}\n", server.port)), "{log}");
    assert!(log.lines().all(|l| l.starts_with(&format!("{pid}:M "))), "{log}");
}

#[test]
fn an_idle_server_uses_no_time() {
    let server = Server::start(&["--io-threads", "2"]);
    let _clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    std::thread::sleep(Duration::from_millis(200));
    let before = server.ticks();
    std::thread::sleep(Duration::from_secs(2));
    assert!(server.ticks() - before <= 2);
}

#[test]
fn shutdown_by_command() {
    let directory = Directory::new();
    let (socket, pid) = (directory.file("s.sock"), directory.file("s.pid"));
    let mut server = Server::start(&["--unixsocket", socket.to_str().unwrap(), "--pidfile", pid.to_str().unwrap()]);
    let mut client = server.connect();
    client.send(b"SHUTDOWN NOSAVE\r\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.exit_code(), Some(0));
    assert!(!socket.exists() && !pid.exists());
    server.expect_log("User requested shutdown...");
}

#[test]
fn info_tells_of_the_server() {
    let server = Server::start(&["--io-threads", "2", "--maxclients", "77"]);
    let mut client = server.connect();
    client.send(b"INFO\r\nQUIT\r\n");
    let text = String::from_utf8(client.rest()).unwrap();
    for line in [format!("tcp_port:{}", server.port), "io_threads:2".into(), "maxclients:77".into()] {
        assert!(text.lines().any(|l| l == line), "{line} is not in {text}");
    }
    assert!(text.ends_with("\r\n+OK\r\n"), "QUIT is answered before the end");
}

#[test]
fn clients_kill_each_other_and_themselves() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut killer, mut other) = (server.connect(), server.connect());
    other.send(b"CLIENT ID\r\n");
    let mut id = [0; 16];
    let n = other.0.read(&mut id).unwrap();
    let id = String::from_utf8_lossy(&id[1..n]).trim().to_owned();
    killer.send(format!("CLIENT KILL ID {id}\r\n").as_bytes());
    killer.expect(b":1\r\n");
    assert_eq!(other.rest(), b"");
    killer.send(b"CLIENT KILL SKIPME no TYPE normal\r\nGET none\r\n");
    killer.expect(b":1\r\n");
    assert_eq!(killer.rest(), b"");
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn what_was_saved_is_there_after_the_next_start() {
    let directory = Directory::new();
    let folder = directory.file("");
    let dir = ["--dir", folder.to_str().unwrap()];
    let mut server = Server::start(&dir);
    let mut client = server.connect();
    client.ask(&[b"SET", b"saved", b"yes"], b"+OK\r\n");
    client.ask(&[b"SAVE"], b"+OK\r\n");
    client.ask(&[b"SET", b"later", b"too"], b"+OK\r\n");
    client.send(b"SHUTDOWN SAVE\r\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.exit_code(), Some(0));
    let server = Server::start(&dir);
    server.connect().ask(&[b"MGET", b"saved", b"later"], b"*2\r\n$3\r\nyes\r\n$3\r\ntoo\r\n");
    drop(server);
    // A file that is damaged is no reason to begin with nothing.
    let file = directory.file("dump.rdb");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert!(Server::try_start(&dir).is_none());
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[test]
fn who_ends_saves_if_there_are_save_points() {
    for (points, end, is_saved) in [
        ("3600 1", "-TERM", true),
        ("", "-TERM", false),
        ("3600 1", "SHUTDOWN\r\n", true),
        ("", "SHUTDOWN\r\n", false),
        ("3600 1", "SHUTDOWN NOSAVE\r\n", false),
        ("", "SHUTDOWN SAVE\r\n", true),
    ] {
        let directory = Directory::new();
        let folder = directory.file("");
        let mut server = Server::start(&["--dir", folder.to_str().unwrap(), "--save", points]);
        let mut client = server.connect();
        client.ask(&[b"SET", b"k", b"v"], b"+OK\r\n");
        if end.starts_with('-') {
            server.signal(end);
        } else {
            client.send(end.as_bytes());
        }
        assert_eq!(server.exit_code(), Some(0));
        assert_eq!(directory.file("dump.rdb").exists(), is_saved, "{points:?}, {end}");
    }
}

#[test]
fn who_cannot_save_does_not_end() {
    let directory = Directory::new();
    let folder = directory.file("");
    let mut server = Server::start(&["--dir", folder.to_str().unwrap(), "--save", "3600", "1"]);
    let mut client = server.connect();
    client.ask(&[b"SET", b"k", b"v"], b"+OK\r\n");
    let aside = directory.file(&format!("temp-{}-dump.rdb", server.child.id()));
    std::fs::create_dir(&aside).unwrap();
    for n in 1..=2 {
        server.signal("-TERM");
        eventually("the refusal", || server.log().matches("can't exit").count() == n);
    }
    client.ask(&[b"SHUTDOWN"], b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n");
    std::fs::remove_dir(&aside).unwrap();
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0));
    assert!(directory.file("dump.rdb").exists());
}
