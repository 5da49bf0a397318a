//! Bytes sent as they are, for tests of what no proper client sends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::bytes::Escaped;
use crate::server::Server;

/// How an exchange ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// With an ECHO, which is answered unless the server has closed: for bytes that leave it ready for a command.
    Echo,
    /// By closing our side: for bytes that leave it waiting for more.
    Close,
}

const ECHO: &[u8] = b"*2\r\n$4\r\nECHO\r\n$11\r\n<--the end>\r\n";
const ECHOED: &[u8] = b"$11\r\n<--the end>\r\n";
/// Long for a server, so that running into it means that the server hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything the server sends for `bytes` until it closes or has answered the closing ECHO.
///
/// # Panics
/// When it does neither.
#[must_use]
pub fn exchange(server: &Server, bytes: &[u8], ending: Ending) -> Vec<u8> {
    let mut stream = connect(server);
    // A server that refuses may close before it has read everything; what it said before still arrives.
    let _ = stream.write_all(bytes);
    match ending {
        Ending::Echo => drop(stream.write_all(ECHO)),
        Ending::Close => drop(stream.shutdown(Shutdown::Write)),
    }
    let mut received = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    while !(ending == Ending::Echo && received.ends_with(ECHOED)) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => received.extend_from_slice(&chunk[..n]),
            Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!("after {} the server hangs, having sent {}: {e}", Escaped(bytes), Escaped(&received)),
        }
    }
    received
}

/// A plain connection that gives up when nothing happens for long.
///
/// # Panics
/// When there is none to be had.
#[must_use]
pub fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
    stream
}

/// Whether the server closes this connection within `limit`, whatever it sends before that.
#[must_use]
pub fn is_closed_within(stream: &mut TcpStream, limit: Duration) -> bool {
    let started = std::time::Instant::now();
    let mut chunk = vec![0; 1024 * 1024];
    while let Some(left) = limit.checked_sub(started.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).expect("a timeout that is not zero");
        match stream.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return e.kind() == ErrorKind::ConnectionReset,
        }
    }
    false
}
