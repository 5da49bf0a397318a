//! Commands of the server group.

use super::{Command, Generator, Step, argv};
use crate::commands;

pub(super) fn step(g: &mut Generator) -> Step {
    let command = match g.rng.below(30) {
        0..=2 => argv!["DBSIZE"],
        3 => flush(g),
        4..=5 => argv!["SWAPDB", g.database(), g.database()],
        6..=8 => return config_get(g),
        9..=12 => return config_set(g),
        13 => argv!["CONFIG", g.word("RESETSTAT")],
        14..=16 => command_info(g),
        17..=19 => command_keys(g),
        20 => command_list(g),
        21..=22 => return debug(g),
        23 => argv!["INFO", g.word_of(&["server", "memory", "all", "default", "everything", "keyspace", "foo", ""])],
        24 => argv!["TIME"],
        25 => memory(g),
        26 => argv!["SLOWLOG", g.word_of(&["GET", "LEN", "RESET", "LEN"])],
        27 => argv!["SLOWLOG", "GET", g.rng.pick(&["10", "-1", "0", "-2", "abc", ""])],
        28 => latency(g),
        _ => help(g),
    };
    Step::one(g.spoil(command))
}

fn flush(g: &mut Generator) -> Command {
    let mut command = argv![*g.rng.pick(&[&"FLUSHDB", &"FLUSHDB", &"FLUSHALL"])];
    if g.rng.one_in(2) {
        command.push(g.word_of(&["SYNC", "ASYNC", "ASYNC", "FOO", ""]));
    }
    command
}

/// Directives whose values both servers must agree on, values that they take, and values that they refuse.
/// `proto-max-bulk-len` is never raised: strings of half a gigabyte would then be written.
const DIRECTIVES: &[(&str, &[&str], &[&str])] = &[
    (
        "maxmemory",
        &["0", "2gb", "3000mb", "2G", "4000000k", "5368709120", "6000000KB"],
        &["-1", "abc", "1zb", "", "1.5gb"],
    ),
    (
        "maxmemory-policy",
        &[
            "noeviction",
            "allkeys-lru",
            "volatile-lru",
            "allkeys-random",
            "volatile-random",
            "volatile-ttl",
            "allkeys-lfu",
        ],
        &["lru", "", "allkeys"],
    ),
    ("maxmemory-samples", &["5", "1", "64"], &["0", "-1", "abc", ""]),
    ("lfu-log-factor", &["10", "0", "100"], &["-1", "abc", "2147483648"]),
    ("lfu-decay-time", &["1", "0", "60"], &["-1", "x"]),
    ("hash-max-listpack-entries", &["128", "0", "512", "1", "4", "16"], &["-1", "abc", "1.5"]),
    ("hash-max-listpack-value", &["64", "100", "0", "1", "8"], &["-1", "abc"]),
    ("list-max-listpack-size", &["-2", "128", "-5", "-1", "0", "1", "2", "5"], &["abc", "99999999999"]),
    ("list-compress-depth", &["0", "1", "2"], &["-1", "abc"]),
    ("set-max-intset-entries", &["512", "0", "1", "4", "16"], &["-1", "abc"]),
    ("zset-max-listpack-entries", &["128", "0", "1", "4", "16"], &["-1", "abc"]),
    ("zset-max-listpack-value", &["64", "0", "1", "8"], &["-1", "abc"]),
    ("stream-node-max-bytes", &["4096", "0", "1", "100", "400"], &["-1", "abc"]),
    ("stream-node-max-entries", &["100", "0", "1", "3", "10"], &["-1", "abc"]),
    ("hll-sparse-max-bytes", &["3000", "0", "64", "300", "16000"], &["-1", "abc"]),
    ("timeout", &["0", "3600"], &["-1", "abc", "99999999999"]),
    ("tcp-keepalive", &["300", "0"], &["-1", "abc"]),
    ("lazyfree-lazy-user-del", &["yes", "no", "YES"], &["true", "1", "", "maybe"]),
    ("lazyfree-lazy-user-flush", &["no", "yes"], &["0", "on"]),
    ("lazyfree-lazy-expire", &["no", "yes"], &["maybe"]),
    ("activerehashing", &["yes", "no"], &["maybe"]),
    ("slowlog-max-len", &["128", "1000"], &["-1", "abc"]),
    ("latency-monitor-threshold", &["0"], &["-1", "abc"]),
    ("proto-max-bulk-len", &["512mb", "2mb", "1048576"], &["1048575", "0", "abc", "-1"]),
    ("client-query-buffer-limit", &["1gb", "1048576"], &["1", "abc"]),
    ("notify-keyspace-events", &["", "KEA", "Ex"], &["Q", "!"]),
    ("databases", &[], &["16", "8"]),
];

