//! The differential test: the same random commands to the server under test and to a real one, every reply compared,
//! and now and then the whole keyspace.
//!
//! Commands come in streams. A stream is a seed: it starts with empty servers and fresh connections, and runs the same
//! whatever ran before it. `CARNELIAN_SEED` runs one stream again; `CARNELIAN_SHARE` and `CARNELIAN_SOAK` say how many
//! streams run, `CARNELIAN_FIRST_SEED` where they begin.

mod follow;
mod keyspace;
mod pair;
mod report;

use crate::generate::{Command, DATABASES, Generator, Reading, Step};
use crate::normalise::{self, agree, parts_them};
use crate::resp::{Client, Reply};
use crate::server::Server;
use crate::share;
use pair::{Outcome, Pair};
use report::{Differences, Place, signature};

pub use crate::server::Peer;

/// How many commands a stream is.
const STREAM: u64 = 500;
/// After how many steps the whole keyspace is compared.
const INTERVAL: u64 = 100;
/// How many distinct differences are collected before the test gives up.
const ENOUGH: usize = 25;

/// One test: which commands, beside which server, how many.
pub struct Differential<'a> {
    /// The server that is right.
    pub peer: Peer,
    /// What both servers are started with.
    pub arguments: &'static [&'static str],
    /// The next step of a stream.
    pub step: &'a dyn Fn(&mut Generator) -> Step,
    /// How many commands the whole test is.
    pub whole: u64,
    /// Whether keyspace events are compared as well, step by step.
    pub events: bool,
}

impl Differential<'_> {
    /// Runs the streams.
    ///
    /// # Panics
    /// When the servers differ, with everything that it takes to see where.
    pub fn run(&self) {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
        let (first, streams) = match number("CARNELIAN_SEED") {
            Some(seed) => (seed, 1),
            None => (number("CARNELIAN_FIRST_SEED").unwrap_or(1), share(self.whole).div_ceil(STREAM)),
        };
        let mut pair = Pair::new(Server::subject(self.arguments), Server::peer(self.peer, self.arguments));
        let mut found = Differences::new(self.peer.name());
        let mut commands = 0;
        for seed in first..first + streams {
            commands += self.run_stream(seed, &mut pair, &mut found);
            if found.reports.len() >= ENOUGH {
                break;
            }
        }
        println!("{commands} commands in streams from seed {first}");
        // Twice a step, of which some have several commands, and some cut off whoever listens.
        assert!(!self.events || pair.compared > commands, "events of {} steps compared", pair.compared / 2);
        assert!(
            found.reports.is_empty(),
            "{} distinct differences in {commands} commands\n\n{}",
            found.reports.len(),
            found.reports.join("\n")
        );
    }

    fn run_stream(&self, seed: u64, pair: &mut Pair, found: &mut Differences) -> u64 {
        let mut generator = Generator::new(seed);
        let version = if seed.is_multiple_of(2) { Some("3") } else { None };
        let mut place = Place::new(seed);
        self.begin(pair, seed);
        pair.reconnect(version);
        let mut step_number = 0;
        while place.index < STREAM {
            let step = (self.step)(&mut generator);
            let ending = run_step(&step, pair, &mut place, found);
            step_number += 1;
            let is_checked = step_number % INTERVAL == 0 || place.index >= STREAM;
            let is_apart =
                ending == Ending::Apart || (is_checked && !self.have_the_same_keyspaces(pair, &place, found));
            if is_apart {
                // What the servers hold may differ from here on, and so may the connections.
                self.begin(pair, seed);
            }
            if is_apart || ending == Ending::Closed {
                place.database = 0;
                pair.reconnect(version);
            }
            if found.reports.len() >= ENOUGH {
                break;
            }
        }
        place.index
    }

    fn begin(&self, pair: &mut Pair, seed: u64) {
        pair.reset();
        if self.events {
            pair.listen(if seed.is_multiple_of(3) { "K" } else { "E" });
        }
    }

    fn have_the_same_keyspaces(&self, pair: &mut Pair, place: &Place, found: &mut Differences) -> bool {
        for database in 0..DATABASES {
            let ours = keyspace::read(&mut pair.ours.admin, database);
            let theirs = keyspace::read(&mut pair.theirs.admin, database);
            if let Some(difference) = keyspace::difference(self.peer, &ours, &theirs) {
                let what = format!("(keyspace of database {database}: {})", difference.what).into_bytes();
                found.add(place, &vec![what], &difference.ours, &difference.theirs, &difference.signature);
                return false;
            }
        }
        true
    }
}

