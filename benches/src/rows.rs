//! The rows: what is measured, and what Carnelian has to reach, mostly against Valkey 9.1.
//!
//! Targets are commitments, so a row's target changes in a commit that says why, never to make a run pass.

mod clients;
mod persistence;
mod types;

use crate::generator::Load;
use crate::row::{Rounds, Row, Target, Unit};
use crate::work::{cpu, growth, memory};

/// Every row, in the order of the table.
pub fn all() -> Vec<Row> {
    let value = "x".repeat(64);
    let get = || Load::new("GET", ["GET", KEY]);
    let set = || Load::new("SET", ["SET", KEY, &value]);
    let mget = || Load::new("MGET", std::iter::once("MGET").chain([KEY; 10]));
    let mset = || Load::new("MSET", std::iter::once("MSET").chain([KEY, &value].into_iter().cycle().take(20)));
    let mut rows = vec![
        Row {
            name: "pipelined",
            title: "GET and SET, 1 M keys, 64 B values, 50 clients, pipeline of 32",
            unit: Unit::CpuMicros,
            target: Target::ratio(0.40),
            rounds: Rounds::Asked,
            run: cpu::per_request(vec![get().pipeline(32).requests(2_000_000), set().pipeline(32).requests(2_000_000)]),
        },
        Row {
            name: "unpipelined",
            title: "GET and SET, 1 M keys, 64 B values, 50 clients, no pipeline",
            unit: Unit::CpuMicros,
            target: Target::ratio(0.90),
            rounds: Rounds::Asked,
            run: cpu::per_request(vec![get().requests(300_000), set().requests(300_000)]),
        },
        Row {
            name: "multi-key",
            title: "MGET and MSET of 10, 1 M keys, 64 B values, pipeline of 8",
            unit: Unit::CpuMicros,
            target: Target::ratio(0.50),
            rounds: Rounds::Asked,
            run: cpu::per_request(vec![mget().pipeline(8).requests(500_000), mset().pipeline(8).requests(500_000)]),
        },
        Row {
            name: "memory",
            title: "a 16 B key and an 8 B value",
            unit: Unit::BytesPerKey,
            target: Target::ratio(0.75).and_at_most(48.0),
            rounds: Rounds::Once,
            run: memory::per_key(false),
        },
        Row {
            name: "memory-ttl",
            title: "a 16 B key and an 8 B value, with a TTL",
            unit: Unit::BytesPerKey,
            target: Target::ratio(0.70),
            rounds: Rounds::Once,
            run: memory::per_key(true),
        },
        Row {
            name: "growth",
            title: "a SET while the keyspace grows from 0 to 20 M keys",
            unit: Unit::Millis,
            target: Target::ratio(1.0),
            rounds: Rounds::Asked,
            run: growth::longest_request(20_000_000),
        },
    ];
    rows.extend(types::rows());
    rows.extend(clients::rows());
    rows.extend(persistence::rows());
    rows
}

/// A key of the preloaded keyspace, any of them: the load generator puts twelve digits in place of the word.
const KEY: &str = "key:__rand_int__";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_the_command_line() {
        let rows = all();
        let names: HashSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }
}
