//! Commands of the hyperloglog group.

use super::{Command, Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(24) {
        0..=9 => pfadd(g, key),
        10..=12 => [argv!["PFCOUNT"], g.keys(3)].concat(),
        13 => argv!["PFCOUNT", key],
        14..=16 => [argv!["PFMERGE"], g.keys(4)].concat(),
        17 => argv!["PFDEBUG", g.word_of(&["GETREG", "DECODE", "ENCODING", "TODENSE", "FOO", ""]), key],
        18 => argv!["PFDEBUG", g.word_of(&["DECODE", "ENCODING"]), key],
        // What they are made of is a string, byte for byte.
        19 => argv!["GET", key],
        20 => argv!["STRLEN", key],
        21 => argv!["SET", key, made_up(g)],
        22 => argv!["SETRANGE", key, g.rng.below(4).to_string(), g.rng.pick(&["x", "H", "HYLL", "\0"])],
        _ => argv!["DEL", key],
    };
    Step::one(g.spoil(command))
}

/// Now and then so many elements that it grows past all of its forms.
fn pfadd(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["PFADD", key];
    let (many, range) = match g.rng.below(12) {
        0 => (0, 1),
        1..=7 => (g.rng.below(6), 30),
        8..=10 => (g.rng.below(200), 2000),
        _ => (g.rng.below(3000), 1_000_000),
    };
    command.extend((0..many).map(|_| g.rng.below(range).to_string().into_bytes()));
    if g.rng.one_in(8) {
        command.push(g.value());
    }
    command
}

/// What is no HyperLogLog by its header or its length. Of runs that do not add up Redis takes some, and changes a part of
/// them before it sees others.
fn made_up(g: &mut Generator) -> Vec<u8> {
    let mut bytes = g.rng.pick(&[&b"HYLL"[..], b"HYLL", b"HYL", b"hyll"]).to_vec();
    bytes.push(if g.rng.one_in(2) { 0 } else { 2 });
    let rest = g.rng.pick(&[&11, &10, &30, &60]);
    bytes.extend(g.rng.bytes(*rest));
    bytes
}
