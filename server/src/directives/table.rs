//! The tables of directives, by what comes of them.

use carnelian::config::{Apply, Directive, Kind};

use super::{Effect, Entry, Words};

mod apply;
mod parse;

/// All tables.
pub const TABLE: &[&[Entry]] = &[WORKING, REFUSED, WITHOUT_EFFECT];

const REPLICATION: &str = "there is no replication yet";
const CLUSTER: &str = "there is no cluster mode yet";
const TLS: &str = "there is no TLS yet";
const ADMIN: &str = "there are no ACLs and modules yet";
const SYSTEM: &str = "concerns how Redis itself is built";

const WORKING: &[Entry] = &[
    text("bind", "* -::*").many().fixed(),
    int("port", 0, 65535, "6379").fixed(),
    int("metrics-port", 0, 65535, "0")
        .fixed()
        .about("Where `/metrics` is served over HTTP, for Prometheus; 0 is nowhere"),
    text("unixsocket", "").fixed(),
    custom("unixsocketperm", parse::unix_mode, "0").fixed(),
    int("tcp-backlog", 0, i32::MAX as i64, "511").fixed(),
    int("tcp-keepalive", 0, i32::MAX as i64, "300"),
    int("timeout", 0, i32::MAX as i64, "0"),
    int("maxclients", 1, u32::MAX as i64, "10000").apply(apply::max_clients),
    int("io-threads", 0, 128, "0").fixed(),
    yes_no("protected-mode", "yes"),
    custom(
        "client-output-buffer-limit",
        parse::output_limits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    )
    .repeated(),
    memory("client-query-buffer-limit", 1 << 20, "1073741824"),
    custom("maxmemory-clients", parse::memory_or_percent, "0"),
    word("loglevel", &["debug", "verbose", "notice", "warning"], "notice").apply(apply::log_level),
    text("logfile", "").fixed(),
    text("pidfile", "").fixed(),
    word("supervised", &["upstart", "systemd", "auto", "no"], "no").fixed(),
    yes_no("always-show-logo", "no").fixed(),
];

/// Doing nothing would be dangerous here: open to the world, without the password, not a replica.
const REFUSED: &[Entry] = &[
    text("aclfile", "").fixed().refused(),
    yes_no("cluster-enabled", "no").fixed().refused(),
    text("replicaof", "").alias("slaveof").many().refused(),
    int("tls-port", 0, 65535, "0").refused(),
];

