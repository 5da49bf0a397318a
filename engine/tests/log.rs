//! Engines that are opened again after a clean end, or after none: nothing that was logged is missing.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use carnelian::aof::append_record;
use carnelian::keyspace::Effect;
use carnelian::{Clock, Durability, Engine, ManualClock, Value};
use common::folder::Folder;

mod common;

fn digest(engine: &Engine) -> String {
    format!("{:?}", engine.execute(&["DEBUG", "DIGEST"]).unwrap())
}

/// Something of every type, in several databases, in transactions and with deadlines.
fn fill(engine: &Engine, from: usize) {
    for n in from..from + 60 {
        let db = engine.db((n % 3) as u32).unwrap();
        db.set(format!("text {n}"), "x".repeat(n * 7 % 300)).unwrap();
        db.rpush(format!("list {}", n % 5), [format!("element {n}"), "other".into()]).unwrap();
        db.hset(format!("hash {}", n % 4), format!("field {n}"), "value").unwrap();
        db.sadd("set", &[format!("member {n}")]).unwrap();
        db.zadd("zset", &[(n as f64 / 3.0, format!("member {n}"))]).unwrap();
        db.xadd("stream", &[("f", "v")]).unwrap();
        db.set_ex(format!("later {n}"), 1000, "there").unwrap();
        db.transaction(["a", "b"], |tx| {
            tx.incr("a")?;
            tx.append("b", "c")
        })
        .unwrap();
        let _ = engine.execute(&["SPOP", "set"]).unwrap();
        let _ = engine.execute(&["COPY", "a", &format!("copy {n}"), "DB", "5"]).unwrap();
    }
    engine.execute(&["SWAPDB", "1", "2"]).unwrap();
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

#[test]
fn what_was_changed_is_there_again() {
    for durability in [Durability::Always, Durability::EverySecond, Durability::Os] {
        let folder = Folder::new();
        let open = || Engine::open(folder.options().durability(durability)).unwrap();
        let engine = open();
        fill(&engine, 0);
        let before = digest(&engine);
        drop(engine);
        let engine = open();
        assert_eq!(digest(&engine), before, "{durability:?}");
        fill(&engine, 60);
        let before = digest(&engine);
        engine.close().unwrap();
        assert_eq!(digest(&open()), before, "{durability:?}");
        assert_eq!(
            folder.names(),
            ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]
        );
    }
}

#[test]
fn what_was_changed_survives_the_end_of_the_process() {
    for store in ["mapped", "written"] {
        let folder = Folder::new();
        let engine = Engine::open(folder.options().config("aof-store", store)).unwrap();
        fill(&engine, 0);
        let crashed = folder.crash();
        assert_eq!(digest(&crashed.open().unwrap()), digest(&engine), "{store}");
    }
}

#[test]
fn a_rewrite_leaves_the_same_keys_in_fewer_bytes() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    fill(&engine, 0);
    for n in 0..1000 {
        engine.db(0).unwrap().set("again and again", n.to_string()).unwrap();
    }
    engine.execute(&["BGREWRITEAOF"]).unwrap();
    fill(&engine, 60);
    let info = || format!("{:?}", engine.execute(&["INFO", "persistence"]).unwrap());
    while info().contains("aof_rewrite_in_progress:1") {
        std::thread::sleep(Duration::from_millis(1));
    }
    fill(&engine, 120);
    assert!(info().contains("aof_last_bgrewrite_status:ok"), "{}", info());
    assert_eq!(folder.names(), ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"]);
    assert_eq!(digest(&folder.crash().open().unwrap()), digest(&engine));
    let before = digest(&engine);
    drop(engine);
    assert_eq!(digest(&folder.open().unwrap()), before);
}

