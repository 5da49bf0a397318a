//! Goes through a value with all the tables in it, for the libraries that write them: by Lua's C interface, because
//! `mlua` keeps a reference for each key and value that it gives, and has room for 8000.
//!
//! Invariants: as in [`raw`](super::raw), nothing that has to be dropped is on this stack where Lua may jump away: what
//! is written and what is open are the caller's. The tables stand on Lua's stack, one above the other, and not on the
//! thread's.

#![allow(unsafe_code)]

use std::ffi::c_int;

use carnelian_lua51::ffi::{self, lua_State};
use mlua::{Lua, Value};

use super::arguments::Raise;
use super::raw::bytes;

/// A value, as a library sees it.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    Nil,
    Boolean(bool),
    Number(f64),
    String(&'a [u8]),
    Table,
    /// `cjson.null`
    Null,
    /// Anything else: the name of its type.
    Other(&'static str),
}

impl Item<'_> {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Boolean(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Table => "table",
            Self::Null => "userdata",
            Self::Other(name) => name,
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The values at 1 up to this.
    Array(c_int),
    /// All keys, each before its value.
    Map,
    /// Not at all: it was given as something else.
    Leaf,
}

/// Takes what is found. Errors end the walk.
pub(super) trait Writer {
    /// A value that is no table.
    fn value(&mut self, item: Item<'_>) -> Result<(), Raise>;
    /// A table begins, within so many others.
    fn open(&mut self, table: &Keys, depth: usize) -> Result<Shape, Raise>;
    /// What stands between the values of an array, before all but the first. Before each key it is said as well.
    fn separate(&mut self) {}
    /// A key of a map. False if it is a table that is to be walked.
    fn key(&mut self, item: Item<'_>) -> Result<bool, Raise>;
    /// A table ends.
    fn close(&mut self, _shape: Shape) {}
}

/// The table that is being opened.
pub(super) struct Keys(*mut lua_State);

impl Keys {
    /// Looks at all keys, until `each` has seen enough and says false.
    pub(super) fn all(&self, mut each: impl FnMut(Item<'_>) -> bool) {
        // SAFETY: the table is on top, room for two values was asked for; keys are those that `lua_next` gives.
        unsafe {
            ffi::lua_pushnil(self.0);
            while ffi::lua_next(self.0, -2) != 0 {
                ffi::lua_settop(self.0, -2);
                if !each(item(self.0, -1)) {
                    ffi::lua_settop(self.0, -2);
                    return;
                }
            }
        }
    }

    /// Its length, as Lua's `#` says.
    pub(super) fn len(&self) -> usize {
        // SAFETY: the table is on top.
        unsafe { ffi::lua_objlen(self.0, -1) }
    }
}

enum Frame {
    /// The next index and the last.
    Array(c_int, c_int),
    /// The last key is above the table. True once a key was given.
    Map(bool),
    /// The last key is above the table, and its value above that.
    MapValue,
}

/// Gives a value and all that is in it to a writer.
pub(super) fn walk(lua: &Lua, value: &Value, writer: &mut dyn Writer) -> Result<(), Raise> {
    let mut frames = Vec::new();
    let mut outcome = Ok(());
    // SAFETY: the closure runs protected, and owns nothing. It takes the value off again.
    unsafe {
        lua.exec_raw::<()>(value, |l| {
            let base = ffi::lua_gettop(l) - 1;
            outcome = go(l, writer, &mut frames);
            ffi::lua_settop(l, base);
        })?;
    }
    outcome
}

unsafe fn go(l: *mut lua_State, writer: &mut dyn Writer, frames: &mut Vec<Frame>) -> Result<(), Raise> {
    // SAFETY: the invariants above; `give` asks for room.
    unsafe {
        give(l, writer, frames)?;
        while let Some(frame) = frames.last_mut() {
            match frame {
                Frame::Array(next, last) => {
                    if next > last {
                        let shape = Shape::Array(*last);
                        frames.pop();
                        ffi::lua_settop(l, -2);
                        writer.close(shape);
                        continue;
                    }
                    if *next > 1 {
                        writer.separate();
                    }
                    ffi::lua_rawgeti_(l, -1, *next);
                    *next += 1;
                    give(l, writer, frames)?;
                }
                Frame::Map(begun) => {
                    if ffi::lua_next(l, -2) == 0 {
                        frames.pop();
                        ffi::lua_settop(l, -2);
                        writer.close(Shape::Map);
                        continue;
                    }
                    if *begun {
                        writer.separate();
                    }
                    *begun = true;
                    if writer.key(item(l, -2))? {
                        give(l, writer, frames)?;
                    } else {
                        *frame = Frame::MapValue;
                        ffi::lua_pushvalue(l, -2);
                        give(l, writer, frames)?;
                    }
                }
                Frame::MapValue => {
                    *frame = Frame::Map(true);
                    give(l, writer, frames)?;
                }
            }
        }
        Ok(())
    }
}

/// Gives the value on top: a plain one is taken off, a table gets a frame.
unsafe fn give(l: *mut lua_State, writer: &mut dyn Writer, frames: &mut Vec<Frame>) -> Result<(), Raise> {
    // SAFETY: as in `go`.
    unsafe {
        match item(l, -1) {
            Item::Table => {
                // Four above this one: key, value, and a copy while keys are looked at.
                if ffi::lua_checkstack(l, 4) == 0 {
                    return Err(Raise::at_caller("stack overflow"));
                }
                match writer.open(&Keys(l), frames.len())? {
                    Shape::Array(len) => frames.push(Frame::Array(1, len)),
                    Shape::Map => {
                        ffi::lua_pushnil(l);
                        frames.push(Frame::Map(false));
                    }
                    Shape::Leaf => ffi::lua_settop(l, -2),
                }
            }
            plain => {
                writer.value(plain)?;
                ffi::lua_settop(l, -2);
            }
        }
        Ok(())
    }
}

/// What is at an index. A string is valid while it is there.
unsafe fn item<'a>(l: *mut lua_State, index: c_int) -> Item<'a> {
    // SAFETY: the caller's; only strings are read as such.
    unsafe {
        match ffi::lua_type(l, index) {
            ffi::LUA_TNIL => Item::Nil,
            ffi::LUA_TBOOLEAN => Item::Boolean(ffi::lua_toboolean(l, index) != 0),
            ffi::LUA_TNUMBER => Item::Number(ffi::lua_tonumber(l, index)),
            ffi::LUA_TSTRING => Item::String(bytes(l, index).unwrap_or_default()),
            ffi::LUA_TTABLE => Item::Table,
            ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(l, index).is_null() => Item::Null,
            ffi::LUA_TFUNCTION => Item::Other("function"),
            ffi::LUA_TTHREAD => Item::Other("thread"),
            _ => Item::Other("userdata"),
        }
    }
}
