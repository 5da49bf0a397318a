//! The same random commands to a real Redis 7.0 and to the server under test, every reply compared, and now and then
//! the whole keyspace.
//!
//! Commands come in streams. A stream is a seed: it starts with empty servers and fresh connections, and runs the same
//! whatever ran before it. To run one again: `CARNELIAN_SEED=<seed> cargo test -p carnelian-tests --test differential`.
//! `CARNELIAN_SHARE` and `CARNELIAN_SOAK` say how many streams run, `CARNELIAN_FIRST_SEED` where they begin.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt::Write as _;
use std::io::ErrorKind;

use carnelian_tests::bytes::command_text;
use carnelian_tests::generate::{Command, DATABASES, Generator, Reading, Step, directives};
use carnelian_tests::normalise::{KEY_EXISTS, agree, names_any_key};
use carnelian_tests::resp::{Client, Reply, encode};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How many commands the whole test is.
const WHOLE: u64 = 2_000_000;
/// How many commands a stream is.
const STREAM: u64 = 500;
/// After how many steps the whole keyspace is compared.
const INTERVAL: u64 = 100;
/// How many distinct differences are collected before the test gives up.
const ENOUGH: usize = 25;
/// How many commands before a difference are shown.
const SHOWN_BEFORE: usize = 10;
/// The reply that ends a step whose number of replies is not known.
const SENTINEL: &[u8] = b"(end of step)";

#[test]
fn random_commands_get_the_replies_of_redis() {
    // The slow log and active expiry of a busy machine would make replies depend on time.
    let arguments = ["--enable-debug-command", "yes", "--slowlog-log-slower-than", "-1", "--maxclients", "100"];
    let mut pair = Pair { ours: Side::new(Server::subject(&arguments)), theirs: Side::new(Server::peer(&arguments)) };
    let mut found = Differences::default();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a seed is a number"));
    let (first, streams) = match number("CARNELIAN_SEED") {
        Some(seed) => (seed, 1),
        None => (number("CARNELIAN_FIRST_SEED").unwrap_or(1), share(WHOLE).div_ceil(STREAM)),
    };
    let mut commands = 0;
    for seed in first..first + streams {
        commands += run_stream(seed, &mut pair, &mut found);
        if found.reports.len() >= ENOUGH {
            break;
        }
    }
    println!("{commands} commands in streams from seed {first}");
    assert!(
        found.reports.is_empty(),
        "{} distinct differences in {commands} commands\n\n{}",
        found.reports.len(),
        found.reports.join("\n")
    );
}

/// The server under test and the real one.
struct Pair {
    ours: Side,
    theirs: Side,
}

/// One of the two, with the connection that commands run on and one that looks on.
struct Side {
    server: Server,
    client: Client,
    admin: Client,
}

/// What came back for one command: a reply, or the end of the connection.
#[derive(Clone, PartialEq, Debug)]
enum Outcome {
    Reply(Reply),
    Closed,
    /// Not RESP, or no reply in time.
    Broken(String),
}

/// The differences found so far.
#[derive(Default)]
struct Differences {
    reports: Vec<String>,
    known: HashSet<String>,
}

/// Where a stream stands, for reports and for reconnecting.
struct Place {
    seed: u64,
    index: u64,
    database: usize,
    version: Option<&'static str>,
    before: VecDeque<String>,
}

fn run_stream(seed: u64, pair: &mut Pair, found: &mut Differences) -> u64 {
    let mut generator = Generator::new(seed);
    let version = if seed.is_multiple_of(2) { Some("3") } else { None };
    let mut place = Place { seed, index: 0, database: 0, version, before: VecDeque::new() };
    pair.reset();
    pair.reconnect(&place);
    let mut step_number = 0;
    while place.index < STREAM {
        let step = generator.step();
        run_step(&step, pair, &mut place, found);
        step_number += 1;
        if step_number % INTERVAL == 0 || place.index >= STREAM {
            compare_keyspaces(pair, &mut place, found);
        }
        if found.reports.len() >= ENOUGH {
            break;
        }
    }
    place.index
}

fn run_step(step: &Step, pair: &mut Pair, place: &mut Place, found: &mut Differences) {
    let ours = pair.ours.send(step).and_then(|()| pair.theirs.send(step));
    // A failed write shows in what is read: the connection is closed.
    drop(ours);
    let ours = pair.ours.outcomes(step);
    let theirs = pair.theirs.outcomes(step);
    let mut differ = false;
    for (n, command) in step.commands.iter().enumerate() {
        place.index += 1;
        let (our, their) = match step.reading {
            // Which reply belongs to which command is part of the question, so all are shown with the last command.
            Reading::UntilEcho if n + 1 < step.commands.len() => (None, None),
            Reading::UntilEcho => {
                differ |= compare_all(command, &ours, &theirs, place, found);
                (None, None)
            }
            _ => (ours.get(n), theirs.get(n)),
        };
        if let (Some(our), Some(their)) = (our, their) {
            let same = match (our, their) {
                (Outcome::Reply(a), Outcome::Reply(b)) => agree(command, a, b),
                (a, b) => a == b && *a == Outcome::Closed,
            };
            // After a first difference the others only follow from it.
            if !same && !differ {
                differ = true;
                let (our, their) = (format!("{our:?}"), format!("{their:?}"));
                found.add(place, command, &our, &their, &signature(command, &our, &their));
            }
            place.follow(command, their);
        }
        place.remember(command);
    }
    let closed = |outcomes: &[Outcome]| outcomes.iter().any(|o| !matches!(o, Outcome::Reply(_)));
    if differ {
        // What the servers hold may differ from here on, and so may the connections.
        pair.reset();
        place.database = 0;
        pair.reconnect(place);
    } else if closed(&theirs) {
        place.database = 0;
        pair.reconnect(place);
    }
}

