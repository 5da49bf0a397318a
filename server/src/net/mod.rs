//! Event loops: each I/O thread owns its connections from accept to close and runs their commands in place.

mod connection;
mod event_loop;
mod stream;

pub use event_loop::EventLoop;
