//! What is found, and where in a stream it was.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;

use super::Outcome;
use crate::bytes::command_text;
use crate::generate::Command;

/// How many commands before a difference are shown; all of them when one stream runs again to be looked into.
const SHOWN_BEFORE: usize = 10;

/// The differences found so far.
pub(super) struct Differences {
    peer: &'static str,
    pub(super) reports: Vec<String>,
    known: HashSet<String>,
}

/// Where a stream stands.
pub(super) struct Place {
    seed: u64,
    /// How many commands have run.
    pub(super) index: u64,
    pub(super) database: usize,
    before: VecDeque<String>,
    shown_before: usize,
}

impl Place {
    pub(super) fn new(seed: u64) -> Self {
        let shown_before = if std::env::var_os("CARNELIAN_SEED").is_some() { usize::MAX } else { SHOWN_BEFORE };
        Place { seed, index: 0, database: 0, before: VecDeque::new(), shown_before }
    }

    /// Keeps track of what a new connection must be brought to, going by the real server.
    pub(super) fn follow(&mut self, command: &Command, reply: &Outcome) {
        let Outcome::Reply(reply) = reply else { return };
        let argument = || command.get(1).map(|w| String::from_utf8_lossy(w).into_owned()).unwrap_or_default();
        match command[0].to_ascii_uppercase().as_slice() {
            b"SELECT" if !reply.is_error() => self.database = argument().parse().unwrap_or(0),
            b"RESET" if !reply.is_error() => self.database = 0,
            _ => {}
        }
    }

    pub(super) fn remember(&mut self, command: &Command) {
        if self.before.len() == self.shown_before {
            self.before.pop_front();
        }
        self.before.push_back(format!("[{}] {}", self.database, command_text(command)));
    }
}

impl Differences {
    /// None yet, beside `peer`.
    pub(super) fn new(peer: &'static str) -> Self {
        Differences { peer, reports: Vec::new(), known: HashSet::new() }
    }

    pub(super) fn add(&mut self, place: &Place, command: &Command, ours: &str, theirs: &str, signature: &str) {
        if !self.known.insert(signature.to_owned()) {
            return;
        }
        let mut report = String::new();
        let Place { seed, index, database, .. } = place;
        // Writing into a string cannot fail.
        let _ = writeln!(report, "--- seed {seed}, command {index}, database {database}: {}", command_text(command));
        let _ = writeln!(report, "  ours:  {ours}\n  {}: {theirs}\n  after:", self.peer);
        for line in &place.before {
            let _ = writeln!(report, "    {line}");
        }
        self.reports.push(report);
    }
}

/// What makes a difference the same as another: the command and the shape of both replies, without the numbers and
/// keys in them.
pub(super) fn signature(command: &Command, ours: &str, theirs: &str) -> String {
    let name = String::from_utf8_lossy(&command[0]).to_ascii_uppercase();
    let containers =
        ["CLIENT", "CONFIG", "COMMAND", "OBJECT", "DEBUG", "MEMORY", "LATENCY", "SLOWLOG", "XGROUP", "XINFO"];
    let sub = command.get(1).filter(|_| containers.contains(&name.as_str()));
    let sub = sub.map(|w| String::from_utf8_lossy(w).to_ascii_uppercase()).unwrap_or_default();
    if name == "COMMAND" {
        return format!("COMMAND {sub} {} {}", ours.contains("(-"), theirs.contains("(-"));
    }
    // Between quotes stand encodings and names, which matter, and values, which do not.
    let short = |text: &str| text.split('"').filter(|part| part.len() < 80).collect::<String>();
    let shape = |text: &str| short(text).chars().filter(|c| c.is_ascii_alphabetic()).take(60).collect::<String>();
    format!("{name} {sub} {} {}", shape(ours), shape(theirs))
}
