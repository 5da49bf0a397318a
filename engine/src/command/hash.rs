//! Hashes.

mod expiry;
mod options;
mod scan;

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num::LongDouble;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::hash;
use crate::value::listpack::Item;

const ASKED: KeyFlags = KeyFlags::RO;
const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const UPDATES: KeyFlags = KeyFlags::RW.union(KeyFlags::UPDATE);
const CHANGES: KeyFlags = UPDATES.union(KeyFlags::ACCESS);
const INSERTS: KeyFlags = KeyFlags::RW.union(KeyFlags::INSERT);
const DELETES: KeyFlags = KeyFlags::RW.union(KeyFlags::DELETE);

const FAST_READ: Flags = Flags::READONLY.union(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const FAST_GROWS: Flags = FAST_WRITE.union(Flags::DENYOOM);

const ANY_ORDER: &[&str] = &["nondeterministic_output_order"];
const RANDOM: &[&str] = &["nondeterministic_output"];

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Hash, run).categories(Categories::HASH)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("hdel", -3, Run::Keys(&hdel)).element(2).flags(FAST_WRITE).keys(&[KeySpec::at(1, DELETES)]).docs(
        "2.0.0",
        "Deletes fields of a hash, and the hash with the last of them.",
        "O(N) where N is the number of fields given.",
        "key field [field ...]",
    ),
    spec("hexists", 3, Run::Keys(&hexists)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, ASKED)]).docs(
        "2.0.0",
        "Says whether a hash has a field.",
        "O(1)",
        "key field",
    ),
    expiry::HEXPIRE,
    expiry::HEXPIREAT,
    expiry::HEXPIRETIME,
    spec("hget", 3, Run::Keys(&hget)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "2.0.0",
        "Gives the value of a field of a hash.",
        "O(1)",
        "key field",
    ),
    spec("hgetall", 2, Run::Keys(&hgetall)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).tips(ANY_ORDER).docs(
        "2.0.0",
        "Gives all fields and values of a hash.",
        "O(N) where N is the size of the hash.",
        "key",
    ),
    expiry::HGETDEL,
    expiry::HGETEX,
    spec("hincrby", 4, Run::Keys(&hincrby)).element(2).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "2.0.0",
        "Adds a number to the integer in a field; a missing field counts as 0.",
        "O(1)",
        "key field increment",
    ),
    spec("hincrbyfloat", 4, Run::Keys(&hincrbyfloat))
        .element(2)
        .flags(FAST_GROWS)
        .keys(&[KeySpec::at(1, CHANGES)])
        .docs(
            "2.6.0",
            "Adds a number with a fraction to the number in a field; a missing field counts as 0.",
            "O(1)",
            "key field increment",
        ),
    spec("hkeys", 2, Run::Keys(&hkeys)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).tips(ANY_ORDER).docs(
        "2.0.0",
        "Gives all fields of a hash.",
        "O(N) where N is the size of the hash.",
        "key",
    ),
    spec("hlen", 2, Run::Keys(&hlen)).flags(FAST_READ).keys(&[KeySpec::at(1, ASKED)]).docs(
        "2.0.0",
        "Gives the number of fields of a hash.",
        "O(1)",
        "key",
    ),
    spec("hmget", -3, Run::Keys(&hmget)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "2.0.0",
        "Gives the values of fields of a hash, and nothing for those that it does not have.",
        "O(N) where N is the number of fields given.",
        "key field [field ...]",
    ),
    spec("hmset", -4, Run::Keys(&hmset)).element(2).flags(FAST_GROWS).keys(&[KeySpec::at(1, UPDATES)]).docs(
        "2.0.0",
        "Sets fields of a hash: HSET with another reply.",
        "O(N) where N is the number of fields given.",
        "key field value [field value ...]",
    ),
    expiry::HPERSIST,
    expiry::HPEXPIRE,
    expiry::HPEXPIREAT,
    expiry::HPEXPIRETIME,
    expiry::HPTTL,
    scan::HRANDFIELD,
    scan::HSCAN,
    spec("hset", -4, Run::Keys(&hset)).element(2).flags(FAST_GROWS).keys(&[KeySpec::at(1, UPDATES)]).docs(
        "2.0.0",
        "Sets fields of a hash, and says how many of them are new.",
        "O(N) where N is the number of fields given.",
        "key field value [field value ...]",
    ),
    expiry::HSETEX,
    spec("hsetnx", 4, Run::Keys(&hsetnx)).element(2).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "2.0.0",
        "Sets a field of a hash if it is not there already.",
        "O(1)",
        "key field value",
    ),
    spec("hstrlen", 3, Run::Keys(&hstrlen)).element(2).flags(FAST_READ).keys(&[KeySpec::at(1, ASKED)]).docs(
        "3.2.0",
        "Gives the length of the value of a field in bytes.",
        "O(1)",
        "key field",
    ),
    expiry::HTTL,
    spec("hvals", 2, Run::Keys(&hvals)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).tips(ANY_ORDER).docs(
        "2.0.0",
        "Gives all values of a hash.",
        "O(N) where N is the size of the hash.",
        "key",
    ),
];

