//! Commands of the generic group: those that work on keys of any type.

use super::{Command, Generator, Reading, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(36) {
        0 => [argv![*g.rng.pick(&[&"DEL", &"UNLINK"])], g.keys(3)].concat(),
        1 => [argv![*g.rng.pick(&[&"EXISTS", &"TOUCH"])], g.keys(5)].concat(),
        2..=8 => expire(g, key),
        9..=11 => argv![*g.rng.pick(&[&"TTL", &"PTTL", &"EXPIRETIME", &"PEXPIRETIME"]), key],
        12 => argv!["PERSIST", key],
        13..=15 => copy(g, key),
        16..=17 => argv!["MOVE", key, g.database()],
        18 => argv!["RENAME", key, g.key()],
        19 => argv!["RENAMENX", key, g.key()],
        20..=21 => return full_scan(g),
        22 => return Step::one(one_scan(g)),
        23 => argv!["KEYS", pattern(g)],
        24 => argv!["RANDOMKEY"],
        25..=27 => argv!["OBJECT", g.word("ENCODING"), key],
        28 => return object(g, key),
        29 => argv!["TYPE", key],
        30 => argv!["SELECT", g.database()],
        31 => argv!["SWAPDB", g.database(), g.database()],
        32..=34 => restore(g, key),
        _ => argv!["DBSIZE"],
    };
    Step::one(g.spoil(command))
}

fn expire(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = match g.rng.below(4) {
        0 => argv!["EXPIRE", key, g.relative(false, true)],
        1 => argv!["PEXPIRE", key, g.relative(true, true)],
        2 => argv!["EXPIREAT", key, g.absolute(false)],
        _ => argv!["PEXPIREAT", key, g.absolute(true)],
    };
    let options = [0, 0, 1, 1, 1, 2, 3][g.rng.below(7) as usize];
    for _ in 0..options {
        command.push(if g.rng.one_in(12) {
            g.word_of(&["", "FOO", "KEEPTTL"])
        } else {
            g.word_of(&["NX", "XX", "GT", "LT"])
        });
    }
    command
}

fn copy(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["COPY", key, g.key()];
    for _ in 0..g.rng.below(3) {
        command.extend(match g.rng.below(9) {
            0..=3 => vec![g.word("DB"), g.database()],
            4..=7 => vec![g.word("REPLACE")],
            _ => vec![g.word_of(&["DB", "FOO", ""])],
        });
    }
    command
}

/// What Redis 7.0 gives for a string, an integer, and a list, a hash, a set and a sorted set of a few elements.
const PAYLOADS: [&[u8]; 6] = [
    b"\x00\x05hello\n\x00cr\xdfve4 \n",
    b"\x00\xc190\n\x00\x9d\x94\xea'\x93\xfc\x08\xb9",
    b"\x12\x01\x02\r\r\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff\n\x00h\xeb\n\x89\x13A\xbb\xb1",
    b"\x10\r\r\x00\x00\x00\x02\x00\x81f\x02\x81v\x02\xff\n\x00 \xf1=D#T\x08\x9d",
    b"\x02\x02\x01b\x01a\n\x00u\xd9\x9d\x83^\xf8_e",
    b"\x11\x0f\x0f\x00\x00\x00\x02\x00\x81m\x02\x831.5\x04\xff\n\x00I\xd9\x87`x%N\x8a",
];

fn restore(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut payload = g.rng.pick(&PAYLOADS).to_vec();
    if g.rng.one_in(8) {
        let at = g.rng.below(payload.len() as u64) as usize;
        payload[at] ^= 1 << g.rng.below(8);
    }
    let absolute = g.rng.one_in(3);
    let ttl = match g.rng.below(6) {
        0..=2 => b"0".to_vec(),
        3 => g.bad_integer(),
        _ if absolute => g.absolute(true),
        // Not so far away that Redis's sum wraps.
        _ => g.rng.between(100_000_000, 1_000_000_000_000).to_string().into(),
    };
    let mut command = argv!["RESTORE", key, ttl, payload];
    if absolute {
        command.push(g.word("ABSTTL"));
    }
    for _ in 0..g.rng.below(3) {
        command.extend(match g.rng.below(9) {
            0..=5 => vec![g.word("REPLACE")],
            6 => vec![g.word("IDLETIME"), g.integer()],
            7 => vec![g.word("FREQ"), g.integer()],
            _ => vec![g.word_of(&["IDLETIME", "FREQ", "FOO", ""])],
        });
    }
    command
}

fn pattern(g: &mut Generator) -> Vec<u8> {
    let patterns = [
        "*",
        "key:*",
        "?",
        "[ab]",
        "[^a]",
        "{t}*",
        "",
        "key:[1-9]",
        "*e*",
        "a*",
        "\\*",
        "[a-",
        "[z-a]",
        "no-such",
        "**y?1",
        "bin*",
        "a\\",
        "[\\a]*",
        "*[!a]*",
        "w??h*",
    ];
    argv![g.rng.pick(&patterns)].remove(0)
}

fn scan_options(g: &mut Generator, command: &mut Command) {
    for _ in 0..g.rng.below(3) {
        command.extend(match g.rng.below(3) {
            0 => vec![g.word("MATCH"), pattern(g)],
            1 => vec![g.word("COUNT"), g.rng.between(1, 30).to_string().into()],
            _ => vec![
                g.word("TYPE"),
                argv![g.rng.pick(&["string", "STRING", "list", "hash", "zset", "stream"])].remove(0),
            ],
        });
    }
}

fn full_scan(g: &mut Generator) -> Step {
    let mut command = argv!["SCAN", "0"];
    scan_options(g, &mut command);
    Step { commands: vec![command], reading: Reading::FullScan }
}

/// One call, mostly a wrong one: what a cursor in the middle gives is the server's own affair. Redis 7.0 takes "-1" and
/// an empty word for cursors, which later versions do not, so those are left out.
fn one_scan(g: &mut Generator) -> Command {
    let cursor = g.rng.pick(&["0", "abc", "18446744073709551616", "1.5", " 0", "0x"]);
    let mut command = argv!["SCAN", cursor];
    scan_options(g, &mut command);
    match g.rng.below(4) {
        0 => command.extend([g.word("COUNT"), g.integer()]),
        1 => command.push(g.word_of(&["MATCH", "COUNT", "TYPE", "FOO"])),
        _ => {}
    }
    command
}

/// OBJECT's other subcommands, some under a policy that counts accesses.
fn object(g: &mut Generator, key: Vec<u8>) -> Step {
    let question = match g.rng.below(6) {
        0 => argv!["OBJECT", g.word("REFCOUNT"), key],
        1..=2 => argv!["OBJECT", g.word("FREQ"), key],
        3..=4 => argv!["OBJECT", g.word("IDLETIME"), key],
        _ => argv!["OBJECT", g.word("HELP")],
    };
    if g.rng.one_in(2) {
        let policy = g.rng.pick(&["allkeys-lfu", "volatile-lfu", "allkeys-lru", "noeviction"]);
        let policies = |p: &str| argv!["CONFIG", "SET", "maxmemory-policy", p];
        return Step::each(vec![policies(policy), g.spoil(question), policies("noeviction")]);
    }
    Step::one(g.spoil(question))
}
