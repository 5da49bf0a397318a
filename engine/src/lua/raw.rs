//! Lua's C interface: what is called so often that `mlua`'s conversions would be most of its time, and what `mlua` has no
//! call for. The rest of the room is safe Rust above `mlua`.
//!
//! Invariants:
//! - An error in Lua is a long jump over the frames above it. So no frame here holds anything that has to be dropped
//!   while it calls what can raise: allocating, calling, and `lua_error` itself. What has to live longer is owned
//!   by [`Shared`].
//! - Upvalue 1 of each function that needs it is the address of [`Shared`], which lives until Lua is closed.
//! - Whatever runs, runs under [`call`], so that no error finds itself without anybody to catch it.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use carnelian_lua51::ffi::{self, LUA_GLOBALSINDEX, LUA_REGISTRYINDEX, lua_State};
use carnelian_lua51::{ended, set_ended, set_readonly};
use mlua::{Function, Lua, Table};

use super::function;
use super::shared::Shared;

pub(super) use super::raw_call::{redis_call, redis_pcall};

/// So many instructions are run between two questions whether to go on.
const INSTRUCTIONS: c_int = 100_000;

/// Keys of the registry are addresses of these.
static SHARED: u8 = 0;
static HANDLER: u8 = 1;
static RUN: u8 = 2;
static COMPILE: u8 = 3;

fn key(of: &'static u8) -> *mut c_void {
    ptr::from_ref(of).cast_mut().cast()
}

/// Where a script's or a function's code is kept: its place in the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(c_int);

/// What went wrong in a run, as the error's value tells.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// The `err` of an error table, or the text.
    pub(super) text: Vec<u8>,
    /// The error was a table that the handler has seen, as nearly all are.
    pub(super) handled: bool,
    /// Where it happened, `@user_script` and the line.
    pub(super) place: Option<(Vec<u8>, i64)>,
    /// A command's own error, which was counted when it happened.
    pub(super) counted: bool,
}

/// The state of the main thread. It stays where it is until `lua` is dropped.
pub(super) fn state(lua: &Lua) -> mlua::Result<*mut lua_State> {
    let mut state = ptr::null_mut();
    // SAFETY: nothing is done to Lua.
    unsafe { lua.exec_raw::<()>((), |s| state = s)? };
    Ok(state)
}