#[test]
fn what_expires_while_nobody_is_there_is_gone_and_what_was_logged_before_it_counts() {
    let folder = Folder::new();
    let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
    let open = || Engine::open(folder.options().clock(Clock::Manual(clock.clone()))).unwrap();
    let engine = open();
    let db = engine.db(0).unwrap();
    db.set_ex("counter", 10, "1").unwrap();
    db.incr("counter").unwrap();
    db.set_ex("kept", 10, "1").unwrap();
    db.incr("kept").unwrap();
    clock.advance(Duration::from_secs(9));
    db.persist("kept").unwrap();
    drop((engine, db));
    clock.advance(Duration::from_secs(2));
    let engine = open();
    let db = engine.db(0).unwrap();
    assert_eq!(db.get("counter").unwrap(), None);
    assert_eq!(db.get("kept").unwrap().as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_log_cut_at_every_byte_of_its_last_records_ends_with_a_whole_one() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    let mut ends = vec![fs::read(folder.segment(1)).unwrap().iter().rposition(|&b| b != 0).unwrap() + 1];
    for n in 0..6 {
        db.transaction(["n", "text"], |tx| {
            tx.set("n", n.to_string())?;
            tx.append("text", "some text")
        })
        .unwrap();
        ends.push(fs::read(folder.segment(1)).unwrap().iter().rposition(|&b| b != 0).unwrap() + 1);
    }
    let whole = fs::read(folder.segment(1)).unwrap();
    for len in ends[1]..*ends.last().unwrap() {
        let crashed = folder.crash();
        let mut cut = whole[..len].to_vec();
        cut.resize(len + 1000 * (len % 2), 0);
        fs::write(crashed.segment(1), cut).unwrap();
        let db = crashed.open().unwrap().db(0).unwrap();
        let n = ends.iter().rposition(|&end| end <= len).unwrap();
        assert_eq!(db.get("n").unwrap().unwrap(), (n - 1).to_string().as_bytes(), "cut at {len}");
        assert_eq!(db.strlen("text").unwrap(), 9 * n, "cut at {len}");
        let is_kept = crashed.names().iter().any(|name| name.contains(".cut-at-"));
        assert_eq!(is_kept, !ends.contains(&len), "what is cut off is kept: {len}");
    }
}

#[test]
fn a_flipped_bit_in_what_was_safe_is_refused() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    for n in 0..20 {
        db.set("n", n.to_string()).unwrap();
        engine.sync().unwrap();
    }
    drop((engine, db));
    let file = fs::read(folder.segment(1)).unwrap();
    for at in (0..file.len() - 200).step_by(7) {
        let crashed = folder.crash();
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(crashed.segment(1), &flipped).unwrap();
        let error = crashed.open().err().unwrap_or_else(|| panic!("a flipped bit in byte {at}"));
        assert!(error.to_string().contains("is damaged at byte "), "{error}");
        assert_eq!(fs::read(crashed.segment(1)).unwrap(), flipped, "nothing is changed of it");
    }
}

/// Where what is used of a segment ends.
fn used(folder: &Folder) -> usize {
    fs::read(folder.segment(1)).unwrap().iter().rposition(|&b| b != 0).unwrap() + 1
}

#[test]
fn a_flipped_bit_is_refused_after_the_end_of_the_process_as_well() {
    let folder = Folder::new();
    let engine = Engine::open(folder.options().durability(Durability::Always)).unwrap();
    let db = engine.db(0).unwrap();
    let is_refused = |from: usize, to: usize| {
        for at in from..to {
            let crashed = folder.crash();
            let mut flipped = fs::read(crashed.segment(1)).unwrap();
            flipped[at] ^= 1 << (at % 8);
            fs::write(crashed.segment(1), &flipped).unwrap();
            let error = crashed.open().err().unwrap_or_else(|| panic!("a flipped bit in byte {at}"));
            assert!(error.to_string().contains("is damaged at byte "), "{error}");
        }
    };
    let first = used(&folder);
    db.set("n", "1").unwrap();
    let second = used(&folder);
    // Which says of the one before it that it was safe.
    db.set("n", "2").unwrap();
    let third = used(&folder);
    is_refused(first, second);
    // When nothing comes any more, the log says so by itself.
    let began = std::time::Instant::now();
    while used(&folder) == third {
        assert!(began.elapsed() < Duration::from_secs(20), "it states what is safe");
        std::thread::sleep(Duration::from_millis(10));
    }
    is_refused(second, third);
}

