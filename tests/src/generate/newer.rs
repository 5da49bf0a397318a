//! Commands and options that came after Redis 7.0, as Valkey 9.1 has them.

use super::{Command, Generator, argv};

pub(super) fn command(g: &mut Generator) -> Command {
    let key = g.key();
    let command = match g.rng.below(40) {
        0..=7 => set(g, key),
        8..=10 => argv!["DELIFEQ", key, value(g)],
        11..=15 => msetex(g),
        16..=18 => return getex(g, key),
        19..=20 => argv!["GET", key],
        21 => argv!["PTTL", key],
        22 => argv!["DEL", key],
        23 => argv!["BITCOUNT", key, g.index()],
        24..=27 => client_filters(g),
        28..=29 => client_names(g),
        30 => {
            argv!["CLIENT", g.word_of(&["NO-TOUCH", "NO-EVICT"]), g.word_of(&["ON", "OFF", "ON", "OFF", "MAYBE", ""])]
        }
        31 => argv!["CLIENT", g.word("CAPA"), g.word_of(&["REDIRECT", "foo", ""])],
        32 => argv!["CLIENT", g.word("IMPORT-SOURCE"), g.word_of(&["ON", "OFF", "MAYBE"])],
        33 => argv!["CLIENT", g.word("INFO")],
        34 => argv!["RESET"],
        35 => commandlog(g),
        36 => config(g),
        37 => registry(g),
        38 => argv!["SELECT", g.database()],
        _ => argv!["HELLO", g.rng.pick(&["2", "3"])],
    };
    // A bad second word can hardly be told from a bad filter, and both servers choose their own to complain about.
    // And with more than a start BITCOUNT is as old as Redis 2.6.
    if [&b"CLIENT"[..], b"BITCOUNT"].contains(&&command[0][..]) { command } else { g.spoil(command) }
}

/// Deadlines and what replaces them as GETEX and Redis 7.0 have them, who do not look at the number without a key.
fn good_deadline(g: &mut Generator) -> Vec<Vec<u8>> {
    let seconds = g.rng.pick(&["1000", "100000", "8000000"]);
    let milliseconds = format!("{seconds}000");
    match g.rng.below(5) {
        0 => vec![g.word("EX"), seconds.into()],
        1 => vec![g.word("PX"), milliseconds.into()],
        2 => vec![g.word("EXAT"), format!("4{milliseconds:0>9}").into()],
        3 => vec![g.word("PERSIST")],
        _ => vec![g.word_of(&["KEEPTTL", "FOO", "IFEQ"])],
    }
}

/// Few values, so that comparisons come out equal now and then.
fn value(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(6) {
        0 => g.value(),
        1 => "10".into(),
        _ => argv![g.rng.pick(&["a", "b", "1", "", "hello"])].remove(0),
    }
}

fn deadline(g: &mut Generator) -> Vec<Vec<u8>> {
    match g.rng.below(7) {
        0 => vec![g.word("EX"), g.relative(false, true)],
        1 => vec![g.word("PX"), g.relative(true, true)],
        2 => vec![g.word("EXAT"), g.absolute(false)],
        3 => vec![g.word("PXAT"), g.absolute(true)],
        4 => vec![g.word("KEEPTTL")],
        5 => vec![g.word_of(&["PERSIST", "FOO", "IFEQ", "EX"])],
        _ => Vec::new(),
    }
}

fn set(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["SET", key, value(g)];
    for _ in 0..g.rng.below(4) {
        let more = match g.rng.below(6) {
            0..=2 => vec![g.word("IFEQ"), value(g)],
            3 => vec![g.word("GET")],
            4 => vec![g.word_of(&["NX", "XX"])],
            _ => deadline(g),
        };
        command.extend(more);
    }
    command
}

fn msetex(g: &mut Generator) -> Command {
    let pairs = g.rng.between(1, 3);
    let number = match g.rng.below(8) {
        0 => g.bad_integer(),
        1 => (pairs + g.rng.between(-1, 1)).to_string().into(),
        _ => pairs.to_string().into(),
    };
    let mut command = argv!["MSETEX", number];
    for _ in 0..pairs {
        command.extend([g.key(), value(g)]);
    }
    for _ in 0..g.rng.below(3) {
        let more = if g.rng.one_in(3) { vec![g.word_of(&["NX", "XX", "GET"])] } else { deadline(g) };
        command.extend(more);
    }
    command
}

fn getex(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["GETEX", key];
    for _ in 0..g.rng.below(3) {
        command.extend(good_deadline(g));
    }
    command
}

