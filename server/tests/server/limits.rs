//! What clients may not do, and what becomes of those who do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, own_address, pattern, request};

#[test]
fn max_clients() {
    let server = Server::start(&["--maxclients", "3"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ask(&[b"GET", b"none"], b"$-1\r\n");
    }
    assert_eq!(server.connect().rest(), b"-ERR max number of clients reached\r\n");
    clients.pop();
    crate::harness::eventually("room for a client", || {
        let mut client = server.connect();
        client.send(b"GET none\r\n");
        let mut first = [0];
        client.0.read_exact(&mut first).unwrap();
        first == *b"$"
    });
}

#[test]
fn silence() {
    let server = Server::start(&["--timeout", "1"]);
    let (mut silent, mut busy) = (server.connect(), server.connect());
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(3500) {
        busy.ask(&[b"GET", b"none"], b"$-1\r\n");
        std::thread::sleep(Duration::from_millis(50));
    }
    silent.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(silent.rest(), b"");
    busy.ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn unread_replies_above_the_hard_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "1mb", "0", "0"]);
    let value = pattern(400_000);
    let mut client = server.connect();
    client.ask(&[b"SET", b"k", &value], b"+OK\r\n");
    client.send(&request(&[b"GET", b"k"]).repeat(1000));
    // The replies in time may have come; not all of them.
    assert!(client.rest().len() < 400_000_000);
    server.expect_log("closed for overcoming of output buffer limits");
    let mut client = server.connect();
    let info = String::from_utf8(client.ask_bulk(&[b"INFO", b"stats"])).unwrap();
    assert!(info.contains("client_output_buffer_limit_disconnections:1\r\n"), "{info}");
    let reads = |info: &str| {
        let line = info.lines().find(|line| line.starts_with("total_reads_processed:")).unwrap();
        line.split(':').nth(1).unwrap().parse::<u64>().unwrap()
    };
    let later = String::from_utf8(client.ask_bulk(&[b"INFO", b"stats"])).unwrap();
    assert_eq!(reads(&later), reads(&info) + 1);
}

#[test]
fn unread_replies_above_the_soft_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "0", "100kb", "1"]);
    let value = pattern(50 << 20);
    let mut client = server.connect();
    client.ask(&[b"SET", b"k", &value], b"+OK\r\n");
    let start = Instant::now();
    client.send(&request(&[b"GET", b"k"]));
    server.expect_log("closed for overcoming of output buffer limits");
    assert!(start.elapsed() > Duration::from_secs(1));
    assert!(client.rest().len() < value.len());
}

#[test]
fn long_requests() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.connect();
    client.send(b"*2\r\n$3\r\nGET\r\n$5000000\r\n");
    let _ = std::io::Write::write_all(&mut client.0, &pattern(2_000_000));
    assert_eq!(client.rest(), b"");
    server.expect_log("reached max query buffer length");
}

#[test]
fn protected_mode() {
    let Some(address) = own_address() else { return };
    let connect = |server: &Server| {
        let stream = TcpStream::connect((address, server.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Client(stream)
    };
    let server = Server::start(&[]);
    let text = String::from_utf8(connect(&server).rest()).unwrap();
    assert!(text.starts_with("-DENIED Redis is running in protected mode because") && text.ends_with("outside.\r\n"));
    // As Redis 7.0 says it, byte for byte.
    assert_eq!(text.len(), 1067);
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
    let open = Server::start(&["--protected-mode", "no"]);
    connect(&open).ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn no_descriptors_left() {
    let server = Server::start(&["--io-threads", "1"]);
    let id = server.child.id().to_string();
    let limit = |files: &str| {
        let set = std::process::Command::new("prlimit").args(["--pid", &id, files]).status();
        set.is_ok_and(|status| status.success())
    };
    if !limit("--nofile=60:10000") {
        return;
    }
    // More than the server can accept: the others wait, and it does not spin.
    let clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    server.expect_log("Accepting client connection: ");
    let before = server.ticks();
    std::thread::sleep(Duration::from_secs(1));
    assert!(server.ticks() - before <= 5, "{} ticks", server.ticks() - before);
    let mut last = server.connect();
    last.send(b"GET none\r\n");
    drop(clients);
    last.expect(b"$-1\r\n");
    assert_eq!(server.log().matches("Accepting client connection: ").count(), 1);
}

#[test]
fn clients_that_take_most_memory_are_evicted() {
    let server = Server::start(&["--maxmemory-clients", "5mb"]);
    let (mut small, mut kept) = (server.connect(), server.connect());
    small.ask(&[b"SET", b"k", &pattern(10_000)], b"+OK\r\n");
    kept.ask(&[b"CLIENT", b"NO-EVICT", b"on"], b"+OK\r\n");
    let evicted = |small: &mut Client<TcpStream>, number: &str| {
        let info = String::from_utf8(small.ask_bulk(&[b"INFO", b"stats"])).unwrap();
        info.contains(&format!("evicted_clients:{number}\r\n"))
    };
    // One that may stay, one that takes memory in replies it does not read, one in commands it queues.
    let unread = request(&[b"GET", b"k"]).repeat(5_000);
    kept.send(&unread);
    let (mut reader, mut queuer) = (server.connect(), server.connect());
    reader.send(&unread);
    crate::harness::eventually("an eviction", || evicted(&mut small, "1"));
    assert!(reader.rest().len() < 50_000_000);
    queuer.ask(&[b"MULTI"], b"+OK\r\n");
    let value = pattern(1 << 20);
    for _ in 0..20 {
        // It is gone before the last of them.
        let _ = queuer.0.write_all(&request(&[b"SET", b"k", &value]));
    }
    crate::harness::eventually("another eviction", || evicted(&mut small, "2"));
    server.expect_log("Evicting client: id=");
    kept.expect(b"$10000\r\n");
}
