//! Disks that lose what was not synced, are full, or fail: nobody loses what he was told to be safe, and nobody has seen
//! what is then lost.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use carnelian::aof::{Disk, Store, StoreKind};
use carnelian::{Durability, Engine, Options};
use common::folder::Folder;

mod common;

/// What a page of memory, and of a file, is.
const PAGE: usize = 512;

/// Files in memory, with what of them is on the disk.
#[derive(Default)]
struct FakeDisk {
    files: Mutex<BTreeMap<PathBuf, Content>>,
    /// Appending fails: there is no space.
    full: AtomicBool,
    /// Syncing fails.
    broken: AtomicBool,
    /// Syncing does not come to an end.
    held: AtomicBool,
    syncs: AtomicU64,
}

#[derive(Default, Clone)]
struct Content {
    /// What processes see.
    bytes: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
}

impl Content {
    /// What is left when the power goes: of each page that was changed since the last sync, the old or the new one.
    fn after_power_cut(&self, random: &mut impl FnMut() -> u64) -> Vec<u8> {
        let mut left = vec![0; self.bytes.len() + 3000];
        for (i, page) in left.chunks_mut(PAGE).enumerate() {
            let from = if random().is_multiple_of(3) { &self.synced } else { &self.bytes };
            let part = from.get(i * PAGE..).unwrap_or_default();
            let n = part.len().min(page.len());
            // What was synced stays whatever happens to the rest of its page.
            page[..n].copy_from_slice(&part[..n]);
        }
        left
    }
}

struct FakeStore {
    disk: Arc<FakeDisk>,
    path: PathBuf,
}

impl FakeStore {
    fn with<R>(&self, f: impl FnOnce(&mut Content) -> R) -> R {
        f(self.disk.files.lock().unwrap().entry(self.path.clone()).or_default())
    }
}

impl Store for FakeStore {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.disk.full.load(SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.with(|content| content.bytes.extend_from_slice(bytes));
        Ok(())
    }

    fn len(&self) -> u64 {
        self.with(|content| content.bytes.len() as u64)
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(FakeStore { disk: self.disk.clone(), path: self.path.clone() })
    }

    fn close(&mut self) -> io::Result<()> {
        // The engine is opened again on the true file.
        self.with(|content| std::fs::write(&self.path, &content.bytes))
    }
}

impl Disk for FakeStore {
    fn sync(&self) -> io::Result<()> {
        self.disk.syncs.fetch_add(1, Relaxed);
        let now = self.with(|content| content.bytes.clone());
        // It takes a while, and what is appended meanwhile may or may not be part of it.
        std::thread::sleep(Duration::from_micros(200));
        while self.disk.held.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.disk.broken.load(SeqCst) {
            return Err(io::Error::other("input/output error"));
        }
        self.with(|content| content.synced = now);
        Ok(())
    }
}

impl FakeDisk {
    fn options(self: &Arc<Self>, folder: &Folder, durability: Durability) -> Options {
        let disk = self.clone();
        let open = move |path: &Path, len: u64| -> io::Result<Box<dyn Store>> {
            let mut bytes = std::fs::read(path).unwrap_or_default();
            bytes.resize(usize::try_from(len).unwrap(), 0);
            std::fs::write(path, &bytes)?;
            let content = Content { synced: bytes.clone(), bytes };
            disk.files.lock().unwrap().insert(path.to_path_buf(), content);
            Ok(Box::new(FakeStore { disk: disk.clone(), path: path.to_path_buf() }))
        };
        folder.options().durability(durability).log_store(StoreKind::Custom(Arc::new(open)))
    }

