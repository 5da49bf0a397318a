//! Commands of the list group.

use super::{Command, Generator, Step, argv};

/// Keys that mostly hold lists, so that commands meet some; now and then any other key.
fn key(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(12) {
        0 => g.key(),
        1..=2 => b"list:long".to_vec(),
        n => format!("list:{}", n % 3).into(),
    }
}

/// Few different ones, so that pivots and needles are found; some around the lengths where a node ends.
fn element(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(12) {
        0..=6 => g.rng.between(-3, 12).to_string().into(),
        7..=8 => argv![*g.rng.pick(&[&"a", &"b", &"hello", &"", &"-0", &"007"])].remove(0),
        9 => vec![b'x'; g.rng.between(50, 300) as usize],
        10 if g.rng.one_in(8) => vec![b'y'; g.rng.between(4000, 9000) as usize],
        _ => g.value(),
    }
}

fn elements(g: &mut Generator, most: u64) -> Vec<Vec<u8>> {
    (0..=g.rng.below(most)).map(|_| element(g)).collect()
}

fn index(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(12) {
        0 => g.index(),
        1 => g.integer(),
        _ => g.rng.between(-12, 12).to_string().into(),
    }
}

fn side(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(25) { g.word_of(&["UP", ""]) } else { g.word_of(&["LEFT", "RIGHT"]) }
}

pub(super) fn step(g: &mut Generator) -> Step {
    let key = key(g);
    let command = match g.rng.below(40) {
        0..=3 => [argv!["RPUSH", key], elements(g, 8)].concat(),
        4..=6 => [argv!["LPUSH", key], elements(g, 8)].concat(),
        7 => [argv![*g.rng.pick(&[&"LPUSHX", &"RPUSHX"]), key], elements(g, 4)].concat(),
        8 => return Step::one([argv!["RPUSH", "list:long"], long(g)].concat()),
        9..=11 => pop(g, key),
        12 => argv!["LLEN", key],
        13..=15 => argv!["LINDEX", key, index(g)],
        16..=18 => argv!["LSET", key, index(g), element(g)],
        19..=22 => argv!["LRANGE", key, index(g), index(g)],
        23..=24 => argv!["LREM", key, g.rng.between(-3, 3).to_string(), element(g)],
        25 => argv!["LREM", key, g.integer(), element(g)],
        26 => argv!["LTRIM", key, index(g), index(g)],
        27..=30 => {
            let word = if g.rng.one_in(25) { "BESIDE" } else { *g.rng.pick(&[&"BEFORE", &"AFTER"]) };
            argv!["LINSERT", key, g.word(word), element(g), element(g)]
        }
        31..=33 => position(g, key),
        34..=35 => argv!["LMOVE", key, self::key(g), side(g), side(g)],
        36 => argv!["RPOPLPUSH", key, self::key(g)],
        37 => multi_pop(g),
        38 => argv!["LRANGE", key, "0", "-1"],
        _ if g.rng.one_in(4) => argv!["DEL", key],
        _ => argv!["TYPE", key],
    };
    let mut command = g.spoil(command);
    for word in command.iter_mut().filter(|word| **word == *b"-9223372036854775808") {
        // Has no positive: Redis 7.0 goes wrong with it, later versions refuse it.
        *word = b"-9223372036854775807".to_vec();
    }
    Step::one(command)
}

/// Enough elements that nodes fill up, and split when something is inserted.
fn long(g: &mut Generator) -> Vec<Vec<u8>> {
    let length = g.rng.between(1, 400) as usize;
    (0..g.rng.between(20, 60)).map(|i| format!("{i}{}", "z".repeat(length)).into()).collect()
}

fn pop(g: &mut Generator, key: Vec<u8>) -> Command {
    let name = *g.rng.pick(&[&"LPOP", &"RPOP"]);
    match g.rng.below(6) {
        0..=2 => argv![name, key],
        3..=4 => argv![name, key, g.rng.below(12).to_string()],
        _ => argv![name, key, g.integer()],
    }
}

fn position(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["LPOS", key, element(g)];
    for _ in 0..g.rng.below(4) {
        let word = g.word_of(&["RANK", "COUNT", "MAXLEN", "RANK", "COUNT", "MAXLEN", "RANK", "FOO"]);
        let number = if g.rng.one_in(8) { g.integer() } else { g.rng.between(-3, 5).to_string().into() };
        command.extend([word, number]);
    }
    command
}

fn multi_pop(g: &mut Generator) -> Command {
    let keys: Vec<_> = (0..=g.rng.below(3)).map(|_| key(g)).collect();
    let number = if g.rng.one_in(8) { g.integer() } else { keys.len().to_string().into() };
    let mut command = [argv!["LMPOP", number], keys, vec![side(g)]].concat();
    if g.rng.one_in(2) {
        let count = if g.rng.one_in(6) { g.integer() } else { g.rng.below(5).to_string().into() };
        command.extend([g.word("COUNT"), count]);
    }
    command
}
