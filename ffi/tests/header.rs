//! The header that is checked in is the one that cbindgen makes of the sources.
//!
//! To write it anew: `CARNELIAN_WRITE_DOCS=1 cargo test -p carnelian-ffi --test header`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

const ABOUT: &str = "\
/*
 * Carnelian: Redis as a library. The engine inside your own program, without a server.
 *
 * Handles are opaque, and pointers in type only: one that was closed, or never was one, is an error and no crash. A call
 * that fails returns NULL, -1 or what its comment says, has changed nothing, and leaves its reason in carnelian_last_error.
 * No function ends the program.
 *
 * Threads: any number of threads may use an engine. A session is for one call at a time: another one meanwhile fails.
 * carnelian_disconnect and carnelian_close may be called while others wait in a session, whose commands then end with an
 * error. Replies belong to whoever received them, and outlive engine and session.
 *
 * After fork the child has no engine: its calls with handles of the parent fail, and touch nothing that is the parent's.
 *
 * This file is made of the sources of the library; do not change it.
 */";

/// The comments without what they say to Rust: a section `# Safety`, up to the comment's end.
fn without_rust(header: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in header.lines() {
        if line.trim() == "* # Safety" {
            skipping = true;
            while lines.last().is_some_and(|last| last.trim() == "*") {
                lines.pop();
            }
        }
        skipping &= line.trim() != "*/";
        if !skipping {
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_root_or_default(root);
    config.header = Some(ABOUT.into());
    let mut sources = cbindgen::Builder::new().with_config(config);
    for source in ["handles", "engine", "session", "reply"] {
        sources = sources.with_src(root.join(format!("src/abi/{source}.rs")));
    }
    sources = sources.with_src(root.join("src/reply.rs"));
    let mut made = Vec::new();
    sources.generate().unwrap().write(&mut made);
    let made = without_rust(&String::from_utf8(made).unwrap());
    let path = root.join("include/carnelian.h");
    if std::env::var_os("CARNELIAN_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == made,
        "include/carnelian.h is out of date; write it with CARNELIAN_WRITE_DOCS=1 cargo test -p carnelian-ffi --test header"
    );
}
