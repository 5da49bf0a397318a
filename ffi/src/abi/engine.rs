//! Engines, servers, the clock, and what went wrong.
#![allow(unsafe_code)]

use std::ffi::{OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{carnelian_engine, pointers};
use crate::engine::{self, Place};
use crate::error::{self, Failure, guard};

/// The version of this library.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// What went wrong in the last call of this thread that failed; "" if none has. Valid until the thread's next call.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_last_error() -> *const c_char {
    error::last()
}

/// Opens an engine. path: the directory that keeps its keys, which is made if it is not there; NULL for memory only.
/// options: n_options pairs of a name and a value: the directives of redis.conf ("maxmemory" "100mb", "appendfsync"
/// "always"), and for tests "manual-clock" with milliseconds since 1970 (see carnelian_advance_clock). NULL, with
/// carnelian_last_error, if it cannot be opened.
///
/// # Safety
/// path is NULL or a string; options are 2 * n_options strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_open(
    path: *const c_char,
    options: *const *const c_char,
    n_options: usize,
) -> *mut carnelian_engine {
    guard(std::ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let (path, pairs) = unsafe { (pointers::string(path), pointers::pairs(options, n_options)?) };
        let path = path.map(|path| Path::new(OsStr::from_bytes(path.to_bytes())));
        if path.is_some_and(|path| path.as_os_str().is_empty()) {
            return Err(Failure::new("ERR the path is empty"));
        }
        engine::open(path, &pairs).map(std::ptr::without_provenance_mut)
    })
}

/// Gives C an engine that Rust has opened, for programs of both. It is closed as any other. NULL if that cannot be.
pub fn adopt(engine: carnelian::Engine) -> *mut carnelian_engine {
    guard(std::ptr::null_mut(), || engine::adopt(engine).map(std::ptr::without_provenance_mut))
}

/// Ends an engine for everybody: its sessions and its servers end, commands that wait are answered with an error, and
/// changes are brought to the disk. Returns 0, or -1 with carnelian_last_error; it is closed all the same, unless it was
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_close(engine: *mut carnelian_engine) -> c_int {
    guard(-1, || engine::close(engine.addr()).map(|()| 0))
}

/// Serves Redis clients until the engine is closed. host and port: a TCP address, of which NULL is 127.0.0.1 and 0 a port
/// that is free; a host that begins with '/' is the path of a Unix socket. Returns the port (0 for a Unix socket), or -1.
///
/// # Safety
/// host is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_serve(engine: *mut carnelian_engine, host: *const c_char, port: c_int) -> c_int {
    guard(-1, || {
        // SAFETY: as the caller promises.
        let place = match unsafe { pointers::string(host) }.map(std::ffi::CStr::to_bytes) {
            Some(path) if path.starts_with(b"/") => Place::Unix(Path::new(OsStr::from_bytes(path)).to_owned()),
            host => {
                let host = str::from_utf8(host.unwrap_or(b"127.0.0.1"));
                let host = host.map_err(|_| Failure::new("ERR the host is not UTF-8"))?;
                let port = u16::try_from(port).map_err(|_| Failure::new("ERR the port is not between 0 and 65535"))?;
                Place::Tcp(host, port)
            }
        };
        engine::serve(engine.addr(), place).map(c_int::from)
    })
}

/// Turns a manual clock forward. Returns 0, or -1 if the engine was opened without one.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_advance_clock(engine: *mut carnelian_engine, millis: u64) -> c_int {
    guard(-1, || engine::advance_clock(engine.addr(), millis).map(|()| 0))
}
