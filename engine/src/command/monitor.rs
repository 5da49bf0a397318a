//! MONITOR: clients that are shown every command as it runs.
//!
//! While nobody monitors, commands pay for one look at a flag. A line is put together once for all who are shown it; a
//! client's own thread sends it, after the reply that is under way.

use std::io::Write;
use std::sync::Arc;

use super::log::redacted;
use super::{Args, Caller, Client, Command, Context, Core, Flags, Group, Reply, Run, Spec};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub(super) const COMMANDS: &[Spec] = &[Spec::new("monitor", 1, Group::Server, Run::Context(&monitor))
    .flags(Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE))
    .docs(
        "1.0.0",
        "Shows every command as it runs.",
        "O(1); every command costs O(N) more, where N is the number of monitors.",
        "",
    )];

/// Who is shown commands.
#[derive(Default)]
pub(crate) struct Monitors {
    /// Whether anybody is.
    on: AtomicBool,
    clients: Mutex<Vec<Arc<Client>>>,
}

impl Monitors {
    /// Whether anybody is shown commands: what costs all others one look.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Shows a command that a client has run in a database. Those for administrators, whose arguments may be secret,
    /// are not shown.
    #[cold]
    pub(super) fn show(&self, clock: &Clock, client: &Client, db: u32, command: &Command, args: &Args<'_>) {
        if !command.flags.intersects(Flags::ADMIN | Flags::SKIP_MONITOR) {
            self.tell(clock, db, &whose(client), args);
        }
    }

    /// Shows a command that a script has called.
    #[cfg(feature = "lua")]
    #[cold]
    pub(super) fn show_of_script(&self, clock: &Clock, db: u32, command: &Command, args: &Args<'_>) {
        if !command.flags.intersects(Flags::ADMIN | Flags::SKIP_MONITOR) {
            self.tell(clock, db, "lua", args);
        }
    }

    fn tell(&self, clock: &Clock, db: u32, from: &str, args: &Args<'_>) {
        let line = line(clock.micros(), db, from, &redacted(args));
        self.clients.lock().iter().for_each(|client| client.push_raw(&line));
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Client>>)) {
        let mut clients = self.clients.lock();
        change(&mut clients);
        self.on.store(!clients.is_empty(), Relaxed);
    }
}

#[cfg(feature = "lua")]
impl Context<'_> {
    /// Shows the command that runs a script: before it runs, so that what the script calls comes behind it.
    pub(super) fn show_to_monitors(&self, args: &Args<'_>) {
        let monitors = &self.core.monitors;
        if monitors.is_on() {
            monitors.tell(self.core.keyspace.clock(), self.caller.db, &whose(&self.caller.client), args);
        }
    }
}

impl Caller {
    /// Is shown no more commands.
    pub(crate) fn monitor_nothing(&mut self, core: &Core) {
        if self.client.has_flag(Client::MONITOR) {
            self.client.set_flag(Client::MONITOR, false);
            core.monitors.change(|clients| clients.retain(|client| client.id != self.client.id));
        }
    }
}

fn monitor(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if context.held.is_some() {
        return Err(Error::new("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    context.caller.must_hear()?;
    let client = &context.caller.client;
    // Whoever monitors already is not even answered.
    if !client.has_flag(Client::MONITOR) {
        client.set_flag(Client::MONITOR, true);
        context.core.monitors.change(|clients| clients.push(client.clone()));
        reply.ok();
    }
    Ok(())
}

/// How a client is called.
fn whose(client: &Client) -> String {
    let origin = &client.origin;
    match (origin.addr.as_str(), origin.unix) {
        ("", _) => "embedded".into(),
        (path, true) => format!("unix:{}", path.strip_suffix(":0").unwrap_or(path)),
        (addr, false) => addr.to_owned(),
    }
}

/// What is shown of a command: when, in which database, whose, and the arguments in quotes.
fn line(micros: u64, db: u32, from: &str, argv: &[&[u8]]) -> Vec<u8> {
    let mut line = format!("+{}.{:06} [{db} {from}]", micros / 1_000_000, micros % 1_000_000).into_bytes();
    for arg in argv {
        line.extend_from_slice(b" \"");
        quote(&mut line, arg);
        line.push(b'"');
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Writes bytes as what could stand between quotes in C.
fn quote(line: &mut Vec<u8>, arg: &[u8]) {
    for &byte in arg {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x07 => line.extend_from_slice(b"\\a"),
            0x08 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            // Writing into memory cannot fail.
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
}
