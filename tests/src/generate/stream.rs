//! Commands of the stream group. Ids are given, mostly, for those that a server makes are the clock's; entries share
//! few ids and few fields, so that commands meet each other's.

use super::{Command, Generator, Step, argv};

/// Keys of their own, so that most of them are streams, beside those that all commands share.
const STREAMS: [&str; 4] = ["s:1", "s:2", "s:3", "{s}4"];
const GROUPS: [&str; 3] = ["g", "h", "group three"];
const CONSUMERS: [&str; 4] = ["c", "d", "consumer three", "x\r\ny"];

pub(super) fn step(g: &mut Generator) -> Step {
    let key = stream(g);
    let command = match g.rng.below(40) {
        0..=9 => add(g, key),
        10 => return burst(g, key),
        11 => trim(g, key),
        12..=13 => [argv!["XDEL", key], ids(g)].concat(),
        14..=16 => range(g, key),
        17 => argv!["XLEN", key],
        18..=19 => read(g),
        20..=24 => return read_group(g),
        25..=27 => group(g, key),
        28..=29 => [argv!["XACK", key, group_name(g)], ids(g)].concat(),
        30..=31 => pending(g, key),
        32..=35 => return take_over(g, key),
        36 => set_id(g, key),
        _ => info(g, key),
    };
    let spoilt = g.spoil(command.clone());
    let is_set_id = command[0] == b"XSETID";
    let command = if is_set_id && spoilt.get(2) != command.get(2) { command } else { spoilt };
    // An id of the clock is each server's own, and so is all that comes of it: such a stream goes at once.
    match &command[..] {
        [name, key, words @ ..] if name.eq_ignore_ascii_case(b"xadd") && words.iter().any(|word| word == b"*") => {
            let delete = argv!["DEL", key.clone()];
            Step::each(vec![command, delete])
        }
        _ => Step::one(command),
    }
}

fn stream(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(12) { g.key() } else { argv![g.rng.pick(&STREAMS)].remove(0) }
}

fn group_name(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(20) { g.key() } else { argv![g.rng.pick(&GROUPS)].remove(0) }
}

fn consumer(g: &mut Generator) -> Vec<u8> {
    argv![g.rng.pick(&CONSUMERS)].remove(0)
}

/// An id that an entry may have.
fn id(g: &mut Generator) -> Vec<u8> {
    let (ms, seq) = (g.rng.below(40), g.rng.below(4));
    match g.rng.below(30) {
        0..=3 => ms.to_string().into(),
        4 => argv![g.rng.pick(&["0-0", "0", "00-01", "+1-1"])].remove(0),
        5 => argv![g.rng.pick(&[
            "-",
            "+",
            "$",
            ">",
            "*",
            "5-*",
            "1-2-3",
            "1-",
            "-1",
            "1 -2",
            "18446744073709551616-1",
            "a-b"
        ])]
        .remove(0),
        _ => format!("{ms}-{seq}").into(),
    }
}

/// An end of a range.
fn bound(g: &mut Generator) -> Vec<u8> {
    const FAR: [&str; 3] =
        ["18446744073709551615-18446744073709551615", "18446744073709551615", "9223372036854775808-1"];
    match g.rng.below(9) {
        0..=2 => argv![g.rng.pick(&["-", "+"])].remove(0),
        4 => argv![g.rng.pick(&FAR)].remove(0),
        3 => [b"(".to_vec(), id(g)].concat(),
        _ => id(g),
    }
}

fn ids(g: &mut Generator) -> Command {
    (0..=g.rng.below(4)).map(|_| id(g)).collect()
}

fn count(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(8) { g.integer() } else { g.rng.below(8).to_string().into() }
}

fn fields(g: &mut Generator) -> Command {
    let mut words = Vec::new();
    for _ in 0..=g.rng.below(3) {
        let names = ["a", "b", "field", "7", ""];
        words.push(argv![g.rng.pick(&names)].remove(0));
        words.push(if g.rng.one_in(3) { g.value() } else { g.short_value() });
    }
    words
}

