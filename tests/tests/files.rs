//! A matrix of who writes files and who reads them: dump.rdb of real servers and of the one under test. Whoever reads one
//! holds what its writer held, key by key and in every encoding; whoever is older than the file says so.
//!
//! A row is a way of writing; another kind of file is another row.

use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::fill;
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::Server;
use carnelian_tests::share;

/// How many files each writer writes, in full.
const FILES: u64 = 30;
const ARGUMENTS: &[&str] = &["--enable-debug-command", "yes"];
/// Databases that hold something.
const DATABASES: [usize; 3] = [0, 1, 9];

/// A kind of server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ours,
    Real(Peer),
}

use Kind::{Ours, Real};
use Peer::{Redis7, Redis8, Valkey};

/// The columns.
const READERS: [Kind; 4] = [Ours, Real(Redis7), Real(Redis8), Real(Valkey)];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Ours => "carnelian",
            Real(peer) => peer.name(),
        }
    }

    fn try_start(self, arguments: &[&str]) -> Result<Server, String> {
        match self {
            Ours => Server::try_subject(arguments),
            Real(peer) => Server::try_peer(peer, arguments),
        }
    }

    fn start(self, arguments: &[&str]) -> Server {
        self.try_start(arguments).unwrap_or_else(|why| panic!("{} did not start: {why}", self.name()))
    }
}

/// A row: a way of writing.
struct Row {
    name: &'static str,
    writer: Kind,
    /// What the writer is started with.
    directives: &'static [&'static str],
    /// For whose commands the values are: only those of later servers have deadlines of fields.
    values: Peer,
    /// Writes what the server holds.
    write: fn(&mut Client),
    /// What a reader is started with.
    read: &'static [&'static str],
    /// Who is too old for it.
    refused_by: &'static [Kind],
}

