//! HyperLogLogs.

use super::{Args, Categories, Context, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::operation::hyperloglog::{self, Debug, Seen};
use crate::value::hyperloglog::Encoding;

const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::HyperLogLog, run).categories(Categories::HYPERLOGLOG)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("pfadd", -2, Run::Keys(&pfadd))
        .flags(GROWS.union(Flags::FAST))
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::INSERT))])
        .docs(
            "2.8.9",
            "Shows elements to a HyperLogLog, which is made if the key is not there.",
            "O(1) for each element.",
            "key [element [element ...]]",
        ),
    spec("pfcount", -2, Run::Keys(&pfcount))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RW.union(KeyFlags::ACCESS))])
        .docs(
            "2.8.9",
            "Estimates how many different elements some HyperLogLogs have seen.",
            "O(1) for one key whose estimate is known, else O(N) for N keys, with a large constant.",
            "key [key ...]",
        ),
    spec("pfdebug", 3, Run::Keys(&pfdebug))
        .flags(GROWS.union(Flags::ADMIN))
        .keys(&[KeySpec::at(2, KeyFlags::RW.union(KeyFlags::ACCESS))])
        .docs(
            "2.8.9",
            "Shows the inside of a HyperLogLog, for tests.",
            "O(N) where N is the number of registers.",
            "<GETREG | DECODE | ENCODING | TODENSE> key",
        ),
    spec("pfmerge", -2, Run::Keys(&pfmerge))
        .flags(GROWS)
        .keys(&[
            KeySpec::at(1, KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::INSERT)),
            KeySpec::range(2, -1, 1, KeyFlags::RO.union(KeyFlags::ACCESS)),
        ])
        .docs(
            "2.8.9",
            "Merges HyperLogLogs into one that has seen what they have seen.",
            "O(N) for N keys, with a large constant.",
            "destkey [sourcekey [sourcekey ...]]",
        ),
    spec("pfselftest", 1, Run::Context(&pfselftest)).flags(Flags::ADMIN).docs(
        "2.8.9",
        "Tests the code of HyperLogLogs.",
        "O(1), with a large constant.",
        "",
    ),
];

fn pfadd(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let changed = hyperloglog::add(view, &args.key(1), args.from(2).iter().copied())?;
    reply.int(changed.into());
    Ok(())
}

fn pfcount(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let keys: Vec<Key<'_>> = args.keys().collect();
    let count = hyperloglog::count(view, &keys)?;
    reply.int(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

fn pfmerge(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sources: Vec<Key<'_>> = args.keys().skip(1).collect();
    hyperloglog::merge(view, &args.key(1), &sources)?;
    reply.ok();
    Ok(())
}

fn pfdebug(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let words = [
        ("GETREG", Debug::Registers),
        ("DECODE", Debug::Decode),
        ("ENCODING", Debug::Encoding),
        ("TODENSE", Debug::ToDense),
    ];
    let what = || {
        let found = words.into_iter().find(|(word, _)| args.is(1, word));
        found.map(|(_, what)| what).ok_or_else(|| Error::quoting("ERR Unknown PFDEBUG subcommand '", args.get(1), "'"))
    };
    match hyperloglog::debug(view, &args.key(2), what)? {
        Seen::Registers(ranks) => {
            reply.array(ranks.len());
            ranks.into_iter().for_each(|rank| reply.int(rank.into()));
        }
        Seen::Decode(text) => reply.bulk(text.as_bytes()),
        Seen::Encoding(Encoding::Dense) => reply.simple("dense"),
        Seen::Encoding(Encoding::Sparse) => reply.simple("sparse"),
        Seen::ToDense(changed) => reply.int(changed.into()),
    }
    Ok(())
}

fn pfselftest(_: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hyperloglog::self_test()?;
    reply.ok();
    Ok(())
}
