//! Compiles Lua. A C compiler is all it takes.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let sources = Path::new("src/lua");
    println!("cargo:rerun-if-changed={}", sources.display());
    let mut build = cc::Build::new();
    for file in fs::read_dir(sources)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "c") {
            build.file(path);
        }
    }
    if env::var_os("CARGO_CFG_UNIX").is_some() {
        // Errors are long jumps; without saving signal masks they cost a third.
        build.define("LUA_USE_ULONGJMP", None);
    }
    if env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        // What Lua takes for granted, of itself and of who calls it, is looked at in tests.
        build.define("LUA_USE_APICHECK", None).define("lua_assert", "assert");
    }
    // Tests run scripts too, so Lua is fast in every profile.
    build
        .opt_level(2)
        .warnings(false)
        .include(sources)
        .cargo_metadata(false)
        .try_compile("carnelian_lua51")
        .map_err(io::Error::other)?;
    // Whole: `mlua-sys`, which calls these functions, may come later in the linker's line.
    println!("cargo:rustc-link-search=native={}", env::var("OUT_DIR").unwrap_or_default());
    println!("cargo:rustc-link-lib=static:+whole-archive=carnelian_lua51");
    Ok(())
}
