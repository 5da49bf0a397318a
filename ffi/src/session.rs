//! A session that is driven by bytes, as a connection is by its socket: what a server's event loop does for its
//! connections is done here in the calls of the session's owner.
//!
//! Invariant: replies come out in the order of the requests, each when nothing that it rests on could still be lost. When
//! a call leaves a session that has to be looked at again, its bell will ring.

use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use carnelian::aof::Log;
use carnelian::command::{Client, Output};
use carnelian::session::{Session, Status};
use carnelian_server::Limits;

use crate::bell::{Bell, Callback};
use crate::engine;
use crate::error::{Failure, Result};
use crate::handles::{Kind, Table};
use crate::timer::PAUSE_TICK;

/// Changes of a session's memory below this are not worth counting.
const COUNTED_STEP: usize = 16 * 1024;

/// All sessions of this process.
pub(crate) static SESSIONS: Table<Driver, Shared> = Table::new(Kind::Session);

/// What everybody may have of a session.
pub(crate) struct Shared {
    pub(crate) bell: Arc<Bell>,
    client: Arc<Client>,
    engine: Arc<engine::Shared>,
    ended: AtomicU8,
}

/// Why a session is over for its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Ended {
    /// By what it has asked for itself, or by another client.
    Closed = 0,
    /// Its handle has been closed.
    Disconnected = 1,
    /// Its engine has been.
    EngineClosed = 2,
}

/// What taking came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    Bytes(usize),
    /// The session has ended, and everything has been taken.
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It runs what it is fed.
    Open,
    /// The input begins with a request that has to wait for the end of a pause.
    Paused,
    /// The last request waits for something.
    Blocked,
    /// It runs nothing any more.
    Ended,
}

/// A session and the bytes between it and its owner.
pub(crate) struct Driver {
    pub(crate) session: Session,
    pub(crate) shared: Arc<Shared>,
    phase: Phase,
    /// What has not run yet: the beginning of a request, or what comes behind one that waits.
    input: Vec<u8>,
    /// Replies and pushes that have not been taken.
    pub(crate) output: Output,
    /// For replies that become trees.
    pub(crate) scratch: Output,
    limits: Limits,
    /// The time that its bell is going to ring at.
    alarm: Option<Instant>,
    /// The memory of the buffers that has been counted.
    counted: usize,
}

/// Makes a session one that C has a handle of.
pub(crate) fn insert(session: Session, bell: Arc<Bell>, engine: Arc<engine::Shared>) -> Result<usize> {
    let client = session.client().clone();
    let shared = Arc::new(Shared { bell, client, engine, ended: AtomicU8::new(0) });
    SESSIONS.insert(Driver::new(session, shared.clone()), shared)
}

/// Has whoever waits in a session leave. Its handle is still there.
pub(crate) fn announce_end(handle: usize, why: Ended) {
    if let Ok(shared) = SESSIONS.shared(handle) {
        shared.end(why);
    }
}

/// Ends a session; returns when nobody is in it any more.
pub(crate) fn end(handle: usize, why: Ended) -> Result<()> {
    let (driver, shared) = SESSIONS.remove(handle, |shared| shared.end(why))?;
    shared.engine.forget(handle);
    shared.bell.set_callback(None);
    drop(driver);
    Ok(())
}

impl Shared {
    fn end(&self, why: Ended) {
        self.ended.store(why as u8, Release);
        self.client.kill();
    }

    fn ended(&self) -> Ended {
        match self.ended.load(Acquire) {
            1 => Ended::Disconnected,
            2 => Ended::EngineClosed,
            _ => Ended::Closed,
        }
    }
}

/// Runs the requests in some bytes. Returns how many bytes of replies are there.
pub(crate) fn feed(handle: usize, bytes: &[u8]) -> Result<usize> {
    SESSIONS.hold(handle)?.get()?.attended(|driver| {
        driver.feed(bytes);
        driver.available()
    })
}

/// Takes replies.
pub(crate) fn take(handle: usize, buffer: &mut [u8]) -> Result<Taken> {
    SESSIONS.hold(handle)?.get()?.attended(|driver| {
        driver.look();
        driver.take(buffer)
    })
}

/// Runs requests and takes replies, for which it waits if there are none; `None` for without end.
pub(crate) fn exchange(handle: usize, bytes: &[u8], buffer: &mut [u8], timeout: Option<Duration>) -> Result<Taken> {
    SESSIONS.hold(handle)?.get()?.attended(|driver| {
        driver.feed(bytes);
        let taken = driver.take(buffer);
        if taken != Taken::Bytes(0) || timeout == Some(Duration::ZERO) || buffer.is_empty() {
            return taken;
        }
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            driver.sleep(until);
            driver.look();
            let taken = driver.take(buffer);
            if taken != Taken::Bytes(0) || until.is_some_and(|until| Instant::now() >= until) {
                return taken;
            }
        }
    })
}

