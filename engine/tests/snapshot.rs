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
        Engine::open(options.config("enable-debug-command", "yes"))
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
