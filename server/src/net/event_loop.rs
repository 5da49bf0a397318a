//! One I/O thread.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use carnelian::Engine;
use carnelian::command::{Client, Pause};
use crossbeam_channel::Receiver;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::accept::{Acceptor, admit};
use super::connection::{Connection, Ready, Tools, Turn};
use super::limits::Limits;
use super::listen::Listener;
use super::mailbox::{Mailbox, Message, WAKER};
use super::stream::Stream;

/// The token of the first listener; the others count down from it.
const LISTENERS: usize = usize::MAX - 1;
/// The longest that a loop sleeps: how often silence and unread replies are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the memory of clients is looked at, if it is limited: it takes time for each of them.
const EVICTION_TICK: Duration = Duration::from_millis(10);
/// How late a paused client may be resumed.
const PAUSE_TICK: Duration = Duration::from_millis(1);
/// How long a server that stops tries to send what is left.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What all loops of a server share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// The mailboxes of the loops.
    pub(crate) mailboxes: Vec<Arc<Mailbox>>,
    /// What wakes the thread of the metrics, if there is one.
    pub(crate) metrics: Option<Waker>,
    /// How many connections there are.
    pub(crate) connections: AtomicUsize,
    /// The server ends.
    pub(crate) stopping: AtomicBool,
}

/// A loop and the connections it owns.
pub(crate) struct EventLoop {
    poll: Poll,
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    messages: Receiver<Message>,
    acceptor: Acceptor,
    /// The loop that gets the next connection.
    next: usize,
    connections: Slab<Connection>,
    tools: Tools,
    /// Connections whose turn is to be finished: replies are sent at the end of a round.
    unfinished: Vec<usize>,
    /// Connections that have more to read.
    again: Vec<usize>,
    /// Connections that wait for the end of a pause.
    paused: Vec<usize>,
    /// Connections whose replies rest on changes that are not on the disk yet.
    unsynced: Vec<usize>,
    /// The pause they wait for.
    pause: Option<Pause>,
    /// Connections with a request that waits, by when it is given up.
    deadlines: BTreeSet<(Instant, usize)>,
    /// When silence and unread replies were last looked at, by the engine's clock.
    last_tick: u64,
    /// When the memory of clients was last looked at.
    last_eviction: u64,
}

