//! Figures about scripts, which there are none of without the feature `lua`.

use super::Core;

/// What INFO says of scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptFigures {
    /// Scripts that are known by their SHA1.
    pub(crate) scripts: usize,
    /// Scripts that were let go for others.
    pub(crate) evicted: u64,
    pub(crate) libraries: usize,
    pub(crate) functions: usize,
    /// Bytes of the sources, and of what is kept beside them.
    pub(crate) script_bytes: usize,
    pub(crate) function_bytes: usize,
    /// Bytes that Lua has for scripts, and for functions.
    pub(crate) lua_for_scripts: usize,
    pub(crate) lua_for_functions: usize,
}

impl Core {
    /// Figures about scripts. O(interpreters).
    pub(crate) fn script_figures(&self) -> ScriptFigures {
        #[cfg(feature = "lua")]
        return self.scripts.figures();
        #[cfg(not(feature = "lua"))]
        ScriptFigures::default()
    }
}