/// Makes the state ready for what is below.
pub(super) fn install(lua: &Lua, shared: &Shared) -> mlua::Result<()> {
    let address = ptr::from_ref(shared).cast_mut().cast::<c_void>();
    // SAFETY: `exec_raw` protects the closure and gives it stack for its arguments; it holds nothing that is dropped.
    unsafe {
        lua.exec_raw::<()>((), |l| {
            ffi::luaL_checkstack(l, 8, c"".as_ptr());
            ffi::lua_pushlightuserdata(l, key(&SHARED));
            ffi::lua_pushlightuserdata(l, address);
            ffi::lua_rawset(l, LUA_REGISTRYINDEX);
            let functions: [(&'static u8, ffi::lua_CFunction); 3] =
                [(&HANDLER, handler), (&RUN, run_protected), (&COMPILE, compile_protected)];
            for (name, function) in functions {
                ffi::lua_pushlightuserdata(l, key(name));
                ffi::lua_pushcclosure(l, function, 0);
                ffi::lua_rawset(l, LUA_REGISTRYINDEX);
            }
            ffi::lua_sethook(l, Some(hook), ffi::LUA_MASKCOUNT, INSTRUCTIONS);
        })
    }
}

/// A C function that finds `shared` as its upvalue.
pub(super) fn with_shared(lua: &Lua, function: ffi::lua_CFunction, shared: &Shared) -> mlua::Result<Function> {
    let address = ptr::from_ref(shared).cast_mut().cast::<c_void>();
    // SAFETY: as in `install`.
    unsafe {
        lua.exec_raw((), |l| {
            ffi::lua_pushlightuserdata(l, address);
            ffi::lua_pushcclosure(l, function, 1);
        })
    }
}

/// `pcall` as Redis has it: the error of a command is given as its text.
pub(super) fn text_pcall(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: the function keeps the invariants above.
    unsafe { lua.create_c_function(pcall) }
}

/// The function that makes tables of errors; Redis shows it to scripts.
pub(super) fn error_handler(lua: &Lua) -> mlua::Result<Function> {
    // SAFETY: the function keeps the invariants above.
    unsafe { lua.create_c_function(handler) }
}

/// Puts a function around one that gives its errors behind a mark; see [`function`].
pub(super) fn guarded(lua: &Lua, inner: &Function) -> mlua::Result<Function> {
    // SAFETY: as in `install`; the argument is on the stack, and becomes the upvalue.
    unsafe { lua.exec_raw(inner, |l| ffi::lua_pushcclosure(l, guard, 1)) }
}

/// Makes a table read-only, or no longer so.
pub(super) fn close_table(lua: &Lua, table: &Table, closed: bool) -> mlua::Result<()> {
    // SAFETY: the argument, a table, is on the stack.
    unsafe {
        lua.exec_raw(table, |l| {
            set_readonly(l, -1, c_int::from(closed));
            ffi::lua_settop(l, -2);
        })
    }
}

/// Makes the metatable of strings read-only: it belongs to all scripts.
pub(super) fn close_string_metatable(lua: &Lua) -> mlua::Result<()> {
    // SAFETY: as in `install`. Strings have a metatable since their library was loaded.
    unsafe {
        lua.exec_raw::<()>((), |l| {
            ffi::lua_pushlstring_(l, c"".as_ptr(), 0);
            if ffi::lua_getmetatable(l, -1) != 0 {
                set_readonly(l, -1, 1);
                ffi::lua_settop(l, -2);
            }
            ffi::lua_settop(l, -2);
        })
    }
}

/// Whether scripts' errors can be caught.
pub(super) fn end_script(state: *mut lua_State, ended: bool) {
    // SAFETY: callers hold the interpreter that keeps the state.
    unsafe { set_ended(state, c_int::from(ended)) };
}

/// Takes the value on top off.
pub(super) fn drop_top(state: *mut lua_State) {
    // SAFETY: as in `end_script`; a run has left a value.
    unsafe { ffi::lua_settop(state, -2) };
}

/// Takes off what a panic may have left, so that the state is at rest.
pub(super) fn rest(state: *mut lua_State) {
    // SAFETY: as in `end_script`. Between calls nothing is on the stack.
    unsafe { ffi::lua_settop(state, 0) };
}

/// Has the collector begin when Lua holds so many hundredths of what was left after the last time.
pub(super) fn set_pause(state: *mut lua_State, percent: c_int) {
    // SAFETY: as in `end_script`; it sets a number.
    unsafe { ffi::lua_gc(state, ffi::LUA_GCSETPAUSE, percent) };
}

/// Lets go of what was compiled.
pub(super) fn forget(state: *mut lua_State, code: Code) {
    // SAFETY: as in `end_script`; giving a place back sets two fields that exist.
    unsafe { ffi::luaL_unref(state, LUA_REGISTRYINDEX, code.0) };
}

/// The place of a Lua function that is given.
pub(super) fn keep(lua: &Lua, function: &Function) -> mlua::Result<Code> {
    let mut code = Code(ffi::LUA_NOREF);
    // SAFETY: the argument is on the stack, and taken from it.
    unsafe { lua.exec_raw::<()>(function, |l| code = Code(ffi::luaL_ref(l, LUA_REGISTRYINDEX)))? };
    Ok(code)
}

struct Compile<'a> {
    source: &'a [u8],
    name: &'a CStr,
    code: Code,
}

/// Compiles source text; the error is Lua's text.
pub(super) fn compile(state: *mut lua_State, source: &[u8], name: &CStr) -> Result<Code, Raised> {
    let mut task = Compile { source, name, code: Code(ffi::LUA_NOREF) };
    // SAFETY: `compile_protected` takes a `Compile`, which lives until it returns.
    let called = unsafe { call(state, &COMPILE, ptr::from_mut(&mut task).cast()) };
    // SAFETY: takes what `call` left.
    unsafe { finish(state, called) }?;
    // SAFETY: `call` left a result.
    unsafe { ffi::lua_settop(state, -2) };
    Ok(task.code)
}

unsafe extern "C-unwind" fn compile_protected(l: *mut lua_State) -> c_int {
    // SAFETY: see `compile`; Lua gives C functions 20 places on the stack.
    unsafe {
        let task = &mut *ffi::lua_touserdata(l, 1).cast::<Compile<'_>>();
        let source = task.source.as_ptr().cast::<c_char>();
        if ffi::luaL_loadbuffer(l, source, task.source.len(), task.name.as_ptr()) != 0 {
            ffi::lua_error(l);
        }
        task.code = Code(ffi::luaL_ref(l, LUA_REGISTRYINDEX));
    }
    0
}

/// What is run, and with what.
pub(super) struct Run<'a> {
    pub(super) code: Code,
    pub(super) keys: &'a [&'a [u8]],
    pub(super) args: &'a [&'a [u8]],
    pub(super) passing: Passing,
}

