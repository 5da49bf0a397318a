//! Lists.

mod blocking;
mod options;

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::operation::list::{self, Element, Part, Side};
use crate::value::List;

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const INSERTS: KeyFlags = KeyFlags::RW.union(KeyFlags::INSERT);
const DELETES: KeyFlags = KeyFlags::RW.union(KeyFlags::DELETE);
const TAKES: KeyFlags = DELETES.union(KeyFlags::ACCESS);

const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);
const FAST_GROWS: Flags = GROWS.union(Flags::FAST);

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::List, run).categories(Categories::LIST)
}

pub(super) const COMMANDS: &[Spec] = &[
    blocking::BLMOVE,
    blocking::BLMPOP,
    blocking::BLPOP,
    blocking::BRPOP,
    blocking::BRPOPLPUSH,
    spec("lindex", 3, Run::Keys(&lindex)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "1.0.0",
        "Gives the element with an index.",
        "O(N) where N is the number of nodes on the way, O(1) at the ends.",
        "key index",
    ),
    spec("linsert", 5, Run::Keys(&linsert)).flags(GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "2.2.0",
        "Adds an element in front of another or behind it.",
        "O(N) where N is the number of elements up to that one.",
        "key <BEFORE | AFTER> pivot element",
    ),
    spec("llen", 2, Run::Keys(&llen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .docs("1.0.0", "Gives the length of a list.", "O(1)", "key"),
    spec("lmove", 5, Run::Keys(&lmove)).flags(GROWS).keys(&[KeySpec::at(1, TAKES), KeySpec::at(2, INSERTS)]).docs(
        "6.2.0",
        "Takes an element from an end of one list and adds it at an end of another.",
        "O(1)",
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
    ),
    spec("lmpop", -4, Run::Keys(&lmpop)).flags(Flags::WRITE).keys(&[KeySpec::counted(1, 1, TAKES)]).docs(
        "7.0.0",
        "Takes elements from the first of some lists that has any.",
        "O(N+M) where N is the number of keys and M the number of elements taken.",
        "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
    ),
    spec("lpop", -2, Run::Keys(&lpop)).flags(FAST_WRITE).keys(&[KeySpec::at(1, TAKES)]).docs(
        "1.0.0",
        "Takes the first element of a list, or some.",
        "O(N) where N is the number of elements taken.",
        "key [count]",
    ),
    spec("lpos", -3, Run::Keys(&lpos)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "6.0.6",
        "Gives the indexes of elements that equal a string.",
        "O(N) where N is the number of elements that are compared.",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    ),
    spec("lpush", -3, Run::Keys(&lpush)).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "1.0.0",
        "Adds elements at the beginning of a list, one after the other.",
        "O(N) where N is the number of elements added.",
        "key element [element ...]",
    ),
    spec("lpushx", -3, Run::Keys(&lpushx)).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "2.2.0",
        "Adds elements at the beginning of a list that is there.",
        "O(N) where N is the number of elements added.",
        "key element [element ...]",
    ),
    spec("lrange", 4, Run::Keys(&lrange)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "1.0.0",
        "Gives a range of elements.",
        "O(S+N) where S is the number of nodes on the way and N the number of elements.",
        "key start stop",
    ),
    spec("lrem", 4, Run::Keys(&lrem)).flags(Flags::WRITE).keys(&[KeySpec::at(1, DELETES)]).docs(
        "1.0.0",
        "Removes elements that equal a string.",
        "O(N+M) where N is the length of the list and M the number of elements removed.",
        "key count element",
    ),
    spec("lset", 4, Run::Keys(&lset)).flags(GROWS).keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))]).docs(
        "1.0.0",
        "Puts another element in the place of one.",
        "O(N) where N is the number of nodes on the way, O(1) at the ends.",
        "key index element",
    ),
    spec("ltrim", 4, Run::Keys(&ltrim)).flags(Flags::WRITE).keys(&[KeySpec::at(1, DELETES)]).docs(
        "1.0.0",
        "Removes all elements that are not in a range.",
        "O(N) where N is the number of elements removed.",
        "key start stop",
    ),
    spec("rpop", -2, Run::Keys(&rpop)).flags(FAST_WRITE).keys(&[KeySpec::at(1, TAKES)]).docs(
        "1.0.0",
        "Takes the last element of a list, or some.",
        "O(N) where N is the number of elements taken.",
        "key [count]",
    ),
    spec("rpoplpush", 3, Run::Keys(&rpoplpush))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, TAKES), KeySpec::at(2, INSERTS)])
        .docs(
            "1.2.0",
            "Takes the last element of one list and adds it at the beginning of another.",
            "O(1)",
            "source destination",
        ),
    spec("rpush", -3, Run::Keys(&rpush)).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "1.0.0",
        "Adds elements at the end of a list, one after the other.",
        "O(N) where N is the number of elements added.",
        "key element [element ...]",
    ),
    spec("rpushx", -3, Run::Keys(&rpushx)).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "2.2.0",
        "Adds elements at the end of a list that is there.",
        "O(N) where N is the number of elements added.",
        "key element [element ...]",
    ),
];

