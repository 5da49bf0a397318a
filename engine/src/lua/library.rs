//! Loading libraries of functions: `redis.register_function`, and what it was told.

use std::rc::Rc;

use bitflags::bitflags;
use mlua::{Function, Lua, MultiValue, Table, Value};

use super::api;
use super::arguments::{Arguments, Raise, Results, to_string};
use super::function;
use super::shared::Shared;

bitflags! {
    /// What a function promises, or asks for.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FunctionFlags: u8 {
        /// `no-writes`
        const NO_WRITES = 1;
        /// `allow-oom`
        const ALLOW_OOM = 2;
        /// `allow-stale`
        const ALLOW_STALE = 4;
        /// `no-cluster`
        const NO_CLUSTER = 8;
        /// `allow-cross-slot-keys`
        const ALLOW_CROSS_SLOT_KEYS = 16;
    }
}

impl FunctionFlags {
    /// The flags, in the order in which FUNCTION LIST has them.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("no-writes", Self::NO_WRITES),
        ("allow-oom", Self::ALLOW_OOM),
        ("allow-stale", Self::ALLOW_STALE),
        ("no-cluster", Self::NO_CLUSTER),
        ("allow-cross-slot-keys", Self::ALLOW_CROSS_SLOT_KEYS),
    ];

    /// The flag of that name, in any case.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names.find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, flag)| *flag)
    }
}

/// A function as a library registered it, while that is being loaded.
pub(super) struct Registered {
    pub(super) name: Vec<u8>,
    pub(super) callback: Function,
    pub(super) flags: FunctionFlags,
    pub(super) description: Option<Vec<u8>>,
}

/// The table `redis` of a library that is being loaded.
pub(super) fn library(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    api::constants(lua, &redis, shared)?;
    let cell = Rc::clone(shared);
    function::set(lua, &redis, "register_function", move |lua, args| register(lua, args, &cell))?;
    Ok(redis)
}

fn register(lua: &Lua, args: MultiValue, shared: &Shared) -> Results {
    let args = Arguments::new(lua, args);
    let registered = match args.len() {
        1 => match args.get(1) {
            Some(Value::Table(table)) => named(lua, table)?,
            _ => {
                return Err(refuse(
                    "calling redis.register_function with a single argument is only applicable to Lua table \
                     (representing named arguments).",
                ));
            }
        },
        2 => {
            let name =
                args.string(1).map_err(|_| refuse("first argument to redis.register_function must be a string"))?;
            let Some(Value::Function(callback)) = args.get(2) else {
                return Err(refuse("second argument to redis.register_function must be a function"));
            };
            let name = name.as_bytes().to_vec();
            Registered { name, callback: callback.clone(), flags: FunctionFlags::empty(), description: None }
        }
        _ => return Err(refuse("wrong number of arguments to redis.register_function")),
    };
    if registered.name.is_empty() || !registered.name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(refuse(
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ));
    }
    let mut loading = shared.loading.borrow_mut();
    let Some(all) = loading.as_mut() else {
        return Err(refuse("redis.register_function can only be called on FUNCTION LOAD command"));
    };
    if all.iter().any(|known| known.name == registered.name) {
        return Err(refuse("Function already exists in the library"));
    }
    all.push(registered);
    Ok(MultiValue::new())
}

fn refuse(text: &str) -> Raise {
    Raise::table(format!("ERR {text}"))
}

/// The arguments by their names.
fn named(lua: &Lua, table: &Table) -> Result<Registered, Raise> {
    let (mut name, mut callback, mut description) = (None, None, None);
    let mut flags = FunctionFlags::empty();
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Some(key) = to_string(lua, &key)? else {
            return Err(refuse("named argument key given to redis.register_function is not a string"));
        };
        let key = key.as_bytes();
        let text = || to_string(lua, &value).map(|text| text.map(|text| text.as_bytes().to_vec()));
        if key.eq_ignore_ascii_case(b"function_name") {
            let text = text()?;
            let wrong = "function_name argument given to redis.register_function must be a string";
            name = Some(text.ok_or_else(|| refuse(wrong))?);
        } else if key.eq_ignore_ascii_case(b"description") {
            let text = text()?;
            let wrong = "description argument given to redis.register_function must be a string";
            description = Some(text.ok_or_else(|| refuse(wrong))?);
        } else if key.eq_ignore_ascii_case(b"callback") {
            let Value::Function(function) = &value else {
                return Err(refuse("callback argument given to redis.register_function must be a function"));
            };
            callback = Some(function.clone());
        } else if key.eq_ignore_ascii_case(b"flags") {
            let Value::Table(list) = &value else {
                let wrong = "flags argument to redis.register_function must be a table representing function flags";
                return Err(refuse(wrong));
            };
            flags = read_flags(lua, list)?;
        } else {
            return Err(refuse("unknown argument given to redis.register_function"));
        }
    }
    let name = name.ok_or_else(|| refuse("redis.register_function must get a function name argument"))?;
    let callback = callback.ok_or_else(|| refuse("redis.register_function must get a callback argument"))?;
    Ok(Registered { name, callback, flags, description })
}

fn read_flags(lua: &Lua, list: &Table) -> Result<FunctionFlags, Raise> {
    let mut flags = FunctionFlags::empty();
    for i in 1.. {
        let value: Value = list.raw_get(i)?;
        if value.is_nil() {
            break;
        }
        let name = to_string(lua, &value)?;
        let flag = name.and_then(|name| FunctionFlags::by_name(&name.as_bytes()));
        flags |= flag.ok_or_else(|| refuse("unknown flag given"))?;
    }
    Ok(flags)
}