fn filter(g: &mut Generator, kill: bool) -> Vec<Vec<u8>> {
    let (name, values): (&str, &[&str]) = match g.rng.below(16) {
        0 => ("TYPE", &["normal", "pubsub", "replica", "master", "primary", "foo", ""]),
        // As for types: what is no number has been refused in other words since Redis 2.8.
        1 if kill => ("ID", &["999999999", "0", "-1"]),
        1 => ("ID", &["999999999", "0", "-1", "abc", ""]),
        2 => ("USER", &["default", "nobody", ""]),
        3 => ("ADDR", &["1.2.3.4:5", ""]),
        4 => ("LADDR", &["1.2.3.4:5", ""]),
        5 => ("SKIPME", &["yes", "no", "maybe"]),
        6 => ("MAXAGE", &["100000", "0", "-1", "abc"]),
        7 => ("IDLE", &["100000", "0", "-1", "abc", ""]),
        // Of two names the last one counts, and a killer's must meet nobody.
        8 if !kill => ("NAME", &["a", "b", "bystander", "", "with space"]),
        9 => ("FLAGS", &["N", "e", "T", "eT", "?", "", "NN"]),
        10 => ("LIB-NAME", &["lib", "other", "", "a b"]),
        11 => ("LIB-VER", &["1.0", "2", ""]),
        12 => ("DB", &["0", "1", "2", "16", "-1", "abc", ""]),
        13 => ("CAPA", &["r", "z", "", "rr"]),
        14 => ("IP", &["127.0.0.1", "1.2.3.4", ""]),
        // Behind ids Redis 7.0 takes it for one.
        15 if kill => ("FOO", &["bar"]),
        _ => ("MAXAGE", &["100000"]),
    };
    let not = if g.rng.one_in(3) && name != "SKIPME" { "NOT-" } else { "" };
    vec![g.word(&format!("{not}{name}")), argv![g.rng.pick(values)].remove(0)]
}

/// Lists, and kills that meet nobody.
fn client_filters(g: &mut Generator) -> Command {
    let kill = g.rng.one_in(3);
    let mut command = if kill {
        argv!["CLIENT", g.word("KILL"), g.word("NAME"), "nobody has this name"]
    } else {
        argv!["CLIENT", g.word("LIST")]
    };
    let filters = g.rng.below(4);
    for _ in 0..filters {
        command.extend(filter(g, kill));
    }
    // What Redis 7.0 has too is answered in its words: ids alone, types with a word too many.
    if filters == 1 || command.get(2).is_some_and(|word| word.eq_ignore_ascii_case(b"type")) {
        command.extend([g.word("SKIPME"), g.word("no")]);
    }
    if g.rng.one_in(12) {
        command.push(g.word_of(&["NAME", "MAXAGE", "FLAGS"]));
    }
    command
}

fn client_names(g: &mut Generator) -> Command {
    let text = argv![g.rng.pick(&["lib", "other", "1.0", "2", "", "a b", "x\ny", "\u{fc}", "a(b_v1)"])].remove(0);
    match g.rng.below(4) {
        0 => argv!["CLIENT", g.word("SETNAME"), argv![g.rng.pick(&["a", "b", ""])].remove(0)],
        _ => argv![
            "CLIENT",
            g.word("SETINFO"),
            g.word_of(&["LIB-NAME", "LIB-VER", "LIB-NAME", "LIB-VER", "FOO", ""]),
            text
        ],
    }
}

fn commandlog(g: &mut Generator) -> Command {
    let kind = g.word_of(&["SLOW", "LARGE-REQUEST", "LARGE-REPLY", "LARGE-REQUEST", "LARGE-REPLY", "FOO", ""]);
    match g.rng.below(6) {
        0..=1 => argv!["COMMANDLOG", g.word("LEN"), kind],
        2..=3 => argv!["COMMANDLOG", g.word("GET"), g.rng.pick(&["3", "-1", "0", "-2", "abc", "100"]), kind],
        4 => argv!["COMMANDLOG", g.word("RESET"), kind],
        _ => argv!["COMMANDLOG", g.word_of(&["HELP", "FOO", ""])],
    }
}

fn config(g: &mut Generator) -> Command {
    let name = g.rng.pick(&[
        "commandlog-execution-slower-than",
        "commandlog-slow-execution-max-len",
        "commandlog-request-larger-than",
        "commandlog-large-request-max-len",
        "commandlog-reply-larger-than",
        "commandlog-large-reply-max-len",
        "slowlog-max-len",
        "set-max-listpack-value",
    ]);
    match g.rng.below(3) {
        0 => argv!["CONFIG", "GET", name],
        // Whatever is set stays in force: only the lengths, and only what is refused, or changes nothing.
        1 => argv!["CONFIG", "SET", name, g.rng.pick(&["abc", "-2", "", "1.5"])],
        _ => argv!["CONFIG", "SET", g.rng.pick(&["commandlog-large-request-max-len", "slowlog-max-len"]), "128"],
    }
}

/// What the registry says of newer commands.
fn registry(g: &mut Generator) -> Command {
    match g.rng.below(3) {
        0 => {
            let names =
                ["msetex", "delifeq", "commandlog|get", "commandlog|len", "client|no-touch", "client|setinfo", "set"];
            argv!["COMMAND", "INFO", g.rng.pick(&names)]
        }
        1 => [argv!["COMMAND", g.word_of(&["GETKEYS", "GETKEYSANDFLAGS"])], msetex(g)].concat(),
        _ => {
            let key = g.key();
            let inner = if g.rng.one_in(2) { set(g, key) } else { argv!["DELIFEQ", key, "v"] };
            [argv!["COMMAND", g.word_of(&["GETKEYS", "GETKEYSANDFLAGS"])], inner].concat()
        }
    }
}
