//! Commands of the connection group.

use super::{Command, Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let command = match g.rng.below(20) {
        0 => argv!["ECHO", g.value()],
        1 => argv!["PING"],
        2 => argv!["PING", g.value()],
        3..=4 => argv!["SELECT", g.database()],
        5 => argv!["CLIENT", g.word("SETNAME"), name(g)],
        6 => argv!["CLIENT", g.word("GETNAME")],
        7 => argv!["CLIENT", g.word_of(&["ID", "INFO"])],
        8 => client_list(g),
        9 => client_kill(g),
        10 => argv!["CLIENT", "NO-EVICT", g.word_of(&["ON", "OFF", "ON", "OFF", "MAYBE", ""])],
        11..=12 => return client_reply(g),
        13 => return client_pause(g),
        14 => argv!["RESET"],
        15..=16 => hello(g),
        17 => auth(g),
        18 => return quit(g),
        _ => return with_password(g),
    };
    Step::one(g.spoil(command))
}

fn name(g: &mut Generator) -> Vec<u8> {
    argv![g.rng.pick(&["conn-1", "x", "", "with space", "new\nline", "!~", "ümlaut", "a/b:c", "\x7f", "tab\t"])]
        .remove(0)
}

fn client_list(g: &mut Generator) -> Command {
    match g.rng.below(6) {
        0 => argv!["CLIENT", "LIST"],
        1 => argv![
            "CLIENT",
            "LIST",
            g.word("TYPE"),
            g.word_of(&["normal", "pubsub", "master", "replica", "slave", "foo", ""])
        ],
        2 => argv!["CLIENT", "LIST", g.word("ID"), g.rng.pick(&["999999999", "abc", "0", "-1"])],
        3 => argv!["CLIENT", "LIST", g.word_of(&["FOO", "TYPE"])],
        _ => argv!["CLIENT", "INFO"],
    }
}

/// Only kills that meet nobody: the driver has connections of its own.
fn client_kill(g: &mut Generator) -> Command {
    match g.rng.below(8) {
        0 => argv!["CLIENT", "KILL", g.rng.pick(&["1.2.3.4:5", "", "nobody", "127.0.0.1:0"])],
        1 => argv!["CLIENT", "KILL", g.word("ID"), g.rng.pick(&["999999999", "abc", "0", "-1", ""])],
        2 => argv!["CLIENT", "KILL", g.word("TYPE"), g.word_of(&["pubsub", "master", "replica", "slave", "foo", ""])],
        3 => argv!["CLIENT", "KILL", g.word("USER"), g.rng.pick(&["nobody", ""])],
        4 => argv!["CLIENT", "KILL", g.word_of(&["ADDR", "LADDR"]), "1.2.3.4:5"],
        5 => argv!["CLIENT", "KILL", "ID", "999999999", g.word("SKIPME"), g.word_of(&["yes", "no", "maybe"])],
        6 => argv!["CLIENT", "KILL", "TYPE", "pubsub", "ADDR", "1.2.3.4:5", "ID", "999999999"],
        _ => argv!["CLIENT", "KILL", "FOO", "bar"],
    }
}

/// Silence, and what breaks it. Every one ends speaking again.
fn client_reply(g: &mut Generator) -> Step {
    let key = g.key();
    let reply = |how: &str| argv!["CLIENT", "REPLY", how];
    let mut commands = match g.rng.below(6) {
        0 => vec![reply("SKIP"), argv!["INCR", key.clone()], argv!["GET", key]],
        1 => vec![reply("OFF"), argv!["SET", key.clone(), "1"], argv!["FOO"], argv!["GET", key]],
        2 => vec![reply("OFF"), reply("SKIP"), argv!["PING"], argv!["ECHO"]],
        3 => vec![reply("SKIP"), reply("SKIP"), argv!["PING"], argv!["PING"]],
        4 => vec![reply("OFF"), argv!["PING"], argv!["RESET"], argv!["PING"]],
        _ => vec![reply("MAYBE"), argv!["CLIENT", "REPLY"], reply("SKIP"), argv!["NOSUCH"], argv!["PING"]],
    };
    commands.push(reply("ON"));
    Step::until_echo(commands)
}

