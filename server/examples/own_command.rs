//! A command of one's own, written in Rust and called by any Redis client.
//!
//! ```text
//! $ cargo run --release -p carnelian-server --example own_command
//! $ redis-cli -p 7777 SET greeting hello
//! OK
//! $ redis-cli -p 7777 APPENDIF greeting hello ', world'
//! (integer) 12
//! $ redis-cli -p 7777 APPENDIF greeting hello '!'
//! (integer) -1
//! $ redis-cli -p 7777 GET greeting
//! "hello, world"
//! ```
//!
//! What it takes are three things, the same that Carnelian's own commands are made of:
//!
//! 1. a *declaration*, the [`Spec`]: name, arity, flags, where its keys are. `COMMAND`, the locks and clients in a
//!    cluster all go by it;
//! 2. a *command*: a function that reads the arguments and writes the reply;
//! 3. an *operation*: a function on the keyspace that knows nothing of the protocol. It sees the keys through a
//!    [`View`], which holds their locks, so that nobody else comes in between.

use std::error::Error;

use carnelian::command::{Args, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use carnelian::keyspace::{Key, View};
use carnelian::operation::string;
use carnelian::{Engine, Options, Result};
use carnelian_server::{Config, directives, serve};

/// The declaration. The arity counts the name, and `WRITE` makes the engine lock the key for writing; `DENYOOM` has the
/// command refused when memory is used up.
const APPENDIF: Spec = Spec::new("appendif", 4, Group::String, Run::Keys(&appendif_command))
    .flags(Flags::WRITE.union(Flags::DENYOOM).union(Flags::FAST))
    .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
    .docs("1.0.0", "Appends to a string if it ends in what is expected.", "O(N)", "key expected suffix");

/// The command: from arguments to the operation, and from its result to a reply.
///
/// An error that is returned, such as WRONGTYPE from the operation, becomes the reply by itself.
fn appendif_command(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    match appendif(view, &args.key(1), args.get(2), args.get(3))? {
        Some(length) => reply.count(length),
        None => reply.int(-1),
    }
    Ok(())
}

/// The operation: appends `suffix` to a string that ends in `expected`. Returns its new length, or `None` if it has not
/// been changed.
///
/// Every check comes before the first change, so that an error leaves everything as it was.
fn appendif(view: &mut View<'_>, key: &Key<'_>, expected: &[u8], suffix: &[u8]) -> Result<Option<usize>> {
    let Some(old) = string::get(view, key)? else { return Ok(None) };
    let mut value = old.to_vec();
    if !value.ends_with(expected) {
        return Ok(None);
    }
    value.extend_from_slice(suffix);
    // An operation of the engine also leaves what replicas and logs will be told.
    string::set(view, key, &value, None);
    Ok(Some(value.len()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(7777), |port| port.parse())?;
    let engine = Engine::open(directives::register(Options::new()).command(APPENDIF))?;
    let server = serve(&engine, &Config::new().listen("127.0.0.1", port))?;
    println!("redis-cli -p {} APPENDIF greeting hello ', world'", server.addresses()[0].port());
    server.wait()?;
    Ok(())
}
