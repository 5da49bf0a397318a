//! Lua 5.1.5 as it was published, with the security fixes that came to light since, and the few functions by which
//! Carnelian keeps scripts in their box. It carries C sources and links them; `mlua-sys` declares Lua's own functions.
//!
//! What differs from the published sources stands in README.md, and beside each change a comment that begins with
//! `Carnelian:`.

#![allow(unsafe_code)]

use std::ffi::c_int;

pub use mlua_sys as ffi;

use ffi::lua_State;

unsafe extern "C" {
    /// Makes the table at an index read-only, or no longer so.
    ///
    /// # Safety
    /// The state is alive, and there is a table at the index.
    #[link_name = "carnelian_lua_setreadonly"]
    pub fn set_readonly(state: *mut lua_State, index: c_int, readonly: c_int);

    /// From here on errors cannot be caught by scripts: neither do handlers of `xpcall` run, nor do `pcall`, `xpcall` and
    /// `coroutine.resume` return. With 0 all is as before.
    ///
    /// # Safety
    /// The state is alive.
    #[link_name = "carnelian_lua_setended"]
    pub fn set_ended(state: *mut lua_State, ended: c_int);

    /// Whether a script was ended and is being left.
    ///
    /// # Safety
    /// The state is alive.
    #[link_name = "carnelian_lua_ended"]
    pub fn ended(state: *mut lua_State) -> c_int;
}
