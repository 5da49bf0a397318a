//! What clients are sent unasked, beside a real Redis 7.0: three of them follow a script, and after each of its lines all
//! that each has been sent is compared.

use std::io::{Read, Write};
use std::net::TcpStream;

use carnelian_tests::bytes::Escaped;
use carnelian_tests::raw;
use carnelian_tests::server::{Peer, Server};

const CLIENTS: usize = 3;

/// The clients of one server, with their ids.
struct Side {
    clients: Vec<(TcpStream, String)>,
    echoes: u64,
}

fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

impl Side {
    fn new(server: &Server) -> Self {
        let mut side =
            Self { clients: (0..CLIENTS).map(|_| (raw::connect(server), String::new())).collect(), echoes: 0 };
        for who in 0..CLIENTS {
            side.send(who, &["CLIENT", "ID"]);
            let id = String::from_utf8(side.received(who)).expect("an integer");
            side.clients[who].1 = id.trim_start_matches(':').trim_end().to_owned();
        }
        side
    }

    fn send(&mut self, who: usize, words: &[&str]) {
        // A client that has left hears nothing, and that is what is compared.
        let _ = self.clients[who].0.write_all(&request(words));
    }

    /// What a client has been sent. A push may come before the reply to what is asked in order to know, or behind it.
    fn received(&mut self, who: usize) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..2 {
            self.echoes += 1;
            // Subscribers of RESP2 may say no more than PING, and answer it otherwise.
            let mark = format!("<--{}-->", self.echoes);
            self.send(who, &["PING", &mark]);
            let as_string = format!("${}\r\n{mark}\r\n", mark.len());
            let as_pong = format!("*2\r\n$4\r\npong\r\n{as_string}");
            let mut chunk = [0; 4096];
            let end = loop {
                if let Some(at) = find(&all, as_string.as_bytes()) {
                    break Some(at);
                }
                match self.clients[who].0.read(&mut chunk) {
                    Ok(0) | Err(_) => break None,
                    Ok(n) => all.extend_from_slice(&chunk[..n]),
                }
            };
            let Some(at) = end else { break };
            let start = find(&all, as_pong.as_bytes()).unwrap_or(at);
            all.drain(start..at + as_string.len());
        }
        all
    }

    /// Says a line, and gives what everybody has been sent.
    fn step(&mut self, who: usize, line: &str) -> Vec<Vec<u8>> {
        let ids: Vec<String> = self.clients.iter().map(|client| client.1.clone()).collect();
        let line = ["$A", "$B", "$C"].iter().zip(&ids).fold(line.to_owned(), |line, (name, id)| line.replace(name, id));
        for command in line.split(" | ") {
            self.send(who, &command.split(' ').collect::<Vec<_>>());
        }
        let own = self.received(who);
        let mut all: Vec<Vec<u8>> =
            (0..CLIENTS).map(|other| if other == who { Vec::new() } else { self.received(other) }).collect();
        all[who] = own;
        all
    }
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

/// Lets clients of both servers follow a script, and compares what each gets once `same` has taken out what may differ.
/// Returns the number of comparisons.
fn compare(script: &str, same: impl Fn(&str, &[u8]) -> Vec<u8>) -> usize {
    let (ours, theirs) = (Server::subject(&[]), Server::peer(Peer::Redis7, &[]));
    let (mut a, mut b) = (Side::new(&ours), Side::new(&theirs));
    let mut compared = 0;
    for line in script.lines().filter(|line| !line.starts_with('#')) {
        let (who, words) = line.split_once(' ').expect("a client and its command");
        let who = ["a", "b", "c"].iter().position(|name| *name == who).expect("one of three clients");
        let (our, their) = (a.step(who, words), b.step(who, words));
        for (client, (our, their)) in our.iter().zip(&their).enumerate() {
            let differs = !(client == who && tells_of_itself(words)) && same(words, our) != same(words, their);
            assert!(!differs, "{line}: client {client} gets {} and from Redis {}", Escaped(our), Escaped(their));
            compared += 1;
        }
    }
    compared
}

/// Whether a reply is different by nature, and only what others get of the command is compared.
fn tells_of_itself(words: &str) -> bool {
    ["HELLO", "CLIENT ID", "CLIENT LIST", "INFO"].iter().any(|name| words.starts_with(name))
}

#[test]
fn clients_hear_of_invalid_keys_as_in_redis() {
    let compared = compare(include_str!("../scripts/tracking.txt"), |words, reply| {
        // An id may be among them, and has as many digits as it has: the words around it are compared.
        let has_id = words.starts_with("CLIENT GETREDIR") || find(reply, b"redir").is_some();
        reply.iter().copied().filter(|byte| !has_id || !byte.is_ascii_digit()).collect()
    });
    assert!(compared > 250, "only {compared} comparisons");
}

#[test]
fn monitors_are_shown_what_redis_shows() {
    let compared = compare(include_str!("../scripts/monitor.txt"), |_, reply| {
        let lines = reply.split(|&byte| byte == b'\n').map(without_time_and_address);
        lines.collect::<Vec<_>>().join(&b'\n')
    });
    assert!(compared > 150, "only {compared} comparisons");
}

/// `+1700000000.123456 [0 127.0.0.1:5] "PING"` as `+ [0 ] "PING"`.
fn without_time_and_address(line: &[u8]) -> Vec<u8> {
    let (Some(begin), Some(end)) = (find(line, b" ["), find(line, b"] ")) else { return line.to_vec() };
    let (b'+', Some(space)) = (line[0], find(&line[begin + 1..end], b" ")) else { return line.to_vec() };
    [b"+", &line[begin..=begin + 1 + space], &line[end..]].concat()
}
