//! The metrics endpoint: `GET /metrics` over HTTP, for Prometheus and whatever else reads OpenMetrics.
//!
//! It has a thread of its own, so that a scrape delays no client. No peer can make others wait for long: sockets never
//! block, each connection has its time and a limit of what it may send, and when all places are taken, whoever has had
//! one for longest makes room, after [`GRACE`] at the earliest.

mod connection;
mod figures;
mod http;

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};

use carnelian::Engine;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use crate::net::{Acceptor, Limits, Listener, Stream};
use connection::Connection;
use figures::Exposition;

/// How many connections there may be at once.
const CONNECTIONS: usize = 16;
/// How long a connection has in any case, even if others wait for its place.
const GRACE: Duration = Duration::from_millis(250);
const WAKER: Token = Token(usize::MAX);
/// The token of the first listener; the others count down from it.
const LISTENERS: usize = usize::MAX - 1;

/// The endpoint and the connections it has.
pub(crate) struct Endpoint {
    poll: Poll,
    engine: Engine,
    acceptor: Acceptor,
    limits: Limits,
    exposition: Exposition,
    connections: Slab<Connection>,
}

impl Endpoint {
    pub(crate) fn new(engine: &Engine, mut listeners: Vec<Listener>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (i, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(LISTENERS - i))?;
        }
        Ok(Self {
            poll,
            engine: engine.clone(),
            acceptor: Acceptor::new(listeners),
            limits: Limits::read(engine.core()),
            exposition: Exposition::new(engine),
            connections: Slab::with_capacity(CONNECTIONS),
        })
    }

    /// What makes [`Self::run`] look whether it is to stop. There is one at most.
    pub(crate) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER)
    }

    /// Serves until it is to stop.
    pub(crate) fn run(&mut self, stopping: &AtomicBool) -> io::Result<()> {
        let mut events = Events::with_capacity(64);
        while !stopping.load(Acquire) {
            match self.poll.poll(&mut events, self.due_in()) {
                Err(e) if e.kind() != io::ErrorKind::Interrupted => return Err(e),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(token) if token > LISTENERS - self.acceptor.listeners_mut().len() => self.acceptor.remind(),
                    Token(key) => self.turn(key),
                }
            }
            let now = Instant::now();
            self.connections.retain(|_, connection| connection.deadline() > now);
            if self.accept_in() == Some(Duration::ZERO) {
                self.accept();
            }
        }
        Ok(())
    }

    /// How long until there is something to do of which no event tells.
    fn due_in(&self) -> Option<Duration> {
        let deadline = self.connections.iter().map(|(_, connection)| connection.deadline()).min();
        let deadline = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        [deadline, self.accept_in()].into_iter().flatten().min()
    }

    /// How long until there may be something to accept and a place for it.
    fn accept_in(&self) -> Option<Duration> {
        let due = self.acceptor.due_in()?;
        if self.connections.len() < CONNECTIONS {
            return Some(due);
        }
        let (_, oldest) = self.oldest()?;
        Some(due.max((oldest + GRACE).saturating_duration_since(Instant::now())))
    }

    /// The connection that has been here for longest, and since when.
    fn oldest(&self) -> Option<(usize, Instant)> {
        self.connections.iter().map(|(key, connection)| (key, connection.since())).min_by_key(|(_, since)| *since)
    }

    /// Accepts as many as there is room for; one if there is none.
    fn accept(&mut self) {
        if let Some((key, _)) = self.oldest()
            && self.connections.len() >= CONNECTIONS
        {
            self.connections.remove(key);
        }
        self.limits.refresh(self.engine.core());
        let Self { acceptor, connections, poll, limits, .. } = self;
        acceptor.accept(|mut stream| {
            let entry = connections.vacant_entry();
            // Both directions from the start, edge triggered: the socket is ready now, and that is the first event.
            let interest = Interest::READABLE | Interest::WRITABLE;
            match poll.registry().register(&mut stream, Token(entry.key()), interest) {
                Ok(()) => drop(entry.insert(admit(stream, limits))),
                Err(e) => tracing::warn!("Error registering fd event for a reader of metrics: {e}"),
            }
            connections.len() < CONNECTIONS
        });
    }

    fn turn(&mut self, key: usize) {
        let Self { connections, exposition, .. } = self;
        let Some(connection) = connections.get_mut(key) else { return };
        if !connection.turn(|| exposition.text()) {
            connections.remove(key);
        }
    }
}

/// Whom clients' connections are refused to, metrics are refused to as well.
fn admit(stream: Stream, limits: &Limits) -> Connection {
    if limits.local_only && !stream.is_local() {
        return Connection::refused(stream, http::protected());
    }
    Connection::new(stream)
}
