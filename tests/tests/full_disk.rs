//! A real disk that is full: a small file system in memory, in a mount namespace of its own. Writes are refused, reads go
//! on, nobody crashes; when there is space again writes are taken, and everything acknowledged outlives the process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use carnelian_tests::resp::{Client, Reply};
use carnelian_tests::server::{Server, subject_program};

/// What the file system has, and what of it something else takes.
const MEGABYTES: u32 = 6;
const BALLAST: u32 = 2;
const VALUE: usize = 10_000;

/// A file system that only those see who enter the namespace of a process which waits for its end.
struct SmallDisk {
    folder: PathBuf,
    holder: Child,
}

impl SmallDisk {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carnelian-full-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("data")).expect("a folder");
        let data = folder.join("data");
        let mount = format!("mount -t tmpfs -o size={MEGABYTES}m none '{}' && echo ready && read end", data.display());
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &mount])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, of util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut said).expect("readable");
        let this = Self { folder, holder };
        assert_eq!(said, "ready\n", "this test needs a system that lets users make namespaces (unshare -rm)");
        this.run(&format!("head -c {BALLAST}M /dev/zero > ballast"));
        this
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn enter(&self) -> String {
        format!("nsenter --preserve-credentials --user --mount --target {} --", self.holder.id())
    }

    /// Runs a line of shell in the file system.
    fn run(&self, line: &str) {
        let line = format!("exec {} sh -c 'cd \"$0\" && {line}' '{}'", self.enter(), self.data());
        assert!(Command::new("sh").args(["-c", &line]).status().expect("a shell").success(), "{line}");
    }

    /// The server under test, with this as its disk.
    fn start(&self, arguments: &[&str]) -> Server {
        let program = self.folder.join("server");
        if !program.exists() {
            let text = format!("#!/bin/sh\nexec {} '{}' \"$@\"\n", self.enter(), subject_program().display());
            fs::write(&program, text).expect("a file");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        Server::start(Path::new(&program), &[&["--dir", &self.data()], arguments].concat())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It ends when it can read no more; nothing of it is worth keeping.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn key(n: usize) -> String {
    format!("key {n}")
}

fn value(n: usize) -> String {
    format!("{n:010}").repeat(VALUE / 10)
}

fn set(client: &mut Client, n: usize) -> Reply {
    client.call(&["SET", &key(n), &value(n)])
}

fn are_there(client: &mut Client, keys: usize) {
    for n in 0..keys {
        assert_eq!(client.call(&["GET", &key(n)]), Reply::Bulk(value(n).into_bytes()), "key {n} of {keys}");
    }
}

fn is_ok(reply: &Reply) -> bool {
    *reply == Reply::Simple(b"OK".to_vec())
}

fn is_refused(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with(b"MISCONF "))
}

/// Sets key after key until there are so many, again and again where that is refused. `keys` are those acknowledged.
fn write(mut client: Client, keys: &AtomicUsize, until: &AtomicUsize) {
    while keys.load(SeqCst) < until.load(SeqCst) {
        match set(&mut client, keys.load(SeqCst)) {
            reply if is_ok(&reply) => {
                keys.fetch_add(1, SeqCst);
            }
            reply if is_refused(&reply) => std::thread::sleep(Duration::from_millis(5)),
            reply => panic!("SET said {reply:?}"),
        }
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < until, "not within 15 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn log_works(client: &mut Client) -> bool {
    let info = client.call(&["INFO", "persistence"]);
    String::from_utf8_lossy(info.text().unwrap_or_default()).contains("aof_last_write_status:ok")
}

/// Fills the disk, and makes room again. Returns how many keys were acknowledged.
///
/// Under `always` the write that finds the disk full waits for its end: it has been done, and is not safe yet. Whoever reads
/// behind the same lock waits with it.
fn fill(disk: &SmallDisk, server: &Server, always: bool) -> usize {
    let (keys, until) = (AtomicUsize::new(0), AtomicUsize::new(((MEGABYTES as usize) << 20) / VALUE));
    let (mut client, writer) = (server.connect(), server.connect());
    std::thread::scope(|scope| {
        scope.spawn(|| write(writer, &keys, &until));
        wait_until("the disk is full", || !log_works(&mut client));
        let full = keys.load(SeqCst);
        assert!(full * VALUE > ((MEGABYTES - BALLAST) as usize) << 19, "full after {full} keys");
        // It goes on like this: who reads is served, who writes is refused.
        for _ in 0..20 {
            let reply = client.call(&["LPUSH", "list", "x"]);
            assert!(is_refused(&reply), "{reply:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        if !always {
            are_there(&mut client, full);
        }
        until.store(keys.load(SeqCst) + 20, SeqCst);
        disk.run("rm ballast");
        wait_until("writes are taken again", || keys.load(SeqCst) >= until.load(SeqCst));
    });
    assert!(log_works(&mut client));
    keys.into_inner()
}

fn fills_up(name: &str, arguments: &[&str]) {
    let disk = SmallDisk::new(name);
    let arguments = [&["--appendonly", "yes"], arguments].concat();
    let mut server = disk.start(&arguments);
    let keys = fill(&disk, &server, arguments.contains(&"always"));
    for (ends, keys) in [Server::kill, Server::shut_down].into_iter().zip(keys..) {
        ends(&mut server);
        server = disk.start(&arguments);
        let mut client = server.connect();
        are_there(&mut client, keys);
        assert!(is_ok(&set(&mut client, keys)), "there is still space");
    }
}

#[test]
fn a_full_disk_under_a_mapped_log() {
    fills_up("mapped", &["--aof-store", "mapped"]);
}

#[test]
fn a_full_disk_under_a_written_log() {
    fills_up("written", &["--aof-store", "written"]);
}

#[test]
fn a_full_disk_where_every_write_waits_for_it() {
    fills_up("always", &["--appendfsync", "always"]);
}
