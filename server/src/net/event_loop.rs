//! One I/O thread.
//!
//! A connection whose requests run is out of the loop's hands meanwhile, and nobody holds the loop: a request that takes
//! long (a script) can have the others looked after, which is what [`look_after`] does. Those are told that the engine is
//! busy, and may end the script.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, Instant};

use carnelian::Engine;
use carnelian::command::{Client, Core, Pause};
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
/// How often the others are looked after while a request runs that takes long.
const NESTED_TICK: Duration = Duration::from_millis(5);
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

/// A connection's place in its loop.
enum Place {
    Here(Box<Connection>),
    /// Its requests are running. Whether somebody has wanted it to be looked at meanwhile.
    Away(bool),
}

thread_local! {
    /// The loop of this thread.
    static THIS: RefCell<Option<Rc<EventLoop>>> = const { RefCell::new(None) };
}

/// Looks after the other connections of this thread's loop while a request of one of them runs.
pub(crate) fn look_after() {
    let this = THIS.with(|this| this.borrow().clone());
    if let Some(this) = this {
        this.look_after();
    }
}

/// A loop.
pub(crate) struct EventLoop {
    shared: Arc<Shared>,
    /// Borrowed for moments, and never while requests run.
    state: RefCell<State>,
}

/// A loop's connections, and what it knows of them.
struct State {
    poll: Poll,
    shared: Arc<Shared>,
    mailbox: Arc<Mailbox>,
    messages: Receiver<Message>,
    acceptor: Acceptor,
    /// The loop that gets the next connection.
    next: usize,
    connections: Slab<Place>,
    /// Lent to the connection whose requests run.
    tools: Option<Box<Tools>>,
    /// Events that have yet to be followed.
    events: VecDeque<(Token, Ready)>,
    /// The others are looked after while the requests of a connection run.
    is_nested: bool,
    /// When that was last done.
    looked_after: Instant,
    /// The time of this round, in milliseconds, by the engine's clock.
    now: u64,
    /// Connections whose turn is to be finished: replies are sent at the end of a round.
    unfinished: Vec<usize>,
    /// Connections that have more to read.
    again: Vec<usize>,
    /// Connections that wait for the end of a pause.
    paused: Vec<usize>,
    /// Connections whose replies rest on changes that are not on the disk yet.
    unsynced: Vec<usize>,
    /// Connections that are to be looked at when no request runs any more.
    later: Vec<usize>,
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
        let now = shared.engine.core().keyspace.clock().millis();
        let state = State {
            poll,
            shared: Arc::clone(&shared),
            mailbox,
            messages,
            acceptor: Acceptor::new(listeners),
            next: 0,
            connections: Slab::new(),
            tools: None,
            events: VecDeque::new(),
            is_nested: false,
            looked_after: Instant::now(),
            now,
            unfinished: Vec::new(),
            again: Vec::new(),
            paused: Vec::new(),
            unsynced: Vec::new(),
            later: Vec::new(),
            pause: None,
            deadlines: BTreeSet::new(),
            last_tick: now,
            last_eviction: now,
        };
        Ok(Self { shared, state: RefCell::new(state) })
    }

    /// Runs until the server stops.
    pub(crate) fn run(self) -> io::Result<()> {
        let this = Rc::new(self);
        THIS.set(Some(Rc::clone(&this)));
        let result = this.go();
        THIS.set(None);
        result
    }

    fn go(&self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        self.state.borrow().mailbox.own();
        while !self.shared.stopping.load(Acquire) {
            let timeout = self.state.borrow().patience();
            self.round(&mut events, timeout)?;
            let state = self.state.borrow();
            let (pausing, waiting) = (!state.paused.is_empty(), !state.deadlines.is_empty());
            drop(state);
            if pausing {
                self.resume();
            }
            if waiting {
                self.give_up();
            }
            self.read_all_mail();
            self.state.borrow_mut().end_round();
        }
        self.finish(&mut events);
        Ok(())
    }

    /// Waits for events and follows them.
    fn round(&self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        let again = {
            let mut state = self.state.borrow_mut();
            state.wait(events, timeout)?;
            std::mem::take(&mut state.again)
        };
        for key in again {
            self.turn(key, Ready { read: true, ended: false });
        }
        loop {
            let Some((token, ready)) = self.state.borrow_mut().events.pop_front() else { break };
            match token {
                WAKER => self.read_mail(),
                Token(token) if token > usize::MAX / 2 => self.state.borrow_mut().accept(),
                Token(key) => self.turn(key, ready),
            }
        }
        let mut state = self.state.borrow_mut();
        if state.acceptor.due_in() == Some(Duration::ZERO) {
            state.accept();
        }
        Ok(())
    }

    /// What this round has brought others of its connections is sent in the same round.
    fn read_all_mail(&self) {
        while self.state.borrow().mailbox.is_woken() {
            self.read_mail();
        }
    }

    /// See [`look_after`].
    fn look_after(&self) {
        {
            let mut state = self.state.borrow_mut();
            if state.is_nested || state.looked_after.elapsed() < NESTED_TICK {
                return;
            }
            state.is_nested = true;
        }
        // What is wrong with the poll the next round of the loop itself will tell.
        let _ = self.round(&mut Events::with_capacity(256), Duration::ZERO);
        self.read_all_mail();
        let mut state = self.state.borrow_mut();
        state.finish_turns();
        state.is_nested = false;
        state.looked_after = Instant::now();
    }

    fn read_mail(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.mailbox.awake();
            // Whoever woke the loop may have brought changes to the disk.
            let State { unfinished, unsynced, .. } = &mut *state;
            unfinished.append(unsynced);
        }
        loop {
            let Ok(message) = self.state.borrow().messages.try_recv() else { break };
            match message {
                Message::Adopt(stream) => self.state.borrow_mut().adopt(stream),
                Message::Look(key) => self.look(key),
            }
        }
    }

    /// Looks at a client that somebody has changed the flags of, or pushed something to.
    fn look(&self, key: usize) {
        let is_blocked = self.state.borrow_mut().look(key);
        if is_blocked {
            self.resume_blocked(key);
        }
    }

    /// Lets a connection work, out of the loop's hands.
    #[inline]
    fn lend(&self, key: usize, work: impl FnOnce(&mut Connection, &Core, &mut Tools) -> Turn) {
        let Some((mut connection, mut tools)) = self.state.borrow_mut().lend(key) else { return };
        let turn = work(&mut connection, self.shared.engine.core(), &mut tools);
        self.state.borrow_mut().take_back(key, connection, tools, turn);
    }

    #[inline]
    fn turn(&self, key: usize, ready: Ready) {
        self.lend(key, |connection, core, tools| connection.turn(core, tools, ready));
    }

    /// Resumes the connections that wait for the end of a pause, if it is over or another one now.
    fn resume(&self) {
        let paused = {
            let mut state = self.state.borrow_mut();
            let pause = state.pause_now();
            if pause.is_some() && pause == state.pause {
                return;
            }
            std::mem::take(&mut state.paused)
        };
        for key in paused {
            self.lend(key, Connection::resume);
        }
    }

    /// Goes on with a connection whose request may wait no longer.
    fn resume_blocked(&self, key: usize) {
        self.state.borrow_mut().forget_deadline(key);
        self.lend(key, Connection::resume_blocked);
    }

    /// Gives up the requests that have waited for as long as they were told to.
    fn give_up(&self) {
        let now = Instant::now();
        loop {
            let first = self.state.borrow().deadlines.first().copied();
            let Some((deadline, key)) = first.filter(|(deadline, _)| *deadline <= now) else { return };
            self.state.borrow_mut().deadlines.remove(&(deadline, key));
            self.resume_blocked(key);
        }
    }

    /// Listens no more, and sends what can be sent quickly.
    fn finish(&self, events: &mut Events) {
        self.state.borrow_mut().acceptor.close();
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            let keys: Vec<usize> = self.state.borrow().connections.iter().map(|(key, _)| key).collect();
            for key in keys {
                self.turn(key, Ready { read: false, ended: false });
            }
            let mut state = self.state.borrow_mut();
            state.finish_turns();
            let pending = state.here().any(|(_, connection)| connection.has_output());
            let left = deadline.saturating_duration_since(Instant::now());
            if !pending || left.is_zero() || state.poll.poll(events, Some(left.min(Duration::from_millis(5)))).is_err()
            {
                break;
            }
        }
        let mut state = self.state.borrow_mut();
        for place in std::mem::take(&mut state.connections).drain() {
            if let Place::Here(connection) = place {
                self.shared.connections.fetch_sub(1, Relaxed);
                connection.forget(self.shared.engine.core());
            }
        }
        state.messages.try_iter().for_each(drop);
    }
}