/// The figures of INFO about what is kept.
fn persistence(engine: &Engine) -> String {
    format!("{:?}", engine.execute(&["INFO", "persistence"]).unwrap())
}

fn wait_for(engine: &Engine, line: &str) {
    let began = std::time::Instant::now();
    while !persistence(engine).contains(line) {
        assert!(began.elapsed() < Duration::from_secs(20), "{line} in {}", persistence(engine));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Has the file that is written aside for another end in an error. The link goes with it.
fn has_no_room(folder: &Folder, name: &str) {
    let aside = folder.log().join(format!("temp-{}-{name}", std::process::id()));
    std::os::unix::fs::symlink("/dev/full", aside).unwrap();
}

#[test]
fn a_log_whose_new_base_does_not_fit_goes_on_in_two_segments() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    db.set("before", "1").unwrap();
    has_no_room(&folder, "appendonly.aof.2.base.rdb");
    engine.execute(&["BGREWRITEAOF"]).unwrap();
    wait_for(&engine, "aof_last_bgrewrite_status:err");
    db.set("after", "2").unwrap();
    let names = ["1.base.rdb", "1.incr.aof", "2.incr.aof", "manifest"].map(|name| format!("appendonly.aof.{name}"));
    assert_eq!(folder.names(), names);
    let there = folder.crash().open().unwrap().db(0).unwrap();
    for (key, value) in [("before", b"1"), ("after", b"2")] {
        assert_eq!(there.get(key).unwrap().as_deref(), Some(&value[..]), "{key}");
    }
    // Others read the first segment as well, so it is cut to its length.
    let began = std::time::Instant::now();
    while fs::read(folder.segment(1)).unwrap().ends_with(b"\0") {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(1));
    }
    // A segment says which database it is about, whatever was said in the one before.
    engine.db(3).unwrap().set("there", "1").unwrap();
    engine.execute(&["BGREWRITEAOF"]).unwrap();
    wait_for(&engine, "aof_last_bgrewrite_status:ok");
    engine.db(3).unwrap().set("again", "2").unwrap();
    let digests = [&folder.crash().open().unwrap(), &engine].map(digest);
    assert_eq!(digests[0], digests[1]);
    assert_eq!(folder.names(), ["appendonly.aof.2.base.rdb", "appendonly.aof.3.incr.aof", "appendonly.aof.manifest"]);
}

#[test]
fn a_log_that_cannot_begin_stays_off_and_leaves_the_one_before() {
    for file in ["appendonly.aof.2.base.rdb", "appendonly.aof.manifest"] {
        let folder = Folder::new();
        let engine = folder.open().unwrap();
        let db = engine.db(0).unwrap();
        db.set("k", "logged").unwrap();
        engine.execute(&["CONFIG", "SET", "appendonly", "no"]).unwrap();
        db.set("k", "not logged").unwrap();
        let before = folder.names();
        has_no_room(&folder, file);
        engine.execute(&["CONFIG", "SET", "appendonly", "yes"]).unwrap();
        wait_for(&engine, "aof_last_bgrewrite_status:err");
        let there = folder.crash().open().unwrap().db(0).unwrap();
        assert_eq!(there.get("k").unwrap().unwrap(), b"logged", "{file}");
        assert!(persistence(&engine).contains("aof_enabled:0"), "{file}: {}", persistence(&engine));
        // A manifest may be in its place and not be known to be, so what it names stays.
        assert!(file == "appendonly.aof.manifest" || folder.names() == before, "{:?}", folder.names());
        // It is tried again, after a while.
        wait_for(&engine, "aof_last_bgrewrite_status:ok");
        let there = folder.crash().open().unwrap().db(0).unwrap();
        assert_eq!(there.get("k").unwrap().unwrap(), b"not logged", "{file}");
    }
}