/// How keys and arguments are passed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Passing {
    /// As the globals `KEYS` and `ARGV`.
    Globals,
    Arguments,
    Nothing,
}

/// Runs code. Its value is on the stack afterwards, for `raw_walk` to give and to take off.
pub(super) fn run(state: *mut lua_State, task: &Run<'_>) -> Result<(), Raised> {
    // SAFETY: `run_protected` takes a `Run`, which lives until it returns.
    let called = unsafe { call(state, &RUN, ptr::from_ref(task).cast_mut().cast()) };
    // SAFETY: takes what `call` left.
    unsafe { finish(state, called) }
}

unsafe extern "C-unwind" fn run_protected(l: *mut lua_State) -> c_int {
    // SAFETY: see `run`.
    unsafe {
        let task = &*ffi::lua_touserdata(l, 1).cast::<Run<'_>>();
        ffi::lua_settop(l, 0);
        if matches!(task.passing, Passing::Globals) {
            set_global_list(l, c"ARGV", task.args);
            set_global_list(l, c"KEYS", task.keys);
        }
        ffi::lua_rawgeti_(l, LUA_REGISTRYINDEX, task.code.0);
        let mut args = 0;
        if matches!(task.passing, Passing::Arguments) {
            push_list(l, task.keys);
            push_list(l, task.args);
            args = 2;
        }
        ffi::lua_call(l, args, 1);
    }
    1
}

/// Lists up to this length are filled again.
const REUSED: usize = 16;

/// Sets a global of four letters to a list. The table of the last run is filled again if it looks like a new one, since
/// nothing that could remember it outlives a run; making two tables was a tenth of a short script's time.
///
/// # Safety
/// Within a call, with room for six values.
unsafe fn set_global_list(l: *mut lua_State, name: &CStr, items: &[&[u8]]) {
    // SAFETY: the caller's. The globals are closed again without anything in between that could raise: the two names
    // exist since the sandbox was made, so setting them takes no memory.
    unsafe {
        ffi::lua_pushlstring_(l, name.as_ptr(), 4);
        ffi::lua_pushvalue(l, -1);
        ffi::lua_rawget_(l, LUA_GLOBALSINDEX);
        if items.len() <= REUSED && is_list_of(l, items.len()) {
            fill(l, items);
            ffi::lua_settop(l, -3);
            return;
        }
        ffi::lua_settop(l, -2);
        push_list(l, items);
        set_readonly(l, LUA_GLOBALSINDEX, 0);
        ffi::lua_rawset(l, LUA_GLOBALSINDEX);
        set_readonly(l, LUA_GLOBALSINDEX, 1);
    }
}

