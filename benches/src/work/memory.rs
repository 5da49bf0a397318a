//! Resident memory: what a small key costs, at several sizes of the keyspace, and what an item of a collection costs.
//!
//! Several sizes, because a table that doubles costs least just before it does and most just after: one size would flatter
//! whoever is lucky at it.

use crate::collections::Data;
use crate::loader::{self, Shape};
use crate::row::{Figure, Work};
use crate::server::Server;

/// Thousands of keys: from a power of two to the next, where tables double, and a large one.
const SIZES: [u64; 5] = [1_000, 1_300, 1_600, 2_000, 10_000];

/// Bytes a key of 16 B with a value of 8 B costs at each size, each time from a fresh server.
pub fn per_key(ttl: bool) -> Work {
    Box::new(move |lab, peer| {
        let mut figures = Vec::with_capacity(SIZES.len());
        for keys in SIZES.map(|thousands| lab.scaled(thousands * 1000)) {
            let server = Server::start(lab, peer)?;
            let empty = server.settled_memory()?;
            loader::load(server.port, Shape { value_len: 8, ttl }, 0..keys)?;
            server.expect_keys(keys)?;
            let loaded = server.settled_memory()?;
            let per_key = loaded.saturating_sub(empty) as f64 / keys as f64;
            figures.push(Figure::judged(format!("at {} M keys", keys as f64 / 1e6), per_key));
        }
        Ok(figures)
    })
}

/// Bytes an item of each of `data` costs, each from a fresh server.
pub fn per_item(data: Vec<Data>) -> Work {
    Box::new(move |lab, peer| {
        let mut figures = Vec::with_capacity(data.len());
        for data in &data {
            let items = lab.scaled(data.items);
            let server = Server::start(lab, peer)?;
            let empty = server.settled_memory()?;
            (data.load)(server.port, items)?;
            server.expect(data.count, items)?;
            let loaded = server.settled_memory()?;
            figures.push(Figure::judged(data.label, loaded.saturating_sub(empty) as f64 / items as f64));
        }
        Ok(figures)
    })
}