fn trimming(g: &mut Generator) -> Command {
    let mut words = vec![g.word_of(&["MAXLEN", "MAXLEN", "MINID"])];
    let by_len = words[0].eq_ignore_ascii_case(b"maxlen");
    if g.rng.one_in(2) {
        words.push(argv![g.rng.pick(&["~", "=", "~"])].remove(0));
    }
    words.push(match by_len {
        true if g.rng.one_in(10) => g.integer(),
        true => g.rng.below(30).to_string().into(),
        false => id(g),
    });
    if g.rng.one_in(5) {
        words.extend([g.word("LIMIT"), count(g)]);
    }
    words
}

fn add(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["XADD", key];
    for _ in 0..g.rng.below(8) / 5 {
        match g.rng.below(4) {
            0 => command.push(g.word("NOMKSTREAM")),
            _ => command.extend(trimming(g)),
        }
    }
    command.push(match g.rng.below(10) {
        0..=2 => format!("{}-*", g.rng.below(45)).into(),
        _ => id(g),
    });
    [command, fields(g)].concat()
}

/// Some entries that follow whatever is there, alike or not, now and then enough for several blocks.
fn burst(g: &mut Generator, key: Vec<u8>) -> Step {
    let mut commands = Vec::new();
    if g.rng.one_in(3) {
        commands.push(argv!["DEL", key.clone()]);
    }
    let (words, same) = (fields(g), g.rng.one_in(2));
    for _ in 0..g.rng.below(30) {
        let words = if same { words.clone() } else { fields(g) };
        commands.push([argv!["XADD", key.clone(), format!("{}-*", g.rng.below(40))], words].concat());
    }
    commands.push(argv!["XRANGE", key, "-", "+"]);
    Step::each(commands)
}

fn trim(g: &mut Generator, key: Vec<u8>) -> Command {
    [argv!["XTRIM", key], trimming(g)].concat()
}

fn range(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv![*g.rng.pick(&[&"XRANGE", &"XREVRANGE"]), key, bound(g), bound(g)];
    if g.rng.one_in(3) {
        command.extend([g.word("COUNT"), count(g)]);
    }
    command
}

/// The options of both, the keys, and as many ids, mostly.
fn streams(g: &mut Generator, mut command: Command, mark: &str) -> Command {
    if g.rng.one_in(3) {
        command.extend([g.word("COUNT"), count(g)]);
    }
    command.push(g.word("STREAMS"));
    let keys = 1 + g.rng.below(2);
    command.extend((0..keys).map(|_| argv![g.rng.pick(&STREAMS)].remove(0)).collect::<Command>());
    for _ in 0..keys {
        // The last entry's sign is later than Redis 7.0.
        let id = if g.rng.one_in(2) { argv![mark].remove(0) } else { id(g) };
        command.push(if id == b"+" { b"$".to_vec() } else { id });
    }
    if g.rng.one_in(20) {
        command.pop();
    }
    command
}

fn read(g: &mut Generator) -> Command {
    let mut command = argv!["XREAD"];
    if g.rng.one_in(15) {
        command.extend([g.word_of(&["NOACK", "GROUP", "BLOCK"]), g.word_of(&["g", "-1", "abc"])]);
    }
    streams(g, command, "0")
}

/// As with [`take_over`]: the consumer is made beforehand.
fn read_group(g: &mut Generator) -> Step {
    let mut command = argv!["XREADGROUP", g.word("GROUP"), group_name(g), consumer(g)];
    if g.rng.one_in(5) {
        command.push(g.word("NOACK"));
    }
    let command = streams(g, command, ">");
    let consumer = |key: &&str| [argv!["XGROUP", "CREATECONSUMER", *key], command[2..4].to_vec()].concat();
    let mut commands: Vec<Command> =
        STREAMS.iter().filter(|key| command.contains(&key.as_bytes().to_vec())).map(consumer).collect();
    commands.push(command);
    Step::each(commands)
}

