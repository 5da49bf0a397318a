//! Commands of the generic group: those that work on keys of any type.

use super::{Command, Generator, Reading, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = g.key();
    let command = match g.rng.below(33) {
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
