//! Strings.

mod options;

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num::LongDouble;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::operation::string::{self, Expiry, OldString, SetOptions, StringRef};

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const CHANGES: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE);
const REPLACES: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);
const CREATES: KeyFlags = KeyFlags::OW.union(KeyFlags::INSERT);

const FAST_READ: Flags = Flags::READONLY.union(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);
const FAST_GROWS: Flags = GROWS.union(Flags::FAST);

const ALL_SHARDS: &[&str] = &["request_policy:multi_shard"];
const ALL_SHARDS_DONE: &[&str] = &["request_policy:multi_shard", "response_policy:all_succeeded"];

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::String, run).categories(Categories::STRING)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("append", 3, Run::Keys(&append))
        .flags(FAST_GROWS)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .docs("2.0.0", "Adds bytes at the end of a string; a missing key becomes that string.", "O(1)", "key value"),
    spec("decr", 2, Run::Keys(&decr)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "1.0.0",
        "Takes one from an integer; a missing key counts as 0.",
        "O(1)",
        "key",
    ),
    spec("decrby", 3, Run::Keys(&decrby)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "1.0.0",
        "Takes a number from an integer; a missing key counts as 0.",
        "O(1)",
        "key decrement",
    ),
    spec("delifeq", 3, Run::Keys(&delifeq))
        .flags(FAST_WRITE)
        .keys(&[KeySpec::at(1, KeyFlags::RM.union(KeyFlags::DELETE))])
        .docs("9.0.0", "Deletes a key if it holds the given string.", "O(1)", "key value"),
    spec("get", 2, Run::Keys(&get)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "1.0.0",
        "Gives the string that a key holds.",
        "O(1)",
        "key",
    ),
    spec("getdel", 2, Run::Keys(&getdel))
        .flags(FAST_WRITE)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE))])
        .docs("6.2.0", "Gives the string that a key holds and deletes the key.", "O(1)", "key"),
    spec("getex", -2, Run::Keys(&getex)).flags(FAST_WRITE).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "6.2.0",
        "Gives the string that a key holds and changes when the key expires.",
        "O(1)",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    ),
    spec("getrange", 4, Run::Keys(&getrange)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "2.4.0",
        "Gives a part of a string.",
        "O(N) where N is the length of the part.",
        "key start end",
    ),
    spec("getset", 3, Run::Keys(&getset)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "1.0.0",
        "Sets a key and gives the string that it held before.",
        "O(1)",
        "key value",
    ),
    spec("incr", 2, Run::Keys(&incr)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "1.0.0",
        "Adds one to an integer; a missing key counts as 0.",
        "O(1)",
        "key",
    ),
    spec("incrby", 3, Run::Keys(&incrby)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "1.0.0",
        "Adds a number to an integer; a missing key counts as 0.",
        "O(1)",
        "key increment",
    ),
    spec("incrbyfloat", 3, Run::Keys(&incrbyfloat)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "2.6.0",
        "Adds a number with a fraction to a number; a missing key counts as 0.",
        "O(1)",
        "key increment",
    ),
    spec("lcs", -3, Run::Keys(&lcs)).flags(Flags::READONLY).keys(&[KeySpec::range(1, 1, 1, READS)]).docs(
        "7.0.0",
        "Finds the longest sequence of bytes that two strings share, in order but not necessarily in one piece.",
        "O(N*M) where N and M are the lengths of the strings.",
        "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
    ),
    spec("mget", -2, Run::Keys(&mget)).flags(FAST_READ).keys(&[KeySpec::range(1, -1, 1, READS)]).tips(ALL_SHARDS).docs(
        "1.0.0",
        "Gives the strings that some keys hold, and nothing for those that hold none.",
        "O(N) where N is the number of keys.",
        "key [key ...]",
    ),
    spec("mset", -3, Run::Keys(&mset))
        .flags(GROWS)
        .keys(&[KeySpec::range(1, -1, 2, REPLACES)])
        .tips(ALL_SHARDS_DONE)
        .docs("1.0.1", "Sets some keys at once.", "O(N) where N is the number of keys.", "key value [key value ...]"),
    spec("msetex", -4, Run::Keys(&msetex))
        .flags(GROWS)
        .keys(&[KeySpec::counted(1, 2, REPLACES)])
        .tips(ALL_SHARDS_DONE)
        .docs(
            "9.1.0",
            "Sets some keys at once, all with the same expiry, if none or all of them are there already.",
            "O(N) where N is the number of keys.",
            "numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]",
        ),
    spec("msetnx", -3, Run::Keys(&msetnx)).flags(GROWS).keys(&[KeySpec::range(1, -1, 2, CREATES)]).docs(
        "1.0.1",
        "Sets some keys at once if none of them is there already.",
        "O(N) where N is the number of keys.",
        "key value [key value ...]",
    ),
    spec("psetex", 4, Run::Keys(&psetex)).flags(GROWS).keys(&[KeySpec::at(1, REPLACES)]).docs(
        "2.6.0",
        "Sets a key that expires in some milliseconds.",
        "O(1)",
        "key milliseconds value",
    ),
    spec("set", -3, Run::Keys(&set))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, CHANGES.union(KeyFlags::VARIABLE_FLAGS))])
        .docs(
            "1.0.0",
            "Sets a key to a string, whatever it held; conditions, an expiry and the old value are to be had.",
            "O(1)",
            "key value [NX | XX | IFEQ comparison-value] [GET] [EX seconds | PX milliseconds | \
             EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        ),
    spec("setex", 4, Run::Keys(&setex)).flags(GROWS).keys(&[KeySpec::at(1, REPLACES)]).docs(
        "2.0.0",
        "Sets a key that expires in some seconds.",
        "O(1)",
        "key seconds value",
    ),
    spec("setnx", 3, Run::Keys(&setnx)).flags(FAST_GROWS).keys(&[KeySpec::at(1, CREATES)]).docs(
        "1.0.0",
        "Sets a key if it is not there already.",
        "O(1)",
        "key value",
    ),
    spec("setrange", 4, Run::Keys(&setrange))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .docs(
            "2.2.0",
            "Overwrites a part of a string, which grows with zero bytes if it is too short.",
            "O(N) where N is the number of bytes written.",
            "key offset value",
        ),
    spec("strlen", 2, Run::Keys(&strlen)).flags(FAST_READ).keys(&[KeySpec::at(1, KeyFlags::RO)]).docs(
        "2.2.0",
        "Gives the length of a string in bytes.",
        "O(1)",
        "key",
    ),
    spec("substr", 4, Run::Keys(&getrange)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "1.0.0",
        "Gives a part of a string: the old name of GETRANGE.",
        "O(N) where N is the length of the part.",
        "key start end",
    ),
];

