//! Operations: what can be done to keys, typed, on a view that holds their stripes. They know no RESP.
//!
//! Commands and the typed Rust API call the same operations. An operation checks everything before its first change,
//! and leaves an effect and an event for each change it makes.

pub mod bitmap;
pub mod draws;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod set;
pub mod snapshot;
pub mod sort;
pub mod sorted_set;
pub mod stream;
pub mod string;