/// Whether on top is a table of so many elements, in their order, and nothing else about it.
///
/// # Safety
/// Within a call, with room for two values.
unsafe fn is_list_of(l: *mut lua_State, len: usize) -> bool {
    // SAFETY: the caller's; the walk takes off what it has put there.
    unsafe {
        if ffi::lua_type(l, -1) != ffi::LUA_TTABLE {
            return false;
        }
        if ffi::lua_getmetatable(l, -1) != 0 {
            ffi::lua_settop(l, -2);
            return false;
        }
        let mut found = 0;
        ffi::lua_pushnil(l);
        while ffi::lua_next(l, -2) != 0 {
            ffi::lua_settop(l, -2);
            found += 1;
            if found > len || ffi::lua_type(l, -1) != ffi::LUA_TNUMBER || ffi::lua_tonumber(l, -1) != found as f64 {
                ffi::lua_settop(l, -2);
                return false;
            }
        }
        found == len
    }
}

unsafe fn push_list(l: *mut lua_State, items: &[&[u8]]) {
    // SAFETY: two places on the stack are there in all callers.
    unsafe {
        ffi::lua_createtable(l, c_int::try_from(items.len()).unwrap_or(0), 0);
        fill(l, items);
    }
}

/// Fills the list on top.
unsafe fn fill(l: *mut lua_State, items: &[&[u8]]) {
    // SAFETY: one more place on the stack is there in all callers.
    unsafe {
        for (i, item) in (1..).zip(items) {
            ffi::lua_pushlstring_(l, item.as_ptr().cast(), item.len());
            ffi::lua_rawseti_(l, -2, i);
        }
    }
}

/// Calls one of our functions under the handler. One value is left: the result or the error.
///
/// # Safety
/// The state is alive and at rest, and the function takes `task`.
unsafe fn call(l: *mut lua_State, function: &'static u8, task: *mut c_void) -> c_int {
    // SAFETY: a state at rest has its 20 places; reading what the registry has takes no memory.
    unsafe {
        let base = ffi::lua_gettop(l);
        ffi::lua_pushlightuserdata(l, key(&HANDLER));
        ffi::lua_rawget_(l, LUA_REGISTRYINDEX);
        ffi::lua_pushlightuserdata(l, key(function));
        ffi::lua_rawget_(l, LUA_REGISTRYINDEX);
        ffi::lua_pushlightuserdata(l, task);
        let called = ffi::lua_pcall(l, 1, 1, base + 1);
        ffi::lua_remove(l, base + 1);
        called
    }
}

/// Takes the error off the stack, if there is one.
///
/// # Safety
/// The state is as `call` left it.
unsafe fn finish(l: *mut lua_State, called: c_int) -> Result<(), Raised> {
    if called == 0 {
        return Ok(());
    }
    let mut raised = Raised::default();
    // SAFETY: the error is on top. Only what is a string already is read as one, so that nothing is allocated, and the
    // names of fields exist since the handler used them.
    unsafe {
        if ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
            raised.handled = true;
            raised.text = field(l, c"err").unwrap_or_else(|| b"ERR unknown error".to_vec());
            if let (Some(source), Some(line)) = (field(l, c"source"), field(l, c"line")) {
                let line = std::str::from_utf8(&line).ok().and_then(|t| t.parse().ok()).unwrap_or(0);
                raised.place = Some((source, line));
            }
            ffi::lua_pushlstring_(l, c"ignore_error_stats_update".as_ptr(), 25);
            ffi::lua_rawget_(l, -2);
            raised.counted = ffi::lua_toboolean(l, -1) != 0;
            ffi::lua_settop(l, -2);
        } else {
            raised.text = bytes(l, -1).map_or_else(|| b"execution failure".to_vec(), <[u8]>::to_vec);
        }
        ffi::lua_settop(l, -2);
    }
    Err(raised)
}

/// A field of the table on top, if it is a string or a number.
unsafe fn field(l: *mut lua_State, name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: as in `finish`.
    unsafe {
        ffi::lua_pushlstring_(l, name.as_ptr(), name.count_bytes());
        ffi::lua_rawget_(l, -2);
        let value = if ffi::lua_type(l, -1) == ffi::LUA_TNUMBER {
            let mut text = Vec::new();
            super::numbers::write_g(&mut text, ffi::lua_tonumber(l, -1), 14);
            Some(text)
        } else {
            bytes(l, -1).map(<[u8]>::to_vec)
        };
        ffi::lua_settop(l, -2);
        value
    }
}

