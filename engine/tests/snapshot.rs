//! The file of an engine: written whole, read when an engine is opened, and exact about what is wrong with it.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use carnelian::{Clock, Engine, ManualClock, Options};

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("carnelian-snapshot-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("dump.rdb")
    }

    fn open(&self, clock: &ManualClock) -> carnelian::Result<Engine> {
        let options = Options::new().dir(&self.0).config("appendonly", "no").clock(Clock::Manual(clock.clone()));
        Engine::open(options.config("save", "3600 1 300 100 60 10000").config("enable-debug-command", "yes"))
    }

    /// An engine with the file, while the one that it belongs to goes on.
    fn open_copy(&self, clock: &ManualClock) -> (Engine, Self) {
        let other = Self::new();
        fs::copy(self.file(), other.file()).unwrap();
        (other.open(clock).unwrap(), other)
    }

    /// How many keys the file has.
    fn keys(&self, clock: &ManualClock) -> usize {
        self.open_copy(clock).0.db(0).unwrap().size().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn clock() -> ManualClock {
    ManualClock::new(Duration::from_secs(1_700_000_000))
}

fn fill(engine: &Engine) {
    let (db, other) = (engine.db(0).unwrap(), engine.db(9).unwrap());
    db.set("text", "hello").unwrap();
    db.set("number", "12345").unwrap();
    db.set("long", "0123456789".repeat(5000)).unwrap();
    db.rpush("list", (0..200).map(|n| format!("element {n}"))).unwrap();
    for n in 0..200 {
        db.sadd("set", &[format!("member {n}")]).unwrap();
        db.hset("hash", format!("field {n}"), "value").unwrap();
        db.zadd("zset", &[(f64::from(n) / 3.0, format!("member {n}"))]).unwrap();
        db.xadd("stream", &[("f", "v")]).unwrap();
    }
    db.set_ex("soon", 10, "gone").unwrap();
    other.set_ex("later", 1000, "there").unwrap();
}

fn digest(engine: &Engine) -> String {
    let mut connection = engine.connect();
    format!("{:?}", connection.execute(&["DEBUG", "DIGEST"]).unwrap())
}

#[test]
fn an_engine_that_is_opened_again_holds_what_was_saved() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    fill(&engine);
    engine.snapshot().unwrap();
    let saved = digest(&engine);
    engine.db(0).unwrap().set("text", "not saved").unwrap();
    drop(engine);
    let again = folder.open(&clock).unwrap();
    assert_eq!(digest(&again), saved);
    drop(again);
    clock.advance(Duration::from_secs(11));
    let later = folder.open(&clock).unwrap();
    assert!(!later.db(0).unwrap().exists("soon").unwrap());
    assert_eq!(later.db(9).unwrap().get("later").unwrap().as_deref(), Some(&b"there"[..]));
    let info = format!("{:?}", later.execute(&["INFO", "persistence"]).unwrap());
    for line in ["rdb_last_load_keys_expired:1", "rdb_last_load_keys_loaded:9", "rdb_changes_since_last_save:0"] {
        assert!(info.contains(line), "{line} in {info}");
    }
}

#[test]
fn a_file_that_is_damaged_anywhere_is_refused() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    let db = engine.db(0).unwrap();
    db.set("text", "hello").unwrap();
    db.rpush("list", ["a", "b"]).unwrap();
    db.hset("hash", "field", "value").unwrap();
    db.set_ex("later", 1000, "there").unwrap();
    engine.snapshot().unwrap();
    drop((engine, db));
    let whole = fs::read(folder.file()).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(folder.file(), bytes).unwrap();
        let error = folder.open(&clock).err().unwrap_or_else(|| panic!("{what} is not noticed"));
        let text = error.to_string();
        assert!(text.contains("dump.rdb is damaged at byte "), "{what}: {text}");
    };
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        refused(&damaged, &format!("a flipped bit in byte {at}"));
        refused(&whole[..at], &format!("a file cut at byte {at}"));
    }
    fs::write(folder.file(), &whole).unwrap();
    assert_eq!(folder.open(&clock).unwrap().db(0).unwrap().size(), Ok(4));
}

