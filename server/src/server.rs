//! A server: listeners and I/O threads in front of an engine.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::JoinHandle;

use carnelian::Engine;
use mio::Poll;

use crate::directives;
use crate::host::{Facts, Handle};
use crate::metrics::Endpoint;
use crate::net::{EventLoop, Listener, Mailbox, Shared};

/// Where a server listens, and with how many threads it serves.
///
/// What connections may do (`maxclients`, `timeout`, limits of buffers, ...) are directives of the engine: open it with
/// [`directives::register`] to have them in `CONFIG`; without, they have their defaults.
#[derive(Clone, Debug)]
pub struct Config {
    tcp: Vec<Address>,
    metrics: Vec<Address>,
    unix: Option<(PathBuf, Option<u32>)>,
    io_threads: usize,
    backlog: i32,
    file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    /// It is no error if this address cannot be had.
    optional: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { tcp: Vec::new(), metrics: Vec::new(), unix: None, io_threads: 0, backlog: 511, file: None }
    }
}

impl Config {
    /// A server that listens nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// As an engine's directives say: `bind`, `port`, `unixsocket`, `io-threads`, ...
    pub fn from_directives(engine: &Engine) -> Self {
        let config = &engine.core().config;
        let (text, int) = (|name| directives::value(config, name), |name| directives::int(config, name));
        let mut new = Self::new();
        let bind = text("bind");
        new.tcp = addresses(&bind, int("port"));
        new.metrics = addresses(&bind, int("metrics-port"));
        let path = text("unixsocket");
        if !path.is_empty() {
            let mode = u32::from_str_radix(&text("unixsocketperm"), 8).ok().filter(|&m| m > 0);
            new.unix = Some((path.into(), mode));
        }
        new.io_threads = usize::try_from(int("io-threads")).unwrap_or(0);
        new.backlog = i32::try_from(int("tcp-backlog")).unwrap_or(511);
        new
    }

    /// Listens at a host and port as well; port 0 is one that is free ([`Server::addresses`] tells which).
    #[must_use]
    pub fn listen(mut self, host: impl Into<String>, port: u16) -> Self {
        self.tcp.push(Address { host: host.into(), port, optional: false });
        self
    }

    /// Serves the metrics of the engine at a host and port as well, over HTTP at `/metrics`; port 0 is one that is free
    /// ([`Server::metrics_addresses`] tells which). They are for whoever can connect, as far as `protected-mode` lets
    /// them in: no password is asked for.
    #[must_use]
    pub fn metrics(mut self, host: impl Into<String>, port: u16) -> Self {
        self.metrics.push(Address { host: host.into(), port, optional: false });
        self
    }

    /// Listens at a Unix socket; `mode` are the permissions of its file.
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>, mode: Option<u32>) -> Self {
        self.unix = Some((path.into(), mode));
        self
    }

    /// How many threads serve connections; by default one for each core that there is, and at most 8.
    #[must_use]
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads;
        self
    }

    /// The file that the configuration came from, for `INFO`.
    #[must_use]
    pub fn file(mut self, path: Option<&Path>) -> Self {
        self.file = path.map(Path::to_owned);
        self
    }

    pub(crate) fn threads(&self) -> usize {
        match self.io_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(8),
            n => n.min(128),
        }
    }

    fn open(&self) -> io::Result<Vec<Listener>> {
        let mut listeners = self.open_tcp(&self.tcp)?;
        if let Some((path, mode)) = &self.unix {
            let listener = Listener::unix(path, *mode, self.backlog)
                .map_err(|e| io::Error::new(e.kind(), format!("Failed opening Unix socket {}: {e}", path.display())))?;
            listeners.push(listener);
        }
        Ok(listeners)
    }

    fn open_tcp(&self, addresses: &[Address]) -> io::Result<Vec<Listener>> {
        let mut listeners = Vec::new();
        for Address { host, port, optional } in addresses {
            match Listener::tcp(host, *port, self.backlog) {
                Ok(more) => listeners.extend(more),
                Err(e) if *optional && unavailable(&e) => {
                    tracing::debug!("Not listening at {host} port {port}: {e}");
                }
                Err(e) => {
                    let text = format!("Could not create server TCP listening socket {host}:{port}: {e}");
                    return Err(io::Error::new(e.kind(), text));
                }
            }
        }
        Ok(listeners)
    }
}

/// What `bind` and a port say; nothing for port 0.
fn addresses(bind: &str, port: i64) -> Vec<Address> {
    let Ok(port @ 1..) = u16::try_from(port) else { return Vec::new() };
    let address = |host: &str| {
        // A mark of an address that need not exist. "-::*" and an address that starts so by itself do not clash.
        let (host, optional) = host.strip_prefix('-').map_or((host, false), |host| (host, true));
        Address { host: host.to_owned(), port, optional }
    };
    bind.split_whitespace().map(address).collect()
}

