//! What is on the disk before what: nothing is named before it is there, and nothing deleted before what takes its place
//! is. The server runs with a library in front of the system's that writes its calls down.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Server, subject_program};

const MANIFEST: &str = "appendonly.aof.manifest";

/// A folder for the files of servers that run one after the other, and what they have done to them.
struct Watched {
    folder: PathBuf,
    /// Calls that have been looked at.
    seen: usize,
}

impl Watched {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carnelian-order-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("data")).expect("a folder");
        let this = Self { folder: folder.canonicalize().expect("there"), seen: 0 };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/order/calls.c");
        let library = this.folder.join("calls.so");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
        assert!(compiler.status().expect("a C compiler").success());
        let program = format!(
            "#!/bin/sh\nORDER_OF_CALLS='{}' LD_PRELOAD='{}' exec '{}' \"$@\"\n",
            this.folder.join("calls").display(),
            library.display(),
            subject_program().display()
        );
        fs::write(this.program(), program).expect("a file");
        fs::set_permissions(this.program(), fs::Permissions::from_mode(0o755)).expect("ours");
        this
    }

    fn program(&self) -> PathBuf {
        self.folder.join("server")
    }

    fn data(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    fn start(&self) -> Server {
        let data = self.data("").display().to_string();
        // It syncs when it has to, and not when a second is over.
        Server::start(&self.program(), &["--dir", &data, "--appendonly", "yes", "--appendfsync", "no", "--save", ""])
    }

    /// What was done since the last look, without what the log's thread does to segments when it pleases: of each it is
    /// the first sync that counts, before it is named.
    fn calls(&mut self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("calls")).expect("calls");
        let lines: Vec<_> = text.lines().map(|line| self.short(line)).collect();
        let is_new = |i: usize| {
            !lines[i].ends_with(".incr.aof") || lines[i].starts_with("unlink") || !lines[..i].contains(&lines[i])
        };
        let calls = (self.seen..lines.len()).filter(|&i| is_new(i)).map(|i| lines[i].clone());
        let calls = calls.filter(|call| !call.starts_with("cut") && !call.ends_with(" (deleted)")).collect();
        self.seen = lines.len();
        calls
    }

    /// A call with the names of files alone, and without the number of the process. A file aside is put in its place
    /// under its own name.
    fn short(&self, line: &str) -> String {
        let mut parts = line.split('\t');
        let call = parts.next().unwrap_or_default();
        let names = parts.filter(|path| !path.is_empty()).map(|path| {
            let path = Path::new(path).strip_prefix(self.folder.join("data")).expect("a file of the server");
            let name = path.file_name().map_or(".".into(), |name| name.to_string_lossy().into_owned());
            match name.strip_prefix("temp-").and_then(|rest| rest.split_once('-')) {
                Some((_, name)) => format!("the new {name}"),
                None => name,
            }
        });
        format!("{call} {}", names.collect::<Vec<_>>().join(" "))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // What a failure was about is there to be looked at.
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A file is on the disk before it takes its place, and its place before anything rests on that.
fn put(name: &str, folder: &str) -> Vec<String> {
    vec![format!("sync the new {name}"), format!("rename the new {name} {name}"), format!("sync {folder}")]
}

fn put_manifest() -> Vec<String> {
    put(MANIFEST, "appendonlydir")
}

fn one(call: &str) -> Vec<String> {
    vec![call.to_owned()]
}

fn ok(client: &mut Client, argv: &[&str]) {
    let reply = client.call(argv);
    assert!(matches!(reply, Reply::Simple(_)), "{argv:?}: {reply:?}");
}

fn rewrite(client: &mut Client) {
    ok(client, &["BGREWRITEAOF"]);
    let until = Instant::now() + Duration::from_secs(15);
    loop {
        let info = client.call(&["INFO", "persistence"]);
        let text = String::from_utf8_lossy(info.text().unwrap_or_default()).into_owned();
        if text.contains("aof_rewrite_in_progress:0") {
            assert!(text.contains("aof_last_bgrewrite_status:ok"), "{text}");
            return;
        }
        assert!(Instant::now() < until, "not within 15 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_log_is_named_when_it_is_there_and_deleted_when_another_is() {
    let mut watched = Watched::new("rewrite");
    let mut server = watched.start();
    let first = [
        // The folder, which it has just made.
        one("sync ."),
        one("sync appendonly.aof.1.incr.aof"),
        put("appendonly.aof.1.base.rdb", "appendonlydir"),
        put_manifest(),
        put_manifest(),
    ];
    assert_eq!(watched.calls(), first.concat());
    let mut client = server.connect();
    ok(&mut client, &["SET", "k", "v"]);
    rewrite(&mut client);
    let again = [
        one("sync appendonly.aof.2.incr.aof"),
        put_manifest(),
        put("appendonly.aof.2.base.rdb", "appendonlydir"),
        put_manifest(),
        one("unlink appendonly.aof.1.base.rdb"),
        one("unlink appendonly.aof.1.incr.aof"),
        put_manifest(),
    ];
    assert_eq!(watched.calls(), again.concat());
    ok(&mut client, &["SAVE"]);
    assert_eq!(watched.calls(), put("dump.rdb", "."));
    server.shut_down();
}

#[test]
fn what_is_cut_off_is_kept_before_it_is_cut() {
    let mut watched = Watched::new("cut");
    let mut server = watched.start();
    ok(&mut server.connect(), &["SET", "k", "v"]);
    server.kill();
    watched.calls();
    let segment = watched.data("appendonlydir/appendonly.aof.1.incr.aof");
    let bytes = fs::read(&segment).expect("a segment");
    let used = bytes.iter().rposition(|&b| b != 0).expect("some") + 1;
    fs::write(&segment, &bytes[..used - 1]).expect("ours");
    let seen = watched.seen;
    let _server = watched.start();
    let text = fs::read_to_string(watched.folder.join("calls")).expect("calls");
    let calls: Vec<_> = text.lines().skip(seen).map(|line| watched.short(line)).collect();
    let calls: Vec<_> = calls.into_iter().filter(|call| !call.ends_with("carnelian.lock")).collect();
    let aside = fs::read_dir(watched.data("appendonlydir")).expect("a folder").filter_map(|entry| {
        entry.expect("readable").file_name().into_string().ok().filter(|name| name.contains(".cut-at-"))
    });
    let aside = aside.collect::<Vec<_>>().join(" ");
    let expected = [
        &format!("sync {aside}"),
        "sync appendonlydir",
        "cut appendonly.aof.1.incr.aof",
        "sync appendonly.aof.1.incr.aof",
        // From here on it goes on in what is left.
        "cut appendonly.aof.1.incr.aof",
    ];
    assert_eq!(calls[..5.min(calls.len())], expected);
}

#[test]
fn a_single_file_stays_where_it_was_moved_to() {
    let mut watched = Watched::new("single");
    fs::write(watched.data("appendonly.aof"), "*1\r\n$4\r\nPING\r\n").expect("ours");
    let _server = watched.start();
    let moved = [
        one("sync ."),
        put_manifest(),
        one("rename appendonly.aof appendonly.aof"),
        one("sync appendonlydir"),
        one("sync ."),
    ];
    let moved = moved.concat();
    assert_eq!(watched.calls()[..moved.len()], moved);
}