const WITHOUT_EFFECT: &[Entry] = &[
    yes_no("daemonize", "no")
        .fixed()
        .without_effect("stays in the foreground with a warning: a service manager runs it in the background"),
    word("acl-pubsub-default", &["allchannels", "resetchannels"], "resetchannels").without_effect(ADMIN),
    int("acllog-max-len", -1, i64::MAX, "128").without_effect(ADMIN),
    word("enable-module-command", &["no", "yes", "local"], "no").fixed().without_effect(ADMIN),
    word("enable-protected-configs", &["no", "yes", "local"], "no").fixed().without_effect(ADMIN),
    text("availability-zone", "").without_effect(CLUSTER),
    yes_no("cluster-allow-pubsubshard-when-down", "yes").without_effect(CLUSTER),
    yes_no("cluster-allow-reads-when-down", "no").without_effect(CLUSTER),
    yes_no("cluster-allow-replica-migration", "yes").without_effect(CLUSTER),
    int("cluster-announce-bus-port", 0, i64::MAX, "0").without_effect(CLUSTER),
    text("cluster-announce-client-ipv4", "").without_effect(CLUSTER),
    text("cluster-announce-client-ipv6", "").without_effect(CLUSTER),
    int("cluster-announce-client-port", 0, i64::MAX, "0").without_effect(CLUSTER),
    int("cluster-announce-client-tls-port", 0, i64::MAX, "0").without_effect(CLUSTER),
    text("cluster-announce-hostname", "").without_effect(CLUSTER),
    text("cluster-announce-human-nodename", "").without_effect(CLUSTER),
    text("cluster-announce-ip", "").without_effect(CLUSTER),
    int("cluster-announce-port", 0, i64::MAX, "0").without_effect(CLUSTER),
    int("cluster-announce-tls-port", 0, i64::MAX, "0").without_effect(CLUSTER),
    int("cluster-blacklist-ttl", 0, i64::MAX, "60").without_effect(CLUSTER),
    int("cluster-compatibility-sample-ratio", 0, i64::MAX, "0").without_effect(CLUSTER),
    text("cluster-config-file", "nodes.conf").fixed().without_effect(CLUSTER),
    word("cluster-config-save-behavior", &["sync", "best-effort"], "sync").without_effect(CLUSTER),
    int("cluster-databases", 0, i64::MAX, "1").without_effect(CLUSTER),
    memory("cluster-link-sendbuf-limit", 0, "0").without_effect(CLUSTER),
    int("cluster-manual-failover-timeout", 0, i64::MAX, "5000").without_effect(CLUSTER),
    int("cluster-migration-barrier", 0, i64::MAX, "1").without_effect(CLUSTER),
    int("cluster-node-timeout", 0, i64::MAX, "15000").without_effect(CLUSTER),
    int("cluster-port", 0, i64::MAX, "0").fixed().without_effect(CLUSTER),
    word("cluster-preferred-endpoint-type", &["ip", "hostname", "unknown-endpoint"], "ip").without_effect(CLUSTER),
    yes_no("cluster-replica-no-failover", "no").alias("cluster-slave-no-failover").without_effect(CLUSTER),
    int("cluster-replica-validity-factor", 0, i64::MAX, "10")
        .alias("cluster-slave-validity-factor")
        .without_effect(CLUSTER),
    yes_no("cluster-require-full-coverage", "yes").without_effect(CLUSTER),
    int("cluster-slot-migration-log-max-len", -1, i64::MAX, "1000").without_effect(CLUSTER),
    yes_no("cluster-slot-stats-enabled", "no").without_effect(CLUSTER),
    int("slot-migration-max-failover-repl-bytes", 0, i64::MAX, "0").without_effect(CLUSTER),
    word("propagation-error-behavior", &["ignore", "panic", "panic-on-replicas"], "ignore").without_effect(REPLICATION),
    text("unixsocketgroup", "").without_effect("the socket has the group of the process"),
    yes_no("aof-disable-auto-gc", "no").without_effect("files that are no longer needed always go"),
    text("aof-rewrite-cpulist", "")
        .alias("aof_rewrite_cpulist")
        .fixed()
        .without_effect("threads are not bound to processors"),
    yes_no("aof-rewrite-incremental-fsync", "yes").without_effect("a file is synced at its end"),
    yes_no("aof-use-rdb-preamble", "yes").without_effect("the base of a log is always an RDB file"),
    text("bgsave-cpulist", "").alias("bgsave_cpulist").fixed().without_effect("threads are not bound to processors"),
    yes_no("no-appendfsync-on-rewrite", "no").without_effect("a rewrite holds up no sync of the log"),
    yes_no("rdb-del-sync-files", "no").without_effect(REPLICATION),
    yes_no("rdb-save-incremental-fsync", "yes").without_effect("a file is synced at its end"),
    word("rdb-version-check", &["strict", "relaxed"], "strict").without_effect("what is too new is always refused"),
    yes_no("rdbchecksum", "yes").fixed().without_effect("files always have their checksum"),
    word("sanitize-dump-payload", &["no", "yes", "clients"], "no").without_effect("payloads are always looked through"),
    text("bind-source-addr", "").many().without_effect(REPLICATION),
    yes_no("dual-channel-replication-enabled", "no").without_effect(REPLICATION),
    yes_no("import-mode", "no").without_effect(REPLICATION),
    int("min-replicas-max-lag", 0, i64::MAX, "10").alias("min-slaves-max-lag").without_effect(REPLICATION),
    int("min-replicas-to-write", 0, i64::MAX, "0").alias("min-slaves-to-write").without_effect(REPLICATION),
    text("primaryauth", "").alias("masterauth").without_effect(REPLICATION),
    text("primaryuser", "").alias("masteruser").without_effect(REPLICATION),
    memory("repl-backlog-size", 0, "1048576").without_effect(REPLICATION),
    int("repl-backlog-ttl", 0, i64::MAX, "3600").without_effect(REPLICATION),
    yes_no("repl-disable-tcp-nodelay", "no").without_effect(REPLICATION),
    word("repl-diskless-load", &["disabled", "on-empty-db", "swapdb"], "disabled").without_effect(REPLICATION),
    yes_no("repl-diskless-sync", "yes").without_effect(REPLICATION),
    int("repl-diskless-sync-delay", 0, i64::MAX, "5").without_effect(REPLICATION),
    int("repl-diskless-sync-max-replicas", 0, i64::MAX, "0").without_effect(REPLICATION),
    yes_no("repl-mptcp", "no").without_effect(REPLICATION),
    int("repl-ping-replica-period", 0, i64::MAX, "10").alias("repl-ping-slave-period").without_effect(REPLICATION),
    int("repl-timeout", 0, i64::MAX, "60").without_effect(REPLICATION),
    text("replica-announce-ip", "").alias("slave-announce-ip").without_effect(REPLICATION),
    int("replica-announce-port", 0, i64::MAX, "0").alias("slave-announce-port").without_effect(REPLICATION),
    yes_no("replica-announced", "yes").without_effect(REPLICATION),
    memory("replica-full-sync-buffer-limit", 0, "0").without_effect(REPLICATION),
    yes_no("replica-ignore-disk-write-errors", "no").without_effect(REPLICATION),
    yes_no("replica-ignore-maxmemory", "yes").alias("slave-ignore-maxmemory").without_effect(REPLICATION),
    yes_no("replica-lazy-flush", "no").alias("slave-lazy-flush").without_effect(REPLICATION),
    int("replica-priority", 0, i64::MAX, "100").alias("slave-priority").without_effect(REPLICATION),
    yes_no("replica-read-only", "yes").alias("slave-read-only").without_effect(REPLICATION),
    yes_no("replica-serve-stale-data", "yes").alias("slave-serve-stale-data").without_effect(REPLICATION),
    int("active-defrag-cycle-max", 0, i64::MAX, "25").without_effect(SYSTEM),
    int("active-defrag-cycle-min", 0, i64::MAX, "1").without_effect(SYSTEM),
    int("active-defrag-cycle-us", 0, i64::MAX, "500").without_effect(SYSTEM),
    memory("active-defrag-ignore-bytes", 0, "104857600").without_effect(SYSTEM),
    int("active-defrag-max-scan-fields", 0, i64::MAX, "1000").without_effect(SYSTEM),
    int("active-defrag-threshold-lower", 0, i64::MAX, "10").without_effect(SYSTEM),
    int("active-defrag-threshold-upper", 0, i64::MAX, "100").without_effect(SYSTEM),
    yes_no("activedefrag", "no").without_effect(SYSTEM),
    yes_no("activerehashing", "yes").without_effect(SYSTEM),
    text("bio-cpulist", "").alias("bio_cpulist").fixed().without_effect(SYSTEM),
    yes_no("crash-log-enabled", "yes").without_effect(SYSTEM),
    yes_no("crash-memcheck-enabled", "yes").without_effect(SYSTEM),
    yes_no("disable-thp", "yes").fixed().without_effect(SYSTEM),
    yes_no("dynamic-hz", "yes").without_effect(SYSTEM),
    yes_no("extended-redis-compatibility", "no").without_effect(SYSTEM),
    text("hash-seed", "").fixed().without_effect(SYSTEM),
    yes_no("hide-user-data-from-log", "yes").without_effect(SYSTEM),
    text("ignore-warnings", "").without_effect(SYSTEM),
    yes_no("io-threads-do-reads", "no").fixed().without_effect(SYSTEM),
    yes_no("jemalloc-bg-thread", "yes").without_effect(SYSTEM),
    text("locale-collate", "").without_effect(SYSTEM),
    word("log-format", &["legacy", "logfmt"], "legacy").without_effect(SYSTEM),
    word("log-timestamp-format", &["legacy", "iso8601", "milliseconds"], "legacy").without_effect(SYSTEM),
    int("max-new-connections-per-cycle", 0, i64::MAX, "10").without_effect(SYSTEM),
    yes_no("mptcp", "no").without_effect(SYSTEM),
    word("oom-score-adj", &["no", "yes", "relative", "absolute"], "no").without_effect(SYSTEM),
    text("oom-score-adj-values", "0 200 800").many().without_effect(SYSTEM),
    int("prefetch-batch-max-size", 0, i64::MAX, "16").without_effect(SYSTEM),
    text("proc-title-template", "{title} {listen-addr} {server-mode}").without_effect(SYSTEM),
    text("server-cpulist", "").alias("server_cpulist").fixed().without_effect(SYSTEM),
    yes_no("set-proc-title", "yes").fixed().without_effect(SYSTEM),
    text("shutdown-on-sigint", "default").without_effect(SYSTEM),
    text("shutdown-on-sigterm", "default").without_effect(SYSTEM),
    int("shutdown-timeout", 0, i64::MAX, "10").without_effect(SYSTEM),
    int("socket-mark-id", 0, i64::MAX, "0").fixed().without_effect(SYSTEM),
    yes_no("syslog-enabled", "no").fixed().without_effect(SYSTEM),
    word(
        "syslog-facility",
        &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
        "local0",
    )
    .fixed()
    .without_effect(SYSTEM),
    text("syslog-ident", "carnelian").fixed().without_effect(SYSTEM),
    int("max-new-tls-connections-per-cycle", 0, i64::MAX, "1").without_effect(TLS),
    word("tls-auth-clients", &["no", "yes", "optional"], "yes").without_effect(TLS),
    word("tls-auth-clients-user", &["off", "cn", "uri"], "off").without_effect(TLS),
    int("tls-auto-reload-interval", 0, i64::MAX, "0").without_effect(TLS),
    text("tls-ca-cert-dir", "").without_effect(TLS),
    text("tls-ca-cert-file", "").without_effect(TLS),
    text("tls-cert-file", "").without_effect(TLS),
    text("tls-ciphers", "").without_effect(TLS),
    text("tls-ciphersuites", "").without_effect(TLS),
    text("tls-client-cert-file", "").without_effect(TLS),
    text("tls-client-key-file", "").without_effect(TLS),
    text("tls-client-key-file-pass", "").without_effect(TLS),
    yes_no("tls-cluster", "no").without_effect(TLS),
    text("tls-dh-params-file", "").without_effect(TLS),
    text("tls-key-file", "").without_effect(TLS),
    text("tls-key-file-pass", "").without_effect(TLS),
    yes_no("tls-prefer-server-ciphers", "no").without_effect(TLS),
    text("tls-protocols", "").without_effect(TLS),
    yes_no("tls-replication", "no").without_effect(TLS),
    int("tls-session-cache-size", 0, i64::MAX, "20480").without_effect(TLS),
    int("tls-session-cache-timeout", 0, i64::MAX, "300").without_effect(TLS),
    yes_no("tls-session-caching", "yes").without_effect(TLS),
];

