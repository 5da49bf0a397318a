//! HSCAN and HRANDFIELD.

use super::super::{Args, Flags, KeySpec, Reply, Run, Spec};
use super::{RANDOM, READS, reply_item, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::{draws, hash};
use crate::value::listpack::Item;

pub(super) const HRANDFIELD: Spec = spec("hrandfield", -2, Run::Keys(&hrandfield))
    .flags(Flags::READONLY)
    .keys(&[KeySpec::at(1, READS)])
    .tips(RANDOM)
    .docs(
        "6.2.0",
        "Gives any fields of a hash.",
        "O(N) where N is the number of fields given.",
        "key [count [WITHVALUES]]",
    );

pub(super) const HSCAN: Spec =
    spec("hscan", -3, Run::Keys(&hscan)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).tips(RANDOM).docs(
        "2.8.0",
        "Lists fields and values of a hash bit by bit: each field that stays is given exactly once.",
        "O(1) for each call, O(N) for all N fields",
        "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    );

/// The lowest bits of a position, always zero, that a cursor leaves out: clients keep cursors in doubles.
const CURSOR_SHIFT: u32 = 16;

struct Options<'a> {
    pattern: Option<&'a [u8]>,
    count: usize,
    values: bool,
}

fn options<'a>(args: &Args<'a>) -> Result<Options<'a>> {
    let mut options = Options { pattern: None, count: 10, values: true };
    let mut i = 3;
    while i < args.len() {
        if args.is(i, "count") && i + 1 < args.len() {
            options.count = usize::try_from(args.int(i + 1)?).ok().filter(|&n| n > 0).ok_or(Error::SYNTAX)?;
            i += 2;
        } else if args.is(i, "match") && i + 1 < args.len() {
            options.pattern = Some(args.get(i + 1));
            i += 2;
        } else if args.is(i, "novalues") {
            options.values = false;
            i += 1;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    Ok(options)
}

fn hscan(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = num::parse_cursor(args.get(2)).ok_or_else(|| Error::new("ERR invalid cursor"))?;
    let mut found: Vec<Item<'_>> = Vec::new();
    let mut next = None;
    // A key that is not there has no fields, whatever else is asked.
    if let Some(hash) = hash::read(view, &args.key(1))? {
        let options = options(args)?;
        // A cursor that no call of ours has given lies behind the last field. A small hash comes whole, whatever the
        // cursor.
        if hash.as_listpack().is_some() || cursor >> (64 - CURSOR_SHIFT) == 0 {
            let position = cursor << CURSOR_SHIFT;
            next = hash::scan(hash, view.now(), position, options.count, options.pattern, |field, value| {
                found.push(field);
                if options.values {
                    found.push(value);
                }
            });
        }
    }
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next.map_or(0, |at| at >> CURSOR_SHIFT)).as_bytes());
    reply.array(found.len());
    found.iter().for_each(|item| reply_item(reply, *item));
    Ok(())
}

fn hrandfield(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (key, now) = (args.key(1), view.now());
    if args.len() == 2 {
        match hash::read(view, &key)?.and_then(|hash| hash::random_field(hash, now)) {
            Some((field, _)) => reply_item(reply, field),
            None => reply.null(),
        }
        return Ok(());
    }
    let count = args.int(2)?;
    draws::check(count)?;
    let with_values = args.len() == 4 && args.is(3, "withvalues");
    if args.len() > 3 && !with_values {
        return Err(Error::SYNTAX);
    }
    if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return Err(Error::new("ERR value is out of range"));
    }
    let Some(hash) = hash::read(view, &key)? else {
        reply.array(0);
        return Ok(());
    };
    let nested = with_values && reply.is_resp3();
    let factor = if with_values && !nested { 2 } else { 1 };
    // Both closures write, one after the other.
    let reply = std::cell::RefCell::new(reply);
    let start = |n: usize| reply.borrow_mut().array(n * factor);
    hash::random_fields(hash, now, count, start, |(field, value)| {
        let reply = &mut **reply.borrow_mut();
        if nested {
            reply.array(2);
        }
        reply_item(reply, field);
        if with_values {
            reply_item(reply, value);
        }
    })
}