    /// A copy of the folder as it is when the power goes now. `at_once` runs at that moment.
    fn cut_power<R>(&self, folder: &Folder, seed: u64, at_once: impl FnOnce() -> R) -> (Folder, R) {
        let mut state = seed;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        // Nothing is appended or synced while this is held.
        let files = self.files.lock().unwrap();
        let result = at_once();
        let copy = folder.crash();
        for (path, content) in files.iter() {
            let path = copy.log().join(path.file_name().unwrap());
            if path.exists() {
                std::fs::write(path, content.after_power_cut(&mut random)).unwrap();
            }
        }
        (copy, result)
    }
}

/// Counters that threads advance, and what of them was acknowledged or seen.
struct Load {
    stop: AtomicBool,
    acknowledged: Vec<AtomicU64>,
    seen: Vec<AtomicU64>,
}

impl Load {
    const THREADS: usize = 3;

    fn new() -> Self {
        let figures = || (0..Self::THREADS).map(|_| AtomicU64::new(0)).collect();
        Self { stop: AtomicBool::new(false), acknowledged: figures(), seen: figures() }
    }

    /// Advances one counter, beside a row of its steps, and reads the next thread's.
    fn run(&self, engine: &Engine, thread: usize) {
        let db = engine.db(0).unwrap();
        let (mine, next) = (format!("counter {thread}"), (thread + 1) % Self::THREADS);
        let theirs = format!("counter {next}");
        while !self.stop.load(Relaxed) {
            let done = db.transaction([&mine, &format!("row {thread}")], |tx| {
                let n = tx.incr(&mine)?;
                tx.rpush(format!("row {thread}"), [n.to_string()])?;
                Ok(n)
            });
            if let Ok(n) = done {
                self.acknowledged[thread].fetch_max(n as u64, SeqCst);
            }
            if let Ok(Some(text)) = db.get(&theirs) {
                let n = std::str::from_utf8(&text).unwrap().parse().unwrap();
                self.seen[next].fetch_max(n, SeqCst);
            }
        }
    }

    fn figures(&self) -> Vec<(u64, u64)> {
        let pairs = self.acknowledged.iter().zip(&self.seen);
        pairs.map(|(a, s)| (a.load(SeqCst), s.load(SeqCst))).collect()
    }
}

/// What the counters of an engine say; each is to be as long as its row.
fn counters(engine: &Engine) -> Vec<u64> {
    let db = engine.db(0).unwrap();
    let counter = |thread: usize| {
        let text = db.get(format!("counter {thread}")).unwrap().unwrap_or_else(|| b"0".to_vec());
        let n: u64 = std::str::from_utf8(&text).unwrap().parse().unwrap();
        let row = db.lrange(format!("row {thread}"), 0, -1).unwrap();
        let whole: Vec<Vec<u8>> = (1..=n).map(|n| n.to_string().into_bytes()).collect();
        assert_eq!(row, whole, "transactions are there whole");
        n
    };
    (0..Load::THREADS).map(counter).collect()
}

fn rounds(few: u64) -> u64 {
    if std::env::var_os("CARNELIAN_SOAK").is_some() { few * 20 } else { few }
}

#[test]
fn a_power_cut_loses_nothing_that_threads_were_told_or_have_seen_under_always() {
    for seed in 0..rounds(12) {
        let (folder, disk, load) = (Folder::new(), Arc::<FakeDisk>::default(), Load::new());
        let engine = Engine::open(disk.options(&folder, Durability::Always)).unwrap();
        let (copy, told) = std::thread::scope(|scope| {
            for thread in 0..Load::THREADS {
                let (engine, load) = (&engine, &load);
                scope.spawn(move || load.run(engine, thread));
            }
            std::thread::sleep(Duration::from_millis(20 + seed * 7 % 50));
            if seed % 3 == 0 {
                engine.execute(&["BGREWRITEAOF"]).unwrap();
                std::thread::sleep(Duration::from_micros(seed * 331 % 4000));
            }
            // Whoever was told before the power went, was told before it.
            let cut = disk.cut_power(&folder, seed, || load.figures());
            load.stop.store(true, Relaxed);
            cut
        });
        let there = counters(&copy.open().unwrap_or_else(|e| panic!("seed {seed}: {e}")));
        for (thread, ((acknowledged, seen), there)) in told.into_iter().zip(there).enumerate() {
            assert!(
                there >= acknowledged,
                "seed {seed}, thread {thread}: {acknowledged} was acknowledged, {there} is there"
            );
            assert!(there >= seen, "seed {seed}, thread {thread}: {seen} was seen, {there} is there");
        }
    }
}

