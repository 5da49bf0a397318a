//! Commands: from arguments to operations, and from results to replies.
//!
//! Each group has a file with its declarations and functions. A command parses its arguments whole before it calls an
//! operation, so that a refused one has changed nothing.

mod append_log;
mod args;
mod auth;
mod blocking;
mod channels;
mod clients;
mod context;
mod directory;
pub mod dispatch;
mod flags;
mod host;
mod latency_monitor;
mod log;
pub(crate) mod notify;
mod peers;
mod registry;
mod reply;
mod spec;
mod stats;
pub mod syntax;

mod bitmap;
mod client;
mod config_commands;
mod connection;
mod debug;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod info;
mod introspection;
mod latency;
mod list;
mod loading;
mod lolwut;
mod memory;
mod monitor;
mod persistence;
mod pubsub;
mod script_figures;
#[cfg(feature = "lua")]
mod scripting;
mod server;
mod set;
mod slowlog;
mod sort;
mod sorted_set;
mod stream;
mod string;
mod tracking;
mod transactions;

pub(crate) use append_log::{AppendLog, Place};
pub use args::{Args, Positions, key_flags, key_positions};
pub use auth::{Auth, DEFAULT_USER};
pub use blocking::Block;
pub use channels::{ChannelKind, Channels, Message};
pub(crate) use channels::{Inbox, Subscriber};
pub use clients::{Client, Clients, Names, Origin, Pause, Totals};
pub use connection::REDIS_VERSION;
pub use context::{Caller, Context, Core, Holding, ReplyMode, RunId};
pub use flags::{Categories, Flags, KeyFlags};
pub use host::{Host, ShutdownOptions};
pub use latency_monitor::{LatencyMonitor, Series};
pub use log::{CommandLog, CommandLogs, LogEntry, Measured};
pub use memory::MemoryFigures;
pub use persistence::SnapshotBy;
pub(crate) use persistence::canonical_points;
pub use pubsub::Subscriptions;
pub use registry::{Command, Registry};
pub use reply::{Begun, Output, Reply, Tree, Value};
pub use spec::{Begin, BlockFn, ContextFn, Find, FindKeys, Group, KeySpec, Run, Spec, ViewFn};
pub use stats::{CommandStats, EngineStats, Rates, SocketStats, Streak};
pub use tracking::TrackingFigures;

/// The commands that every engine has, by group.
pub(crate) const ENGINE: &[&[Spec]] = &[
    bitmap::COMMANDS,
    generic::COMMANDS,
    string::COMMANDS,
    list::COMMANDS,
    set::COMMANDS,
    hash::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    hyperloglog::COMMANDS,
    geo::COMMANDS,
    sort::COMMANDS,
    connection::COMMANDS,
    client::COMMANDS,
    pubsub::COMMANDS,
    transactions::COMMANDS,
    server::COMMANDS,
    append_log::COMMANDS,
    persistence::COMMANDS,
    #[cfg(feature = "lua")]
    scripting::eval::COMMANDS,
    #[cfg(feature = "lua")]
    scripting::functions::COMMANDS,
    info::COMMANDS,
    introspection::COMMANDS,
    config_commands::COMMANDS,
    slowlog::COMMANDS,
    latency::COMMANDS,
    memory::COMMANDS,
    monitor::COMMANDS,
    debug::COMMANDS,
    lolwut::COMMANDS,
];
