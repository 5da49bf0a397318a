//! Sets.

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View, random};
use crate::operation::draws;
use crate::operation::set::{self, Algebra, Item, ScanOptions};

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const INSERTS: KeyFlags = KeyFlags::RW.union(KeyFlags::INSERT);
const TAKES: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
const REPLACES: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);

const FAST_READ: Flags = Flags::READONLY.union(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);

const ALL_READ: &[KeySpec] = &[KeySpec::range(1, -1, 1, READS)];
const STORES: &[KeySpec] = &[KeySpec::at(1, REPLACES), KeySpec::range(2, -1, 1, READS)];
const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const RANDOM: &[&str] = &["nondeterministic_output"];

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Set, run).categories(Categories::SET)
}

/// A command that combines all the sets that it names.
const fn combines(name: &'static str, run: Run) -> Spec {
    spec(name, -2, run).flags(Flags::READONLY).keys(ALL_READ).tips(ANY_ORDER)
}

/// A command that stores what it combines.
const fn stores(name: &'static str, run: Run) -> Spec {
    spec(name, -3, run).flags(GROWS).keys(STORES)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("sadd", -3, Run::Keys(&sadd))
        .element(2)
        .flags(GROWS.union(Flags::FAST))
        .keys(&[KeySpec::at(1, INSERTS)])
        .docs(
            "1.0.0",
            "Adds members to a set, which is made if the key is not there.",
            "O(1) for each member.",
            "key member [member ...]",
        ),
    spec("scard", 2, Run::Keys(&scard)).flags(FAST_READ).keys(&[KeySpec::at(1, KeyFlags::RO)]).docs(
        "1.0.0",
        "Counts the members of a set.",
        "O(1)",
        "key",
    ),
    combines("sdiff", Run::Keys(&sdiff)).docs(
        "1.0.0",
        "Gives the members of the first set that are in none of the others.",
        "O(N*M) where N is the size of the first set and M the number of sets.",
        "key [key ...]",
    ),
    stores("sdiffstore", Run::Keys(&sdiffstore)).docs(
        "1.0.0",
        "Stores the members of the first set that are in none of the others.",
        "O(N*M) where N is the size of the first set and M the number of sets.",
        "destination key [key ...]",
    ),
    combines("sinter", Run::Keys(&sinter)).docs(
        "1.0.0",
        "Gives the members that all sets share.",
        "O(N*M) where N is the size of the smallest set and M the number of sets.",
        "key [key ...]",
    ),
    spec("sintercard", -3, Run::Keys(&sintercard)).flags(Flags::READONLY).keys(&[KeySpec::counted(1, 1, READS)]).docs(
        "7.0.0",
        "Counts the members that all sets share.",
        "O(N*M) where N is the size of the smallest set and M the number of sets.",
        "numkeys key [key ...] [LIMIT limit]",
    ),
    stores("sinterstore", Run::Keys(&sinterstore)).docs(
        "1.0.0",
        "Stores the members that all sets share.",
        "O(N*M) where N is the size of the smallest set and M the number of sets.",
        "destination key [key ...]",
    ),
    spec("sismember", 3, Run::Keys(&sismember)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, KeyFlags::RO)]).docs(
        "1.0.0",
        "Tells whether a set has a member.",
        "O(1)",
        "key member",
    ),
    spec("smembers", 2, Run::Keys(&smembers))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::at(1, READS)])
        .tips(ANY_ORDER)
        .docs("1.0.0", "Gives all members of a set.", "O(N) where N is the size of the set.", "key"),
    spec("smismember", -3, Run::Keys(&smismember)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "6.2.0",
        "Tells of each of some members whether a set has it.",
        "O(N) where N is the number of members.",
        "key member [member ...]",
    ),
    spec("smove", 4, Run::Keys(&smove)).flags(FAST_WRITE).keys(&[KeySpec::at(1, TAKES), KeySpec::at(2, INSERTS)]).docs(
        "1.0.0",
        "Moves a member from one set to another.",
        "O(1)",
        "source destination member",
    ),
    spec("spop", -2, Run::Keys(&spop)).flags(FAST_WRITE).keys(&[KeySpec::at(1, TAKES)]).tips(RANDOM).docs(
        "1.0.0",
        "Takes out any members of a set and gives them.",
        "O(1) for each member.",
        "key [count]",
    ),
    spec("srandmember", -2, Run::Keys(&srandmember))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::at(1, READS)])
        .tips(RANDOM)
        .docs("1.0.0", "Gives any members of a set.", "O(1) for each member.", "key [count]"),
    spec("srem", -3, Run::Keys(&srem))
        .element(2)
        .flags(FAST_WRITE)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::DELETE))])
        .docs("1.0.0", "Removes members from a set.", "O(1) for each member.", "key member [member ...]"),
    spec("sscan", -3, Run::Keys(&sscan)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).tips(RANDOM).docs(
        "2.8.0",
        "Lists the members of a set bit by bit: each member that stays is given exactly once.",
        "O(1) for each call, O(N) for all N members",
        "key cursor [MATCH pattern] [COUNT count]",
    ),
    combines("sunion", Run::Keys(&sunion)).docs(
        "1.0.0",
        "Gives the members of all sets.",
        "O(N) where N is the number of members of all sets.",
        "key [key ...]",
    ),
    stores("sunionstore", Run::Keys(&sunionstore)).docs(
        "1.0.0",
        "Stores the members of all sets.",
        "O(N) where N is the number of members of all sets.",
        "destination key [key ...]",
    ),
];

fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(n) => reply.bulk_int(n),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

fn sadd(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(set::add(view, &args.key(1), args.from(2).iter().copied())?);
    Ok(())
}

fn srem(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(set::remove(view, &args.key(1), args.from(2).iter().copied())?);
    Ok(())
}

