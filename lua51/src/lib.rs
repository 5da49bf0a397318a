//! Lua 5.1.5 as it was published, with the security fixes that came to light since, and the few functions by which
//! Carnelian keeps scripts in their box. It carries C sources and links them; `mlua-sys` declares Lua's own functions.
//!
//! What differs from the published sources stands in README.md, and beside each change a comment that begins with
//! `Carnelian:`.

// Linked by the build script; named here so that the declarations cannot be had without the library.
pub use mlua_sys as ffi;