/// Directives that Redis 7.0 lacks, with the values that every stream begins with.
pub fn later_directives() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("set-max-listpack-entries", "128"), ("set-max-listpack-value", "64")].into_iter()
}

/// Sets one of the directives whose names begin with one of `prefixes` to a value that is good for it.
pub(super) fn set_directive(g: &mut Generator, prefixes: &[&str]) -> Step {
    let chosen: Vec<_> = DIRECTIVES.iter().filter(|line| prefixes.iter().any(|p| line.0.starts_with(p))).collect();
    let (name, valid, _) = chosen[g.rng.below(chosen.len() as u64) as usize];
    Step::one(argv!["CONFIG", "SET", *name, g.rng.pick(valid)])
}

fn any_directive(g: &mut Generator) -> &'static (&'static str, &'static [&'static str], &'static [&'static str]) {
    &DIRECTIVES[g.rng.below(DIRECTIVES.len() as u64) as usize]
}

/// The directives that a stream may change, with the values that every stream begins with.
pub fn directives() -> impl Iterator<Item = (&'static str, &'static str)> {
    DIRECTIVES.iter().filter_map(|(name, valid, _)| Some((*name, *valid.first()?)))
}

fn config_get(g: &mut Generator) -> Step {
    let mut command = argv!["CONFIG", g.word("GET")];
    for _ in 0..=g.rng.below(3) {
        command.push(match g.rng.below(8) {
            0 => argv![g.rng.pick(&[
                "hash-max-listpack-*",
                "maxmemory*",
                "lfu-*",
                "no-such",
                "",
                "set-max-intset-entrie?"
            ])]
            .remove(0),
            1 => any_directive(g).0.to_uppercase().into(),
            _ => any_directive(g).0.into(),
        });
    }
    Step::one(g.spoil(command))
}

/// Never spoiled: a random word may be a valid value with large consequences.
fn config_set(g: &mut Generator) -> Step {
    let mut command = argv!["CONFIG", g.word("SET")];
    for _ in 0..[1, 1, 1, 2, 3][g.rng.below(5) as usize] {
        let (name, valid, invalid) = any_directive(g);
        let values = if g.rng.one_in(2) || valid.is_empty() { invalid } else { valid };
        command.extend([g.word(name), g.rng.pick(values).into()]);
    }
    match g.rng.below(12) {
        0 => command.push("maxmemory".into()),
        1 => command.extend(argv!["no-such-directive", "1"]),
        _ => {}
    }
    Step::one(command)
}

/// Of COMMAND GETKEYS, later versions changed the arity.
fn any_name(g: &mut Generator) -> &'static str {
    let all: Vec<_> = commands::all().filter(|(name, _)| !name.starts_with("command|getkeys")).collect();
    all[g.rng.below(all.len() as u64) as usize].0
}

fn command_info(g: &mut Generator) -> Command {
    let mut command = argv!["COMMAND", g.word("INFO")];
    for _ in 0..=g.rng.below(2) {
        command.push(if g.rng.one_in(8) {
            argv![g.rng.pick(&["no-such", "", "get|x", "client|no-such"])].remove(0)
        } else {
            any_name(g).into()
        });
    }
    command
}

fn command_list(g: &mut Generator) -> Command {
    match g.rng.below(5) {
        0 => argv!["COMMAND", "LIST", "FILTERBY", "MODULE", g.rng.pick(&["no-such", ""])],
        1 => argv!["COMMAND", "LIST", "FILTERBY", "ACLCAT", g.rng.pick(&["bitmap", "string", "no-such"])],
        2 => argv![
            "COMMAND",
            "LIST",
            "FILTERBY",
            "PATTERN",
            g.rng.pick(&["get*", "SET*", "client|*", "*bit*", "x*", ""])
        ],
        3 => argv!["COMMAND", "LIST", g.word_of(&["FILTERBY", "FOO"]), "PATTERN"],
        _ => argv!["COMMAND", "LIST"],
    }
}

