//! The directives that the engine itself gives effect to. Whoever is around it adds its own.

use crate::aof::Fsync;
use crate::command::{Core, canonical_points, notify};
use crate::config::{Directive, Kind};
use crate::keyspace::Policy;
use crate::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

const fn int(name: &'static str, min: i64, max: i64, default: &'static str) -> Directive {
    Directive::new(name, Kind::Int { min, max }, default)
}

const fn memory(name: &'static str, min: i64, default: &'static str) -> Directive {
    Directive::new(name, Kind::Memory { min, max: LONG }, default)
}

const fn flag(name: &'static str, default: &'static str) -> Directive {
    Directive::new(name, Kind::Bool, default)
}

#[cfg(feature = "lua")]
fn set_busy_reply_threshold(core: &Core, millis: i64) {
    core.scripts.set_threshold(millis);
}

#[cfg(feature = "lua")]
fn set_script_keys_declared(core: &Core, declared: bool) {
    core.scripts.set_keys_declared(declared);
}

#[cfg(not(feature = "lua"))]
fn set_busy_reply_threshold(_: &Core, _: i64) {}

#[cfg(not(feature = "lua"))]
fn set_script_keys_declared(_: &Core, _: bool) {}

/// All of them.
pub(crate) const ENGINE: &[Directive] = &[
    int("databases", 1, INT, "16").fixed(),
    Directive::new("requirepass", Kind::Text, "").apply(|core, value| {
        core.auth.require(value.as_bytes());
        Ok(())
    }),
    // The directory is there for whoever has one; the server enters it.
    Directive::new("dir", Kind::Text, "").fixed(),
    Directive::new("dbfilename", Kind::Custom(file_name), "dump.rdb"),
    // The log.
    flag("appendonly", "no").apply(|core, v| core.aof.turn(&core.keyspace, v == "yes")),
    Directive::new("appendfsync", Kind::Enum(&["everysec", "always", "no"]), "everysec").apply(|core, v| {
        core.aof.log.set_fsync(Fsync::of(v));
        core.keyspace.ask_listeners();
        Ok(())
    }),
    Directive::new("appenddirname", Kind::Custom(file_name), "appendonlydir").fixed(),
    Directive::new("appendfilename", Kind::Custom(file_name), "appendonly.aof").fixed(),
    // Which is better is measured by `make bench`.
    Directive::new("aof-store", Kind::Enum(&["mapped", "written"]), "mapped")
        .fixed()
        .about("Whether the log is written through mapped memory or by system calls"),
    flag("aof-load-truncated", "yes"),
    flag("aof-timestamp-enabled", "no").apply(|core, v| {
        core.aof.log.set_timestamps(v == "yes");
        Ok(())
    }),
    int("auto-aof-rewrite-percentage", 0, INT, "100").apply(|core, v| u64_of(&core.aof.auto.percentage, v)),
    memory("auto-aof-rewrite-min-size", 0, "67108864").apply(|core, v| u64_of(&core.aof.auto.min_size, v)),
    Directive::new("save", Kind::Custom(canonical_points), "3600 1 300 100 60 10000"),
    flag("stop-writes-on-bgsave-error", "yes"),
    Directive::new("enable-debug-command", Kind::Enum(&["no", "yes", "local"]), "no").fixed(),
    // Limits.
    memory("maxmemory", 0, "0").apply(|core, v| u64_of(&core.keyspace.settings().maxmemory, v)),
    Directive::new("maxmemory-policy", Kind::Enum(&POLICIES), "noeviction").apply(maxmemory_policy),
    int("maxmemory-samples", 1, INT, "5").apply(|core, v| u32_of(&core.keyspace.settings().maxmemory_samples, v)),
    int("maxmemory-eviction-tenacity", 0, 100, "10")
        .apply(|core, v| u32_of(&core.keyspace.settings().maxmemory_eviction_tenacity, v)),
    int("lfu-log-factor", 0, INT, "10").apply(|core, v| u32_of(&core.keyspace.settings().lfu_log_factor, v)),
    int("lfu-decay-time", 0, INT, "1").apply(|core, v| u32_of(&core.keyspace.settings().lfu_decay_time, v)),
    memory("proto-max-bulk-len", 1024 * 1024, "536870912")
        .apply(|core, v| u64_of(&core.keyspace.settings().proto_max_bulk_len, v)),
    // Background work.
    Directive::new("hz", Kind::Custom(hz), "10").apply(|core, v| u32_of(&core.keyspace.settings().hz, v)),
    int("active-expire-effort", 1, 10, "1").apply(|core, v| u32_of(&core.keyspace.settings().active_expire_effort, v)),
    // What is big is freed on a thread of its own whatever these say; scripts read them, so they can be set.
    flag("lazyfree-lazy-eviction", "no"),
    flag("lazyfree-lazy-expire", "no"),
    flag("lazyfree-lazy-server-del", "no"),
    flag("lazyfree-lazy-user-del", "no"),
    flag("lazyfree-lazy-user-flush", "no"),
    // What is noted of commands.
    int("slowlog-log-slower-than", -1, LONG, "10000").alias("commandlog-execution-slower-than").apply(|core, v| {
        core.logs.slow.set_threshold(signed(v));
        Ok(())
    }),
    int("slowlog-max-len", 0, LONG, "128").alias("commandlog-slow-execution-max-len").apply(|core, v| {
        core.logs.slow.set_max_len(unsigned(v));
        Ok(())
    }),
    int("commandlog-request-larger-than", -1, LONG, "1048576").apply(|core, v| {
        core.logs.large_request.set_threshold(signed(v));
        Ok(())
    }),
    int("commandlog-large-request-max-len", 0, LONG, "128").apply(|core, v| {
        core.logs.large_request.set_max_len(unsigned(v));
        Ok(())
    }),
    int("commandlog-reply-larger-than", -1, LONG, "1048576").apply(|core, v| {
        core.logs.large_reply.set_threshold(signed(v));
        Ok(())
    }),
    int("commandlog-large-reply-max-len", 0, LONG, "128").apply(|core, v| {
        core.logs.large_reply.set_max_len(unsigned(v));
        Ok(())
    }),
    int("tracking-table-max-keys", 0, LONG, "1000000").apply(|core, v| {
        core.tracking.set_max_keys(unsigned(v));
        Ok(())
    }),
    flag("latency-tracking", "yes"),
    Directive::new("latency-tracking-info-percentiles", Kind::Custom(percentiles), "50 99 99.9"),
    int("latency-monitor-threshold", 0, LONG, "0").apply(|core, v| {
        core.latency.set_threshold(unsigned(v));
        Ok(())
    }),
    Directive::new("notify-keyspace-events", Kind::Custom(notify::canonical), "").apply(|core, v| {
        core.notifier.set(&core.keyspace, v);
        Ok(())
    }),
    // Scripts.
    int("busy-reply-threshold", 0, LONG, "5000").alias("lua-time-limit").apply(|core, v| {
        set_busy_reply_threshold(core, signed(v));
        Ok(())
    }),
    flag("script-keys-declared", "no")
        .apply(|core, v| {
            set_script_keys_declared(core, v == "yes");
            Ok(())
        })
        .about(
            "Scripts may touch only the keys that they declare, and those with different keys run at once, on several \
             threads; variables that a library of functions keeps are then each thread's own",
        ),
    // Up to where the data types stay compact.
    int("hash-max-listpack-entries", 0, LONG, "512")
        .alias("hash-max-ziplist-entries")
        .apply(|core, v| u64_of(&core.keyspace.settings().hash_max_listpack_entries, v)),
    memory("hash-max-listpack-value", 0, "64")
        .alias("hash-max-ziplist-value")
        .apply(|core, v| u64_of(&core.keyspace.settings().hash_max_listpack_value, v)),
    int("list-max-listpack-size", i32::MIN as i64, INT, "-2")
        .alias("list-max-ziplist-size")
        .apply(|core, v| i64_of(&core.keyspace.settings().list_max_listpack_size, v)),
    int("list-compress-depth", 0, INT, "0").apply(|core, v| u64_of(&core.keyspace.settings().list_compress_depth, v)),
    int("set-max-intset-entries", 0, LONG, "512")
        .apply(|core, v| u64_of(&core.keyspace.settings().set_max_intset_entries, v)),
    int("set-max-listpack-entries", 0, LONG, "128")
        .apply(|core, v| u64_of(&core.keyspace.settings().set_max_listpack_entries, v)),
    int("set-max-listpack-value", 0, LONG, "64")
        .apply(|core, v| u64_of(&core.keyspace.settings().set_max_listpack_value, v)),
    int("zset-max-listpack-entries", 0, LONG, "128")
        .alias("zset-max-ziplist-entries")
        .apply(|core, v| u64_of(&core.keyspace.settings().zset_max_listpack_entries, v)),
    memory("zset-max-listpack-value", 0, "64")
        .alias("zset-max-ziplist-value")
        .apply(|core, v| u64_of(&core.keyspace.settings().zset_max_listpack_value, v)),
    memory("hll-sparse-max-bytes", 0, "3000")
        .apply(|core, v| u64_of(&core.keyspace.settings().hll_sparse_max_bytes, v)),
    memory("stream-node-max-bytes", 0, "4096")
        .apply(|core, v| u64_of(&core.keyspace.settings().stream_node_max_bytes, v)),
    int("stream-node-max-entries", 0, LONG, "100")
        .apply(|core, v| u64_of(&core.keyspace.settings().stream_node_max_entries, v)),
    // How values are written.
    flag("rdbcompression", "yes").apply(|core, v| {
        core.keyspace.settings().rdb_compression.store(v == "yes", Relaxed);
        Ok(())
    }),
    Directive::new("rdb-version", Kind::Enum(&["10", "11"]), "11")
        .apply(|core, v| u32_of(&core.keyspace.settings().rdb_version, v))
        .about("Of files and payloads that are written: 10 can be read by Redis 7.0, 11 by Redis 7.2 and Valkey 8"),
    Directive::new("rdb-dialect", Kind::Enum(&["redis", "valkey"]), "redis")
        .apply(|core, v| {
            core.keyspace.settings().rdb_for_valkey.store(v == "valkey", Relaxed);
            Ok(())
        })
        .about("Whose way of writing the deadlines of fields is followed, where a hash has some"),
];

