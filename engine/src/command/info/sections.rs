//! The sections about the engine as a whole. Names are Redis's; what does not exist yet has its neutral value.

use super::Lines;
use crate::command::{ChannelKind, Core, MemoryFigures, REDIS_VERSION};
use crate::keyspace::Policy;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sys;

pub(super) fn server(core: &Core, lines: &mut Lines) {
    let clock = core.keyspace.clock();
    let uptime = clock.millis().saturating_sub(core.run.since) / 1000;
    let hz = core.keyspace.settings().hz.load(Relaxed);
    lines.add("redis_version", REDIS_VERSION);
    lines.add("server_name", "carnelian");
    lines.add("carnelian_version", env!("CARGO_PKG_VERSION"));
    lines.add("redis_git_sha1", "00000000");
    lines.add("redis_git_dirty", 0);
    lines.add("redis_mode", "standalone");
    lines.add("os", sys::os());
    lines.add("arch_bits", usize::BITS);
    lines.add("process_id", sys::pid());
    lines.add("run_id", &core.run.id);
    lines.add("server_time_usec", clock.micros());
    lines.add("uptime_in_seconds", uptime);
    lines.add("uptime_in_days", uptime / 86_400);
    lines.add("hz", hz);
    lines.add("configured_hz", hz);
    lines.add("lru_clock", (clock.millis() / 1000) & 0xff_ffff);
}

pub(super) fn clients(core: &Core, lines: &mut Lines) {
    let clients = core.clients.list();
    let most = |f: fn(&crate::command::Client) -> usize| clients.iter().map(|c| f(c)).max().unwrap_or(0);
    lines.add("connected_clients", clients.len());
    lines.add("cluster_connections", 0);
    lines.add("client_recent_max_input_buffer", most(|c| c.input_bytes.load(Relaxed)));
    lines.add("client_recent_max_output_buffer", most(|c| c.output_bytes.load(Relaxed)));
    let pause = core.clients.paused(core.keyspace.clock().millis());
    let waiting = core.keyspace.waiting();
    lines.add("blocked_clients", waiting.waiters.load(Relaxed));
    lines.add("tracking_clients", core.tracking_figures().clients);
    lines.add("pubsub_clients", clients.iter().filter(|c| c.is_subscriber()).count());
    lines.add("watching_clients", clients.iter().filter(|c| c.watched.load(Relaxed) > 0).count());
    lines.add("clients_in_timeout_table", clients.iter().map(|c| c.timeouts()).sum::<usize>());
    lines.add("total_watched_keys", clients.iter().map(|c| u64::from(c.watched.load(Relaxed))).sum::<u64>());
    lines.add("total_blocking_keys", waiting.keys.load(Relaxed));
    lines.add("total_blocking_keys_on_nokey", waiting.keys_on_loss.load(Relaxed));
    lines.add("paused_reason", if pause.is_some() { "client_pause" } else { "none" });
    let actions = pause.map_or("none", |p| if p.writes_only { "write" } else { "all" });
    lines.add("paused_actions", actions);
    let left = pause.map_or(0, |p| p.until.saturating_sub(core.keyspace.clock().millis()));
    lines.add("paused_timeout_milliseconds", left);
}

/// A number of bytes for people.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let mut amount = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{bytes}B") } else { format!("{amount:.2}{unit}") }
}

