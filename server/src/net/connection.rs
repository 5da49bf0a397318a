//! A connection: a socket, its session, and the bytes between them.

use std::io::{ErrorKind, IoSlice};

use carnelian::command::Output;
use carnelian::session::{Session, Status};
use smallvec::SmallVec;

use super::stream::Stream;

/// How often one connection may fill the read buffer before others get their turn.
const READS_IN_A_ROW: usize = 8;

/// One client's connection.
pub(crate) struct Connection {
    stream: Stream,
    session: Session,
    /// The beginning of a request whose end has not arrived. Empty most of the time: idle connections hold no buffers.
    input: Vec<u8>,
    output: Output,
    /// No more requests are read; the connection ends when the output is out.
    closing: bool,
}

/// What a turn of a connection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Wait for the socket.
    Wait,
    /// There is more to read now.
    Again,
    /// Clients are paused.
    Paused,
    /// The connection is over.
    Over,
}

impl Connection {
    pub(crate) fn new(stream: Stream, session: Session) -> Self {
        Self { stream, session, input: Vec::new(), output: Output::default(), closing: false }
    }

    pub(crate) fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Reads what has arrived, runs it and sends the replies.
    pub(crate) fn readable(&mut self, buffer: &mut [u8]) -> Turn {
        for _ in 0..READS_IN_A_ROW {
            if self.closing {
                break;
            }
            let n = match self.stream.read(buffer) {
                Ok(0) => return Turn::Over,
                Ok(n) => n,
                Err(e) if e.kind() == ErrorKind::WouldBlock => return self.flush(),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Turn::Over,
            };
            match self.take(&buffer[..n]) {
                Status::Continue => {}
                Status::Close => self.closing = true,
                Status::Paused => {
                    return if self.flush() == Turn::Over { Turn::Over } else { Turn::Paused };
                }
            }
            // A short read means that the socket is drained: the next bytes make a new event.
            if n < buffer.len() {
                return self.flush();
            }
        }
        match self.flush() {
            Turn::Wait if !self.closing => Turn::Again,
            turn => turn,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Status {
        if self.input.is_empty() {
            let (status, used) = self.session.feed(bytes, &mut self.output);
            self.input.extend_from_slice(&bytes[used..]);
            return status;
        }
        self.input.extend_from_slice(bytes);
        let (status, used) = self.session.feed(&self.input, &mut self.output);
        self.input.drain(..used);
        if self.input.is_empty() {
            self.input = Vec::new();
        }
        status
    }

    /// Sends as much as the socket takes.
    pub(crate) fn flush(&mut self) -> Turn {
        while !self.output.is_empty() {
            let slices: SmallVec<[IoSlice<'_>; 8]> = self.output.slices().collect();
            let written = self.stream.write(&slices);
            drop(slices);
            match written {
                Ok(0) => return Turn::Over,
                Ok(n) => self.output.consume(n),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Turn::Wait,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Turn::Over,
            }
        }
        self.output.shrink();
        if self.closing { Turn::Over } else { Turn::Wait }
    }
}
