//! The rows of the data types.

use crate::collections::{
    Data, ELEMENT, hash, hashes_of_10, hashes_of_100, list, lists_of_100, set, sets_of_100, short_and_long_list,
    sorted_set, stream, two_sets, two_sorted_sets,
};
use crate::generator::Load;
use crate::row::{Rounds, Row, Target, Unit};
use crate::work::cpu::{self, Over};
use crate::work::memory;

const MILLION: u64 = 1_000_000;

/// Every row of the data types, in the order of the table.
pub(super) fn rows() -> Vec<Row> {
    vec![
        takes("memory-hashes", "100 k hashes of 10 fields, 8 B values", 0.85, vec![hashes_of_10(100_000)]),
        takes("memory-hash", "one hash of 1 M fields of 16 B, 8 B values", 0.85, vec![hash(MILLION)]),
        takes("memory-set", "one set of 1 M members of 16 B", 0.80, vec![set(MILLION)]),
        takes("memory-zset", "one sorted set of 1 M members of 16 B", 0.70, vec![sorted_set(MILLION)]),
        takes(
            "memory-sequences",
            "a list of 1 M items of 16 B, a stream of 1 M entries of 2 fields",
            1.0,
            vec![list(MILLION), stream(MILLION)],
        ),
        costs(
            "types-write",
            "into a hash, a set, a list, up to 1 M elements, pipeline of 32",
            0.45,
            cpu::over(vec![
                Over {
                    data: hash(MILLION),
                    loads: |_| vec![pipelined("HSET", &["HSET", "hash", ELEMENT, "vxkabcde"])],
                },
                Over { data: set(MILLION), loads: |_| vec![pipelined("SADD", &["SADD", "set", ELEMENT])] },
                Over {
                    data: list(MILLION),
                    loads: |_| {
                        vec![pipelined("LPUSH", &["LPUSH", "list", ELEMENT]), pipelined("RPOP", &["RPOP", "list"])]
                    },
                },
            ]),
        ),
        costs(
            "zset",
            "a sorted set of 1 M members, pipeline of 32",
            0.50,
            cpu::over(vec![Over { data: sorted_set(MILLION), loads: of_sorted_set }]),
        ),
        costs(
            "types-read",
            "100 elements of one of 1 k collections, pipeline of 8",
            0.60,
            cpu::over(vec![
                Over { data: lists_of_100(1000), loads: |_| vec![reading(&["LRANGE", "list__rand_int__", "0", "99"])] },
                Over { data: hashes_of_100(1000), loads: |_| vec![reading(&["HGETALL", "hash__rand_int__"])] },
                Over { data: sets_of_100(1000), loads: |_| vec![reading(&["SMEMBERS", "set__rand_int__"])] },
            ]),
        ),
        costs(
            "streams",
            "a stream that grows to 1 M entries of 2 fields, and is read in tens",
            0.60,
            cpu::streams(MILLION),
        ),
        costs(
            "list-middle",
            "in the middle of a list of 1 M items; from end to end of one of 100 and one of 100 k",
            1.0,
            cpu::over(vec![
                Over { data: list(MILLION), loads: of_list },
                Over {
                    data: short_and_long_list(100_000),
                    loads: |_| {
                        vec![
                            pipelined("RPOPLPUSH at 100", &["RPOPLPUSH", "short", "short"]),
                            pipelined("RPOPLPUSH at 100 k", &["RPOPLPUSH", "long", "long"]),
                        ]
                    },
                },
            ]),
        ),
        costs(
            "set-algebra",
            "two inputs of 10,000 members, half of them in both",
            0.60,
            cpu::over(vec![
                Over {
                    data: two_sets(10_000),
                    loads: |_| {
                        [&["SUNION", "set", "other"], &["SINTER", "set", "other"]].map(|words| few(words)).into()
                    },
                },
                Over {
                    data: two_sorted_sets(10_000),
                    loads: |_| {
                        [&["ZUNIONSTORE", "to", "2", "zset", "other"], &["ZINTERSTORE", "to", "2", "zset", "other"]]
                            .map(|words| few(words))
                            .into()
                    },
                },
            ]),
        ),
    ]
}

fn takes(name: &'static str, title: &'static str, ratio: f64, data: Vec<Data>) -> Row {
    let (unit, target) = (Unit::BytesPerItem, Target::ratio(ratio));
    Row { name, title, unit, target, rounds: Rounds::Once, run: memory::per_item(data) }
}

fn costs(name: &'static str, title: &'static str, ratio: f64, run: crate::row::Work) -> Row {
    Row { name, title, unit: Unit::CpuMicros, target: Target::ratio(ratio), rounds: Rounds::Asked, run }
}

fn pipelined(label: &'static str, command: &[&str]) -> Load {
    Load::new(label, command.iter().copied()).pipeline(32).requests(1_000_000)
}

/// A command that is called as its first word.
fn reading(command: &'static [&'static str]) -> Load {
    Load::new(command[0], command.iter().copied()).pipeline(8).requests(200_000)
}

/// A command with much to do.
fn few(command: &'static [&'static str]) -> Load {
    Load::new(command[0], command.iter().copied()).clients(4).requests(2_000)
}

fn of_sorted_set(items: u64) -> Vec<Load> {
    let (from, to) = (items / 2, items / 2 + 99);
    vec![
        pipelined("ZADD", &["ZADD", "zset", "__rand_int__", ELEMENT]),
        pipelined("ZINCRBY", &["ZINCRBY", "zset", "3", ELEMENT]),
        pipelined("ZRANK", &["ZRANK", "zset", ELEMENT]),
        pipelined("ZRANGE of 100", &["ZRANGE", "zset", &from.to_string(), &to.to_string()]).requests(200_000),
    ]
}

fn of_list(items: u64) -> Vec<Load> {
    let middle = items / 2;
    let pivot = ELEMENT.replace("__rand_int__", &format!("{middle:012}"));
    vec![
        Load::new("LINDEX", ["LINDEX", "list", &middle.to_string()]).pipeline(8),
        Load::new("LINSERT", ["LINSERT", "list", "BEFORE", &pivot, "abc"]).clients(4).requests(2_000),
    ]
}
