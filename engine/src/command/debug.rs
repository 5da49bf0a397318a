//! `DEBUG`: what test suites use to look behind the scenes. Off unless `enable-debug-command` says otherwise.

mod digest;
mod nodes;
mod object;
mod protocol;

use std::time::Duration;

use super::introspection::{unknown_or_arity, write_help};
use super::{Args, Caller, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::codec::glob::glob_match;
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::Access;
use crate::operation::generic;
use crate::operation::string;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sys;

pub(super) const COMMANDS: &[Spec] = &[Spec::new("debug", -2, Group::Server, Run::Context(&debug))
    .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE))
    .docs("1.0.0", "Looks behind the scenes.", "That of the subcommand", "subcommand [arg ...]")];

const HELP: &[&str] = &[
    "CHANGE-REPL-ID",
    "    Change the replication id.",
    "DIGEST",
    "    Tell a signature of all keys and values.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Tell a signature of the values of some keys.",
    "ERROR <string>",
    "    Answer with an error.",
    "LISTPACK <key>",
    "    Say whether a value is kept as a listpack.",
    "LOG <message>",
    "    Write a message to the log.",
    "OBJECT <key>",
    "    Tell how a key is stored.",
    "PAUSE-CRON <0|1>",
    "    Accepted, and without effect.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Make <count> string keys, of <size> bytes if that is given.",
    "PROTOCOL <type>",
    "    Answer with an example of a type of the protocol.",
    "QUICKLIST <key> [<0|1>]",
    "    Log the nodes of a quicklist.",
    "QUICKLIST-PACKED-THRESHOLD <size>",
    "    Accepted, and without effect: long elements of a list have blocks of their own anyhow.",
    "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
    "    Write the file, forget all keys and read it again, or a part of that.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Say whether expired keys are looked for.",
    "SET-DISABLE-DENY-SCRIPTS <0|1>",
    "    Accepted, and without effect.",
    "SLEEP <seconds>",
    "    Let the thread that runs the command sleep.",
    "STRINGMATCH-LEN <string> <pattern>",
    "    Match a string with a glob pattern.",
    "STRUCTSIZE",
    "    Tell the sizes of some structures.",
];

/// Whether the caller may debug.
fn is_allowed(core: &Core, caller: &Caller) -> bool {
    match core.config.get("enable-debug-command").as_str() {
        "yes" => true,
        "local" => is_local(caller),
        _ => false,
    }
}

