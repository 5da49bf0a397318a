//! Commands of the string group.

use super::{Command, Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(30) {
        0..=5 => return set(g, key),
        6 => argv!["GET", key],
        7 => argv!["APPEND", key, g.value()],
        8 => argv![*g.rng.pick(&[&"INCR", &"DECR"]), key],
        9 => argv!["INCRBY", key, g.integer()],
        10 => argv!["DECRBY", key, g.integer()],
        11..=12 => argv!["INCRBYFLOAT", key, g.float_text()],
        13 => argv!["GETDEL", key],
        14..=15 => return getex(g, key),
        16 => argv![*g.rng.pick(&[&"GETRANGE", &"SUBSTR"]), key, g.index(), g.index()],
        17 => argv!["GETSET", key, g.value()],
        18..=19 => return lcs(g),
        20 => [argv!["MGET"], g.keys(6)].concat(),
        21 => many(g, "MSET"),
        22 => many(g, "MSETNX"),
        23 => argv!["PSETEX", key, g.relative(true, true), g.value()],
        24 => argv!["SETEX", key, g.relative(false, true), g.value()],
        25 => argv!["SETNX", key, g.value()],
        26..=27 => argv!["SETRANGE", key, range_offset(g), g.value()],
        28 => argv!["STRLEN", key],
        _ => argv!["SET", key, g.value()],
    };
    Step::one(g.spoil(command))
}

/// SET with any of its options, in any order, conflicts and repetitions included.
fn set(g: &mut Generator, key: Vec<u8>) -> Step {
    let mut command = argv!["SET", key, g.value()];
    for _ in 0..g.rng.below(4) {
        let option = g.rng.below(9);
        command.extend(match option {
            0..=1 => vec![g.word_of(&["NX", "XX"])],
            2 => vec![g.word("GET")],
            3 => vec![g.word("KEEPTTL")],
            4 => vec![g.word("EX"), g.relative(false, true)],
            5 => vec![g.word("PX"), g.relative(true, true)],
            6 => vec![g.word("EXAT"), g.absolute(false)],
            7 => vec![g.word("PXAT"), g.absolute(true)],
            _ => vec![g.word_of(&["EX", "PX", "EXAT", "PXAT", "PERSIST", "FOO", "N", ""])],
        });
    }
    touched(g.spoil(command))
}

fn getex(g: &mut Generator, key: Vec<u8>) -> Step {
    let mut command = argv!["GETEX", key];
    for _ in 0..g.rng.below(3) {
        command.extend(match g.rng.below(7) {
            0 => vec![g.word("EX"), g.relative(false, true)],
            1 => vec![g.word("PX"), g.relative(true, true)],
            2 => vec![g.word("EXAT"), g.absolute(false)],
            3 => vec![g.word("PXAT"), g.absolute(true)],
            4..=5 => vec![g.word("PERSIST")],
            _ => vec![g.word_of(&["EX", "KEEPTTL", "GET", "NX", ""])],
        });
    }
    touched(g.spoil(command))
}

/// A deadline that is already past leaves a key that is gone for readers and may be counted by DBSIZE until
/// something meets it. Meeting it at once makes both servers agree.
fn touched(command: Command) -> Step {
    let key = command.get(1).cloned().unwrap_or_default();
    Step::each(vec![command, argv!["EXISTS", key]])
}

fn many(g: &mut Generator, name: &str) -> Command {
    let mut command = argv![name];
    for _ in 0..=g.rng.below(5) {
        command.push(g.key());
        command.push(g.value());
    }
    if g.rng.one_in(10) {
        command.pop();
    }
    command
}

/// LCS on two keys of its own: it takes time and memory in the product of the lengths, and others grow theirs.
fn lcs(g: &mut Generator) -> Step {
    let mut commands = Vec::new();
    let (one, two) = ("lcs:1", "lcs:2");
    for key in [one, two] {
        match g.rng.below(8) {
            0 => commands.push(argv!["DEL", key]),
            1..=6 => commands.push(argv!["SET", key, g.short_value()]),
            _ => {}
        }
    }
    let mut command = argv!["LCS", one, if g.rng.one_in(12) { one } else { two }];
    for _ in 0..g.rng.below(4) {
        command.extend(match g.rng.below(7) {
            0..=1 => vec![g.word("IDX")],
            2 => vec![g.word("LEN")],
            3 => vec![g.word("MINMATCHLEN"), g.rng.between(-2, 8).to_string().into()],
            4 => vec![g.word("WITHMATCHLEN")],
            5 => vec![g.word("MINMATCHLEN"), g.integer()],
            _ => vec![g.word_of(&["MINMATCHLEN", "IDX", "FOO", ""])],
        });
    }
    commands.push(g.spoil(command));
    Step::each(commands)
}

fn range_offset(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(10) {
        0..=5 => g.rng.below(80).to_string().into(),
        6 => g.rng.below(50_000).to_string().into(),
        // Just past the longest string there may be.
        7 => "536870912".into(),
        _ => g.bad_integer(),
    }
}
