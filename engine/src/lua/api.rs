//! The table `redis` (and `server`, as Valkey calls it), but for `call` and `pcall`, which `raw_call` has.

use std::rc::Rc;

use mlua::{IntoLua, Lua, MultiValue, Table, Value};
use sha1::{Digest, Sha1};

use super::arguments::{Arguments, Raise, Results, to_string};
use super::function;
use super::host::{Host, LogLevel};
use super::raw;
use super::shared::Shared;

/// The version that scripts are told: the one whose behaviour this room has.
const VERSION: (&str, u32) = ("7.0.15", 0x0007_000f);
const WRONG_ARGUMENTS: &str = "ERR wrong number or type of arguments";

/// What scripts have.
pub(super) fn library(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    redis.raw_set("call", raw::with_shared(lua, raw::redis_call, shared)?)?;
    redis.raw_set("pcall", raw::with_shared(lua, raw::redis_pcall, shared)?)?;
    constants(lua, &redis, shared)?;
    for (name, value) in [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)] {
        redis.raw_set(name, value)?;
    }
    function::set(lua, &redis, "error_reply", |lua, args| one_field(lua, args, true))?;
    function::set(lua, &redis, "status_reply", |lua, args| one_field(lua, args, false))?;
    function::set(lua, &redis, "sha1hex", sha1hex)?;
    let cell = Rc::clone(shared);
    function::set(lua, &redis, "setresp", move |lua, args| setresp(lua, args, &cell))?;
    let cell = Rc::clone(shared);
    function::set(lua, &redis, "set_repl", move |lua, args| set_repl(lua, args, &cell))?;
    let cell = Rc::clone(shared);
    function::set(lua, &redis, "acl_check_cmd", move |lua, args| acl_check_cmd(lua, args, &cell))?;
    function::set(lua, &redis, "replicate_commands", |_, _| Ok(one(Value::Boolean(true))))?;
    // Nobody debugs.
    function::set(lua, &redis, "breakpoint", |_, _| Ok(one(Value::Boolean(false))))?;
    function::set(lua, &redis, "debug", |_, _| Ok(MultiValue::new()))?;
    Ok(redis)
}

/// What scripts and libraries that are being loaded have in common.
pub(super) fn constants(lua: &Lua, redis: &Table, shared: &Rc<Shared>) -> mlua::Result<()> {
    for (name, value) in [("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)] {
        redis.raw_set(name, value)?;
    }
    redis.raw_set("REDIS_VERSION", VERSION.0)?;
    redis.raw_set("REDIS_VERSION_NUM", VERSION.1)?;
    let cell = Rc::clone(shared);
    function::set(lua, redis, "log", move |lua, args| log(lua, args, &cell))
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_vec(vec![value])
}

/// Uses the host; while there is none, nothing happens.
fn hosted<R>(shared: &Shared, run: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
    shared.with_host(run)
}

/// A table as `redis.error_reply` and `redis.status_reply` make it.
fn one_field(lua: &Lua, args: MultiValue, error: bool) -> Results {
    let mut args = args.into_iter();
    let (Some(Value::String(text)), None) = (args.next(), args.next()) else {
        return error_table(lua, WRONG_ARGUMENTS.as_bytes());
    };
    let text = text.as_bytes();
    if !error {
        let table = lua.create_table_with_capacity(0, 1)?;
        table.raw_set("ok", lua.create_string(&*text)?)?;
        return Ok(one(Value::Table(table)));
    }
    // Redis takes it for a C string, wants a code in front, and a dash before that is its own.
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    match text.strip_prefix(b"-") {
        Some(rest) if rest.contains(&b' ') => error_table(lua, rest),
        Some(rest) => error_table(lua, &[b"ERR ", rest].concat()),
        None if text.contains(&b' ') => error_table(lua, text),
        None => error_table(lua, &[b"ERR ", text].concat()),
    }
}

fn error_table(lua: &Lua, text: &[u8]) -> Results {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set("err", lua.create_string(text)?)?;
    Ok(one(Value::Table(table)))
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Results {
    let args = Arguments::new(lua, args);
    if args.len() != 1 {
        return Err(Raise::table("ERR wrong number of arguments"));
    }
    let text = args.get(1).map_or(Ok(None), |value| to_string(lua, value))?;
    let digest = match &text {
        Some(text) => Sha1::digest(&*text.as_bytes()),
        None => Sha1::digest(b""),
    };
    Ok(one(crate::lua::hex(&digest).into_lua(lua)?))
}

fn setresp(lua: &Lua, args: MultiValue, shared: &Shared) -> Results {
    let args = Arguments::new(lua, args);
    if args.len() != 1 {
        return Err(Raise::table("ERR redis.setresp() requires one argument."));
    }
    match args.int(1) {
        Ok(version @ 2..=3) => shared.resp3.set(version == 3),
        _ => return Err(Raise::table("ERR RESP version must be 2 or 3.")),
    }
    Ok(MultiValue::new())
}

fn set_repl(lua: &Lua, args: MultiValue, shared: &Shared) -> Results {
    let args = Arguments::new(lua, args);
    if args.len() != 1 {
        return Err(Raise::table("ERR redis.set_repl() requires two arguments."));
    }
    let flags = args.int(1).unwrap_or(0);
    if !(0..=3).contains(&flags) {
        let text = "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        return Err(Raise::table(text));
    }
    hosted(shared, |host| host.set_repl(flags & 1 != 0, flags & 2 != 0));
    Ok(MultiValue::new())
}

fn log(lua: &Lua, args: MultiValue, shared: &Shared) -> Results {
    let args = Arguments::new(lua, args);
    if args.len() < 2 {
        return Err(Raise::table("ERR redis.log() requires two arguments or more."));
    }
    let level = match args.int(1) {
        Err(_) => return Err(Raise::table("ERR First argument must be a number (log level).")),
        Ok(0) => LogLevel::Debug,
        Ok(1) => LogLevel::Verbose,
        Ok(2) => LogLevel::Notice,
        Ok(3) => LogLevel::Warning,
        Ok(_) => return Err(Raise::table("ERR Invalid debug level.")),
    };
    let mut message = Vec::new();
    let mut first = true;
    for value in args.iter().skip(1) {
        // What is neither string nor number is left out.
        if let Some(text) = to_string(lua, value)? {
            if !first {
                message.push(b' ');
            }
            message.extend_from_slice(&text.as_bytes());
            first = false;
        }
    }
    hosted(shared, |host| host.log(level, &message));
    Ok(MultiValue::new())
}

fn acl_check_cmd(lua: &Lua, args: MultiValue, shared: &Shared) -> Results {
    let args = Arguments::new(lua, args);
    if args.len() == 0 {
        return Err(Raise::table("ERR Please specify at least one argument for this redis lib call"));
    }
    let mut texts = Vec::with_capacity(args.len());
    for value in args.iter() {
        match to_string(lua, value)? {
            Some(text) => texts.push(text),
            None => return Err(Raise::table("ERR Lua redis lib command arguments must be strings or integers")),
        }
    }
    let texts: Vec<_> = texts.iter().map(mlua::LuaString::as_bytes).collect();
    let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
    match hosted(shared, |host| host.acl_check(&texts)) {
        Some(Ok(allowed)) => Ok(one(Value::Boolean(allowed))),
        Some(Err(error)) => Err(Raise::table(error.bytes())),
        None => Err(Raise::table("ERR commands cannot be called here")),
    }
}