/// Writes a string as a reply; a big one is shared.
pub(super) fn reply_string(reply: &mut Reply<'_>, string: Option<StringRef<'_>>) {
    match string {
        Some(StringRef::Bytes(bytes)) => reply.bulk(bytes),
        Some(StringRef::Int(n)) => reply.bulk_int(n),
        Some(StringRef::Shared(bytes)) => reply.shared(bytes),
        None => reply.null(),
    }
}

fn reply_old(reply: &mut Reply<'_>, string: Option<&OldString>) {
    reply_string(reply, string.map(OldString::borrow));
}

fn append(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(string::append(view, &args.key(1), args.get(2))?);
    Ok(())
}

fn incr(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(string::incr_by(view, &args.key(1), 1)?);
    Ok(())
}

fn decr(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(string::incr_by(view, &args.key(1), -1)?);
    Ok(())
}

fn incrby(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(string::incr_by(view, &args.key(1), args.int(2)?)?);
    Ok(())
}

fn decrby(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let by = args.int(2)?.checked_neg().ok_or_else(|| Error::new("ERR decrement would overflow"))?;
    reply.int(string::incr_by(view, &args.key(1), by)?);
    Ok(())
}

fn incrbyfloat(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let Some(by) = LongDouble::parse(args.get(2)) else {
        // The type of the key is judged before the number.
        string::peek(view, &key)?;
        return Err(Error::NOT_FLOAT);
    };
    reply.bulk(&string::incr_by_float(view, &key, by)?);
    Ok(())
}

fn get(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_string(reply, string::get(view, &args.key(1))?);
    Ok(())
}

fn getdel(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_old(reply, string::get_del(view, &args.key(1))?.as_ref());
    Ok(())
}

fn delifeq(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(string::del_if_eq(view, &args.key(1), args.get(2))?.into());
    Ok(())
}