#[test]
fn what_cannot_be_written_leaves_the_old_file() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    engine.db(0).unwrap().set("k", "first").unwrap();
    engine.snapshot().unwrap();
    let before = fs::read(folder.file()).unwrap();
    engine.db(0).unwrap().set("k", "second").unwrap();
    // The place of the file aside is taken by a folder.
    let aside = folder.0.join(format!("temp-{}-dump.rdb", std::process::id()));
    fs::create_dir(&aside).unwrap();
    assert!(engine.snapshot().unwrap_err().to_string().starts_with("ERR cannot save: "));
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    fs::remove_dir(&aside).unwrap();
    engine.snapshot().unwrap();
    assert_ne!(fs::read(folder.file()).unwrap(), before);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "nothing is left beside it and the lock");
    // It is written, and cannot be brought to the disk.
    let before = fs::read(folder.file()).unwrap();
    std::os::unix::fs::symlink("/dev/null", &aside).unwrap();
    assert!(engine.snapshot().unwrap_err().to_string().starts_with("ERR cannot save: "));
    assert_eq!(fs::read(folder.file()).unwrap(), before);
    let nowhere = Engine::open(Options::new()).unwrap();
    assert_eq!(nowhere.snapshot().unwrap_err().to_string(), "ERR this engine has no directory to save to");
}

#[test]
fn threads_that_save_at_once_leave_a_whole_file() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    fill(&engine);
    let saved = digest(&engine);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| engine.snapshot().unwrap()));
        }
    });
    drop(engine);
    assert_eq!(digest(&folder.open(&clock).unwrap()), saved);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "nothing is left beside it and the lock");
}

fn ask(engine: &Engine, command: &str) -> String {
    let argv: Vec<&str> = command.split(' ').map(|word| if word == "\"\"" { "" } else { word }).collect();
    let mut connection = engine.connect();
    connection.execute(&argv).map_or_else(|e| e.to_string(), |value| format!("{value:?}"))
}

/// A line of INFO's section about persistence.
fn figure(engine: &Engine, name: &str) -> String {
    let info = ask(engine, "INFO persistence");
    let line = info.split("\\r\\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} in {info}")).to_owned()
}

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_idle(engine: &Engine) -> bool {
    figure(engine, "rdb_bgsave_in_progress") == "0"
}

#[test]
fn bgsave_writes_the_moment_at_which_it_was_asked() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    fill(&engine);
    let saved = digest(&engine);
    assert_eq!(ask(&engine, "BGSAVE now"), "ERR syntax error");
    assert_eq!(ask(&engine, "BGSAVE"), "Simple(\"Background saving started\")");
    engine.db(0).unwrap().set("text", "too late").unwrap();
    until("it ends", || is_idle(&engine));
    for (name, value) in [
        ("rdb_last_bgsave_status", "ok"),
        ("rdb_changes_since_last_save", "1"),
        ("rdb_last_bgsave_time_sec", "0"),
        ("rdb_current_bgsave_time_sec", "-1"),
        ("rdb_saves", "1"),
        ("current_save_keys_total", "0"),
    ] {
        assert_eq!(figure(&engine, name), value, "{name}");
    }
    drop(engine);
    assert_eq!(digest(&folder.open(&clock).unwrap()), saved);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "nothing is left beside it and the lock");
}