#[test]
fn whoever_reads_or_begins_a_log_later_takes_the_directory_first() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    engine.db(0).unwrap().set("k", "v").unwrap();
    let before = folder.names();
    let later = |appendonly: &str| {
        let dir = folder.0.to_str().unwrap();
        let options = carnelian::Options::new().config("dir", dir).config("appendonly", appendonly);
        Engine::open(options.recover_later()).unwrap()
    };
    let error = later("yes").recover().unwrap_err().to_string();
    assert!(error.contains("is in use by another process"), "{error}");
    let other = later("no");
    other.recover().unwrap();
    other.execute(&["CONFIG", "SET", "appendonly", "yes"]).unwrap();
    wait_for(&other, "aof_last_bgrewrite_status:err");
    assert!(persistence(&other).contains("aof_enabled:0"), "{}", persistence(&other));
    assert_eq!(folder.names(), before);
}

#[test]
fn a_directory_belongs_to_one_engine() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let error = folder.open().err().unwrap().to_string();
    assert!(error.contains("is in use by another process (pid "), "{error}");
    drop(engine);
    folder.open().unwrap();
}

#[test]
fn a_log_begins_with_the_last_snapshot_and_takes_an_old_single_file_over() {
    let folder = Folder::new();
    let engine = Engine::open(folder.options().config("appendonly", "no")).unwrap();
    engine.db(0).unwrap().set("from", "snapshot").unwrap();
    engine.snapshot().unwrap();
    drop(engine);
    assert!(!folder.log().exists());
    let engine = folder.open().unwrap();
    assert_eq!(engine.db(0).unwrap().get("from").unwrap().unwrap(), b"snapshot");
    drop(engine);
    fs::remove_dir_all(folder.log()).unwrap();
    // Redis before 7 wrote an RDB file and commands behind it.
    let mut old = fs::read(folder.0.join("dump.rdb")).unwrap();
    old.extend_from_slice(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\nold\r\n$4\r\nfile\r\n");
    fs::write(folder.0.join("appendonly.aof"), old).unwrap();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    assert_eq!(db.get("from").unwrap().unwrap(), b"snapshot");
    assert_eq!(db.get("old").unwrap().unwrap(), b"file");
    db.set("new", "one").unwrap();
    drop((engine, db));
    assert!(!is_file(&folder.0.join("appendonly.aof")));
    let db = folder.open().unwrap().db(0).unwrap();
    assert_eq!(db.get("old").unwrap().unwrap(), b"file");
    assert_eq!(db.get("new").unwrap().unwrap(), b"one");
}

#[test]
fn an_old_single_file_that_was_named_and_not_moved_yet_is_taken_over() {
    let folder = Folder::new();
    fs::create_dir(folder.log()).unwrap();
    fs::write(folder.log().join("appendonly.aof.manifest"), "file appendonly.aof seq 1 type b\n").unwrap();
    let missing = folder.open().err().unwrap().to_string();
    assert!(missing.contains("cannot read "), "{missing}");
    let old = [request(&["SELECT", "0"]), request(&["SET", "old", "file"])].concat();
    fs::write(folder.0.join("appendonly.aof"), old).unwrap();
    for _ in 0..2 {
        let db = folder.open().unwrap().db(0).unwrap();
        assert_eq!(db.get("old").unwrap().unwrap(), b"file");
        assert!(!is_file(&folder.0.join("appendonly.aof")));
    }
}

/// A request as it stands in a log.
fn request(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count())
}

#[test]
fn commands_that_redis_logs_and_would_not_take_from_a_client_are_run() {
    let folder = Folder::new();
    let lines = [
        &["SELECT", "0"][..],
        &["XADD", "s", "1-0", "f", "v"],
        &["XADD", "s", "2-0", "f", "v"],
        &["XADD", "s", "MINID", "=", "2-0", "LIMIT", "1", "3-0", "f", "v"],
        &["XTRIM", "s", "MAXLEN", "=", "1", "LIMIT", "10"],
    ];
    fs::write(folder.0.join("appendonly.aof"), lines.map(request).concat()).unwrap();
    let engine = folder.open().unwrap();
    assert_eq!(engine.execute(&["XLEN", "s"]).unwrap(), Value::Int(1));
    assert_ne!(engine.execute(&["XRANGE", "s", "3-0", "3-0"]).unwrap(), Value::Array(Vec::new()));
    let refused = engine.execute(&["XTRIM", "s", "MAXLEN", "=", "1", "LIMIT", "10"]).unwrap_err();
    assert!(refused.to_string().contains("without the special ~ option"), "{refused}");
}

