//! Deadlines of fields: HEXPIRE and its family, HGETEX, HSETEX, and HGETDEL, which has the same manner of asking.

use super::super::generic::expire::condition;
use super::super::{Args, KeyFlags, KeySpec, Reply, Run, Spec};
use super::{CHANGES, DELETES, FAST_GROWS, FAST_READ, FAST_WRITE, INSERTS, READS, UPDATES};
use super::{options, pairs, reply_value, spec};
use crate::error::Result;
use crate::keyspace::View;
use crate::operation::generic::Deadline;
use crate::operation::hash::{self, FieldExpired};
use crate::operation::string::{Condition, Expiry};
use crate::value::Hash;

const PER_FIELD: &str = "O(N) where N is the number of fields given.";
const UPDATED: &[KeySpec] = &[KeySpec::at(1, UPDATES)];
const READ: &[KeySpec] = &[KeySpec::at(1, READS)];

pub(super) const HEXPIRE: Spec = spec("hexpire", -6, Run::Keys(&hexpire)).flags(FAST_WRITE).keys(UPDATED).docs(
    "9.0.0",
    "Lets fields of a hash expire after some seconds.",
    PER_FIELD,
    "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
);

pub(super) const HEXPIREAT: Spec = spec("hexpireat", -6, Run::Keys(&hexpireat)).flags(FAST_WRITE).keys(UPDATED).docs(
    "9.0.0",
    "Lets fields of a hash expire at a second since 1970.",
    PER_FIELD,
    "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
);

pub(super) const HPEXPIRE: Spec = spec("hpexpire", -6, Run::Keys(&hpexpire)).flags(FAST_WRITE).keys(UPDATED).docs(
    "9.0.0",
    "Lets fields of a hash expire after some milliseconds.",
    PER_FIELD,
    "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
);

pub(super) const HPEXPIREAT: Spec =
    spec("hpexpireat", -6, Run::Keys(&hpexpireat)).flags(FAST_WRITE).keys(UPDATED).docs(
        "9.0.0",
        "Lets fields of a hash expire at a millisecond since 1970.",
        PER_FIELD,
        "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    );

pub(super) const HEXPIRETIME: Spec = spec("hexpiretime", -5, Run::Keys(&hexpiretime)).flags(FAST_READ).keys(READ).docs(
    "9.0.0",
    "Says at which second since 1970 fields of a hash expire.",
    PER_FIELD,
    "key FIELDS numfields field [field ...]",
);

pub(super) const HPEXPIRETIME: Spec =
    spec("hpexpiretime", -5, Run::Keys(&hpexpiretime)).flags(FAST_READ).keys(READ).docs(
        "9.0.0",
        "Says at which millisecond since 1970 fields of a hash expire.",
        PER_FIELD,
        "key FIELDS numfields field [field ...]",
    );

pub(super) const HTTL: Spec = spec("httl", -5, Run::Keys(&httl)).flags(FAST_READ).keys(READ).docs(
    "9.0.0",
    "Says in how many seconds fields of a hash expire.",
    PER_FIELD,
    "key FIELDS numfields field [field ...]",
);

pub(super) const HPTTL: Spec = spec("hpttl", -5, Run::Keys(&hpttl)).flags(FAST_READ).keys(READ).docs(
    "9.0.0",
    "Says in how many milliseconds fields of a hash expire.",
    PER_FIELD,
    "key FIELDS numfields field [field ...]",
);

pub(super) const HPERSIST: Spec = spec("hpersist", -5, Run::Keys(&hpersist)).flags(FAST_WRITE).keys(UPDATED).docs(
    "9.0.0",
    "Takes away the deadlines of fields of a hash.",
    PER_FIELD,
    "key FIELDS numfields field [field ...]",
);

pub(super) const HGETEX: Spec =
    spec("hgetex", -5, Run::Keys(&hgetex)).flags(FAST_WRITE).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "9.0.0",
        "Gives the values of fields of a hash and changes when they expire.",
        PER_FIELD,
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
         FIELDS numfields field [field ...]",
    );

pub(super) const HSETEX: Spec =
    spec("hsetex", -6, Run::Keys(&hsetex)).flags(FAST_GROWS).keys(&[KeySpec::at(1, INSERTS)]).docs(
        "9.0.0",
        "Sets fields of a hash, under conditions or with a deadline.",
        PER_FIELD,
        "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
         PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
    );

