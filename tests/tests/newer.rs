//! What came after Redis 7.0, compared with Valkey 9.1 as the other groups are with Redis: random commands from a seed,
//! every reply compared, and the keyspace after each stream.
//!
//! To run a stream again: `CARNELIAN_SEED=<seed> cargo test -p carnelian-tests --test newer`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use carnelian_tests::bytes::command_text;
use carnelian_tests::generate::{Command, DATABASES, Generator};
use carnelian_tests::normalise::agree;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Peer, Server};
use carnelian_tests::share;

/// How many commands the whole test is.
const WHOLE: u64 = 500_000;
/// How many commands a stream is.
const STREAM: u64 = 250;
/// How many distinct differences are collected before the test gives up.
const ENOUGH: usize = 20;
/// How many commands before a difference are shown.
const SHOWN_BEFORE: usize = 8;
/// What is compared of a line of CLIENT LIST; the rest are addresses, ages, figures.
const CLIENT_FIELDS: [&str; 11] =
    ["name", "flags", "capa", "db", "multi", "watch", "cmd", "user", "resp", "lib-name", "lib-ver"];

#[test]
fn newer_commands_get_the_replies_of_valkey() {
    let arguments = [
        "--commandlog-execution-slower-than",
        "-1",
        "--commandlog-request-larger-than",
        "300",
        "--commandlog-reply-larger-than",
        "250",
    ];
    let sides = [Server::subject(&arguments), Server::peer(Peer::Valkey, &arguments)];
    let seed = std::env::var("CARNELIAN_SEED").ok().map(|text| text.parse().expect("a seed is a number"));
    let (first, streams) = seed.map_or((1, share(WHOLE).div_ceil(STREAM)), |seed| (seed, 1));
    let mut reports = BTreeMap::new();
    for seed in first..first + streams {
        run_stream(seed, &sides, &mut reports);
        if reports.len() >= ENOUGH {
            break;
        }
    }
    let reports: Vec<String> = reports.into_values().collect();
    assert!(reports.is_empty(), "{} distinct differences\n\n{}", reports.len(), reports.join("\n"));
}

/// Runs a stream until its end or its first difference.
fn run_stream(seed: u64, sides: &[Server; 2], reports: &mut BTreeMap<String, String>) {
    let mut generator = Generator::new(seed);
    let [mut ours, mut theirs] = [&sides[0], &sides[1]].map(fresh_client);
    // Somebody else to be listed.
    let _bystanders = [&sides[0], &sides[1]].map(bystander);
    let mut before = VecDeque::new();
    for index in 0..STREAM {
        let command = generator.newer();
        let (our, their) = (ours.call(&command), theirs.call(&command));
        if !same(&command, &our, &their) {
            let report = reports.entry(signature(&command, &our, &their)).or_default();
            if report.is_empty() {
                let text = command_text(&command);
                // Writing into a string cannot fail.
                let _ = writeln!(
                    report,
                    "--- seed {seed}, command {index}: {text}\n  ours:   {our:?}\n  valkey: {their:?}"
                );
                for line in &before {
                    let _ = writeln!(report, "    {line}");
                }
            }
            return;
        }
        if before.len() == SHOWN_BEFORE {
            before.pop_front();
        }
        before.push_back(command_text(&command));
    }
    for database in 0..DATABASES {
        let [our, their] = [&mut ours, &mut theirs].map(|client| keyspace(client, database));
        for ((question, our), (_, their)) in our.iter().zip(&their) {
            assert!(agree(question, our, their), "seed {seed}: {}: {our:?} or {their:?}", command_text(question));
        }
        assert_eq!(our.len(), their.len(), "seed {seed}: different keys");
    }
}

fn fresh_client(server: &Server) -> Client {
    let mut client = server.connect();
    for command in
        [&["FLUSHALL"][..], &["COMMANDLOG", "RESET", "large-request"], &["COMMANDLOG", "RESET", "large-reply"]]
    {
        assert_eq!(client.call(command), Reply::Simple(b"OK".to_vec()));
    }
    client
}

