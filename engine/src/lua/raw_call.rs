//! `redis.call` and `redis.pcall`: arguments to bytes, and the reply, which is RESP, to Lua's values.
//!
//! Invariant: as in [`raw`](super::raw), nothing that has to be dropped is alive where Lua may jump away. Arguments stay
//! on Lua's stack and the reply with its host while they are read.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use carnelian_lua51::ffi::{self, lua_State};
use smallvec::SmallVec;

use super::numbers::write_g;
use super::raw::{bytes, push_error, raise_ended};
use super::shared::Shared;

const NO_ARGUMENTS: &[u8] = b"ERR Please specify at least one argument for this redis lib call";
const BAD_ARGUMENTS: &[u8] = b"ERR Lua redis lib command arguments must be strings or integers";
/// Replies are not nested deeper than that.
const DEEPEST_REPLY: usize = 100;

/// `redis.call`: errors are raised.
pub(super) unsafe extern "C-unwind" fn redis_call(l: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it, with `Shared` as the upvalue.
    unsafe {
        if call(l) {
            ffi::lua_error(l);
        }
    }
    1
}

/// `redis.pcall`: errors are returned.
pub(super) unsafe extern "C-unwind" fn redis_pcall(l: *mut lua_State) -> c_int {
    // SAFETY: as in `redis_call`.
    unsafe { call(l) };
    1
}

/// What came of a call, as something that needs no dropping.
#[derive(Clone, Copy)]
enum Outcome {
    Reply(*const [u8]),
    Refused(*const [u8]),
    Ended,
}

/// Leaves one value, and says whether it is an error.
unsafe fn call(l: *mut lua_State) -> bool {
    // SAFETY: `Shared` is the upvalue and lives as long as Lua.
    unsafe {
        let args = ffi::lua_gettop(l);
        ffi::luaL_checkstack(l, 8, c"too many arguments".as_ptr());
        let Some(shared) = ffi::lua_touserdata(l, ffi::lua_upvalueindex(1)).cast::<Shared>().as_ref() else {
            return false;
        };
        if shared.ended.borrow().is_some() {
            raise_ended(l);
        }
        if args == 0 {
            push_error(l, NO_ARGUMENTS, false);
            return true;
        }
        for i in 1..=args {
            match ffi::lua_type(l, i) {
                ffi::LUA_TSTRING => {}
                ffi::LUA_TNUMBER => {
                    let (text, len) = number_text(ffi::lua_tonumber(l, i));
                    ffi::lua_pushlstring_(l, text.as_ptr().cast(), len);
                    ffi::lua_replace(l, i);
                }
                _ => {
                    push_error(l, BAD_ARGUMENTS, false);
                    return true;
                }
            }
        }
        let resp3 = shared.resp3.get();
        match invoke(l, args, shared, resp3) {
            Outcome::Reply(reply) => {
                // Arguments are no longer needed, and a deep reply needs their room.
                ffi::lua_settop(l, 0);
                let reply = &*reply;
                let mut reader = Reader { rest: reply };
                if !reader.push(l, 0) {
                    ffi::lua_settop(l, 0);
                    push_error(l, b"ERR reached lua stack limit", false);
                    return true;
                }
                reply.first() == Some(&b'-')
            }
            Outcome::Refused(text) => {
                push_error(l, &*text, true);
                true
            }
            Outcome::Ended => raise_ended(l),
        }
    }
}

/// Has the host run the command. Nothing of Lua is called that could raise.
unsafe fn invoke(l: *mut lua_State, args: c_int, shared: &Shared, resp3: bool) -> Outcome {
    // SAFETY: all arguments are strings by now, and stay on the stack.
    let args: SmallVec<[&[u8]; 16]> = (1..=args).map(|i| unsafe { bytes(l, i) }.unwrap_or_default()).collect();
    let outcome = shared.with_host(|host| match host.call(&args, resp3) {
        Ok(reply) => Outcome::Reply(reply),
        Err(error) => {
            let mut kept = shared.refusal.borrow_mut();
            Outcome::Refused(kept.insert(error).bytes())
        }
    });
    match outcome {
        Some(outcome) => outcome,
        None if shared.ended.borrow().is_some() => Outcome::Ended,
        None => Outcome::Refused(b"ERR commands cannot be called here"),
    }
}

/// A number as an argument: as `%.17g` writes it.
fn number_text(value: f64) -> ([u8; 32], usize) {
    let mut text = Vec::with_capacity(32);
    write_g(&mut text, value, 17);
    let mut out = [0; 32];
    let len = text.len().min(out.len());
    out[..len].copy_from_slice(&text[..len]);
    (out, len)
}

