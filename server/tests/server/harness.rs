//! Starts servers and talks to them.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory of its own, which goes with this.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("carnelian-test-{}-{}", std::process::id(), LAST.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server, which is killed when this goes.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
    directory: Directory,
}

pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_carnelian-server"))
}

/// Runs the server to its end, which has to come by itself.
pub(crate) fn run(options: &[&str]) -> Output {
    binary().args(options).stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        // Somebody may take the port before the server does.
        for _ in 0..5 {
            if let Some(server) = Self::try_start(options) {
                return server;
            }
        }
        panic!("the server does not start");
    }

    pub(crate) fn try_start(options: &[&str]) -> Option<Self> {
        let (port, directory) = (free_port(), Directory::new());
        let log = directory.file("log");
        let mut child = binary()
            .args(["--port", &port.to_string(), "--logfile", log.to_str().unwrap()])
            .args(["--dir", directory.file("").to_str().unwrap(), "--save", ""])
            .args(options)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(&log).unwrap_or_default().contains("Ready to accept connections") {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self { child, port, directory })
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.file("log")).unwrap()
    }

    /// Waits until the log says something.
    pub(crate) fn expect_log(&self, text: &str) {
        eventually(text, || self.log().contains(text));
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        eventually("the end of the server", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }

    /// Resident memory in bytes, without pages of files: those of the program come and go as the machine has room.
    pub(crate) fn rss(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: Vec<usize> = statm.split_whitespace().map(|pages| pages.parse().unwrap()).collect();
        (pages[1] - pages[2]) * 4096
    }

    /// Processor time used so far, in clock ticks of 10 ms.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}: does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A request as clients send it.
pub(crate) fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A string as servers send it.
pub(crate) fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

pub(crate) struct Client<S>(pub(crate) S);

impl<S: Read + Write> Client<S> {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        self.0.read_exact(&mut got).unwrap();
        if got != bytes {
            let show = |b: &[u8]| b[..b.len().min(200)].escape_ascii().to_string();
            panic!("got {}, not {}", show(&got), show(bytes));
        }
    }

    pub(crate) fn ask(&mut self, words: &[&[u8]], reply: &[u8]) {
        self.send(&request(words));
        self.expect(reply);
    }

    /// The next bytes that come.
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let mut got = vec![0; len];
        self.0.read_exact(&mut got).unwrap();
        got
    }

    /// Asks for what is answered with a string.
    pub(crate) fn ask_bulk(&mut self, words: &[&[u8]]) -> Vec<u8> {
        self.send(&request(words));
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n") {
            head.extend(self.take(1));
        }
        let len = std::str::from_utf8(&head).unwrap().trim_start_matches('$').trim_end().parse::<usize>().unwrap();
        let mut bytes = self.take(len + 2);
        bytes.truncate(len);
        bytes
    }

    /// All that still comes before the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(e) => panic!("not closed: {e}"),
        }
        rest
    }
}

pub(crate) fn unix_client(path: &Path) -> Client<std::os::unix::net::UnixStream> {
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Client(stream)
}

/// An address of this machine that is not the loopback's, if it has one.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: only the route is looked up.
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_loopback())
}

/// How many descriptors this process may open, with some left for others.
pub(crate) fn descriptors() -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = text.lines().find(|l| l.starts_with("Max open files")).unwrap();
    let soft = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    soft.saturating_sub(500)
}