fn scard(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(set::len(view, &args.key(1))?);
    Ok(())
}

fn sismember(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(set::contains(view, &args.key(1), args.get(2))?.into());
    Ok(())
}

fn smismember(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let set = set::get(view, &args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    members.iter().for_each(|member| reply.int(set.is_some_and(|set| set.contains(member)).into()));
    Ok(())
}

fn smembers(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(set) = set::get(view, &args.key(1))? else {
        reply.set(0);
        return Ok(());
    };
    reply.set(set.len());
    set.for_each(|item| write_item(reply, item));
    Ok(())
}

fn smove(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(set::move_member(view, &args.key(1), &args.key(2), args.get(3))?.into());
    Ok(())
}

fn spop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = match args.from(2) {
        [] => None,
        [count] => {
            let count = num::parse_i64(count).and_then(|n| usize::try_from(n).ok());
            Some(count.ok_or_else(|| Error::new("ERR value is out of range, must be positive"))?)
        }
        _ => return Err(Error::SYNTAX),
    };
    let popped = set::pop(view, &args.key(1), count.unwrap_or(1))?;
    match (count, popped.iter().next()) {
        (None, Some(member)) => reply.bulk(member),
        (None, None) => reply.null(),
        (Some(_), _) => {
            reply.set(popped.len());
            popped.iter().for_each(|member| reply.bulk(member));
        }
    }
    Ok(())
}

fn srandmember(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let count = match args.from(2) {
        [] => {
            match set::random_member(view, &key)? {
                Some(item) => write_item(reply, item),
                None => reply.null(),
            }
            return Ok(());
        }
        [_] => args.int(2)?,
        _ => return Err(Error::SYNTAX),
    };
    draws::check(count)?;
    if let Ok(count) = usize::try_from(count) {
        let items = set::random_members(view, &key, count)?;
        reply.array(items.len());
        items.into_iter().for_each(|item| write_item(reply, item));
        return Ok(());
    }
    // So many draws, each from all members.
    let Some(set) = set::get(view, &key)? else {
        reply.array(0);
        return Ok(());
    };
    let draws = draws::repeated(count)?;
    reply.array(draws);
    (0..draws).filter_map(|_| set.random(random)).for_each(|item| write_item(reply, item));
    Ok(())
}

fn combine(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, how: Algebra) -> Result<()> {
    let keys: Vec<Key<'_>> = args.keys().collect();
    let items = set::combine(view, how, &keys)?;
    reply.set(items.len());
    items.into_iter().for_each(|item| write_item(reply, item));
    Ok(())
}

fn store(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, how: Algebra) -> Result<()> {
    let keys: Vec<Key<'_>> = args.keys().skip(1).collect();
    reply.count(set::store(view, how, &args.key(1), &keys)?);
    Ok(())
}

fn sinter(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    combine(view, args, reply, Algebra::Inter)
}

fn sunion(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    combine(view, args, reply, Algebra::Union)
}

fn sdiff(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    combine(view, args, reply, Algebra::Diff)
}

fn sinterstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Algebra::Inter)
}

fn sunionstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Algebra::Union)
}

fn sdiffstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Algebra::Diff)
}

fn sintercard(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let number = num::parse_i64(args.get(1)).and_then(|n| usize::try_from(n).ok()).filter(|&n| n > 0);
    let number = number.ok_or_else(|| Error::new("ERR numkeys should be greater than 0"))?;
    if number > args.len() - 2 {
        return Err(Error::new("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = 0;
    let mut options = args.from(2 + number);
    while let [word, rest @ ..] = options {
        let [value, rest @ ..] = rest else { return Err(Error::SYNTAX) };
        if !word.eq_ignore_ascii_case(b"LIMIT") {
            return Err(Error::SYNTAX);
        }
        let value = num::parse_i64(value).and_then(|n| usize::try_from(n).ok());
        limit = value.ok_or_else(|| Error::new("ERR LIMIT can't be negative"))?;
        options = rest;
    }
    let keys: Vec<Key<'_>> = args.keys().collect();
    reply.count(set::inter_card(view, &keys, if limit == 0 { usize::MAX } else { limit })?);
    Ok(())
}

/// The lowest bits of a position, always zero, that a cursor leaves out: clients keep cursors in doubles.
const CURSOR_SHIFT: u32 = 16;

fn sscan(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = num::parse_cursor(args.get(2)).ok_or_else(|| Error::new("ERR invalid cursor"))?;
    let key = args.key(1);
    let (mut items, mut next) = (Vec::new(), None);
    // A key that is not there has no members, whatever else is asked.
    if let Some(set) = set::get(view, &key)? {
        let options = scan_options(args)?;
        // A cursor that no call of ours has given lies behind the last member of a table; a small set comes whole.
        let position = if cursor >> (64 - CURSOR_SHIFT) == 0 { Some(cursor << CURSOR_SHIFT) } else { None };
        if position.is_some() || !set.is_table() {
            (items, next) = set::scan(set, position.unwrap_or(0), &options);
        }
    }
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next.map_or(0, |at| at >> CURSOR_SHIFT)).as_bytes());
    reply.array(items.len());
    items.into_iter().for_each(|item| write_item(reply, item));
    Ok(())
}

fn scan_options<'a>(args: &Args<'a>) -> Result<ScanOptions<'a>> {
    let mut options = ScanOptions::default();
    for i in (3..args.len()).step_by(2) {
        if i + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        if args.is(i, "count") {
            options.count = usize::try_from(args.int(i + 1)?).ok().filter(|&n| n > 0).ok_or(Error::SYNTAX)?;
        } else if args.is(i, "match") {
            options.pattern = Some(args.get(i + 1));
        } else {
            return Err(Error::SYNTAX);
        }
    }
    Ok(options)
}
