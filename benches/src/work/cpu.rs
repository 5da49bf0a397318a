//! CPU time the server spends on a request, over a keyspace that is fully there.
//!
//! CPU time and not throughput: it is what a request costs, whichever side of the connection is the slower one, and it
//! holds on a machine that does other things too.

use crate::generator::Load;
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
        let mut figures = Vec::with_capacity(loads.len());
        for load in &loads {
            load.check(server.port)?;
            let requests = lab.scaled(load.requests);
            // What happens once, such as the growing of buffers, is not part of a request's cost.
            load.drive(lab, server.port, requests / 10, keys)?;
            let before = server.cpu_time()?;
            load.drive(lab, server.port, requests, keys)?;
            let spent = server.cpu_time()? - before;
            figures.push(Figure::judged(load.label, spent.as_secs_f64() * 1e6 / requests as f64));
        }
        Ok(figures)
    })
}
