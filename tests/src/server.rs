//! Starts server processes for tests, each on a free port with a folder of its own, and stops them when dropped.
//!
//! A server that cannot be started fails the test that wanted it; nothing is skipped.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::resp::{Client, Reply};

/// How long a server may take to answer its first PING.
const START: Duration = Duration::from_secs(20);

/// The servers that ours is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Peer {
    /// redis-server 7.0, the measure wherever it has what is compared.
    Redis7,
    /// redis8-server 8.0, for what Redis added later.
    Redis8,
    /// valkey-server 9.1, for what Valkey has.
    Valkey,
}

impl Peer {
    /// What reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Peer::Redis7 => "redis",
            Peer::Redis8 => "redis8",
            Peer::Valkey => "valkey",
        }
    }

    fn program(self) -> PathBuf {
        match self {
            Peer::Redis7 => peer_program("redis-server", "Redis server v=7.0."),
            Peer::Redis8 => peer_program("redis8-server", "Redis server v=8.0."),
            Peer::Valkey => peer_program("valkey-server", "Valkey server v=9.1."),
        }
    }
}

/// A running server. Dropping it kills the process and removes its folder.
pub struct Server {
    address: String,
    process: Option<Process>,
}

struct Process {
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// The server under test: the address in `CARNELIAN_SUBJECT` when that is set, otherwise a new process of the
    /// program in `CARNELIAN_SERVER` or of the `carnelian-server` that cargo built last.
    ///
    /// `arguments` are directives, as on the command line of redis-server.
    #[must_use]
    pub fn subject(arguments: &[&str]) -> Self {
        match std::env::var("CARNELIAN_SUBJECT") {
            Ok(address) => Server { address, process: None },
            Err(_) => Self::start(&subject_program(), arguments),
        }
    }

    /// A new process of the real thing.
    #[must_use]
    pub fn peer(peer: Peer, arguments: &[&str]) -> Self {
        Self::start(&peer.program(), arguments)
    }

    /// As [`subject`](Self::subject), for one that may refuse to start.
    ///
    /// # Errors
    /// Why it did not, with the end of its log.
    pub fn try_subject(arguments: &[&str]) -> Result<Self, String> {
        Self::try_start(&subject_program(), arguments)
    }

    /// As [`peer`](Self::peer), for one that may refuse to start.
    ///
    /// # Errors
    /// Why it did not, with the end of its log.
    pub fn try_peer(peer: Peer, arguments: &[&str]) -> Result<Self, String> {
        Self::try_start(&peer.program(), arguments)
    }

    /// A new process of `program`.
    ///
    /// # Panics
    /// When it does not come to answer PING.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        // Between finding a free port and using it somebody else may take it, so a start may need a second try.
        for _ in 0..2 {
            if let Ok(server) = Self::try_start(program, arguments) {
                return server;
            }
        }
        Self::try_start(program, arguments).unwrap_or_else(|why| panic!("{} did not start: {why}", program.display()))
    }

    /// Where it listens, as `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where its files are; nothing for a server that this test did not start.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.process.as_ref().map(|process| &*process.folder)
    }

    /// A new connection.
    ///
    /// # Panics
    /// When the server does not accept one.
    #[must_use]
    pub fn connect(&self) -> Client {
        Client::connect(&self.address).unwrap_or_else(|e| panic!("no connection to {}: {e}", self.address))
    }

    /// Has the server end itself in good order. Its folder stays until this is dropped.
    ///
    /// # Panics
    /// When it does not end, or says that something went wrong.
    pub fn shut_down(&mut self) {
        let _ = self.connect().send(&["SHUTDOWN"]);
        let Some(process) = &mut self.process else { return };
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(status) = process.child.try_wait().expect("a child of this test") {
                assert!(status.success(), "it ended with {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it did not end within {START:?}");
    }

    /// Ends the server without warning. Its folder stays until this is dropped.
    ///
    /// # Panics
    /// When the system does not let us.
    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.child.kill().and_then(|()| process.child.wait()).expect("a child of this test");
        }
    }

    /// The memory that the process occupies, in bytes; `None` for a server that this test did not start.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let pid = self.process.as_ref()?.child.id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server process is gone");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("a process without VmRSS is a zombie");
        let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("VmRSS in kB");
        Some(kilobytes * 1024)
    }

    fn try_start(program: &Path, arguments: &[&str]) -> Result<Self, String> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let port = free_port();
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("carnelian-tests-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let log = folder.join("log");
        let out = File::create(&log).map_err(|e| e.to_string())?;
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(out.try_clone().map_err(|e| e.to_string())?)
            .stdout(out)
            .spawn()
            .map_err(|e| e.to_string())?;
        // From here on dropping the server cleans up.
        let mut server = Server { address: format!("127.0.0.1:{port}"), process: Some(Process { child, folder }) };
        server.wait_until_it_answers().map_err(|why| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let tail = log.lines().rev().take(20).collect::<Vec<_>>();
            format!("{why}; the end of its log:\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"))
        })?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(process) = &mut self.process
                && let Ok(Some(status)) = process.child.try_wait()
            {
                return Err(format!("it ended with {status}"));
            }
            if let Ok(mut client) = Client::connect(&self.address)
                && client.send(&["PING"]).is_ok()
                && let Ok(reply) = client.read()
                // A server with a password answers too, in its way; one that is loading is not there yet.
                && (reply == Reply::Simple(b"PONG".to_vec()) || reply.is_error() && !is_loading(&reply))
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("it did not answer PING within {START:?}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // Nothing of a test's server is worth keeping, and neither error could be handled better than by going on.
            let _ = process.child.kill();
            let _ = process.child.wait();
            let _ = fs::remove_dir_all(&process.folder);
        }
    }
}

fn is_loading(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with(b"LOADING"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// The program under test: the one in `CARNELIAN_SERVER`, or the newest `carnelian-server` in the target folder that this
/// test itself was built into.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn subject_program() -> PathBuf {
    if let Ok(path) = std::env::var("CARNELIAN_SERVER") {
        return PathBuf::from(path);
    }
    // target/<profile>/deps/<this test>
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(3).expect("a test lies in target/<profile>/deps");
    let built = ["debug", "release"].map(|profile| target.join(profile).join("carnelian-server"));
    let newest = built.into_iter().filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).max();
    match newest {
        Some((_, path)) => path,
        None => panic!("no carnelian-server in {}: run `cargo build -p carnelian-server` first", target.display()),
    }
}

/// A server of a version, from PATH or from where `scripts/get-peers` puts it.
fn peer_program(name: &str, version: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Some(home) = std::env::var_os("HOME") {
        folders.push(Path::new(&home).join(".cache/peers/bin"));
    }
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|program| is_version(program, version));
    found.unwrap_or_else(|| {
        panic!(
            "no {name} on PATH that calls itself {version:?}: run `scripts/get-peers` and put what it prints on PATH"
        )
    })
}

fn is_version(program: &Path, version: &str) -> bool {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output();
    output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains(version))
}
