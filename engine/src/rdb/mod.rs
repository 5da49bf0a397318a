//! RDB: values as Redis stores them in dump.rdb, in the base of its log, and in the payloads of DUMP.
//!
//! Everything that any version since 2.2 has written is read; what is written is of one version, which says what readers
//! may meet. Nothing that is read is trusted: lengths reserve no memory that the rest of the input cannot fill, every
//! small form is looked through before it is kept, and whatever is wrong is an error with its place.

mod file;
mod load;
mod payload;
mod read;
mod save;
mod stream;
#[cfg(test)]
mod tests;
mod write;
mod ziplist;

pub use file::{About, FileWriter, Part, read, walk};
pub use load::{Limits, Loaded, load};
pub use payload::{BadPayload, open, open_functions, seal, seal_functions};
pub use read::{Damaged, Reader};
pub use save::{kind_of, save};
pub use write::Writer;

/// Types of values, by the byte that stands in front of them.
pub mod kind {
    #![allow(missing_docs, reason = "the names are Redis's own")]

    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Valkey 9: fields, each with a deadline. In no release of Redis: there it was another type for a while.
    pub const HASH_2: u8 = 22;
    /// Redis 7.4: fields, each with a deadline.
    pub const HASH_METADATA: u8 = 24;
    /// Redis 7.4: a listpack of fields, values and deadlines.
    pub const HASH_LISTPACK_EX: u8 = 25;
}

/// Where the two families of servers differ: in hashes whose fields have deadlines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// As Redis 7.4 and later read them.
    #[default]
    Redis,
    /// As Valkey 9 and later read them.
    Valkey,
}

/// How values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    /// The version of RDB: 11, which Redis 7.2 and Valkey 8 read and all later ones, or 10 for Redis 7.0.
    pub version: u16,
    /// For whom hashes with deadlines of fields are.
    pub dialect: Dialect,
    /// Whether strings are compressed (`rdbcompression`).
    pub compress: bool,
}

impl Default for Format {
    fn default() -> Self {
        Self { version: 11, dialect: Dialect::Redis, compress: true }
    }
}

impl Format {
    /// The version that hashes with deadlines of fields need.
    pub const fn version_with_deadlines(self) -> u16 {
        match self.dialect {
            Dialect::Redis => 12,
            Dialect::Valkey => 80,
        }
    }
}

/// What a reader of a version accepts: those of Redis up to 12 and of Valkey, which counts from 80.
pub const fn is_readable(version: u16) -> bool {
    matches!(version, 1..=12 | 80)
}
