//! The library `cjson`: JSON to values and back, as lua-cjson 2.1 does.
//!
//! Invariant: how deep something is nested is limited, whatever a script sets, and what is open is kept in vectors and
//! on Lua's stack, never on the thread's.

mod decode;
mod encode;
mod number;

use std::cell::Cell;
use std::rc::Rc;

use mlua::{LightUserData, Lua, MultiValue, Table, Value};

use super::arguments::{Arguments, Raise, Results};
use super::function;

/// What can be set, for each copy of the library.
#[derive(Clone, Copy)]
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_max_depth: i32,
    number_precision: i32,
    keep_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_max_depth: 1000,
            number_precision: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// One copy's settings.
type Shared = Rc<Cell<Settings>>;

/// Makes a copy of the library.
pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let cjson = lua.create_table()?;
    let settings: Shared = Rc::default();
    cjson.raw_set("_NAME", "cjson")?;
    cjson.raw_set("_VERSION", "2.1.0")?;
    cjson.raw_set("null", Value::LightUserData(LightUserData(std::ptr::null_mut())))?;
    function::set(lua, &cjson, "new", |lua, _| Ok(one(Value::Table(library(lua)?))))?;
    with_settings(lua, &cjson, "encode", &settings, |args, settings| {
        args.check(args.len() == 1, 1, "expected 1 argument")?;
        let text = encode::encode(args.lua(), args.get(1).unwrap_or(&Value::Nil), &settings.get())?;
        Ok(one(Value::String(args.lua().create_string(text)?)))
    })?;
    with_settings(lua, &cjson, "decode", &settings, |args, settings| {
        args.check(args.len() == 1, 1, "expected 1 argument")?;
        let text = args.string(1)?;
        Ok(one(decode::decode(args.lua(), &text.as_bytes(), settings.get().decode_invalid)?))
    })?;
    with_settings(lua, &cjson, "encode_sparse_array", &settings, |args, settings| {
        at_most(args, 3)?;
        let mut new = settings.get();
        boolean(args, 1, &mut new.sparse_convert)?;
        number(args, 2, &mut new.sparse_ratio, 0, i32::MAX)?;
        number(args, 3, &mut new.sparse_safe, 0, i32::MAX)?;
        settings.set(new);
        let numbers = [new.sparse_ratio, new.sparse_safe].map(|n| Value::Integer(n.into()));
        Ok([Value::Boolean(new.sparse_convert)].into_iter().chain(numbers).collect())
    })?;
    with_settings(lua, &cjson, "encode_max_depth", &settings, |args, settings| {
        at_most(args, 1)?;
        let mut new = settings.get();
        number(args, 1, &mut new.encode_max_depth, 1, i32::MAX)?;
        settings.set(new);
        Ok(one(Value::Integer(new.encode_max_depth.into())))
    })?;
    with_settings(lua, &cjson, "encode_number_precision", &settings, |args, settings| {
        at_most(args, 1)?;
        let mut new = settings.get();
        number(args, 1, &mut new.number_precision, 1, 14)?;
        settings.set(new);
        Ok(one(Value::Integer(new.number_precision.into())))
    })?;
    // Each text is written into memory of its own, whatever is set.
    with_settings(lua, &cjson, "encode_keep_buffer", &settings, |args, settings| {
        at_most(args, 1)?;
        let mut new = settings.get();
        boolean(args, 1, &mut new.keep_buffer)?;
        settings.set(new);
        Ok(one(Value::Boolean(new.keep_buffer)))
    })?;
    with_settings(lua, &cjson, "encode_invalid_numbers", &settings, |args, settings| {
        at_most(args, 1)?;
        let mut new = settings.get();
        if matches!(args.get(1), Some(Value::String(text)) if *text.as_bytes() == *b"null") {
            new.encode_invalid = Invalid::Null;
        } else {
            let mut written = new.encode_invalid == Invalid::Written;
            if boolean(args, 1, &mut written)? {
                new.encode_invalid = if written { Invalid::Written } else { Invalid::Refused };
            }
        }
        settings.set(new);
        let null = || Ok(Value::String(args.lua().create_string("null")?));
        let value = match new.encode_invalid {
            Invalid::Null => null().map_err(|error: mlua::Error| Raise::from(error))?,
            other => Value::Boolean(other == Invalid::Written),
        };
        Ok(one(value))
    })?;
    with_settings(lua, &cjson, "decode_invalid_numbers", &settings, |args, settings| {
        at_most(args, 1)?;
        let mut new = settings.get();
        boolean(args, 1, &mut new.decode_invalid)?;
        settings.set(new);
        Ok(one(Value::Boolean(new.decode_invalid)))
    })?;
    Ok(cjson)
}

fn with_settings(
    lua: &Lua,
    cjson: &Table,
    name: &str,
    settings: &Shared,
    run: impl Fn(&Arguments<'_>, &Cell<Settings>) -> Results + 'static,
) -> mlua::Result<()> {
    let settings = Rc::clone(settings);
    function::set(lua, cjson, name, move |lua, args| run(&Arguments::new(lua, args), &settings))
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_vec(vec![value])
}

fn at_most(args: &Arguments<'_>, count: usize) -> Result<(), Raise> {
    args.check(args.len() <= count, count + 1, "found too many arguments")
}

fn number(args: &Arguments<'_>, index: usize, setting: &mut i32, least: i32, most: i32) -> Result<(), Raise> {
    if args.is_none_or_nil(index) {
        return Ok(());
    }
    let value = args.integer(index)?;
    match i32::try_from(value) {
        Ok(value) if (least..=most).contains(&value) => *setting = value,
        // Redis always blames the first one.
        _ => return Err(Raise::argument(1, format!("expected integer between {least} and {most}"))),
    }
    Ok(())
}

/// A boolean, or `on` or `off`. True if there was one.
fn boolean(args: &Arguments<'_>, index: usize, setting: &mut bool) -> Result<bool, Raise> {
    match args.get(index) {
        None | Some(Value::Nil) => return Ok(false),
        Some(Value::Boolean(value)) => *setting = *value,
        _ => {
            let text = args.string(index)?;
            *setting = match &*text.as_bytes() {
                b"on" => true,
                b"off" => false,
                other => return Err(Raise::argument(index, [b"invalid option '", other, b"'"].concat())),
            };
        }
    }
    Ok(true)
}