/// Pauses end by themselves or are ended; none is long.
fn client_pause(g: &mut Generator) -> Step {
    let commands = match g.rng.below(6) {
        0 => vec![argv!["CLIENT", "PAUSE", "0"]],
        1 => {
            vec![argv!["CLIENT", "PAUSE", "60000", g.word("WRITE")], argv!["GET", g.key()], argv!["CLIENT", "UNPAUSE"]]
        }
        2 => vec![argv!["CLIENT", "PAUSE", g.rng.pick(&["abc", "-1", "", "1.5", "9223372036854775808"])]],
        3 => vec![argv!["CLIENT", "PAUSE", "1", g.word_of(&["FOO", "", "READ"])]],
        4 => vec![argv!["CLIENT", "PAUSE", "1", g.word("ALL")], argv!["CLIENT", "UNPAUSE"]],
        _ => vec![argv!["CLIENT", "UNPAUSE"]],
    };
    Step::each(commands)
}

fn hello(g: &mut Generator) -> Command {
    let mut command = argv!["HELLO"];
    if g.rng.one_in(8) {
        return command;
    }
    let version = if g.rng.one_in(4) {
        g.rng.pick(&["1", "4", "0", "-1", "abc", "", "3.0", "99999999999999999999"])
    } else {
        g.rng.pick(&["2", "3"])
    };
    command.push(version.into());
    for _ in 0..g.rng.below(3) {
        command.extend(match g.rng.below(6) {
            0 => vec![g.word("AUTH"), "default".into(), g.rng.pick(&["", "any"]).into()],
            1 => vec![g.word("AUTH"), "nobody".into(), "secret".into()],
            2..=3 => vec![g.word("SETNAME"), name(g)],
            4 => vec![g.word("AUTH"), "default".into()],
            _ => vec![g.word_of(&["SETNAME", "FOO", "AUTH", ""])],
        });
    }
    command
}

fn auth(g: &mut Generator) -> Command {
    match g.rng.below(4) {
        0 => argv!["AUTH", g.rng.pick(&["secret", ""])],
        1 => argv!["AUTH", "default", g.rng.pick(&["secret", ""])],
        2 => argv!["AUTH", "nobody", "secret"],
        _ => argv!["AUTH", "default", "secret", "more"],
    }
}

fn quit(g: &mut Generator) -> Step {
    let mut commands = vec![argv!["QUIT"], argv!["PING"]];
    if g.rng.one_in(2) {
        commands.insert(0, argv!["GET", g.key()]);
    }
    if g.rng.one_in(3) {
        commands[0].push(b"argument".to_vec());
    }
    Step::until_echo(commands)
}

/// A password is set, met from both sides, and removed again.
fn with_password(g: &mut Generator) -> Step {
    let mut commands = vec![argv!["CONFIG", "SET", "requirepass", "secret"], argv!["RESET"]];
    for _ in 0..=g.rng.below(5) {
        commands.push(match g.rng.below(11) {
            0 => argv!["GET", g.key()],
            1 => argv!["PING"],
            2 => argv!["AUTH", "wrong"],
            3 => argv!["AUTH", "default", "wrong"],
            4 => argv!["AUTH", "nobody", "secret"],
            5 => argv!["HELLO", "3"],
            6 => argv!["HELLO", "2", "AUTH", "default", "wrong"],
            7 => argv!["NOSUCH", "a"],
            8 => argv!["GET"],
            9 => argv!["RESET"],
            _ => argv!["CLIENT", "GETNAME"],
        });
    }
    commands.push(match g.rng.below(3) {
        0 => argv!["AUTH", "secret"],
        1 => argv!["AUTH", "default", "secret"],
        _ => argv!["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "in"],
    });
    commands.extend([argv!["CONFIG", "GET", "requirepass"], argv!["CONFIG", "SET", "requirepass", ""]]);
    Step::each(commands)
}
