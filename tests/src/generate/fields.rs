//! Hashes whose fields have deadlines, which came after Redis 7.0, as Redis 8.0 and Valkey 9.1 both have them: what
//! they answer differently, most of it wrong words for options, is in `tests/data` instead.

use super::{Command, Generator, Reading, Step, argv};

const FIELDS: [&str; 10] = [
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "",
    "1",
    "23",
    "a-field-longer-than-what-is-kept-small-0123456789-0123456789-0123456789",
];

pub(super) fn step(g: &mut Generator) -> Step {
    let key = argv![g.rng.pick(&["h", "h", "h", "i", "j", "string"])].remove(0);
    let command = match g.rng.below(40) {
        0..=4 => hset(g, key),
        5..=12 => expire(g, key),
        13..=16 => {
            let name = g.rng.pick(&["HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"]);
            [argv![name, key], fields(g)].concat()
        }
        17..=18 => [argv!["HPERSIST", key], fields(g)].concat(),
        19..=20 => [argv!["HGETEX", key], deadline(g, "PERSIST"), fields(g)].concat(),
        21..=24 => hsetex(g, key),
        25 => [argv!["HGETDEL", key], fields(g)].concat(),
        26 => argv![g.rng.pick(&["HGET", "HEXISTS", "HSTRLEN"]), key, field(g)],
        27 => argv!["HDEL", key, field(g), field(g)],
        28 => argv!["HINCRBY", key, field(g), g.rng.between(-5, 5).to_string()],
        29 => argv!["HINCRBYFLOAT", key, field(g), "1.5"],
        30 => argv![g.rng.pick(&["HGETALL", "HKEYS", "HVALS", "HLEN", "HRANDFIELD"]), key],
        31 => argv!["HSETNX", key, field(g), g.short_value()],
        32 => argv!["HMGET", key, field(g), field(g), field(g)],
        33 => {
            let mut command = argv!["HSCAN", key, "0"];
            if g.rng.one_in(2) {
                command.push(g.word("NOVALUES"));
            }
            return Step { commands: vec![command], reading: Reading::FullScan };
        }
        34 => argv!["COPY", key, g.rng.pick(&["h", "i", "j"]), "REPLACE"],
        35 => argv!["RENAME", key, g.rng.pick(&["h", "i", "j"])],
        36..=37 => argv!["EXPIRE", key, g.relative(false, false)],
        38 => argv!["SET", "string", "value"],
        _ => argv!["DEL", key],
    };
    Step::one(command)
}

fn field(g: &mut Generator) -> Vec<u8> {
    let n = if g.rng.one_in(2) { 4 } else { FIELDS.len() as u64 };
    FIELDS[g.rng.below(n) as usize].into()
}

fn fields(g: &mut Generator) -> Vec<Vec<u8>> {
    let count = g.rng.between(1, 4);
    let mut words = vec![g.word("FIELDS"), count.to_string().into()];
    words.extend((0..count).map(|_| field(g)));
    words
}

fn hset(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["HSET", key];
    for _ in 0..g.rng.between(1, 5) {
        command.extend([field(g), g.short_value()]);
    }
    command
}

fn expire(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = match g.rng.below(4) {
        0 => argv!["HEXPIRE", key, far(g, 1)],
        1 => argv!["HPEXPIRE", key, far(g, 1000)],
        2 => argv!["HEXPIREAT", key, date(g, 1)],
        _ => argv!["HPEXPIREAT", key, date(g, 1000)],
    };
    if g.rng.one_in(2) {
        command.push(g.word_of(&["NX", "XX", "GT", "LT"]));
    }
    [command, fields(g)].concat()
}

/// Seconds, or parts of them, to a deadline that no test lives to see.
fn far(g: &mut Generator, scale: u64) -> Vec<u8> {
    (g.seconds() * scale).to_string().into()
}

/// A date long ago or far away.
fn date(g: &mut Generator, scale: u64) -> Vec<u8> {
    let seconds = if g.rng.one_in(6) { 1_000_000 } else { 4_000_000_000 + 1000 * g.rng.below(8) };
    (seconds * scale).to_string().into()
}

/// A deadline as an option, or none, or `other`.
fn deadline(g: &mut Generator, other: &str) -> Vec<Vec<u8>> {
    match g.rng.below(6) {
        0 => vec![g.word("EX"), far(g, 1)],
        1 => vec![g.word("PX"), far(g, 1000)],
        2 => vec![g.word("EXAT"), date(g, 1)],
        3 => vec![g.word("PXAT"), date(g, 1000)],
        4 => vec![g.word(other)],
        _ => Vec::new(),
    }
}

fn hsetex(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["HSETEX", key];
    if g.rng.one_in(3) {
        command.push(g.word_of(&["FNX", "FXX"]));
    }
    command.extend(deadline(g, "KEEPTTL"));
    let count = g.rng.between(1, 3);
    command.extend([g.word("FIELDS"), count.to_string().into()]);
    for _ in 0..count {
        command.extend([field(g), g.short_value()]);
    }
    command
}
