//! Many subscribers, of which one does not read: it is the only one that is the worse for it.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::harness::{Client, Server, bulk, descriptors, request};

const SUBSCRIBERS: usize = 1000;
const LIMIT: &str = "256kb";
/// More messages than the limit and whatever the sockets between hold.
const MOST: usize = 2000;
const AFTERWARDS: usize = 20;

/// A message that tells its number.
fn message(number: usize) -> Vec<u8> {
    let mut text = format!("{number:08}").into_bytes();
    text.resize(8 * 1024, b'.');
    text
}

fn delivered(number: usize) -> Vec<u8> {
    [b"*3\r\n", &bulk(b"message")[..], &bulk(b"news"), &bulk(&message(number))].concat()
}

fn subscribe(client: &mut Client<TcpStream>) {
    client.ask(&[b"SUBSCRIBE", b"news"], b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
}

/// A connection whose receive buffer is small, so that what is not read stays with the server.
fn narrow(server: &Server) -> Client<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], server.port)).into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Client(socket.into())
}

/// How many got a message, as PUBLISH answers it.
fn publish(publisher: &mut Client<TcpStream>, number: usize) -> usize {
    publisher.send(&request(&[b"PUBLISH", b"news", &message(number)]));
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(publisher.take(1));
    }
    std::str::from_utf8(&line).unwrap().trim().trim_start_matches(':').parse().unwrap()
}

#[test]
fn one_that_does_not_read_is_cut_off_and_nobody_else_is_late() {
    let limit = format!("pubsub {LIMIT} 0 0");
    let server = Server::start(&["--io-threads", "2", "--client-output-buffer-limit", &limit]);
    let readers = (SUBSCRIBERS - 1).min(descriptors() - 2);
    let mut readers: Vec<_> = (0..readers).map(|_| server.connect()).collect();
    readers.iter_mut().for_each(subscribe);
    let mut silent = narrow(&server);
    subscribe(&mut silent);
    let mut publisher = server.connect();

    let (mut longest, mut cut_off_at) = (Duration::ZERO, None);
    let mut number = 0;
    while cut_off_at.is_none_or(|at| number < at + AFTERWARDS) {
        let began = Instant::now();
        let heard = publish(&mut publisher, number);
        longest = longest.max(began.elapsed());
        match cut_off_at {
            None if heard == readers.len() => cut_off_at = Some(number),
            None => assert_eq!(heard, readers.len() + 1, "somebody else is gone"),
            Some(_) => assert_eq!(heard, readers.len(), "somebody else is gone"),
        }
        // Each has it before the next one is published: nobody waits for the one that does not read.
        let expected = delivered(number);
        readers.iter_mut().for_each(|reader| reader.expect(&expected));
        number += 1;
        assert!(number < MOST, "the one that does not read is still there");
    }
    println!("cut off after {cut_off_at:?} messages; {longest:?} at most for PUBLISH to {} readers", readers.len());
    assert!(longest < Duration::from_secs(5), "{longest:?} for a PUBLISH");

    server.expect_log("closed for overcoming of output buffer limits");
    assert_eq!(server.log().matches("output buffer limits").count(), 1);
    let info = String::from_utf8(publisher.ask_bulk(&[b"INFO", b"clients"])).unwrap();
    assert!(info.contains(&format!("pubsub_clients:{}\r\n", readers.len())), "{info}");
    // What it was sent before is the beginning of what was published.
    let rest = silent.rest();
    let all: Vec<u8> = (0..number).flat_map(delivered).collect();
    assert!(rest.len() < all.len() && all.starts_with(&rest), "{} bytes of {}", rest.len(), all.len());
}
