//! Redis as a library: the whole of Redis's data model in your own process, without a server, a socket or serialising.
//!
//! ```
//! use std::time::Duration;
//!
//! use carnelian::{Engine, Options, SetOptions, Value};
//!
//! let engine = Engine::open(Options::new())?;
//! let db = engine.db(0)?;
//!
//! // Methods are named after the commands.
//! db.set("greeting", "hello")?;
//! db.append("greeting", ", world")?;
//! assert_eq!(db.get("greeting")?.as_deref(), Some(&b"hello, world"[..]));
//! assert_eq!(db.incr("hits")?, 1);
//!
//! // What Redis has option words for has builders.
//! assert!(db.set_with("lock", "me", &SetOptions::new().nx().ex(30))?);
//! assert!(db.ttl("lock")?.left() <= Some(Duration::from_secs(30)));
//!
//! // Any command, as a client would send it.
//! assert_eq!(engine.execute(&["STRLEN", "greeting"])?, Value::Int(12));
//! # Ok::<(), carnelian::Error>(())
//! ```
//!
//! An [`Engine`] can be cloned into any number of threads; it ends with its last clone. Keys and values are bytes.
//! Errors are [`Error`], in Redis's own words.
//!
//! # Where to look next
//!
//! | for | see |
//! |---|---|
//! | strings, bitmaps, keys and expiry, with types | [`Db`] |
//! | several calls as one | [`Db::transaction`], [`Db::optimistic`] |
//! | waiting for what others will add, asleep or in `async` code | [`Db::blpop`], [`Pending`] |
//! | scripts in Lua | `Engine::script`, with the feature `lua` |
//! | any command; a caller who keeps `SELECT` and the like | [`Engine::execute`], [`Engine::connect`] |
//! | databases, `maxmemory` and other directives | [`Options`] |
//! | keys that outlive the process, as `dump.rdb` | [`Options::dir`], [`Engine::snapshot`] |
//! | tests that turn the clock instead of sleeping | [`ManualClock`] |
//! | commands of your own | [`command::Spec`], and `server/examples/own_command.rs` |
//! | hearing of every change | [`keyspace::Listener`] |
//! | bytes in, bytes out, as a server needs it | [`Engine::session`] |
//! | Redis clients over TCP and Unix sockets | the crate `carnelian-server` |
//!
//! The feature `serde` adds `Db::get_as` and `Db::set_as`, for values of any type that serde knows. The feature `lua` adds
//! the room `lua`, the interpreter of scripts, for which a C compiler is needed.
//!
//! The modules below are the engine's own rooms, open to whoever builds commands or another door. How they fit together
//! is told in ARCHITECTURE.md.

pub mod aof;
pub mod api;
mod background;
pub mod clock;
pub mod codec;
pub mod command;
pub mod config;
mod directives;
pub mod engine;
pub mod error;
pub mod files;
pub mod keyspace;
#[cfg(feature = "lua")]
pub mod lua;
pub mod map;
pub mod operation;
pub mod rdb;
mod recovery;
pub mod session;
mod slot;
mod stopwatch;
mod sync;
pub mod sys;
pub mod table;
pub mod value;

pub use api::{
    AutoClaimedEntries, ConsumerInfo, GroupInfo, PendingEntry, PendingRange, PendingSummary, StreamEntry, StreamInfo,
};
pub use api::{
    CopyOptions, Db, ExpireCondition, FieldValue, HashScan, KeyType, Pending, Preparation, Scan, Scored, Subscription,
    Transaction, Ttl, ZCombine,
};
#[cfg(feature = "lua")]
pub use api::{FromReply, Script, ScriptArg, ScriptCall};
pub use clock::{Clock, ManualClock};
pub use command::{Core, Host, Message, Origin, Spec, Value};
pub use config::Directive;
pub use engine::{Durability, Engine, Options};
pub use error::{Error, Result};
pub use operation::bitmap::{BitOp, BitRange, BitUnit, FieldOp};
pub use operation::geo::{Center, Order, Point, Search, Shape, Store, Unit};
pub use operation::hash::{FieldCondition, FieldExpired, FieldSetOptions};
pub use operation::list::{PositionOptions, Side};
pub use operation::sort::SortOptions;
pub use operation::sorted_set::{AddOptions, Added, Aggregate, ZEnd, ZRange};
pub use operation::stream::{DeliveredAt, GroupStart, ReadFrom, StreamTrim, XAddOptions, XClaimOptions};
pub use operation::string::{Condition, Expiry, GetExpiry, SetExpiry, SetOptions};
pub use session::{Connection, Session};
pub use value::bits::{Field, Overflow};
pub use value::lcs::{Lcs, Match};
pub use value::sorted_set::{LexBound, LexRange, ScoreBound, ScoreRange};
pub use value::stream::StreamId;

/// The examples of the README are tests as well.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
