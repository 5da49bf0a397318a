//! Event loops: each I/O thread owns its connections from accept to close and runs their commands in place.
//!
//! Sockets are registered once, for both directions, edge triggered. So the rule of every loop here is: whoever is told
//! that a socket is ready goes on until the socket says that it would block, or notes that there is more to do.

mod accept;
mod connection;
mod event_loop;
mod limits;
mod listen;
mod mailbox;
mod stream;

pub(crate) use accept::Acceptor;
pub(crate) use event_loop::{EventLoop, Shared, look_after};
pub use limits::Limits;
pub(crate) use listen::Listener;
pub(crate) use mailbox::Mailbox;
pub(crate) use stream::Stream;
