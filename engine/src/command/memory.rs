//! `MEMORY`.

use super::introspection::help;
use super::{Args, Context, Core, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::sys;

const SPECIAL: &[&str] = &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

const fn sub(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Server, run)
}

const SUBCOMMANDS: &[Spec] = &[
    sub("doctor", 2, Run::Context(&doctor)).tips(SPECIAL).docs(
        "4.0.0",
        "Says in words how memory is used.",
        "O(1)",
        "",
    ),
    sub("help", 2, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
        "4.0.0",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    sub("malloc-stats", 2, Run::Context(&malloc_stats)).flags(Flags::LOADING).tips(SPECIAL).docs(
        "4.0.0",
        "Tells what the allocator says of itself.",
        "That of the allocator",
        "",
    ),
    sub("purge", 2, Run::Context(&purge))
        .flags(Flags::LOADING)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .docs("4.0.0", "Asks the allocator to give free memory back to the system.", "That of the allocator", ""),
    sub("stats", 2, Run::Context(&stats)).tips(SPECIAL).docs("4.0.0", "Tells figures about memory.", "O(1)", ""),
    sub("usage", -3, Run::Keys(&usage)).flags(Flags::READONLY).keys(&[KeySpec::at(2, KeyFlags::RO)]).docs(
        "4.0.0",
        "Tells how many bytes a key and its value take.",
        "O(1)",
        "key [SAMPLES count]",
    ),
];

pub(super) const COMMANDS: &[Spec] = &[Spec::new("memory", -2, Group::Server, Run::Container)
    .docs("4.0.0", "Commands about memory.", "That of the subcommand", "")
    .subcommands(SUBCOMMANDS)];

/// How memory is used, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryFigures {
    /// By the engine's own count.
    pub used: u64,
    /// The most that ever was.
    pub peak: u64,
    /// By the system's count, for the whole process.
    pub resident: u64,
    /// Keys, values and tables.
    pub data: u64,
    /// Buffers of clients.
    pub clients: u64,
}

impl MemoryFigures {
    /// Those of an engine, now.
    pub fn of(core: &Core) -> Self {
        let used = core.keyspace.used_bytes() as u64;
        let data = core.keyspace.data_bytes() as u64;
        let resident = sys::resident_bytes() as u64;
        Self { used, peak: core.stats.note_memory(used), resident, data, clients: used.saturating_sub(data) }
    }

    pub(super) fn overhead(&self) -> u64 {
        self.clients
    }

    pub(super) fn dataset(&self) -> u64 {
        self.data
    }

    pub(super) fn peak_percentage(&self) -> f64 {
        self.used as f64 * 100.0 / self.peak.max(1) as f64
    }

    pub(super) fn dataset_percentage(&self) -> f64 {
        self.data as f64 * 100.0 / self.used.max(1) as f64
    }

    pub(super) fn fragmentation(&self) -> f64 {
        if self.used == 0 { 0.0 } else { self.resident as f64 / self.used as f64 }
    }
}