/// The descriptor that tells when to take.
pub(crate) fn wakeup_fd(handle: usize) -> Result<RawFd> {
    SESSIONS.hold(handle)?.get()?.attended(|driver| {
        let descriptor = driver.shared.bell.descriptor();
        driver.look();
        if driver.available() > 0 || driver.phase == Phase::Ended {
            driver.shared.bell.make_readable();
        }
        descriptor.map_err(|e| Failure::new(format!("ERR no descriptor: {e}")))
    })?
}

/// Has something called when to take.
pub(crate) fn on_wakeup(handle: usize, callback: Option<Callback>) -> Result<()> {
    SESSIONS.hold(handle)?.get()?.attended(|driver| driver.shared.bell.set_callback(callback))
}

impl Driver {
    fn new(session: Session, shared: Arc<Shared>) -> Self {
        let limits = Limits::read(session.core());
        Self {
            session,
            shared,
            phase: Phase::Open,
            input: Vec::new(),
            output: Output::default(),
            scratch: Output::default(),
            limits,
            alarm: None,
            counted: 0,
        }
    }

    /// A call of the owner: whoever rings meanwhile is heard at its end.
    #[inline]
    fn attended<R>(&mut self, call: impl FnOnce(&mut Self) -> R) -> Result<R> {
        self.shared.bell.attend();
        let mut leaving = Leaving { driver: self, done: false };
        let result = call(leaving.driver);
        leaving.done = true;
        drop(leaving);
        Ok(result)
    }

