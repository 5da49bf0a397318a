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
        22 => argv!["SETRANGE", key, g.rng.below(40).to_string(), hostile(g)],
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

fn hostile(g: &mut Generator) -> Vec<u8> {
    let length = g.rng.below(6) as usize;
    g.rng.bytes(length)
}

/// A HyperLogLog of random runs that do not cover the registers, of an encoding that may not exist.
fn made_up(g: &mut Generator) -> Vec<u8> {
    let mut bytes = b"HYLL".to_vec();
    bytes.push(g.rng.below(3) as u8);
    let rest = g.rng.pick(&[&11, &10, &30, &60]);
    bytes.extend(g.rng.bytes(*rest));
    bytes
}