/// Compares the replies of a step whose number of replies is open.
fn compare_all(last: &Command, ours: &[Outcome], theirs: &[Outcome], place: &Place, found: &mut Differences) -> bool {
    if ours == theirs && !ours.iter().any(|o| matches!(o, Outcome::Broken(_))) {
        return false;
    }
    let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
    found.add(place, last, &ours, &theirs, &signature(last, &ours, &theirs));
    true
}

fn compare_keyspaces(pair: &mut Pair, place: &mut Place, found: &mut Differences) {
    for database in 0..DATABASES {
        let ours = pair.ours.keyspace(database);
        let theirs = pair.theirs.keyspace(database);
        if let Some(difference) = keyspace_difference(&ours, &theirs) {
            let what = format!("(keyspace of database {database}: {})", difference.what).into_bytes();
            found.add(place, &vec![what], &difference.ours, &difference.theirs, &difference.signature);
            pair.reset();
            place.database = 0;
            pair.reconnect(place);
            return;
        }
    }
}

/// Where two keyspaces part.
struct KeyspaceDifference {
    what: String,
    ours: String,
    theirs: String,
    signature: String,
}

fn keyspace_difference(ours: &[Entry], theirs: &[Entry]) -> Option<KeyspaceDifference> {
    let names = |entries: &[Entry]| command_text(&entries.iter().map(|e| e.key.clone()).collect::<Vec<_>>());
    if !ours.iter().map(|e| &e.key).eq(theirs.iter().map(|e| &e.key)) {
        let (ours, theirs) = (names(ours), names(theirs));
        return Some(KeyspaceDifference { what: "keys".into(), ours, theirs, signature: "keys".into() });
    }
    for (our, their) in ours.iter().zip(theirs) {
        for (question, (a, b)) in questions(&our.key).iter().zip(our.facts.iter().zip(&their.facts)) {
            if !agree(question, a, b) {
                // A wrong value is one difference whatever the values; the other facts are few.
                let signature = if question[0] == b"GET" { "value".into() } else { format!("{a:?} {b:?}") };
                let (ours, theirs) = (format!("{:?}", our.facts), format!("{:?}", their.facts));
                return Some(KeyspaceDifference { what: command_text(question), ours, theirs, signature });
            }
        }
    }
    None
}

/// A key and what is known of it.
struct Entry {
    key: Vec<u8>,
    facts: Vec<Reply>,
}

/// The questions asked about every key, in the order of [`Entry::facts`].
fn questions(key: &[u8]) -> Vec<Command> {
    ["TYPE", "OBJECT ENCODING", "GET", "PTTL"]
        .iter()
        .map(|q| q.split(' ').map(|w| w.as_bytes().to_vec()).chain([key.to_vec()]).collect())
        .collect()
}

impl Pair {
    /// Empties both servers and undoes what streams may have set.
    fn reset(&mut self) {
        for side in [&mut self.ours, &mut self.theirs] {
            side.admin = side.server.connect();
            let _ = side.admin.call(&["CONFIG", "SET", "requirepass", ""]);
            let _ = side.admin.call(&["AUTH", "secret"]);
            let _ = side.admin.call(&["CONFIG", "SET", "requirepass", ""]);
            let _ = side.admin.call(&["CLIENT", "UNPAUSE"]);
            let _ = side.admin.call(&["FLUSHALL"]);
            for (name, value) in directives() {
                let _ = side.admin.call(&["CONFIG", "SET", name, value]);
            }
        }
    }

    fn reconnect(&mut self, place: &Place) {
        for side in [&mut self.ours, &mut self.theirs] {
            side.client = side.server.connect();
            if let Some(version) = place.version {
                let _ = side.client.call(&["HELLO", version]);
            }
        }
    }
}

impl Side {
    fn new(server: Server) -> Self {
        let (client, admin) = (server.connect(), server.connect());
        Side { server, client, admin }
    }

    fn send(&mut self, step: &Step) -> std::io::Result<()> {
        let mut out = Vec::new();
        for command in &step.commands {
            encode(command, &mut out);
        }
        if step.reading == Reading::UntilEcho {
            encode(&[b"ECHO", SENTINEL], &mut out);
        }
        self.client.write(&out)
    }