#[test]
fn a_power_cut_loses_a_second_at_most_and_leaves_no_holes_under_everysec() {
    for seed in 0..rounds(3) {
        let (folder, disk, load) = (Folder::new(), Arc::<FakeDisk>::default(), Load::new());
        let engine = Engine::open(disk.options(&folder, Durability::EverySecond)).unwrap();
        let (copy, safe) = std::thread::scope(|scope| {
            for thread in 0..Load::THREADS {
                let (engine, load) = (&engine, &load);
                scope.spawn(move || load.run(engine, thread));
            }
            std::thread::sleep(Duration::from_millis(300));
            let safe = load.figures();
            // The sync that begins a second after the last, and a little for its end.
            std::thread::sleep(Duration::from_millis(1100));
            let (copy, ()) = disk.cut_power(&folder, seed, || ());
            load.stop.store(true, Relaxed);
            (copy, safe)
        });
        let there = counters(&copy.open().unwrap_or_else(|e| panic!("seed {seed}: {e}")));
        for ((acknowledged, _), there) in safe.into_iter().zip(there) {
            assert!(there >= acknowledged, "seed {seed}: {acknowledged} was there a second before, {there} is there");
        }
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else_until_there_is_space() {
    let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
    let engine = Engine::open(disk.options(&folder, Durability::EverySecond)).unwrap();
    let db = engine.db(0).unwrap();
    db.set("before", "1").unwrap();
    disk.full.store(true, SeqCst);
    // What finds the disk full has been done and is kept in memory; what comes after it is refused.
    db.set("first", "2").unwrap();
    let refused = db.set("second", "3").unwrap_err().to_string();
    assert!(refused.starts_with("MISCONF Errors writing to the AOF file: "), "{refused}");
    let refused = engine.execute(&["LPUSH", "l", "x"]).unwrap_err().to_string();
    assert!(refused.starts_with("MISCONF "), "{refused}");
    assert_eq!(db.get("before").unwrap().unwrap(), b"1");
    assert_eq!(db.get("second").unwrap(), None);
    let info = format!("{:?}", engine.execute(&["INFO", "persistence"]).unwrap());
    assert!(info.contains("aof_last_write_status:err"), "{info}");
    disk.full.store(false, SeqCst);
    wait_until("writes are taken again", || db.set("third", "4").is_ok());
    drop((engine, db));
    let db = folder.open().unwrap().db(0).unwrap();
    assert_eq!(db.get("first").unwrap().unwrap(), b"2");
    assert_eq!(db.get("third").unwrap().unwrap(), b"4");
}

#[test]
fn after_a_failed_sync_writes_are_refused_until_a_new_base_is_there() {
    for durability in [Durability::Always, Durability::EverySecond] {
        let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
        let engine = Engine::open(disk.options(&folder, durability).stripes(64).seed(7)).unwrap();
        let db = engine.db(0).unwrap();
        let before: Vec<_> = (0..100).map(|n| format!("before {n}")).collect();
        before.iter().for_each(|key| db.set(key, "1").unwrap());
        disk.broken.store(true, SeqCst);
        let mut n = 0;
        wait_until("writes are refused", || {
            n += 1;
            db.set(format!("key {n}"), "x").is_err()
        });
        // Reads go on. Under `always` nobody sees what could still be lost, and the stripe of such a key knows only
        // that there is one: keys that share it are refused with it.
        let readable = before.iter().filter(|key| match db.get(key) {
            Ok(value) => {
                assert_eq!(value.unwrap(), b"1");
                true
            }
            Err(e) => {
                assert!(e.to_string().contains("fsync: input/output error"), "{e}");
                false
            }
        });
        let (readable, lost) = (readable.count(), db.get(format!("key {n}")));
        match durability {
            Durability::Always => assert!(readable > before.len() / 2 && lost.is_err(), "{readable}, {lost:?}"),
            _ => assert!(readable == before.len() && lost.is_ok(), "{readable}, {lost:?}"),
        }
        let refused = engine.execute(&["INCR", "n"]).unwrap_err().to_string();
        assert!(refused.contains("fsync: input/output error"), "{refused}");
        disk.broken.store(false, SeqCst);
        wait_until("writes are taken again", || db.set("after", "2").is_ok());
        engine.sync().unwrap();
        // What the failed sync has left is of no account: the base has it all.
        wait_until("the segment that it has left is deleted", || !folder.segment(1).exists());
        let (copy, ()) = disk.cut_power(&folder, 1, || ());
        let there = copy.open().unwrap().db(0).unwrap();
        let written = (1..n).map(|n| format!("key {n}"));
        for key in before.into_iter().chain(["after".to_owned()]).chain(written) {
            assert!(there.exists(&key).unwrap(), "{key}, {durability:?}");
        }
    }
}

/// Polls a future again and again, as a task would.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a thread does, under a name.
type Call<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

#[test]
fn threads_of_this_process_hear_of_no_change_before_it_is_on_the_disk() {
    let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
    let engine = Engine::open(disk.options(&folder, Durability::Always).stripes(64)).unwrap();
    let db = engine.db(0).unwrap();
    db.rpush("there", ["x"]).unwrap();
    let run = |argv: &[&str]| drop(engine.execute(argv).unwrap());
    let rows = |mut connection: carnelian::Connection, rows: &[&[&str]]| {
        rows.iter().for_each(|argv| drop(connection.execute(argv).unwrap()));
        connection
    };
    let watching = Mutex::new(Some(rows(engine.connect(), &[&["WATCH", "k"], &["MULTI"], &["PING"]])));
    let change = || {
        let changed = db.transaction(["k", "queue 1", "queue 2", "queue 3"], |tx| {
            tx.set("k", "1")?;
            ["queue 1", "queue 2", "queue 3"].iter().try_for_each(|queue| tx.rpush(queue, ["x"]).map(drop))
        });
        changed.unwrap();
    };
    let waiters: [Call<'_>; 3] = [
        ("BLPOP", Box::new(|| run(&["BLPOP", "queue 1", "0"]))),
        ("blpop, waited for", Box::new(|| drop(db.blpop(["queue 2"], None).wait().unwrap()))),
        ("blpop, awaited", Box::new(|| drop(block_on(db.blpop(["queue 3"], None)).unwrap()))),
    ];
    let others: [Call<'_>; 18] = [
        ("SET", Box::new(|| run(&["SET", "another", "1"]))),
        ("set", Box::new(|| db.set("another", "2").unwrap())),
        ("blpop that need not wait", Box::new(|| drop(db.blpop(["there"], None).wait().unwrap()))),
        ("swap", Box::new(|| engine.db(5).unwrap().swap(6).unwrap())),
        ("GET", Box::new(|| run(&["GET", "k"]))),
        ("get", Box::new(|| drop(db.get("k").unwrap()))),
        ("mget", Box::new(|| drop(db.mget(&["k", "l"]).unwrap()))),
        ("DEBUG OBJECT", Box::new(|| run(&["DEBUG", "OBJECT", "k"]))),
        ("EXEC", Box::new(|| drop(rows(engine.connect(), &[&["MULTI"], &["GET", "k"], &["EXEC"]])))),
        ("EXEC that is too late", Box::new(|| drop(watching.lock().unwrap().take().map(|c| rows(c, &[&["EXEC"]]))))),
        ("KEYS", Box::new(|| run(&["KEYS", "*"]))),
        ("SCAN", Box::new(|| run(&["SCAN", "0"]))),
        ("RANDOMKEY", Box::new(|| run(&["RANDOMKEY"]))),
        ("DBSIZE", Box::new(|| run(&["DBSIZE"]))),
        ("keys", Box::new(|| drop(db.keys("*").unwrap()))),
        ("scan", Box::new(|| drop(db.scan().next().unwrap().unwrap()))),
        ("random_key", Box::new(|| drop(db.random_key().unwrap()))),
        ("size", Box::new(|| assert!(db.size().unwrap() > 0))),
    ];
    let (done, names) = std::sync::mpsc::channel();
    let begin = |(name, call): &Call<'_>| {
        call();
        done.send(*name).unwrap();
    };
    let begin = &begin;
    std::thread::scope(|scope| {
        waiters.iter().for_each(|call| drop(scope.spawn(move || begin(call))));
        std::thread::sleep(Duration::from_millis(50));
        disk.held.store(true, SeqCst);
        let before = engine.core().log().position();
        scope.spawn(change);
        wait_until("it is changed", || engine.core().log().position() > before);
        others.iter().for_each(|call| drop(scope.spawn(move || begin(call))));
        std::thread::sleep(Duration::from_millis(200));
        let too_early: Vec<_> = names.try_iter().collect();
        disk.held.store(false, SeqCst);
        assert!(too_early.is_empty(), "{too_early:?} came to an end");
    });
    assert_eq!(names.try_iter().count(), waiters.len() + others.len());
}

#[test]
fn threads_share_syncs() {
    let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
    let engine = Engine::open(disk.options(&folder, Durability::Always)).unwrap();
    let before = disk.syncs.load(Relaxed);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let db = engine.db(0).unwrap();
            scope.spawn(move || (0..50).for_each(|n| db.set(format!("{thread} {n}"), "x").unwrap()));
        }
    });
    let syncs = disk.syncs.load(Relaxed) - before;
    assert!(syncs < 16 * 50 / 2, "{syncs} syncs for 800 changes");
}

