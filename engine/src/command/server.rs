//! Commands about the server as a whole that have no file of their own.

use super::introspection::help;
use super::{Args, Categories, Context, Flags, Group, Reply, Run, ShutdownOptions, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Access, View};
use crate::operation::generic;

const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const MODULE: &[Spec] = &[
    Spec::new("help", 2, Group::Server, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
        "5.0.0",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    Spec::new("list", 2, Group::Server, Run::Context(&module_list))
        .flags(Flags::ADMIN.union(Flags::NOSCRIPT))
        .tips(&["nondeterministic_output_order"])
        .docs("4.0.0", "Lists the modules, of which there are none.", "O(1)", ""),
];

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("dbsize", 1, Group::Server, Run::Everything(&dbsize))
        .flags(Flags::READONLY.union(Flags::FAST))
        .categories(Categories::KEYSPACE)
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"])
        .docs("1.0.0", "Counts the keys of the database.", "O(1)", ""),
    Spec::new("flushall", -1, Group::Server, Run::Context(&flushall))
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .tips(ALL_SHARDS)
        .docs("1.0.0", "Removes all keys from all databases.", "O(N) for N keys", "[ASYNC | SYNC]"),
    Spec::new("flushdb", -1, Group::Server, Run::Everything(&flushdb))
        .flags(Flags::WRITE)
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .tips(ALL_SHARDS)
        .docs("1.0.0", "Removes all keys from the database.", "O(N) for N keys", "[ASYNC | SYNC]"),
    Spec::new("module", -2, Group::Server, Run::Container)
        .docs("4.0.0", "Commands about modules.", "That of the subcommand", "")
        .subcommands(MODULE),
    Spec::new("role", 1, Group::Server, Run::Context(&role))
        .flags(Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::FAST))
        .categories(Categories::ADMIN.union(Categories::DANGEROUS))
        .docs("2.8.12", "Tells the part that the server plays in replication.", "O(1)", ""),
    Spec::new("shutdown", -1, Group::Server, Run::Context(&shutdown))
        .flags(
            Flags::ADMIN
                .union(Flags::NOSCRIPT)
                .union(Flags::LOADING)
                .union(Flags::STALE)
                .union(Flags::NO_MULTI)
                .union(Flags::ALLOW_BUSY),
        )
        .docs(
            "1.0.0",
            "Ends the server, after saving what has to be saved.",
            "O(N) for N keys when saving, otherwise O(1)",
            "[<[NOSAVE | SAVE] [NOW] [FORCE] [SAFE] [FAILOVER]> | ABORT]",
        ),
    Spec::new("swapdb", 3, Group::Server, Run::Everything(&swapdb))
        .flags(Flags::WRITE.union(Flags::FAST))
        .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
        .docs(
            "4.0.0",
            "Exchanges two databases.",
            "O(N) for N clients that watch or wait for keys of either",
            "index1 index2",
        ),
    Spec::new("time", 1, Group::Server, Run::Context(&time))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .tips(&["nondeterministic_output"])
        .docs("2.6.0", "Tells the time of the server.", "O(1)", ""),
];

fn dbsize(view: &mut View<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(generic::db_size(view));
    Ok(())
}

/// Whether to free what is flushed in the background.
fn in_background(args: &Args<'_>) -> Result<bool> {
    match *args.from(1) {
        [] => Ok(false),
        [mode] if mode.eq_ignore_ascii_case(b"sync") => Ok(false),
        [mode] if mode.eq_ignore_ascii_case(b"async") => Ok(true),
        _ => Err(Error::SYNTAX),
    }
}

fn flushall(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (core, background) = (context.core, in_background(args)?);
    let changes = context.on_everything(Access::Write, |view| {
        generic::flush(view, None, background);
        Ok(core.keyspace.changes() + view.recorded())
    })?;
    core.saves.flushed(changes);
    reply.ok();
    Ok(())
}

fn flushdb(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let background = in_background(args)?;
    generic::flush(view, Some(view.db()), background);
    reply.ok();
    Ok(())
}

fn swapdb(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let index = |i: usize, which: &str| {
        let index = num::parse_i64(args.get(i)).and_then(|n| i32::try_from(n).ok());
        index.ok_or_else(|| Error::new(format!("ERR invalid {which} DB index")))
    };
    let indexes = [index(1, "first")?, index(2, "second")?];
    let [a, b] = indexes.map(|index| u32::try_from(index).map_err(|_| Error::DB_INDEX));
    generic::swap(view, a?, b?)?;
    reply.ok();
    Ok(())
}

fn module_list(_: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.array(0);
    Ok(())
}

fn role(_: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.array(3);
    reply.bulk(b"master");
    reply.int(0);
    reply.array(0);
    Ok(())
}

fn time(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let clock = context.core.keyspace.clock();
    // Time stands still within a script or a transaction, as it does since Redis 7.2.
    let micros = match context.held {
        Some(_) => *context.caller.time.get_or_insert_with(|| clock.micros()),
        None => clock.micros(),
    };
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(micros / 1_000_000).as_bytes());
    reply.bulk(itoa::Buffer::new().format(micros % 1_000_000).as_bytes());
    Ok(())
}

/// What `SHUTDOWN` asks for; `None` for `ABORT`.
fn shutdown_options(args: &[&[u8]]) -> Result<Option<ShutdownOptions>> {
    let (mut options, mut abort) = (ShutdownOptions::default(), false);
    for arg in args {
        match arg.to_ascii_lowercase().as_slice() {
            b"save" if options.save != Some(false) => options.save = Some(true),
            b"nosave" if options.save != Some(true) => options.save = Some(false),
            b"now" => options.now = true,
            b"force" => options.force = true,
            b"safe" => options.safe = true,
            b"failover" => options.failover = true,
            b"abort" => abort = true,
            _ => return Err(Error::SYNTAX),
        }
    }
    match abort {
        false => Ok(Some(options)),
        true if options == ShutdownOptions::default() => Ok(None),
        true => Err(Error::SYNTAX),
    }
}

fn shutdown(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match shutdown_options(args.from(1))? {
        None => {
            context.core.host().abort_shutdown()?;
            reply.ok();
        }
        Some(options) => {
            // An engine that is part of another program refuses, and should not have written anything then.
            if context.core.host().may_shutdown() {
                let saved = context.core.save_before_end(options.save);
                if saved.is_err() && !options.force {
                    return Err(Error::new("ERR Errors trying to SHUTDOWN. Check logs."));
                }
            }
            context.core.host().shutdown(options)?;
            // Nobody is answered any more: the connection just ends.
            context.caller.close = true;
        }
    }
    Ok(())
}
