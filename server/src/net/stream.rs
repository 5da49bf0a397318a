//! A connection's socket: TCP or Unix.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use carnelian::command::Origin;
use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::{SockRef, TcpKeepalive};

/// A socket of either kind.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Stream {
    #[inline]
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.read(buffer),
            Self::Unix(s) => s.read(buffer),
        }
    }

    /// Reads behind the end of `buffer`, into memory that it has reserved.
    pub(crate) fn read_behind(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        Ok(rustix::io::read(self.as_fd(), rustix::buffer::spare_capacity(buffer))?)
    }

    #[inline]
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Tcp(s), [one]) => s.write(one),
            (Self::Unix(s), [one]) => s.write(one),
            (Self::Tcp(s), many) => s.write_vectored(many),
            (Self::Unix(s), many) => s.write_vectored(many),
        }
    }

    /// Sets what every connection has: replies leave at once, dead peers are noticed.
    pub(crate) fn prepare(&self, keepalive: Option<Duration>) {
        let Self::Tcp(s) = self else { return };
        // A socket that refuses these still works.
        let _ = s.set_nodelay(true);
        if let Some(time) = keepalive {
            let interval = (time / 3).max(Duration::from_secs(1));
            let probes = TcpKeepalive::new().with_time(time).with_interval(interval).with_retries(3);
            let _ = SockRef::from(s).set_tcp_keepalive(&probes);
        }
    }

    /// Says that nothing more is going to be sent.
    pub(crate) fn finish_writing(&self) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.shutdown(Shutdown::Write),
            Self::Unix(s) => s.shutdown(Shutdown::Write),
        }
    }

    /// Whether the peer is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(s) => s.peer_addr().is_ok_and(|a| a.ip().to_canonical().is_loopback()),
            Self::Unix(_) => true,
        }
    }

    /// Both ends, as `CLIENT LIST` shows them.
    pub(crate) fn origin(&self) -> Origin {
        let fd = self.as_fd().as_raw_fd();
        match self {
            Self::Tcp(s) => {
                let text = |a: io::Result<std::net::SocketAddr>| match a {
                    Ok(std::net::SocketAddr::V4(a)) => a.to_string(),
                    // Redis writes IPv6 addresses without a scope.
                    Ok(std::net::SocketAddr::V6(a)) => format!("[{}]:{}", a.ip(), a.port()),
                    Err(_) => "?:0".into(),
                };
                Origin { addr: text(s.peer_addr()), laddr: text(s.local_addr()), fd, unix: false }
            }
            Self::Unix(s) => {
                let path = s.local_addr().ok().and_then(|a| Some(a.as_pathname()?.display().to_string()));
                let addr = format!("{}:0", path.unwrap_or_default());
                Origin { laddr: addr.clone(), addr, fd, unix: true }
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(s) => s.as_fd(),
            Self::Unix(s) => s.as_fd(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.register(registry, token, interests),
            Self::Unix(s) => s.register(registry, token, interests),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.reregister(registry, token, interests),
            Self::Unix(s) => s.reregister(registry, token, interests),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(s) => s.deregister(registry),
            Self::Unix(s) => s.deregister(registry),
        }
    }
}
