//! ZADD and ZINCRBY.

use smallvec::SmallVec;

use super::{Args, FAST_GROWS, KeyFlags, KeySpec, Reply, Run, Spec, reply_score, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::sorted_set::{self, AddOptions};

pub(super) const ZADD: Spec = spec("zadd", -4, Run::Keys(&zadd))
    .flags(FAST_GROWS)
    .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
    .element(3)
    .docs(
        "1.2.0",
        "Adds members to a sorted set or changes their scores.",
        "O(log(N)) for each member, with N being the number of members.",
        "key [NX | XX] [GT | LT] [CH] [INCR] <score:double member>...",
    );

pub(super) const ZINCRBY: Spec = spec("zincrby", 4, Run::Keys(&zincrby))
    .flags(FAST_GROWS)
    .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))])
    .element(3)
    .docs(
        "1.2.0",
        "Adds to the score of a member; a missing one counts as 0.",
        "O(log(N)) with N being the number of members.",
        "key increment member",
    );

fn zadd(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(view, args, reply, false)
}

fn zincrby(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    add(view, args, reply, true)
}

fn add(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, incr: bool) -> Result<()> {
    let (mut options, mut changes, mut incr) = (AddOptions::new(), false, incr);
    let mut first = 2;
    while first < args.len() {
        match args.get(first).len() {
            2 if args.is(first, "nx") => options = options.nx(),
            2 if args.is(first, "xx") => options = options.xx(),
            2 if args.is(first, "gt") => options = options.gt(),
            2 if args.is(first, "lt") => options = options.lt(),
            2 if args.is(first, "ch") => changes = true,
            4 if args.is(first, "incr") => incr = true,
            _ => break,
        }
        first += 1;
    }
    let words = args.from(first);
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(Error::SYNTAX);
    }
    options.check()?;
    if incr && words.len() > 2 {
        return Err(Error::new("ERR INCR option supports a single increment-element pair"));
    }
    // All numbers are read before the first is used.
    let mut pairs = SmallVec::<[(f64, &[u8]); 4]>::with_capacity(words.len() / 2);
    for pair in words.chunks_exact(2) {
        if let [score, member] = pair {
            pairs.push((num::parse_f64(score).ok_or(Error::NOT_FLOAT)?, *member));
        }
    }
    let key = args.key(1);
    if let (true, Some(&(by, member))) = (incr, pairs.first()) {
        reply_score(reply, sorted_set::incr(view, &key, by, member, options)?);
        return Ok(());
    }
    let done = sorted_set::add(view, &key, &pairs, options)?;
    reply.count(if changes { done.added + done.updated } else { done.added });
    Ok(())
}
