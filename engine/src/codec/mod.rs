//! Bytes to meaning and back, and nothing else.

pub mod glob;
pub mod num;
pub mod resp;
