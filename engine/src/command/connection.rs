//! Commands about one's own connection, except `CLIENT`.

use super::{Args, Context, Flags, Group, Reply, ReplyMode, Run, Spec};
use super::{Categories, Client, DEFAULT_USER};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;

/// The version of Redis whose behaviour clients may rely on. They choose their features by it.
///
/// 7.4 is the first whose client-side caching redis-py trusts, and the last without what Redis 8 counts as its own: JSON,
/// searches, time series.
pub const REDIS_VERSION: &str = "7.4.0";

const HANDSHAKE: Flags = Flags::NOSCRIPT
    .union(Flags::LOADING)
    .union(Flags::STALE)
    .union(Flags::FAST)
    .union(Flags::NO_AUTH)
    .union(Flags::ALLOW_BUSY);

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("auth", -2, Group::Connection, Run::Context(&auth))
        .flags(HANDSHAKE)
        .categories(Categories::CONNECTION)
        .docs("1.0.0", "Proves who the caller is.", "O(1)", "[username] password"),
    Spec::new("echo", 2, Group::Connection, Run::Context(&echo))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST))
        .categories(Categories::CONNECTION)
        .docs("1.0.0", "Answers with the message.", "O(1)", "message"),
    Spec::new("hello", -1, Group::Connection, Run::Context(&hello))
        .flags(HANDSHAKE)
        .categories(Categories::CONNECTION)
        .docs(
            "6.0.0",
            "Chooses the version of the protocol and tells about the server.",
            "O(1)",
            "[protover [AUTH username password] [SETNAME clientname]]",
        ),
    Spec::new("ping", -1, Group::Connection, Run::Context(&ping))
        .flags(Flags::FAST)
        .categories(Categories::CONNECTION)
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .docs("1.0.0", "Answers with PONG, or with the message.", "O(1)", "[message]"),
    Spec::new("quit", -1, Group::Connection, Run::Context(&quit))
        .flags(HANDSHAKE)
        .categories(Categories::CONNECTION)
        .docs("1.0.0", "Ends the connection.", "O(1)", ""),
    Spec::new("reset", 1, Group::Connection, Run::Context(&reset))
        .flags(HANDSHAKE)
        .categories(Categories::CONNECTION)
        .docs("6.2.0", "Puts the connection back into the state that it began in.", "O(1)", ""),
    Spec::new("select", 2, Group::Connection, Run::Context(&select))
        .flags(Flags::LOADING.union(Flags::STALE).union(Flags::FAST).union(Flags::ALLOW_BUSY))
        .categories(Categories::CONNECTION)
        .docs("1.0.0", "Chooses the database.", "O(1)", "index"),
];

fn wrong_password() -> Error {
    Error::new("WRONGPASS invalid username-password pair or user is disabled.")
}

fn authenticate(context: &mut Context<'_>, user: &[u8], password: &[u8]) -> Result<()> {
    if context.core.auth.accepts(user, password) {
        context.caller.authenticated = true;
        Ok(())
    } else {
        context.core.stats.auth_failures.fetch_add(1, Relaxed);
        Err(wrong_password())
    }
}

fn auth(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match *args.from(1) {
        [password] => {
            if !context.core.auth.is_required() {
                return Err(Error::new(
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure \
                     your configuration is correct?",
                ));
            }
            authenticate(context, DEFAULT_USER.as_bytes(), password)?;
        }
        [user, password] => authenticate(context, user, password)?,
        _ => return Err(Error::SYNTAX),
    }
    reply.ok();
    Ok(())
}

fn echo(_: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.bulk(args.get(1));
    Ok(())
}

fn ping(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let caller = &context.caller;
    match *args.from(1) {
        [] | [_] if !caller.resp3 && caller.subscriptions.is_some() && caller.client.is_subscriber() => {
            // In the form of a message, as that is what the caller waits for.
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(args.get(1));
        }
        [] => reply.simple("PONG"),
        [message] => reply.bulk(message),
        _ => return Err(Error::arity("ping")),
    }
    Ok(())
}

fn quit(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    context.caller.close = true;
    reply.ok();
    Ok(())
}

fn reset(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let caller = &mut *context.caller;
    caller.let_go(context.core);
    caller.select(0);
    caller.speak(false);
    caller.reply_mode = ReplyMode::On;
    caller.set_no_touch(false);
    caller.client.set_flag(Client::NO_EVICT, false);
    caller.authenticated = caller.trusted || !context.core.auth.is_required();
    caller.client.names.lock().name.clear();
    reply.follow(caller);
    reply.simple("RESET");
    Ok(())
}

fn select(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let index = i32::try_from(args.int(1)?).map_err(|_| {
        Error::new(format!("ERR value is out of range, value must between {} and {}", i32::MIN, i32::MAX))
    })?;
    let db = u32::try_from(index).ok().filter(|&db| db < context.core.keyspace.databases());
    context.caller.select(db.ok_or(Error::DB_INDEX)?);
    reply.ok();
    Ok(())
}

/// Whether a text may be a name of a client: a word, or nothing.
pub(super) fn is_name(text: &[u8]) -> bool {
    text.iter().all(|b| (b'!'..=b'~').contains(b))
}

pub(super) fn check_client_name(name: &[u8]) -> Result<()> {
    if is_name(name) {
        Ok(())
    } else {
        Err(Error::new("ERR Client names cannot contain spaces, newlines or special characters."))
    }
}

/// The version of the protocol that `HELLO` asks for: whether it is RESP3.
fn version(text: &[u8]) -> Result<bool> {
    match num::parse_i64(text) {
        None => Err(Error::new("ERR Protocol version is not an integer or out of range")),
        Some(2) => Ok(false),
        Some(3) => Ok(true),
        Some(_) => Err(Error::new("NOPROTO unsupported protocol version")),
    }
}

/// Does what the options of `HELLO` ask for, one after the other: as in Redis 7.0, what stands before a mistake counts.
fn hello_options(context: &mut Context<'_>, options: &[&[u8]]) -> Result<()> {
    let mut rest = options;
    while let [option, tail @ ..] = rest {
        rest = match tail {
            [user, password, tail @ ..] if option.eq_ignore_ascii_case(b"auth") => {
                authenticate(context, user, password)?;
                tail
            }
            [name, tail @ ..] if option.eq_ignore_ascii_case(b"setname") => {
                check_client_name(name)?;
                context.caller.client.names.lock().name = name.to_vec();
                tail
            }
            _ => return Err(Error::quoting("ERR Syntax error in HELLO option '", option, "'")),
        };
    }
    Ok(())
}

fn hello(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let mut resp3 = None;
    if let [wanted, options @ ..] = args.from(1) {
        resp3 = Some(version(wanted)?);
        hello_options(context, options)?;
    }
    if !context.caller.authenticated && context.core.auth.is_required() {
        return Err(Error::new(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        ));
    }
    let caller = &mut *context.caller;
    if let Some(resp3) = resp3 {
        caller.speak(resp3);
        reply.follow(caller);
    }
    let pairs = [("server", "redis"), ("version", REDIS_VERSION)];
    reply.map(7);
    for (name, value) in pairs {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.int(if caller.resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.int(caller.client.id as i64);
    for (name, value) in [("mode", "standalone"), ("role", "master")] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    Ok(())
}
