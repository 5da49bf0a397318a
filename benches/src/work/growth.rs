//! How long a single request takes, at the longest, while the keyspace grows from nothing.
//!
//! One connection loads and another probes, both from this thread: a batch of `SET`s goes out on the first and one more
//! `SET` right behind it on the second, whose time to reply is the measurement. Thus a probe waits at practically every
//! moment of the server's work and no pause can fall between two, and no second thread here competes for the core and
//! adds its time slices to what is measured. The usual figure is the time of a batch; the longest is the server's own.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::loader::{Batch, Oks, Shape};
use crate::proc;
use crate::row::{Figure, Work};
use crate::server::Server;
use crate::wire::connect;

/// Keys in a batch: a fraction of a millisecond of work, so that a probe behind it shows pauses and not the batch.
const BATCH: u64 = 63;

/// The longest probe and the 99.99th percentile of a growth to `keys` keys.
pub fn longest_request(keys: u64) -> Work {
    Box::new(move |lab, peer| {
        let server = Server::start(lab, peer)?;
        let waited = || server.waited() + proc::waited(std::process::id());
        let waited_before = waited();
        let growth = grow(server.port, lab.scaled(keys))?;
        let waited = waited().saturating_sub(waited_before);
        server.expect_keys(growth.keys)?;
        let millis = |nanos: u64| nanos as f64 / 1e6;
        Ok(vec![
            Figure::judged("longest", millis(growth.probes.max())),
            Figure::judged("99.99 %", millis(growth.probes.value_at_quantile(0.9999))),
            Figure::noted("half of them", millis(growth.probes.value_at_quantile(0.5))),
            Figure::noted("longest batch", growth.longest_batch.as_secs_f64() * 1e3),
            // These are times by the clock: where this is a large part of the run, they are the machine's and not the
            // server's, and the run is to be repeated on a quieter one.
            Figure::noted("waits for a core", waited.as_secs_f64() * 1e3),
        ])
    })
}

struct Growth {
    probes: Histogram<u64>,
    /// If batches and probes are served by different threads, a pause may hit the batches alone: it shows here.
    longest_batch: Duration,
    keys: u64,
}

fn grow(port: u16, at_least: u64) -> Result<Growth> {
    let shape = Shape { value_len: 8, ttl: false };
    let (mut load, mut probe) = (connect(port)?, connect(port)?);
    let (mut batch, mut single) = (Batch::new(shape, BATCH as usize), Batch::new(shape, 1));
    let (mut load_replies, mut probe_replies) = (Oks::new(), Oks::new());
    let mut growth = Growth { probes: Histogram::new(3)?, longest_batch: Duration::ZERO, keys: 0 };
    while growth.keys < at_least {
        let commands = batch.fill(growth.keys, BATCH as usize);
        let probing = single.fill(growth.keys + BATCH, 1);
        let sent = Instant::now();
        load.write_all(commands)?;
        let probed = Instant::now();
        probe.write_all(probing)?;
        probe_replies.take(&mut probe, 1)?;
        growth.probes.record(u64::try_from(probed.elapsed().as_nanos())?)?;
        load_replies.take(&mut load, BATCH)?;
        growth.longest_batch = growth.longest_batch.max(sent.elapsed());
        growth.keys += BATCH + 1;
    }
    Ok(growth)
}