fn bystander(server: &Server) -> Client {
    let mut client = server.connect();
    for command in [&["CLIENT", "SETNAME", "bystander"][..], &["SELECT", "2"], &["CLIENT", "NO-TOUCH", "ON"]] {
        assert_eq!(client.call(command), Reply::Simple(b"OK".to_vec()));
    }
    client
}

/// Every key of a database with its value and deadline, as the questions that were asked and their answers.
fn keyspace(client: &mut Client, database: usize) -> Vec<(Command, Reply)> {
    client.call(&["RESET"]);
    client.call(&["SELECT", &database.to_string()]);
    let Reply::Array(keys) = client.call(&["KEYS", "*"]) else { return Vec::new() };
    let mut keys: Vec<Vec<u8>> = keys.iter().filter_map(|key| key.text().map(<[u8]>::to_vec)).collect();
    keys.sort();
    let questions = keys.into_iter().flat_map(|key| [b"GET", b"TTL"].map(|name| vec![name.to_vec(), key.clone()]));
    questions.map(|question| (question.clone(), client.call(&question))).collect()
}

fn same(command: &Command, ours: &Reply, theirs: &Reply) -> bool {
    if ours == theirs {
        return true;
    }
    if ours.is_error() || theirs.is_error() {
        return false;
    }
    let name = |n: usize| command.get(n).map(|word| word.to_ascii_uppercase()).unwrap_or_default();
    match (name(0).as_slice(), name(1).as_slice()) {
        (b"CLIENT", b"LIST" | b"INFO") => ours.kind() == theirs.kind() && clients(ours) == clients(theirs),
        (b"COMMANDLOG", b"GET") => {
            // Lists of clients are replies of any length.
            let figures = !name(3).eq_ignore_ascii_case(b"large-reply");
            log_entries(ours, figures) == log_entries(theirs, figures)
        }
        (b"COMMAND", b"INFO") => agree(command, &without_subcommands(ours), &without_subcommands(theirs)),
        (b"COMMANDLOG", b"HELP") => ours.kind() == theirs.kind(),
        _ => agree(command, ours, theirs),
    }
}

/// The lines of CLIENT LIST in no order, without what differs between servers.
fn clients(reply: &Reply) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned();
    let is_compared = |word: &&str| word.split_once('=').is_some_and(|(name, _)| CLIENT_FIELDS.contains(&name));
    let mut lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split(' ').filter(is_compared).map(str::to_owned).collect()).collect();
    lines.sort();
    lines
}

/// Entries of COMMAND INFO without the subcommands: where there are none, Redis 7.0 says so with a set, Valkey with an
/// array.
fn without_subcommands(reply: &Reply) -> Reply {
    let Reply::Array(entries) = reply else { return reply.clone() };
    let without = |entry: &Reply| match entry {
        Reply::Array(parts) if parts.len() == 10 => {
            Reply::Array([&parts[..9], &[Reply::Simple(b"(subcommands)".to_vec())]].concat())
        }
        other => other.clone(),
    };
    Reply::Array(entries.iter().map(without).collect())
}

/// The entries of a log, of each its words, and its figure if that is wanted.
fn log_entries(reply: &Reply, figures: bool) -> Vec<Reply> {
    let Reply::Array(entries) = reply else { return vec![reply.clone()] };
    let kept = |entry: &Reply| match entry {
        Reply::Array(parts) if parts.len() == 6 => Reply::Array(parts[if figures { 2 } else { 3 }..4].to_vec()),
        other => other.clone(),
    };
    entries.iter().map(kept).collect()
}

/// What makes a difference the same as another: the command, its subcommand, and the words of both errors.
fn signature(command: &Command, ours: &Reply, theirs: &Reply) -> String {
    let words: Vec<_> = command.iter().take(2).map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
    let shape = |reply: &Reply| match reply {
        Reply::Error(text) => String::from_utf8_lossy(text).split('\'').next().unwrap_or_default().to_owned(),
        other => other.kind().to_owned(),
    };
    let container = ["CLIENT", "COMMAND", "CONFIG", "COMMANDLOG"].contains(&words[0].as_str());
    let name = if container { words.join(" ") } else { words[0].clone() };
    format!("{name} {} {}", shape(ours), shape(theirs))
}
