//! Redis as a library.

pub mod api;
pub mod clock;
pub mod codec;
pub mod command;
pub mod config;
mod directives;
pub mod engine;
pub mod error;
pub mod keyspace;
pub mod operation;
pub mod session;
mod sync;
pub mod sys;
pub mod table;
pub mod value;

pub use api::Db;
pub use clock::{Clock, ManualClock};
pub use engine::{Engine, Options};
pub use error::{Error, Result};