fn reply_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(n) => reply.bulk_int(n),
    }
}

fn reply_value(reply: &mut Reply<'_>, value: Option<Item<'_>>) {
    match value {
        Some(item) => reply_item(reply, item),
        None => reply.null(),
    }
}

fn pairs<'a>(words: &'a [&'a [u8]]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
    words.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?)))
}

fn set(view: &mut View<'_>, args: &Args<'_>, name: &str) -> Result<usize> {
    if args.len() % 2 == 1 {
        return Err(Error::arity(name));
    }
    hash::set(view, &args.key(1), pairs(args.from(2)))
}

fn hset(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(set(view, args, "hset")?);
    Ok(())
}

fn hmset(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set(view, args, "hmset")?;
    reply.ok();
    Ok(())
}

fn hsetnx(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(hash::set_nx(view, &args.key(1), args.get(2), args.get(3))?.into());
    Ok(())
}

fn hget(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_value(reply, hash::get(view, &args.key(1), args.get(2))?);
    Ok(())
}

fn hmget(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (found, now) = (hash::read(view, &args.key(1))?, view.now());
    let fields = args.from(2);
    reply.array(fields.len());
    for field in fields {
        reply_value(reply, found.and_then(|hash| hash.get(field, now)));
    }
    Ok(())
}

fn hexists(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(hash::get(view, &args.key(1), args.get(2))?.is_some().into());
    Ok(())
}

fn hstrlen(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(hash::get(view, &args.key(1), args.get(2))?.map_or(0, Item::len));
    Ok(())
}

fn hlen(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(hash::len(view, &args.key(1))?);
    Ok(())
}

fn hgetall(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let Some(hash) = hash::read(view, &args.key(1))? else {
        reply.map(0);
        return Ok(());
    };
    reply.map(hash.len_at(view.now()));
    hash.for_each(view.now(), |field, value| {
        reply_item(reply, field);
        reply_item(reply, value);
    });
    Ok(())
}

fn list(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, fields: bool) -> Result<()> {
    let Some(hash) = hash::read(view, &args.key(1))? else {
        reply.array(0);
        return Ok(());
    };
    reply.array(hash.len_at(view.now()));
    hash.for_each(view.now(), |field, value| reply_item(reply, if fields { field } else { value }));
    Ok(())
}

fn hkeys(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, reply, true)
}

fn hvals(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(view, args, reply, false)
}

fn hdel(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(hash::remove(view, &args.key(1), args.from(2).iter().copied())?);
    Ok(())
}

fn hincrby(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(hash::incr_by(view, &args.key(1), args.get(2), args.int(3)?)?);
    Ok(())
}

fn hincrbyfloat(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let by = LongDouble::parse(args.get(3)).ok_or(Error::NOT_FLOAT)?;
    if by.is_nan() || by.is_infinite() {
        return Err(Error::new("ERR value is NaN or Infinity"));
    }
    reply.bulk(&hash::incr_by_float(view, &args.key(1), args.get(2), by)?);
    Ok(())
}
