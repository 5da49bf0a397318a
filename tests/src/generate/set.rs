//! Commands of the set group.

use std::collections::HashSet;

use super::{Command, Generator, Reading, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(40) {
        0..=10 => sadd(g, key),
        11..=13 => several(g, "SREM", key),
        14 => argv!["SCARD", key],
        15 => argv!["SISMEMBER", key, member(g)],
        16 => several(g, "SMISMEMBER", key),
        17..=18 => argv!["SMEMBERS", key],
        19..=21 => argv!["SMOVE", key, g.key(), member(g)],
        22 => argv!["SPOP", key],
        23 => argv!["SPOP", key, count(g)],
        24 => argv!["SRANDMEMBER", key],
        25 => argv![
            "SRANDMEMBER",
            key,
            if g.rng.one_in(2) { g.rng.between(-30, 30).to_string().into() } else { count(g) }
        ],
        26..=29 => [argv![g.rng.pick(&["SINTER", "SUNION", "SDIFF"])], g.keys(4)].concat(),
        30..=34 => [argv![g.rng.pick(&["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]), key], g.keys(4)].concat(),
        35..=36 => sintercard(g),
        37 => return Step { commands: vec![sscan(g, key)], reading: Reading::FullScan },
        38 => argv!["OBJECT", "ENCODING", key],
        _ => argv!["DEL", key],
    };
    Step::one(without_repetition(g.spoil(command)))
}

/// Integers given again make no difference to Redis 7.0; later versions choose the form of a new set by the number of
/// words, and may not make an intset of them.
fn without_repetition(command: Command) -> Command {
    if !command[0].eq_ignore_ascii_case(b"SADD") {
        return command;
    }
    let is_integer = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|text| text.parse::<i64>().is_ok());
    let mut seen = HashSet::new();
    command.into_iter().filter(|word| !is_integer(word) || seen.insert(word.clone())).collect()
}

/// Few different ones, so that sets have something in common; now and then what a small form has no room for.
fn member(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(14) {
        0 => g.value(),
        1 => g.integer(),
        2..=3 => format!("member:{}", g.rng.below(300)).into(),
        4..=8 => g.rng.between(-3, 20).to_string().into(),
        _ => argv![g.rng.pick(&["a", "b", "c", "d", "", "01", "-0", "+1", "x\0y"])].remove(0),
    }
}

fn several(g: &mut Generator, name: &str, key: Vec<u8>) -> Command {
    let mut command = argv![name, key];
    for _ in 0..=g.rng.below(4) {
        command.push(member(g));
    }
    command
}

/// Now and then so many members that the set changes its form.
fn sadd(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = several(g, "SADD", key);
    match g.rng.below(16) {
        0 => command.extend((0..g.rng.between(100, 160)).map(|n| format!("member:{n}").into_bytes())),
        1 => {
            command.truncate(2);
            let first = g.rng.below(1000);
            command.extend((0..g.rng.between(480, 530) as u64).map(|n| (first + n).to_string().into_bytes()));
        }
        2 => {
            command.truncate(2);
            command.push(g.rng.bits().to_string().into());
        }
        _ => {}
    }
    command
}

fn count(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => argv![g.rng.pick(&["-1", "abc", "", "9223372036854775807", "9223372036854775808", "1.0"])].remove(0),
        1 => "1000".into(),
        2 => g.rng.below(600).to_string().into(),
        _ => g.rng.below(8).to_string().into(),
    }
}

fn sintercard(g: &mut Generator) -> Command {
    let keys = g.keys(3);
    let number = match g.rng.below(8) {
        0 => g.rng.between(-1, 5).to_string().into(),
        1 => g.bad_integer(),
        _ => keys.len().to_string().into_bytes(),
    };
    let mut command = [argv!["SINTERCARD", number], keys].concat();
    if g.rng.one_in(3) {
        let limit = if g.rng.one_in(4) { g.integer() } else { g.rng.below(6).to_string().into() };
        command.extend([g.word("LIMIT"), limit]);
    }
    command
}

fn sscan(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["SSCAN", key, "0"];
    if g.rng.one_in(2) {
        command.extend([g.word("COUNT"), argv![g.rng.pick(&["1", "10", "1000", "0", "x"])].remove(0)]);
    }
    if g.rng.one_in(2) {
        command.extend([g.word("MATCH"), argv![g.rng.pick(&["*", "member*", "*1", "a", "[0-9]*", ""])].remove(0)]);
    }
    command
}
