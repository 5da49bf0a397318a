//! `CLIENT`: what connections are there, and how they are treated.

mod filter;
mod list;
mod tracking;

use super::connection::{check_client_name, is_name};
use super::introspection::help;
use super::{Args, Categories, Client, Context, ContextFn, Flags, Group, Pause, Reply, ReplyMode, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::WaitEnd;
use filter::Filter;

const BASE: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const EASY: Flags = BASE.union(Flags::ALLOW_BUSY);
const ADMIN: Flags = BASE.union(Flags::ADMIN);

const fn sub(name: &'static str, arity: i32, flags: Flags, run: &'static ContextFn) -> Spec {
    Spec::new(name, arity, Group::Connection, Run::Context(run)).flags(flags).categories(Categories::CONNECTION)
}

const LIST_SYNTAX: &str = "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]] [USER username] \
    [ADDR addr] [LADDR laddr] [SKIPME <YES | NO>] [MAXAGE maxage] [NAME name] [IDLE idle] [FLAGS flags] \
    [LIB-NAME lib-name] [LIB-VER lib-ver] [DB db] [CAPA capa] [IP ip] \
    [NOT-TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [NOT-ID not-client-id:integer [not-client-id:integer ...]] \
    [NOT-USER not-username] [NOT-ADDR not-addr] [NOT-LADDR not-laddr] [NOT-NAME not-name] [NOT-FLAGS not-flags] \
    [NOT-LIB-NAME not-lib-name] [NOT-LIB-VER not-lib-ver] [NOT-DB not-db:integer] [NOT-CAPA not-capa] [NOT-IP not-ip]";

const KILL_SYNTAX: &str = "<old-format | <[ID client-id [client-id ...]] | \
    [TYPE <NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR addr] | [LADDR laddr] | \
    [SKIPME <YES | NO>] | [MAXAGE maxage] | [NAME name] | [IDLE idle] | [FLAGS flags] | [LIB-NAME lib-name] | \
    [LIB-VER lib-ver] | [DB db] | [CAPA capa] | [IP ip] | \
    [NOT-TYPE <NORMAL | MASTER | PRIMARY | SLAVE | REPLICA | PUBSUB>] | \
    [NOT-ID not-client-id:integer [not-client-id:integer ...]] | [NOT-USER not-username] | [NOT-ADDR not-addr] | \
    [NOT-LADDR not-laddr] | [NOT-NAME not-name] | [NOT-FLAGS not-flags] | [NOT-LIB-NAME not-lib-name] | \
    [NOT-LIB-VER not-lib-ver] | [NOT-DB not-db:integer] | [NOT-CAPA not-capa] | [NOT-IP not-ip]>...>";

const ALL_NODES: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const SUBCOMMANDS: &[Spec] = &[
    sub("caching", 3, EASY, &tracking::caching).docs(
        "6.0.0",
        "Says whether the keys of the next command are tracked.",
        "O(1)",
        "<YES | NO>",
    ),
    sub("capa", -3, EASY, &capa).docs("8.0.0", "Says what the client can do.", "O(1)", "capability [capability ...]"),
    sub("getname", 2, EASY, &getname).docs("2.6.9", "Tells the connection's name.", "O(1)", ""),
    sub("getredir", 2, EASY, &tracking::getredir).docs(
        "6.0.0",
        "Tells which client hears of the connection's invalid keys.",
        "O(1)",
        "",
    ),
    sub("help", 2, Flags::LOADING.union(Flags::STALE), &help).docs("5.0.0", "Lists the subcommands.", "O(1)", ""),
    sub("id", 2, EASY, &id).docs("5.0.0", "Tells the connection's id.", "O(1)", ""),
    sub("import-source", 3, BASE, &import_source).docs(
        "8.1.0",
        "Marks the connection as the source of an import.",
        "O(1)",
        "<ON | OFF>",
    ),
    sub("info", 2, BASE, &info).tips(&["nondeterministic_output"]).docs(
        "6.2.0",
        "Tells about the connection.",
        "O(1)",
        "",
    ),
    sub("kill", -3, ADMIN, &kill).docs("2.4.0", "Ends connections.", "O(N) for N connections", KILL_SYNTAX),
    sub("list", -2, ADMIN, &list).tips(&["nondeterministic_output"]).docs(
        "2.4.0",
        "Tells about connections.",
        "O(N) for N connections",
        LIST_SYNTAX,
    ),
    sub("no-evict", 3, ADMIN.union(Flags::ALLOW_BUSY), &no_evict).docs(
        "7.0.0",
        "Keeps the connection when memory for clients runs out.",
        "O(1)",
        "<ON | OFF>",
    ),
    sub("no-touch", 3, EASY, &no_touch).docs(
        "7.2.0",
        "Makes the connection's commands leave the access clocks of keys alone.",
        "O(1)",
        "<ON | OFF>",
    ),
    sub("pause", -3, ADMIN, &pause).docs(
        "3.0.0",
        "Lets the commands of all clients wait for a while.",
        "O(1)",
        "timeout [WRITE | ALL]",
    ),
    sub("reply", 3, EASY.union(Flags::NO_MULTI), &reply_mode).docs(
        "3.2.0",
        "Chooses whether commands are answered.",
        "O(1)",
        "<ON | OFF | SKIP>",
    ),
    sub("setinfo", 4, EASY, &setinfo).tips(ALL_NODES).docs(
        "7.2.0",
        "Says which library the client uses.",
        "O(1)",
        "<LIB-NAME libname | LIB-VER libver>",
    ),
    sub("setname", 3, EASY, &setname).tips(ALL_NODES).docs(
        "2.6.9",
        "Gives the connection a name.",
        "O(1)",
        "connection-name",
    ),
    sub("tracking", -3, BASE, &tracking::tracking).docs(
        "6.0.0",
        "Lets the connection hear when keys that it has read change.",
        "O(1). Some options may introduce additional complexity.",
        "<ON | OFF> [REDIRECT client-id:integer] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
    ),
    sub("trackinginfo", 2, BASE, &tracking::trackinginfo).docs("6.2.0", "Tells how the connection tracks.", "O(1)", ""),
    sub("unblock", -3, ADMIN, &unblock).docs(
        "5.0.0",
        "Ends the wait of a connection that is blocked.",
        "O(log N) for N connections",
        "client-id:integer [TIMEOUT | ERROR]",
    ),
    sub("unpause", 2, ADMIN, &unpause).docs("6.2.0", "Ends a pause.", "O(N) for N paused connections", ""),
];

pub(super) const COMMANDS: &[Spec] = &[Spec::new("client", -2, Group::Connection, Run::Container)
    .docs("2.4.0", "Commands about connections.", "That of the subcommand", "")
    .subcommands(SUBCOMMANDS)];

fn capa(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    // Capabilities that are not known are for other servers.
    if args.from(2).iter().any(|c| c.eq_ignore_ascii_case(b"redirect")) {
        context.caller.client.set_flag(Client::CAPA_REDIRECT, true);
    }
    reply.ok();
    Ok(())
}

fn getname(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let names = context.caller.client.names.lock();
    match names.name.as_slice() {
        [] => reply.null(),
        name => reply.bulk(name),
    }
    Ok(())
}

fn id(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.int(context.caller.client.id as i64);
    Ok(())
}

fn import_source(_: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    // There is no import mode, and nobody is the source of one.
    if args.get(2).eq_ignore_ascii_case(b"off") {
        reply.ok();
        return Ok(());
    }
    Err(Error::new("ERR Server is not in import mode"))
}

fn info(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let line = list::line(context.core, &context.caller.client, context.now);
    reply.verbatim_bytes("txt", &[&line[..], b"\n"].concat());
    Ok(())
}

fn list(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let filter = Filter::parse(args.from(2), filter::Purpose::List, context.core)?;
    let mut text = Vec::new();
    for client in context.core.clients.list() {
        if filter.matches(&client, context.caller.client.id, context.now) {
            text.extend(list::line(context.core, &client, context.now));
            text.push(b'\n');
        }
    }
    reply.verbatim_bytes("txt", &text);
    Ok(())
}

fn kill(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let old_form = args.len() == 3;
    let filter = if old_form {
        Filter::address(args.get(2))
    } else {
        Filter::parse(args.from(2), filter::Purpose::Kill, context.core)?
    };
    let me = context.caller.client.id;
    let mut killed = 0;
    for client in context.core.clients.list() {
        if !filter.matches(&client, me, context.now) {
            continue;
        }
        killed += 1;
        // One's own connection ends when the reply is out.
        if client.id == me {
            context.caller.close = true;
        } else {
            client.kill();
        }
        if old_form {
            break;
        }
    }
    match (old_form, killed) {
        (true, 0) => return Err(Error::new("ERR No such client")),
        (true, _) => reply.ok(),
        (false, _) => reply.count(killed),
    }
    Ok(())
}

fn on_or_off(args: &Args<'_>) -> Result<bool> {
    match args.get(2) {
        word if word.eq_ignore_ascii_case(b"on") => Ok(true),
        word if word.eq_ignore_ascii_case(b"off") => Ok(false),
        _ => Err(Error::SYNTAX),
    }
}

fn no_evict(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.caller.client.set_flag(Client::NO_EVICT, on_or_off(args)?);
    reply.ok();
    Ok(())
}

fn no_touch(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.caller.set_no_touch(on_or_off(args)?);
    reply.ok();
    Ok(())
}

fn pause(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let writes_only = match *args.from(3) {
        [] => false,
        [mode] if mode.eq_ignore_ascii_case(b"write") => true,
        [mode] if mode.eq_ignore_ascii_case(b"all") => false,
        [_] => return Err(Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(super::introspection::unknown_or_arity(args)),
    };
    let timeout = num::parse_i64(args.get(2));
    let timeout = timeout.ok_or_else(|| Error::new("ERR timeout is not an integer or out of range"))?;
    let timeout = u64::try_from(timeout).map_err(|_| Error::new("ERR timeout is negative"))?;
    // An end that does not fit wraps into the past, as it does in Redis: nobody is paused.
    let until = context.now.checked_add(timeout).filter(|&t| i64::try_from(t).is_ok()).unwrap_or(0);
    context.core.clients.pause(Pause { until, writes_only }, context.now);
    reply.ok();
    Ok(())
}

fn unblock(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let how = match *args.from(3) {
        [] => WaitEnd::Unblocked,
        [word] if word.eq_ignore_ascii_case(b"timeout") => WaitEnd::Unblocked,
        [word] if word.eq_ignore_ascii_case(b"error") => WaitEnd::Failed,
        [_] => return Err(Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
        _ => return Err(super::introspection::unknown_or_arity(args)),
    };
    let id = u64::try_from(args.int(2)?).ok();
    let client = id.and_then(|id| context.core.clients.get(id));
    reply.int(i64::from(client.is_some_and(|client| client.unblock(how))));
    Ok(())
}

fn unpause(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.core.clients.unpause();
    reply.ok();
    Ok(())
}

fn reply_mode(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.caller.reply_mode = match args.get(2) {
        mode if mode.eq_ignore_ascii_case(b"on") => ReplyMode::On,
        mode if mode.eq_ignore_ascii_case(b"off") => ReplyMode::Off,
        // While there are no replies, there is none to skip.
        mode if mode.eq_ignore_ascii_case(b"skip") && context.caller.reply_mode == ReplyMode::Off => ReplyMode::Off,
        mode if mode.eq_ignore_ascii_case(b"skip") => ReplyMode::SkipNext,
        _ => return Err(Error::SYNTAX),
    };
    // Whoever has switched replies off does not see this one; see `apply_reply_mode`.
    reply.ok();
    Ok(())
}

fn setinfo(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (option, value) = (args.get(2), args.get(3));
    let is_lib_name = option.eq_ignore_ascii_case(b"lib-name");
    if !is_lib_name && !option.eq_ignore_ascii_case(b"lib-ver") {
        return Err(Error::quoting("ERR Unrecognized option '", option, "'"));
    }
    if !is_name(value) {
        return Err(Error::quoting("ERR ", option, " cannot contain spaces, newlines or special characters."));
    }
    let mut names = context.caller.client.names.lock();
    *(if is_lib_name { &mut names.lib_name } else { &mut names.lib_ver }) = value.to_vec();
    reply.ok();
    Ok(())
}

fn setname(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    check_client_name(args.get(2))?;
    context.caller.client.names.lock().name = args.get(2).to_vec();
    reply.ok();
    Ok(())
}
