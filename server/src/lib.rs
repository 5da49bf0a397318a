//! The Redis protocol in front of the carnelian engine.
//!
//! A program that has an [`Engine`](carnelian::Engine) can open a port on it with [`serve`]; `carnelian-server` is such
//! a program, made of redis.conf and a command line: `cli`, behind the feature of that name.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, reason = "tests"))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod directives;

mod descriptors;
mod host;
#[cfg(feature = "cli")]
mod log;
mod metrics;
mod net;
#[cfg(feature = "cli")]
mod process;
mod server;
#[cfg(feature = "cli")]
mod tools;

pub use host::Handle;
pub use net::Limits;
pub use server::{Config, Server, serve};