/// How a step ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// With servers that agree.
    Alike,
    /// With servers that agree, and closed connections.
    Closed,
    /// With servers that do not hold the same.
    Apart,
}

fn run_step(step: &Step, pair: &mut Pair, place: &mut Place, found: &mut Differences) -> Ending {
    // A failed write shows in what is read: the connection is closed.
    let _ = pair.ours.send(step).and_then(|()| pair.theirs.send(step));
    let mut ours = pair.ours.outcomes(step);
    let mut theirs = pair.theirs.outcomes(step);
    let refused = |outcomes: &[Outcome]| outcomes.iter().any(|o| matches!(o, Outcome::Reply(Reply::Error(_))));
    // Redis has looked for some keys by the time it comes to a mistake.
    // And XREAD looks for all of its keys twice, and SORT in the order of a set.
    let has_an_order = |command: &Command| {
        !command.first().is_some_and(|name| {
            [&b"xread"[..], b"sort", b"sort_ro"].iter().any(|other| name.eq_ignore_ascii_case(other))
        })
    };
    let misses = !refused(&ours) && !refused(&theirs) && step.commands.iter().all(has_an_order);
    let events = pair.events_differ(misses);
    follow::up(step, pair, &mut ours, &mut theirs);
    let (mut differ, mut part) = (false, false);
    for (n, command) in step.commands.iter().enumerate() {
        place.index += 1;
        let (our, their) = match step.reading {
            // Which reply belongs to which command is part of the question, so all are shown with the last command.
            Reading::UntilEcho if n + 1 < step.commands.len() => (None, None),
            Reading::UntilEcho => {
                if ours != theirs || ours.iter().any(|o| matches!(o, Outcome::Broken(_))) {
                    differ = true;
                    let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
                    found.add(place, command, &ours, &theirs, &signature(command, &ours, &theirs));
                }
                (None, None)
            }
            _ => (ours.get(n), theirs.get(n)),
        };
        if let (Some(our), Some(their)) = (our, their) {
            let same = match (our, their) {
                (Outcome::Reply(a), Outcome::Reply(b)) => agree(command, a, b),
                (a, b) => a == b && *a == Outcome::Closed,
            };
            if let (Outcome::Reply(a), Outcome::Reply(b)) = (our, their) {
                part |= same && parts_them(command, a, b);
            }
            // After a first difference the others only follow from it.
            if !same && !differ && !part {
                differ = true;
                let (our, their) = (format!("{our:?}"), format!("{their:?}"));
                found.add(place, command, &our, &their, &signature(command, &our, &their));
            }
            place.follow(command, their);
        }
        place.remember(command);
    }
    if let (Some((our, their)), false, false) = (events, differ, part) {
        differ = true;
        let commands = step.commands.last().cloned().unwrap_or_default();
        let signature = format!("events of {}", String::from_utf8_lossy(commands.first().map_or(b"", Vec::as_slice)));
        found.add(place, &commands, &our, &their, &signature.to_ascii_lowercase());
    }
    // What settled the replies has events of its own.
    pair.events_differ(false);
    match theirs.iter().any(|o| !matches!(o, Outcome::Reply(_))) {
        _ if differ || part => Ending::Apart,
        true => Ending::Closed,
        false => Ending::Alike,
    }
}

/// Where the keyspaces of two servers part, as somebody who looks on sees them: a database is compared key by key, with
/// encodings, deadlines and contents.
pub fn keyspaces_differ(peer: Peer, ours: &mut Client, theirs: &mut Client, database: usize) -> Option<String> {
    let (a, b) = (keyspace::read(ours, database), keyspace::read(theirs, database));
    keyspace::difference(peer, &a, &b)
        .map(|d| format!("{}\n  ours:  {}\n  {}: {}", d.what, d.ours, peer.name(), d.theirs))
}

/// Whether the encodings of a key agree. Redis 7.0 lacks some; and hashes whose fields have deadlines are kept in other
/// ways by all later servers.
fn encodings_agree(peer: Peer, kind: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs
        || match peer {
            Peer::Redis7 => normalise::is_later_encoding(Some(kind), ours, theirs),
            // And Valkey keeps longer strings beside their keys.
            Peer::Valkey if kind == b"string" => ours != b"int" && theirs != b"int",
            // Later ones make a new sorted set as large as the command is long, in which members may be named twice.
            Peer::Redis8 | Peer::Valkey if kind == b"zset" => ours == b"listpack" && theirs == b"skiplist",
            Peer::Redis8 | Peer::Valkey => kind == b"hash",
        }
}
