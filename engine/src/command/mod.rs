//! Commands: from arguments to operations, and from results to replies.
//!
//! Each group has a file with its declarations and functions. A command parses its arguments whole before it calls an
//! operation, so that a refused one has changed nothing.

mod args;
mod clients;
mod context;
pub mod dispatch;
mod registry;
mod reply;
mod spec;
mod stats;

mod bitmap;
mod generic;
mod string;

pub use args::{Args, Positions, key_flags, key_positions};
pub use clients::{Client, Clients, Names, Origin, Pause};
pub use context::{Caller, Context, Core, ReplyMode};
pub use registry::{Command, Registry};
pub use reply::{Output, Reply, Tree, Value};
pub use spec::{Begin, Categories, Find, Flags, Group, KeyFlags, KeySpec, Run, Spec};
pub use stats::{CommandStats, Streak};

/// The commands that every engine has, by group.
pub(crate) const ENGINE: &[&[Spec]] = &[bitmap::COMMANDS, generic::COMMANDS, string::COMMANDS];
