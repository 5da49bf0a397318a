//! XGROUP and XACK.

use super::{UPDATE, ids, parse, spec};
use crate::codec::num;
use crate::command::introspection::{help, unknown_or_arity};
use crate::command::{Args, Flags, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::stream::{self, GroupStart};

const INSERT: KeyFlags = KeyFlags::RW.union(KeyFlags::INSERT);
const DELETE: KeyFlags = KeyFlags::RW.union(KeyFlags::DELETE);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);

pub(super) const SUBCOMMANDS: &[Spec] = &[
    spec("create", -5, Run::Keys(&create)).flags(GROWS).keys(&[KeySpec::at(2, INSERT)]).docs(
        "5.0.0",
        "Adds a consumer group.",
        "O(1)",
        "key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read:integer]",
    ),
    spec("createconsumer", 5, Run::Keys(&create_consumer)).flags(GROWS).keys(&[KeySpec::at(2, INSERT)]).docs(
        "6.2.0",
        "Adds a consumer to a group.",
        "O(1)",
        "key group consumer",
    ),
    spec("delconsumer", 5, Run::Keys(&delete_consumer)).flags(Flags::WRITE).keys(&[KeySpec::at(2, DELETE)]).docs(
        "5.0.0",
        "Removes a consumer from a group.",
        "O(N) for N entries that it has pending.",
        "key group consumer",
    ),
    spec("destroy", 4, Run::Keys(&destroy)).flags(Flags::WRITE).keys(&[KeySpec::at(2, DELETE)]).docs(
        "5.0.0",
        "Removes a consumer group.",
        "O(N) for N pending entries.",
        "key group",
    ),
    spec("help", 2, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
        "5.0.0",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    spec("setid", -5, Run::Keys(&set_id)).flags(Flags::WRITE).keys(&[KeySpec::at(2, UPDATE)]).docs(
        "5.0.0",
        "Sets the last id that a group was given.",
        "O(1)",
        "key group <id | $> [ENTRIESREAD entries-read:integer]",
    ),
];

/// `MKSTREAM`, where it is allowed, and `ENTRIESREAD`.
fn options(args: &Args<'_>, may_make: bool) -> Result<(bool, Option<u64>)> {
    let (mut make, mut read) = (false, None);
    let mut i = 5;
    while i < args.len() {
        if may_make && args.is(i, "MKSTREAM") {
            make = true;
            i += 1;
        } else if args.is(i, "ENTRIESREAD") && i + 1 < args.len() {
            let n = num::parse_i64(args.get(i + 1)).ok_or(Error::NOT_INTEGER)?;
            if n < -1 {
                return Err(Error::new("ERR value for ENTRIESREAD must be positive or -1"));
            }
            read = u64::try_from(n).ok();
            i += 2;
        } else {
            return Err(unknown_or_arity(args));
        }
    }
    Ok((make, read))
}

fn create(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (make, read) = options(args, true)?;
    let (key, group) = (args.key(2), args.get(3));
    // That the key is there is judged before the id.
    stream::check_key(view, &key, make)?;
    let start = match args.get(4) {
        b"$" => GroupStart::End,
        text => GroupStart::After(parse::id(text)?),
    };
    stream::create_group(view, &key, group, start, read, make)?;
    reply.ok();
    Ok(())
}

fn set_id(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (_, read) = options(args, false)?;
    let (key, group) = (args.key(2), args.get(3));
    stream::check_group(view, &key, group)?;
    let start = match args.get(4) {
        b"$" => GroupStart::End,
        text => GroupStart::After(parse::loose_id(text, 0)?),
    };
    stream::set_group(view, &key, group, start, read)?;
    reply.ok();
    Ok(())
}

fn destroy(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(i64::from(stream::destroy_group(view, &args.key(2), args.get(3))?));
    Ok(())
}

fn create_consumer(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(i64::from(stream::create_consumer(view, &args.key(2), args.get(3), args.get(4))?));
    Ok(())
}

fn delete_consumer(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let pending = stream::delete_consumer(view, &args.key(2), args.get(3), args.get(4))?;
    reply.count(pending.unwrap_or(0));
    Ok(())
}

pub(super) fn xack(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (key, group) = (args.key(1), args.get(2));
    let done = match stream::stream(view, &key)?.is_some_and(|stream| stream.groups().get(group).is_some()) {
        true => stream::acknowledge(view, &key, group, &ids(args.from(3))?)?,
        false => 0,
    };
    reply.count(done);
    Ok(())
}