/// The bytes of a string on the stack.
///
/// # Safety
/// The slice is used while the string stays on the stack.
pub(super) unsafe fn bytes<'a>(l: *mut lua_State, index: c_int) -> Option<&'a [u8]> {
    // SAFETY: a string's bytes stay where they are while it is alive.
    unsafe {
        if ffi::lua_type(l, index) != ffi::LUA_TSTRING {
            return None;
        }
        let mut len = 0;
        let text = ffi::lua_tolstring(l, index, &raw mut len);
        Some(std::slice::from_raw_parts(text.cast(), len))
    }
}

/// Pushes `{err=text}`, for a command's error with the mark that it was counted.
///
/// # Safety
/// Four places on the stack; the text outlives a jump.
pub(super) unsafe fn push_error(l: *mut lua_State, text: &[u8], counted: bool) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_createtable(l, 0, 2);
        ffi::lua_pushlstring_(l, c"err".as_ptr(), 3);
        ffi::lua_pushlstring_(l, text.as_ptr().cast(), text.len());
        ffi::lua_rawset(l, -3);
        if counted {
            ffi::lua_pushlstring_(l, c"ignore_error_stats_update".as_ptr(), 25);
            ffi::lua_pushboolean(l, 1);
            ffi::lua_rawset(l, -3);
        }
    }
}

/// Makes a table of each error, with the place where it was raised.
unsafe extern "C-unwind" fn handler(l: *mut lua_State) -> c_int {
    // SAFETY: Lua gives C functions 20 places; `lua_getinfo` fills what it is asked for.
    unsafe {
        let mut at: ffi::lua_Debug = std::mem::zeroed();
        // Level 1 raised it; if that is a C function, the place is its caller's.
        let mut known =
            ffi::lua_getstack(l, 1, &raw mut at) != 0 && ffi::lua_getinfo(l, c"Sl".as_ptr(), &raw mut at) != 0;
        if known && CStr::from_ptr(at.what) == c"C" {
            known = ffi::lua_getstack(l, 2, &raw mut at) != 0 && ffi::lua_getinfo(l, c"Sl".as_ptr(), &raw mut at) != 0;
        }
        if ffi::lua_type(l, 1) != ffi::LUA_TTABLE {
            ffi::lua_createtable(l, 0, 3);
            ffi::lua_pushlstring_(l, c"err".as_ptr(), 3);
            ffi::lua_pushlstring_(l, c"ERR ".as_ptr(), 4);
            match ffi::lua_type(l, 1) {
                ffi::LUA_TSTRING | ffi::LUA_TNUMBER => ffi::lua_pushvalue(l, 1),
                ffi::LUA_TBOOLEAN if ffi::lua_toboolean(l, 1) != 0 => ffi::lua_pushlstring_(l, c"true".as_ptr(), 4),
                ffi::LUA_TBOOLEAN => ffi::lua_pushlstring_(l, c"false".as_ptr(), 5),
                ffi::LUA_TNIL => ffi::lua_pushlstring_(l, c"nil".as_ptr(), 3),
                kind => {
                    ffi::lua_pushfstring(l, c"%s: %p".as_ptr(), ffi::lua_typename(l, kind), ffi::lua_topointer(l, 1));
                }
            }
            ffi::lua_concat(l, 2);
            ffi::lua_rawset(l, -3);
            ffi::lua_replace(l, 1);
        }
        if known {
            ffi::lua_settop(l, 1);
            ffi::lua_pushlstring_(l, c"source".as_ptr(), 6);
            ffi::lua_pushstring_(l, at.source);
            ffi::lua_rawset(l, 1);
            ffi::lua_pushlstring_(l, c"line".as_ptr(), 4);
            ffi::lua_pushnumber(l, f64::from(at.currentline));
            ffi::lua_rawset(l, 1);
        }
        ffi::lua_settop(l, 1);
    }
    1
}

