//! The figures of an engine as OpenMetrics text.
//!
//! Nothing is counted here: every figure is one that `INFO` shows, read from the same place, in base units. Names are
//! mostly those of redis_exporter, so that dashboards for it need little more than another prefix.

use std::fmt::Result;
use std::sync::atomic::Ordering::Relaxed;

use carnelian::command::{ChannelKind, Command, CommandStats, Core, MemoryFigures, REDIS_VERSION};
use carnelian::{Engine, sys};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use crate::directives;

/// All figures, ready to be written down any number of times.
pub(super) struct Exposition(Registry);

impl Exposition {
    pub(super) fn new(engine: &Engine) -> Self {
        let mut registry = Registry::with_prefix("carnelian");
        registry.register_collector(Box::new(Figures(engine.clone())));
        Self(registry)
    }

    /// The figures of now; `None` if one of them cannot be written.
    pub(super) fn text(&self) -> Option<String> {
        let mut text = String::new();
        text::encode(&mut text, &self.0).ok().map(|()| text)
    }
}

struct Figures(Engine);

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result {
        let core = self.0.core();
        let mut families = Families(encoder);
        server(core, &mut families)?;
        clients(core, &mut families)?;
        memory(core, &mut families)?;
        traffic(core, &mut families)?;
        keyspace(core, &mut families)?;
        channels(core, &mut families)?;
        errors(core, &mut families)?;
        commands(core, &mut families)
    }
}

/// Writes families of samples.
struct Families<'a>(DescriptorEncoder<'a>);

/// A figure in bytes or in seconds has that at the end of its name.
type Of = Option<&'static Unit>;
const NUMBER: Of = None;
const BYTES: Of = Some(&Unit::Bytes);
const SECONDS: Of = Some(&Unit::Seconds);

impl Families<'_> {
    fn family(&mut self, name: &str, unit: Of, help: &str, kind: MetricType, samples: Samples<'_>) -> Result {
        samples(&mut self.0.encode_descriptor(name, help, unit, kind)?)
    }

    fn counter<V: EncodeCounterValue + Copy>(&mut self, name: &str, unit: Of, help: &str, value: V) -> Result {
        self.family(name, unit, help, MetricType::Counter, &|encoder| count(encoder, &value))
    }

    fn gauge<V: EncodeGaugeValue + Copy>(&mut self, name: &str, unit: Of, help: &str, value: V) -> Result {
        self.family(name, unit, help, MetricType::Gauge, &|encoder| encoder.encode_gauge(&value))
    }
}

/// What writes the samples of a family.
type Samples<'a> = &'a dyn Fn(&mut MetricEncoder<'_>) -> Result;

fn count(encoder: &mut MetricEncoder<'_>, value: &impl EncodeCounterValue) -> Result {
    encoder.encode_counter(value, None::<&Exemplar<NoLabelSet, f64>>)
}

fn server(core: &Core, to: &mut Families<'_>) -> Result {
    let (os, clock) = (sys::os(), core.keyspace.clock());
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("redis_version", REDIS_VERSION),
        ("os", &os),
        ("run_id", &core.run.id),
    ];
    to.family("instance", NUMBER, "The version and the run of the server.", MetricType::Info, &|encoder| {
        encoder.encode_info(&labels)
    })?;
    let since = core.run.since;
    to.gauge("start_time", SECONDS, "When the engine was opened, since 1970.", seconds(since, 1e3))?;
    let uptime = seconds(clock.millis().saturating_sub(since), 1e3);
    to.gauge("uptime", SECONDS, "How long ago the engine was opened.", uptime)?;
    let cpu = sys::process_times();
    to.counter("cpu_sys", SECONDS, "Time of processors in the system.", cpu.system)?;
    to.counter("cpu_user", SECONDS, "Time of processors outside the system.", cpu.user)
}

fn seconds(parts: u64, parts_of_a_second: f64) -> f64 {
    parts as f64 / parts_of_a_second
}

fn clients(core: &Core, to: &mut Families<'_>) -> Result {
    let clients = core.clients.list();
    let subscribers = clients.iter().filter(|c| c.is_subscriber()).count();
    let watching = clients.iter().filter(|c| c.watched.load(Relaxed) > 0).count();
    let tracking = core.tracking_figures();
    to.gauge("connected_clients", NUMBER, "Clients that are connected.", clients.len())?;
    let waiters = core.keyspace.waiting().waiters.load(Relaxed);
    to.gauge("blocked_clients", NUMBER, "Clients that wait for a key.", waiters)?;
    to.gauge("tracking_clients", NUMBER, "Clients that are told of changes to what they keep.", tracking.clients)?;
    to.gauge("pubsub_clients", NUMBER, "Clients that have subscribed.", subscribers)?;
    to.gauge("watching_clients", NUMBER, "Clients that watch keys.", watching)?;
    let most = directives::int(&core.config, "maxclients");
    to.gauge("max_clients", NUMBER, "How many clients may be connected.", most)?;
    to.gauge("tracking_keys", NUMBER, "Keys that tracking clients keep.", tracking.keys)?;
    to.gauge("tracking_items", NUMBER, "Keys that tracking clients keep, once for each of them.", tracking.items)?;
    to.gauge("tracking_prefixes", NUMBER, "Prefixes that tracking clients named.", tracking.prefixes)?;
    let (accepted, rejected) = (&core.clients.accepted, &core.clients.rejected);
    to.counter("connections_received", NUMBER, "Connections that were accepted.", accepted.load(Relaxed))?;
    to.counter("rejected_connections", NUMBER, "Connections that were turned away.", rejected.load(Relaxed))
}