#[test]
fn while_one_saves_in_the_background_others_are_told_and_flushall_calls_it_off() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    ask(&engine, "DEBUG POPULATE 300000");
    assert_eq!(ask(&engine, "BGSAVE"), "Simple(\"Background saving started\")");
    let refused = "ERR Background save already in progress";
    for command in ["BGSAVE", "BGSAVE SCHEDULE", "SAVE"] {
        assert_eq!(ask(&engine, command), refused, "{command}");
    }
    assert_eq!(engine.core().snapshot_in_progress_by(), Some(carnelian::command::SnapshotBy::BackgroundSave));
    until("it has begun", || figure(&engine, "current_save_keys_total") == "300000");
    ask(&engine, "SET key:1 another");
    ask(&engine, "FLUSHALL");
    ask(&engine, "SET new 1");
    until("it is called off", || is_idle(&engine));
    assert_eq!(figure(&engine, "rdb_last_bgsave_status"), "ok");
    assert_eq!(figure(&engine, "rdb_changes_since_last_save"), "1");
    assert_ne!(figure(&engine, "rdb_last_cow_size"), "0");
    assert_eq!(figure(&engine, "current_cow_size"), "0");
    // With save points, the file without keys is there at once; and what was called off has not come after it.
    assert_eq!(folder.keys(&clock), 0);
    ask(&engine, "CONFIG SET save \"\"");
    ask(&engine, "SAVE");
    ask(&engine, "FLUSHALL");
    assert_eq!(folder.keys(&clock), 1, "without save points it stays");
}

#[test]
fn a_file_of_threads_that_save_is_never_older_than_what_flushall_left() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    for _ in 0..20 {
        ask(&engine, "DEBUG POPULATE 20000");
        std::thread::scope(|scope| {
            let saver = scope.spawn(|| ask(&engine, "SAVE"));
            ask(&engine, "FLUSHALL");
            assert_eq!(saver.join().unwrap(), "Simple(\"OK\")");
        });
        assert_eq!(folder.keys(&clock), 0);
    }
}

#[test]
fn an_engine_that_ends_does_not_wait_for_what_it_saves() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    ask(&engine, "DEBUG POPULATE 300000");
    ask(&engine, "BGSAVE");
    drop(engine);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left but the lock");
}

#[test]
fn in_a_transaction_bgsave_is_scheduled() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    let mut connection = engine.connect();
    for word in ["MULTI", "BGSAVE"] {
        connection.execute(&[word]).unwrap();
    }
    let replies = format!("{:?}", connection.execute(&["EXEC"]).unwrap());
    assert_eq!(replies, "Array([Simple(\"Background saving scheduled\")])");
    until("it is done", || figure(&engine, "rdb_saves") == "1" && is_idle(&engine));
    assert!(folder.file().exists());
}

#[test]
fn save_points_have_the_file_written_when_they_are_reached() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    assert_eq!(ask(&engine, "CONFIG GET save"), ask(&engine, "CONFIG GET save"));
    assert!(
        ask(&engine, "CONFIG SET save 0").ends_with("Invalid save parameters"),
        "{}",
        ask(&engine, "CONFIG SET save 0")
    );
    let mut connection = engine.connect();
    connection.execute(&["CONFIG", "SET", "save", "100 3 1000 1", "hz", "500"]).unwrap();
    let db = engine.db(0).unwrap();
    db.set("a", "1").unwrap();
    db.set("b", "1").unwrap();
    clock.advance(Duration::from_secs(101));
    std::thread::sleep(Duration::from_millis(20));
    assert!(!folder.file().exists(), "two changes in a hundred seconds are too few");
    db.set("c", "1").unwrap();
    until("three changes in a hundred seconds", || folder.file().exists() && is_idle(&engine));
    assert_eq!(figure(&engine, "rdb_changes_since_last_save"), "0");
    db.set("d", "1").unwrap();
    clock.advance(Duration::from_secs(1001));
    until("one change in a thousand seconds", || figure(&engine, "rdb_saves") == "2" && is_idle(&engine));
}