    /// Whether nothing that was fed is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Open && self.input.is_empty()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Ended
    }

    fn log(&self) -> &Log {
        self.session.core().log()
    }

    #[inline]
    fn feed(&mut self, bytes: &[u8]) {
        if self.phase != Phase::Open || !self.input.is_empty() {
            return self.feed_behind(bytes);
        }
        let (status, used) = self.session.feed(bytes, &mut self.output);
        if used < bytes.len() {
            self.input.extend_from_slice(&bytes[used..]);
        }
        self.after(status);
        self.look_around();
    }

    /// Feeds what comes behind something that has not run yet.
    fn feed_behind(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Ended {
            // As a socket whose other end reads no more.
            return self.look_around();
        }
        self.input.extend_from_slice(bytes);
        self.run_input();
        self.look_around();
    }

    /// Goes on with what was fed, if it may go on.
    fn run_input(&mut self) {
        let (status, used) = self.session.feed(&self.input, &mut self.output);
        if used == self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..used);
        }
        self.after(status);
    }

    #[inline]
    pub(crate) fn after(&mut self, status: Status) {
        self.phase = match status {
            Status::Continue => Phase::Open,
            Status::Paused => Phase::Paused,
            Status::Blocked => Phase::Blocked,
            Status::Close => {
                self.input = Vec::new();
                Phase::Ended
            }
        };
        if !self.output.is_empty() || !self.input.is_empty() {
            self.keep_to_limits();
        }
    }

    /// Looks at what others have done since.
    fn look(&mut self) {
        if matches!(self.phase, Phase::Paused | Phase::Blocked) {
            self.shared.bell.take_ring();
            self.run_input();
        }
        self.look_around();
    }

    /// Takes pushes, and notices if somebody has ended the session.
    #[inline]
    fn look_around(&mut self) {
        while self.shared.bell.take_ring() {
            if matches!(self.phase, Phase::Paused | Phase::Blocked) {
                self.run_input();
            } else {
                self.take_pushes();
            }
        }
        if self.shared.client.is_killed() {
            self.hang_up();
        }
    }

    fn take_pushes(&mut self) {
        if self.phase == Phase::Open {
            self.session.pushes(&mut self.output);
            self.keep_to_limits();
        }
    }

    /// Ends at once; what has not been taken is lost, as it is for a socket.
    pub(crate) fn hang_up(&mut self) {
        self.phase = Phase::Ended;
        self.input = Vec::new();
        self.output.clear();
    }

    fn keep_to_limits(&mut self) {
        self.limits.refresh(self.session.core());
        let limits = &self.limits;
        let sockets = &self.session.core().stats.sockets;
        if self.output.len() > limits.output_of(&self.shared.client).hard {
            sockets.output_limit.fetch_add(1, Relaxed);
            self.hang_up();
        } else if self.input.len() > limits.query {
            sockets.query_limit.fetch_add(1, Relaxed);
            self.hang_up();
        }
    }

    /// How many bytes may be taken now.
    #[inline]
    fn available(&self) -> usize {
        if self.output.is_empty() || !self.log().covers(self.output.position()) { 0 } else { self.output.len() }
    }

    #[inline]
    fn take(&mut self, buffer: &mut [u8]) -> Taken {
        let mut taken = 0;
        if self.available() > 0 {
            for slice in self.output.slices() {
                let n = slice.len().min(buffer.len() - taken);
                buffer[taken..taken + n].copy_from_slice(&slice[..n]);
                taken += n;
                if taken == buffer.len() {
                    break;
                }
            }
            self.output.consume(taken);
        }
        if !self.output.is_empty() {
            if self.available() > 0 {
                self.shared.bell.make_readable();
            }
            return Taken::Bytes(taken);
        }
        self.output.shrink();
        if self.phase != Phase::Ended {
            self.shared.bell.make_unreadable();
        } else if taken == 0 {
            return Taken::Over;
        }
        Taken::Bytes(taken)
    }

    /// Sleeps until there may be something to look at, or until then.
    pub(crate) fn sleep(&mut self, until: Option<Instant>) {
        let own = match self.phase {
            Phase::Paused => Some(Instant::now() + PAUSE_TICK),
            Phase::Blocked => self.session.deadline(),
            _ => None,
        };
        let until = match (own, until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if !self.output.is_empty() {
            self.await_sync();
        }
        self.shared.bell.sleep(until);
    }

    fn await_sync(&self) {
        self.shared.engine.unsynced.add(&self.shared.bell);
        if self.available() > 0 {
            self.shared.bell.ring();
        }
    }

    /// The end of a call: sees to it that somebody will look again when there is something to look at.
    #[inline]
    fn leave(&mut self) {
        if self.phase != Phase::Open || !self.output.is_empty() || self.alarm.is_some() || self.counted > 0 {
            self.leave_something();
        }
        self.shared.bell.leave();
    }

    fn leave_something(&mut self) {
        self.count_memory();
        let bell = &self.shared.bell;
        if !bell.is_heard() {
            return;
        }
        let timer = &self.shared.engine.timer;
        let alarm = match self.phase {
            Phase::Paused => Some(Instant::now() + PAUSE_TICK),
            Phase::Blocked => self.session.deadline(),
            Phase::Open | Phase::Ended => None,
        };
        match alarm {
            Some(at) if self.phase == Phase::Paused => timer.set_unless(bell, at, self.still_paused()),
            Some(at) if self.alarm != alarm => timer.set(bell, at),
            None if self.alarm.is_some() => bell.alarm.store(0, Release),
            _ => {}
        }
        self.alarm = alarm;
        if self.phase == Phase::Ended {
            // As a socket whose other end is closed.
            bell.make_readable();
        }
        if !self.output.is_empty() && self.available() == 0 {
            self.await_sync();
        }
    }

    /// Whether clients are still paused as they are now.
    fn still_paused(&self) -> impl Fn() -> bool + Send + 'static {
        let core = self.session.core();
        let (clients, clock) = (core.clients.clone(), core.keyspace.clock().clone());
        let pause = clients.paused(clock.millis());
        move || pause.is_some() && clients.paused(clock.millis()) == pause
    }

    /// Tells the engine what the buffers take, as a server does for its connections.
    fn count_memory(&mut self) {
        let held = self.input.capacity() + if self.output.is_empty() { 0 } else { self.output.bytes() };
        let client = &self.shared.client;
        client.input_bytes.store(self.input.len(), Relaxed);
        client.output_bytes.store(self.output.len(), Relaxed);
        client.buffer_bytes.store(held, Relaxed);
        if held == 0 || held.abs_diff(self.counted) >= COUNTED_STEP {
            self.session.core().keyspace.count_other_bytes(self.counted, held);
            self.counted = held;
        }
    }

    /// What is told to somebody who asks for something when the session is over.
    pub(crate) fn why_over(&self) -> &'static str {
        match self.shared.ended() {
            Ended::Disconnected => "ERR the session was closed while the command ran",
            Ended::EngineClosed => "ERR the engine was closed while the command ran",
            Ended::Closed if self.shared.client.is_killed() => "ERR the connection was ended by CLIENT KILL",
            Ended::Closed => "ERR the session has ended",
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.session.core().keyspace.count_other_bytes(self.counted, 0);
    }
}

/// The end of a call, also of one that panics: then nobody knows what the session was in the middle of.
struct Leaving<'d> {
    driver: &'d mut Driver,
    done: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.driver.hang_up();
        }
        self.driver.leave();
    }
}
