//! SCAN, KEYS and RANDOMKEY.

use super::super::{Args, Categories, Context, Reply, Run, Spec};
use super::{READ, command};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::operation::generic::{self, KeyType, ScanOptions};

pub(super) const KEYS: Spec = command("keys", 2, Run::Context(&keys))
    .flags(READ)
    .categories(Categories::KEYSPACE.union(Categories::DANGEROUS))
    .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
    .docs(
        "1.0.0",
        "Lists all keys that match a pattern.",
        "O(N) for N keys in the database, O(1) for a pattern without wildcards",
        "pattern",
    );

pub(super) const RANDOMKEY: Spec = command("randomkey", 1, Run::Context(&random_key))
    .flags(READ)
    .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"])
    .docs("1.0.0", "Gives any key, each with the same probability.", "O(1)", "");

pub(super) const SCAN: Spec = command("scan", -2, Run::Context(&scan))
    .flags(READ)
    .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
    .docs(
        "2.8.0",
        "Lists the keys bit by bit: each key that stays is given exactly once.",
        "O(1) for each call, O(N) for all N keys",
        "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    );

/// The lowest bits of a position, always zero, that a cursor leaves out: clients keep cursors in doubles.
const CURSOR_SHIFT: u32 = 16;

fn keys(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let keys = context.on_walk(|walk| generic::keys(walk, args.get(1)))?;
    reply.bulks(&keys);
    Ok(())
}

fn random_key(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match context.on_walk(generic::random_key)? {
        Some(key) => reply.bulk(&key),
        None => reply.null(),
    }
    Ok(())
}

/// The options of SCAN; `None` if a type is asked for that there is not, which no key has.
fn options<'a>(args: &Args<'a>) -> Result<Option<ScanOptions<'a>>> {
    let mut options = ScanOptions::default();
    let mut nothing = false;
    let mut i = 2;
    while i < args.len() {
        if i + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        if args.is(i, "count") {
            let count = args.int(i + 1)?;
            options.count = usize::try_from(count).ok().filter(|&n| n > 0).ok_or(Error::SYNTAX)?;
        } else if args.is(i, "match") {
            options.pattern = Some(args.get(i + 1));
        } else if args.is(i, "type") {
            options.only = KeyType::from_name(args.get(i + 1));
            nothing = options.only.is_none();
        } else {
            return Err(Error::SYNTAX);
        }
        i += 2;
    }
    Ok((!nothing).then_some(options))
}

fn scan(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = num::parse_cursor(args.get(1)).ok_or_else(|| Error::new("ERR invalid cursor"))?;
    let options = options(args)?;
    let mut found = Vec::new();
    let mut next = None;
    // A cursor that no call of ours has given lies behind the last key.
    if let (Some(options), 0) = (options, cursor >> (64 - CURSOR_SHIFT)) {
        next = context.on_walk(|walk| generic::scan(walk, cursor << CURSOR_SHIFT, &options, &mut found))?;
    }
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next.map_or(0, |at| at >> CURSOR_SHIFT)).as_bytes());
    reply.bulks(&found);
    Ok(())
}