unsafe extern "C-unwind" fn pcall(l: *mut lua_State) -> c_int {
    // SAFETY: the function and its arguments are on the stack, with one place more.
    unsafe {
        if ffi::lua_gettop(l) == 0 {
            // Redis calls what it has put there itself, and says so.
            ffi::lua_pushboolean(l, 1);
        }
        let called = ffi::lua_pcall(l, ffi::lua_gettop(l) - 1, ffi::LUA_MULTRET, 0);
        if called != 0 && ended(l) != 0 {
            ffi::lua_error(l);
        }
        if called != 0 && ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
            ffi::lua_pushlstring_(l, c"err".as_ptr(), 3);
            ffi::lua_rawget_(l, -2);
            if ffi::lua_isstring(l, -1) != 0 {
                ffi::lua_replace(l, -2);
            } else {
                ffi::lua_settop(l, -2);
            }
        }
        ffi::luaL_checkstack(l, 1, c"too many results".as_ptr());
        ffi::lua_pushboolean(l, c_int::from(called == 0));
        ffi::lua_insert(l, 1);
        ffi::lua_gettop(l)
    }
}

/// Calls its upvalue, and raises the error that is among the results behind the mark.
unsafe extern "C-unwind" fn guard(l: *mut lua_State) -> c_int {
    // SAFETY: one place more than the arguments; behind the mark are a number and a string.
    unsafe {
        let args = ffi::lua_gettop(l);
        ffi::lua_pushvalue(l, ffi::lua_upvalueindex(1));
        ffi::lua_insert(l, 1);
        ffi::lua_call(l, args, ffi::LUA_MULTRET);
        let results = ffi::lua_gettop(l);
        if results != 3
            || ffi::lua_type(l, 1) != ffi::LUA_TLIGHTUSERDATA
            || ffi::lua_touserdata(l, 1) != function::mark()
        {
            return results;
        }
        match ffi::lua_tonumber(l, 2) as c_int {
            function::AT_CALLER => {
                ffi::luaL_where(l, 1);
                ffi::lua_insert(l, -2);
                ffi::lua_concat(l, 2);
            }
            function::PLAIN => {}
            function::TABLE => push_error(l, bytes(l, 3).unwrap_or_default(), false),
            argument => {
                ffi::luaL_argerror(l, argument, ffi::lua_tolstring(l, 3, ptr::null_mut()));
            }
        }
        ffi::lua_error(l)
    }
}

/// Asks the host whether the script may go on.
unsafe extern "C-unwind" fn hook(l: *mut lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: hooks have 20 places; `Shared` lives as long as Lua.
    unsafe {
        ffi::lua_pushlightuserdata(l, key(&SHARED));
        ffi::lua_rawget_(l, LUA_REGISTRYINDEX);
        let shared = ffi::lua_touserdata(l, -1).cast::<Shared>();
        ffi::lua_settop(l, -2);
        if let Some(shared) = shared.as_ref()
            && ask(shared)
        {
            raise_ended(l);
        }
    }
}

/// Ends the script here and now.
///
/// # Safety
/// Within a call, with four places on the stack.
pub(super) unsafe fn raise_ended(l: *mut lua_State) -> ! {
    // SAFETY: the caller's.
    unsafe {
        set_ended(l, 1);
        push_error(l, b"ERR the script was ended", false);
        // No handler runs from here on, so the place is put in by hand.
        let mut at: ffi::lua_Debug = std::mem::zeroed();
        for level in 0..2 {
            if ffi::lua_getstack(l, level, &raw mut at) != 0
                && ffi::lua_getinfo(l, c"Sl".as_ptr(), &raw mut at) != 0
                && at.currentline >= 0
            {
                ffi::lua_pushlstring_(l, c"source".as_ptr(), 6);
                ffi::lua_pushstring_(l, at.source);
                ffi::lua_rawset(l, -3);
                ffi::lua_pushlstring_(l, c"line".as_ptr(), 4);
                ffi::lua_pushnumber(l, f64::from(at.currentline));
                ffi::lua_rawset(l, -3);
                break;
            }
        }
        ffi::lua_error(l)
    }
}

/// Whether the script is to end.
fn ask(shared: &Shared) -> bool {
    if let Some(Some(why)) = shared.with_host(|host| host.interrupted()) {
        shared.end(why);
    }
    shared.ended.borrow().is_some()
}
