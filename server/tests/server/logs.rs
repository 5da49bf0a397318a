//! `check` and `export` for logs: what they say of them, and what is left of those that a crash has left or somebody has
//! damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use carnelian::{Clock, Engine, ManualClock, Options};

use crate::harness::{Directory, Server};
use crate::tools::{bad, good, name};

const INCREMENT: &str = "appendonlydir/appendonly.aof.1.incr.aof";

fn options(directory: &Directory) -> Options {
    Options::new().dir(&directory.0).config("appendonly", "yes")
}

/// A log of some changes whose server has gone in good order, or was killed.
fn logged(is_killed: bool) -> Directory {
    let directory = Directory::new();
    let engine = Engine::open(options(&directory)).unwrap();
    let db = engine.db(0).unwrap();
    for n in 0..4 {
        db.transaction(["n", "text"], |tx| {
            tx.set("n", n.to_string())?;
            tx.append("text", "some text")
        })
        .unwrap();
    }
    if is_killed {
        return copy(&directory);
    }
    drop((engine, db));
    directory
}

/// A copy of the files as they are now.
fn copy(directory: &Directory) -> Directory {
    let copy = Directory::new();
    fs::create_dir(copy.file("appendonlydir")).unwrap();
    for name in names(directory) {
        let name = Path::new("appendonlydir").join(name);
        fs::copy(directory.0.join(&name), copy.0.join(&name)).unwrap();
    }
    copy
}

fn names(directory: &Directory) -> Vec<String> {
    let files = fs::read_dir(directory.file("appendonlydir")).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All files with their bytes.
fn contents(directory: &Directory) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), fs::read(directory.file("appendonlydir").join(name)).unwrap());
    names(directory).into_iter().map(read).collect()
}

fn check(directory: &Directory, options: &[&str], is_good: bool) -> String {
    let arguments = [&["check", name(&directory.0)], options].concat();
    if is_good { good(&arguments) } else { bad(&arguments) }
}

/// How many transactions of [`logged`] are there for an engine that forgives nothing.
fn transactions(directory: &Directory) -> usize {
    let db = Engine::open(options(directory).config("aof-load-truncated", "no")).unwrap().db(0).unwrap();
    let n = db.get("n").unwrap().map_or(0, |n| String::from_utf8(n).unwrap().parse::<usize>().unwrap() + 1);
    assert_eq!(db.strlen("text").unwrap(), 9 * n);
    n
}

/// Where what is used of a file ends, and the records in it.
fn ends(file: &[u8]) -> Vec<usize> {
    let starts = file.windows(7).enumerate().filter(|(_, bytes)| bytes == b"#CRC32:").map(|(at, _)| at);
    starts.map(|at| at + file[at..].iter().position(|&b| b == b'\n').unwrap() + 1).collect()
}

fn request(words: &[&str]) -> String {
    let args: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{args}", words.len())
}

#[test]
fn a_server_logs_where_its_directives_say_in_any_order() {
    for arguments in [["--appendonly", "yes", "--dir"], ["--dir", "--appendonly", "yes"]] {
        let directory = Directory::new();
        let mut arguments = arguments.to_vec();
        let at = arguments.iter().position(|argument| *argument == "--dir").unwrap() + 1;
        arguments.insert(at, name(&directory.0));
        drop(Server::start(&arguments));
        assert!(check(&directory, &["--fix"], true).contains("The log is good."));
    }
}

#[test]
fn check_tells_what_a_log_holds() {
    let directory = logged(false);
    let told = check(&directory, &[], true);
    for line in ["version: REDIS0011", "commands: 17, up to byte ", "ended: in good order", "The log is good."] {
        assert!(told.lines().any(|l| l.starts_with(line)), "no {line:?} in\n{told}");
    }
    assert!(told.contains("base.rdb (base 1): "), "{told}");
    assert!(told.contains("incr.aof (increment 1): "), "{told}");
    let log = directory.file("appendonlydir");
    for path in [log.clone(), log.join("appendonly.aof.manifest")] {
        assert_eq!(good(&["check", name(&path)]), told);
    }
    let told = good(&["check", name(&directory.file(INCREMENT))]);
    assert!(told.contains("(a file of a log)") && !told.contains("base"), "{told}");
    let before = contents(&directory);
    assert!(check(&directory, &["--fix"], true).contains("Nothing had to be changed."));
    assert_eq!(contents(&directory), before);
}

#[test]
fn a_log_in_use_is_refused() {
    let directory = Directory::new();
    let engine = Engine::open(options(&directory)).unwrap();
    for options in [&[][..], &["--fix"]] {
        for path in [directory.0.clone(), directory.file("appendonlydir"), directory.file(INCREMENT)] {
            let told = bad(&[&["check", name(&path)], options].concat());
            assert!(told.contains("is in use by another process (pid "), "{told}");
        }
    }
    drop(engine);
    check(&directory, &[], true);
}

