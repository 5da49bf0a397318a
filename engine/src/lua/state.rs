//! A Lua state and all that points into it, as one thing that can go from thread to thread.
//!
//! Invariant: everything that reaches this state is in here: `mlua`'s handle, the functions' shared cell (counted by
//! the closures within Lua as well), the address of the state. None of it is given out: what leaves this room are
//! numbers of places in Lua's registry and plain values. `mlua`'s own feature `send` would lock at each call instead.

#![allow(unsafe_code)]

use std::rc::Rc;

use carnelian_lua51::ffi::lua_State;
use mlua::Lua;

use super::raw;
use super::sandbox::Fronts;
use super::shared::Shared;

/// See the module.
pub(super) struct State {
    pub(super) lua: Lua,
    /// What stands behind the globals of functions.
    pub(super) fronts: Option<Fronts>,
    /// The main thread of `lua`.
    pub(super) raw: *mut lua_State,
    pub(super) shared: Rc<Shared>,
}

// SAFETY: the counts of `Rc` and the cells are touched only by whoever has the `State`, since all that share them are
// within it, and it is not `Sync`. Lua itself knows of no threads: it uses what it is given, wherever it is called.
unsafe impl Send for State {}

impl State {
    pub(super) fn new(lua: Lua) -> mlua::Result<Self> {
        let shared = Rc::new(Shared::new());
        raw::install(&lua, &shared)?;
        Ok(Self { fronts: None, raw: raw::state(&lua)?, lua, shared })
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // Everything that scripts left is collected while all of Lua is still there, and not in the middle of its end
        // (CVE-2024-46981).
        let _ = self.lua.gc_collect();
    }
}
