//! One connection of the metrics endpoint: it is read, answered and closed.
//!
//! Whatever the peer sends, no more than a request's worth of it is kept, no more than [`MAX_DRAINED`] is read behind
//! that, and all of it ends at a deadline, which is put off once, when the reply begins.

use std::io::{self, ErrorKind, IoSlice};
use std::time::{Duration, Instant};

use super::http::{self, MAX_REQUEST};
use crate::net::Stream;

/// How long a request may take, and its reply once more.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much is read and thrown away behind a request that was answered.
const MAX_DRAINED: usize = 64 * 1024;

pub(super) struct Connection {
    stream: Stream,
    state: State,
    since: Instant,
    deadline: Instant,
}

enum State {
    /// The request, as far as it has come.
    Asking(Vec<u8>),
    /// The reply, and how much of it is sent.
    Answering(Vec<u8>, usize),
    /// How much was read since. A socket that is closed with something unread in it may lose the reply.
    Leaving(usize),
}

impl Connection {
    /// A connection that has just come.
    pub(super) fn new(stream: Stream) -> Self {
        let since = Instant::now();
        Self { stream, state: State::Asking(Vec::new()), since, deadline: since + PATIENCE }
    }

    /// One that gets this reply, whatever it asks for.
    pub(super) fn refused(stream: Stream, reply: Vec<u8>) -> Self {
        Self { state: State::Answering(reply, 0), ..Self::new(stream) }
    }

    /// When it came.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// When it has to be over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Goes on until the socket would block; `metrics` makes the text that is asked for. False if it is over.
    pub(super) fn turn(&mut self, metrics: impl Fn() -> Option<String>) -> bool {
        loop {
            match self.step(&metrics) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    fn step(&mut self, metrics: &impl Fn() -> Option<String>) -> io::Result<bool> {
        let mut buffer = [0; MAX_REQUEST];
        match &mut self.state {
            State::Asking(request) => {
                let room = MAX_REQUEST - request.len();
                let read = self.stream.read(&mut buffer[..room])?;
                request.extend_from_slice(&buffer[..read]);
                if read == 0 {
                    return Ok(false);
                }
                if let Some(reply) = http::answer(request, metrics) {
                    self.state = State::Answering(reply, 0);
                    self.deadline = Instant::now() + PATIENCE;
                }
            }
            State::Answering(reply, sent) => {
                *sent += self.stream.write(&[IoSlice::new(&reply[*sent..])])?;
                if *sent == reply.len() {
                    self.stream.finish_writing()?;
                    self.state = State::Leaving(0);
                }
            }
            State::Leaving(drained) => {
                let read = self.stream.read(&mut buffer)?;
                *drained += read;
                return Ok(read > 0 && *drained < MAX_DRAINED);
            }
        }
        Ok(true)
    }
}