    fn outcomes(&mut self, step: &Step) -> Vec<Outcome> {
        match step.reading {
            Reading::Each => {
                let mut all: Vec<Outcome> = Vec::new();
                for command in &step.commands {
                    match all.last() {
                        // Nothing comes after the end of a connection, and waiting for it takes long.
                        Some(end @ (Outcome::Closed | Outcome::Broken(_))) => all.push(end.clone()),
                        _ => all.push(self.one(command)),
                    }
                }
                all
            }
            Reading::FullScan => vec![self.full_scan(&step.commands[0])],
            Reading::UntilEcho => {
                let mut all = Vec::new();
                loop {
                    match self.read() {
                        Outcome::Reply(Reply::Bulk(text)) if text == SENTINEL => return all,
                        Outcome::Reply(reply) => all.push(Outcome::Reply(reply)),
                        end => {
                            all.push(end);
                            return all;
                        }
                    }
                }
            }
        }
    }

    fn one(&mut self, command: &Command) -> Outcome {
        let outcome = self.read();
        match &outcome {
            Outcome::Reply(Reply::Bulk(key)) if names_any_key(command) => {
                let exists = [b"EXISTS".to_vec(), key.clone()];
                match self.client.send(&exists).map(|()| self.read()) {
                    Ok(Outcome::Reply(Reply::Integer(1))) => Outcome::Reply(Reply::Bulk(KEY_EXISTS.to_vec())),
                    _ => outcome,
                }
            }
            _ => outcome,
        }
    }

    fn read(&mut self) -> Outcome {
        match self.client.read() {
            Ok(reply) => Outcome::Reply(reply),
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Outcome::Closed,
            Err(e) => Outcome::Broken(e.to_string()),
        }
    }

    /// Follows a SCAN to its end. Its first call is already under way.
    fn full_scan(&mut self, command: &Command) -> Outcome {
        let mut command = command.clone();
        let mut elements = BTreeSet::new();
        // Far more calls than any iteration here needs, so that one that never ends is found.
        for _ in 0..10_000 {
            let outcome = self.read();
            let Outcome::Reply(Reply::Array(parts)) = &outcome else { return outcome };
            let [Reply::Bulk(cursor), Reply::Array(found)] = &parts[..] else { return outcome };
            elements.extend(found.iter().cloned());
            if cursor == b"0" {
                return Outcome::Reply(Reply::Set(elements.into_iter().collect()));
            }
            command[1].clone_from(cursor);
            if let Err(e) = self.client.send(&command) {
                return Outcome::Broken(e.to_string());
            }
        }
        Outcome::Broken("a SCAN that does not end".into())
    }

    /// Every key of a database, in order, with what is known of it.
    fn keyspace(&mut self, database: usize) -> Vec<Entry> {
        let _ = self.admin.call(&["SELECT", &database.to_string()]);
        let Reply::Array(keys) = self.admin.call(&["KEYS", "*"]) else { return Vec::new() };
        let mut keys: Vec<Vec<u8>> = keys.iter().filter_map(|k| k.text().map(<[u8]>::to_vec)).collect();
        keys.sort();
        let mut out = Vec::new();
        keys.iter().flat_map(|key| questions(key)).for_each(|question| encode(&question, &mut out));
        self.admin.write(&out).expect("the connection that looks on stays open");
        let admin = &mut self.admin;
        let mut read = || admin.read().expect("the connection that looks on stays open");
        keys.into_iter().map(|key| Entry { facts: questions(&key).iter().map(|_| read()).collect(), key }).collect()
    }
}

impl Place {
    /// Keeps track of what a new connection must be brought to, going by the real server.
    fn follow(&mut self, command: &Command, reply: &Outcome) {
        let Outcome::Reply(reply) = reply else { return };
        let argument = || command.get(1).map(|w| String::from_utf8_lossy(w).into_owned()).unwrap_or_default();
        match command[0].to_ascii_uppercase().as_slice() {
            b"SELECT" if !reply.is_error() => self.database = argument().parse().unwrap_or(0),
            b"RESET" if !reply.is_error() => self.database = 0,
            _ => {}
        }
    }

    fn remember(&mut self, command: &Command) {
        if self.before.len() == SHOWN_BEFORE {
            self.before.pop_front();
        }
        self.before.push_back(format!("[{}] {}", self.database, command_text(command)));
    }
}

impl Differences {
    fn add(&mut self, place: &Place, command: &Command, ours: &str, theirs: &str, signature: &str) {
        if !self.known.insert(signature.to_owned()) {
            return;
        }
        let mut report = String::new();
        let Place { seed, index, database, .. } = place;
        // Writing into a string cannot fail.
        let _ = writeln!(report, "--- seed {seed}, command {index}, database {database}: {}", command_text(command));
        let _ = writeln!(report, "  ours:  {ours}\n  redis: {theirs}\n  after:");
        for line in &place.before {
            let _ = writeln!(report, "    {line}");
        }
        self.reports.push(report);
    }
}

/// What makes a difference the same as another: the command and the shape of both replies, without the numbers and
/// keys in them.
fn signature(command: &Command, ours: &str, theirs: &str) -> String {
    let name = String::from_utf8_lossy(&command[0]).to_ascii_uppercase();
    let containers = ["CLIENT", "CONFIG", "COMMAND", "OBJECT", "DEBUG", "MEMORY", "LATENCY", "SLOWLOG"];
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
