//! The subcommands that are about files: `check`, `export` and `import`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use carnelian::{Engine, Options};

use crate::harness::{Directory, run};

/// A directory with a dump.rdb that has a key of each type, in two databases.
fn filled() -> (Directory, PathBuf) {
    let directory = Directory::new();
    let engine = Engine::open(Options::new().dir(&directory.0).config("appendonly", "no")).unwrap();
    let (db, other) = (engine.db(0).unwrap(), engine.db(5).unwrap());
    db.set("text", "hello".repeat(20)).unwrap();
    db.set_ex("soon", 100_000, [0xff, 0]).unwrap();
    db.rpush("list", ["a", "b"]).unwrap();
    db.sadd("set", &["1", "2"]).unwrap();
    db.hset("hash", "field", "value").unwrap();
    other.zadd("zset", &[(f64::INFINITY, "m"), (0.1, "n")]).unwrap();
    other.xadd("stream", &[("f", "v")]).unwrap();
    engine.snapshot().unwrap();
    let file = directory.file("dump.rdb");
    (directory, file)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a tool that has to succeed, and returns what it says.
pub(crate) fn good(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    assert_eq!(status.code(), Some(0), "{arguments:?}: {}{}", text(&stdout), text(&stderr));
    text(&stdout)
}

/// Runs a tool that has to fail, and returns why it does.
pub(crate) fn bad(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = run(arguments);
    assert_eq!(status.code(), Some(1), "{arguments:?}: {}{}", text(&stdout), text(&stderr));
    text(&stdout) + &text(&stderr)
}

#[test]
fn check_tells_what_a_file_holds() {
    let (directory, file) = filled();
    let told = good(&["check", name(&file)]);
    for line in [
        "version: REDIS0011",
        "redis-bits: 64",
        "database 0: 5 keys, 1 with a deadline, 0 of them past",
        "database 5: 2 keys, 0 with a deadline, 0 of them past",
        "type string: 2 keys",
        "type stream: 1 keys",
        "checksum: right",
        "The file is good.",
    ] {
        assert!(told.lines().any(|l| l == line), "no {line:?} in\n{told}");
    }
    assert_eq!(good(&["check", "--fix", name(&directory.0)]), told);
}

#[test]
fn check_finds_every_flipped_byte() {
    let (directory, file) = filled();
    let whole = fs::read(&file).unwrap();
    let flipped = directory.file("flipped.rdb");
    for at in 0..whole.len() {
        for bits in [0x01, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= bits;
            fs::write(&flipped, &bytes).unwrap();
            let told = bad(&["check", name(&flipped)]);
            assert!(told.contains("The file is damaged at byte "), "byte {at}: {told}");
        }
    }
}

#[test]
fn check_finds_what_is_missing_and_what_is_too_much() {
    let (directory, file) = filled();
    let whole = fs::read(&file).unwrap();
    let cut = directory.file("cut.rdb");
    for len in (0..whole.len()).step_by(3).chain([whole.len() - 1]) {
        fs::write(&cut, &whole[..len]).unwrap();
        let told = bad(&["check", name(&cut), "--fix"]);
        let at = told.split("damaged at byte ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        assert!(at.is_some_and(|at| at <= len), "{len} bytes: {told}");
        assert!(told.contains("An RDB file cannot be repaired"), "{told}");
        let has_key = told.contains("The last key that could be read is \"");
        assert!(has_key || told.contains("No key could be read."), "{told}");
    }
    fs::write(&cut, [&whole[..], b"x"].concat()).unwrap();
    let told = bad(&["check", name(&cut)]);
    let expected = format!("damaged at byte {} (0x{0:x}): what should be there is the end of the file.", whole.len());
    assert!(told.contains(&expected), "{told}");
}

/// Runs a tool with room for so many kilobytes.
fn within(kilobytes: u32, arguments: &[&str]) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"")]);
    shell.arg(env!("CARGO_BIN_EXE_carnelian-server")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn lengths_that_lie_take_no_memory() {
    let directory = Directory::new();
    let file = directory.file("hostile.rdb");
    let huge = [&[0x81][..], &(1_u64 << 40).to_be_bytes()].concat();
    let endless = [&[0x81][..], &u64::MAX.to_be_bytes()].concat();
    // A compressed string of a few bytes that says it were long.
    let compressed = [&[0xc3, 4][..], &huge, &[1, b'a', b'b', 0]].concat();
    for kind in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25] {
        for length in [&huge, &endless, &compressed] {
            let bytes = [&b"REDIS0011\xfe\x00\xfb"[..], length, length, &[kind, 1, b'k'], length, &[0; 64]].concat();
            fs::write(&file, bytes).unwrap();
            let Output { status, stdout, stderr } = within(400_000, &["check", name(&file)]);
            let told = text(&stdout) + &text(&stderr);
            assert_eq!(status.code(), Some(1), "type {kind}: {told}");
            assert!(told.contains("damaged at byte "), "type {kind}: {told}");
        }
    }
}

