//! A connection: a socket, its session, and the bytes between them.

use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use carnelian::aof::Log;
use carnelian::command::{Client, Core, Output};
use carnelian::session::{Session, Status};
use smallvec::SmallVec;

use super::limits::Limits;
use super::stream::Stream;

/// How often one connection may fill the read buffer before others get their turn.
const READS_IN_A_ROW: usize = 8;
/// A long request is read into memory of its own, of which this much is reserved ahead of what has arrived; more only
/// if more than that has arrived.
const READ_AHEAD: usize = 1 << 20;
/// Unsent replies of this size stop the reading of further requests, whatever the limits say.
const HOLD: usize = 1 << 30;
/// Replies of this size are sent before more is read.
const SEND_AT: usize = 1 << 20;
/// Buffers for replies that a loop keeps.
const OUTPUTS_KEPT: usize = 64;
/// Changes of a connection's memory below this are not worth counting.
const COUNTED_STEP: usize = 16 * 1024;

/// One client's connection. Idle ones hold no buffers.
pub(crate) struct Connection {
    /// Before the socket: whoever sees the connection end finds its client gone.
    session: Session,
    stream: Stream,
    client: Arc<Client>,
    /// The beginning of a request whose end has not arrived.
    input: Vec<u8>,
    /// Replies that the socket has not taken.
    output: Option<Box<Output>>,
    /// The memory of the two that has been counted.
    counted: usize,
    /// Since when the replies have been above the soft limit.
    soft_since: Option<u64>,
    /// The peer sends no more: reading goes on until the end.
    ended: bool,
    /// No more requests are read; the connection ends when the output is out.
    closing: bool,
    /// Clients are paused, and the input begins with a request that has to wait.
    paused: bool,
    /// The last request waits for something, and nothing is run or read until it is answered.
    blocked: bool,
    /// There may be something to read of which no event will tell.
    unread: bool,
    /// Too many replies are unsent, or they may not be sent yet: nothing is read until they are.
    held: bool,
}

/// What connections of a loop use in turn.
pub(crate) struct Tools {
    /// What is read into.
    pub(crate) buffer: Box<[u8]>,
    /// Buffers for replies, lent to connections from their first reply of a round until all are sent.
    #[expect(clippy::vec_box, reason = "a connection holds the box, and is small while it holds none")]
    pub(crate) outputs: Vec<Box<Output>>,
    /// The time in milliseconds, by the engine's clock.
    pub(crate) now: u64,
    pub(crate) limits: Limits,
    /// Reads and writes of this round.
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

/// What a socket is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ready {
    /// There may be something to read.
    pub(crate) read: bool,
    /// And nothing will come after it.
    pub(crate) ended: bool,
}

/// What a turn of a connection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Wait for the socket.
    Wait,
    /// There is more to read now.
    Again,
    /// Clients are paused: resume when they are not.
    Paused,
    /// Resume when the client is woken, and at this time.
    Blocked(Option<Instant>),
    /// The replies rest on changes that are not on the disk yet: finish when they are.
    Unsynced,
    /// The connection is over.
    Over,
}