/// COMMAND GETKEYS of a command that is well formed, or nearly.
fn command_keys(g: &mut Generator) -> Command {
    let inner = match g.rng.below(14) {
        0 => argv!["GET", g.key()],
        1 => argv!["SET", g.key(), "v", g.word_of(&["NX", "GET", "KEEPTTL", "XX"])],
        2 => argv!["MSET", g.key(), "v", g.key(), "w"],
        3 => argv!["MSETNX", g.key(), "v", g.key()],
        4 => argv!["BITOP", "AND", g.key(), g.key(), g.key()],
        5 => argv!["BITFIELD", g.key(), g.word_of(&["GET", "SET", "INCRBY"]), "u8", "0", "1"],
        6 => argv!["COPY", g.key(), g.key(), "REPLACE"],
        7 => argv!["OBJECT", "ENCODING", g.key()],
        8 => argv!["MEMORY", "USAGE", g.key()],
        9 => [argv!["MGET"], g.keys(3)].concat(),
        10 => argv!["LCS", g.key(), g.key(), "IDX"],
        11 => argv![g.rng.pick(&["PING", "NOSUCH", "DBSIZE", "CLIENT", "OBJECT", "SCAN", "KEYS"]), "0"],
        12 => argv!["RENAME", g.key(), g.key()],
        _ => argv!["EXPIRE", g.key(), "100", "NX"],
    };
    let mut inner = g.spoil(inner);
    if inner.len() < 2 {
        // Redis 7.0 asks for an argument at least, later versions leave that to the inner command.
        inner.push(g.key());
    }
    [argv!["COMMAND", g.word_of(&["GETKEYS", "GETKEYSANDFLAGS"])], inner].concat()
}

/// Never spoiled: DEBUG takes nearly anything and sleeps, or worse. A complete STRINGMATCH-LEN is left out: no peer of
/// today has it.
fn debug(g: &mut Generator) -> Step {
    Step::one(match g.rng.below(8) {
        0..=1 => argv!["DEBUG", g.word("SLEEP"), "0"],
        2 => argv!["DEBUG", "SET-ACTIVE-EXPIRE", "1"],
        3 => argv!["DEBUG", "OBJECT", g.key()],
        4 => argv!["DEBUG", "CHANGE-REPL-ID"],
        5 => argv!["DEBUG", g.rng.pick(&["NO-SUCH", "", "no such"])],
        6 => argv!["DEBUG", g.rng.pick(&["OBJECT", "SLEEP", "STRINGMATCH-LEN", "SET-ACTIVE-EXPIRE"])],
        _ => argv!["DEBUG"],
    })
}

fn memory(g: &mut Generator) -> Command {
    match g.rng.below(6) {
        0..=2 => argv!["MEMORY", g.word("USAGE"), g.key()],
        3 => argv!["MEMORY", "USAGE", g.key(), g.word("SAMPLES"), g.integer()],
        4 => argv!["MEMORY", g.word_of(&["DOCTOR", "STATS", "PURGE"])],
        _ => argv!["MEMORY", "USAGE", g.key(), g.word_of(&["SAMPLES", "FOO"])],
    }
}

fn latency(g: &mut Generator) -> Command {
    match g.rng.below(6) {
        0 => argv!["LATENCY", g.word("LATEST")],
        1 => argv!["LATENCY", "HISTORY", g.rng.pick(&["no-such", "command"])],
        2 => argv!["LATENCY", "RESET", "no-such"],
        3 => argv!["LATENCY", "GRAPH", "no-such"],
        4 => argv!["LATENCY", "DOCTOR"],
        _ => argv!["LATENCY", "HISTOGRAM", g.rng.pick(&["no-such", "get"])],
    }
}

fn help(g: &mut Generator) -> Command {
    argv![
        g.rng.pick(&["CONFIG", "CLIENT", "COMMAND", "MEMORY", "SLOWLOG", "LATENCY", "OBJECT", "DEBUG"]),
        g.word("HELP")
    ]
}
