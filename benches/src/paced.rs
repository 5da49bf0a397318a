//! A load of a fixed rate, below what servers can do, for the time each request takes while a server does something
//! else as well.
//!
//! Every millisecond one request goes out on each connection. When the server holds everything up, the requests of the
//! milliseconds that pass meanwhile go out late, but their time counts from when they were due: a pause is seen by all
//! who would have met it. Only if the load itself overslept does it count from then.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use hdrhistogram::Histogram;

use crate::dataset::{SHAPE, VALUE};
use crate::loader::{Batch, scrambled};
use crate::proc;
use crate::row::{Figure, Unit};
use crate::wire::connect;

/// What the load is.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The server's port.
    pub port: u16,
    /// Keys are numbered up to this, and all of them are there.
    pub keys: u64,
    /// How many of a hundred requests are `SET`s; the others are `GET`s.
    pub sets_of_100: u64,
}

/// What was measured while it was asked for.
pub struct Paced {
    /// Nanoseconds.
    pub latencies: Histogram<u64>,
    /// How many requests were `SET`s.
    pub sets: u64,
    /// How long this process stood ready to run without a core: where that is much, the latencies are the machine's.
    pub waited: Duration,
}

/// When to measure and when to end.
#[derive(Default)]
struct Signals {
    measure: AtomicBool,
    stop: AtomicBool,
}

/// Requests of a millisecond.
const CONNECTIONS: u64 = 16;
const PERIOD: Duration = Duration::from_millis(1);

impl Pace {
    /// Runs `work` while there is such a load, and measures the load meanwhile.
    pub fn during<T>(self, work: impl FnOnce() -> Result<T>) -> Result<(T, Paced)> {
        let signals = Signals::default();
        thread::scope(|scope| {
            let load = scope.spawn(|| self.drive(&signals));
            // What is slow only at first, such as the growing of buffers, is not to be measured.
            thread::sleep(Duration::from_millis(300));
            let before = proc::waited(std::process::id());
            signals.measure.store(true, Relaxed);
            let done = work();
            let waited = proc::waited(std::process::id()).saturating_sub(before);
            signals.stop.store(true, Relaxed);
            let (latencies, sets) = load.join().map_err(|_| anyhow!("the load panicked"))??;
            Ok((done?, Paced { latencies, sets, waited }))
        })
    }

    fn drive(self, signals: &Signals) -> Result<(Histogram<u64>, u64)> {
        let mut streams = (0..CONNECTIONS).map(|_| connect(self.port)).collect::<Result<Vec<_>>>()?;
        let (mut latencies, mut sets) = (Histogram::new(3)?, 0);
        let mut single = Batch::new(SHAPE, 1);
        let start = Instant::now();
        for tick in 0.. {
            if signals.stop.load(Relaxed) {
                break;
            }
            let due = wait_until(start + PERIOD * tick);
            let is_measured = signals.measure.load(Relaxed);
            for (stream, number) in streams.iter_mut().zip(u64::from(tick) * CONNECTIONS..) {
                let key = scrambled(number) % self.keys;
                if self.is_set(number) {
                    stream.write_all(single.fill(key, 1))?;
                    sets += u64::from(is_measured);
                } else {
                    write!(stream, "*2\r\n$3\r\nGET\r\n$16\r\nkey:{key:012}\r\n")?;
                }
            }
            for (stream, number) in streams.iter_mut().zip(u64::from(tick) * CONNECTIONS..) {
                take(stream, self.is_set(number))?;
                if is_measured {
                    latencies.record(u64::try_from(due.elapsed().as_nanos())?)?;
                }
            }
        }
        Ok((latencies, sets))
    }

    fn is_set(&self, number: u64) -> bool {
        scrambled(!number) % 100 < self.sets_of_100
    }
}

impl Paced {
    /// A latency that this part of the requests is within, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        self.latencies.value_at_quantile(part) as f64 / 1e6
    }

    /// The longest, in milliseconds.
    pub fn longest(&self) -> f64 {
        self.latencies.max() as f64 / 1e6
    }

    /// How much to believe of the latencies.
    pub fn waits(&self) -> Figure {
        Figure::noted("the load waits for a core", self.waited.as_secs_f64() * 1e3).unit(Unit::Millis)
    }
}

/// When the requests of the moment `due` are taken to have gone out.
fn wait_until(due: Instant) -> Instant {
    let now = Instant::now();
    if now >= due {
        return due;
    }
    thread::sleep(due - now);
    Instant::now()
}

/// Reads the one reply that is outstanding.
fn take(stream: &mut TcpStream, is_set: bool) -> Result<()> {
    let (mut reply, mut len) = ([0; 128], 0);
    let expected = if is_set { "+OK\r\n".len() } else { "$64\r\n\r\n".len() + VALUE };
    while len < expected {
        match stream.read(&mut reply[len..])? {
            0 => bail!("the server closed the connection"),
            more => len += more,
        }
        if !reply.starts_with(if is_set { b"+" } else { b"$" }) || reply.starts_with(b"$-") {
            bail!("the server answered: {}", String::from_utf8_lossy(&reply[..len]).trim());
        }
    }
    Ok(())
}
