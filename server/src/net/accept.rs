//! Letting connections in, or not.

use std::io::{self, ErrorKind, IoSlice};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::event_loop::Shared;
use super::limits::Limits;
use super::listen::Listener;
use super::stream::Stream;

/// How many connections are accepted before those that exist get their turn.
const IN_A_ROW: usize = 1000;
/// How long to wait when no more file descriptors are to be had.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often that is logged at most.
const COMPLAINTS: Duration = Duration::from_secs(10);

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// Redis's own words, which clients and people search for.
const DENIED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no password \
is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to \
connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode \
sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same \
host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG \
REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis \
configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started \
the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication \
password for the default user. NOTE: You only need to do one of the above things in order for the server to start \
accepting connections from the outside.\r\n";

/// The listeners, and whether there is more to accept.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listeners: Vec<Listener>,
    /// When to try again, if connections may be waiting: edge-triggered listeners do not tell twice.
    again: Option<Instant>,
    /// When it was last logged that connections cannot be accepted.
    complained: Option<Instant>,
}

impl Acceptor {
    pub(crate) fn new(listeners: Vec<Listener>) -> Self {
        Self { listeners, again: None, complained: None }
    }

    pub(crate) fn listeners_mut(&mut self) -> &mut [Listener] {
        &mut self.listeners
    }

    /// Listens no more.
    pub(crate) fn close(&mut self) {
        self.listeners.clear();
        self.again = None;
    }

    /// How long until there may be something to accept of which no event tells.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.again.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Says that there may be something to accept.
    pub(crate) fn remind(&mut self) {
        self.again = Some(Instant::now());
    }

    /// Accepts what is waiting and hands each connection to `adopt`, which says whether there is room for more.
    pub(crate) fn accept(&mut self, mut adopt: impl FnMut(Stream) -> bool) {
        self.again = None;
        for listener in &self.listeners {
            let mut left = IN_A_ROW;
            loop {
                if left == 0 {
                    self.again = Some(Instant::now());
                    break;
                }
                left -= 1;
                match listener.accept() {
                    Ok(stream) => {
                        if !adopt(stream) {
                            return self.remind();
                        }
                    }
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    // The peer has gone in the meantime.
                    Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                    Err(e) => {
                        if self.complained.is_none_or(|at| at.elapsed() > COMPLAINTS) {
                            self.complained = Some(Instant::now());
                            tracing::warn!("Accepting client connection: {e}");
                        }
                        self.again = Some(Instant::now() + PATIENCE);
                        break;
                    }
                }
            }
        }
    }
}

/// Turns a client's connection away with an explanation, or counts it.
pub(crate) fn admit(mut stream: Stream, shared: &Shared, limits: &Limits) -> Option<Stream> {
    let refusal = if shared.connections.load(Relaxed) >= limits.maxclients {
        TOO_MANY
    } else if limits.local_only && !stream.is_local() {
        DENIED
    } else {
        shared.connections.fetch_add(1, Relaxed);
        stream.prepare(limits.keepalive);
        return Some(stream);
    };
    shared.engine.core().clients.rejected.fetch_add(1, Relaxed);
    // The socket is new, so its buffer takes the text, or the peer has gone.
    let _: io::Result<usize> = stream.write(&[IoSlice::new(refusal)]);
    None
}
