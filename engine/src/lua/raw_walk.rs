//! Goes through the value that a script returned, in the order in which it is to be sent.
//!
//! Invariants: nothing is allocated by Lua on the way, so nothing raises: only what is a string is read as one, fields
//! are asked for without metatables, and their names exist since the sandbox was made (they are pushed as strings that
//! Lua has). The tables that are being walked stand on Lua's stack, one above the other; how many, Lua's stack decides.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use carnelian_lua51::ffi::{self, lua_State};

use super::arguments::to_integer;
use super::host::Visitor;
use super::raw::bytes;

/// The names of fields that mean something in a reply.
pub(super) const NAMES: [&str; 9] =
    ["err", "ok", "double", "map", "set", "big_number", "verbatim_string", "format", "string"];

/// What is left to be given of a table.
enum Frame {
    /// The table is on the stack; the next index, and the last.
    Array(c_int, c_int),
    /// The table and the last key are on the stack.
    Map,
    /// As for a map, of which the last value stands above its key.
    MapValue,
    /// As for a map; only keys are given.
    Set,
}

/// Gives the value on top to a visitor, and takes it off; with `resp3`, the script has asked for the types of RESP3. Nothing else is on the stack, and memory is not limited.
pub(super) fn walk_top(l: *mut lua_State, visitor: &mut dyn Visitor, resp3: bool) {
    // SAFETY: callers hold the interpreter that keeps the state, which a run has just left. The invariants above; room
    // is asked for before each value.
    unsafe {
        let base = ffi::lua_gettop(l) - 1;
        let mut frames: Vec<Frame> = Vec::new();
        give(l, visitor, &mut frames, resp3);
        while let Some(frame) = frames.last_mut() {
            match frame {
                Frame::Array(next, last) => {
                    if next > last {
                        frames.pop();
                        ffi::lua_settop(l, -2);
                    } else {
                        ffi::lua_rawgeti_(l, -1, *next);
                        *next += 1;
                        give(l, visitor, &mut frames, resp3);
                    }
                }
                Frame::Map => {
                    if ffi::lua_next(l, -2) == 0 {
                        frames.pop();
                        ffi::lua_settop(l, -2);
                    } else {
                        // The key is needed once more, to go on.
                        *frame = Frame::MapValue;
                        ffi::lua_pushvalue(l, -2);
                        give(l, visitor, &mut frames, resp3);
                    }
                }
                Frame::MapValue => {
                    *frame = Frame::Map;
                    give(l, visitor, &mut frames, resp3);
                }
                Frame::Set => {
                    if ffi::lua_next(l, -2) == 0 {
                        frames.pop();
                        ffi::lua_settop(l, -2);
                    } else {
                        ffi::lua_settop(l, -2);
                        ffi::lua_pushvalue(l, -1);
                        give(l, visitor, &mut frames, resp3);
                    }
                }
            }
        }
        ffi::lua_settop(l, base);
    }
}

/// Gives the value on top. A plain value is taken off, and a table stays with its frame.
unsafe fn give(l: *mut lua_State, visitor: &mut dyn Visitor, frames: &mut Vec<Frame>, resp3: bool) {
    // SAFETY: as in `walk_top`.
    unsafe {
        if ffi::lua_checkstack(l, 5) == 0 {
            visitor.error(b"ERR reached lua stack limit");
            ffi::lua_settop(l, -2);
            return;
        }
        match ffi::lua_type(l, -1) {
            ffi::LUA_TSTRING => visitor.bulk(bytes(l, -1).unwrap_or_default()),
            ffi::LUA_TNUMBER => visitor.integer(to_integer(ffi::lua_tonumber(l, -1))),
            ffi::LUA_TBOOLEAN => match ffi::lua_toboolean(l, -1) != 0 {
                value if resp3 => visitor.boolean(value),
                true => visitor.integer(1),
                false => visitor.null(),
            },
            ffi::LUA_TTABLE => {
                if give_table(l, visitor, frames) {
                    return;
                }
            }
            _ => visitor.null(),
        }
        ffi::lua_settop(l, -2);
    }
}

