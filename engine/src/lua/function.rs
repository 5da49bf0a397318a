//! Functions in Rust that scripts call, with errors that are Lua values.
//!
//! What `mlua` raises for a Rust error is a userdata of its own, which scripts must never see. So a function gives its
//! error as a result, behind a mark, and [`raw::guard`] around it raises that as Lua's own library would.

use std::ffi::c_void;

use mlua::{IntoLua, LightUserData, Lua, MultiValue, Table, Value};

use super::arguments::{Raise, Results};
use super::raw;

/// Its address marks results that are errors. Scripts cannot make one: they have no light userdata but `cjson.null`.
static MARK: u8 = 1;

/// What is behind the mark when it is not the number of an argument.
pub(super) const AT_CALLER: i32 = -3;
/// See [`AT_CALLER`].
pub(super) const PLAIN: i32 = -1;
/// See [`AT_CALLER`].
pub(super) const TABLE: i32 = -2;

/// The address that marks results that are errors.
pub(super) fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// Makes a function and puts it into a table.
pub(super) fn set(
    lua: &Lua,
    table: &Table,
    name: &str,
    function: impl Fn(&Lua, MultiValue) -> Results + 'static,
) -> mlua::Result<()> {
    let inner = lua.create_function(move |lua, args: MultiValue| match function(lua, args) {
        Ok(values) => Ok(values),
        Err(raise) => {
            let (kind, text) = match raise {
                Raise::Argument(index, text) => (index.max(0), text),
                Raise::AtCaller(text) => (AT_CALLER, text),
                Raise::Plain(text) => (PLAIN, text),
                Raise::Table(text) => (TABLE, text),
            };
            let mark = Value::LightUserData(LightUserData(mark()));
            let text = lua.create_string(text)?.into_lua(lua)?;
            Ok(MultiValue::from_vec(vec![mark, Value::Integer(kind.into()), text]))
        }
    })?;
    table.raw_set(name, raw::guarded(lua, &inner)?)
}
