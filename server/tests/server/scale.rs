//! Many connections.

use crate::harness::{Server, bulk, descriptors, pattern};

#[test]
fn many_connections_on_two_threads() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for round in 0..5 {
        for (i, client) in clients.iter_mut().enumerate() {
            let (key, value) = (format!("k{i}"), pattern(i * 10 + round));
            client.ask(&[b"SET", key.as_bytes(), &value], b"+OK\r\n");
        }
        for (i, client) in clients.iter_mut().rev().enumerate() {
            client.ask(&[b"GET", format!("k{i}").as_bytes()], &bulk(&pattern(i * 10 + round)));
        }
    }
}

#[test]
fn idle_connections_are_small() {
    let limit = descriptors();
    let server = Server::start(&["--io-threads", "2"]);
    let count = 2000.min(limit);
    let open = |n: usize| -> Vec<_> {
        let clients = (0..n).map(|_| {
            let mut client = server.connect();
            client.ask(&[b"SET", b"k", &pattern(500)], b"+OK\r\n");
            client
        });
        clients.collect()
    };
    // The first connections bring what the server needs once.
    let warm = open(100);
    let before = server.rss();
    let idle = open(count);
    let each = server.rss().saturating_sub(before) / count;
    println!("{each} bytes for each of {count} idle connections");
    assert!(each < 2048, "{each} bytes");
    drop((warm, idle));
}