pub(super) fn memory(core: &Core, lines: &mut Lines) {
    let figures = MemoryFigures::of(core);
    let settings = core.keyspace.settings();
    let mut with_human = |name: &str, bytes: u64| {
        lines.add(name, bytes);
        lines.add(format_args!("{name}_human"), human(bytes));
    };
    with_human("used_memory", figures.used);
    with_human("used_memory_rss", figures.resident);
    with_human("used_memory_peak", figures.peak);
    lines.add("used_memory_peak_perc", format_args!("{:.2}%", figures.peak_percentage()));
    lines.add("used_memory_overhead", figures.overhead());
    lines.add("used_memory_startup", 0);
    lines.add("used_memory_dataset", figures.dataset());
    lines.add("used_memory_dataset_perc", format_args!("{:.2}%", figures.dataset_percentage()));
    lines.add("allocator_allocated", figures.used);
    lines.add_all(&["allocator_active", "allocator_resident"], figures.resident);
    let mut with_human = |name: &str, bytes: u64| {
        lines.add(name, bytes);
        lines.add(format_args!("{name}_human"), human(bytes));
    };
    with_human("total_system_memory", sys::total_memory());
    let scripts = core.script_figures();
    let (lua, sources) =
        (scripts.lua_for_scripts + scripts.lua_for_functions, scripts.script_bytes + scripts.function_bytes);
    with_human("used_memory_lua", lua as u64);
    with_human("used_memory_scripts", sources as u64);
    with_human("maxmemory", settings.maxmemory.load(Relaxed));
    lines.add("used_memory_vm_eval", scripts.lua_for_scripts);
    lines.add("used_memory_vm_functions", scripts.lua_for_functions);
    lines.add("used_memory_vm_total", lua);
    lines.add("used_memory_vm_total_human", human(lua as u64));
    lines.add("used_memory_functions", scripts.function_bytes);
    lines.add("used_memory_scripts_eval", scripts.script_bytes);
    lines.add("number_of_cached_scripts", scripts.scripts);
    lines.add("number_of_functions", scripts.functions);
    lines.add("number_of_libraries", scripts.libraries);
    let policy = settings.policy();
    let name = Policy::NAMES.iter().find(|(_, p)| *p == policy).map_or("noeviction", |(name, _)| name);
    lines.add("maxmemory_policy", name);
    lines.add("mem_fragmentation_ratio", format_args!("{:.2}", figures.fragmentation()));
    let unused = figures.resident as i64 - figures.used as i64;
    lines.add("mem_fragmentation_bytes", unused);
    // What the allocator holds beyond what is used is not told apart from what the system counts.
    lines.add("allocator_frag_ratio", format_args!("{:.2}", figures.fragmentation()));
    lines.add("allocator_frag_bytes", unused);
    lines.add_all(&["allocator_rss_ratio", "rss_overhead_ratio"], "1.00");
    lines.add_all(&["allocator_rss_bytes", "rss_overhead_bytes"], 0);
    lines.add_all(&["mem_not_counted_for_evict", "mem_replication_backlog", "mem_total_replication_buffers"], 0);
    lines.add("mem_clients_slaves", 0);
    lines.add("mem_clients_normal", figures.clients);
    lines.add_all(&["mem_cluster_links", "mem_aof_buffer"], 0);
    lines.add("active_defrag_running", 0);
    let (freed, pending) = core.keyspace.freed_and_pending();
    lines.add("lazyfree_pending_objects", pending);
    lines.add("lazyfreed_objects", freed);
}