fn is_local(caller: &Caller) -> bool {
    let origin = &caller.client.origin;
    let ip = origin.addr.rsplit_once(':').map_or("", |(ip, _)| ip.trim_matches(['[', ']']));
    // Without an address it is this very process.
    origin.unix || origin.addr.is_empty() || ip.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn debug(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if !is_allowed(context.core, context.caller) {
        return Err(Error::new(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
             from a local connection, otherwise you need to set this option in the configuration file, and then \
             restart the server.",
        ));
    }
    match (args.get(1).to_ascii_lowercase().as_slice(), args.from(2)) {
        (b"help", []) => write_help(reply, "debug", HELP),
        (b"change-repl-id", []) => {
            *context.core.run.replication.lock() = sys::random_hex(20);
            reply.ok();
        }
        (b"digest", []) => digest::all(context, reply)?,
        (b"digest-value", keys) => digest::values(context, keys, reply)?,
        (b"error", [text]) => return Err(Error::new(without_breaks(text))),
        (b"listpack", [key]) => {
            object::listpack(context, key)?;
            reply.simple("Listpack structure printed on stdout");
        }
        (b"log", [message]) => {
            tracing::warn!("DEBUG LOG: {}", message.escape_ascii());
            reply.ok();
        }
        (b"object", [key] | [key, _]) => object::object(context, key, reply)?,
        (b"populate", [count, options @ ..]) if options.len() <= 2 => populate(context, count, options, reply)?,
        (b"protocol", [kind]) => protocol::example(kind, reply)?,
        (b"quicklist", [key] | [key, _]) => nodes::quicklist(context, key, reply)?,
        (b"quicklist-packed-threshold", [size]) => {
            let size = num::parse_memory(size).filter(|&size| size != 1 && size <= 4 << 30);
            let size = size
                .ok_or_else(|| Error::new("ERR argument must be a memory value bigger than 1 and smaller than 4gb"))?;
            context.core.keyspace.settings().list_packed_threshold.store(size, Relaxed);
            reply.ok();
        }
        (b"reload", options) => reload(context, options, reply)?,
        (b"set-active-expire", [on]) => {
            context.core.keyspace.settings().active_expire.store(number(on) != 0, Relaxed);
            reply.ok();
        }
        (b"sleep", [seconds]) => {
            let seconds = std::str::from_utf8(seconds).ok().and_then(|s| s.parse::<f64>().ok());
            std::thread::sleep(seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default());
            reply.ok();
        }
        (b"stringmatch-len", [text, pattern]) => reply.int(i64::from(glob_match(pattern, text, false))),
        (b"structsize", []) => reply.bulk(structure_sizes().as_bytes()),
        // There is no cron job to pause, no script to deny, no table that would not resize, no reply list.
        (b"pause-cron" | b"set-disable-deny-scripts" | b"dict-resizing" | b"client-enforce-reply-list", [_]) => {
            reply.ok();
        }
        _ => return Err(unknown_or_arity(args)),
    }
    Ok(())
}

/// A text of the caller's own, of which an error keeps even the line breaks at the end, as spaces.
fn without_breaks(text: &[u8]) -> Vec<u8> {
    text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect()
}

/// A number as C's `atoi` reads it: none is 0.
fn number(text: &[u8]) -> i64 {
    num::parse_i64(text).unwrap_or(0)
}

fn structure_sizes() -> String {
    format!(
        "bits:{} entry:{} value:{} client:{} ",
        usize::BITS,
        size_of::<crate::keyspace::Entry<'_>>(),
        size_of::<crate::value::Value>(),
        size_of::<super::Client>()
    )
}

/// What is read takes the place of keys that stayed, as if MERGE were said. Others may see the keys go and come.
fn reload(context: &mut Context<'_>, options: &[&[u8]], reply: &mut Reply<'_>) -> Result<()> {
    let is = |word: &str| options.iter().any(|option| option.eq_ignore_ascii_case(word.as_bytes()));
    let known = ["merge", "noflush", "nosave"].iter().filter(|word| is(word)).count();
    if known < options.len() {
        return Err(Error::new("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."));
    }
    if context.held.is_some() {
        return Err(Error::REENTERED);
    }
    if !is("nosave") {
        context.core.save_when_possible()?;
    }
    if !is("noflush") {
        context.on_everything(Access::Write, |view| {
            generic::flush(view, None, false);
            Ok(())
        })?;
    }
    context.core.load()?.ok_or_else(|| Error::new("ERR Error trying to load the RDB dump, check server logs"))?;
    reply.ok();
    Ok(())
}

fn populate(context: &mut Context<'_>, count: &[u8], options: &[&[u8]], reply: &mut Reply<'_>) -> Result<()> {
    let positive = || Error::new("ERR value is out of range, must be positive");
    let unsigned = |n: &[u8]| match num::parse_i64(n) {
        Some(n) => usize::try_from(n).map_err(|_| positive()),
        None => Err(positive()),
    };
    let count = unsigned(count)?;
    let prefix = options.first().copied().unwrap_or(b"key");
    let size = options.get(1).map(|n| unsigned(n)).transpose()?;
    if size.is_some_and(|n| n as u64 > context.core.keyspace.settings().proto_max_bulk_len.load(Relaxed)) {
        return Err(Error::TOO_LONG);
    }
    for i in 0..count {
        let key = [prefix, format!(":{i}").as_bytes()].concat();
        let mut value = format!("value:{i}").into_bytes();
        if let Some(size) = size {
            value.resize(size, 0);
        }
        let key = context.core.keyspace.key(&key);
        context.on_key(Access::Write, key.hash, |view| {
            if view.get_for_change(&key).is_none() {
                string::set(view, &key, &value, None);
            }
            Ok(())
        })?;
    }
    reply.ok();
    Ok(())
}
