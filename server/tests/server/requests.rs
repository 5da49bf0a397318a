//! Requests in all pieces and sizes: no byte is lost, no wake-up either.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::{Client, Server, bulk, pattern, request, unix_client};

#[test]
fn inline_requests() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(b"SET a \"1 2\\n\"\r\nGET a\n\r\n  \r\nGET 'b'\r\n");
    client.expect(b"+OK\r\n$4\r\n1 2\n\r\n$-1\r\n");
    client.send(b"GET \"open\r\n");
    assert_eq!(client.rest(), b"-ERR Protocol error: unbalanced quotes in request\r\n");
}

#[test]
fn a_pipeline_cut_at_every_byte() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut client = server.connect();
    let requests = [request(&[b"SET", b"k", b"v\r\nw"]), request(&[b"GET", b"k"]), b"GET none\r\n".to_vec()].concat();
    let replies = [b"+OK\r\n".to_vec(), bulk(b"v\r\nw"), b"$-1\r\n".to_vec()].concat();
    for cut in 0..=requests.len() {
        let (first, second) = requests.split_at(cut);
        client.send(first);
        // Long enough for most first parts to be read alone.
        std::thread::sleep(Duration::from_millis(1));
        client.send(second);
        client.expect(&replies);
    }
}

#[test]
fn one_byte_at_a_time() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let value = pattern(300);
    for byte in [request(&[b"SET", b"k", &value]), request(&[b"GET", b"k"])].concat() {
        client.send(&[byte]);
    }
    client.expect(&[b"+OK\r\n".to_vec(), bulk(&value)].concat());
}

#[test]
fn a_thousand_requests_at_once() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for i in 0..1000 {
        let (key, value) = (format!("k{i}"), pattern(i));
        requests.extend(request(&[b"SET", key.as_bytes(), &value]));
        requests.extend(request(&[b"GET", key.as_bytes()]));
        replies.extend_from_slice(b"+OK\r\n");
        replies.extend(bulk(&value));
    }
    let mut writer = Client(client.0.try_clone().unwrap());
    let sender = std::thread::spawn(move || writer.send(&requests));
    client.expect(&replies);
    sender.join().unwrap();
}

#[test]
fn protocol_errors_are_told_before_the_end() {
    let server = Server::start(&[]);
    for (bytes, reply) in [
        (&b"GET none\r\n*1\r\nGET\r\n"[..], &b"$-1\r\n-ERR Protocol error: expected '$', got 'G'\r\n"[..]),
        (b"*x\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
        (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
        (&[b'a'; 65 * 1024 + 1], b"-ERR Protocol error: too big inline request\r\n"),
    ] {
        let mut client = server.connect();
        client.send(bytes);
        assert_eq!(client.rest().escape_ascii().to_string(), reply.escape_ascii().to_string());
    }
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn a_big_value_goes_in_and_out() {
    let server = Server::start(&[]);
    let value = pattern(100 << 20);
    let mut client = server.connect();
    let start = Instant::now();
    client.ask(&[b"SET", b"big", &value], b"+OK\r\n");
    client.ask(&[b"GET", b"big"], &bulk(&value));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn announced_lengths_take_no_memory() {
    let server = Server::start(&[]);
    let before = server.rss();
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = server.connect();
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n");
            client.send(&[0; 1000]);
            client
        })
        .collect();
    server.connect().ask(&[b"GET", b"none"], b"$-1\r\n");
    assert!(server.rss() - before < 20 << 20);
    drop(clients);
}

/// A connection whose buffers are as small as the system allows for.
fn narrow(server: &Server) -> Client<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    // Below this, a kernel may send no more than a few hundred bytes each time that its persist timer goes off.
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    socket.set_send_buffer_size(1).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], server.port)).into()).unwrap();
    let stream: TcpStream = socket.into();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Client(stream)
}

#[test]
fn slow_readers_get_everything() {
    let server = Server::start(&["--io-threads", "1"]);
    let value = pattern(50 << 20);
    server.connect().ask(&[b"SET", b"big", &value], b"+OK\r\n");
    let mut slow = narrow(&server);
    slow.send(&[request(&[b"GET", b"big"]), request(&[b"GET", b"none"])].concat());
    let expected = [bulk(&value), b"$-1\r\n".to_vec()].concat();
    let (mut at, mut pieces) = (0, 0);
    let mut buffer = vec![0; 1 << 20];
    while at < expected.len() {
        // In fits and starts: at first with pauses, in which the server's socket fills.
        if pieces < 50 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let n = slow.0.read(&mut buffer).unwrap();
        assert!(n > 0 && buffer[..n] == expected[at..at + n]);
        at += n;
        pieces += 1;
    }
    // And it is a connection as before.
    slow.ask(&[b"GET", b"none"], b"$-1\r\n");
}

#[test]
fn requests_and_replies_through_tiny_buffers() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut client = narrow(&server);
    let value = pattern(200_000);
    let mut writer = Client(client.0.try_clone().unwrap());
    let (sent, rounds) = (value.clone(), 20);
    let sender = std::thread::spawn(move || {
        for _ in 0..rounds {
            writer.send(&request(&[b"SET", b"k", &sent]));
            writer.send(&request(&[b"GET", b"k"]));
        }
    });
    for _ in 0..rounds {
        client.expect(b"+OK\r\n");
        client.expect(&bulk(&value));
    }
    sender.join().unwrap();
}

#[test]
fn half_closed_sockets_get_their_replies() {
    let server = Server::start(&[]);
    let value = pattern(5 << 20);
    server.connect().ask(&[b"SET", b"k", &value], b"+OK\r\n");
    for _ in 0..20 {
        let mut client = server.connect();
        client.send(&request(&[b"GET", b"k"]));
        client.0.shutdown(Shutdown::Write).unwrap();
        assert!(client.rest() == bulk(&value));
    }
}

#[test]
fn vanished_clients_are_forgotten() {
    let server = Server::start(&["--maxclients", "10"]);
    for _ in 0..100 {
        let mut client = server.connect();
        // Sent and closed at once, so that the end is there before the request is read; it may be turned away.
        let _ = std::io::Write::write_all(&mut client.0, b"SET k v\r\n");
        drop(client);
        std::thread::sleep(Duration::from_millis(2));
    }
    crate::harness::eventually("room for a client", || {
        let mut client = server.connect();
        client.send(b"GET none\r\n");
        client.rest_of_line() == "$-1"
    });
}

#[test]
fn unix_sockets() {
    let directory = crate::harness::Directory::new();
    let path = directory.file("s.sock");
    let server = Server::start(&["--unixsocket", path.to_str().unwrap(), "--unixsocketperm", "700"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let value = pattern(3 << 20);
    let mut client = unix_client(&path);
    client.ask(&[b"SET", b"k", &value], b"+OK\r\n");
    client.ask(&[b"GET", b"k"], &bulk(&value));
    server.connect().ask(&[b"GET", b"k"], &bulk(&value));
}

impl Client<TcpStream> {
    fn rest_of_line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && matches!(self.0.read(&mut byte), Ok(1)) {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}
