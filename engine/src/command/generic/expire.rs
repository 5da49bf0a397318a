//! EXPIRE and its family.

use super::super::{Args, KeyFlags, KeySpec, Reply, Run, Spec};
use super::{ASKED, READ_FAST, UPDATED, WRITE_FAST, command};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::generic::{self, Deadline, ExpireCondition};

const KEY: &[KeySpec] = &[KeySpec::at(1, UPDATED)];
const ASKED_KEY: &[KeySpec] = &[KeySpec::at(1, ASKED)];

pub(super) const EXPIRE: Spec = command("expire", -3, Run::Keys(&expire)).flags(WRITE_FAST).keys(KEY).docs(
    "1.0.0",
    "Lets a key expire after some seconds.",
    "O(1)",
    "key seconds [NX | XX | GT | LT]",
);

pub(super) const EXPIREAT: Spec = command("expireat", -3, Run::Keys(&expire_at)).flags(WRITE_FAST).keys(KEY).docs(
    "1.2.0",
    "Lets a key expire at a second since 1970.",
    "O(1)",
    "key unix-time-seconds [NX | XX | GT | LT]",
);

pub(super) const PEXPIRE: Spec = command("pexpire", -3, Run::Keys(&pexpire)).flags(WRITE_FAST).keys(KEY).docs(
    "2.6.0",
    "Lets a key expire after some milliseconds.",
    "O(1)",
    "key milliseconds [NX | XX | GT | LT]",
);

pub(super) const PEXPIREAT: Spec = command("pexpireat", -3, Run::Keys(&pexpire_at)).flags(WRITE_FAST).keys(KEY).docs(
    "2.6.0",
    "Lets a key expire at a millisecond since 1970.",
    "O(1)",
    "key unix-time-milliseconds [NX | XX | GT | LT]",
);

pub(super) const EXPIRETIME: Spec = command("expiretime", 2, Run::Keys(&expire_time))
    .flags(READ_FAST)
    .keys(ASKED_KEY)
    .docs("7.0.0", "Says at which second since 1970 a key expires.", "O(1)", "key");

pub(super) const PEXPIRETIME: Spec = command("pexpiretime", 2, Run::Keys(&pexpire_time))
    .flags(READ_FAST)
    .keys(ASKED_KEY)
    .docs("7.0.0", "Says at which millisecond since 1970 a key expires.", "O(1)", "key");

pub(super) const TTL: Spec = command("ttl", 2, Run::Keys(&ttl))
    .flags(READ_FAST)
    .keys(ASKED_KEY)
    .tips(&["nondeterministic_output"])
    .docs("1.0.0", "Says in how many seconds a key expires.", "O(1)", "key");

pub(super) const PTTL: Spec = command("pttl", 2, Run::Keys(&pttl))
    .flags(READ_FAST)
    .keys(ASKED_KEY)
    .tips(&["nondeterministic_output"])
    .docs("2.6.0", "Says in how many milliseconds a key expires.", "O(1)", "key");

pub(super) const PERSIST: Spec = command("persist", 2, Run::Keys(&persist))
    .flags(WRITE_FAST)
    .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
    .docs("2.2.0", "Takes away a key's deadline.", "O(1)", "key");

/// The words after the time: each may come again, some not together.
pub(in crate::command) fn condition(words: &[&[u8]]) -> Result<ExpireCondition> {
    let (mut none, mut some, mut later, mut earlier) = (false, false, false, false);
    for arg in words {
        let flag = match arg.to_ascii_lowercase().as_slice() {
            b"nx" => &mut none,
            b"xx" => &mut some,
            b"gt" => &mut later,
            b"lt" => &mut earlier,
            _ => return Err(unsupported(arg)),
        };
        *flag = true;
    }
    if none && (some || later || earlier) {
        return Err(Error::new("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if later && earlier {
        return Err(Error::new("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(match (none, some, later, earlier) {
        (true, ..) => ExpireCondition::IfNone,
        (_, _, true, _) => ExpireCondition::IfLater,
        (_, true, _, true) => ExpireCondition::IfSomeAndEarlier,
        (_, _, _, true) => ExpireCondition::IfEarlier,
        (_, true, ..) => ExpireCondition::IfSome,
        _ => ExpireCondition::Always,
    })
}

/// The error quotes the word up to a NUL byte.
fn unsupported(word: &[u8]) -> Error {
    let word = word.split(|&b| b == 0).next().unwrap_or_default();
    Error::quoting("ERR Unsupported option ", word, "")
}

/// Parses a time of `unit` milliseconds, counted from `base`, and sets it.
fn set(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, name: &str, unit: i64, base: u64) -> Result<()> {
    let condition = condition(args.from(3))?;
    let at = args.int(2)?;
    let base = i64::try_from(base).unwrap_or(i64::MAX);
    let at = at.checked_mul(unit).and_then(|at| at.checked_add(base)).ok_or_else(|| Error::invalid_expire(name))?;
    reply.int(i64::from(generic::expire_at(view, &args.key(1), at, condition)));
    Ok(())
}

fn expire(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now = view.now();
    set(view, args, reply, "expire", 1000, now)
}

fn expire_at(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set(view, args, reply, "expireat", 1000, 0)
}

fn pexpire(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let now = view.now();
    set(view, args, reply, "pexpire", 1, now)
}

fn pexpire_at(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    set(view, args, reply, "pexpireat", 1, 0)
}

/// Writes what `of` makes of a deadline, or -2 and -1 for no key and no deadline.
fn write_deadline(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, of: impl FnOnce(u64) -> u64) {
    match generic::deadline(view, &args.key(1)) {
        Deadline::NoKey => reply.int(-2),
        Deadline::Never => reply.int(-1),
        Deadline::At(at) => reply.int(i64::try_from(of(at)).unwrap_or(i64::MAX)),
    }
}

/// Milliseconds as seconds, to the nearest.
fn seconds(millis: u64) -> u64 {
    millis.saturating_add(500) / 1000
}

fn expire_time(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_deadline(view, args, reply, seconds);
    Ok(())
}

fn pexpire_time(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_deadline(view, args, reply, |at| at);
    Ok(())
}

fn ttl(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_deadline(view, args, reply, |at| seconds(at.saturating_sub(view.now())));
    Ok(())
}

fn pttl(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    write_deadline(view, args, reply, |at| at.saturating_sub(view.now()));
    Ok(())
}

fn persist(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(i64::from(generic::persist(view, &args.key(1))));
    Ok(())
}
