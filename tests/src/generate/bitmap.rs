//! Commands of the bitmap group.

use super::{Command, Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(16) {
        0..=2 => argv!["SETBIT", key, bit_offset(g), bit(g)],
        3 => argv!["GETBIT", key, far_bit_offset(g)],
        4..=5 => bitcount(g, key),
        6..=7 => bitpos(g, key),
        8..=9 => bitop(g),
        10 => bitfield(g, "BITFIELD_RO", key, true),
        11 => bitfield(g, "BITFIELD_RO", key, false),
        12 => bitfield(g, "BITFIELD", key, true),
        _ => bitfield(g, "BITFIELD", key, false),
    };
    Step::one(if command[0] == b"BITCOUNT" { command } else { g.spoil(command) })
}

/// An offset to write at. The longest strings are not written, only refused: half a gigabyte a command is too slow.
fn bit_offset(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(10) {
        0..=5 => g.rng.below(100).to_string().into(),
        6..=7 => g.rng.below(400_000).to_string().into(),
        8 => "4294967296".into(),
        _ => g.bad_integer(),
    }
}

/// An offset to read at, as far as they go.
fn far_bit_offset(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(5) {
        0 => argv![g.rng.pick(&["4294967295", "4294967294", "2147483648", "4294967288"])].remove(0),
        _ => bit_offset(g),
    }
}

fn bit(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => argv![g.rng.pick(&["2", "-1", "", "a", "01", "1.0", "10"])].remove(0),
        n => (n % 2).to_string().into(),
    }
}

/// BITCOUNT with a start and no end is newer than Redis 7.0, so that form is left out.
fn bitcount(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["BITCOUNT", key];
    if !g.rng.one_in(4) {
        command.extend([g.index(), g.index()]);
        unit(g, &mut command);
    }
    command
}

fn bitpos(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["BITPOS", key, bit(g)];
    if !g.rng.one_in(4) {
        command.push(g.index());
        if !g.rng.one_in(3) {
            command.push(g.index());
            unit(g, &mut command);
        }
    }
    command
}

fn unit(g: &mut Generator, command: &mut Command) {
    match g.rng.below(8) {
        0..=2 => command.push(g.word("BIT")),
        3..=4 => command.push(g.word("BYTE")),
        5 => command.push(g.word_of(&["BITS", "", "0", "BYTES"])),
        _ => {}
    }
}

fn bitop(g: &mut Generator) -> Command {
    let operation =
        if g.rng.one_in(12) { g.word_of(&["NAND", "", "NOR", "A"]) } else { g.word_of(&["AND", "OR", "XOR", "NOT"]) };
    let sources = if operation.eq_ignore_ascii_case(b"NOT") && !g.rng.one_in(5) { vec![g.key()] } else { g.keys(5) };
    [argv!["BITOP", operation, g.key()], sources].concat()
}

fn bitfield(g: &mut Generator, name: &str, key: Vec<u8>, only_get: bool) -> Command {
    let mut command = argv![name, key];
    for _ in 0..g.rng.below(5) {
        if !only_get && g.rng.one_in(3) {
            let modes = if g.rng.one_in(10) { &["FOO", "", "SATURATE"][..] } else { &["WRAP", "SAT", "FAIL"][..] };
            command.extend([g.word("OVERFLOW"), g.word_of(modes)]);
        }
        match if only_get { 0 } else { g.rng.below(4) } {
            0 => command.extend([g.word("GET"), field_type(g), field_offset(g)]),
            1 => command.extend([g.word("SET"), field_type(g), field_offset(g), field_value(g)]),
            _ => command.extend([g.word("INCRBY"), field_type(g), field_offset(g), field_value(g)]),
        }
    }
    command
}

fn field_type(g: &mut Generator) -> Vec<u8> {
    let wide = g.rng.one_in(3);
    match g.rng.below(12) {
        0 => argv![g.rng.pick(&["u64", "u0", "i0", "i65", "u", "i", "8", "x8", "", "u-1", "i08", "u+8", "u8 ", "U99"])]
            .remove(0),
        1..=5 => format!("u{}", if wide { g.rng.between(1, 63) } else { g.rng.between(1, 9) }).into(),
        6..=10 => format!("i{}", if wide { g.rng.between(1, 64) } else { g.rng.between(1, 9) }).into(),
        _ => argv![g.rng.pick(&["u63", "i64", "u32", "i32", "i63", "u8", "i16"])].remove(0),
    }
}

fn field_offset(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(14) {
        0..=7 => g.rng.below(80).to_string().into(),
        8..=10 => format!("#{}", g.rng.below(20)).into(),
        11 => g.rng.below(100_000).to_string().into(),
        12 => argv![g.rng.pick(&[
            "#",
            "#-1",
            "#abc",
            "##1",
            "#4294967296",
            "#9223372036854775807",
            "#576460752303423488"
        ])]
        .remove(0),
        _ => g.bad_integer(),
    }
}

fn field_value(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(4) {
        0 => (g.rng.bits() as i64).to_string().into(),
        1 => g.rng.between(-300, 300).to_string().into(),
        _ => g.integer(),
    }
}
