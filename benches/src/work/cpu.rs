//! CPU time the server spends on a request, over data that is fully there.
//!
//! CPU time and not throughput: it is what a request costs, whichever side of the connection is the slower one, and it
//! holds on a machine that does other things too.

use anyhow::Result;

use crate::collections::{self, Data};
use crate::feed::feed;
use crate::generator::Load;
use crate::lab::Lab;
use crate::loader::{self, Shape};
use crate::row::{Figure, Work};
use crate::server::Server;

/// Each of `loads` in turn against one server preloaded with a million keys of 64 bytes; a figure for each.
pub fn per_request(loads: Vec<Load>) -> Work {
    Box::new(move |lab, peer| {
        let keys = lab.scaled(1_000_000);
        let server = Server::start(lab, peer)?;
        loader::load(server.port, Shape { value_len: 64, ttl: false }, 0..keys)?;
        server.expect_keys(keys)?;
        loads.iter().map(|load| measure(lab, &server, load, keys)).collect()
    })
}

/// Loads that are made for as many items as there are, over a server with nothing but `data`.
pub struct Over {
    /// What is there.
    pub data: Data,
    /// The loads.
    pub loads: fn(items: u64) -> Vec<Load>,
}

/// A figure for each load of each of `all`, each time over a fresh server.
pub fn over(all: Vec<Over>) -> Work {
    Box::new(move |lab, peer| {
        let mut figures = Vec::new();
        for Over { data, loads } in &all {
            let items = lab.scaled(data.items);
            let server = Server::start(lab, peer)?;
            (data.load)(server.port, items)?;
            server.expect(data.count, items)?;
            for load in loads(items) {
                figures.push(measure(lab, &server, &load, items)?);
            }
        }
        Ok(figures)
    })
}

fn measure(lab: &Lab, server: &Server, load: &Load, keys: u64) -> Result<Figure> {
    load.check(server.port)?;
    let requests = lab.scaled(load.requests);
    // What happens once, such as the growing of buffers, is not part of a request's cost.
    load.drive(lab, server.port, requests / 10, keys)?;
    let before = server.cpu_time()?;
    load.drive(lab, server.port, requests, keys)?;
    let spent = server.cpu_time()? - before;
    Ok(Figure::judged(load.label, spent.as_secs_f64() * 1e6 / requests as f64))
}

/// How many entries a consumer reads at once.
const READ_AT_ONCE: u64 = 10;

/// A stream that grows, and a consumer group that reads it and acknowledges what it has read; a figure for an entry
/// that is added, and one for a pair of requests for ten entries.
pub fn streams(entries: u64) -> Work {
    Box::new(move |lab, peer| {
        let entries = lab.scaled(entries);
        let server = Server::start(lab, peer)?;
        let data = collections::stream(entries);
        let before = server.cpu_time()?;
        (data.load)(server.port, entries)?;
        let added = server.cpu_time()? - before;
        server.expect(data.count, entries)?;
        feed(server.port, 1, |_, batch| {
            batch.command(5).word("XGROUP").word("CREATE").word("stream").word("group").word("0");
        })?;
        let rounds = entries / READ_AT_ONCE;
        let before = server.cpu_time()?;
        feed(server.port, rounds, |round, batch| {
            let words = ["XREADGROUP", "GROUP", "group", "consumer", "COUNT", "10", "STREAMS", "stream", ">"];
            batch.command(words.len()).words(words);
            batch.command(3 + READ_AT_ONCE as usize).word("XACK").word("stream").word("group");
            batch.words((0..READ_AT_ONCE).map(|n| collections::id(round * READ_AT_ONCE + n)));
        })?;
        let read = server.cpu_time()? - before;
        Ok(vec![
            Figure::judged("XADD", added.as_secs_f64() * 1e6 / entries as f64),
            Figure::judged("read 10 + XACK", read.as_secs_f64() * 1e6 / rounds as f64),
        ])
    })
}
