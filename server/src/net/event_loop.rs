//! One I/O thread.

use std::io;
use std::time::Duration;

use carnelian::Engine;
use carnelian::command::Origin;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::connection::{Connection, Turn};
use super::stream::Stream;

const LISTENER: Token = Token(usize::MAX);

/// A loop and the connections it owns.
pub struct EventLoop {
    poll: Poll,
    engine: Engine,
    listener: TcpListener,
    connections: Slab<Connection>,
    /// What bytes are read into, by one connection after the other.
    buffer: Box<[u8]>,
}

impl EventLoop {
    /// A loop that accepts connections.
    pub fn new(engine: Engine, mut listener: TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self { poll, engine, listener, connections: Slab::new(), buffer: vec![0; 64 * 1024].into() })
    }

    /// Runs until the process ends.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut again: Vec<usize> = Vec::new();
        loop {
            let timeout = if again.is_empty() { Duration::from_millis(100) } else { Duration::ZERO };
            if let Err(e) = self.poll.poll(&mut events, Some(timeout))
                && e.kind() != io::ErrorKind::Interrupted
            {
                return Err(e);
            }
            for key in std::mem::take(&mut again) {
                self.turn(key, true, &mut again);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    Token(key) => self.turn(key, event.is_readable() || event.is_read_closed(), &mut again),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let _ = stream.set_nodelay(true);
            let connection = Connection::new(Stream::Tcp(stream), self.engine.session(Origin::default(), None));
            let key = self.connections.insert(connection);
            let stream = self.connections[key].stream_mut();
            let interest = Interest::READABLE | Interest::WRITABLE;
            if self.poll.registry().register(stream, Token(key), interest).is_err() {
                self.connections.remove(key);
            }
        }
    }

    fn turn(&mut self, key: usize, readable: bool, again: &mut Vec<usize>) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let turn = if readable { connection.readable(&mut self.buffer) } else { connection.flush() };
        match turn {
            Turn::Wait => {}
            Turn::Again | Turn::Paused => again.push(key),
            Turn::Over => {
                let mut connection = self.connections.remove(key);
                let _ = self.poll.registry().deregister(connection.stream_mut());
            }
        }
    }
}
