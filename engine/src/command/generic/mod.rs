//! Keys whatever they hold.

mod dump;
pub(super) mod expire;
mod migrate;
mod object;
mod scan;
mod wait;

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::generic;

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = Flags::READONLY.union(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = Flags::WRITE.union(Flags::FAST);

/// Commands on several keys can be cut into pieces, whose counts add up.
const PER_SHARD: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

const REMOVED: KeyFlags = KeyFlags::RM.union(KeyFlags::DELETE);
const MOVED: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
const OVERWRITTEN: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);
const ASKED: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const UPDATED: KeyFlags = KeyFlags::RW.union(KeyFlags::UPDATE);

const fn command(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Generic, run).categories(Categories::KEYSPACE)
}

pub(super) const COMMANDS: &[Spec] = &[
    command("copy", -3, Run::Keys(&copy))
        .flags(WRITE.union(Flags::DENYOOM))
        .keys(&[KeySpec::at(1, ASKED), KeySpec::at(2, OVERWRITTEN)])
        .docs(
            "6.2.0",
            "Copies a key, with its deadline, to another name or database.",
            "O(1) for strings, O(N) for collections of N items",
            "source destination [DB destination-db] [REPLACE]",
        ),
    command("del", -2, Run::Keys(&delete))
        .flags(WRITE)
        .keys(&[KeySpec::range(1, -1, 1, REMOVED)])
        .tips(PER_SHARD)
        .docs("1.0.0", "Deletes keys and says how many there were.", "O(N) for N keys", "key [key ...]"),
    dump::DUMP,
    command("exists", -2, Run::Keys(&exists))
        .flags(READ_FAST)
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RO)])
        .tips(PER_SHARD)
        .docs(
            "1.0.0",
            "Says how many of the keys exist; one that is named twice counts twice.",
            "O(N) for N keys",
            "key [key ...]",
        ),
    expire::EXPIRE,
    expire::EXPIREAT,
    expire::EXPIRETIME,
    scan::KEYS,
    migrate::MIGRATE,
    command("move", 3, Run::Keys(&move_to))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE))])
        .docs("1.0.0", "Moves a key to another database, unless that has such a key.", "O(1)", "key db"),
    object::OBJECT,
    expire::PERSIST,
    expire::PEXPIRE,
    expire::PEXPIREAT,
    expire::PEXPIRETIME,
    expire::PTTL,
    scan::RANDOMKEY,
    command("rename", 3, Run::Keys(&rename))
        .flags(WRITE)
        .keys(&[KeySpec::at(1, MOVED), KeySpec::at(2, OVERWRITTEN)])
        .docs("1.0.0", "Renames a key, in place of whatever the new name holds.", "O(1)", "key newkey"),
    command("renamenx", 3, Run::Keys(&rename_if_new))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::at(1, MOVED), KeySpec::at(2, KeyFlags::OW.union(KeyFlags::INSERT))])
        .docs("1.0.0", "Renames a key unless the new name is taken.", "O(1)", "key newkey"),
    dump::RESTORE,
    dump::RESTORE_ASKING,
    scan::SCAN,
    command("touch", -2, Run::Keys(&touch))
        .flags(READ_FAST)
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RO)])
        .tips(PER_SHARD)
        .docs(
            "3.2.1",
            "Counts as an access to keys, and says how many of them exist.",
            "O(N) for N keys",
            "key [key ...]",
        ),
    expire::TTL,
    command("type", 2, Run::Keys(&key_type)).flags(READ_FAST).keys(&[KeySpec::at(1, KeyFlags::RO)]).docs(
        "1.0.0",
        "Says what type of value a key holds.",
        "O(1)",
        "key",
    ),
    command("unlink", -2, Run::Keys(&delete))
        .flags(WRITE_FAST)
        .keys(&[KeySpec::range(1, -1, 1, REMOVED)])
        .tips(PER_SHARD)
        .docs(
            "4.0.0",
            "Deletes keys and says how many there were; another thread frees what they held.",
            "O(N) for N keys",
            "key [key ...]",
        ),
    wait::WAIT,
    wait::WAITAOF,
];

/// A database number, which is an integer of 32 bits and then one of those there are.
fn database(view: &View<'_>, arg: &[u8]) -> Result<u32> {
    let n = num::parse_i64(arg).ok_or(Error::NOT_INTEGER)?;
    let n = i32::try_from(n)
        .map_err(|_| Error::new("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    u32::try_from(n).ok().filter(|&n| n < view.space().databases()).ok_or(Error::DB_INDEX)
}

fn copy(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (mut db, mut replace) = (view.db(), false);
    let mut i = 3;
    while i < args.len() {
        if args.is(i, "replace") {
            replace = true;
        } else if args.is(i, "db") && i + 1 < args.len() {
            i += 1;
            db = database(view, args.get(i))?;
        } else {
            return Err(Error::SYNTAX);
        }
        i += 1;
    }
    let copied = generic::copy(view, &args.key(1), &args.key(2), db, replace)?;
    reply.int(i64::from(copied));
    Ok(())
}

fn delete(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let deleted = args.keys().filter(|key| generic::delete(view, key)).count();
    reply.count(deleted);
    Ok(())
}

fn exists(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(args.keys().filter(|key| generic::exists(view, key)).count());
    Ok(())
}

fn touch(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(args.keys().filter(|key| generic::touch(view, key)).count());
    Ok(())
}

fn move_to(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let db = database(view, args.get(2))?;
    reply.int(i64::from(generic::move_to(view, &args.key(1), db)?));
    Ok(())
}

fn rename(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    generic::rename(view, &args.key(1), &args.key(2))?;
    reply.ok();
    Ok(())
}

fn rename_if_new(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(i64::from(generic::rename_if_new(view, &args.key(1), &args.key(2))?));
    Ok(())
}

fn key_type(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.simple(generic::key_type(view, &args.key(1)).map_or("none", generic::KeyType::name));
    Ok(())
}
