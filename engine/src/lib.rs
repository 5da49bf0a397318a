//! Redis as a library.

pub mod api;
mod background;
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
pub use operation::bitmap::{BitOp, BitRange, FieldOp};
pub use operation::string::{Expiry, GetExpiry, SetOptions};
pub use value::bits::{Field, Overflow};
pub use value::lcs::Lcs;