pub(super) fn persistence(core: &Core, lines: &mut Lines) {
    let (figures, kept) = (core.saves.figures(), core.keyspace.kept_for_snapshot());
    let is_running = core.keyspace.snapshot_runs();
    lines.add("loading", u8::from(core.loading.is_on()));
    lines.add("async_loading", 0);
    lines.add("current_cow_peak", if is_running { kept.peak() } else { 0 });
    lines.add("current_cow_size", kept.now());
    lines.add("current_cow_size_age", 0);
    lines.add("current_fork_perc", "0.00");
    let [written, total] = figures.keys;
    lines.add("current_save_keys_processed", written);
    lines.add("current_save_keys_total", total);
    lines.add("rdb_changes_since_last_save", core.saves.missing());
    lines.add("rdb_bgsave_in_progress", u8::from(figures.running_secs.is_some()));
    lines.add("rdb_last_save_time", figures.saved);
    lines.add("rdb_last_bgsave_status", if figures.failed { "err" } else { "ok" });
    lines.add("rdb_last_bgsave_time_sec", figures.last_secs);
    lines.add("rdb_current_bgsave_time_sec", figures.running_secs.map_or(-1, |secs| secs as i64));
    lines.add("rdb_saves", figures.count);
    lines.add("rdb_last_cow_size", figures.last_kept);
    let [loaded, expired] = figures.loaded;
    lines.add("rdb_last_load_keys_expired", expired);
    lines.add("rdb_last_load_keys_loaded", loaded);
    append_log(core, lines);
    lines.add_all(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"], 0);
    append_log_size(core, lines);
    loading(core, lines);
}

fn append_log(core: &Core, lines: &mut Lines) {
    let (log, figures) = (&core.aof, &core.aof.figures);
    let since = figures.since.load(Relaxed);
    let now = core.keyspace.clock().millis();
    let status = |bad: bool| if bad { "err" } else { "ok" };
    lines.add("aof_enabled", u8::from(log.log.is_on()));
    lines.add("aof_rewrite_in_progress", u8::from(log.is_rewriting()));
    lines.add("aof_rewrite_scheduled", u8::from(log.scheduled.load(Relaxed)));
    lines.add("aof_last_rewrite_time_sec", figures.last_secs.load(Relaxed) - 1);
    let present = if since == 0 { -1 } else { (now.saturating_sub(since) / 1000) as i64 };
    lines.add("aof_current_rewrite_time_sec", present);
    lines.add("aof_last_bgrewrite_status", status(figures.last_failed.load(Relaxed)));
    lines.add("aof_rewrites", figures.rewrites.load(Relaxed));
    lines.add("aof_rewrites_consecutive_failures", figures.failures.load(Relaxed));
    lines.add("aof_last_write_status", status(log.log.trouble().is_some()));
}

/// What is told only of a log that is on.
fn append_log_size(core: &Core, lines: &mut Lines) {
    let log = &core.aof;
    if log.log.is_on() {
        lines.add("aof_current_size", log.bytes());
        lines.add("aof_base_size", log.figures.base.load(Relaxed));
        lines.add("aof_pending_rewrite", 0);
        lines.add("aof_buffer_length", log.log.waiting());
        lines.add("aof_pending_bio_fsync", u8::from(log.log.synced() < log.log.position()));
        lines.add("aof_delayed_fsync", 0);
        // Ours: how often the disk was waited for.
        lines.add("aof_fsyncs", log.log.syncs());
    }
}

/// What is told only while keys are loaded.
fn loading(core: &Core, lines: &mut Lines) {
    let loading = &core.loading;
    if loading.is_on() {
        let (since, total, done) =
            (loading.since.load(Relaxed), loading.total.load(Relaxed), loading.done.load(Relaxed));
        let seconds = core.keyspace.clock().millis().saturating_sub(since) as f64 / 1000.0;
        let left = if done > 0 { seconds * (total.saturating_sub(done)) as f64 / done as f64 } else { 1.0 };
        lines.add("loading_start_time", since / 1000);
        lines.add("loading_total_bytes", total);
        lines.add("loading_loaded_bytes", done);
        lines.add("loading_loaded_perc", format_args!("{:.2}", done as f64 * 100.0 / total.max(1) as f64));
        lines.add("loading_eta_seconds", left as u64);
    }
}

pub(super) fn stats(core: &Core, lines: &mut Lines) {
    let (totals, rates) = (core.clients.totals(), core.sample());
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    lines.add("total_connections_received", core.clients.accepted.load(Relaxed));
    lines.add("total_commands_processed", totals.commands);
    lines.add("instantaneous_ops_per_sec", rates.commands);
    lines.add("total_net_input_bytes", totals.bytes_in);
    lines.add("total_net_output_bytes", totals.bytes_out);
    lines.add_all(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"], 0);
    lines.add("instantaneous_input_kbps", kilobytes(rates.bytes_in));
    lines.add("instantaneous_output_kbps", kilobytes(rates.bytes_out));
    lines.add_all(&["instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"], "0.00");
    lines.add("rejected_connections", core.clients.rejected.load(Relaxed));
    lines.add_all(&["sync_full", "sync_partial_ok", "sync_partial_err"], 0);
    keyspace_stats(core, lines);
    lines.add("pubsub_channels", core.channels.count(ChannelKind::Channel));
    lines.add("pubsub_patterns", core.channels.count(ChannelKind::Pattern));
    lines.add("pubsubshard_channels", core.channels.count(ChannelKind::Shard));
    lines.add("latest_fork_usec", 0);
    lines.add("total_forks", 0);
    lines.add("migrate_cached_sockets", core.peers.len());
    lines.add("slave_expires_tracked_keys", 0);
    lines.add_all(&["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits"], 0);
    lines.add_all(&["active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time"], 0);
    let tracking = core.tracking_figures();
    lines.add("tracking_total_keys", tracking.keys);
    lines.add("tracking_total_items", tracking.items);
    lines.add("tracking_total_prefixes", tracking.prefixes);
    lines.add("unexpected_error_replies", 0);
    lines.add("total_error_replies", core.stats.total_errors());
    lines.add("total_protocol_errors", core.stats.protocol_errors.load(Relaxed));
    lines.add("dump_payload_sanitizations", 0);
    let sockets = &core.stats.sockets;
    for (name, counter) in [
        ("total_reads_processed", &sockets.reads),
        ("total_writes_processed", &sockets.writes),
        ("client_query_buffer_limit_disconnections", &sockets.query_limit),
        ("client_output_buffer_limit_disconnections", &sockets.output_limit),
    ] {
        lines.add(name, counter.load(Relaxed));
    }
    lines.add("acl_access_denied_auth", core.stats.auth_failures.load(Relaxed));
    lines.add_all(&["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"], 0);
}

fn keyspace_stats(core: &Core, lines: &mut Lines) {
    let counters = core.keyspace.counters();
    lines.add("expired_keys", counters.expired.load(Relaxed));
    lines.add("expired_fields", counters.expired_fields.load(Relaxed));
    lines.add("expired_stale_perc", "0.00");
    lines.add("expired_time_cap_reached_count", counters.expire_cut_short.load(Relaxed));
    lines.add("expire_cycle_cpu_milliseconds", counters.expire_micros.load(Relaxed) / 1000);
    lines.add("evicted_keys", counters.evicted.load(Relaxed));
    lines.add("evicted_clients", core.clients.evicted.load(Relaxed));
    lines.add("evicted_scripts", core.script_figures().evicted);
    let now = core.keyspace.clock().millis();
    let current = match counters.exceeded_since.load(Relaxed) {
        0 => 0,
        since => now.saturating_sub(since),
    };
    lines.add("total_eviction_exceeded_time", counters.exceeded_total.load(Relaxed) + current);
    lines.add("current_eviction_exceeded_time", current);
    let (hits, misses) = core.keyspace.hits_and_misses();
    lines.add("keyspace_hits", hits);
    lines.add("keyspace_misses", misses);
}

pub(super) fn replication(core: &Core, lines: &mut Lines) {
    lines.add("role", "master");
    lines.add("connected_slaves", 0);
    lines.add("master_failover_state", "no-failover");
    lines.add("master_replid", core.run.replication.lock().as_str());
    lines.add("master_replid2", "0".repeat(40));
    lines.add("master_repl_offset", 0);
    lines.add("second_repl_offset", -1);
    lines.add("repl_backlog_active", 0);
    lines.add("repl_backlog_size", 1024 * 1024);
    lines.add_all(&["repl_backlog_first_byte_offset", "repl_backlog_histlen"], 0);
}

pub(super) fn cpu(_: &Core, lines: &mut Lines) {
    let (process, main) = (sys::process_times(), sys::main_thread_times());
    for (name, seconds) in [
        ("used_cpu_sys", process.system),
        ("used_cpu_user", process.user),
        ("used_cpu_sys_children", process.children_system),
        ("used_cpu_user_children", process.children_user),
        ("used_cpu_sys_main_thread", main.system),
        ("used_cpu_user_main_thread", main.user),
    ] {
        lines.add(name, format_args!("{seconds:.6}"));
    }
}

pub(super) fn keyspace(_: &Core, lines: &mut Lines) {
    for (db, size) in lines.databases.clone() {
        let figures = format!("keys={},expires={},avg_ttl=0", size.keys, size.deadlines);
        lines.add(format_args!("db{db}"), figures);
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn amounts_are_written_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (940_000, "917.97K"),
            (5 << 30, "5.00G"),
            (25_276_502_016, "23.54G"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }
}
