//! ZPOPMIN, ZPOPMAX and ZMPOP.

use super::{Args, FAST_WRITE, Flags, Form, KeySpec, POPS, Reply, Run, Spec, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::sorted_set::{self, Popped, ZEnd};
use crate::value::listpack::Item;

const COST: &str = "O(log(N)*M) with N being the number of members and M the number of those taken.";

pub(super) const ZPOPMIN: Spec = spec("zpopmin", -2, Run::Keys(&zpopmin))
    .flags(FAST_WRITE)
    .keys(&[KeySpec::at(1, POPS)])
    .docs("5.0.0", "Takes the members with the lowest scores out of a sorted set.", COST, "key [count]");

pub(super) const ZPOPMAX: Spec = spec("zpopmax", -2, Run::Keys(&zpopmax))
    .flags(FAST_WRITE)
    .keys(&[KeySpec::at(1, POPS)])
    .docs("5.0.0", "Takes the members with the highest scores out of a sorted set.", COST, "key [count]");

pub(super) const ZMPOP: Spec =
    spec("zmpop", -4, Run::Keys(&zmpop)).flags(Flags::WRITE).keys(&[KeySpec::counted(1, 1, POPS)]).docs(
        "7.0.0",
        "Takes members with the lowest or the highest scores out of the first sorted set that is not empty.",
        "O(K)+O(log(N)*M) with K being the number of keys, N the number of members and M the number of those taken.",
        "numkeys key [key ...] <MIN | MAX> [COUNT count]",
    );

fn zpopmin(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(view, args, reply, ZEnd::Min)
}

fn zpopmax(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(view, args, reply, ZEnd::Max)
}

fn pop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, end: ZEnd) -> Result<()> {
    let (count, counted) = match args.len() {
        ..=2 => (1, false),
        3 => {
            let count = num::parse_i64(args.get(2)).and_then(|n| usize::try_from(n).ok());
            (count.ok_or_else(|| Error::new("ERR value is out of range, must be positive"))?, true)
        }
        _ => return Err(Error::SYNTAX),
    };
    let popped = sorted_set::pop(view, &args.key(1), end, count)?;
    let form = if counted { Form::of(reply, true) } else { Form::Scores };
    reply_popped(reply, &popped, form);
    Ok(())
}

fn reply_popped(reply: &mut Reply<'_>, popped: &Popped, form: Form) {
    form.begin(reply, popped.len());
    for (member, score) in popped {
        form.member(reply, Item::Bytes(member), *score);
    }
}

/// The end of a sorted set that a word names.
pub(super) fn end(args: &Args<'_>, i: usize) -> Result<ZEnd> {
    if args.is(i, "min") {
        Ok(ZEnd::Min)
    } else if args.is(i, "max") {
        Ok(ZEnd::Max)
    } else {
        Err(Error::SYNTAX)
    }
}

/// A number from 1 on, or the error that says what it is for.
fn positive(args: &Args<'_>, i: usize, name: &str) -> Result<usize> {
    let number = num::parse_i64(args.get(i)).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    number.ok_or_else(|| Error::new(format!("ERR {name} should be greater than 0")))
}

fn zmpop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let keys = positive(args, 1, "numkeys")?;
    let place = keys.saturating_add(2);
    if place >= args.len() {
        return Err(Error::SYNTAX);
    }
    let end = end(args, place)?;
    let mut count = None;
    let mut i = place + 1;
    while i < args.len() {
        if count.is_some() || !args.is(i, "count") || i + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        count = Some(positive(args, i + 1, "count")?);
        i += 2;
    }
    let keys = (2..place).map(|i| args.key(i));
    match sorted_set::pop_first(view, keys, end, count.unwrap_or(1))? {
        Some((key, popped)) => {
            reply.array(2);
            reply.bulk(key.bytes);
            reply_popped(reply, &popped, Form::Pairs);
        }
        None => reply.null_array(),
    }
    Ok(())
}
