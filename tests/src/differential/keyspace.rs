//! What servers hold: every key with its type, encoding, deadline and whole content.

use super::{Peer, encodings_agree};
use crate::bytes::command_text;
use crate::generate::Command;
use crate::normalise::agree;
use crate::resp::{Client, Reply, encode};

/// A key and what is known of it.
pub(super) struct Entry {
    key: Vec<u8>,
    kind: Vec<u8>,
    facts: Vec<Reply>,
}

/// Where two keyspaces part.
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) signature: String,
}

/// What is asked about a key that holds a `kind`, in the order of [`Entry::facts`].
fn questions(key: &[u8], kind: &[u8]) -> Vec<Command> {
    // The key's place is the underscore.
    let content: &[&str] = match kind {
        b"string" => &["GET _"],
        b"list" => &["LRANGE _ 0 -1"],
        b"set" => &["SMEMBERS _"],
        b"hash" => &["HGETALL _"],
        b"zset" => &["ZRANGE _ 0 -1 WITHSCORES"],
        b"stream" => &["XRANGE _ - +", "XINFO STREAM _ FULL COUNT 0", "XINFO GROUPS _"],
        _ => &[],
    };
    let word = |word: &str| if word == "_" { key.to_vec() } else { word.into() };
    let all = ["OBJECT ENCODING _", "PTTL _"].iter().chain(content);
    all.map(|question| question.split(' ').map(word).collect()).collect()
}

/// Every key of a database, in order, with what is known of it.
pub(super) fn read(client: &mut Client, database: usize) -> Vec<Entry> {
    let _ = client.call(&["SELECT", &database.to_string()]);
    let Reply::Array(keys) = client.call(&["KEYS", "*"]) else { return Vec::new() };
    let mut keys: Vec<Vec<u8>> = keys.iter().filter_map(|k| k.text().map(<[u8]>::to_vec)).collect();
    keys.sort();
    let kinds = call_all(client, &keys.iter().map(|key| vec![b"TYPE".to_vec(), key.clone()]).collect::<Vec<_>>());
    let kinds: Vec<Vec<u8>> = kinds.iter().map(|kind| kind.text().unwrap_or_default().to_vec()).collect();
    let asked: Vec<Vec<Command>> = keys.iter().zip(&kinds).map(|(key, kind)| questions(key, kind)).collect();
    let mut answers = call_all(client, &asked.concat()).into_iter();
    let facts = asked.iter().map(|questions| answers.by_ref().take(questions.len()).collect::<Vec<_>>());
    keys.into_iter()
        .zip(kinds.iter().cloned())
        .zip(facts.collect::<Vec<_>>())
        .map(|((key, kind), facts)| Entry { key, kind, facts })
        .collect()
}

fn call_all(client: &mut Client, commands: &[Command]) -> Vec<Reply> {
    let mut out = Vec::new();
    commands.iter().for_each(|command| encode(command, &mut out));
    client.write(&out).expect("the connection that looks on stays open");
    commands.iter().map(|_| client.read().expect("the connection that looks on stays open")).collect()
}

/// The first difference between two keyspaces.
pub(super) fn difference(peer: Peer, ours: &[Entry], theirs: &[Entry]) -> Option<Difference> {
    let names = |entries: &[Entry]| {
        let typed = entries.iter().map(|e| [&e.key[..], b": ", &e.kind].concat());
        command_text(&typed.collect::<Vec<_>>())
    };
    if !ours.iter().map(|e| (&e.key, &e.kind)).eq(theirs.iter().map(|e| (&e.key, &e.kind))) {
        let (ours, theirs) = (names(ours), names(theirs));
        return Some(Difference { what: "keys".into(), ours, theirs, signature: "keys".into() });
    }
    for (our, their) in ours.iter().zip(theirs) {
        for (question, (a, b)) in questions(&our.key, &our.kind).iter().zip(our.facts.iter().zip(&their.facts)) {
            let same = match (&question[0][..], a, b) {
                (b"OBJECT", Reply::Bulk(a), Reply::Bulk(b)) => encodings_agree(peer, &our.kind, a, b),
                _ => agree(question, a, b),
            };
            if same {
                continue;
            }
            // A wrong value is one difference whatever the values; the other facts are few.
            let is_content = !matches!(&question[0][..], b"OBJECT" | b"PTTL");
            let kind = String::from_utf8_lossy(&our.kind);
            let signature = if is_content { format!("{kind} content") } else { format!("{kind} {a:?} {b:?}") };
            let (ours, theirs) = (format!("{:?}", our.facts), format!("{:?}", their.facts));
            return Some(Difference { what: command_text(question), ours, theirs, signature });
        }
    }
    None
}
