//! The Redis protocol in front of the carnelian engine.
//!
//! A program that has an [`Engine`](carnelian::Engine) can open a port on it with [`serve`]; `carnelian-server` is such
//! a program, made of redis.conf and a command line ([`cli`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

pub mod cli;
pub mod directives;

mod host;
mod log;
mod metrics;
mod net;
mod process;
mod server;
mod tools;

pub use host::Handle;
pub use server::{Config, Server, serve};
