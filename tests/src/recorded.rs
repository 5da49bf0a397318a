//! Conversations with real servers, kept as text: a command on a line of its own, below it what was answered.
//!
//! ```text
//! # Words after a number sign are for people.
//! HSET h a 1
//!     :1
//! OBJECT ENCODING h
//!     redis8: "listpack"
//!     valkey: "hashtable"
//! ```
//!
//! Where the servers agree there is one answer; `#! valkey` in the first line says that only that server has what the
//! file is about. Replies are written as [`Reply`] shows itself. Words in quotes may have
//! the escapes of Rust's byte strings. The replies to HELLO and CONFIG are not kept, and what comes in no order is
//! sorted.

use std::fmt::Write as _;

use crate::generate::Command;
use crate::normalise::sorted;
use crate::resp::{Client, Reply};
use crate::server::Peer;

/// The servers whose answers are kept.
pub const PEERS: [Peer; 2] = [Peer::Redis8, Peer::Valkey];

/// A line that people wrote, with what came back where it is a command.
#[derive(Debug)]
pub struct Line {
    /// The line as it stands.
    pub text: String,
    /// What it says, unless it says nothing.
    pub command: Option<Command>,
    /// The answers that are right.
    pub answers: Vec<String>,
}

/// Reads a text.
///
/// # Panics
/// When it is not one.
#[must_use]
pub fn parse(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for text in text.lines() {
        match text.strip_prefix("    ") {
            Some(answer) => {
                let names = PEERS.map(|peer| format!("{}: ", peer.name()));
                let answer = names.iter().find_map(|name| answer.strip_prefix(name.as_str())).unwrap_or(answer);
                lines.last_mut().expect("an answer follows a command").answers.push(answer.to_owned());
            }
            None => {
                let is_command = !text.is_empty() && !text.starts_with('#');
                let command = is_command.then(|| words(text));
                lines.push(Line { text: text.to_owned(), command, answers: Vec::new() });
            }
        }
    }
    lines
}

/// The servers whose answers a text keeps.
#[must_use]
pub fn peers(lines: &[Line]) -> Vec<Peer> {
    let only = lines.first().and_then(|line| line.text.strip_prefix("#! "));
    PEERS.into_iter().filter(|peer| only.is_none_or(|name| name == peer.name())).collect()
}

/// Says to a server, which is empty, what the lines say; the answers of the lines that have one.
pub fn replay(lines: &[Line], client: &mut Client) -> Vec<String> {
    lines
        .iter()
        .filter_map(|line| line.command.as_ref())
        .map(|command| answer(command, &client.call(command)))
        .collect()
}

/// The lines with what the servers answered, those of [`peers`] in their order.
#[must_use]
pub fn write(lines: &[Line], answers: &[Vec<String>]) -> String {
    let mut text = String::new();
    let mut number = 0;
    for line in lines {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}", line.text);
        if line.command.is_none() {
            continue;
        }
        let given: Vec<&String> = answers.iter().map(|all| &all[number]).collect();
        number += 1;
        if given.iter().all(|answer| *answer == given[0]) {
            if !given[0].is_empty() {
                let _ = writeln!(text, "    {}", given[0]);
            }
        } else {
            for (peer, answer) in PEERS.iter().zip(given) {
                let _ = writeln!(text, "    {}: {answer}", peer.name());
            }
        }
    }
    text
}

fn answer(command: &Command, reply: &Reply) -> String {
    match command[0].to_ascii_uppercase().as_slice() {
        b"HELLO" | b"CONFIG" if !reply.is_error() => String::new(),
        _ => format!("{:?}", sorted(command, reply)),
    }
}

/// The words of a line; those with blanks in them are quoted.
fn words(line: &str) -> Command {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let word;
        (word, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a quote that ends"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(unescaped(word));
        rest = rest.trim_start();
    }
    words
}

fn unescaped(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut letters = word.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            bytes.push(letter);
            continue;
        }
        match letters.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b'0') => bytes.push(0),
            Some(b'x') => {
                let digits = [letters.next(), letters.next()].map(|digit| digit.expect("two digits") as char);
                let text = digits.iter().collect::<String>();
                bytes.push(u8::from_str_radix(&text, 16).expect("digits of a byte"));
            }
            other => bytes.extend(other),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{PEERS, parse, peers, write};

    #[test]
    fn a_text_is_read_and_written_as_it_is() {
        let text =
            "# About a key.\nSET k \"a b\\x00\"\n    +OK\nGET k\n    redis8: \"a\"\n    valkey: \"b\"\nHELLO 3\n";
        let lines = parse(text);
        assert_eq!(lines[1].command.as_ref().map(|c| c[2].clone()), Some(b"a b\0".to_vec()));
        assert_eq!(lines[2].answers, ["\"a\"", "\"b\""]);
        assert_eq!(peers(&lines), PEERS);
        let answers = [["+OK", "\"a\"", ""], ["+OK", "\"b\"", ""]].map(|all| all.map(str::to_owned).to_vec());
        assert_eq!(write(&lines, &answers), text);
    }
}
