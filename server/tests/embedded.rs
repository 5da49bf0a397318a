//! A server on an engine in the same process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use carnelian::{Engine, Options};
use carnelian_server::{Config, Server, directives, serve};

fn open(io_threads: usize) -> (Engine, Server) {
    let engine = Engine::open(directives::register(Options::new())).unwrap();
    let server = serve(&engine, &Config::new().listen("127.0.0.1", 0).io_threads(io_threads)).unwrap();
    (engine, server)
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addresses()[0]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, request: &str, reply: &str) {
    stream.write_all(request.as_bytes()).unwrap();
    expect(stream, reply);
}

fn expect(stream: &mut TcpStream, reply: &str) {
    let mut got = vec![0; reply.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), reply);
}

fn eventually(is: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is() {
        assert!(Instant::now() < deadline, "does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn both_doors_lead_to_the_same_keys() {
    let (engine, server) = open(1);
    ask(&mut connect(&server), "SET a 1\r\n", "+OK\r\n");
    assert_eq!(engine.db(0).unwrap().get("a").unwrap(), Some(b"1".to_vec()));
    let mut client = connect(&server);
    ask(&mut client, "GET none\r\n", "$-1\r\n");
    server.stop().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    assert_eq!(engine.core().clients.count(), 0);
    assert_eq!(engine.db(0).unwrap().get("a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_port_in_use_is_an_error() {
    let (engine, server) = open(1);
    let port = server.addresses()[0].port();
    let error = serve(&engine, &Config::new().listen("127.0.0.1", port)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(serve(&engine, &Config::new()).is_err());
}

#[test]
fn metrics_are_served_where_a_program_wants_them() {
    let engine = Engine::open(Options::new()).unwrap();
    engine.db(0).unwrap().set("a", "1").unwrap();
    let config = Config::new().listen("127.0.0.1", 0).metrics("127.0.0.1", 0).io_threads(1);
    // Two servers on one engine tell the same.
    for server in [serve(&engine, &config).unwrap(), serve(&engine, &config).unwrap()] {
        let address = server.metrics_addresses()[0];
        assert_ne!(address, server.addresses()[0]);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("\ncarnelian_db_keys{db=\"db0\"} 1\n"), "{text}");
        server.stop().unwrap();
        assert!(TcpStream::connect(address).is_err());
    }
    let nowhere = serve(&engine, &Config::new().metrics("127.0.0.1", 0));
    assert!(nowhere.is_err(), "metrics alone are no server");
    let server = serve(&engine, &Config::new().listen("127.0.0.1", 0)).unwrap();
    assert!(server.metrics_addresses().is_empty());
}

#[test]
fn killed_clients_go_at_once() {
    let (engine, server) = open(2);
    let mut clients: Vec<_> = (0..10).map(|_| connect(&server)).collect();
    for client in &mut clients {
        ask(client, "GET none\r\n", "$-1\r\n");
    }
    assert_eq!(engine.core().clients.count(), 10);
    let start = Instant::now();
    for client in engine.core().clients.list() {
        client.kill();
    }
    for client in &mut clients {
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    // The sockets are closed a moment before the clients are forgotten.
    eventually(|| engine.core().clients.count() == 0 && server.handle().connections() == 0);
    ask(&mut connect(&server), "GET none\r\n", "$-1\r\n");
}

#[test]
fn limits_follow_the_directives() {
    let (engine, server) = open(1);
    let mut client = connect(&server);
    ask(&mut client, "GET none\r\n", "$-1\r\n");
    let config = &engine.core().config;
    config.store(config.directive("maxclients").unwrap(), "1".into());
    let mut text = String::new();
    connect(&server).read_to_string(&mut text).unwrap();
    assert_eq!(text, "-ERR max number of clients reached\r\n");
    config.store(config.directive("maxclients").unwrap(), "2".into());
    ask(&mut connect(&server), "GET none\r\n", "$-1\r\n");
}

#[test]
fn buffers_are_counted_and_given_back() {
    let (engine, server) = open(1);
    let other = || engine.core().keyspace.used_bytes() - engine.core().keyspace.data_bytes();
    let mut client = connect(&server);
    client.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n").unwrap();
    client.write_all(&[b'x'; 900_000]).unwrap();
    eventually(|| other() >= 900_000);
    let waiting = || engine.core().clients.list()[0].input_bytes.load(std::sync::atomic::Ordering::Relaxed);
    eventually(|| waiting() >= 900_000);
    client.write_all(&[b'x'; 100_000]).unwrap();
    ask(&mut client, "\r\n", "+OK\r\n");
    eventually(|| other() == 0);
    client.write_all(b"*2\r\n$3\r\nGET\r\n$1000000\r\n").unwrap();
    client.write_all(&[b'x'; 500_000]).unwrap();
    drop(client);
    eventually(|| engine.core().clients.count() == 0 && other() == 0);
}

#[test]
fn paused_clients_wait_and_lose_nothing() {
    let (engine, server) = open(1);
    if engine.core().registry.get(b"client").is_none() {
        return;
    }
    let (mut waiting, mut other) = (connect(&server), connect(&server));
    ask(&mut waiting, "GET none\r\n", "$-1\r\n");
    ask(&mut other, "CLIENT PAUSE 60000 WRITE\r\n", "+OK\r\n");
    // An inline request, one of the other kind, and the beginning of a third wait.
    let requests = "GET none\r\nSET k 1\r\n*3\r\n$3\r\nSET\r\n$1\r\nj\r\n$1\r\n2\r\n*2\r\n$3\r\nGET\r\n$1\r\n";
    ask(&mut waiting, requests, "$-1\r\n");
    std::thread::sleep(Duration::from_millis(20));
    waiting.write_all(b"j\r\nGET none\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    ask(&mut other, "GET k\r\nGET j\r\nCLIENT UNPAUSE\r\n", "$-1\r\n$-1\r\n+OK\r\n");
    let start = Instant::now();
    expect(&mut waiting, "+OK\r\n+OK\r\n$1\r\n2\r\n$-1\r\n");
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
}
