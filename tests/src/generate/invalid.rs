//! Commands that are wrong before they are looked at: unknown names, wrong arities, unknown subcommands.

use super::{Command, Generator, Step, argv};
use crate::commands::{self, Arity};

pub(super) fn step(g: &mut Generator) -> Step {
    Step::one(match g.rng.below(8) {
        0 => unknown(g),
        1 => subcommand(g),
        _ => wrong_arity(g),
    })
}

/// Names that no server has, with arguments that its answer quotes. None is a command up to a NUL: Redis compares names
/// up to there, if they happen to be in the same bucket of its table, which is once in some hundred starts.
fn unknown(g: &mut Generator) -> Command {
    let names =
        ["NOSUCH", "", "GET ", "get\r\n", "client|list", "object|encoding", "\0", "FOO\0", "FOO\nBAR", "x'y", "gét"];
    let mut command = match g.rng.below(8) {
        0 => vec![vec![b'L'; g.rng.between(100, 300) as usize]],
        1 => vec![g.value()],
        _ => argv![g.rng.pick(&names)],
    };
    for _ in 0..g.rng.below(6) {
        command.push(match g.rng.below(3) {
            0 => g.value(),
            1 => g.key(),
            _ => argv![g.rng.pick(&["'", "\"", "a b", "\r\n", "\\", "%s%n"])].remove(0),
        });
    }
    // An empty value may have become the name of a real command; no value is one.
    command
}

fn subcommand(g: &mut Generator) -> Command {
    let container = g.rng.pick(&["CLIENT", "OBJECT", "CONFIG", "COMMAND", "MEMORY", "SLOWLOG", "LATENCY"]);
    let mut command = argv![container, g.rng.pick(&["NO-SUCH", "", "a\r\nb", "no such", "\0", "HELPS", "LISTS"])];
    if g.rng.one_in(8) {
        command = argv![container];
        // COMMAND alone lists everything.
        if *container == *"COMMAND" {
            command.push(b"no-such".to_vec());
        }
    }
    if g.rng.one_in(3) {
        command.push(g.key());
    }
    command
}

/// Too few words or too many, for every command.
fn wrong_arity(g: &mut Generator) -> Command {
    let all: Vec<Arity> = commands::all().collect();
    loop {
        let (name, arity) = all[g.rng.below(all.len() as u64) as usize];
        let mut command: Command = name.split('|').map(|word| g.word(word)).collect();
        let least = arity.unsigned_abs() as usize;
        let few: Vec<usize> = (command.len()..least).collect();
        let words = if arity > 0 && (few.is_empty() || g.rng.one_in(2)) {
            least + 1 + g.rng.below(3) as usize
        } else if let Some(words) = few.get(g.rng.below(few.len().max(1) as u64) as usize) {
            *words
        } else {
            // Takes any number of words: there is no wrong one.
            continue;
        };
        while command.len() < words {
            command.push(g.value());
        }
        return command;
    }
}