/// Pushes a field of the table on top.
unsafe fn field(l: *mut lua_State, name: &CStr) -> c_int {
    // SAFETY: as in `walk_top`.
    unsafe {
        ffi::lua_pushlstring_(l, name.as_ptr(), name.count_bytes());
        ffi::lua_rawget_(l, -2);
        ffi::lua_type(l, -1)
    }
}

/// Gives the text of the string on top, which ends at its first NUL.
unsafe fn give_text(l: *mut lua_State, give: impl FnOnce(&[u8])) {
    // SAFETY: as in `walk_top`.
    let text = unsafe { bytes(l, -1) }.unwrap_or_default();
    give_line(text.split(|&b| b == 0).next().unwrap_or_default(), give);
}

fn give_line(text: &[u8], give: impl FnOnce(&[u8])) {
    if text.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        let one_line: Vec<u8> = text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect();
        give(&one_line);
    } else {
        give(text);
    }
}

/// Gives the table on top. True if it now has a frame.
unsafe fn give_table(l: *mut lua_State, visitor: &mut dyn Visitor, frames: &mut Vec<Frame>) -> bool {
    // SAFETY: as in `walk_top`.
    unsafe {
        if field(l, c"err") == ffi::LUA_TSTRING {
            give_text(l, |text| visitor.error(text));
            ffi::lua_settop(l, -2);
            return false;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"ok") == ffi::LUA_TSTRING {
            give_text(l, |text| visitor.status(text));
            ffi::lua_settop(l, -2);
            return false;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"double") == ffi::LUA_TNUMBER {
            visitor.double(ffi::lua_tonumber(l, -1));
            ffi::lua_settop(l, -2);
            return false;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"map") == ffi::LUA_TTABLE {
            ffi::lua_replace(l, -2);
            visitor.map(count(l));
            ffi::lua_pushnil(l);
            frames.push(Frame::Map);
            return true;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"set") == ffi::LUA_TTABLE {
            ffi::lua_replace(l, -2);
            visitor.set(count(l));
            ffi::lua_pushnil(l);
            frames.push(Frame::Set);
            return true;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"big_number") == ffi::LUA_TSTRING {
            give_line(bytes(l, -1).unwrap_or_default(), |text| visitor.big_number(text));
            ffi::lua_settop(l, -2);
            return false;
        }
        ffi::lua_settop(l, -2);
        if field(l, c"verbatim_string") == ffi::LUA_TTABLE && give_verbatim(l, visitor) {
            ffi::lua_settop(l, -2);
            return false;
        }
        ffi::lua_settop(l, -2);
        let len = length(l);
        visitor.array(usize::try_from(len).unwrap_or(0));
        frames.push(Frame::Array(1, len));
        true
    }
}

unsafe fn give_verbatim(l: *mut lua_State, visitor: &mut dyn Visitor) -> bool {
    // SAFETY: as in `walk_top`; both stay on the stack while they are given.
    unsafe {
        let whole = field(l, c"format") == ffi::LUA_TSTRING;
        ffi::lua_insert(l, -2);
        let whole = field(l, c"string") == ffi::LUA_TSTRING && whole;
        if whole {
            let mut format = *b"   ";
            for (to, from) in format.iter_mut().zip(bytes(l, -3).unwrap_or_default()) {
                *to = *from;
            }
            visitor.verbatim(format, bytes(l, -1).unwrap_or_default());
        }
        ffi::lua_settop(l, -2);
        ffi::lua_remove(l, -2);
        whole
    }
}

/// How many pairs the table on top has.
unsafe fn count(l: *mut lua_State) -> usize {
    // SAFETY: as in `walk_top`.
    unsafe {
        let mut pairs = 0;
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            ffi::lua_settop(l, -2);
            pairs += 1;
        }
        pairs
    }
}

/// How many values the table on top has before its first nil.
unsafe fn length(l: *mut lua_State) -> c_int {
    // SAFETY: as in `walk_top`.
    unsafe {
        let mut len = 0;
        loop {
            ffi::lua_rawgeti_(l, -1, len + 1);
            let nil = ffi::lua_type(l, -1) == ffi::LUA_TNIL;
            ffi::lua_settop(l, -2);
            if nil {
                return len;
            }
            len += 1;
        }
    }
}
