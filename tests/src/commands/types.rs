//! The commands of the data types. Blocking forms join them with the issue on sessions.

use super::Arity;

/// The list group.
pub const LIST: &[Arity] = &[
    ("lindex", 3),
    ("linsert", 5),
    ("llen", 2),
    ("lmove", 5),
    ("lmpop", -4),
    ("lpop", -2),
    ("lpos", -3),
    ("lpush", -3),
    ("lpushx", -3),
    ("lrange", 4),
    ("lrem", 4),
    ("lset", 4),
    ("ltrim", 4),
    ("rpop", -2),
    ("rpoplpush", 3),
    ("rpush", -3),
    ("rpushx", -3),
];

/// The set group.
pub const SET: &[Arity] = &[
    ("sadd", -3),
    ("scard", 2),
    ("sdiff", -2),
    ("sdiffstore", -3),
    ("sinter", -2),
    ("sintercard", -3),
    ("sinterstore", -3),
    ("sismember", 3),
    ("smembers", 2),
    ("smismember", -3),
    ("smove", 4),
    ("spop", -2),
    ("srandmember", -2),
    ("srem", -3),
    ("sscan", -3),
    ("sunion", -2),
    ("sunionstore", -3),
];

/// The hash group.
pub const HASH: &[Arity] = &[
    ("hdel", -3),
    ("hexists", 3),
    ("hget", 3),
    ("hgetall", 2),
    ("hincrby", 4),
    ("hincrbyfloat", 4),
    ("hkeys", 2),
    ("hlen", 2),
    ("hmget", -3),
    ("hmset", -4),
    ("hrandfield", -2),
    ("hscan", -3),
    ("hset", -4),
    ("hsetnx", 4),
    ("hstrlen", 3),
    ("hvals", 2),
];

/// The sorted set group.
pub const SORTED_SET: &[Arity] = &[
    ("zadd", -4),
    ("zcard", 2),
    ("zcount", 4),
    ("zdiff", -3),
    ("zdiffstore", -4),
    ("zincrby", 4),
    ("zinter", -3),
    ("zintercard", -3),
    ("zinterstore", -4),
    ("zlexcount", 4),
    ("zmpop", -4),
    ("zmscore", -3),
    ("zpopmax", -2),
    ("zpopmin", -2),
    ("zrandmember", -2),
    ("zrange", -4),
    ("zrangebylex", -4),
    ("zrangebyscore", -4),
    ("zrangestore", -5),
    ("zrank", -3),
    ("zrem", -3),
    ("zremrangebylex", 4),
    ("zremrangebyrank", 4),
    ("zremrangebyscore", 4),
    ("zrevrange", -4),
    ("zrevrangebylex", -4),
    ("zrevrangebyscore", -4),
    ("zrevrank", -3),
    ("zscan", -3),
    ("zscore", 3),
    ("zunion", -3),
    ("zunionstore", -4),
];

/// The stream group.
pub const STREAM: &[Arity] = &[
    ("xack", -4),
    ("xadd", -5),
    ("xautoclaim", -6),
    ("xclaim", -6),
    ("xdel", -3),
    ("xgroup", -2),
    ("xgroup|create", -5),
    ("xgroup|createconsumer", 5),
    ("xgroup|delconsumer", 5),
    ("xgroup|destroy", 4),
    ("xgroup|help", 2),
    ("xgroup|setid", -5),
    ("xinfo", -2),
    ("xinfo|consumers", 4),
    ("xinfo|groups", 3),
    ("xinfo|help", 2),
    ("xinfo|stream", -3),
    ("xlen", 2),
    ("xpending", -3),
    ("xrange", -4),
    ("xread", -4),
    ("xreadgroup", -7),
    ("xrevrange", -4),
    ("xsetid", -3),
    ("xtrim", -4),
];

/// The HyperLogLog group.
pub const HYPERLOGLOG: &[Arity] = &[("pfadd", -2), ("pfcount", -2), ("pfdebug", 3), ("pfmerge", -2), ("pfselftest", 1)];

/// The geo group.
pub const GEO: &[Arity] = &[
    ("geoadd", -5),
    ("geodist", -4),
    ("geohash", -2),
    ("geopos", -2),
    ("georadius", -6),
    ("georadius_ro", -6),
    ("georadiusbymember", -5),
    ("georadiusbymember_ro", -5),
    ("geosearch", -7),
    ("geosearchstore", -8),
];

/// SORT, of the generic group.
pub const SORT: &[Arity] = &[("sort", -2), ("sort_ro", -2)];
