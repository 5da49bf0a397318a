//! What connections may do, as the directives have it: read again whenever one of them has changed.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use carnelian::command::{Client, Core};

use crate::directives;
use crate::directives::output_limits::{OutputLimit, OutputLimits};

/// The limits in force, for whoever drives sessions.
#[derive(Debug)]
pub struct Limits {
    generation: u64,
    /// `timeout`: milliseconds of silence after which a connection ends; 0 for never.
    pub(crate) timeout: u64,
    /// `client-query-buffer-limit`: bytes of requests that may wait for their end.
    pub query: usize,
    /// `client-output-buffer-limit`.
    pub(crate) output: OutputLimits,
    /// `maxclients`.
    pub(crate) maxclients: usize,
    /// `maxmemory-clients` in bytes; 0 for no limit.
    pub(crate) clients_memory: usize,
    /// `tcp-keepalive`.
    pub(crate) keepalive: Option<Duration>,
    /// Only peers on this machine are let in.
    pub(crate) local_only: bool,
}

/// What all clients together may take; a percentage is one of `maxmemory`.
fn clients_memory(core: &Core) -> usize {
    let limit = directives::value(&core.config, "maxmemory-clients");
    let bytes = match limit.strip_suffix('%').map(str::parse) {
        Some(percent) => core.keyspace.settings().maxmemory.load(Relaxed) / 100 * percent.unwrap_or(0),
        None => limit.parse().unwrap_or(0),
    };
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Limits {
    /// The limits of an engine's directives.
    pub fn read(core: &Core) -> Self {
        // The generation first: a change while the rest is read makes it be read again.
        let generation = core.config.generation();
        let int = |name| usize::try_from(directives::int(&core.config, name)).unwrap_or(0);
        let limits = OutputLimits::parse(&directives::value(&core.config, "client-output-buffer-limit"));
        let keepalive = int("tcp-keepalive");
        Self {
            generation,
            timeout: int("timeout") as u64 * 1000,
            query: int("client-query-buffer-limit"),
            output: limits.unwrap_or_default(),
            maxclients: int("maxclients"),
            clients_memory: clients_memory(core),
            keepalive: (keepalive > 0).then(|| Duration::from_secs(keepalive as u64)),
            local_only: directives::value(&core.config, "protected-mode") == "yes"
                && core.config.get("requirepass").is_empty(),
        }
    }

    /// The limit of a client's unsent replies, by its class.
    pub fn output_of(&self, client: &Client) -> OutputLimit {
        if client.is_subscriber() { self.output.pubsub } else { self.output.normal }
    }

    /// Reads the limits again if a directive has changed.
    #[inline]
    pub fn refresh(&mut self, core: &Core) {
        if self.generation != core.config.generation() {
            *self = Self::read(core);
        }
    }
}