#[test]
fn writes_are_refused_while_the_file_cannot_be_written_in_the_background() {
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    ask(&engine, "SET k 1");
    let mut queued = engine.connect();
    for argv in [&["MULTI"][..], &["SET", "k", "2"]] {
        queued.execute(argv).unwrap();
    }
    let aside = folder.0.join(format!("temp-{}-dump.rdb", std::process::id()));
    fs::create_dir(&aside).unwrap();
    assert_eq!(ask(&engine, "BGSAVE"), "Simple(\"Background saving started\")");
    until("it fails", || figure(&engine, "rdb_last_bgsave_status") == "err");
    until("it has ended", || is_idle(&engine));
    let refusal = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
    for command in ["SET k 2", "DEL k", "PING", "FLUSHALL"] {
        assert_eq!(ask(&engine, command), refusal, "{command}");
    }
    let exec = queued.execute(&["EXEC"]).unwrap_err().to_string();
    assert_eq!(exec, format!("EXECABORT Transaction discarded because of: {refusal}"));
    assert_eq!(ask(&engine, "GET k"), "Bulk([49])");
    ask(&engine, "CONFIG SET stop-writes-on-bgsave-error no");
    assert_eq!(ask(&engine, "SET k 3"), "Simple(\"OK\")");
    ask(&engine, "CONFIG SET stop-writes-on-bgsave-error yes");
    // It is tried again, after a while.
    assert_eq!(ask(&engine, "SET k 3"), refusal);
    fs::remove_dir(&aside).unwrap();
    let mut connection = engine.connect();
    connection.execute(&["CONFIG", "SET", "save", "1 1"]).unwrap();
    clock.advance(Duration::from_secs(4));
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!(ask(&engine, "PING"), refusal);
    clock.advance(Duration::from_secs(2));
    until("it is written", || figure(&engine, "rdb_last_bgsave_status") == "ok");
    assert_eq!(ask(&engine, "SET k 4"), "Simple(\"OK\")");
}

/// The sum of all accounts of an engine.
fn sum(engine: &Engine, accounts: usize) -> i64 {
    let db = engine.db(0).unwrap();
    let account = |n| db.get(format!("account:{n}")).unwrap().unwrap_or_default();
    (0..accounts).map(|n| String::from_utf8_lossy(&account(n)).parse::<i64>().unwrap_or_default()).sum()
}

#[test]
fn no_file_has_half_of_a_transfer_of_threads_that_go_on() {
    const ACCOUNTS: usize = 3_000;
    const FILES: usize = 12;
    let (folder, clock) = (Folder::new(), clock());
    let engine = folder.open(&clock).unwrap();
    for n in 0..ACCOUNTS {
        engine.db(0).unwrap().set(format!("account:{n}"), "1000").unwrap();
    }
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..3_usize {
            let (engine, is_done) = (&engine, &is_done);
            scope.spawn(move || {
                let (mut seed, mut connection) = (thread * 7919 + 1, engine.connect());
                while !is_done.load(Relaxed) {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let account = |n: usize| format!("account:{}", (seed >> n) % ACCOUNTS);
                    let (from, to) = (account(20), account(40));
                    if thread == 0 {
                        let db = engine.db(0).unwrap();
                        db.transaction([&from, &to], |t| t.decr_by(&from, 7).and_then(|_| t.incr_by(&to, 7))).unwrap();
                        continue;
                    }
                    for argv in [&["MULTI"][..], &["DECRBY", &from, "3"], &["INCRBY", &to, "3"], &["EXEC"]] {
                        connection.execute(argv).unwrap();
                    }
                }
            });
        }
        for n in 0..FILES {
            if n % 2 == 0 {
                engine.snapshot().unwrap();
            } else {
                ask(&engine, "BGSAVE");
                until("it ends", || is_idle(&engine));
            }
            let (other, _folder) = folder.open_copy(&clock);
            assert_eq!(sum(&other, ACCOUNTS), 1000 * ACCOUNTS as i64, "file {n}");
        }
        is_done.store(true, Relaxed);
    });
    assert_eq!(sum(&engine, ACCOUNTS), 1000 * ACCOUNTS as i64);
}
