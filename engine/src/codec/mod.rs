//! Bytes to meaning and back, and nothing else.

pub mod crc64;
pub mod geohash;
pub mod glob;
pub mod lzf;
pub mod num;
pub mod resp;