fn group(g: &mut Generator, key: Vec<u8>) -> Command {
    let name = group_name(g);
    let position = |g: &mut Generator| if g.rng.one_in(2) { argv![g.rng.pick(&["$", "0"])].remove(0) } else { id(g) };
    let (word, mut rest) = match g.rng.below(12) {
        0..=5 => {
            let mut rest = vec![position(g)];
            if g.rng.one_in(2) {
                rest.push(g.word("MKSTREAM"));
            }
            ("CREATE", rest)
        }
        6..=7 => ("SETID", vec![position(g)]),
        8 => ("DESTROY", vec![]),
        9 => ("CREATECONSUMER", vec![consumer(g)]),
        10 => ("DELCONSUMER", vec![consumer(g)]),
        _ => ("HELP", vec![]),
    };
    if ["CREATE", "SETID"].contains(&word) && g.rng.one_in(4) {
        rest.extend([g.word("ENTRIESREAD"), count(g)]);
    }
    if word == "HELP" {
        return argv!["XGROUP", "HELP"];
    }
    [argv!["XGROUP", g.word(word), key, name], rest].concat()
}

/// Milliseconds that have passed since any delivery, or that no delivery will see.
fn idle(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => g.bad_integer(),
        1..=2 => argv![g.rng.pick(&["100000000", "-5"])].remove(0),
        _ => argv!["0"].remove(0),
    }
}

fn pending(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["XPENDING", key, group_name(g)];
    if g.rng.one_in(3) {
        return command;
    }
    if g.rng.one_in(4) {
        command.extend([g.word("IDLE"), idle(g)]);
    }
    command.extend([bound(g), bound(g), count(g)]);
    if g.rng.one_in(3) {
        command.push(consumer(g));
    }
    command
}

/// Redis 7.0 makes the consumer only when there is something to claim, later versions always.
fn take_over(g: &mut Generator, key: Vec<u8>) -> Step {
    let command = if g.rng.one_in(2) { claim(g, key) } else { auto_claim(g, key) };
    let consumer = [argv!["XGROUP", "CREATECONSUMER"], command[1..4].to_vec()].concat();
    let groups = argv!["XINFO", "GROUPS", command[1].clone()];
    Step::each(vec![consumer, command, groups])
}

fn claim(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = [argv!["XCLAIM", key, group_name(g), consumer(g), idle(g)], ids(g)].concat();
    for _ in 0..g.rng.below(4) {
        command.extend(match g.rng.below(6) {
            0 => vec![g.word("IDLE"), idle(g)],
            1 => vec![g.word("TIME"), argv![g.rng.pick(&["1000", "-1", "99999999999999"])].remove(0)],
            2 => vec![g.word("RETRYCOUNT"), count(g)],
            3 => vec![g.word("FORCE")],
            4 => vec![g.word("JUSTID")],
            _ => vec![g.word("LASTID"), id(g)],
        });
    }
    command
}

fn auto_claim(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["XAUTOCLAIM", key, group_name(g), consumer(g), idle(g), bound(g)];
    if g.rng.one_in(2) {
        command.extend([g.word("COUNT"), count(g)]);
    }
    if g.rng.one_in(3) {
        command.push(g.word("JUSTID"));
    }
    command
}

/// Behind all entries: Redis 7.0 takes an id before one that was deleted, later versions do not. So another id is not
/// put in its place either.
fn set_id(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["XSETID", key, g.rng.pick(&["50", "50-1", "60-18446744073709551615", "70-0"])];
    if g.rng.one_in(2) {
        command.extend([g.word("ENTRIESADDED"), count(g), g.word("MAXDELETEDID"), id(g)]);
    }
    command
}

fn info(g: &mut Generator, key: Vec<u8>) -> Command {
    match g.rng.below(6) {
        0..=1 => argv!["XINFO", g.word("STREAM"), key],
        2 => {
            let mut command = argv!["XINFO", "STREAM", key, g.word("FULL")];
            if g.rng.one_in(2) {
                command.extend([g.word("COUNT"), count(g)]);
            }
            command
        }
        3 => argv!["XINFO", "GROUPS", key],
        4 => argv!["XINFO", "CONSUMERS", key, group_name(g)],
        _ => argv!["XINFO", "HELP"],
    }
}