#[test]
fn what_is_cut_at_the_same_place_again_is_kept_as_well() {
    let folder = Folder::new();
    let whole = [request(&["SELECT", "0"]), request(&["SET", "a", "1"])].concat();
    let torn = [request(&["SET", "b", "2"]), request(&["SET", "c", "3"])].map(|r| r[..r.len() - 4].to_owned());
    for rest in &torn {
        fs::write(folder.0.join("appendonly.aof"), format!("{whole}{rest}")).unwrap();
        let _ = fs::remove_file(folder.log().join("appendonly.aof.manifest"));
        assert_eq!(folder.open().unwrap().db(0).unwrap().size(), Ok(1));
    }
    for (name, rest) in ["", ".2"].iter().zip(&torn) {
        let aside = folder.log().join(format!("appendonly.aof.cut-at-{}{name}", whole.len()));
        assert_eq!(fs::read_to_string(aside).unwrap(), *rest);
    }
}

#[test]
fn segments_behind_a_torn_one_are_set_aside_whole() {
    let folder = Folder::new();
    fs::create_dir(folder.log()).unwrap();
    let segment = |key: &str| {
        let (mut bytes, mut db) = (Vec::new(), None);
        append_record(&mut bytes, &[], &mut db, Some(0), false);
        let ends = ["1", "2"].map(|value| {
            append_record(&mut bytes, &[Effect::new("SET").arg(key).arg(value)], &mut db, None, false);
            bytes.len()
        });
        (bytes, ends[0])
    };
    let ((first, end), (second, _)) = (segment("a"), segment("b"));
    fs::write(folder.segment(1), &first[..first.len() - 3]).unwrap();
    fs::write(folder.segment(2), &second).unwrap();
    let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
    fs::write(folder.log().join("appendonly.aof.manifest"), manifest).unwrap();
    let db = folder.open().unwrap().db(0).unwrap();
    assert_eq!(db.get("a").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(db.get("b").unwrap(), None, "it came after what is lost");
    let aside = |n: u32, at: usize| fs::read(folder.log().join(format!("appendonly.aof.{n}.incr.aof.cut-at-{at}")));
    assert_eq!(aside(1, end).unwrap(), first[end..first.len() - 3]);
    assert_eq!(aside(2, 0).unwrap(), second);
}

#[test]
fn nothing_expires_while_a_log_is_read_however_long_that_takes() {
    let folder = Folder::new();
    let first = [&["SELECT", "0"][..], &["SET", "kept", "1", "PXAT", "1000"]].map(request).concat();
    // Of all stripes, so that the last command does not run together with the first.
    let others: String = (0..100_000).map(|n| request(&["SET", &format!("another {n}"), "value"])).collect();
    fs::write(folder.0.join("appendonly.aof"), [first, others, request(&["PERSIST", "kept"])].concat()).unwrap();
    let engine = Engine::open(folder.options().config("hz", "500")).unwrap();
    assert_eq!(engine.db(0).unwrap().get("kept").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn an_old_single_file_that_is_torn_is_cut() {
    let folder = Folder::new();
    let whole = [request(&["SELECT", "0"]), request(&["SET", "a", "1"])].concat();
    let torn = request(&["SET", "b", "2"]);
    fs::write(folder.0.join("appendonly.aof"), format!("{whole}{}", &torn[..torn.len() - 4])).unwrap();
    let error = Engine::open(folder.options().config("aof-load-truncated", "no")).err().unwrap().to_string();
    assert!(error.contains("is damaged at byte "), "{error}");
    let db = folder.open().unwrap().db(0).unwrap();
    assert_eq!(db.get("a").unwrap().unwrap(), b"1");
    assert_eq!(db.get("b").unwrap(), None);
    let cut = format!("appendonly.aof.cut-at-{}", whole.len());
    assert_eq!(fs::read_to_string(folder.log().join(cut)).unwrap(), torn[..torn.len() - 4]);
}

#[test]
fn what_is_changed_after_the_end_is_refused() {
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    db.set("k", "v").unwrap();
    engine.close().unwrap();
    assert!(db.set("k", "w").unwrap_err().to_string().contains("has been closed"));
    assert_eq!(db.get("k").unwrap().unwrap(), b"v");
}

#[test]
fn no_log_has_half_of_a_transfer_of_threads_that_go_on() {
    const ACCOUNTS: u64 = 500;
    let folder = Folder::new();
    let engine = folder.open().unwrap();
    let db = engine.db(0).unwrap();
    let account = |n: u64| format!("account {}", n % ACCOUNTS);
    for n in 0..ACCOUNTS {
        db.set(account(n), "1000").unwrap();
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    let copies: Vec<Folder> = std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (db, stop) = (&db, &stop);
            scope.spawn(move || {
                let mut seed = thread;
                // Not for ever, should the other side fail: a failed test ends.
                for _ in 0..100_000 {
                    if stop.load(Relaxed) {
                        break;
                    }
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let (from, to) = (account(seed >> 20), account(seed >> 40));
                    db.transaction([&from, &to], |t| t.decr_by(&from, 7).and_then(|_| t.incr_by(&to, 7))).unwrap();
                }
            });
        }
        let copies = (0..12).map(|n| {
            if n % 4 == 1 {
                // The last one may not have ended yet.
                while engine.execute(&["BGREWRITEAOF"]).is_err() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            std::thread::sleep(Duration::from_millis(3 + n));
            folder.crash()
        });
        let copies = copies.collect();
        stop.store(true, Relaxed);
        copies
    });
    for (n, copy) in copies.iter().enumerate() {
        let db = copy.open().unwrap_or_else(|e| panic!("copy {n}: {e}")).db(0).unwrap();
        let value = |n| String::from_utf8(db.get(account(n)).unwrap().unwrap()).unwrap().parse::<i64>().unwrap();
        assert_eq!((0..ACCOUNTS).map(value).sum::<i64>(), 1000 * ACCOUNTS as i64, "copy {n}");
    }
}

#[test]
fn waitaof_answers_when_all_before_it_is_on_the_disk() {
    let folder = Folder::new();
    let engine = Engine::open(folder.options().durability(Durability::Os)).unwrap();
    engine.db(0).unwrap().set("k", "v").unwrap();
    let log = engine.core().log();
    let position = log.position();
    assert!(log.synced() < position, "nobody has asked for it");
    assert_eq!(format!("{:?}", engine.execute(&["WAITAOF", "1", "0", "0"]).unwrap()), "Array([Int(1), Int(0)])");
    assert!(log.synced() >= position);
    assert_eq!(format!("{:?}", engine.execute(&["WAITAOF", "0", "1", "1"]).unwrap()), "Array([Int(1), Int(0)])");
}

#[test]
fn the_log_can_be_turned_on_and_off_while_it_runs() {
    let folder = Folder::new();
    let engine = Engine::open(folder.options().config("appendonly", "no")).unwrap();
    fill(&engine, 0);
    let info = |line: &str| format!("{:?}", engine.execute(&["INFO", "persistence"]).unwrap()).contains(line);
    engine.execute(&["CONFIG", "SET", "appendonly", "yes"]).unwrap();
    while !info("aof_enabled:1") || info("aof_rewrite_in_progress:1") {
        std::thread::sleep(Duration::from_millis(1));
    }
    fill(&engine, 60);
    assert_eq!(digest(&folder.crash().open().unwrap()), digest(&engine));
    let logged = digest(&engine);
    engine.execute(&["CONFIG", "SET", "appendonly", "no"]).unwrap();
    fill(&engine, 120);
    assert_eq!(digest(&folder.crash().open().unwrap()), logged, "what came later is not logged");
    engine.execute(&["CONFIG", "SET", "appendonly", "yes"]).unwrap();
    while !info("aof_enabled:1") || info("aof_rewrite_in_progress:1") {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(digest(&folder.crash().open().unwrap()), digest(&engine));
    let nowhere = Engine::open(carnelian::Options::new()).unwrap();
    assert!(nowhere.execute(&["CONFIG", "SET", "appendonly", "yes"]).is_err());
}