#[test]
fn fix_ends_what_was_killed_so_that_others_can_go_on() {
    let directory = logged(true);
    let told = check(&directory, &[], true);
    assert!(told.contains("reserved space: ") && told.contains("ended: without a word"), "{told}");
    assert!(told.contains("before others read it, they need what --fix does"), "{told}");
    assert!(!directory.file("carnelian.lock").exists(), "looking changes nothing");
    let whole = fs::read(directory.file(INCREMENT)).unwrap();
    let told = check(&directory, &["--fix"], true);
    assert!(
        told.contains("behind which there was only reserved space") && told.contains("was ended in good"),
        "{told}"
    );
    let fixed = fs::read(directory.file(INCREMENT)).unwrap();
    let used = *ends(&whole).last().unwrap();
    assert_eq!(fixed[..used], whole[..used]);
    assert!(fixed.ends_with(b" CLOSED\r\n"));
    assert!(check(&directory, &["--fix"], true).contains("Nothing had to be changed."));
    // As Redis would go on.
    let more = [request(&["SELECT", "0"]), request(&["SET", "n", "9"])].concat();
    fs::write(directory.file(INCREMENT), [&fixed[..], more.as_bytes()].concat()).unwrap();
    check(&directory, &[], true);
    let db = Engine::open(options(&directory)).unwrap().db(0).unwrap();
    assert_eq!(db.get("n").unwrap().unwrap(), b"9");
}

#[test]
fn a_torn_tail_is_cut_and_kept() {
    let directory = logged(true);
    let whole = fs::read(directory.file(INCREMENT)).unwrap();
    let ends = ends(&whole);
    let (first, last) = (ends[ends.len() - 3], ends[ends.len() - 1]);
    for len in first..last {
        let cut = copy(&directory);
        let mut torn = whole[..len].to_vec();
        torn.resize(len + 5000 * (len % 2), 0);
        fs::write(cut.file(INCREMENT), &torn).unwrap();
        let end = *ends.iter().rfind(|&&end| end <= len).unwrap();
        let told = check(&cut, &[], end == len);
        assert_eq!(fs::read(cut.file(INCREMENT)).unwrap(), torn);
        if end < len {
            assert!(told.contains(" is torn, as a crash leaves it, at byte "), "{told}");
            assert!(told.contains(&format!("from byte {end} on was safe: --fix cuts it off")), "{told}");
        }
        check(&cut, &["--fix"], true);
        check(&cut, &[], true);
        let aside = cut.file(&format!("{INCREMENT}.cut-at-{end}"));
        assert_eq!(fs::read(aside).unwrap_or_default(), whole[end..len]);
        assert_eq!(transactions(&cut), ends.iter().filter(|&&e| e <= end).count() - 1, "cut at {len}");
    }
}

#[test]
fn damage_where_the_log_was_safe_takes_a_word_more() {
    let directory = logged(false);
    let whole = fs::read(directory.file(INCREMENT)).unwrap();
    let ends = ends(&whole);
    // The last records are what the server said when it went.
    for at in (ends[0]..ends[4]).step_by(5) {
        let damaged = copy(&directory);
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(damaged.file(INCREMENT), &flipped).unwrap();
        let before = contents(&damaged);
        for options in [&[][..], &["--fix"], &["--truncate-to-timestamp", "9999999999"]] {
            let told = check(&damaged, options, false);
            assert!(told.contains(" is damaged at byte "), "{told}");
            assert!(told.contains("--fix --accept-loss cuts it off"), "{told}");
            assert_eq!(contents(&damaged), before);
        }
        let end = *ends.iter().rfind(|&&end| end <= at).unwrap();
        check(&damaged, &["--fix", "--accept-loss"], true);
        assert_eq!(fs::read(damaged.file(&format!("{INCREMENT}.cut-at-{end}"))).unwrap(), flipped[end..]);
        assert_eq!(transactions(&damaged), ends.iter().position(|&e| e == end).unwrap());
    }
}

#[test]
fn a_hole_is_cut_with_what_is_behind_it() {
    let directory = logged(true);
    let mut holed = fs::read(directory.file(INCREMENT)).unwrap();
    let ends = ends(&holed);
    holed[ends[1]..ends[2]].fill(0);
    fs::write(directory.file(INCREMENT), &holed).unwrap();
    assert!(check(&directory, &[], false).contains("is torn, as a crash leaves it"));
    check(&directory, &["--fix"], true);
    assert_eq!(transactions(&directory), 1);
    let aside = fs::read(directory.file(&format!("{INCREMENT}.cut-at-{}", ends[1]))).unwrap();
    assert_eq!(aside, holed[ends[1]..*ends.last().unwrap()]);
}