/// A name of a file, without a path.
fn file_name(name: &str) -> Result<String, String> {
    if name.contains(['/', '\\', '\0']) || name.is_empty() {
        return Err("dbfilename can't be a path, just a filename".into());
    }
    Ok(name.to_owned())
}

const POLICIES: [&str; 8] = {
    let mut names = [""; 8];
    let mut i = 0;
    while i < names.len() {
        names[i] = Policy::NAMES[i].0;
        i += 1;
    }
    names
};

/// A value in canonical form as a number; the directive's kind has checked it.
fn unsigned(value: &str) -> u64 {
    value.parse().unwrap_or_default()
}

fn signed(value: &str) -> i64 {
    value.parse().unwrap_or_default()
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of an `Apply`")]
fn u64_of(setting: &AtomicU64, value: &str) -> Result<(), String> {
    setting.store(unsigned(value), Relaxed);
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of an `Apply`")]
fn i64_of(setting: &AtomicI64, value: &str) -> Result<(), String> {
    setting.store(signed(value), Relaxed);
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "the shape of an `Apply`")]
fn u32_of(setting: &AtomicU32, value: &str) -> Result<(), String> {
    setting.store(u32::try_from(unsigned(value)).unwrap_or(u32::MAX), Relaxed);
    Ok(())
}

fn maxmemory_policy(core: &Core, value: &str) -> Result<(), String> {
    let policy = Policy::NAMES.iter().find(|(name, _)| *name == value).ok_or("no such policy")?;
    core.keyspace.settings().set_policy(policy.1);
    Ok(())
}

/// Any number of times a second, brought to between 1 and 500 as Redis does.
fn hz(text: &str) -> Result<String, String> {
    let hz = int("hz", 0, INT, "10").parse(text)?;
    Ok(signed(&hz).clamp(1, 500).to_string())
}

fn percentiles(text: &str) -> Result<String, String> {
    let mut words = Vec::new();
    for word in text.split_ascii_whitespace() {
        let percentile: f64 =
            word.parse().map_err(|_| "Invalid latency-tracking-info-percentiles parameters".to_owned())?;
        if !(0.0..=100.0).contains(&percentile) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        words.push(percentile.to_string());
    }
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_directive_takes() {
        for directive in ENGINE {
            assert_eq!(directive.parse(directive.default).as_deref(), Ok(directive.default), "{}", directive.name);
        }
    }

    #[test]
    fn odd_values_are_treated_as_redis_does() {
        assert_eq!(hz("0"), Ok("1".into()));
        assert_eq!(hz("1000"), Ok("500".into()));
        assert_eq!(hz("-5"), Err("argument must be between 0 and 2147483647 inclusive".into()));
        assert_eq!(percentiles(""), Ok(String::new()));
        assert_eq!(percentiles("50 99.9"), Ok("50 99.9".into()));
        assert!(percentiles("101").is_err_and(|e| e.contains("[0.0,100.0]")));
        assert!(percentiles("x").is_err_and(|e| e.starts_with("Invalid")));
    }
}