/// Reads a reply. It comes from the engine, so what is not RESP is read as nil and nothing worse.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn line(&mut self) -> &'static [u8] {
        let end = self.rest.iter().position(|&b| b == b'\r').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).unwrap_or_default();
        // SAFETY: the reply outlives the reader, and no line is kept longer than it.
        unsafe { std::slice::from_raw_parts(line.as_ptr(), line.len()) }
    }

    fn count(&mut self) -> i64 {
        crate::codec::num::parse_i64(self.line()).unwrap_or(-1)
    }

    fn sized(&mut self) -> Option<&'static [u8]> {
        let len = usize::try_from(self.count()).ok()?.min(self.rest.len());
        let (text, rest) = self.rest.split_at(len);
        self.rest = rest.get(2..).unwrap_or_default();
        // SAFETY: as in `line`.
        Some(unsafe { std::slice::from_raw_parts(text.as_ptr(), text.len()) })
    }

    /// Pushes the next value. False if it is nested too deep.
    ///
    /// # Safety
    /// Within a call of Lua.
    unsafe fn push(&mut self, l: *mut lua_State, depth: usize) -> bool {
        // SAFETY: the room is asked for, and this frame owns nothing.
        unsafe {
            if depth > DEEPEST_REPLY || ffi::lua_checkstack(l, 5) == 0 {
                return false;
            }
            let Some((&kind, rest)) = self.rest.split_first() else {
                ffi::lua_pushnil(l);
                return true;
            };
            self.rest = rest;
            match kind {
                b'+' => {
                    let text = self.line();
                    ffi::lua_createtable(l, 0, 1);
                    set_text(l, c"ok", text);
                }
                b'-' => push_error(l, self.line(), true),
                b':' => ffi::lua_pushnumber(l, self.count_or_zero() as f64),
                b'$' => match self.sized() {
                    Some(text) => push_text(l, text),
                    None => ffi::lua_pushboolean(l, 0),
                },
                b'*' | b'>' => match self.count() {
                    len @ 0.. => return self.push_array(l, len, depth),
                    _ => ffi::lua_pushboolean(l, 0),
                },
                b'%' => {
                    let len = self.count();
                    ffi::lua_createtable(l, 0, 1);
                    ffi::lua_pushlstring_(l, c"map".as_ptr(), 3);
                    ffi::lua_createtable(l, 0, c_int::try_from(len).unwrap_or(0));
                    for _ in 0..len {
                        if !self.push(l, depth + 1) || !self.push(l, depth + 1) {
                            return false;
                        }
                        set_unless_nil(l);
                    }
                    ffi::lua_rawset(l, -3);
                }
                b'~' => {
                    let len = self.count();
                    ffi::lua_createtable(l, 0, 1);
                    ffi::lua_pushlstring_(l, c"set".as_ptr(), 3);
                    ffi::lua_createtable(l, 0, c_int::try_from(len).unwrap_or(0));
                    for _ in 0..len {
                        if !self.push(l, depth + 1) {
                            return false;
                        }
                        ffi::lua_pushboolean(l, 1);
                        set_unless_nil(l);
                    }
                    ffi::lua_rawset(l, -3);
                }
                b'|' => {
                    // What an attribute says about the value behind it is not for scripts.
                    for _ in 0..self.count().saturating_mul(2) {
                        if !self.push(l, depth + 1) {
                            return false;
                        }
                        ffi::lua_settop(l, -2);
                    }
                    return self.push(l, depth + 1);
                }
                b',' => {
                    let value = double(self.line());
                    ffi::lua_createtable(l, 0, 1);
                    ffi::lua_pushlstring_(l, c"double".as_ptr(), 6);
                    ffi::lua_pushnumber(l, value);
                    ffi::lua_rawset(l, -3);
                }
                b'#' => ffi::lua_pushboolean(l, c_int::from(self.line() == b"t")),
                b'(' => {
                    let digits = self.line();
                    ffi::lua_createtable(l, 0, 1);
                    set_text(l, c"big_number", digits);
                }
                b'=' => {
                    let text = self.sized().unwrap_or_default();
                    let (format, text) = text.split_at_checked(4).unwrap_or((b"txt:", text));
                    ffi::lua_createtable(l, 0, 1);
                    ffi::lua_pushlstring_(l, c"verbatim_string".as_ptr(), 15);
                    ffi::lua_createtable(l, 0, 2);
                    set_text(l, c"string", text);
                    set_text(l, c"format", &format[..3]);
                    ffi::lua_rawset(l, -3);
                }
                _ => {
                    self.line();
                    ffi::lua_pushnil(l);
                }
            }
            true
        }
    }

    fn count_or_zero(&mut self) -> i64 {
        crate::codec::num::parse_i64(self.line()).unwrap_or(0)
    }

    /// # Safety
    /// As [`Self::push`], which asked for room.
    unsafe fn push_array(&mut self, l: *mut lua_State, len: i64, depth: usize) -> bool {
        // SAFETY: the caller's.
        unsafe {
            // No more than the reply can hold, whatever it says.
            let room = usize::try_from(len).unwrap_or(0).min(self.rest.len());
            ffi::lua_createtable(l, c_int::try_from(room).unwrap_or(0), 0);
            for i in 1..=len {
                if !self.push(l, depth + 1) {
                    return false;
                }
                ffi::lua_rawseti_(l, -2, i as c_int);
            }
            true
        }
    }
}

unsafe fn push_text(l: *mut lua_State, text: &[u8]) {
    // SAFETY: the caller has room for one value.
    unsafe { ffi::lua_pushlstring_(l, text.as_ptr().cast(), text.len()) };
}

/// Sets a field of the table on top.
unsafe fn set_text(l: *mut lua_State, name: &CStr, text: &[u8]) {
    // SAFETY: the caller has room for two values.
    unsafe {
        ffi::lua_pushlstring_(l, name.as_ptr(), name.count_bytes());
        push_text(l, text);
        ffi::lua_rawset(l, -3);
    }
}

/// Sets what is on top under what is below it, in the table below both. Nil is no key; nor is what is no number.
unsafe fn set_unless_nil(l: *mut lua_State) {
    // SAFETY: the three are there.
    unsafe {
        let nan = ffi::lua_type(l, -2) == ffi::LUA_TNUMBER && ffi::lua_tonumber(l, -2).is_nan();
        if nan || ffi::lua_type(l, -2) == ffi::LUA_TNIL {
            ffi::lua_settop(l, -3);
        } else {
            ffi::lua_rawset(l, -3);
        }
    }
}

fn double(text: &[u8]) -> f64 {
    if text.eq_ignore_ascii_case(b"nan") || text.eq_ignore_ascii_case(b"-nan") {
        return f64::NAN;
    }
    crate::codec::num::parse_f64(text).unwrap_or(0.0)
}
