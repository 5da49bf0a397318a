//! Keys as lines of JSON that people can read: what docs/export.md tells, written and read.
//!
//! Invariant: what is written of a key is read back as the same key. A string that is no UTF-8 is an object with its
//! base64, so bytes of any kind survive; scores are written with as many digits as it takes.

mod read;
mod write;

use carnelian::rdb::{About, Loaded};

pub(super) use read::read;
pub(super) use write::Writer;

/// A key of a line.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) db: u32,
    pub(super) key: Vec<u8>,
    pub(super) value: Loaded<'static>,
    pub(super) about: About,
}

#[cfg(test)]
mod tests;
