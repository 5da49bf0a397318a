//! Listening sockets.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::stream::Stream;

/// A listening socket of either kind. The file of a Unix socket goes when the listener does.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens at every address that a host name stands for.
    pub(crate) fn tcp(host: &str, port: u16, backlog: i32) -> io::Result<Vec<Self>> {
        let addresses: Vec<SocketAddr> = match host {
            "*" => vec![SocketAddr::from(([0, 0, 0, 0], port))],
            "::*" => vec![SocketAddr::from(([0_u16; 8], port))],
            host => (host, port).to_socket_addrs()?.collect(),
        };
        addresses.into_iter().map(|address| Self::tcp_at(address, backlog)).collect()
    }

    fn tcp_at(address: SocketAddr, backlog: i32) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            // So that the same port can be had for IPv4 as well.
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        Ok(Self::Tcp(TcpListener::from_std(socket.into())))
    }

    /// Listens at a path, in place of a socket that is there. `mode` are the file's permissions.
    pub(crate) fn unix(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<Self> {
        if std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket()) {
            std::fs::remove_file(path)?;
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        if let Some(mode) = mode {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
        socket.listen(backlog)?;
        Ok(Self::Unix(UnixListener::from_std(socket.into()), path.to_owned()))
    }

    pub(crate) fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(l) => l.accept().map(|(s, _)| Stream::Tcp(s)),
            Self::Unix(l, _) => l.accept().map(|(s, _)| Stream::Unix(s)),
        }
    }

    /// Where it listens, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Tcp(_) => self.address().map_or_else(|| "?".into(), |a| a.to_string()),
            Self::Unix(_, path) => path.display().to_string(),
        }
    }

    /// The address of a TCP socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(l) => l.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Self::Tcp(l) => l.register(registry, token, Interest::READABLE),
            Self::Unix(l, _) => l.register(registry, token, Interest::READABLE),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self
            && let Err(e) = std::fs::remove_file(&*path)
            && e.kind() != ErrorKind::NotFound
        {
            tracing::warn!("Cannot remove the Unix socket {}: {e}", path.display());
        }
    }
}
