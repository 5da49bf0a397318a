//! Numbers as Redis reads and writes them.
//!
//! Clients compare these bytes, so every function here keeps one promise: what Redis accepts is accepted, what it
//! refuses is refused, and what it prints is printed, down to the last digit.

mod float;
mod hex_float;
mod int;
mod long_double;
mod memory;

pub use float::{parse_f64, write_f64, write_f64_17};
pub use int::{parse_cursor, parse_i64, parse_u64, skip_blanks, write_i64, write_u64};
pub use long_double::LongDouble;
pub use memory::parse_memory;
