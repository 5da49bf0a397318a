//! The process around the engine, as the engine's commands need it: `SHUTDOWN`, and what `INFO` says of the server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Arc, Weak};

use carnelian::command::{Host, ShutdownOptions};
use carnelian::{Error, Result};

use crate::directives;
use crate::net::{Shared, look_after};

/// A handle to a running server: it can be asked about, and stopped, from any thread.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    facts: Arc<Facts>,
}

/// What does not change while a server runs.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// TCP addresses that it listens at.
    pub(crate) addresses: Vec<SocketAddr>,
    /// TCP addresses at which it serves its metrics.
    pub(crate) metrics: Vec<SocketAddr>,
    /// The Unix socket.
    pub(crate) unix_socket: Option<PathBuf>,
    /// The configuration file.
    pub(crate) config_file: Option<PathBuf>,
}

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>, facts: Facts) -> Self {
        Self { shared, facts: Arc::new(facts) }
    }

    /// Makes the server stop: running commands end, nothing more is accepted, what can be sent quickly is sent. Returns
    /// at once.
    pub fn shutdown(&self) {
        stop(&self.shared);
    }

    /// What a server does with its engine's file before it stops without being asked by a command: see
    /// [`Core::save_before_end`](carnelian::command::Core::save_before_end).
    #[cfg(feature = "cli")]
    pub(crate) fn save_before_end(&self) -> Result<()> {
        self.shared.engine.core().save_before_end(None)
    }

    /// TCP addresses that the server listens at.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.facts.addresses
    }

    /// TCP addresses at which the server serves its metrics.
    pub fn metrics_addresses(&self) -> &[SocketAddr] {
        &self.facts.metrics
    }

    /// How many threads serve connections.
    pub fn io_threads(&self) -> usize {
        self.shared.mailboxes.len()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Relaxed)
    }

    /// The server as the engine's commands see it.
    pub(crate) fn host(&self) -> Arc<dyn Host> {
        Arc::new(ServerHost { shared: Arc::downgrade(&self.shared), facts: Arc::clone(&self.facts) })
    }
}

/// What the server does and tells for commands of the engine. The engine keeps it, so it does not keep the engine.
struct ServerHost {
    shared: Weak<Shared>,
    facts: Arc<Facts>,
}

impl Host for ServerHost {
    fn while_busy(&self, slow: bool) -> bool {
        if slow {
            look_after();
        }
        self.shared.upgrade().is_some_and(|shared| !shared.stopping.load(Relaxed))
    }

    fn shutdown(&self, _: ShutdownOptions) -> Result<()> {
        let shared = self.shared.upgrade().ok_or_else(|| Error::new("ERR Errors trying to SHUTDOWN. Check logs."))?;
        tracing::info!("User requested shutdown...");
        stop(&shared);
        Ok(())
    }

    fn rewrite_config(&self) -> Result<()> {
        let file = self.facts.config_file.as_deref().ok_or_else(Error::no_config_file)?;
        let shared = self.shared.upgrade().ok_or_else(Error::no_config_file)?;
        directives::rewrite::rewrite_file(file, &shared.engine.core().config).map_err(|e| {
            tracing::warn!("CONFIG REWRITE failed: {e}");
            Error::new(format!("ERR Rewriting config file: {}", system_text(&e)))
        })?;
        tracing::info!("CONFIG REWRITE executed with success.");
        Ok(())
    }

    fn info(&self, section: &str, out: &mut String) {
        let Some(shared) = self.shared.upgrade() else { return };
        for (name, value) in lines(&shared, &self.facts, section) {
            out.push_str(&format!("{name}:{value}\r\n"));
        }
    }
}

/// An error of the system in the system's own words.
fn system_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    // Without Rust's "(os error 2)".
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

fn stop(shared: &Shared) {
    shared.stopping.store(true, Release);
    for mailbox in &shared.mailboxes {
        mailbox.wake();
    }
    if let Some(waker) = &shared.metrics
        && let Err(e) = waker.wake()
    {
        tracing::warn!("Cannot wake the thread of the metrics: {e}");
    }
}

/// The server's own lines of a section of `INFO`, in Redis's names; none for sections that it knows nothing of.
fn lines(shared: &Shared, facts: &Facts, section: &str) -> Vec<(&'static str, String)> {
    let path = |p: &Option<PathBuf>| p.as_ref().map(|p| p.display().to_string()).unwrap_or_default();
    match section {
        "server" => vec![
            ("tcp_port", facts.addresses.first().map_or(0, SocketAddr::port).to_string()),
            ("unixsocket", path(&facts.unix_socket)),
            ("process_supervised", directives::value(&shared.engine.core().config, "supervised")),
            ("multiplexing_api", if cfg!(target_os = "linux") { "epoll" } else { "kqueue" }.into()),
            ("executable", path(&std::env::current_exe().ok())),
            ("config_file", path(&facts.config_file)),
            ("io_threads_active", u8::from(shared.mailboxes.len() > 1).to_string()),
            ("io_threads", shared.mailboxes.len().to_string()),
        ],
        "clients" => vec![("maxclients", directives::value(&shared.engine.core().config, "maxclients"))],
        _ => Vec::new(),
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("facts", &self.facts).finish_non_exhaustive()
    }
}