fn memory(core: &Core, to: &mut Families<'_>) -> Result {
    let figures = MemoryFigures::of(core);
    let most = core.keyspace.settings().maxmemory.load(Relaxed);
    to.gauge("memory_used", BYTES, "Memory in use, by the engine's count.", figures.used)?;
    to.gauge("memory_used_peak", BYTES, "The most memory that was in use.", figures.peak)?;
    to.gauge("memory_used_rss", BYTES, "Resident memory of the process.", figures.resident)?;
    to.gauge("memory_used_dataset", BYTES, "Memory of keys, values and tables.", figures.data)?;
    to.gauge("memory_clients", BYTES, "Memory of the buffers of clients.", figures.clients)?;
    to.gauge("memory_max", BYTES, "The directive maxmemory, 0 for no limit.", most)
}

fn traffic(core: &Core, to: &mut Families<'_>) -> Result {
    let totals = core.clients.totals();
    to.counter("commands_processed", NUMBER, "Commands that ran.", totals.commands)?;
    to.counter("net_input", BYTES, "What clients have sent.", totals.bytes_in)?;
    to.counter("net_output", BYTES, "What clients were sent.", totals.bytes_out)
}

fn keyspace(core: &Core, to: &mut Families<'_>) -> Result {
    let counters = core.keyspace.counters();
    let (hits, misses) = core.keyspace.hits_and_misses();
    to.counter("keyspace_hits", NUMBER, "Look-ups that found a key.", hits)?;
    to.counter("keyspace_misses", NUMBER, "Look-ups that found no key.", misses)?;
    to.counter("expired_keys", NUMBER, "Keys that expired.", counters.expired.load(Relaxed))?;
    let fields = counters.expired_fields.load(Relaxed);
    to.counter("expired_fields", NUMBER, "Fields of hashes that expired.", fields)?;
    to.counter("evicted_keys", NUMBER, "Keys that were evicted.", counters.evicted.load(Relaxed))?;
    let sizes: Vec<_> = core.keyspace.db_sizes().into_iter().map(|(db, size)| (format!("db{db}"), size)).collect();
    to.family("db_keys", NUMBER, "Keys of a database that has keys.", MetricType::Gauge, &|encoder| {
        sizes.iter().try_for_each(|(db, size)| encoder.encode_family(&[("db", &**db)])?.encode_gauge(&size.keys))
    })?;
    to.family(
        "db_keys_expiring",
        NUMBER,
        "Keys that expire, of a database that has keys.",
        MetricType::Gauge,
        &|encoder| {
            sizes
                .iter()
                .try_for_each(|(db, size)| encoder.encode_family(&[("db", &**db)])?.encode_gauge(&size.deadlines))
        },
    )
}

fn channels(core: &Core, to: &mut Families<'_>) -> Result {
    let all = |kind| core.channels.count(kind);
    to.gauge("pubsub_channels", NUMBER, "Channels that somebody subscribes to.", all(ChannelKind::Channel))?;
    to.gauge("pubsub_patterns", NUMBER, "Patterns that somebody subscribes to.", all(ChannelKind::Pattern))?;
    to.gauge("pubsubshard_channels", NUMBER, "Shard channels that somebody subscribes to.", all(ChannelKind::Shard))
}

fn errors(core: &Core, to: &mut Families<'_>) -> Result {
    let stats = &core.stats;
    to.counter("error_replies", NUMBER, "Errors that callers were told.", stats.total_errors())?;
    let codes = stats.errors();
    to.family(
        "errors",
        NUMBER,
        "Errors that callers were told, by their first word.",
        MetricType::Counter,
        &|encoder| codes.iter().try_for_each(|(code, n)| count(&mut encoder.encode_family(&[("err", &**code)])?, n)),
    )?;
    let malformed = stats.protocol_errors.load(Relaxed);
    to.counter("protocol_errors", NUMBER, "Connections that ended because they spoke no protocol.", malformed)?;
    let failures = stats.auth_failures.load(Relaxed);
    to.counter("acl_access_denied_auth", NUMBER, "Passwords that were refused.", failures)
}