/// Writes an element as a reply; a big one is shared.
#[inline]
fn reply_element(reply: &mut Reply<'_>, element: Element<'_>) {
    match element {
        Element::Int(n) => reply.bulk_int(n),
        Element::Bytes(bytes) => reply.bulk(bytes),
        Element::Shared(bytes) => reply.shared(bytes),
    }
}

fn reply_part(reply: &mut Reply<'_>, count: usize, part: Part<'_>) {
    reply.array(count);
    for element in part {
        reply_element(reply, element);
    }
}

fn push(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side, must_exist: bool) -> Result<()> {
    let elements = args.from(2).iter().copied();
    reply.count(list::push(view, &args.key(1), side, elements, must_exist)?);
    Ok(())
}

fn lpush(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(view, args, reply, Side::Left, false)
}

fn rpush(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(view, args, reply, Side::Right, false)
}

fn lpushx(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(view, args, reply, Side::Left, true)
}

fn rpushx(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    push(view, args, reply, Side::Right, true)
}

fn pop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, side: Side) -> Result<()> {
    let key = args.key(1);
    match args.from(2) {
        [] => {
            let popped = list::pop(view, &key, side, 1, |_, mut part| match part.next() {
                Some(element) => reply_element(reply, element),
                None => reply.null(),
            })?;
            if popped.is_none() {
                reply.null();
            }
        }
        [count] => {
            let count = num::parse_i64(count).and_then(|count| usize::try_from(count).ok());
            let count = count.ok_or_else(|| Error::new("ERR value is out of range, must be positive"))?;
            if list::pop(view, &key, side, count, |count, part| reply_part(reply, count, part))?.is_none() {
                reply.null_array();
            }
        }
        _ => return Err(Error::arity(if side == Side::Left { "lpop" } else { "rpop" })),
    }
    Ok(())
}

fn lpop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(view, args, reply, Side::Left)
}

fn rpop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    pop(view, args, reply, Side::Right)
}

fn lmpop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (side, count) = options::multi_pop(args, 1)?;
    if !pop_first(view, args.keys(), side, count, reply)? {
        reply.null_array();
    }
    Ok(())
}

/// Whether there was a list to take from.
fn pop_first<'k>(
    view: &mut View<'_>,
    keys: impl Iterator<Item = Key<'k>>,
    side: Side,
    count: usize,
    reply: &mut Reply<'_>,
) -> Result<bool> {
    let popped = list::pop_first(view, keys, side, count, |key, count, part| {
        reply.array(2);
        reply.bulk(key);
        reply_part(reply, count, part);
    })?;
    Ok(popped.is_some())
}

fn llen(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(list::len(view, &args.key(1))?);
    Ok(())
}

fn lindex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    // A missing key is told before an index that is no number.
    let index = match view.peek_as::<List>(&key)? {
        Some(_) => args.int(2)?,
        None => 0,
    };
    match list::get(view, &key, index)? {
        Some(element) => reply_element(reply, element),
        None => reply.null(),
    }
    Ok(())
}

fn lrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, end) = (args.int(2)?, args.int(3)?);
    list::range(view, &args.key(1), start, end, |count, part| reply_part(reply, count, part))
}

fn lset(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    if view.peek_as::<List>(&key)?.is_none() {
        return Err(Error::NO_SUCH_KEY);
    }
    list::set(view, &key, args.int(2)?, args.get(3))?;
    reply.ok();
    Ok(())
}

fn linsert(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let behind = args.is(2, "after");
    if !behind && !args.is(2, "before") {
        return Err(Error::SYNTAX);
    }
    reply.int(list::insert(view, &args.key(1), behind, args.get(3), args.get(4))?);
    Ok(())
}

fn lrem(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = options::not_least(args.get(2))?;
    reply.count(list::remove(view, &args.key(1), count, args.get(3))?);
    Ok(())
}

fn ltrim(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, end) = (args.int(2)?, args.int(3)?);
    list::trim(view, &args.key(1), start, end)?;
    reply.ok();
    Ok(())
}

fn lpos(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (options, all) = options::position(args.from(3))?;
    let indexes = list::positions(view, &args.key(1), args.get(2), &options)?.unwrap_or_default();
    if all {
        reply.array(indexes.len());
        indexes.into_iter().for_each(|index| reply.count(index));
    } else {
        match indexes.first() {
            Some(&index) => reply.count(index),
            None => reply.null(),
        }
    }
    Ok(())
}

fn move_between(
    view: &mut View<'_>,
    source: &Key<'_>,
    destination: &Key<'_>,
    sides: (Side, Side),
    reply: &mut Reply<'_>,
) -> Result<()> {
    if !try_to_move(view, source, destination, sides, reply)? {
        reply.null();
    }
    Ok(())
}

/// Whether there was an element to move.
fn try_to_move(
    view: &mut View<'_>,
    source: &Key<'_>,
    destination: &Key<'_>,
    sides: (Side, Side),
    reply: &mut Reply<'_>,
) -> Result<bool> {
    let read = |element: Element<'_>| reply_element(reply, element);
    Ok(list::move_between(view, source, destination, sides.0, sides.1, read)?.is_some())
}

fn lmove(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sides = (options::side(args.get(3))?, options::side(args.get(4))?);
    move_between(view, &args.key(1), &args.key(2), sides, reply)
}

fn rpoplpush(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    move_between(view, &args.key(1), &args.key(2), (Side::Right, Side::Left), reply)
}