#[test]
fn a_log_is_cut_at_a_time() {
    let directory = Directory::new();
    let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
    let options = options(&directory).clock(Clock::Manual(clock.clone())).config("aof-timestamp-enabled", "yes");
    let engine = Engine::open(options).unwrap();
    for second in 1..=3 {
        clock.advance(Duration::from_secs(1));
        let db = engine.db(0).unwrap();
        db.set(format!("at {second}"), "there").unwrap();
        db.transaction(["a", "b"], |tx| tx.incr("a").and_then(|_| tx.incr("b"))).unwrap();
    }
    let killed = copy(&directory);
    drop(engine);
    for log in [killed, directory] {
        for (until, is_there) in [("1699999999", 9), ("1700000000", 0), ("1700000002", 2), ("1700000003", 3)] {
            let cut = copy(&log);
            let told = check(&cut, &["--truncate-to-timestamp", until], is_there < 9);
            if is_there == 9 {
                assert!(told.contains("the base of the log is of second 1700000000, which is later"), "{told}");
                assert_eq!(contents(&cut), contents(&log));
                continue;
            }
            assert_eq!(told.contains("Nothing in the log is later"), is_there == 3, "{told}");
            check(&cut, &[], true);
            assert_eq!(names(&cut).len(), if is_there == 3 { 3 } else { 4 }, "what is cut off is kept");
            let db = Engine::open(Options::new().dir(&cut.0).config("appendonly", "yes")).unwrap().db(0).unwrap();
            let there = (1..=3).filter(|n| db.get(format!("at {n}")).unwrap().is_some()).count();
            assert_eq!(
                (there, db.get("a").unwrap().map(|n| n[0] - b'0')),
                (is_there, Some(is_there as u8).filter(|n| *n > 0))
            );
        }
    }
    let told = check(&logged(false), &["--truncate-to-timestamp", "1700000000"], false);
    assert!(told.contains("which is later") || told.contains("no time is written in the log"), "{told}");
}

/// A log of another server: increments alone.
fn foreign(increments: &[&str]) -> Directory {
    let directory = Directory::new();
    let log = directory.file("appendonlydir");
    fs::create_dir(&log).unwrap();
    let mut manifest = String::new();
    for (i, text) in increments.iter().enumerate() {
        let (name, seq) = (format!("appendonly.aof.{}.incr.aof", i + 1), i + 1);
        fs::write(log.join(&name), text).unwrap();
        manifest.push_str(&format!("file {name} seq {seq} type i\n"));
    }
    fs::write(log.join("appendonly.aof.manifest"), manifest).unwrap();
    directory
}

fn read(directory: &Directory, n: usize) -> String {
    fs::read_to_string(directory.file(&format!("appendonlydir/appendonly.aof.{n}.incr.aof"))).unwrap()
}

#[test]
fn logs_of_others_are_repaired_as_they_repair_them() {
    let set = |key: &str| [request(&["SELECT", "0"]), request(&["SET", key, "1"])].concat();
    let torn = &set("b")[..40];
    // Only the last file with something in it may be torn.
    let log = foreign(&[&set("a"), torn, ""]);
    assert!(check(&log, &["--fix"], true).contains("was cut at byte 23"));
    assert_eq!((read(&log, 1), read(&log, 2), read(&log, 3)), (set("a"), request(&["SELECT", "0"]), String::new()));
    let log = foreign(&[torn, &set("a")]);
    let before = contents(&log);
    assert!(check(&log, &["--fix"], false).contains("something may have been safe"));
    assert_eq!(contents(&log), before);
    check(&log, &["--fix", "--accept-loss"], true);
    assert_eq!((read(&log, 1), read(&log, 2)), (request(&["SELECT", "0"]), String::new()));
    let aside = log.file("appendonlydir/appendonly.aof.2.incr.aof.cut-at-0");
    assert_eq!(fs::read_to_string(aside).unwrap(), set("a"));
    // By times, over several files.
    let times = |key: &str, time: u64| format!("#TS:{time}\r\n{}", set(key));
    let (first, second, third) = (times("a", 10), [times("b", 20), times("c", 30)].concat(), times("d", 40));
    let log = foreign(&[&first, &second, &third]);
    assert!(check(&log, &["--truncate-to-timestamp", "25"], true).contains("What is later than 25 begins at byte "));
    assert_eq!((read(&log, 1), read(&log, 2), read(&log, 3)), (first, times("b", 20), String::new()));
    // And one file alone.
    let single = log.file("appendonly.aof");
    fs::write(&single, [&set("a")[..], torn].concat()).unwrap();
    good(&["check", name(&single), "--fix"]);
    assert_eq!(fs::read_to_string(&single).unwrap(), [set("a"), request(&["SELECT", "0"])].concat());
}

