//! The built server, driven over sockets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod blocking;
mod configuration;
mod departures;
mod harness;
mod lifecycle;
mod limits;
mod logs;
mod metrics;
mod requests;
mod scale;
mod scripts;
mod subscribers;
mod tools;
