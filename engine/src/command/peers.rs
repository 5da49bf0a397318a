//! Connections to other servers, as MIGRATE makes and keeps them: one command after another on the thread of its caller,
//! and no wait longer than its timeout.
//!
//! A connection belongs to whoever took it, and lies here only between two uses: two commands at once have two of them.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::background::{Alarm, Background};
use crate::sync::Mutex;

/// Connections that are kept for a next time.
const KEPT: usize = 64;
/// For how long.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// Bytes that are sent within one timeout.
const CHUNK: usize = 64 * 1024;
/// The longest line that is read.
const LONGEST_LINE: usize = 64 * 1024;

/// A host and a port, as a caller wrote them.
pub(super) type Address = (Vec<u8>, Vec<u8>);

/// A connection.
pub(super) struct Peer {
    stream: TcpStream,
    /// What has come and was not asked for yet.
    received: Vec<u8>,
    /// The database that is selected there, if that is known.
    pub(super) db: Option<i64>,
}

/// What a server has answered in one line.
pub(super) enum Answer {
    Done,
    Failed(Vec<u8>),
}

impl Peer {
    pub(super) fn connect(address: &Address, timeout: Duration) -> io::Result<Self> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(io::Error::other);
        let port: u16 = text(&address.1)?.parse().map_err(io::Error::other)?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in (text(&address.0)?, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&place, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, received: Vec::new(), db: None });
                }
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    /// Sends bytes, each part of them within a timeout.
    pub(super) fn send(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        for mut rest in bytes.chunks(CHUNK) {
            let end = Instant::now() + timeout;
            while !rest.is_empty() {
                self.stream.set_write_timeout(Some(left_until(end)?))?;
                match self.stream.write(rest) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// The next answer, within a timeout. What is no answer to a command that was sent is an error: from a server of
    /// another kind nothing is taken for a success.
    pub(super) fn answer(&mut self, timeout: Duration) -> io::Result<Answer> {
        let line = self.line(Instant::now() + timeout)?;
        match line.split_first() {
            Some((b'+', _)) => Ok(Answer::Done),
            Some((b'-', text)) => Ok(Answer::Failed(text.to_vec())),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn line(&mut self, end: Instant) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 1024];
        loop {
            if let Some(at) = self.received.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = self.received.drain(..=at).collect();
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            if self.received.len() > LONGEST_LINE {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.stream.set_read_timeout(Some(left_until(end)?))?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.received.extend_from_slice(chunk.get(..len).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

fn left_until(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Whether time had run out, in the words of any system.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// The connections that nobody uses just now.
#[derive(Default)]
pub(crate) struct Peers(Arc<Mutex<HashMap<Address, Idle>>>);

struct Idle {
    peer: Peer,
    /// Closes it.
    _alarm: Alarm,
}

impl Peers {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// A connection that was kept.
    pub(super) fn take(&self, address: &Address) -> Option<Peer> {
        let idle = self.0.lock().remove(address);
        idle.map(|idle| idle.peer)
    }

    /// Keeps a connection for a while.
    pub(super) fn keep(&self, address: Address, peer: Peer, background: &Background) {
        let (idle, name) = (Arc::downgrade(&self.0), address.clone());
        // An alarm of an earlier time is gone with what it was set for.
        let alarm = background.alarm(Instant::now() + KEPT_FOR, move || close(&idle, &name));
        let mut all = self.0.lock();
        let mut gone = all.insert(address, Idle { peer, _alarm: alarm });
        if gone.is_none() && all.len() > KEPT {
            // Any of them: whoever misses it connects anew.
            let any = all.keys().next().cloned();
            gone = any.and_then(|any| all.remove(&any));
        }
        // Closed without the lock, which the alarm's thread may wait for.
        drop(all);
        drop(gone);
    }
}

fn close(idle: &Weak<Mutex<HashMap<Address, Idle>>>, address: &Address) {
    let gone = idle.upgrade().and_then(|all| all.lock().remove(address));
    drop(gone);
}
