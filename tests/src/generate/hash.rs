//! Commands of the hash group.

use super::{Command, Generator, Reading, Step, argv};

/// Few fields, so that commands meet each other. Some are kept as integers, one is longer than what is kept small.
const FIELDS: [&[u8]; 14] = [
    b"a",
    b"b",
    b"c",
    b"field",
    b"1",
    b"-7",
    b"",
    b"007",
    b"9223372036854775807",
    b"bin\r\n\0\xff",
    b"f1",
    b"f2",
    b"f3",
    b"a-field-longer-than-what-is-kept-small-0123456789-0123456789-0123456789",
];

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(40) {
        0..=7 => set(g, key),
        8 => argv!["HSETNX", key, field(g), value(g)],
        9..=10 => argv!["HGET", key, field(g)],
        11..=12 => [argv!["HMGET", key], fields(g)].concat(),
        13..=15 => [argv!["HDEL", key], fields(g)].concat(),
        16 => argv!["HLEN", key],
        17 => argv![*g.rng.pick(&[&"HEXISTS", &"HSTRLEN"]), key, field(g)],
        18..=20 => argv![*g.rng.pick(&[&"HGETALL", &"HKEYS", &"HVALS"]), key],
        21..=23 => argv!["HINCRBY", key, field(g), g.integer()],
        24..=26 => argv!["HINCRBYFLOAT", key, field(g), g.float_text()],
        27..=29 => random(g, key),
        30..=32 => return scan(g, key),
        33 => argv!["OBJECT", "ENCODING", key],
        34 => many(g, key),
        35 => argv![*g.rng.pick(&[&"TYPE", &"DEL", &"EXISTS"]), key],
        36 => argv!["COPY", key, g.key(), "REPLACE"],
        37 => argv!["RENAME", key, g.key()],
        38 => argv!["HSCAN", key, g.rng.pick(&["0", "1", "abc", "-1", ""])],
        _ => {
            return Step {
                commands: vec![set(g, key.clone()), argv!["OBJECT", "ENCODING", key]],
                reading: Reading::Each,
            };
        }
    };
    Step::one(g.spoil(command))
}

fn field(g: &mut Generator) -> Vec<u8> {
    let n = if g.rng.one_in(2) { 5 } else { FIELDS.len() as u64 };
    FIELDS[g.rng.below(n) as usize].to_vec()
}

fn fields(g: &mut Generator) -> Vec<Vec<u8>> {
    (0..=g.rng.below(4)).map(|_| field(g)).collect()
}

/// Mostly what can be counted with, or is short.
fn value(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(10) {
        0..=3 => g.rng.between(-50, 50).to_string().into(),
        4 => g.float_text(),
        5 => g.value(),
        _ => g.short_value(),
    }
}

fn set(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv![*g.rng.pick(&[&"HSET", &"HSET", &"HSET", &"HMSET"]), key];
    for _ in 0..=g.rng.below(5) {
        command.extend([field(g), value(g)]);
    }
    command
}

/// More fields than a small hash has under some settings.
fn many(g: &mut Generator, key: Vec<u8>) -> Command {
    let most = if g.rng.one_in(4) { 600 } else { 40 };
    let (start, count) = (g.rng.below(400), g.rng.below(most) + 1);
    let mut command = argv!["HSET", key];
    for n in start..start + count {
        command.extend([format!("many:{n}").into_bytes(), n.to_string().into_bytes()]);
    }
    command
}

fn random(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["HRANDFIELD", key];
    if g.rng.one_in(4) {
        return command;
    }
    command.push(match g.rng.below(12) {
        // Counts that no server would live to answer are left out.
        0 => argv![g.rng.pick(&["abc", "", "9223372036854775808", "-9223372036854775808", "1.5"])].remove(0),
        1 => argv![g.rng.pick(&["9223372036854775807", "4611686018427387903", "4611686018427387904"])].remove(0),
        _ => g.rng.between(-12, 12).to_string().into(),
    });
    if g.rng.one_in(2) {
        command.push(g.word_of(&["WITHVALUES", "WITHVALUES", "WITHVALUES", "WITHSCORES", ""]));
    }
    command
}

fn scan(g: &mut Generator, key: Vec<u8>) -> Step {
    let mut command = argv!["HSCAN", key, "0"];
    if g.rng.one_in(2) {
        command.extend([g.word("COUNT"), argv![g.rng.pick(&["1", "3", "10", "1000"])].remove(0)]);
    }
    if g.rng.one_in(3) {
        command.extend([g.word("MATCH"), argv![g.rng.pick(&["*", "many:*", "f?", "[a-c]", "", "*1*"])].remove(0)]);
    }
    Step { commands: vec![command], reading: Reading::FullScan }
}
