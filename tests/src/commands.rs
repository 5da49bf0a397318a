//! The commands that are compared with Redis 7.0, as far as a test has to know them: names and arities.
//!
//! Written down here and not read from the engine, since the engine's own table is what is being judged. Commands of
//! these groups that come with later work (DUMP, WAIT, client tracking and their like) join the list with it.

mod types;

pub use types::{GEO, HASH, HYPERLOGLOG, LIST, SET, SORT, SORTED_SET, STREAM};

/// A command's name, `container|subcommand` for those, and its arity: how many words it takes, itself and a
/// subcommand included; negative when that is only the least.
pub type Arity = (&'static str, i32);

/// The string group.
pub const STRING: &[Arity] = &[
    ("append", 3),
    ("decr", 2),
    ("decrby", 3),
    ("get", 2),
    ("getdel", 2),
    ("getex", -2),
    ("getrange", 4),
    ("getset", 3),
    ("incr", 2),
    ("incrby", 3),
    ("incrbyfloat", 3),
    ("lcs", -3),
    ("mget", -2),
    ("mset", -3),
    ("msetnx", -3),
    ("psetex", 4),
    ("set", -3),
    ("setex", 4),
    ("setnx", 3),
    ("setrange", 4),
    ("strlen", 2),
    ("substr", 4),
];

/// The bitmap group.
pub const BITMAP: &[Arity] = &[
    ("bitcount", -2),
    ("bitfield", -2),
    ("bitfield_ro", -2),
    ("bitop", -4),
    ("bitpos", -3),
    ("getbit", 3),
    ("setbit", 4),
];

/// The generic group.
pub const GENERIC: &[Arity] = &[
    ("copy", -3),
    ("del", -2),
    ("exists", -2),
    ("expire", -3),
    ("expireat", -3),
    ("expiretime", 2),
    ("keys", 2),
    ("move", 3),
    ("object", -2),
    ("object|encoding", 3),
    ("object|freq", 3),
    ("object|help", 2),
    ("object|idletime", 3),
    ("object|refcount", 3),
    ("persist", 2),
    ("pexpire", -3),
    ("pexpireat", -3),
    ("pexpiretime", 2),
    ("pttl", 2),
    ("randomkey", 1),
    ("rename", 3),
    ("renamenx", 3),
    ("scan", -2),
    ("touch", -2),
    ("ttl", 2),
    ("type", 2),
    ("unlink", -2),
];

/// The connection group.
pub const CONNECTION: &[Arity] = &[
    ("auth", -2),
    ("client", -2),
    ("client|getname", 2),
    ("client|help", 2),
    ("client|id", 2),
    ("client|info", 2),
    ("client|kill", -3),
    ("client|list", -2),
    ("client|no-evict", 3),
    ("client|pause", -3),
    ("client|reply", 3),
    ("client|setname", 3),
    ("client|unpause", 2),
    ("echo", 2),
    ("hello", -1),
    ("ping", -1),
    ("quit", -1),
    ("reset", 1),
    ("select", 2),
];

/// The server group.
pub const SERVER: &[Arity] = &[
    ("command", -1),
    ("command|count", 2),
    ("command|docs", -2),
    ("command|getkeys", -3),
    ("command|getkeysandflags", -3),
    ("command|help", 2),
    ("command|info", -2),
    ("command|list", -2),
    ("config", -2),
    ("config|get", -3),
    ("config|help", 2),
    ("config|resetstat", 2),
    ("config|rewrite", 2),
    ("config|set", -4),
    ("dbsize", 1),
    ("debug", -2),
    ("flushall", -1),
    ("flushdb", -1),
    ("info", -1),
    ("latency", -2),
    ("latency|doctor", 2),
    ("latency|graph", 3),
    ("latency|help", 2),
    ("latency|histogram", -2),
    ("latency|history", 3),
    ("latency|latest", 2),
    ("latency|reset", -2),
    ("lolwut", -1),
    ("memory", -2),
    ("memory|doctor", 2),
    ("memory|help", 2),
    ("memory|malloc-stats", 2),
    ("memory|purge", 2),
    ("memory|stats", 2),
    ("memory|usage", -3),
    ("slowlog", -2),
    ("slowlog|get", -2),
    ("slowlog|help", 2),
    ("slowlog|len", 2),
    ("slowlog|reset", 2),
    ("swapdb", 3),
    ("time", 1),
];

/// All of them.
pub fn all() -> impl Iterator<Item = Arity> + Clone {
    [STRING, BITMAP, GENERIC, CONNECTION, SERVER, LIST, SET, HASH, SORTED_SET, STREAM, HYPERLOGLOG, GEO, SORT]
        .into_iter()
        .flatten()
        .copied()
}
