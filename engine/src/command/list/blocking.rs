//! BLPOP, BRPOP, BLMOVE, BRPOPLPUSH and BLMPOP: what their other forms do, or waiting until they can.

use super::options;
use super::{GROWS, INSERTS, TAKES, pop_first, reply_element, spec, try_to_move};
use crate::command::blocking::seconds;
use crate::command::{Args, Block, Flags, KeySpec, Reply, Run, Spec};
use crate::error::Result;
use crate::keyspace::{Key, View, Wanted};
use crate::operation::list::{self, Side};

const TAKE: Flags = Flags::WRITE.union(Flags::BLOCKING);
const MOVE: Flags = GROWS.union(Flags::BLOCKING);

pub(super) const BLPOP: Spec =
    spec("blpop", -3, Run::Blocking(&blpop)).flags(TAKE).keys(&[KeySpec::range(1, -2, 1, TAKES)]).docs(
        "2.0.0",
        "Takes the first element of the first list that has any; waits for one.",
        "O(N) where N is the number of keys.",
        "key [key ...] timeout:double",
    );

pub(super) const BRPOP: Spec =
    spec("brpop", -3, Run::Blocking(&brpop)).flags(TAKE).keys(&[KeySpec::range(1, -2, 1, TAKES)]).docs(
        "2.0.0",
        "Takes the last element of the first list that has any; waits for one.",
        "O(N) where N is the number of keys.",
        "key [key ...] timeout:double",
    );

pub(super) const BLMOVE: Spec =
    spec("blmove", 6, Run::Blocking(&blmove)).flags(MOVE).keys(&[KeySpec::at(1, TAKES), KeySpec::at(2, INSERTS)]).docs(
        "6.2.0",
        "Takes an element from an end of one list and adds it at an end of another; waits for one.",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout:double",
    );

pub(super) const BRPOPLPUSH: Spec = spec("brpoplpush", 4, Run::Blocking(&brpoplpush))
    .flags(MOVE)
    .keys(&[KeySpec::at(1, TAKES), KeySpec::at(2, INSERTS)])
    .docs(
        "2.2.0",
        "Takes the last element of one list and adds it at the beginning of another; waits for one.",
        "O(1)",
        "source destination timeout:double",
    );

pub(super) const BLMPOP: Spec =
    spec("blmpop", -5, Run::Blocking(&blmpop)).flags(TAKE).keys(&[KeySpec::counted(2, 1, TAKES)]).docs(
        "7.0.0",
        "Takes elements from the first of some lists that has any; waits for one.",
        "O(N+M) where N is the number of keys and M the number of elements taken.",
        "timeout:double numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    );

fn blpop<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    pop(view, args, reply, Side::Left)
}

fn brpop<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    pop(view, args, reply, Side::Right)
}

fn pop<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>, side: Side) -> Result<Option<Block<'a>>> {
    let timeout = seconds(args.get(args.len() - 1), view.now())?;
    Block::unless_taken(Wanted::List, args.keys(), timeout, view, reply, move |view, key, reply| {
        let popped = list::pop_first(view, std::iter::once(*key), side, 1, |key, _, part| {
            reply.array(2);
            reply.bulk(key);
            part.for_each(|element| reply_element(reply, element));
        })?;
        Ok(popped.is_some())
    })
}

fn blmpop<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let (side, count) = options::multi_pop(args, 2)?;
    let timeout = seconds(args.get(1), view.now())?;
    Block::unless_taken(Wanted::List, args.keys(), timeout, view, reply, move |view, key, reply| {
        pop_first(view, std::iter::once(*key), side, count, reply)
    })
}

fn blmove<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let sides = (options::side(args.get(3))?, options::side(args.get(4))?);
    move_between(view, args, sides, args.get(5), reply)
}

fn brpoplpush<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    move_between(view, args, (Side::Right, Side::Left), args.get(3), reply)
}

fn move_between<'a>(
    view: &mut View<'_>,
    args: &Args<'a>,
    sides: (Side, Side),
    timeout: &[u8],
    reply: &mut Reply<'_>,
) -> Result<Option<Block<'a>>> {
    let timeout = seconds(timeout, view.now())?;
    let (source, destination) = (args.key(1), args.key(2));
    if try_to_move(view, &source, &destination, sides, reply)? {
        return Ok(None);
    }
    let (bytes, hash) = (Box::<[u8]>::from(destination.bytes), destination.hash);
    let serve = move |view: &mut View<'_>, key: &Key<'_>, reply: &mut Reply<'_>| {
        try_to_move(view, key, &Key { bytes: &bytes, hash }, sides, reply).map(drop)
    };
    let block = Block::new(Wanted::List, std::iter::once(source), timeout, serve);
    Ok(Some(block.further(&destination).refused_with(|reply| reply.null())))
}
