//! The append-only log: every change, as commands, in the files that Redis keeps (its multi-part directory, since 7.0).
//!
//! ```text
//! appendonlydir/
//!   appendonly.aof.manifest        which files there are, in the order in which they are read
//!   appendonly.aof.1.base.rdb      all keys at some moment
//!   appendonly.aof.1.incr.aof      what has changed since, a segment; perhaps further ones behind it
//! ```
//!
//! A segment is a row of records. A record is the effects of one command or transaction, as RESP requests, and a line
//! that other readers skip:
//!
//! ```text
//! #CRC32:89abcdef LEN:117 SYNCED:4096
//!
//!  CRC32     over the record's requests and the rest of this line
//!  LEN       of the record's requests
//!  SYNCED    up to here this file was on the disk when the record was appended; left out while nothing new is to be said
//!  CLOSED    nothing was written behind this by us: what follows is somebody else's
//! ```
//!
//! Invariant: a record is taken whole or not at all, and what some record states to have been synced is there or the
//! files are refused. Pages of a mapped file reach the disk in any order, so a crash may leave records behind a hole:
//! without such a statement those never counted, and are set aside.

mod inspect;
mod log;
mod manifest;
mod mapped;
mod record;
mod repair;
mod store;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
mod thread;
mod written;

pub use inspect::{Ends, Inspection, Verdict, commands, first_after, inspect, inspect_halves, inspect_with};
pub use log::{Fsync, Log, Segment};
pub use manifest::{Kind, Manifest, Piece};
pub use record::append_record;
pub use repair::{Cut, Plan, close, cut, plan};
pub use store::{Disk, OpenStore, Reserve, Room, Store, StoreKind};
