//! ZPOPMIN, ZPOPMAX and ZMPOP, and their blocking forms.

use super::{Args, Block, FAST_WRITE, Flags, Form, KeySpec, POPS, Reply, Run, Spec, spec};
use crate::codec::num;
use crate::command::blocking;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View, Wanted};
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

pub(super) const BZPOPMIN: Spec = spec("bzpopmin", -3, Run::Blocking(&bzpopmin))
    .flags(FAST_WRITE.union(Flags::BLOCKING))
    .keys(&[KeySpec::range(1, -2, 1, POPS)])
    .docs(
        "5.0.0",
        "Takes the member with the lowest score out of the first sorted set that has any; waits for one.",
        "O(log(N)) with N being the number of members.",
        "key [key ...] timeout:double",
    );

pub(super) const BZPOPMAX: Spec = spec("bzpopmax", -3, Run::Blocking(&bzpopmax))
    .flags(FAST_WRITE.union(Flags::BLOCKING))
    .keys(&[KeySpec::range(1, -2, 1, POPS)])
    .docs(
        "5.0.0",
        "Takes the member with the highest score out of the first sorted set that has any; waits for one.",
        "O(log(N)) with N being the number of members.",
        "key [key ...] timeout:double",
    );

pub(super) const BZMPOP: Spec = spec("bzmpop", -5, Run::Blocking(&bzmpop))
    .flags(Flags::WRITE.union(Flags::BLOCKING))
    .keys(&[KeySpec::counted(2, 1, POPS)])
    .docs(
        "7.0.0",
        "Takes members with the lowest or the highest scores out of the first sorted set that has any; waits for one.",
        "O(K)+O(log(N)*M) with K being the number of keys, N the number of members and M the number of those taken.",
        "timeout:double numkeys key [key ...] <MIN | MAX> [COUNT count]",
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
    let (end, count) = multi_pop(args, 1)?;
    if !pop_first(view, args.keys(), end, count, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// The end and the count of ZMPOP, whose number of keys is the argument `at`.
fn multi_pop(args: &Args<'_>, at: usize) -> Result<(ZEnd, usize)> {
    let keys = positive(args, at, "numkeys")?;
    let place = keys.saturating_add(at + 1);
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
    Ok((end, count.unwrap_or(1)))
}

/// Whether there was a member to take.
fn pop_first<'k>(
    view: &mut View<'_>,
    keys: impl Iterator<Item = Key<'k>>,
    end: ZEnd,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<bool> {
    let Some((key, popped)) = sorted_set::pop_first(view, keys, end, count)? else { return Ok(false) };
    reply.array(2);
    reply.bulk(key.bytes);
    reply_popped(reply, &popped, Form::Pairs);
    Ok(true)
}

fn bzpopmin<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    blocking_pop(view, args, reply, ZEnd::Min)
}

fn bzpopmax<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    blocking_pop(view, args, reply, ZEnd::Max)
}

fn blocking_pop<'a>(
    view: &mut View<'_>,
    args: &Args<'a>,
    reply: &mut Reply<'_>,
    end: ZEnd,
) -> Result<Option<Block<'a>>> {
    let timeout = blocking::seconds(args.get(args.len() - 1), view.now())?;
    Block::unless_taken(Wanted::SortedSet, args.keys(), timeout, view, reply, move |view, key, reply| {
        let popped = sorted_set::pop(view, key, end, 1)?;
        let Some((member, score)) = popped.first() else { return Ok(false) };
        reply.array(3);
        reply.bulk(key.bytes);
        reply.bulk(member);
        reply.double(*score);
        Ok(true)
    })
}

fn bzmpop<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let (end, count) = multi_pop(args, 2)?;
    let timeout = blocking::seconds(args.get(1), view.now())?;
    Block::unless_taken(Wanted::SortedSet, args.keys(), timeout, view, reply, move |view, key, reply| {
        pop_first(view, std::iter::once(*key), end, count, reply)
    })
}
