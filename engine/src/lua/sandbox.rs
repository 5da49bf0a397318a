//! The world that scripts see: Redis's globals and nothing else, all of them read-only.
//!
//! For scripts the globals are that table itself. For functions they are an empty one in front of it, so that while a
//! library is loaded there can be another behind it, with `redis.register_function` and hardly anything else.

use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value};

use super::arguments::{Arguments, Raise, to_number};
use super::state::State;
use super::{api, bit, cjson, cmsgpack, function, library, random, raw, raw_walk, structs};

/// Functions of Lua's own that scripts have.
const KEPT: [&str; 22] = [
    "_VERSION",
    "assert",
    "coroutine",
    "error",
    "getmetatable",
    "ipairs",
    "load",
    "loadstring",
    "math",
    "next",
    "pairs",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "unpack",
];
/// The libraries, whose tables are closed.
const TABLES: [&str; 9] = ["string", "table", "math", "coroutine", "bit", "struct", "cjson", "cmsgpack", "redis"];

/// What is exchanged while a library is loaded.
pub(super) struct Fronts {
    metatable: Table,
    running: Table,
    loading: Table,
}

impl Fronts {
    /// From here on, globals are those of a library that is being loaded, or of functions that run.
    pub(super) fn show(&self, lua: &Lua, loading: bool) -> mlua::Result<()> {
        raw::close_table(lua, &self.metatable, false)?;
        let set = self.metatable.raw_set("__index", if loading { &self.loading } else { &self.running });
        raw::close_table(lua, &self.metatable, true)?;
        set
    }
}

/// A Lua with nothing but what is safe.
pub(super) fn lua() -> mlua::Result<Lua> {
    // Panics are not caught by scripts: `pcall` is ours.
    Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::new().catch_rust_panics(true))
}

/// Makes the globals of scripts.
pub(super) fn for_scripts(state: &State) -> mlua::Result<()> {
    let lua = &state.lua;
    let globals = globals(state)?;
    globals.raw_set("_G", &globals)?;
    // Their places are there from now on, so that setting them takes no memory.
    globals.raw_set("KEYS", lua.create_table()?)?;
    globals.raw_set("ARGV", lua.create_table()?)?;
    globals.raw_set("__redis__err__handler", raw::error_handler(lua)?)?;
    protect(lua, &globals)?;
    lua.set_globals(globals)
}

/// Makes the globals of functions.
pub(super) fn for_functions(state: &State) -> mlua::Result<Fronts> {
    let lua = &state.lua;
    let running = globals(state)?;
    let front = lua.create_table()?;
    running.raw_set("_G", &front)?;
    protect(lua, &running)?;
    let loading = lua.create_table()?;
    let redis = library::library(lua, &state.shared)?;
    protect(lua, &redis)?;
    loading.raw_set("redis", &redis)?;
    loading.raw_set("server", redis)?;
    protect(lua, &loading)?;
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", &running)?;
    front.set_metatable(Some(metatable.clone()))?;
    raw::close_table(lua, &front, true)?;
    raw::close_table(lua, &metatable, true)?;
    lua.set_globals(front)?;
    Ok(Fronts { metatable, running, loading })
}

/// The table with everything that scripts and functions have in common.
fn globals(state: &State) -> mlua::Result<Table> {
    let lua = &state.lua;
    let (all, globals) = (lua.globals(), lua.create_table()?);
    for name in KEPT {
        globals.raw_set(name, all.raw_get::<Value>(name)?)?;
    }
    globals.raw_set("pcall", raw::text_pcall(lua)?)?;
    globals.raw_set("xpcall", all.raw_get::<Function>("xpcall")?)?;
    function::set(lua, &globals, "collectgarbage", |lua, args| collectgarbage(&Arguments::new(lua, args), lua))?;
    function::set(lua, &globals, "gcinfo", |lua, _| {
        Ok(MultiValue::from_vec(vec![Value::Number((lua.used_memory() / 1024) as f64)]))
    })?;
    random::install(lua, &globals.raw_get::<Table>("math")?, &state.shared)?;
    globals.raw_set("bit", bit::library(lua)?)?;
    globals.raw_set("struct", structs::library(lua)?)?;
    globals.raw_set("cjson", cjson::library(lua)?)?;
    globals.raw_set("cmsgpack", cmsgpack::library(lua)?)?;
    let redis = api::library(lua, &state.shared)?;
    globals.raw_set("redis", &redis)?;
    globals.raw_set("server", redis)?;
    for name in TABLES {
        raw::close_table(lua, &globals.raw_get::<Table>(name)?, true)?;
    }
    raw::close_string_metatable(lua)?;
    // Names that are used where no memory may be taken.
    let names = lua.create_table()?;
    for name in raw_walk::NAMES.iter().chain(&["source", "line", "ignore_error_stats_update", "KEYS", "ARGV"]) {
        names.raw_push(*name)?;
    }
    lua.set_named_registry_value("carnelian.names", names)?;
    Ok(globals)
}

/// Makes a table read-only, and reading what it does not have an error.
fn protect(lua: &Lua, table: &Table) -> mlua::Result<()> {
    let metatable = lua.create_table()?;
    function::set(lua, &metatable, "__index", |lua, args| {
        let args = Arguments::new(lua, args);
        let Ok(name) = args.string(2) else {
            let text = "Second argument to luaProtectedTableError must be a string or number";
            return Err(Raise::at_caller(text));
        };
        let name = name.as_bytes();
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        let text = [b"Script attempted to access nonexistent global variable '", name, b"'"].concat();
        Err(Raise::at_caller(text))
    })?;
    table.set_metatable(Some(metatable.clone()))?;
    raw::close_table(lua, table, true)?;
    raw::close_table(lua, &metatable, true)
}

/// `collectgarbage`, but for what would outlast the script: stopping the collector and changing its pace.
fn collectgarbage(args: &Arguments<'_>, lua: &Lua) -> Result<MultiValue, Raise> {
    let option = if args.is_none_or_nil(1) { None } else { Some(args.string(1)?) };
    let option = option.as_ref().map(mlua::LuaString::as_bytes);
    let value = match option.as_deref().unwrap_or(b"collect") {
        b"collect" => {
            lua.gc_collect()?;
            Value::Number(0.0)
        }
        b"count" => Value::Number(lua.used_memory() as f64 / 1024.0),
        b"step" => Value::Boolean(lua.gc_step()?),
        b"stop" | b"restart" => Value::Number(0.0),
        b"setpause" | b"setstepmul" => {
            args.get(2).and_then(|value| to_number(lua, value));
            Value::Number(200.0)
        }
        other => {
            return Err(Raise::argument(1, [b"invalid option '", other, b"'"].concat()));
        }
    };
    Ok(MultiValue::from_vec(vec![value]))
}
