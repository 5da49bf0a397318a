//! OBJECT and its subcommands.

use super::super::{Args, Context, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use super::{READ, command};
use crate::error::Result;
use crate::keyspace::View;
use crate::operation::generic;

const KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RO)];
const TIPS: &[&str] = &["nondeterministic_output"];

pub(super) const OBJECT: Spec = Spec::new("object", -2, Group::Generic, Run::Container)
    .docs("2.2.3", "A container of commands that look into values.", "Depends on subcommand.", "")
    .subcommands(&[
        command("encoding", 3, Run::Keys(&encoding)).flags(READ).keys(KEY).tips(TIPS).docs(
            "2.2.3",
            "Says how a value is kept in memory.",
            "O(1)",
            "key",
        ),
        command("freq", 3, Run::Keys(&frequency)).flags(READ).keys(KEY).tips(TIPS).docs(
            "4.0.0",
            "Says how often a key is used, on a logarithmic scale.",
            "O(1)",
            "key",
        ),
        command("help", 2, Run::Context(&help)).flags(Flags::LOADING.union(Flags::STALE)).docs(
            "6.2.0",
            "Lists the subcommands.",
            "O(1)",
            "",
        ),
        command("idletime", 3, Run::Keys(&idle_time)).flags(READ).keys(KEY).tips(TIPS).docs(
            "2.2.3",
            "Says for how many seconds a key has not been used.",
            "O(1)",
            "key",
        ),
        command("refcount", 3, Run::Keys(&refcount)).flags(READ).keys(KEY).tips(TIPS).docs(
            "2.2.3",
            "Says how many references a value has.",
            "O(1)",
            "key",
        ),
    ]);

const HELP: &[&str] = &[
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

fn encoding(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match generic::encoding(view, &args.key(2)) {
        Some(encoding) => reply.bulk(encoding.as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn int_or_null(reply: &mut Reply<'_>, n: Option<i64>) {
    match n {
        Some(n) => reply.int(n),
        None => reply.null(),
    }
}

fn frequency(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    int_or_null(reply, generic::frequency(view, &args.key(2))?.map(|n| n as i64));
    Ok(())
}

fn idle_time(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    int_or_null(reply, generic::idle_secs(view, &args.key(2))?.map(|n| n as i64));
    Ok(())
}

fn refcount(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    int_or_null(reply, generic::refcount(view, &args.key(2)));
    Ok(())
}

fn help(_: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.array(HELP.len());
    for line in HELP {
        reply.simple(line);
    }
    Ok(())
}