pub(super) const HGETDEL: Spec = spec("hgetdel", -5, Run::Keys(&hgetdel))
    .flags(FAST_WRITE)
    .keys(&[KeySpec::at(1, DELETES.union(KeyFlags::ACCESS))])
    .docs(
        "9.1.0",
        "Gives the values of fields of a hash and deletes the fields.",
        PER_FIELD,
        "key FIELDS numfields field [field ...]",
    );

/// Replies of one array for all fields: its head is written before the first of them, when nothing can go wrong any
/// more.
struct Many<'r, 'o> {
    reply: &'r mut Reply<'o>,
    head: Option<usize>,
}

impl<'r, 'o> Many<'r, 'o> {
    fn new(reply: &'r mut Reply<'o>, len: usize) -> Self {
        Self { reply, head: Some(len) }
    }

    fn next(&mut self) -> &mut Reply<'o> {
        if let Some(len) = self.head.take() {
            self.reply.array(len);
        }
        self.reply
    }
}

fn expire(
    view: &mut View<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    name: &str,
    unit: fn(i64) -> Expiry,
) -> Result<()> {
    let (words, fields) = options::split(args.from(3))?;
    let condition = condition(words)?;
    let fields = options::names(fields)?;
    let at = hash::check_expiry(unit(args.int(2)?), view.now(), name)?;
    let mut many = Many::new(reply, fields.len());
    hash::expire_at(view, &args.key(1), at, condition, fields.iter().copied(), |done| {
        many.next().int(match done {
            FieldExpired::NoField => -2,
            FieldExpired::Unmet => 0,
            FieldExpired::Set => 1,
            FieldExpired::Deleted => 2,
        });
    })
}

fn hexpire(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    expire(view, args, reply, "hexpire", Expiry::Ex)
}

fn hexpireat(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    expire(view, args, reply, "hexpireat", Expiry::ExAt)
}

fn hpexpire(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    expire(view, args, reply, "hpexpire", Expiry::Px)
}

fn hpexpireat(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    expire(view, args, reply, "hpexpireat", Expiry::PxAt)
}

/// Writes what `of` makes of each deadline, or -2 and -1 for no field and no deadline.
fn deadlines(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, of: impl Fn(u64) -> u64) -> Result<()> {
    let fields = options::asked_fields(args.from(2))?;
    let hash: Option<&Hash> = hash::read(view, &args.key(1))?;
    reply.array(fields.len());
    for field in fields {
        reply.int(match hash::field_deadline(hash, field, view.now()) {
            Deadline::NoKey => -2,
            Deadline::Never => -1,
            Deadline::At(at) => i64::try_from(of(at)).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}

/// Milliseconds as seconds, to the nearest.
fn seconds(millis: u64) -> u64 {
    millis.saturating_add(500) / 1000
}

fn hexpiretime(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    deadlines(view, args, reply, seconds)
}

fn hpexpiretime(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    deadlines(view, args, reply, |at| at)
}

fn httl(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    deadlines(view, args, reply, |at| seconds(at.saturating_sub(view.now())))
}

fn hpttl(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    deadlines(view, args, reply, |at| at.saturating_sub(view.now()))
}

fn hpersist(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let fields = options::fields(args.from(2))?;
    let mut many = Many::new(reply, fields.len());
    hash::persist(view, &args.key(1), fields.iter().copied(), |had| {
        many.next().int(match had {
            Deadline::NoKey => -2,
            Deadline::Never => -1,
            Deadline::At(_) => 1,
        });
    })
}

fn hgetex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (words, fields) = options::split(args.from(2))?;
    let options = options::parse(words, false)?;
    let fields = options::names(fields)?;
    // Another type is refused before the number is read.
    view.peek_as::<Hash>(&args.key(1))?;
    let mut many = Many::new(reply, fields.len());
    hash::get_ex(view, &args.key(1), options.get_expiry()?, fields.iter().copied(), |value| {
        reply_value(many.next(), value);
    })
}

fn hsetex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (words, fields) = options::split(args.from(2))?;
    let options = options::parse(words, true)?;
    let fields = options::names_and_values(fields)?;
    // Another type is refused, and the condition on the key looked at, before the number is read.
    let is_there = view.peek_as::<Hash>(&args.key(1))?.is_some();
    let is_met = match options.key() {
        Condition::Missing => !is_there,
        Condition::Exists => is_there,
        _ => true,
    };
    let done = is_met && hash::set_ex(view, &args.key(1), pairs(fields), &options.set_options()?)?;
    reply.int(done.into());
    Ok(())
}

fn hgetdel(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let fields = options::fields(args.from(2))?;
    let mut many = Many::new(reply, fields.len());
    hash::get_del(view, &args.key(1), fields.iter().copied(), |value| reply_value(many.next(), value))
}
