//! CPU time the server spends on what clients do together or in several requests: transactions, messages, hand-overs.
//!
//! `redis-benchmark` can make none of these loads, so this thread does: it writes what belongs together, and goes on when
//! all of it has arrived everywhere. Every reply's length is known, so replies are counted and not parsed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::feed::{Batch, feed};
use crate::loader::{self, Shape, scrambled};
use crate::row::{Figure, Work};
use crate::server::Server;
use crate::wire::connect;

const SETS: usize = 10;
const CLIENTS: usize = 50;
/// How many requests go out together where there is a pipeline.
const PIPELINE: usize = 32;
/// A value, and a message.
const TEXT: [u8; 64] = [b'x'; 64];

/// Transactions of ten `SET`s over a million keys of 64 bytes: one behind the other from one connection, and one at a time
/// from each of fifty.
pub fn transactions(count: u64) -> Work {
    Box::new(move |lab, peer| {
        let (keys, count) = (lab.scaled(1_000_000), lab.scaled(count));
        let server = Server::start(lab, peer)?;
        loader::load(server.port, Shape { value_len: TEXT.len(), ttl: false }, 0..keys)?;
        server.expect_keys(keys)?;
        let transaction = |number: u64, batch: &mut Batch| {
            batch.command(1).word("MULTI");
            for n in 0..SETS as u64 {
                let key = format!("key:{:012}", scrambled(number * SETS as u64 + n) % keys);
                batch.command(3).word("SET").word(key).word(TEXT);
            }
            batch.command(1).word("EXEC");
        };
        let pipelined = cost(&server, count, |count| feed(server.port, count, transaction))?;
        let mut clients = Crowd::connect(server.port, CLIENTS)?;
        let reply = format!("+OK\r\n{}*{SETS}\r\n{}", "+QUEUED\r\n".repeat(SETS), "+OK\r\n".repeat(SETS));
        let single = cost(&server, count, |count| {
            for round in 0..count.div_ceil(CLIENTS as u64) {
                for (i, client) in clients.0.iter_mut().enumerate() {
                    let mut batch = Batch::default();
                    transaction(round * CLIENTS as u64 + i as u64, &mut batch);
                    client.write_all(batch.bytes())?;
                }
                clients.hear(reply.len())?;
            }
            Ok(())
        })?;
        Ok(vec![Figure::judged("pipelined", pipelined), Figure::noted("one at a time", single)])
    })
}

/// Messages to so many subscribers; about `deliveries` of them arrive.
pub fn messages(audiences: &'static [usize], deliveries: u64) -> Work {
    Box::new(move |lab, peer| {
        let mut figures = Vec::new();
        for &audience in audiences {
            let server = Server::start(lab, peer)?;
            let mut stage = Stage::open(&server, audience)?;
            let count = lab.scaled(deliveries) / audience as u64;
            let pipelined = cost(&server, count, |count| stage.publish(count, PIPELINE))?;
            // A message costs many times as much then, and varies less.
            let single = cost(&server, (count / 20).max(10), |count| stage.publish(count, 1))?;
            figures.push(Figure::judged(format!("to {audience}"), pipelined));
            figures.push(Figure::noted(format!("to {audience}, one at a time"), single));
        }
        Ok(figures)
    })
}

/// A client that waits for an element and one that pushes it: between two of them, and from one to many.
pub fn hand_overs(count: u64) -> Work {
    Box::new(move |lab, peer| {
        let count = lab.scaled(count);
        let mut figures = Vec::new();
        for waiting in [1, PIPELINE] {
            let server = Server::start(lab, peer)?;
            let (mut pusher, mut waiters) = (connect(server.port)?, Crowd::connect(server.port, waiting)?);
            let spent = cost(&server, count, |count| hand_over(&mut pusher, &mut waiters, count))?;
            server.expect_keys(0)?;
            figures.push(match waiting {
                1 => Figure::judged("to one", spent),
                many => Figure::noted(format!("to one of {many}, pipelined"), spent),
            });
        }
        Ok(figures)
    })
}

/// Microseconds of the server's CPU time for each of `count`, after a tenth of them for what happens only once.
fn cost(server: &Server, count: u64, mut drive: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    drive(count / 10)?;
    let before: Duration = server.cpu_time()?;
    drive(count)?;
    let spent = server.cpu_time()? - before;
    Ok(spent.as_secs_f64() * 1e6 / count as f64)
}

/// Connections that are sent the same.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    fn connect(port: u16, count: usize) -> Result<Self> {
        (0..count).map(|_| connect(port)).collect::<Result<_>>().map(Self)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.iter_mut().try_for_each(|stream| stream.write_all(bytes)).map_err(Into::into)
    }

    /// Reads so many bytes from each, and returns the last ones.
    fn hear(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut heard = vec![0; len];
        self.0.iter_mut().try_for_each(|stream| stream.read_exact(&mut heard))?;
        Ok(heard)
    }
}

/// Somebody who publishes, and those who hear it.
struct Stage {
    publisher: TcpStream,
    audience: Crowd,
}

impl Stage {
    fn open(server: &Server, audience: usize) -> Result<Self> {
        let mut audience = Crowd::connect(server.port, audience)?;
        audience.say(command(&["SUBSCRIBE", "channel"]).bytes())?;
        let subscribed = b"*3\r\n$9\r\nsubscribe\r\n$7\r\nchannel\r\n:1\r\n";
        ensure!(audience.hear(subscribed.len())? == subscribed, "not subscribed");
        Ok(Self { publisher: connect(server.port)?, audience })
    }

    /// Publishes, `at_once` of the messages together, and waits for them at every one of the audience.
    fn publish(&mut self, count: u64, at_once: usize) -> Result<()> {
        let reply = format!(":{}\r\n", self.audience.0.len()).len();
        let message_len = "*3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$64\r\n\r\n".len() + TEXT.len();
        let mut batch = Batch::default();
        for _ in 0..at_once {
            batch.command(3).word("PUBLISH").word("channel").word(TEXT);
        }
        let mut replies = vec![0; reply * at_once];
        for _ in 0..count.div_ceil(at_once as u64) {
            self.publisher.write_all(batch.bytes())?;
            self.publisher.read_exact(&mut replies)?;
            let heard = self.audience.hear(message_len * at_once)?;
            ensure!(heard.ends_with(b"x\r\n") && replies.starts_with(b":"), "not what was published");
        }
        Ok(())
    }
}

fn hand_over(pusher: &mut TcpStream, waiters: &mut Crowd, count: u64) -> Result<()> {
    let wait = command(&["BLPOP", "queue", "0"]);
    let push = command(&["LPUSH", "queue", "element"]);
    let at_once = waiters.0.len();
    let pushes = push.bytes().repeat(at_once);
    let mut replies = vec![0; ":1\r\n".len() * at_once];
    let pair = b"*2\r\n$5\r\nqueue\r\n$7\r\nelement\r\n";
    for _ in 0..count.div_ceil(at_once as u64) {
        waiters.say(wait.bytes())?;
        pusher.write_all(&pushes)?;
        pusher.read_exact(&mut replies)?;
        ensure!(waiters.hear(pair.len())? == pair, "not the element");
    }
    Ok(())
}

fn command(words: &[&str]) -> Batch {
    let mut batch = Batch::default();
    batch.command(words.len()).words(words);
    batch
}
