//! The C ABI of the engine: what `include/carnelian.h` declares, of which this crate is the source.
//!
//! # How it is put together
//!
//! | file | subject |
//! |---|---|
//! | `abi/` | the exported functions: pointers become slices and handles, nothing else |
//! | `handles.rs` | handles: a slot and a generation, looked up and never followed |
//! | `engine.rs`, `options.rs`, `host.rs` | an engine that is open, what it is opened with, what it tells of this program |
//! | `session.rs` | a session as it is driven by bytes |
//! | `command.rs` | a session as it is driven by arguments |
//! | `reply.rs` | replies as trees |
//! | `bell.rs`, `timer.rs` | how a session's owner is woken: by others, and by time |
//! | `error.rs`, `fork.rs` | the last error of a thread, panics, and processes that are copies |
//!
//! # Threads
//!
//! Any number of threads may use an engine. A session is held by one call at a time: a second one, from wherever, fails at
//! once. Whoever ends a session or an engine first makes its handle one that is over, then wakes who waits there, and
//! then waits until they have left; so nothing is freed that is in use, and no call finds something half gone.
//!
//! # Invariants
//!
//! No function panics, unwinds or follows a handle. A call that fails for misuse has changed nothing. What a thread of a
//! process has locked is never asked for in a copy of that process.

// A library for C exports names, and has none that Rust would want to import: only its tests do.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

pub mod abi;

mod bell;
mod command;
mod engine;
mod error;
mod fork;
mod handles;
mod host;
mod options;
mod reply;
mod session;
mod timer;