const fn entry(name: &'static str, kind: Kind, default: &'static str) -> Entry {
    Entry { directive: Directive::new(name, kind, default), words: Words::One, effect: Effect::Works }
}

const fn text(name: &'static str, default: &'static str) -> Entry {
    entry(name, Kind::Text, default)
}

const fn custom(name: &'static str, parse: fn(&str) -> Result<String, String>, default: &'static str) -> Entry {
    entry(name, Kind::Custom(parse), default)
}

const fn yes_no(name: &'static str, default: &'static str) -> Entry {
    entry(name, Kind::Bool, default)
}

const fn int(name: &'static str, min: i64, max: i64, default: &'static str) -> Entry {
    entry(name, Kind::Int { min, max }, default)
}

const fn memory(name: &'static str, min: i64, default: &'static str) -> Entry {
    entry(name, Kind::Memory { min, max: i64::MAX }, default)
}

const fn word(name: &'static str, words: &'static [&'static str], default: &'static str) -> Entry {
    entry(name, Kind::Enum(words), default)
}

impl Entry {
    const fn fixed(mut self) -> Self {
        self.directive = self.directive.fixed();
        self
    }

    const fn about(mut self, about: &'static str) -> Self {
        self.directive = self.directive.about(about);
        self
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.directive = self.directive.alias(alias);
        self
    }

    const fn apply(mut self, apply: Apply) -> Self {
        self.directive = self.directive.apply(apply);
        self
    }

    const fn many(mut self) -> Self {
        self.words = Words::Many;
        self
    }

    const fn repeated(mut self) -> Self {
        self.words = Words::Repeated;
        self
    }

    const fn refused(mut self) -> Self {
        self.effect = Effect::Refused;
        self
    }

    const fn without_effect(mut self, why: &'static str) -> Self {
        self.effect = Effect::Nothing(why);
        self
    }
}
