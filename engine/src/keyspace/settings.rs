//! The directives that operations look at, as atomics: read on every command, written by `CONFIG SET`.

use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What to do when memory is used up: `maxmemory-policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are Redis's own")]
pub enum Policy {
    #[default]
    NoEviction = 0,
    AllKeysLru = 1,
    AllKeysLfu = 2,
    AllKeysRandom = 3,
    VolatileLru = 4,
    VolatileLfu = 5,
    VolatileRandom = 6,
    VolatileTtl = 7,
}

impl Policy {
    /// All policies with their names in redis.conf.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("volatile-lru", Self::VolatileLru),
        ("volatile-lfu", Self::VolatileLfu),
        ("volatile-random", Self::VolatileRandom),
        ("volatile-ttl", Self::VolatileTtl),
        ("allkeys-lru", Self::AllKeysLru),
        ("allkeys-lfu", Self::AllKeysLfu),
        ("allkeys-random", Self::AllKeysRandom),
        ("noeviction", Self::NoEviction),
    ];

    /// Whether access clocks count how often instead of when.
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::AllKeysLfu | Self::VolatileLfu)
    }

    /// Whether access clocks decide what is evicted by when keys were used.
    pub fn is_lru(self) -> bool {
        matches!(self, Self::AllKeysLru | Self::VolatileLru)
    }

    /// Whether what is evicted is left to chance.
    pub fn is_random(self) -> bool {
        matches!(self, Self::AllKeysRandom | Self::VolatileRandom)
    }

    /// Whether only keys with a deadline are evicted.
    pub fn is_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }
}

/// Settings of one engine, by their names in redis.conf.
#[derive(Debug)]
pub struct Settings {
    /// `maxmemory` in bytes; 0 for no limit.
    pub maxmemory: AtomicU64,
    /// `maxmemory-samples`: how many keys are compared before one is evicted.
    pub maxmemory_samples: AtomicU32,
    /// `maxmemory-eviction-tenacity`, 0 to 100: how much time eviction may take.
    pub maxmemory_eviction_tenacity: AtomicU32,
    /// `lfu-log-factor`.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time` in minutes.
    pub lfu_decay_time: AtomicU32,
    /// `proto-max-bulk-len` in bytes: the longest string.
    pub proto_max_bulk_len: AtomicU64,
    /// `hz`: how often a second background work is looked for.
    pub hz: AtomicU32,
    /// `DEBUG SET-ACTIVE-EXPIRE`: whether expired keys are looked for.
    pub active_expire: AtomicBool,
    /// `active-expire-effort`, 1 to 10.
    pub active_expire_effort: AtomicU32,
    /// `list-max-listpack-size`: elements of a node, or one of five sizes in bytes if negative.
    pub list_max_listpack_size: AtomicI64,
    /// `DEBUG QUICKLIST-PACKED-THRESHOLD`: elements from this length on are nodes of their own; 0 leaves it to the size.
    pub list_packed_threshold: AtomicU64,
    /// `list-compress-depth`.
    pub list_compress_depth: AtomicU64,
    /// `hash-max-listpack-entries`.
    pub hash_max_listpack_entries: AtomicU64,
    /// `hash-max-listpack-value` in bytes.
    pub hash_max_listpack_value: AtomicU64,
    /// `set-max-intset-entries`.
    pub set_max_intset_entries: AtomicU64,
    /// `set-max-listpack-entries`.
    pub set_max_listpack_entries: AtomicU64,
    /// `set-max-listpack-value` in bytes.
    pub set_max_listpack_value: AtomicU64,
    /// `zset-max-listpack-entries`.
    pub zset_max_listpack_entries: AtomicU64,
    /// `zset-max-listpack-value` in bytes.
    pub zset_max_listpack_value: AtomicU64,
    /// `hll-sparse-max-bytes`.
    pub hll_sparse_max_bytes: AtomicU64,
    /// `stream-node-max-bytes`.
    pub stream_node_max_bytes: AtomicU64,
    /// `stream-node-max-entries`.
    pub stream_node_max_entries: AtomicU64,
    /// The version of RDB that is written.
    pub rdb_version: AtomicU32,
    /// Whether what the families of servers do not share is written for Valkey instead of Redis.
    pub rdb_for_valkey: AtomicBool,
    /// `rdbcompression`.
    pub rdb_compression: AtomicBool,
    policy: AtomicU8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            maxmemory: AtomicU64::new(0),
            maxmemory_samples: AtomicU32::new(5),
            maxmemory_eviction_tenacity: AtomicU32::new(10),
            lfu_log_factor: AtomicU32::new(10),
            lfu_decay_time: AtomicU32::new(1),
            proto_max_bulk_len: AtomicU64::new(512 << 20),
            hz: AtomicU32::new(10),
            active_expire: AtomicBool::new(true),
            active_expire_effort: AtomicU32::new(1),
            list_max_listpack_size: AtomicI64::new(-2),
            list_packed_threshold: AtomicU64::new(0),
            list_compress_depth: AtomicU64::new(0),
            hash_max_listpack_entries: AtomicU64::new(512),
            hash_max_listpack_value: AtomicU64::new(64),
            set_max_intset_entries: AtomicU64::new(512),
            set_max_listpack_entries: AtomicU64::new(128),
            set_max_listpack_value: AtomicU64::new(64),
            zset_max_listpack_entries: AtomicU64::new(128),
            zset_max_listpack_value: AtomicU64::new(64),
            hll_sparse_max_bytes: AtomicU64::new(3000),
            stream_node_max_bytes: AtomicU64::new(4096),
            stream_node_max_entries: AtomicU64::new(100),
            rdb_version: AtomicU32::new(11),
            rdb_for_valkey: AtomicBool::new(false),
            rdb_compression: AtomicBool::new(true),
            policy: AtomicU8::new(Policy::NoEviction as u8),
        }
    }
}

impl Settings {
    /// `maxmemory-policy`.
    #[inline]
    pub fn policy(&self) -> Policy {
        match self.policy.load(Relaxed) {
            1 => Policy::AllKeysLru,
            2 => Policy::AllKeysLfu,
            3 => Policy::AllKeysRandom,
            4 => Policy::VolatileLru,
            5 => Policy::VolatileLfu,
            6 => Policy::VolatileRandom,
            7 => Policy::VolatileTtl,
            _ => Policy::NoEviction,
        }
    }

    /// Sets `maxmemory-policy`.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(policy as u8, Relaxed);
    }
}