impl State {
    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        let timeout = match (self.again.is_empty(), self.paused.is_empty()) {
            (false, _) => Duration::ZERO,
            (true, false) => PAUSE_TICK,
            (true, true) => self.acceptor.due_in().map_or(TICK, |due| due.min(TICK)),
        };
        match self.deadlines.first() {
            _ if self.mailbox.is_woken() => Duration::ZERO,
            Some((deadline, _)) => timeout.min(deadline.saturating_duration_since(Instant::now())),
            None => timeout,
        }
    }

    fn wait(&mut self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        if let Err(e) = self.poll.poll(events, Some(timeout)) {
            if e.kind() != io::ErrorKind::Interrupted {
                return Err(e);
            }
            events.clear();
        }
        self.events.extend(events.iter().map(|event| (event.token(), ready(event))));
        self.now = self.shared.engine.core().keyspace.clock().millis();
        Ok(())
    }

    /// What connections use, with the time and the limits of this round. While it is lent, another one takes its place.
    fn tools<'t>(tools: &'t mut Option<Box<Tools>>, shared: &Shared, now: u64) -> &'t mut Tools {
        let tools = tools.get_or_insert_with(|| {
            let (buffer, limits) = (vec![0; 64 * 1024].into(), Limits::read(shared.engine.core()));
            Box::new(Tools { buffer, outputs: Vec::new(), now, limits, reads: 0, writes: 0 })
        });
        if tools.now != now {
            tools.now = now;
            tools.limits.refresh(shared.engine.core());
        }
        tools
    }

    /// The connections that are in the loop's hands.
    fn here(&self) -> impl Iterator<Item = (usize, &Connection)> {
        self.connections.iter().filter_map(|(key, place)| match place {
            Place::Here(connection) => Some((key, &**connection)),
            Place::Away(_) => None,
        })
    }

    fn connection(connections: &mut Slab<Place>, key: usize) -> Option<&mut Connection> {
        match connections.get_mut(key) {
            Some(Place::Here(connection)) => Some(connection),
            _ => None,
        }
    }

    /// Gives a connection away, with what it works with.
    #[inline]
    fn lend(&mut self, key: usize) -> Option<(Box<Connection>, Box<Tools>)> {
        let place = self.connections.get_mut(key)?;
        match std::mem::replace(place, Place::Away(false)) {
            Place::Here(connection) => {
                Self::tools(&mut self.tools, &self.shared, self.now);
                Some((connection, self.tools.take()?))
            }
            away => {
                *place = away;
                None
            }
        }
    }

    #[inline]
    fn take_back(&mut self, key: usize, connection: Box<Connection>, tools: Box<Tools>, turn: Turn) {
        self.tools = Some(tools);
        if connection.has_output() {
            self.unfinished.push(key);
        }
        if let Some(place) = self.connections.get_mut(key)
            && let Place::Away(true) = std::mem::replace(place, Place::Here(connection))
        {
            self.mailbox.send(Message::Look(key));
        }
        self.follow(key, turn);
    }

    /// Looks at a client that somebody has changed the flags of, or pushed something to. True if its request waits, and is
    /// to be looked at.
    fn look(&mut self, key: usize) -> bool {
        if let Some(Place::Away(wanted)) = self.connections.get_mut(key) {
            *wanted = true;
            return false;
        }
        let Some(connection) = Self::connection(&mut self.connections, key) else { return false };
        if connection.client().is_killed() {
            self.remove(key);
            return false;
        }
        if connection.is_blocked() {
            if self.is_nested {
                // What it waits for cannot be looked at now.
                self.later.push(key);
            }
            return !self.is_nested;
        }
        let turn = connection.take_pushes(Self::tools(&mut self.tools, &self.shared, self.now));
        if connection.has_output() {
            self.unfinished.push(key);
        }
        self.follow(key, turn);
        false
    }

    fn accept(&mut self) {
        let mut mine = Vec::new();
        let Self { acceptor, shared, tools, mailbox, next, now, .. } = self;
        let limits = &mut Self::tools(tools, shared, *now).limits;
        acceptor.accept(|stream| {
            // A client that connects after a directive has been set meets the new value.
            limits.refresh(shared.engine.core());
            let Some(stream) = admit(stream, shared, limits) else { return true };
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
        entry.insert(Place::Here(Box::new(Connection::new(stream, session))));
    }

    /// The end of a round: what is left to be done for connections.
    fn end_round(&mut self) {
        for key in std::mem::take(&mut self.later) {
            self.mailbox.send(Message::Look(key));
        }
        self.finish_turns();
        self.count_socket_calls();
        let memory = Self::tools(&mut self.tools, &self.shared, self.now).limits.clients_memory;
        if memory > 0 {
            self.evict_clients(memory);
        }
        if u128::from(self.now.abs_diff(self.last_tick)) >= TICK.as_millis() {
            self.tick();
        }
    }

    /// Sends the replies of this round.
    fn finish_turns(&mut self) {
        let mut unfinished = std::mem::take(&mut self.unfinished);
        for key in unfinished.drain(..) {
            let Some(connection) = Self::connection(&mut self.connections, key) else { continue };
            let tools = Self::tools(&mut self.tools, &self.shared, self.now);
            let turn = connection.finish(self.shared.engine.core(), tools);
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
        let may_send = |key: &usize| match self.connections.get(*key) {
            Some(Place::Here(connection)) => connection.may_send(log),
            _ => false,
        };
        if self.unsynced.iter().any(may_send) {
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

    fn forget_deadline(&mut self, key: usize) {
        let connection = Self::connection(&mut self.connections, key);
        if let Some(deadline) = connection.and_then(|connection| connection.deadline()) {
            self.deadlines.remove(&(deadline, key));
        }
    }

    /// Adds what this round has read and written to the figures that all loops share.
    fn count_socket_calls(&mut self) {
        let Some(tools) = &mut self.tools else { return };
        let sockets = &self.shared.engine.core().stats.sockets;
        for (mine, shared) in [(&mut tools.reads, &sockets.reads), (&mut tools.writes, &sockets.writes)] {
            if *mine > 0 {
                shared.fetch_add(std::mem::take(mine), Relaxed);
            }
        }
    }

    /// Ends the clients that take most memory, when all take more than they may.
    fn evict_clients(&mut self, memory: usize) {
        if u128::from(self.now.abs_diff(self.last_eviction)) < EVICTION_TICK.as_millis() {
            return;
        }
        self.last_eviction = self.now;
        for client in self.shared.engine.core().clients.evict(memory) {
            let Client { id, origin, .. } = &*client;
            tracing::info!("Evicting client: id={id} addr={} tot-mem={}", origin.addr, client.memory());
        }
    }

    fn tick(&mut self) {
        self.last_tick = self.now;
        let tools = Self::tools(&mut self.tools, &self.shared, self.now);
        if tools.limits.timeout == 0 && !tools.limits.output.normal.has_soft() && !tools.limits.output.pubsub.has_soft()
        {
            return;
        }
        let overdue = self.connections.iter_mut().filter_map(|(key, place)| match place {
            Place::Here(connection) => connection.is_overdue(tools).then_some(key),
            Place::Away(_) => None,
        });
        for key in overdue.collect::<Vec<usize>>() {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: usize) {
        self.forget_deadline(key);
        // Closing the socket takes it out of the poll as well: nobody else has a handle to it.
        let Some(Place::Here(connection)) = self.connections.try_remove(key) else { return };
        self.shared.connections.fetch_sub(1, Relaxed);
        connection.forget(self.shared.engine.core());
    }
}

/// What an event says. An error is found by reading.
#[inline]
fn ready(event: &Event) -> Ready {
    let ended = event.is_read_closed() || event.is_error();
    Ready { read: event.is_readable() || ended, ended }
}
