//! Lua as Redis sets it up: the interpreter, its libraries and its sandbox. It knows of no keys and no commands; whoever
//! uses it lends a [`Host`] for each run, and takes what comes back through a [`Visitor`].
//!
//! | file | what |
//! |---|---|
//! | `interpreter` | compiles and runs scripts, loads libraries |
//! | `host` | the two sides that its user has |
//! | `state`, `shared` | a Lua state as one thing; what its functions share with it |
//! | `raw`, `raw_call`, `raw_walk`, `raw_tables` | Lua's C interface: runs, `redis.call`, returned values, tables |
//! | `sandbox`, `api`, `library`, `random` | globals; the table `redis`; loading of functions; `math.random` |
//! | `bit`, `structs`, `cjson`, `cmsgpack` | the libraries |
//! | `function`, `arguments`, `numbers` | how functions in Rust are made, read what they are given, and write numbers |
//!
//! Invariants: whatever a script does, the state can be used again afterwards; nothing that scripts share can be changed
//! by one of them; and when the host has ended a script, nothing of it runs any more.
//!
//! Lua itself, with what is fixed in it, is the crate `carnelian-lua51`.

mod api;
mod arguments;
mod bit;
mod cjson;
mod cmsgpack;
mod function;
mod host;
mod interpreter;
mod library;
mod numbers;
mod random;
mod raw;
mod raw_call;
mod raw_tables;
mod raw_walk;
mod sandbox;
mod shared;
mod state;
mod structs;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;

use sha1::{Digest, Sha1};

pub use host::{Host, LogLevel, Visitor};
pub use interpreter::{Call, Dialect, Failure, Interpreter, LoadedFunction, Script};
pub use library::FunctionFlags;

/// The name of a script: the SHA1 of its source in hexadecimal.
pub fn script_sha(source: &[u8]) -> String {
    hex(&Sha1::digest(source))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