const fn dump(name: &'static str, writer: Kind, directives: &'static [&'static str], values: Peer) -> Row {
    Row { name, writer, directives, values, write: save, read: &[], refused_by: &[] }
}

impl Row {
    const fn refused_by(mut self, kinds: &'static [Kind]) -> Self {
        self.refused_by = kinds;
        self
    }
}

const ROWS: &[Row] = &[
    dump("redis 7.0", Real(Redis7), &[], Redis7),
    dump("redis 8.0", Real(Redis8), &[], Redis8).refused_by(&[Real(Redis7), Real(Valkey)]),
    dump("valkey 9.1", Real(Valkey), &[], Valkey).refused_by(&[Real(Redis7), Real(Redis8)]),
    dump("carnelian, version 10", Ours, &["--rdb-version", "10"], Redis7),
    dump("carnelian, not compressed", Ours, &["--rdb-version", "10", "--rdbcompression", "no"], Redis7),
    dump("carnelian, version 11", Ours, &[], Redis7).refused_by(&[Real(Redis7)]),
    dump("carnelian, fields for redis", Ours, &[], Redis8).refused_by(&[Real(Redis7), Real(Valkey)]),
    dump("carnelian, fields for valkey", Ours, &["--rdb-dialect", "valkey"], Valkey)
        .refused_by(&[Real(Redis7), Real(Redis8)]),
];

/// What the values of a row have to be, so that every way of keeping them is on its way at least once.
const ENCODINGS: &[&str] = &[
    "string int",
    "string embstr",
    "string raw",
    "list quicklist",
    "set intset",
    "set hashtable",
    "hash listpack",
    "hash hashtable",
    "zset listpack",
    "zset skiplist",
    "stream stream",
];

fn ok(client: &mut Client, command: &[&str]) {
    assert_eq!(client.call(command), Reply::Simple(b"OK".to_vec()), "{command:?}");
}

fn save(client: &mut Client) {
    ok(client, &["SAVE"]);
}

/// Fills a server with values of all kinds, with and without deadlines.
fn fill_databases(client: &mut Client, seed: u64, values: Peer) {
    fill(client, seed, values);
    for database in &DATABASES[1..] {
        ok(client, &["SELECT", &database.to_string()]);
        ok(client, &["SET", "in", &database.to_string(), "PXAT", "4000000000123"]);
    }
    ok(client, &["SELECT", "0"]);
    ok(client, &["SET", "an int", "12345"]);
    ok(client, &["SET", "a short text", "short"]);
    for small in [&["HSET", "a hash", "f", "1"][..], &["ZADD", "a zset", "-inf", "m"], &["SADD", "an intset", "7"]] {
        assert_eq!(client.call(small), Reply::Integer(1), "{small:?}");
    }
}

/// Collections that are too big to be written in one go.
fn fill_big(client: &mut Client, values: Peer) {
    for first in (0..4_000).step_by(500) {
        for (command, key) in [("HSET", "big:hash"), ("SADD", "big:set"), ("ZADD", "big:zset"), ("RPUSH", "big:list")] {
            let mut words = vec![command.to_owned(), key.to_owned()];
            for n in first..first + 500 {
                match command {
                    "HSET" => words.extend([format!("field:{n}"), format!("value:{n}")]),
                    "ZADD" => words.extend([format!("{}.5", n % 700), format!("member:{n}")]),
                    _ => words.push(format!("member:{n}")),
                }
            }
            client.call(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    if values != Redis7 {
        for n in (0..4_000).step_by(7) {
            let deadline = (4_000_000_000_000_u64 + n).to_string();
            client.call(&["HPEXPIREAT", "big:hash", &deadline, "FIELDS", "1", &format!("field:{n}")]);
        }
    }
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(reply.text().unwrap_or_default()).into_owned()
}

/// Types and encodings of all keys of the first database.
fn encodings(client: &mut Client) -> Vec<String> {
    let Reply::Array(keys) = client.call(&["KEYS", "*"]) else { panic!("no keys") };
    let mut found: Vec<String> = Vec::new();
    for key in keys.iter().filter_map(Reply::text) {
        let kind = text(&client.call(&[&b"TYPE"[..], key]));
        found.push(format!("{kind} {}", text(&client.call(&[&b"OBJECT"[..], b"ENCODING", key]))));
    }
    found.sort();
    found.dedup();
    found
}

/// What came of a reader.
enum Cell {
    /// It holds the same; so many keys.
    Same(usize),
    Refused,
    Wrong(String),
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Same(keys) => format!("{keys} keys"),
            Self::Refused => "refused".to_owned(),
            Self::Wrong(_) => "WRONG".to_owned(),
        }
    }
}

/// Whether a server has ended because of the version of its file. Those of Valkey begin with another word.
fn is_too_new(why: &str) -> bool {
    why.contains("RDB format version") || why.contains("Wrong signature trying to load DB")
}

/// Whether two servers that hold the same have the same digest. Later ones put scores and deadlines of fields into it in
/// ways of their own.
fn have_the_same_digests(a: Kind, b: Kind) -> bool {
    let as_redis_7 = |kind| matches!(kind, Ours | Real(Redis7));
    a == b || as_redis_7(a) && as_redis_7(b)
}

/// Lets a reader read what was written. What it holds is compared with what our own reader holds; and with what the
/// writer held, by its digest, where one of the readers is of a kind with the writer.
fn cell(row: &Row, reader: Kind, arguments: &[&str], digest: &Reply) -> Cell {
    let server = match (reader.try_start(arguments), row.refused_by.contains(&reader)) {
        (Ok(server), false) => server,
        (Ok(_), true) => return Cell::Wrong("it should refuse that".to_owned()),
        (Err(why), true) if is_too_new(&why) => return Cell::Refused,
        (Err(why), _) => return Cell::Wrong(why),
    };
    let mut client = server.connect();
    let found = client.call(&["DEBUG", "DIGEST"]);
    if have_the_same_digests(row.writer, reader) && found != *digest {
        return Cell::Wrong(format!("its digest is {found:?} instead of {digest:?}"));
    }
    let (ours, mut keys) = (Ours.start(arguments), 0);
    for database in DATABASES {
        if let Real(peer) = reader
            && let Some(difference) = keyspaces_differ(peer, &mut ours.connect(), &mut client, database)
        {
            return Cell::Wrong(format!("database {database}: {difference}"));
        }
        ok(&mut client, &["SELECT", &database.to_string()]);
        let Reply::Integer(size) = client.call(&["DBSIZE"]) else { panic!("no size") };
        keys += usize::try_from(size).expect("a size is a number of keys");
    }
    Cell::Same(keys)
}

fn cells(row: &Row, seed: u64) -> Vec<Cell> {
    let writer = row.writer.start(&[ARGUMENTS, row.directives].concat());
    let mut client = writer.connect();
    fill_databases(&mut client, seed, row.values);
    fill_big(&mut client, row.values);
    let found = encodings(&mut client);
    let missing = ENCODINGS.iter().find(|wanted| !found.iter().any(|encoding| encoding == *wanted));
    assert_eq!(missing, None, "{}: {found:?}", row.name);
    (row.write)(&mut client);
    let digest = client.call(&["DEBUG", "DIGEST"]);
    let folder = writer.folder().expect("a server of this test").to_str().expect("a path in UTF-8");
    let arguments = [ARGUMENTS, &["--dir", folder], row.read].concat();
    READERS.iter().map(|&reader| cell(row, reader, &arguments, &digest)).collect()
}

#[test]
fn whoever_reads_a_file_holds_what_its_writer_held() {
    println!("{:<30}{}", "written by", READERS.map(|reader| format!("{:<14}", reader.name())).concat());
    let mut wrong = Vec::new();
    for row in ROWS {
        for seed in 1..=share(FILES) {
            let cells = cells(row, seed);
            println!("{:<30}{}", row.name, cells.iter().map(|cell| format!("{:<14}", cell.text())).collect::<String>());
            for (cell, reader) in cells.iter().zip(READERS) {
                if let Cell::Wrong(why) = cell {
                    wrong.push(format!("{}, seed {seed}, read by {}: {why}", row.name, reader.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