impl EventLoop {
    /// The loop of the mailbox with this index; connections come through `listeners`, if it has any, or from other
    /// loops.
    pub(crate) fn new(
        poll: Poll,
        shared: Arc<Shared>,
        index: usize,
        messages: Receiver<Message>,
        mut listeners: Vec<Listener>,
    ) -> io::Result<Self> {
        for (i, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(LISTENERS - i))?;
        }
        let mailbox = shared.mailboxes.get(index).cloned().ok_or(io::ErrorKind::InvalidInput)?;
        let core = shared.engine.core();
        let now = core.keyspace.clock().millis();
        let buffer = vec![0; 64 * 1024].into();
        let tools = Tools { buffer, outputs: Vec::new(), now, limits: Limits::read(core), reads: 0, writes: 0 };
        Ok(Self {
            poll,
            shared,
            mailbox,
            messages,
            acceptor: Acceptor::new(listeners),
            next: 0,
            connections: Slab::new(),
            tools,
            unfinished: Vec::new(),
            again: Vec::new(),
            paused: Vec::new(),
            unsynced: Vec::new(),
            pause: None,
            deadlines: BTreeSet::new(),
            last_tick: now,
            last_eviction: now,
        })
    }

    /// Runs until the server stops.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.mailbox.own();
        while !self.shared.stopping.load(Acquire) {
            self.wait(&mut events)?;
            for key in std::mem::take(&mut self.again) {
                self.turn(key, Ready { read: true, ended: false });
            }
            for event in &events {
                match event.token() {
                    WAKER => self.read_mail(),
                    Token(token) if token > LISTENERS - self.acceptor.listeners_mut().len() => self.accept(),
                    Token(key) => self.turn(key, ready(event)),
                }
            }
            if self.acceptor.due_in() == Some(Duration::ZERO) {
                self.accept();
            }
            if !self.paused.is_empty() {
                self.resume();
            }
            if !self.deadlines.is_empty() {
                self.give_up();
            }
            // What this round has brought others of its connections is sent in the same round.
            while self.mailbox.is_woken() {
                self.read_mail();
            }
            self.finish_turns();
            self.count_socket_calls();
            if self.tools.limits.clients_memory > 0 {
                self.evict_clients();
            }
            if u128::from(self.tools.now.abs_diff(self.last_tick)) >= TICK.as_millis() {
                self.tick();
            }
        }
        self.finish(&mut events);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timeout = match (self.again.is_empty(), self.paused.is_empty()) {
            (false, _) => Duration::ZERO,
            (true, false) => PAUSE_TICK,
            (true, true) => self.acceptor.due_in().map_or(TICK, |due| due.min(TICK)),
        };
        let timeout = match self.deadlines.first() {
            _ if self.mailbox.is_woken() => Duration::ZERO,
            Some((deadline, _)) => timeout.min(deadline.saturating_duration_since(Instant::now())),
            None => timeout,
        };
        if let Err(e) = self.poll.poll(events, Some(timeout)) {
            if e.kind() != io::ErrorKind::Interrupted {
                return Err(e);
            }
            events.clear();
        }
        let core = self.shared.engine.core();
        self.tools.now = core.keyspace.clock().millis();
        self.tools.limits.refresh(core);
        Ok(())
    }

    fn read_mail(&mut self) {
        self.mailbox.awake();
        // Whoever woke the loop may have brought changes to the disk.
        self.unfinished.append(&mut self.unsynced);
        while let Ok(message) = self.messages.try_recv() {
            match message {
                Message::Adopt(stream) => self.adopt(stream),
                Message::Look(key) => self.look(key),
            }
        }
    }

    /// Looks at a client that somebody has changed the flags of, or pushed something to.
    fn look(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if connection.client().is_killed() {
            return self.remove(key);
        }
        if connection.is_blocked() {
            return self.resume_blocked(key);
        }
        let turn = connection.take_pushes(&mut self.tools);
        if connection.has_output() {
            self.unfinished.push(key);
        }
        self.follow(key, turn);
    }

    fn accept(&mut self) {
        let mut mine = Vec::new();
        let Self { acceptor, shared, tools, mailbox, next, .. } = self;
        acceptor.accept(|stream| {
            let Some(stream) = admit(stream, shared, &tools.limits) else { return true };
            let turn = *next % shared.mailboxes.len();
            *next = turn + 1;
            match shared.mailboxes.get(turn) {
                Some(other) if !Arc::ptr_eq(other, mailbox) => other.send(Message::Adopt(stream)),
                _ => mine.push(stream),
            }
            true
        });
        for stream in mine {
            self.adopt(stream);
        }
    }

    /// Makes a connection its own.
    fn adopt(&mut self, mut stream: Stream) {
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        // Both directions from the start: no system call changes this later.
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(e) = self.poll.registry().register(&mut stream, Token(key), interest) {
            tracing::warn!("Error registering fd event for the new client: {e}");
            self.shared.connections.fetch_sub(1, Relaxed);
            return;
        }
        let mailbox = Arc::clone(&self.mailbox);
        let wake = Box::new(move || mailbox.send(Message::Look(key)));
        let session = self.shared.engine.session(stream.origin(), Some(wake));
        entry.insert(Connection::new(stream, session));
    }

    #[inline]
    fn turn(&mut self, key: usize, ready: Ready) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let turn = connection.turn(self.shared.engine.core(), &mut self.tools, ready);
        if connection.has_output() {
            self.unfinished.push(key);
        }
        self.follow(key, turn);
    }

    /// Sends the replies of this round.
    fn finish_turns(&mut self) {
        let mut unfinished = std::mem::take(&mut self.unfinished);
        for key in unfinished.drain(..) {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let turn = connection.finish(self.shared.engine.core(), &mut self.tools);
            self.follow(key, turn);
        }
        self.unfinished = unfinished;
        if !self.unsynced.is_empty() {
            self.await_sync();
        }
    }

    /// Has the loop woken when more is on the disk.
    fn await_sync(&mut self) {
        let log = self.shared.engine.core().log();
        self.mailbox.await_sync();
        // It may be so since a moment ago, when nobody knew that the loop waits for it.
        let connections = self.unsynced.iter().filter_map(|&key| self.connections.get(key));
        if connections.into_iter().any(|connection| connection.may_send(log)) {
            self.mailbox.wake();
        }
    }

    #[inline]
    fn follow(&mut self, key: usize, turn: Turn) {
        match turn {
            Turn::Wait => {}
            Turn::Again => self.again.push(key),
            Turn::Paused => {
                if self.paused.is_empty() {
                    self.pause = self.pause_now();
                }
                self.paused.push(key);
            }
            Turn::Blocked(Some(deadline)) => {
                self.deadlines.insert((deadline, key));
            }
            Turn::Blocked(None) => {}
            Turn::Unsynced => self.unsynced.push(key),
            Turn::Over => self.remove(key),
        }
    }

    fn pause_now(&self) -> Option<Pause> {
        let core = self.shared.engine.core();
        core.clients.paused(core.keyspace.clock().millis())
    }

    /// Resumes the connections that wait for the end of a pause, if it is over or another one now.
    fn resume(&mut self) {
        let pause = self.pause_now();
        if pause.is_some() && pause == self.pause {
            return;
        }
        for key in std::mem::take(&mut self.paused) {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let turn = connection.resume(self.shared.engine.core(), &mut self.tools);
            self.unfinished.push(key);
            self.follow(key, turn);
        }
    }

    /// Goes on with a connection whose request may wait no longer.
    fn resume_blocked(&mut self, key: usize) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        let turn = connection.resume_blocked(self.shared.engine.core(), &mut self.tools);
        self.unfinished.push(key);
        self.follow(key, turn);
    }

    /// Gives up the requests that have waited for as long as they were told to.
    fn give_up(&mut self) {
        let now = Instant::now();
        while let Some(&(deadline, key)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.remove(&(deadline, key));
            self.resume_blocked(key);
        }
    }

    /// Adds what this round has read and written to the figures that all loops share.
    fn count_socket_calls(&mut self) {
        let sockets = &self.shared.engine.core().stats.sockets;
        for (mine, shared) in [(&mut self.tools.reads, &sockets.reads), (&mut self.tools.writes, &sockets.writes)] {
            if *mine > 0 {
                shared.fetch_add(std::mem::take(mine), Relaxed);
            }
        }
    }

    /// Ends the clients that take most memory, when all take more than they may.
    fn evict_clients(&mut self) {
        if u128::from(self.tools.now.abs_diff(self.last_eviction)) < EVICTION_TICK.as_millis() {
            return;
        }
        self.last_eviction = self.tools.now;
        for client in self.shared.engine.core().clients.evict(self.tools.limits.clients_memory) {
            let Client { id, origin, .. } = &*client;
            tracing::info!("Evicting client: id={id} addr={} tot-mem={}", origin.addr, client.memory());
        }
    }

    fn tick(&mut self) {
        self.last_tick = self.tools.now;
        let tools = &self.tools;
        if tools.limits.timeout == 0 && !tools.limits.output.normal.has_soft() && !tools.limits.output.pubsub.has_soft()
        {
            return;
        }
        let overdue: Vec<usize> =
            self.connections.iter_mut().filter_map(|(key, c)| c.is_overdue(tools).then_some(key)).collect();
        for key in overdue {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: usize) {
        // Closing the socket takes it out of the poll as well: nobody else has a handle to it.
        let Some(connection) = self.connections.try_remove(key) else { return };
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        self.shared.connections.fetch_sub(1, Relaxed);
        connection.forget(self.shared.engine.core());
    }

    /// Listens no more, and sends what can be sent quickly.
    fn finish(&mut self, events: &mut Events) {
        self.acceptor.close();
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            for key in (0..self.connections.capacity()).filter(|&k| self.connections.contains(k)).collect::<Vec<_>>() {
                self.turn(key, Ready { read: false, ended: false });
            }
            self.finish_turns();
            let pending = self.connections.iter().any(|(_, c)| c.has_output());
            let left = deadline.saturating_duration_since(Instant::now());
            if !pending || left.is_zero() || self.poll.poll(events, Some(left.min(Duration::from_millis(5)))).is_err() {
                break;
            }
        }
        for connection in self.connections.drain() {
            self.shared.connections.fetch_sub(1, Relaxed);
            connection.forget(self.shared.engine.core());
        }
        self.messages.try_iter().for_each(drop);
    }
}

/// What an event says. An error is found by reading.
#[inline]
fn ready(event: &Event) -> Ready {
    let ended = event.is_read_closed() || event.is_error();
    Ready { read: event.is_readable() || ended, ended }
}
