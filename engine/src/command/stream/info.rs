//! XINFO.

use super::{RANDOM, READ, reply_entry, reply_id, spec};
use crate::command::introspection::{help, unknown_or_arity};
use crate::command::{Args, Flags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::stream;
use crate::value::stream::{Consumer, Group, Stream, StreamId};

const KEY: &[KeySpec] = &[KeySpec::at(2, READ)];

/// How many entries, and how much of what is pending, `FULL` tells without a count.
const FULL_COUNT: i64 = 10;

pub(super) const SUBCOMMANDS: &[Spec] = &[
    spec("consumers", 4, Run::Keys(&consumers)).flags(Flags::READONLY).keys(KEY).tips(RANDOM).docs(
        "5.0.0",
        "Tells about the consumers of a group.",
        "O(1)",
        "key group",
    ),
    spec("groups", 3, Run::Keys(&groups)).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "Tells about the consumer groups of a stream.",
        "O(1)",
        "key",
    ),
    spec("help", 2, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
        "5.0.0",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    spec("stream", -3, Run::Keys(&about)).flags(Flags::READONLY).keys(KEY).docs(
        "5.0.0",
        "Tells about a stream.",
        "O(1)",
        "key [FULL [COUNT count:integer]]",
    ),
];

fn stream_of<'v>(view: &'v View<'_>, args: &Args<'_>) -> Result<&'v Stream> {
    stream::stream(view, &args.key(2))?.ok_or(Error::NO_SUCH_KEY)
}

fn name(reply: &mut Reply<'_>, name: &str) {
    reply.bulk(name.as_bytes());
}

fn int_or_null(reply: &mut Reply<'_>, n: Option<i64>) {
    match n {
        Some(n) => reply.int(n),
        None => reply.null(),
    }
}

fn consumers(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now = view.now();
    let group = stream::group_of(stream_of(view, args)?, &args.key(2), args.get(3))?;
    let all = || group.consumers().filter_map(|(_, consumer)| consumer);
    reply.array(all().count());
    for consumer in all() {
        reply.map(4);
        name(reply, "name");
        reply.bulk(consumer.name());
        name(reply, "pending");
        reply.count(consumer.pending().len());
        name(reply, "idle");
        reply.int(now.saturating_sub(consumer.seen) as i64);
        name(reply, "inactive");
        reply.int(consumer.active.map_or(-1, |active| now.saturating_sub(active) as i64));
    }
    Ok(())
}

fn groups(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = stream_of(view, args)?;
    reply.array(stream.groups().len());
    for (group_name, group) in stream.groups().iter() {
        reply.map(6);
        name(reply, "name");
        reply.bulk(group_name);
        name(reply, "consumers");
        reply.count(group.consumers().len());
        name(reply, "pending");
        reply.count(group.pending().len());
        position(reply, stream, group);
    }
    Ok(())
}

/// How far a group has come: three pairs.
fn position(reply: &mut Reply<'_>, stream: &Stream, group: &Group) {
    name(reply, "last-delivered-id");
    reply_id(reply, group.last_id());
    name(reply, "entries-read");
    int_or_null(reply, group.entries_read().map(|read| read as i64));
    name(reply, "lag");
    int_or_null(reply, group.lag(stream.entries()));
}

fn about(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let stream = stream_of(view, args)?;
    let full = match args.len() {
        3 => None,
        4 if args.is(3, "FULL") => Some(FULL_COUNT),
        6 if args.is(3, "FULL") && args.is(4, "COUNT") => Some(args.int(5)?),
        _ => return Err(unknown_or_arity(args)),
    };
    reply.map(if full.is_some() { 9 } else { 10 });
    figures(reply, stream);
    match full {
        None => ends(reply, stream),
        Some(count) => {
            let count = usize::try_from(count).unwrap_or(FULL_COUNT as usize);
            everything(reply, stream, if count == 0 { usize::MAX } else { count });
        }
    }
    Ok(())
}

/// Seven pairs.
fn figures(reply: &mut Reply<'_>, stream: &Stream) {
    let entries = stream.entries();
    name(reply, "length");
    reply.count(stream.len());
    name(reply, "radix-tree-keys");
    reply.count(entries.blocks());
    // There is no such tree; a small one has so many nodes.
    name(reply, "radix-tree-nodes");
    reply.count(entries.blocks() + 1);
    name(reply, "last-generated-id");
    reply_id(reply, entries.last_id());
    name(reply, "max-deleted-entry-id");
    reply_id(reply, entries.max_deleted_id());
    name(reply, "entries-added");
    reply.int(entries.added() as i64);
    name(reply, "recorded-first-entry-id");
    reply_id(reply, entries.first_id());
}

/// Three pairs.
fn ends(reply: &mut Reply<'_>, stream: &Stream) {
    name(reply, "groups");
    reply.count(stream.groups().len());
    for (what, backwards) in [("first-entry", false), ("last-entry", true)] {
        name(reply, what);
        match stream.entries().walk(StreamId::MIN, StreamId::MAX, backwards).next() {
            Some(entry) => reply_entry(reply, &entry),
            None => reply.null(),
        }
    }
}

/// Two pairs.
fn everything(reply: &mut Reply<'_>, stream: &Stream, count: usize) {
    name(reply, "entries");
    let begun = reply.begin_array();
    let mut given = 0;
    for entry in stream.entries().walk(StreamId::MIN, StreamId::MAX, false).take(count) {
        reply_entry(reply, &entry);
        given += 1;
    }
    reply.end(&begun, given);
    name(reply, "groups");
    reply.array(stream.groups().len());
    for (group_name, group) in stream.groups().iter() {
        reply.map(7);
        name(reply, "name");
        reply.bulk(group_name);
        position(reply, stream, group);
        name(reply, "pel-count");
        reply.count(group.pending().len());
        name(reply, "pending");
        reply.array(group.pending().len().min(count));
        for (id, pending) in group.pending().iter().take(count) {
            reply.array(4);
            reply_id(reply, *id);
            reply.bulk(group.get(pending.consumer).map_or(b"", |consumer| consumer.name()));
            reply.int(pending.delivered as i64);
            reply.int(pending.deliveries as i64);
        }
        name(reply, "consumers");
        let all = || group.consumers().filter_map(|(_, consumer)| consumer);
        reply.array(all().count());
        for consumer in all() {
            whole_consumer(reply, group, consumer, count);
        }
    }
}

fn whole_consumer(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(5);
    name(reply, "name");
    reply.bulk(consumer.name());
    name(reply, "seen-time");
    reply.int(consumer.seen as i64);
    name(reply, "active-time");
    reply.int(consumer.active.map_or(-1, |active| active as i64));
    name(reply, "pel-count");
    reply.count(consumer.pending().len());
    name(reply, "pending");
    reply.array(consumer.pending().len().min(count));
    for id in consumer.pending().iter().take(count) {
        let pending = group.pending().get(id);
        reply.array(3);
        reply_id(reply, *id);
        reply.int(pending.map_or(0, |pending| pending.delivered as i64));
        reply.int(pending.map_or(0, |pending| pending.deliveries as i64));
    }
}
