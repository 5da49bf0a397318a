//! `SLOWLOG` and `COMMANDLOG`: which commands were slow, had a large request or made a large reply.

use super::introspection::{help, unknown_or_arity};
use super::{Args, CommandLog, Context, ContextFn, Flags, Group, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};

const FLAGS: Flags = Flags::ADMIN.union(Flags::LOADING).union(Flags::STALE);
const GET: &[&str] = &["request_policy:all_nodes", "nondeterministic_output"];
const LEN: &[&str] = &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"];
const RESET: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
const KINDS: &str = "<SLOW | LARGE-REQUEST | LARGE-REPLY>";

const fn sub(name: &'static str, arity: i32, flags: Flags, run: &'static ContextFn) -> Spec {
    Spec::new(name, arity, Group::Server, Run::Context(run)).flags(flags)
}

const HELP: Spec = sub("help", 2, Flags::LOADING.union(Flags::STALE), &help);

const SLOWLOG: &[Spec] = &[
    sub("get", -2, FLAGS, &slowlog_get).tips(GET).docs(
        "2.2.12",
        "Shows the newest entries of the log of slow commands.",
        "O(N) for N entries",
        "[count]",
    ),
    HELP.docs("6.2.0", "Lists the subcommands.", "O(1)", ""),
    sub("len", 2, FLAGS, &slowlog_len).tips(LEN).docs("2.2.12", "Counts the entries of the log.", "O(1)", ""),
    sub("reset", 2, FLAGS, &slowlog_reset).tips(RESET).docs("2.2.12", "Empties the log.", "O(N) for N entries", ""),
];

const COMMANDLOG: &[Spec] = &[
    sub("get", 4, FLAGS, &commandlog_get).tips(GET).docs(
        "8.1.0",
        "Shows the newest entries of a log of commands.",
        "O(N) for N entries",
        "count <SLOW | LARGE-REQUEST | LARGE-REPLY>",
    ),
    HELP.docs("8.1.0", "Lists the subcommands.", "O(1)", ""),
    sub("len", 3, FLAGS, &commandlog_len).tips(LEN).docs("8.1.0", "Counts the entries of a log.", "O(1)", KINDS),
    sub("reset", 3, FLAGS, &commandlog_reset).tips(RESET).docs("8.1.0", "Empties a log.", "O(N) for N entries", KINDS),
];

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("commandlog", -2, Group::Server, Run::Container)
        .docs("8.1.0", "Commands about the logs of commands.", "That of the subcommand", "")
        .subcommands(COMMANDLOG),
    Spec::new("slowlog", -2, Group::Server, Run::Container)
        .docs("2.2.12", "Commands about the log of slow commands.", "That of the subcommand", "")
        .subcommands(SLOWLOG),
];

/// How many entries of the slow log are shown unless said.
const SHOWN: usize = 10;

fn count(text: &[u8]) -> Result<usize> {
    match num::parse_i64(text) {
        Some(-1) => Ok(usize::MAX),
        Some(n) if n >= 0 => Ok(usize::try_from(n).unwrap_or(usize::MAX)),
        _ => Err(Error::new("ERR count should be greater than or equal to -1")),
    }
}

fn log<'c>(context: &Context<'c>, kind: &[u8]) -> Result<&'c CommandLog> {
    let logs = &context.core.logs;
    match kind.to_ascii_lowercase().as_slice() {
        b"slow" => Ok(&logs.slow),
        b"large-request" => Ok(&logs.large_request),
        b"large-reply" => Ok(&logs.large_reply),
        _ => Err(Error::new("ERR type should be one of the following: slow, large-request, large-reply")),
    }
}

fn write(reply: &mut Reply<'_>, log: &CommandLog, count: usize) {
    let entries = log.newest(count);
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        for figure in [entry.id, entry.time, entry.value] {
            reply.int(figure as i64);
        }
        reply.bulks(&entry.argv);
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
}

fn slowlog_get(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = match *args.from(2) {
        [] => SHOWN,
        [text] => count(text)?,
        _ => return Err(unknown_or_arity(args)),
    };
    write(reply, &context.core.logs.slow, count);
    Ok(())
}

fn slowlog_len(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.logs.slow.len());
    Ok(())
}

fn slowlog_reset(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.logs.slow.reset();
    reply.ok();
    Ok(())
}

fn commandlog_get(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let count = count(args.get(2))?;
    write(reply, log(context, args.get(3))?, count);
    Ok(())
}

fn commandlog_len(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(log(context, args.get(2))?.len());
    Ok(())
}

fn commandlog_reset(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    log(context, args.get(2))?.reset();
    reply.ok();
    Ok(())
}
