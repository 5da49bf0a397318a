//! Connections whose requests wait.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::harness::{Server, bulk, descriptors, eventually, request};

fn pair(key: &[u8], element: &[u8]) -> Vec<u8> {
    [b"*2\r\n", &bulk(key)[..], &bulk(element)].concat()
}

/// Waits until so many connections wait.
fn expect_blocked(server: &Server, count: usize) {
    let mut client = server.connect();
    let line = format!("blocked_clients:{count}\r\n");
    eventually(&line, || String::from_utf8_lossy(&client.ask_bulk(&[b"INFO", b"clients"])).contains(&line));
}

#[test]
fn elements_are_handed_over_between_threads() {
    let server = Server::start(&["--io-threads", "2"]);
    let (mut a, mut b) = (server.connect(), server.connect());
    for i in 0..500 {
        let text = i.to_string();
        a.0.write_all(&request(&[b"BLPOP", b"there", b"0"])).unwrap();
        // Mostly without looking, so that the two race.
        if i % 20 == 0 {
            expect_blocked(&server, 1);
        }
        b.ask(&[b"RPUSH", b"there", text.as_bytes()], b":1\r\n");
        a.expect(&pair(b"there", text.as_bytes()));
    }
}

#[test]
fn a_timeout_comes_on_the_millisecond_while_others_work() {
    let server = Server::start(&[]);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let began = Instant::now();
    for (i, client) in clients.iter_mut().enumerate() {
        let timeout = format!("0.{:03}", 20 + 7 * (20 - i));
        client.0.write_all(&request(&[b"BLPOP", b"k", timeout.as_bytes()])).unwrap();
    }
    let mut late = Duration::ZERO;
    for (i, client) in clients.iter_mut().enumerate().rev() {
        client.expect(b"*-1\r\n");
        let due = Duration::from_millis(20 + 7 * (20 - i as u64));
        assert!(began.elapsed() >= due, "{i} is early");
        late = late.max(began.elapsed() - due);
    }
    println!("{late:?} late at most");
    assert!(late < Duration::from_secs(2));
    expect_blocked(&server, 0);
}

#[test]
fn whoever_goes_takes_nothing_along() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut other = server.connect();
    for round in 0..3 {
        let mut client = server.connect();
        client.ask(&[b"CLIENT", b"SETNAME", b"waits"], b"+OK\r\n");
        client.0.write_all(&request(&[b"BLPOP", b"k", b"0"])).unwrap();
        expect_blocked(&server, 1);
        match round {
            0 => drop(client),
            // Redis ends connections that are closed by half as well, once it has nothing to answer.
            1 => client.0.shutdown(Shutdown::Write).unwrap(),
            _ => other.ask(&[b"CLIENT", b"KILL", b"NAME", b"waits"], b":1\r\n"),
        }
        expect_blocked(&server, 0);
        other.ask(&[b"RPUSH", b"k", b"x"], b":1\r\n");
        other.ask(&[b"LPOP", b"k"], b"$1\r\nx\r\n");
    }
}

#[test]
fn what_is_sent_meanwhile_is_read_when_the_wait_is_over() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.connect(), server.connect());
    client.0.write_all(&request(&[b"BLPOP", b"k", b"0"])).unwrap();
    expect_blocked(&server, 1);
    // More than one read takes, and the last of it waits again.
    let value = vec![b'v'; 300_000];
    client.0.write_all(&request(&[b"SET", b"big", &value])).unwrap();
    client.0.write_all(&request(&[b"BLPOP", b"k", b"0"])).unwrap();
    client.0.write_all(&request(&[b"PING"])).unwrap();
    other.ask(&[b"EXISTS", b"big"], b":0\r\n");
    other.ask(&[b"RPUSH", b"k", b"a"], b":1\r\n");
    client.expect(&[&pair(b"k", b"a")[..], b"+OK\r\n"].concat());
    other.ask(&[b"RPUSH", b"k", b"b"], b":1\r\n");
    client.expect(&[&pair(b"k", b"b")[..], b"+PONG\r\n"].concat());
}

#[test]
fn whoever_waits_is_not_idle() {
    let server = Server::start(&["--timeout", "1"]);
    let mut client = server.connect();
    client.0.write_all(&request(&[b"BLPOP", b"k", b"3"])).unwrap();
    client.expect(b"*-1\r\n");
}

#[test]
fn many_that_wait_for_one_key_are_each_served_once_and_in_order() {
    let server = Server::start(&["--io-threads", "2", "--maxclients", "15000"]);
    let count = 10_000.min(descriptors());
    let mut clients = Vec::new();
    for i in 0..count {
        let mut client = server.connect();
        client.0.write_all(&request(&[b"BLPOP", b"k", b"0"])).unwrap();
        // The order is that in which requests are read, which two threads do at once.
        if i % 100 == 99 || i + 1 == count {
            expect_blocked(&server, i + 1);
        }
        clients.push(client);
    }
    let mut pusher = server.connect();
    let began = Instant::now();
    for i in 0..count {
        pusher.ask(&[b"RPUSH", b"k", format!("{i:05}").as_bytes()], b":1\r\n");
    }
    println!("{:?} for {count} pushes", began.elapsed());
    let mut seen = Vec::new();
    for client in &mut clients {
        let reply = client.take(pair(b"k", b"00000").len());
        seen.push(std::str::from_utf8(&reply[reply.len() - 7..reply.len() - 2]).unwrap().parse::<usize>().unwrap());
    }
    // Within a hundred the threads race.
    assert!(seen.iter().enumerate().all(|(i, n)| i / 100 == n / 100), "out of order");
    seen.sort_unstable();
    assert!(seen.iter().enumerate().all(|(i, n)| i == *n), "not once each");
    pusher.ask(&[b"EXISTS", b"k"], b":0\r\n");
    expect_blocked(&server, 0);
}
