//! A matrix of who writes files and who reads them: dump.rdb and logs of real servers and of the one under test. Whoever
//! reads one holds what its writer held, key by key and in every encoding; whoever is older than the file says so.
//!
//! A row is a way of writing; another kind of file is another row.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use carnelian_tests::differential::{Peer, keyspaces_differ};
use carnelian_tests::fill::{change, fill};
use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Server, subject_program};
use carnelian_tests::share;

/// How many files each writer writes, in full, and how many logs.
const FILES: u64 = 30;
const LOGS: u64 = 10;
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
    /// Writes what the server holds, or has changed it until now; may change it once more, as a random seed and somebody
    /// with such commands would.
    write: fn(&mut Client, u64, Peer),
    /// How the writer ends.
    end: End,
    /// What is done to its files then.
    then: fn(&Path),
    /// What a reader is started with.
    read: &'static [&'static str],
    /// Who is too old for it.
    refused_by: &'static [Kind],
}

/// How a writer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Not before its files are read.
    Later,
    /// In good order.
    ShutDown,
    /// Without warning.
    Killed,
}

const fn dump(name: &'static str, writer: Kind, directives: &'static [&'static str], values: Peer) -> Row {
    let (write, then) = (save as fn(&mut Client, u64, Peer), leave as fn(&Path));
    Row { name, writer, directives, values, write, end: End::Later, then, read: &[], refused_by: &[] }
}

/// What every writer and every reader of a log is started with.
const LOGGING: &[&str] = &["--appendonly", "yes"];

const fn log(name: &'static str, writer: Kind, directives: &'static [&'static str], values: Peer) -> Row {
    let (write, then) = (go_on as fn(&mut Client, u64, Peer), leave as fn(&Path));
    Row { name, writer, directives, values, write, end: End::ShutDown, then, read: LOGGING, refused_by: &[] }
}

impl Row {
    /// The log is written anew before the last changes.
    const fn rewritten(mut self) -> Self {
        self.write = rewrite_and_go_on;
        self
    }

    const fn killed(mut self) -> Self {
        self.end = End::Killed;
        self
    }

    const fn then(mut self, then: fn(&Path)) -> Self {
        self.then = then;
        self
    }

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

const LOG_ROWS: &[Row] = &[
    log("log of redis 7.0", Real(Redis7), &[], Redis7),
    log("log of redis 7.0, rewritten", Real(Redis7), &[], Redis7).rewritten(),
    log("log of redis 7.0, with times", Real(Redis7), &["--aof-timestamp-enabled", "yes"], Redis7).rewritten(),
    log("log of redis 7.0, all commands", Real(Redis7), &["--aof-use-rdb-preamble", "no"], Redis7).rewritten(),
    log("log of redis 7.0, killed", Real(Redis7), &[], Redis7).rewritten().killed(),
    log("log of old times", Real(Redis7), &[], Redis7).rewritten().then(make_a_single_file),
    log("log of redis 8.0", Real(Redis8), &[], Redis8).refused_by(&[Real(Redis7), Real(Valkey)]),
    log("log of redis 8.0, rewritten", Real(Redis8), &[], Redis8).rewritten().refused_by(&[Real(Redis7), Real(Valkey)]),
    log("log of valkey 9.1", Real(Valkey), &[], Valkey).refused_by(&[Real(Redis7), Real(Redis8)]),
    log("log of valkey 9.1, rewritten", Real(Valkey), &[], Valkey)
        .rewritten()
        .refused_by(&[Real(Redis7), Real(Redis8)]),
    log("our log", Ours, &["--rdb-version", "10"], Redis7),
    log("our log, rewritten", Ours, &["--rdb-version", "10"], Redis7).rewritten(),
    log("our log, written", Ours, &["--rdb-version", "10", "--aof-store", "written"], Redis7).rewritten(),
    log("our log, killed", Ours, &["--rdb-version", "10"], Redis7).rewritten().killed().then(repair),
    log("our log, with times", Ours, &["--rdb-version", "10", "--aof-timestamp-enabled", "yes"], Redis7).rewritten(),
    log("our log, version 11", Ours, &[], Redis7).rewritten().refused_by(&[Real(Redis7)]),
    // Commands that change fields are the same for both of them.
    log("our log, fields", Ours, &["--rdb-version", "10"], Valkey).refused_by(&[Real(Redis7)]),
    log("our log, fields for redis", Ours, &[], Redis8).rewritten().refused_by(&[Real(Redis7), Real(Valkey)]),
    log("our log, fields for valkey", Ours, &["--rdb-dialect", "valkey"], Valkey)
        .rewritten()
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

fn save(client: &mut Client, _: u64, _: Peer) {
    ok(client, &["SAVE"]);
}

fn go_on(client: &mut Client, seed: u64, values: Peer) {
    change(client, seed, values);
    for step in [&["SELECT", "9"][..], &["FLUSHDB"], &["SET", "in", "9"], &["SELECT", "0"]] {
        ok(client, step);
    }
}

fn rewrite_and_go_on(client: &mut Client, seed: u64, values: Peer) {
    if values != Redis7 {
        // So that a base with deadlines of fields has one whatever else changes.
        assert_eq!(client.call(&["HSET", "a hash that stays", "f", "1"]), Reply::Integer(1));
        let deadline = client.call(&["HPEXPIREAT", "a hash that stays", "4000000000123", "FIELDS", "1", "f"]);
        assert_eq!(deadline, Reply::Array(vec![Reply::Integer(1)]));
    }
    let reply = client.call(&["BGREWRITEAOF"]);
    assert!(!reply.is_error(), "{reply:?}");
    // What is changed meanwhile is in the log as well.
    change(client, seed, values);
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let info = text(&client.call(&["INFO", "persistence"]));
        let is_over = ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"].iter().all(|line| info.contains(line));
        if is_over {
            assert!(info.contains("aof_last_bgrewrite_status:ok"), "{info}");
            break;
        }
        assert!(Instant::now() < until, "the log is still being written anew: {info}");
        std::thread::sleep(Duration::from_millis(5));
    }
    go_on(client, seed + 1, values);
}

fn leave(_: &Path) {}

fn repair(folder: &Path) {
    let output =
        Command::new(subject_program()).arg("check").arg(folder).arg("--fix").output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// The log as a single file, as it was before Redis 7.0: an RDB file with commands behind it.
fn make_a_single_file(folder: &Path) {
    let log = folder.join("appendonlydir");
    let mut paths: Vec<_> = fs::read_dir(&log).expect("a log").map(|entry| entry.expect("a file").path()).collect();
    // The base comes before the increment, and the manifest is last.
    paths.sort();
    assert_eq!(paths.len(), 3, "a log that was written anew");
    let parts: Vec<_> = paths[..2].iter().map(|path| fs::read(path).expect("readable")).collect();
    fs::write(folder.join("appendonly.aof"), parts.concat()).expect("a file");
    fs::remove_dir_all(log).expect("a directory of this test");
}

/// A copy of what a server has written: a reader may go on with its files.
fn copy(folder: &Path, reader: &str) -> String {
    let copy = folder.join(format!("for {reader}"));
    fs::create_dir_all(copy.join("appendonlydir")).expect("a new directory");
    for name in ["dump.rdb", "appendonly.aof"] {
        if folder.join(name).is_file() {
            fs::copy(folder.join(name), copy.join(name)).expect("a copy");
        }
    }
    match fs::read_dir(folder.join("appendonlydir")) {
        Ok(log) => {
            for path in log.map(|entry| entry.expect("a file").path()) {
                let name = path.file_name().expect("a file has a name");
                fs::copy(&path, copy.join("appendonlydir").join(name)).expect("a copy");
            }
        }
        Err(_) => fs::remove_dir(copy.join("appendonlydir")).expect("it is empty"),
    }
    copy.to_str().expect("a path in UTF-8").to_owned()
}

/// A library of functions, which stands in files in front of the keys.
const LIBRARY: &str = "#!lua name=numbers\nredis.register_function('twice', function(_, args) return args[1] * 2 end)";

/// Fills a server with a library and with values of all kinds, with and without deadlines.
fn fill_databases(client: &mut Client, seed: u64, values: Peer) {
    fill(client, seed, values);
    assert_eq!(client.call(&["FUNCTION", "LOAD", "REPLACE", LIBRARY]).text(), Some(&b"numbers"[..]));
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

/// Whether a server has ended because of the version of its file. Those of Valkey begin with another word, which within
/// a log is no command; and commands are as new as who wrote them.
fn is_too_new(why: &str) -> bool {
    [
        "RDB format version",
        "Wrong signature trying to load DB",
        "Bad file format reading the append only",
        "Unknown command",
    ]
    .iter()
    .any(|said| why.contains(said))
}

/// Whether two servers that hold the same have the same digest. Later ones put scores and deadlines of fields into it in
/// ways of their own.
fn have_the_same_digests(a: Kind, b: Kind) -> bool {
    let as_redis_7 = |kind| matches!(kind, Ours | Real(Redis7));
    a == b || as_redis_7(a) && as_redis_7(b)
}

/// Lets a reader read what was written. What it holds is compared with what our own reader holds; and with what the
/// writer held, by its digest, where one of the readers is of a kind with the writer.
fn cell(row: &Row, reader: Kind, folder: &Path, digest: &Reply) -> Cell {
    let (theirs, ours) = (copy(folder, reader.name()), copy(folder, "us"));
    let cell = cell_of(row, reader, &arguments(row, &theirs), &arguments(row, &ours), digest);
    for copy in [theirs, ours] {
        fs::remove_dir_all(copy).expect("a directory of this test");
    }
    cell
}

fn arguments<'a>(row: &Row, folder: &'a str) -> Vec<&'a str> {
    [ARGUMENTS, &["--dir", folder], row.read].concat()
}

fn cell_of(row: &Row, reader: Kind, arguments: &[&str], ours: &[&str], digest: &Reply) -> Cell {
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
    let (ours, mut keys) = (Ours.start(ours), 0);
    for client in [&mut client, &mut ours.connect()] {
        let called = client.call(&["FCALL", "twice", "0", "21"]);
        if called != Reply::Integer(42) {
            return Cell::Wrong(format!("the library of functions is not there: {called:?}"));
        }
    }
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
    let mut writer = row.writer.start(&[ARGUMENTS, row.directives, row.read].concat());
    let mut client = writer.connect();
    fill_databases(&mut client, seed, row.values);
    fill_big(&mut client, row.values);
    let found = encodings(&mut client);
    let missing = ENCODINGS.iter().find(|wanted| !found.iter().any(|encoding| encoding == *wanted));
    assert_eq!(missing, None, "{}: {found:?}", row.name);
    (row.write)(&mut client, seed + 1000, row.values);
    let digest = client.call(&["DEBUG", "DIGEST"]);
    match row.end {
        End::Later => {}
        End::ShutDown => writer.shut_down(),
        End::Killed => writer.kill(),
    }
    let folder = writer.folder().expect("a server of this test");
    (row.then)(folder);
    READERS.iter().map(|&reader| cell(row, reader, folder, &digest)).collect()
}

/// Goes through some rows, with so many files of each.
fn fill_in(rows: &[Row], files: u64) {
    println!("{:<32}{}", "written by", READERS.map(|reader| format!("{:<14}", reader.name())).concat());
    let mut wrong = Vec::new();
    for row in rows {
        for seed in 1..=files {
            let cells = cells(row, seed);
            println!("{:<32}{}", row.name, cells.iter().map(|cell| format!("{:<14}", cell.text())).collect::<String>());
            for (cell, reader) in cells.iter().zip(READERS) {
                if let Cell::Wrong(why) = cell {
                    let why: String = why.chars().take(2000).collect();
                    wrong.push(format!("{}, seed {seed}, read by {}: {why}", row.name, reader.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whoever_reads_a_file_holds_what_its_writer_held() {
    fill_in(ROWS, share(FILES));
}

#[test]
fn whoever_reads_a_log_holds_what_its_writer_held() {
    fill_in(LOG_ROWS, share(LOGS));
}
