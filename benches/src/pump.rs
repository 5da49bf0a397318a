//! `SET`s from many connections with a pipeline, as fast as a server takes them.
//!
//! A load generator that parses replies and draws every key takes longer for a request than a fast server does, and
//! then throughput is the generator's. Here requests are written out once and replies compared, see [`loader`].
//!
//! [`loader`]: crate::loader

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::dataset::SHAPE;
use crate::loader::{Batch, Oks, scrambled};
use crate::wire::connect;

const CONNECTIONS: u64 = 50;
const PIPELINE: u64 = 32;

/// Sends at least `requests` of them, over the first `keys` keys, and returns how long it took.
pub fn pump(port: u16, keys: u64, requests: u64) -> Result<Duration> {
    let streams = (0..CONNECTIONS).map(|_| Ok((connect(port)?, Oks::new())));
    let mut streams = streams.collect::<Result<Vec<_>>>()?;
    let mut batch = Batch::new(SHAPE, PIPELINE as usize);
    // Neighbours go together, and from one batch to the next it is anywhere.
    let places = (keys / PIPELINE).max(1);
    let rounds = requests.div_ceil(CONNECTIONS * PIPELINE);
    let began = Instant::now();
    for round in 0..rounds {
        for ((stream, replies), number) in streams.iter_mut().zip(round * CONNECTIONS..) {
            // While one connection's replies are taken, the requests of all others wait at the server.
            if round > 0 {
                replies.take(stream, PIPELINE)?;
            }
            stream.write_all(batch.fill(scrambled(number) % places * PIPELINE, PIPELINE as usize))?;
        }
    }
    for (stream, replies) in &mut streams {
        replies.take(stream, PIPELINE)?;
    }
    Ok(began.elapsed())
}

/// How many requests [`pump`] makes of `requests`: it fills every connection's last pipeline.
pub fn pumped(requests: u64) -> u64 {
    requests.next_multiple_of(CONNECTIONS * PIPELINE)
}
