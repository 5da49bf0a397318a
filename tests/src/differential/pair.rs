//! The two servers with their connections: sending steps and reading what comes back.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};

use crate::generate::{Command, Reading, Step, directives, later_directives};
use crate::resp::{Client, Reply, encode};
use crate::server::Server;

/// The reply that ends a step whose number of replies is not known.
const SENTINEL: &[u8] = b"(end of step)";

/// The server under test and the real one.
pub(super) struct Pair {
    pub(super) ours: Side,
    pub(super) theirs: Side,
    /// On which channels both tell of events, if they do.
    channels: Option<&'static str>,
    /// How often the events of a step have been compared.
    pub(super) compared: u64,
}

/// One of the two, with the connection that commands run on and one that looks on.
pub(super) struct Side {
    server: Server,
    pub(super) client: Client,
    pub(super) admin: Client,
    /// One that hears of keyspace events, if they are compared.
    listener: Option<Client>,
}

/// What came back for one command: a reply, or the end of the connection.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Outcome {
    Reply(Reply),
    Closed,
    /// Not RESP, or no reply in time.
    Broken(String),
}

impl Pair {
    pub(super) fn new(ours: Server, theirs: Server) -> Self {
        Pair { ours: Side::new(ours), theirs: Side::new(theirs), channels: None, compared: 0 }
    }

    /// Empties both servers and undoes what streams may have set.
    pub(super) fn reset(&mut self) {
        for side in [&mut self.ours, &mut self.theirs] {
            side.admin = side.server.connect();
            let _ = side.admin.call(&["CONFIG", "SET", "requirepass", ""]);
            let _ = side.admin.call(&["AUTH", "secret"]);
            let _ = side.admin.call(&["CONFIG", "SET", "requirepass", ""]);
            let _ = side.admin.call(&["CLIENT", "UNPAUSE"]);
            let _ = side.admin.call(&["FLUSHALL"]);
            for (name, value) in directives().chain(later_directives()) {
                let _ = side.admin.call(&["CONFIG", "SET", name, value]);
            }
        }
    }

    /// Lets both tell of keyspace events, on channels of keys (`K`) or of events (`E`).
    pub(super) fn listen(&mut self, channels: &'static str) {
        self.channels = Some(channels);
        self.ours.listen(channels);
        self.theirs.listen(channels);
    }

    /// What each has told of events since the last time, with or without those of missed keys, if it is not the same.
    pub(super) fn events_differ(&mut self, misses: bool) -> Option<(String, String)> {
        let channels = self.channels?;
        let is_miss = |(channel, message): &(Reply, Reply)| {
            [channel, message].iter().any(|word| word.text().is_some_and(|text| text.ends_with(b"keymiss")))
        };
        let [ours, theirs] = [self.ours.heard(), self.theirs.heard()].map(|heard| {
            heard.map(|heard| heard.into_iter().filter(|event| misses || !is_miss(event)).collect::<Vec<_>>())
        });
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            // A command has cut off all clients.
            self.listen(channels);
            return None;
        };
        self.compared += 1;
        (ours != theirs).then(|| (format!("{ours:?}"), format!("{theirs:?}")))
    }

    /// Gives both a new connection, which speaks `version` of the protocol.
    pub(super) fn reconnect(&mut self, version: Option<&str>) {
        for side in [&mut self.ours, &mut self.theirs] {
            side.client = side.server.connect();
            if let Some(version) = version {
                let _ = side.client.call(&["HELLO", version]);
            }
        }
    }
}

impl Side {
    fn new(server: Server) -> Self {
        let (client, admin) = (server.connect(), server.connect());
        Side { server, client, admin, listener: None }
    }

    /// Hears of events of all classes from now on.
    fn listen(&mut self, channels: &str) {
        let letters = format!("{channels}gxe$lshztmn");
        let _ = self.admin.call(&["CONFIG", "SET", "notify-keyspace-events", &letters]);
        let mut listener = self.server.connect();
        let _ = listener.call(&["PSUBSCRIBE", "__key*"]);
        self.listener = Some(listener);
    }

    /// The events since the last time, channel and message. `None` if the listener has been cut off.
    fn heard(&mut self) -> Option<Vec<(Reply, Reply)>> {
        let listener = self.listener.as_mut()?;
        listener.send(&[b"PING".to_vec()]).ok()?;
        let mut heard = Vec::new();
        loop {
            match listener.read().ok()? {
                // pmessage, the pattern, the channel, the message.
                Reply::Array(mut words) if words.len() == 4 => {
                    let (message, channel) = (words.pop()?, words.pop()?);
                    heard.push((channel, message));
                }
                _ => return Some(heard),
            }
        }
    }

    pub(super) fn send(&mut self, step: &Step) -> io::Result<()> {
        let mut out = Vec::new();
        for command in &step.commands {
            encode(command, &mut out);
        }
        if step.reading == Reading::UntilEcho {
            encode(&[b"ECHO", SENTINEL], &mut out);
        }
        self.client.write(&out)
    }

    pub(super) fn outcomes(&mut self, step: &Step) -> Vec<Outcome> {
        match step.reading {
            Reading::Each => {
                let mut all: Vec<Outcome> = Vec::new();
                for _ in &step.commands {
                    match all.last() {
                        // Nothing comes after the end of a connection, and waiting for it takes long.
                        Some(end @ (Outcome::Closed | Outcome::Broken(_))) => all.push(end.clone()),
                        _ => all.push(self.read()),
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

    /// Asks on the connection that commands run on, which is in their database.
    pub(super) fn ask(&mut self, command: &Command) -> Option<Reply> {
        self.client.send(command).ok()?;
        self.client.read().ok()
    }

    fn read(&mut self) -> Outcome {
        match self.client.read() {
            Ok(reply) => Outcome::Reply(reply),
            Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Outcome::Closed,
            Err(e) => Outcome::Broken(e.to_string()),
        }
    }

    /// Follows a SCAN, or that of a collection, to its end. Its first call is already under way.
    fn full_scan(&mut self, command: &Command) -> Outcome {
        let name = command[0].to_ascii_uppercase();
        let (cursor_at, width) = match name.as_slice() {
            b"SCAN" => (1, 1),
            b"SSCAN" => (2, 1),
            _ if command.iter().any(|word| word.eq_ignore_ascii_case(b"novalues")) => (2, 1),
            // A field with its value, a member with its score.
            _ => (2, 2),
        };
        let mut command = command.clone();
        let mut elements = BTreeSet::new();
        // Far more calls than any iteration here needs, so that one that never ends is found.
        for _ in 0..10_000 {
            let outcome = self.read();
            let Outcome::Reply(Reply::Array(parts)) = &outcome else { return outcome };
            let [Reply::Bulk(cursor), Reply::Array(found)] = &parts[..] else { return outcome };
            elements.extend(found.chunks(width).map(|element| Reply::Array(element.to_vec())));
            if cursor == b"0" {
                return Outcome::Reply(Reply::Set(elements.into_iter().collect()));
            }
            command[cursor_at].clone_from(cursor);
            if let Err(e) = self.client.send(&command) {
                return Outcome::Broken(e.to_string());
            }
        }
        Outcome::Broken("a SCAN that does not end".into())
    }
}