#[test]
fn what_cannot_be_repaired_is_left_alone() {
    let directory = logged(false);
    let base: PathBuf = directory.file("appendonlydir/appendonly.aof.1.base.rdb");
    let told = bad(&["check", name(&directory.file(INCREMENT)), "--fix"]);
    assert!(told.contains("which is repaired as a whole"), "{told}");
    let whole = fs::read(&base).unwrap();
    fs::write(&base, &whole[..whole.len() - 4]).unwrap();
    let told = check(&directory, &["--fix", "--accept-loss"], false);
    assert!(told.contains("base.rdb is damaged at byte ") && told.contains("nothing was changed"), "{told}");
    fs::remove_file(&base).unwrap();
    let told = check(&directory, &["--fix", "--accept-loss"], false);
    assert!(told.contains("base.rdb cannot be read (No such file"), "{told}");
    assert!(told.contains("ended: in good order"), "the rest is told of all the same: {told}");
    fs::write(directory.file("appendonlydir/appendonly.aof.manifest"), "file x\n").unwrap();
    let told = check(&directory, &[], false);
    assert!(told.contains("line 1 of the manifest is not one"), "{told}");
    let told = bad(&["check", name(&logged(false).0), "--truncate-to-timestamp", "5"]);
    assert!(told.contains("the base of the log is of second "), "{told}");
    let told = check(&foreign(&[&request(&["SELECT", "0"])]), &["--truncate-to-timestamp", "5"], false);
    assert!(told.contains("no time is written in the log"), "{told}");
}

#[test]
fn the_keys_of_a_log_go_out_as_lines() {
    let log = Directory::new();
    let engine = Engine::open(options(&log).databases(100)).unwrap();
    engine.db(0).unwrap().set("text", "v").unwrap();
    let db = engine.db(99).unwrap();
    db.hset("hash", "field", "value").unwrap();
    db.set("gone", "1").unwrap();
    engine.execute(&["SET", "past", "v", "PXAT", "1"]).unwrap();
    db.expire_at("gone", UNIX_EPOCH + Duration::from_secs(1000)).unwrap();
    db.set("soon", "v").unwrap();
    db.expire_at("soon", UNIX_EPOCH + Duration::from_millis(4_000_000_000_123)).unwrap();
    engine.snapshot().unwrap();
    let saved = name(&log.file("dump.rdb")).to_owned();
    let sorted = |lines: String| {
        let mut lines: Vec<_> = lines.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let wanted = sorted(good(&["export", &saved]));
    assert_eq!(wanted.len(), 3, "{wanted:?}");
    let killed = copy(&log);
    assert!(bad(&["export", name(&log.0)]).contains("is in use by another process"));
    drop((engine, db));
    for log in [&killed, &log] {
        let before = contents(log);
        let (lines, rdb) = (good(&["export", name(&log.0)]), log.file("new.rdb"));
        assert_eq!(sorted(lines), wanted);
        good(&["export", name(&log.file("appendonlydir")), "--format", "rdb", "--output", name(&rdb)]);
        assert_eq!(sorted(good(&["export", name(&rdb)])), wanted);
        assert_eq!(contents(log), before, "nothing is changed of it");
    }
    // What is torn is left out, and damage refused.
    let whole = fs::read(log.file(INCREMENT)).unwrap();
    let ends = ends(&whole);
    fs::write(log.file(INCREMENT), &whole[..ends[1] + 5]).unwrap();
    let output = crate::harness::run(&["export", name(&log.0)]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), out.lines().count()), (Some(0), 1), "{out}{err}");
    assert!(err.contains(&format!("is torn: what is behind byte {} was left out", ends[1])), "{err}");
    let mut damaged = whole;
    damaged[ends[1] - 20] ^= 1;
    fs::write(log.file(INCREMENT), damaged).unwrap();
    assert!(bad(&["export", name(&log.0)]).contains("is damaged at byte "));
}

#[test]
fn keys_that_have_expired_since_go_out_as_well() {
    let text = [request(&["SELECT", "0"]), request(&["SET", "past", "v", "PXAT", "1000"])].concat();
    let lines = good(&["export", name(&foreign(&[&text]).0)]);
    assert_eq!(lines, "{\"db\":0,\"key\":\"past\",\"type\":\"string\",\"expires_at\":1000,\"value\":\"v\"}\n");
}