fn commands(core: &Core, to: &mut Families<'_>) -> Result {
    let seen = |command: &&Command| {
        let CommandStats { rejected, failed, .. } = &command.stats;
        command.stats.calls() + rejected.load(Relaxed) + failed.load(Relaxed) > 0
    };
    let commands: Vec<&Command> = core.registry.all_and_sub().filter(seen).collect();
    by_command(to, &commands, ("commands", NUMBER, "Calls of a command."), CommandStats::calls)?;
    let failed = ("commands_failed_calls", NUMBER, "Calls of a command that failed.");
    by_command(to, &commands, failed, |s| s.failed.load(Relaxed))?;
    let rejected = ("commands_rejected_calls", NUMBER, "Times that a command was refused.");
    by_command(to, &commands, rejected, |s| s.rejected.load(Relaxed))?;
    let duration = ("commands_duration", SECONDS, "What calls of a command took in all.");
    by_command(to, &commands, duration, |s| seconds(s.nanos.load(Relaxed), 1e9))?;
    if !core.config.is("latency-tracking") {
        return Ok(());
    }
    to.family("commands_latencies", SECONDS, "How long calls of a command took.", MetricType::Histogram, &|encoder| {
        commands.iter().try_for_each(|c| latencies(&mut encoder.encode_family(&label(c))?, &c.stats))
    })
}

fn by_command<V: EncodeCounterValue>(
    to: &mut Families<'_>,
    commands: &[&Command],
    (name, unit, help): (&str, Of, &str),
    figure: impl Fn(&CommandStats) -> V,
) -> Result {
    to.family(name, unit, help, MetricType::Counter, &|encoder| {
        commands.iter().try_for_each(|c| count(&mut encoder.encode_family(&label(c))?, &figure(&c.stats)))
    })
}

fn label(command: &Command) -> [(&'static str, &str); 1] {
    [("cmd", &command.full_name)]
}

/// Every how many of the engine's buckets, each twice as wide as the one before, make one, and up to which one: powers
/// of four from a microsecond to 17 seconds. Readers keep a series for each bucket of each command.
const STEP: usize = 2;
const LAST: usize = 24;

fn latencies(encoder: &mut MetricEncoder<'_>, stats: &CommandStats) -> Result {
    let counts = stats.latency.each_ref().map(|n| n.load(Relaxed));
    let buckets = histogram(&counts);
    // Of the counts that the buckets have: others may have been counted since.
    let calls = buckets.iter().map(|(_, calls)| calls).sum();
    encoder.encode_histogram(seconds(stats.nanos.load(Relaxed), 1e9), calls, &buckets, None::<&NoExemplars>)
}

type NoExemplars = std::collections::HashMap<usize, Exemplar<NoLabelSet, f64>>;

/// Upper ends of buckets in seconds, each with the calls between it and the one before.
fn histogram(counts: &[u64]) -> Vec<(f64, u64)> {
    let sum = |from: usize, to: usize| counts.iter().take(to).skip(from).sum::<u64>();
    let bucket = |i: usize| (seconds(1 << i, 1e6), sum((i + 1).saturating_sub(STEP), i + 1));
    let beyond = (f64::INFINITY, sum(LAST + 1, counts.len()));
    (0..=LAST).step_by(STEP).map(bucket).chain([beyond]).collect()
}

#[cfg(test)]
mod tests {
    use carnelian::Options;

    use super::*;

    #[test]
    fn buckets_hold_every_call_once() {
        let counts: Vec<u64> = (0..32).map(|i| 1 << i).collect();
        let buckets = histogram(&counts);
        assert_eq!(buckets[..3], [(1e-6, 1), (4e-6, 0b110), (16e-6, 0b11000)]);
        assert_eq!(buckets[12], (16.777216, 0b11 << 23));
        assert_eq!(buckets[13], (f64::INFINITY, 0b111_1111 << 25));
        assert_eq!(buckets.len(), 14);
        assert_eq!(buckets.iter().map(|b| b.1).sum::<u64>(), u64::from(u32::MAX));
    }

    #[test]
    fn an_engine_that_nobody_has_used_has_figures_too() {
        let engine = Engine::open(Options::new()).unwrap();
        let exposition = Exposition::new(&engine);
        let text = exposition.text().unwrap();
        assert!(text.contains("# TYPE carnelian_memory_used_bytes gauge\n# UNIT carnelian_memory_used_bytes bytes\n"));
        assert!(text.contains("\ncarnelian_max_clients 10000\n"), "{text}");
        assert!(!text.contains("cmd="), "{text}");
        engine.execute(&["CONFIG", "SET", "latency-tracking", "no"]).unwrap();
        let text = exposition.text().unwrap();
        assert!(text.contains("\ncarnelian_commands_total{cmd=\"config|set\"} 1\n"), "{text}");
        assert!(!text.contains("latencies") && text.ends_with("\n# EOF\n"), "{text}");
    }
}
