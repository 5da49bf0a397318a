//! Collections of any size, for memory and CPU to be measured over.
//!
//! Members, fields and items are `elem` and twelve digits, sixteen bytes, so that the load generator can name them;
//! values are eight letters. Neither can be kept as a number.

use anyhow::Result;

use crate::feed::{Batch, feed};
use crate::loader::scrambled;

/// How the load generator names an element.
pub const ELEMENT: &str = "elem__rand_int__";

/// How many elements a command adds while loading.
const AT_ONCE: u64 = 50;

/// Something to be loaded.
#[derive(Clone, Copy)]
pub struct Data {
    /// What its figure is called.
    pub label: &'static str,
    /// How much of it there is.
    pub items: u64,
    /// Loads so many items into the server on a port.
    pub load: fn(port: u16, items: u64) -> Result<()>,
    /// A command that answers how many are there.
    pub count: &'static [&'static str],
}

/// Hashes `hash` and twelve digits, of ten fields.
pub fn hashes_of_10(items: u64) -> Data {
    Data { label: "hash of 10", items, load: |port, items| many_hashes(port, items, 10), count: &["DBSIZE"] }
}

/// Hashes `hash` and twelve digits, of a hundred fields.
pub fn hashes_of_100(items: u64) -> Data {
    Data { label: "hash of 100", items, load: |port, items| many_hashes(port, items, 100), count: &["DBSIZE"] }
}

/// Hashes `hash` and twelve digits, of a thousand fields.
pub fn hashes_of_1000(items: u64) -> Data {
    Data { label: "hash of 1000", items, load: |port, items| many_hashes(port, items, 1000), count: &["DBSIZE"] }
}

/// The hash `hash`.
pub fn hash(items: u64) -> Data {
    let load = |port, items| {
        one(
            port,
            items,
            &["HSET", "hash"],
            |n, batch| {
                batch.word(element(n)).word(value(n));
            },
            2,
        )
    };
    Data { label: "field of a hash", items, load, count: &["HLEN", "hash"] }
}

/// The set `set`.
pub fn set(items: u64) -> Data {
    let load = |port, items| {
        one(
            port,
            items,
            &["SADD", "set"],
            |n, batch| {
                batch.word(element(n));
            },
            1,
        )
    };
    Data { label: "member of a set", items, load, count: &["SCARD", "set"] }
}

/// The sets `set` and `other`, which have half of their members in common.
pub fn two_sets(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        one(
            port,
            items,
            &["SADD", "set"],
            |n, batch| {
                batch.word(element(n));
            },
            1,
        )?;
        feed(port, items, |n, batch| {
            batch.command(3).word("SADD").word("other").word(element(n + items / 2));
        })
    }
    Data { label: "two sets", items, load, count: &["SCARD", "other"] }
}

/// Sets `set` and twelve digits, of a hundred members.
pub fn sets_of_100(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        feed(port, items, |n, batch| {
            batch.command(102).word("SADD").word(named("set", n));
            batch.words((0..100).map(|member| element(n * 100 + member)));
        })
    }
    Data { label: "set of 100", items, load, count: &["DBSIZE"] }
}

/// The sorted set `zset`, its scores all over the place.
pub fn sorted_set(items: u64) -> Data {
    let load = |port, items| {
        one(
            port,
            items,
            &["ZADD", "zset"],
            |n, batch| {
                batch.word(score(n)).word(element(n));
            },
            2,
        )
    };
    Data { label: "member of a zset", items, load, count: &["ZCARD", "zset"] }
}

/// The sorted sets `zset` and `other`, which have half of their members in common.
pub fn two_sorted_sets(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        (sorted_set(items).load)(port, items)?;
        feed(port, items, |n, batch| {
            batch.command(4).word("ZADD").word("other").word(score(n)).word(element(n + items / 2));
        })
    }
    Data { label: "two sorted sets", items, load, count: &["ZCARD", "other"] }
}

/// The list `list`.
pub fn list(items: u64) -> Data {
    let load = |port, items| {
        one(
            port,
            items,
            &["RPUSH", "list"],
            |n, batch| {
                batch.word(element(n));
            },
            1,
        )
    };
    Data { label: "item of a list", items, load, count: &["LLEN", "list"] }
}

/// The lists `short`, of a hundred items, and `long`.
pub fn short_and_long_list(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        one(
            port,
            100,
            &["RPUSH", "short"],
            |n, batch| {
                batch.word(element(n));
            },
            1,
        )?;
        one(
            port,
            items,
            &["RPUSH", "long"],
            |n, batch| {
                batch.word(element(n));
            },
            1,
        )
    }
    Data { label: "two lists", items, load, count: &["LLEN", "long"] }
}

/// Lists `list` and twelve digits, of a hundred items.
pub fn lists_of_100(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        feed(port, items, |n, batch| {
            batch.command(102).word("RPUSH").word(named("list", n));
            batch.words((0..100).map(|item| element(n * 100 + item)));
        })
    }
    Data { label: "list of 100", items, load, count: &["DBSIZE"] }
}

/// The stream `stream`, its ids counted from 1-0, of two fields.
pub fn stream(items: u64) -> Data {
    fn load(port: u16, items: u64) -> Result<()> {
        feed(port, items, |n, batch| {
            batch.command(7).word("XADD").word("stream").word(id(n));
            batch.word("field1").word(value(n)).word("field2").word(value(n + items));
        })
    }
    Data { label: "entry of a stream", items, load, count: &["XLEN", "stream"] }
}

/// The id of the stream's entry number `n`.
pub fn id(n: u64) -> String {
    format!("{}-0", n + 1)
}

fn named(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:012}")
}

fn element(number: u64) -> String {
    named("elem", number)
}

fn value(number: u64) -> [u8; 8] {
    scrambled(number).to_le_bytes().map(|byte| b'a' + (byte & 15))
}

fn score(number: u64) -> String {
    (scrambled(number) % 1_000_000_000).to_string()
}

fn many_hashes(port: u16, items: u64, fields: u64) -> Result<()> {
    feed(port, items, |n, batch| {
        batch.command(2 + 2 * fields as usize).word("HSET").word(named("hash", n));
        for field in 0..fields {
            batch.word(format!("field{field}")).word(value(n * fields + field));
        }
    })
}

/// One collection: `AT_ONCE` items a command, of `words` words each.
fn one(port: u16, items: u64, head: &[&str; 2], item: fn(u64, &mut Batch), words: usize) -> Result<()> {
    feed(port, items.div_ceil(AT_ONCE), |n, batch| {
        let range = n * AT_ONCE..items.min((n + 1) * AT_ONCE);
        batch.command(2 + words * (range.end - range.start) as usize).words(head);
        range.for_each(|n| item(n, batch));
    })
}