fn getex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let options = options::get(args.from(2))?;
    // A missing key is answered and another type refused before the number is read.
    if string::peek(view, &key)?.is_none() {
        reply_old(reply, string::get_ex(view, &key, Default::default())?.as_ref());
        return Ok(());
    }
    reply_old(reply, string::get_ex(view, &key, options.get_expiry()?)?.as_ref());
    Ok(())
}

fn getset(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_old(reply, string::get_set(view, &args.key(1), args.get(2))?.as_ref());
    Ok(())
}

fn getrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (start, end) = (args.int(2)?, args.int(3)?);
    string::get_range(view, &args.key(1), start, end, |bytes| reply.bulk(bytes))
}

fn setrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let offset = u64::try_from(args.int(2)?).map_err(|_| Error::OFFSET)?;
    reply.count(string::set_range(view, &args.key(1), offset, args.get(3))?);
    Ok(())
}

fn strlen(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(string::len(view, &args.key(1))?);
    Ok(())
}

fn set(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (key, value) = (args.key(1), args.get(2));
    if args.len() == 3 {
        string::set(view, &key, value, None);
        reply.ok();
        return Ok(());
    }
    let options = options::set(args.from(3))?;
    let how = options.set_options()?;
    if options.get {
        reply_old(reply, string::set_and_get(view, &key, value, &how)?.as_ref());
    } else if string::set_with(view, &key, value, &how)? {
        reply.ok();
    } else {
        reply.null();
    }
    Ok(())
}

fn setnx(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let done = string::set_with(view, &args.key(1), args.get(2), &SetOptions::new().nx())?;
    reply.int(done.into());
    Ok(())
}

fn setex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiring(view, args, reply, Expiry::Ex(args.int(2)?), "setex")
}

fn psetex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set_expiring(view, args, reply, Expiry::Px(args.int(2)?), "psetex")
}

fn set_expiring(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, expiry: Expiry, name: &str) -> Result<()> {
    let deadline = expiry.deadline(view.now(), name)?;
    string::set(view, &args.key(1), args.get(3), Some(deadline));
    reply.ok();
    Ok(())
}

fn mget(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.array(args.len() - 1);
    string::mget(view, args.keys(), |string| reply_string(reply, string));
    Ok(())
}

/// Pairs of keys and values, the keys being those of the specs and the values standing behind them.
fn pairs<'a>(args: &Args<'a>, first: usize) -> impl Iterator<Item = (Key<'a>, &'a [u8])> + Clone {
    args.keys().zip(args.from(first + 1).iter().step_by(2).copied())
}

fn mset(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len().is_multiple_of(2) {
        return Err(Error::arity("mset"));
    }
    string::mset(view, pairs(args, 1));
    reply.ok();
    Ok(())
}

fn msetnx(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if args.len().is_multiple_of(2) {
        return Err(Error::arity("msetnx"));
    }
    reply.int(string::mset_nx(view, pairs(args, 1)).into());
    Ok(())
}

fn msetex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = args.int(1).ok().and_then(|n| i32::try_from(n).ok()).and_then(|n| usize::try_from(n).ok());
    let count = count.filter(|&n| n > 0).ok_or_else(|| Error::new("ERR invalid numkeys value or out of range"))?;
    let options = count.checked_mul(2).and_then(|n| n.checked_add(2)).filter(|&n| n <= args.len());
    let options = options::mset(args.from(options.ok_or(Error::SYNTAX)?))?;
    let how = options.set_options()?;
    reply.int(string::mset_ex(view, pairs(args, 2), &how)?.into());
    Ok(())
}

fn lcs(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (a, b) = (args.key(1), args.key(2));
    string::check_lcs(view, &a, &b)?;
    let options = options::lcs(args.from(3))?;
    if options.len {
        reply.count(string::lcs_len(view, &a, &b)?);
        return Ok(());
    }
    let found = string::lcs(view, &a, &b, options.min_match_len)?;
    if !options.idx {
        reply.bulk(&found.text);
        return Ok(());
    }
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(found.matches.len());
    for stretch in &found.matches {
        reply.array(if options.with_match_len { 3 } else { 2 });
        for range in [&stretch.a, &stretch.b] {
            reply.array(2);
            reply.count(range.start);
            reply.count(range.end - 1);
        }
        if options.with_match_len {
            reply.count(stretch.len);
        }
    }
    reply.bulk(b"len");
    reply.count(found.len);
    Ok(())
}