/// Whether an error means that this machine has no such address, as opposed to one that is in use.
fn unavailable(e: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    e.kind() == ErrorKind::AddrNotAvailable || matches!(e.raw_os_error(), Some(EAFNOSUPPORT) | None)
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    handle: Handle,
    threads: Vec<JoinHandle<io::Result<()>>>,
    places: Vec<String>,
}

/// Opens a server in front of an engine, which can go on to be used directly as well.
///
/// ```
/// use carnelian::{Engine, Options};
/// use carnelian_server::{Config, directives, serve};
///
/// let engine = Engine::open(directives::register(Options::new()))?;
/// let server = serve(&engine, &Config::new().listen("127.0.0.1", 0))?;
/// println!("redis-cli -p {}", server.addresses()[0].port());
/// server.stop()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot listen where it should, or nowhere.
pub fn serve(engine: &Engine, config: &Config) -> io::Result<Server> {
    let mut listeners = config.open()?;
    if listeners.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "Configured to not listen anywhere"));
    }
    let metrics_listeners = config.open_tcp(&config.metrics)?;
    let facts = Facts {
        addresses: listeners.iter().filter_map(Listener::address).collect(),
        metrics: metrics_listeners.iter().filter_map(Listener::address).collect(),
        unix_socket: config.unix.as_ref().map(|(path, _)| path.clone()),
        config_file: config.file.clone(),
    };
    let places = listeners.iter().map(Listener::describe).collect();
    let mut ends = Vec::new();
    let mut mailboxes = Vec::new();
    for _ in 0..config.threads() {
        let poll = Poll::new()?;
        let (mailbox, messages) = Mailbox::new(&poll)?;
        let weak = Arc::downgrade(&mailbox);
        engine.core().log().on_sync(move || {
            if let Some(mailbox) = weak.upgrade() {
                mailbox.synced();
            }
        });
        mailboxes.push(mailbox);
        ends.push((poll, messages));
    }
    let endpoint = if metrics_listeners.is_empty() { None } else { Some(Endpoint::new(engine, metrics_listeners)?) };
    let shared = Arc::new(Shared {
        engine: engine.clone(),
        mailboxes,
        metrics: endpoint.as_ref().map(Endpoint::waker).transpose()?,
        connections: AtomicUsize::new(0),
        stopping: AtomicBool::new(false),
    });
    let mut loops = Vec::new();
    for (index, (poll, messages)) in ends.into_iter().enumerate() {
        let own = if index == 0 { std::mem::take(&mut listeners) } else { Vec::new() };
        loops.push(EventLoop::new(poll, Arc::clone(&shared), index, messages, own)?);
    }
    let mut server = Server { handle: Handle::new(Arc::clone(&shared), facts), threads: Vec::new(), places };
    for (index, event_loop) in loops.into_iter().enumerate() {
        let handle = server.handle.clone();
        // If one cannot be started, dropping the server stops the others.
        server.threads.push(std::thread::Builder::new().name(format!("io-{index}")).spawn(move || {
            let result = event_loop.run();
            // A loop that failed takes the others with it: a server that serves some of its clients helps nobody.
            handle.shutdown();
            result
        })?);
    }
    if let Some(mut endpoint) = endpoint {
        let thread = std::thread::Builder::new().name("metrics".into());
        server.threads.push(thread.spawn(move || endpoint.run(&shared.stopping))?);
    }
    Ok(server)
}

impl Server {
    /// The TCP addresses that it listens at.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.handle.addresses()
    }

    /// The TCP addresses at which it serves its metrics.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        self.handle.metrics_addresses()
    }

    /// All places where it listens, for people.
    pub fn places(&self) -> &[String] {
        &self.places
    }

    /// A handle for others.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What makes `SHUTDOWN` stop this server, and `INFO` tell of it. A program that wants that, as `carnelian-server`
    /// does, hands it to the engine: `engine.core().set_host(server.host())`.
    pub fn host(&self) -> Arc<dyn carnelian::command::Host> {
        self.handle.host()
    }

    /// Waits until somebody stops it.
    ///
    /// # Errors
    /// If one of its threads failed.
    pub fn wait(mut self) -> io::Result<()> {
        self.join()
    }

    /// Stops it and waits until it has stopped.
    ///
    /// # Errors
    /// If one of its threads had failed.
    pub fn stop(mut self) -> io::Result<()> {
        self.handle.shutdown();
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the server panicked")));
            result = result.and(ended);
        }
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
        let _ = self.join();
    }
}