#[test]
fn a_log_that_takes_long_to_go_on_is_not_begun_anew_meanwhile() {
    let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
    let open = || Engine::open(disk.options(&folder, Durability::Always)).unwrap();
    open().db(0).unwrap().set("a", "1").unwrap();
    let names = folder.names();
    disk.held.store(true, SeqCst);
    let engine = std::thread::scope(|scope| {
        let opening = scope.spawn(open);
        // The engine's own thread looks several times whether the log is to be written anew.
        std::thread::sleep(Duration::from_millis(500));
        disk.held.store(false, SeqCst);
        opening.join().unwrap()
    });
    engine.db(0).unwrap().set("b", "2").unwrap();
    // Changes would go to a segment that nobody names until its base is there, and be lost with the process before that.
    assert_eq!(folder.names(), names);
}

#[test]
fn messages_in_this_process_tell_of_no_change_that_could_be_lost() {
    let (folder, disk) = (Folder::new(), Arc::<FakeDisk>::default());
    let options = disk.options(&folder, Durability::Always).config("notify-keyspace-events", "KEA");
    let engine = Engine::open(options).unwrap();
    let events = engine.subscribe(&["__keyevent@0__:set"]);
    disk.held.store(true, SeqCst);
    let is_heard = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| engine.db(0).unwrap().set("a", "1").unwrap());
        scope.spawn(|| {
            assert!(events.next_timeout(Duration::from_secs(30)).is_some());
            is_heard.store(true, SeqCst);
        });
        std::thread::sleep(Duration::from_millis(200));
        let too_early = is_heard.load(SeqCst);
        disk.held.store(false, SeqCst);
        assert!(!too_early, "the change was not on the disk");
    });
    assert!(is_heard.load(SeqCst));
}