fn usage(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut rest = args.from(3);
    while let [option, tail @ ..] = rest {
        let [samples, tail @ ..] = tail else { return Err(Error::SYNTAX) };
        if !option.eq_ignore_ascii_case(b"samples") {
            return Err(Error::SYNTAX);
        }
        // Sizes are kept, not estimated: there is nothing to sample.
        let samples = crate::codec::num::parse_i64(samples).ok_or(Error::NOT_INTEGER)?;
        if samples < 0 {
            return Err(Error::SYNTAX);
        }
        rest = tail;
    }
    match view.peek(&args.key(2)) {
        Some(entry) => reply.count(entry.bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn purge(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.host().purge_memory();
    reply.ok();
    Ok(())
}

fn malloc_stats(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stats = context.core.host().allocator_stats();
    reply.verbatim("txt", &stats.unwrap_or_else(|| "Stats not supported for the current allocator".to_owned()));
    Ok(())
}

fn doctor(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let figures = MemoryFigures::of(context.core);
    // Small instances make any ratio look bad.
    if figures.used < 5 << 20 {
        reply.verbatim(
            "txt",
            "Hi Sam, this instance is empty or is using very little memory, my issues detector can't be used in these \
             conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be \
             back to our programming as soon as I finished rebooting.\n",
        );
        return Ok(());
    }
    let mut issues = Vec::new();
    if figures.peak as f64 > figures.used as f64 * 1.5 {
        issues.push("Peak memory: once, more than 150% of what is in use now was in use.");
    }
    if figures.fragmentation() > 1.4 && figures.resident - figures.used > 10 << 20 {
        issues.push(
            "Resident memory: the process holds more than 140% of what is in use. Other parts of the program, or free \
             memory that was not given back (see MEMORY PURGE), may be the reason.",
        );
    }
    if figures.clients > figures.used / 2 {
        issues.push("Clients: their buffers take more than half of the memory in use.");
    }
    if issues.is_empty() {
        reply.verbatim("txt", "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n");
        return Ok(());
    }
    let list: String = issues.iter().map(|issue| format!(" * {issue}\n")).collect();
    reply.verbatim("txt", &format!("Sam, I detected a few issues in this Carnelian instance memory:\n\n{list}"));
    Ok(())
}

/// A figure of `MEMORY STATS`.
enum Figure {
    Bytes(u64),
    Ratio(f64),
    /// What a database's tables take beside its keys and values.
    Tables(u64),
}

fn stats(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    use Figure::{Bytes, Ratio, Tables};
    let core = context.core;
    let figures = MemoryFigures::of(core);
    let sizes = context.db_sizes();
    let keys: u64 = sizes.iter().map(|(_, size)| size.keys as u64).sum();
    let mut list: Vec<(String, Figure)> = Vec::new();
    let mut add = |name: &str, figure: Figure| list.push((name.to_owned(), figure));
    add("peak.allocated", Bytes(figures.peak));
    add("total.allocated", Bytes(figures.used));
    for name in ["startup.allocated", "replication.backlog", "clients.slaves"] {
        add(name, Bytes(0));
    }
    add("clients.normal", Bytes(figures.clients));
    for name in ["cluster.links", "aof.buffer", "lua.caches", "functions.caches"] {
        add(name, Bytes(0));
    }
    for (db, _) in &sizes {
        add(&format!("db.{db}"), Tables(table_bytes(context, *db)?));
    }
    add("overhead.total", Bytes(figures.overhead()));
    add("keys.count", Bytes(keys));
    add("keys.bytes-per-key", Bytes(figures.data / keys.max(1)));
    add("dataset.bytes", Bytes(figures.dataset()));
    add("dataset.percentage", Ratio(figures.dataset_percentage()));
    add("peak.percentage", Ratio(figures.peak_percentage()));
    add("allocator.allocated", Bytes(figures.used));
    add("allocator.active", Bytes(figures.resident));
    add("allocator.resident", Bytes(figures.resident));
    add("fragmentation", Ratio(figures.fragmentation()));
    add("fragmentation.bytes", Bytes(figures.resident.saturating_sub(figures.used)));
    reply.map(list.len());
    for (name, figure) in list {
        reply.bulk(name.as_bytes());
        match figure {
            Bytes(n) => reply.int(n as i64),
            Ratio(n) => reply.double(n),
            Tables(bytes) => {
                reply.map(2);
                reply.bulk(b"overhead.hashtable.main");
                reply.int(bytes as i64);
                // Deadlines are kept with the keys.
                reply.bulk(b"overhead.hashtable.expires");
                reply.int(0);
            }
        }
    }
    Ok(())
}

fn table_bytes(context: &mut Context<'_>, db: u32) -> Result<u64> {
    context.on_everything(crate::keyspace::Access::Read, |view| {
        let before = view.select(db)?;
        let bytes = view.tables().map(|table| table.table_bytes() as u64).sum();
        view.select(before)?;
        Ok(bytes)
    })
}