impl Connection {
    pub(crate) fn new(stream: Stream, session: Session) -> Self {
        let client = Arc::clone(session.client());
        Self {
            stream,
            session,
            client,
            input: Vec::new(),
            output: None,
            counted: 0,
            soft_since: None,
            ended: false,
            closing: false,
            paused: false,
            blocked: false,
            unread: false,
            held: false,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether replies wait for the socket.
    pub(crate) fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// Whether its replies rest on nothing that could still be lost.
    pub(crate) fn may_send(&self, log: &Log) -> bool {
        self.output.as_ref().is_none_or(|output| log.covers(output.position()))
    }

    /// Reads what has arrived and runs it. Unless that is the end of the connection, [`finish`](Self::finish) follows.
    #[inline]
    pub(crate) fn turn(&mut self, core: &Core, tools: &mut Tools, ready: Ready) -> Turn {
        self.ended |= ready.ended;
        if self.blocked {
            if self.ended {
                // Whoever waits and is gone is gone at once: nobody else is to be kept waiting for what it would take.
                return Turn::Over;
            }
            self.unread |= ready.read;
        }
        let read = ready.read && !self.paused && !self.held && !self.blocked;
        if !read && self.output.is_none() {
            return Turn::Wait;
        }
        if read { self.work(core, tools, true, false) } else { Turn::Wait }
    }

    /// Runs the requests that waited for the end of a pause, then reads on. [`finish`](Self::finish) follows.
    pub(crate) fn resume(&mut self, core: &Core, tools: &mut Tools) -> Turn {
        if !std::mem::take(&mut self.paused) {
            return Turn::Wait;
        }
        self.work(core, tools, true, true)
    }

    /// Sees whether the request that waits has been answered, and goes on behind it if so. [`finish`](Self::finish)
    /// follows.
    pub(crate) fn resume_blocked(&mut self, core: &Core, tools: &mut Tools) -> Turn {
        self.blocked = false;
        let read = std::mem::take(&mut self.unread);
        let turn = self.work(core, tools, read, true);
        self.unread |= read && self.blocked;
        turn
    }

    /// Whether a request waits.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When it is given up, if ever.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// Reads and runs. Replies wait for the end of the round (see [`finish`](Self::finish)), so that a peer which serves
    /// many connections is woken once and not with every reply.
    fn work(&mut self, core: &Core, tools: &mut Tools, read: bool, resume: bool) -> Turn {
        let lent = tools.outputs.pop().unwrap_or_default();
        let mut output = self.output.take().unwrap_or(lent);
        let mut turn = Turn::Wait;
        if resume {
            turn = self.run_input(&tools.limits, &mut output);
        }
        if read && turn == Turn::Wait {
            tools.reads += 1;
            turn = self.read_and_run(&mut tools.buffer, &tools.limits, tools.now, &mut output);
        }
        self.output = Some(output);
        if turn == Turn::Over {
            self.count_memory(core);
        }
        turn
    }

    /// Takes what was pushed to the client. [`finish`](Self::finish) follows.
    pub(crate) fn take_pushes(&mut self, tools: &mut Tools) -> Turn {
        if !self.client.has_pushes() || self.closing {
            return Turn::Wait;
        }
        let lent = tools.outputs.pop().unwrap_or_default();
        let mut output = self.output.take().unwrap_or(lent);
        self.session.pushes(&mut output);
        let turn = self.after(Status::Continue, &tools.limits, &output);
        self.output = Some(output);
        turn
    }

    /// The end of a connection's turn: sends its replies, as much as the socket takes.
    pub(crate) fn finish(&mut self, core: &Core, tools: &mut Tools) -> Turn {
        let Some(mut output) = self.output.take() else { return Turn::Wait };
        if !core.log().covers(output.position()) {
            // Nobody sees what could still be lost. What would be read now would only wait behind it.
            self.held = true;
            self.output = Some(output);
            return Turn::Unsynced;
        }
        tools.writes += 1;
        let mut turn = if self.flush(&mut output) { Turn::Over } else { Turn::Wait };
        if self.held && turn == Turn::Wait && output.len() < HOLD / 2 {
            // What has arrived in the meantime makes no event.
            self.held = false;
            turn = Turn::Again;
        }
        if !output.is_empty() {
            self.output = Some(output);
        } else if tools.outputs.len() < OUTPUTS_KEPT {
            tools.outputs.push(output);
        }
        self.count_memory(core);
        if self.output.is_some() && turn != Turn::Over && self.over_soft_limit(tools) { Turn::Over } else { turn }
    }

    fn read_and_run(&mut self, buffer: &mut [u8], limits: &Limits, now: u64, output: &mut Output) -> Turn {
        self.client.active.store(now, Relaxed);
        for _ in 0..READS_IN_A_ROW {
            if self.closing || self.held {
                return Turn::Wait;
            }
            let missing = self.session.expected().saturating_sub(self.input.len());
            let long = !self.input.is_empty() && missing > buffer.len();
            let (read, room) = if long { self.read_long(missing) } else { (self.stream.read(buffer), buffer.len()) };
            let n = match read {
                Ok(0) => {
                    // What has been asked for is still answered: the peer may have closed only its own half.
                    self.closing = true;
                    return Turn::Wait;
                }
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Turn::Wait,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Turn::Over,
            };
            let turn = match long {
                true if n < missing => Turn::Wait,
                true => self.run_input(limits, output),
                false => self.run_new(&buffer[..n], limits, output),
            };
            if self.blocked {
                // What is in the socket still made its event already.
                self.unread = n == room || self.ended;
                return if self.ended { Turn::Over } else { turn };
            }
            if turn == Turn::Wait && output.len() > SEND_AT {
                return Turn::Again;
            }
            if turn != Turn::Wait || self.over_query_limit(limits) {
                return if turn == Turn::Wait { Turn::Over } else { turn };
            }
            // A short read means that the socket is drained: the next bytes make a new event. Only the end, if it has
            // been announced already, does not.
            if n < room && !self.ended {
                return Turn::Wait;
            }
        }
        if self.closing || self.held { Turn::Wait } else { Turn::Again }
    }

    /// Reads more of a long request behind what there is of it. Memory grows with what arrives, not with what has been
    /// announced.
    fn read_long(&mut self, missing: usize) -> (std::io::Result<usize>, usize) {
        if self.input.capacity() - self.input.len() < missing.min(64 * 1024) {
            self.input.reserve_exact(missing.min(self.input.len().max(READ_AHEAD)));
        }
        let room = self.input.capacity() - self.input.len();
        (self.stream.read_behind(&mut self.input), room)
    }

    /// Runs the requests in `bytes`, behind what is left of earlier ones.
    #[inline]
    fn run_new(&mut self, bytes: &[u8], limits: &Limits, output: &mut Output) -> Turn {
        if !self.input.is_empty() {
            self.input.extend_from_slice(bytes);
            return self.run_input(limits, output);
        }
        let (status, used) = self.session.feed(bytes, output);
        if used < bytes.len() {
            self.input.extend_from_slice(&bytes[used..]);
        }
        self.after(status, limits, output)
    }

    fn run_input(&mut self, limits: &Limits, output: &mut Output) -> Turn {
        let (status, used) = self.session.feed(&self.input, output);
        if used == self.input.len() {
            self.input = Vec::new();
        } else {
            self.input.drain(..used);
        }
        self.after(status, limits, output)
    }

    #[inline]
    fn after(&mut self, status: Status, limits: &Limits, output: &Output) -> Turn {
        let unsent = output.len();
        if unsent > limits.output.normal.hard.min(limits.output.pubsub.hard)
            && unsent > limits.output_of(&self.client).hard
        {
            self.log_output_limit();
            return Turn::Over;
        }
        self.held = unsent > HOLD;
        if status == Status::Close && self.client.is_killed() {
            return Turn::Over;
        }
        match status {
            Status::Continue => Turn::Wait,
            Status::Close => {
                self.closing = true;
                self.input = Vec::new();
                Turn::Wait
            }
            Status::Paused => {
                self.paused = true;
                Turn::Paused
            }
            Status::Blocked => {
                self.blocked = true;
                Turn::Blocked(self.session.deadline())
            }
        }
    }

    /// Sends as much as the socket takes. Returns whether the connection is over.
    fn flush(&mut self, output: &mut Output) -> bool {
        let waiting = self.client.output_bytes.load(Relaxed) > 0;
        let over = loop {
            if output.is_empty() {
                output.shrink();
                break self.closing;
            }
            let slices: SmallVec<[IoSlice<'_>; 8]> = output.slices().collect();
            let written = self.stream.write(&slices);
            drop(slices);
            match written {
                Ok(0) => break true,
                Ok(n) => output.consume(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        if waiting || !output.is_empty() {
            self.client.output_bytes.store(output.len(), Relaxed);
        }
        over
    }

    fn over_query_limit(&self, limits: &Limits) -> bool {
        let over = self.input.len() > limits.query;
        if over {
            self.session.core().stats.sockets.query_limit.fetch_add(1, Relaxed);
            tracing::warn!("Closing client that reached max query buffer length: {}", self.describe());
        }
        over
    }

    fn over_soft_limit(&mut self, tools: &Tools) -> bool {
        let limit = tools.limits.output_of(&self.client);
        let soft = limit.soft;
        if self.output.as_ref().is_none_or(|o| o.len() <= soft) {
            self.soft_since = None;
            return false;
        }
        let since = *self.soft_since.get_or_insert(tools.now);
        let over = tools.now.saturating_sub(since) > limit.soft_millis;
        if over {
            self.log_output_limit();
        }
        over
    }

    fn log_output_limit(&self) {
        self.session.core().stats.sockets.output_limit.fetch_add(1, Relaxed);
        tracing::warn!("Client {} closed for overcoming of output buffer limits.", self.describe());
    }

    /// Looked at every second: whether the connection has to end for its silence or its unread replies.
    pub(crate) fn is_overdue(&mut self, tools: &Tools) -> bool {
        let silence = tools.now.saturating_sub(self.client.active.load(Relaxed));
        if tools.limits.timeout > 0 && silence > tools.limits.timeout && !self.paused && !self.blocked {
            tracing::debug!("Closing idle client: {}", self.describe());
            return true;
        }
        self.output.is_some() && self.over_soft_limit(tools)
    }

    fn count_memory(&mut self, core: &Core) {
        let held = self.input.capacity() + self.output.as_ref().map_or(0, |o| o.bytes());
        if held == 0 && self.counted == 0 {
            return;
        }
        self.client.input_bytes.store(self.input.len(), Relaxed);
        self.client.buffer_bytes.store(held, Relaxed);
        if held == 0 || held.abs_diff(self.counted) >= COUNTED_STEP {
            core.keyspace.count_other_bytes(self.counted, held);
            self.counted = held;
        }
    }

    /// Gives back what has been counted of its memory: the last thing that is done with a connection.
    pub(crate) fn forget(self, core: &Core) {
        core.keyspace.count_other_bytes(self.counted, 0);
    }

    fn describe(&self) -> String {
        let Client { id, origin, .. } = &*self.client;
        format!(
            "id={id} addr={} laddr={} fd={} name={} qbuf={} omem={}",
            origin.addr,
            origin.laddr,
            origin.fd,
            String::from_utf8_lossy(&self.client.name()),
            self.input.len(),
            self.output.as_ref().map_or(0, |o| o.len()),
        )
    }
}