#[test]
fn a_file_larger_than_memory_is_read() {
    let directory = Directory::new();
    let engine =
        Engine::open(Options::new().dir(&directory.0).config("appendonly", "no").config("rdbcompression", "no"))
            .unwrap();
    let db = engine.db(0).unwrap();
    for n in 0..80 {
        db.set(format!("key {n}"), vec![b'v'; 4 << 20]).unwrap();
    }
    engine.snapshot().unwrap();
    drop(engine);
    let (data, folder) = (directory.file("dump.rdb"), name(&directory.0).to_owned());
    let len = fs::metadata(&data).unwrap().len();
    // The map takes addresses, but no memory that the limit of the data segment would count.
    let told = Command::new("sh")
        .args(["-c", "ulimit -d 160000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_carnelian-server"), "check", &folder])
        .output()
        .unwrap();
    assert!(len > 300 << 20, "{len} bytes");
    assert_eq!(told.status.code(), Some(0), "{}{}", text(&told.stdout), text(&told.stderr));
    // Nobody looks, so nobody is shown a bar.
    assert_eq!(text(&told.stderr), "");
    assert!(text(&told.stdout).contains("database 0: 80 keys"), "{}", text(&told.stdout));
}

#[test]
fn keys_go_out_as_lines_and_come_back() {
    let (directory, file) = filled();
    let lines = good(&["export", name(&directory.0)]);
    assert_eq!(lines.lines().count(), 7, "{lines}");
    assert!(lines.contains(r#"{"db":5,"key":"zset","type":"zset","value":[["n",0.1],["m","inf"]]}"#), "{lines}");
    assert!(lines.contains(r#""value":{"base64":"/wA="}}"#), "{lines}");
    let (saved, new) = (directory.file("keys.jsonl"), directory.file("new"));
    assert_eq!(good(&["export", name(&file), "--output", name(&saved)]), "");
    assert_eq!(fs::read_to_string(&saved).unwrap(), lines);
    assert_eq!(good(&["import", name(&saved), "--dir", name(&new)]), "");
    assert_eq!(good(&["export", name(&new)]), lines);
    // As another version, in place of itself.
    let replaced = new.join("dump.rdb");
    let args = ["export", name(&new), "--format", "rdb", "--rdb-version", "10", "--output", name(&replaced)];
    assert_eq!(good(&args), "");
    assert!(good(&["check", name(&replaced)]).contains("version: REDIS0010"));
    assert_eq!(good(&["export", name(&new)]), lines);
    let engine = Engine::open(Options::new().dir(&new).config("appendonly", "no")).unwrap();
    assert_eq!(engine.db(5).unwrap().zscore("zset", "n").unwrap(), Some(0.1));
}

#[cfg(feature = "lua")]
#[test]
fn libraries_of_functions_go_into_rdb_files_and_are_missed_in_lines() {
    let (directory, file) = filled();
    let open = || Engine::open(Options::new().dir(&directory.0).config("appendonly", "no")).unwrap();
    let engine = open();
    let library = "#!lua name=lib\nredis.register_function('answer', function() return 42 end)";
    engine.execute(&["FUNCTION", "LOAD", library]).unwrap();
    engine.snapshot().unwrap();
    drop(engine);
    let output = run(&["export", name(&file)]);
    assert_eq!(text(&output.stderr), "1 libraries of functions and parts of modules were left out.\n");
    assert_eq!(good(&["export", name(&file), "--format", "rdb", "--output", name(&file)]), "");
    assert!(good(&["check", name(&file)]).contains("libraries of functions: 1"));
    assert_eq!(open().execute(&["FCALL", "answer", "0"]), Ok(carnelian::Value::Int(42)));
}

#[test]
fn import_changes_nothing_unless_all_is_right() {
    let (directory, file) = filled();
    let (lines, new) = (directory.file("keys.jsonl"), directory.file("new"));
    let fine = r#"{"db":0,"key":"k","type":"string","value":"v"}"#;
    for (text, error) in [
        (format!("{fine}\n\n{{"), "line 3: this is no JSON"),
        (format!("{fine}\n{fine}\n"), "line 2: the key \"k\" is there twice"),
        (format!("{fine}\nnull\n{fine}"), "line 2: a line has to be an object"),
    ] {
        fs::write(&lines, text).unwrap();
        let told = bad(&["import", name(&lines), "--dir", name(&new)]);
        assert!(told.contains(error), "{told}");
        assert!(!new.exists());
    }
    let before = fs::read(&file).unwrap();
    let told = bad(&["import", name(&lines), "--dir", name(&directory.0), "--force"]);
    assert!(told.contains("line 2"), "{told}");
    fs::write(&lines, fine).unwrap();
    let told = bad(&["import", name(&lines), "--dir", name(&directory.0)]);
    assert!(told.contains("is not empty"), "{told}");
    assert_eq!(fs::read(&file).unwrap(), before);
    good(&["import", name(&lines), "--dir", name(&directory.0), "--force"]);
    assert_eq!(good(&["export", name(&file)]), format!("{fine}\n"));
    fs::create_dir(directory.file("appendonlydir")).unwrap();
    let told = bad(&["import", name(&lines), "--dir", name(&directory.0), "--force"]);
    assert!(told.contains("has a log (appendonlydir)"), "{told}");
    fs::create_dir(&new).unwrap();
    let lock = carnelian::files::lock(&new).unwrap();
    assert!(bad(&["import", name(&lines), "--dir", name(&new)]).contains("is in use by another process"));
    drop(lock);
    good(&["import", name(&lines), "--dir", name(&new)]);
}

#[test]
fn export_of_a_damaged_file_leaves_nothing() {
    let (directory, file) = filled();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    let output = directory.file("keys.jsonl");
    let before = fs::read_dir(&directory.0).unwrap().count();
    let told = bad(&["export", name(&file), "--output", name(&output)]);
    assert!(told.contains("it is damaged at byte "), "{told}");
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), before);
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let directory = Directory::new();
    let empty = name(&directory.0);
    for (arguments, error) in [
        (&["check", "/nonexistent"][..], "Cannot read /nonexistent: No such file"),
        (&["check", empty], "There is no dump.rdb in "),
        (&["export", empty, "--format", "rdb"], "There is no dump.rdb in "),
        (&["import", "/nonexistent", "--dir", empty], "Cannot read /nonexistent: No such file"),
    ] {
        let told = bad(arguments);
        assert!(told.contains(error), "{arguments:?}: {told}");
    }
    for arguments in [&["check"][..], &["export", "x", "--format", "csv"], &["import", "x"], &["check", "x", "--force"]]
    {
        let Output { status, stderr, .. } = run(arguments);
        assert_eq!(status.code(), Some(2), "{arguments:?}: {}", text(&stderr));
        assert!(text(&stderr).starts_with("error: "), "{}", text(&stderr));
    }
    let help = good(&["export", "--help"]);
    assert!(help.contains("--rdb-dialect"), "{help}");
}
