//! From a request to its command: the chain of refusals, the locks, the call.
//!
//! The refusals stand in Redis's order. A stage whose feature is still to come answers "pass", so that the feature
//! finds its place.

use std::ops::Range;

use super::args::positions_to_lock;
use super::blocking;
use super::registry::Keys;
use super::tracking;
use super::{Args, Caller, Client, Command, Context, Core, Flags, Registry, Reply, ReplyMode, Run, ViewFn};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{ElementOf, View};
use crate::table::KeyHasher;
use crate::value;

/// A request with its command found and its keys hashed, ahead of its turn.
#[derive(Debug, Default, Clone)]
pub struct Prepared {
    /// Which of the keys in the batch's list are its own.
    pub keys: Range<usize>,
}

/// The keys of a batch of requests: positions among the arguments, and hashes.
#[derive(Debug, Default)]
pub struct BatchKeys {
    positions: Vec<usize>,
    hashes: Vec<u64>,
    elements: Vec<ElementOf>,
}

impl BatchKeys {
    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.positions.clear();
        self.hashes.clear();
        self.elements.clear();
    }

    /// What the commands will look up in the collections of their keys.
    pub fn elements(&self) -> &[ElementOf] {
        &self.elements
    }

    /// All hashes.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Hashes the keys of a request. One whose keys cannot be told has none; its command will say why.
    #[inline]
    pub fn add(&mut self, command: Option<&Command>, argv: &[&[u8]], hasher: &KeyHasher) -> Range<usize> {
        let first = self.hashes.len();
        match command.map_or(Keys::None, |c| c.keys) {
            Keys::None => {}
            Keys::One(i) => {
                if let Some(key) = argv.get(i) {
                    let hash = hasher.hash(key);
                    self.positions.push(i);
                    self.hashes.push(hash);
                    self.add_element(command, argv, hash);
                }
            }
            Keys::Every { first, step, but } => {
                for i in (first..argv.len().saturating_sub(but)).step_by(step) {
                    self.positions.push(i);
                    self.hashes.push(hasher.hash(argv[i]));
                }
            }
            Keys::Counted(at) => {
                let count = argv.get(at).and_then(|n| num::parse_i64(n)).and_then(|n| usize::try_from(n).ok());
                let rest = argv.get(at + 1..).unwrap_or_default();
                // Of a number that cannot be there are none.
                for (i, key) in rest.get(..count.unwrap_or(0)).unwrap_or_default().iter().enumerate() {
                    self.positions.push(at + 1 + i);
                    self.hashes.push(hasher.hash(key));
                }
            }
            Keys::BySpec => {
                let positions = command.and_then(|c| positions_to_lock(&c.spec, argv).ok()).unwrap_or_default();
                self.hashes.extend(positions.iter().map(|&p| hasher.hash(argv[p])));
                self.positions.extend(positions);
            }
        }
        first..self.hashes.len()
    }

    #[inline]
    fn add_element(&mut self, command: Option<&Command>, argv: &[&[u8]], key: u64) {
        let at = command.map_or(0, |c| c.spec.element);
        if at > 0
            && let Some(element) = argv.get(at)
        {
            self.elements.push(ElementOf { key, element: value::hasher().hash(element) });
        }
    }

    /// The arguments of a request with its keys.
    pub fn args<'a>(&'a self, argv: &'a [&'a [u8]], keys: Range<usize>, hasher: &'a KeyHasher) -> Args<'a> {
        Args::new(argv, &self.positions[keys.clone()], &self.hashes[keys], hasher)
    }
}

/// Finds the command of a request, and the subcommand if it has some and the second argument names one.
#[inline]
pub fn find<'r>(registry: &'r Registry, argv: &[&[u8]]) -> Option<&'r Command> {
    let command = registry.get(argv.first()?)?;
    if command.is_container() && argv.len() > 1 { command.subcommand(argv[1]).or(Some(command)) } else { Some(command) }
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was answered.
    Done,
    /// It was refused before it ran.
    Refused,
    /// It ran and failed.
    Failed,
    /// It waits for EXEC.
    Queued,
    /// Clients are paused: try again later, nothing was done.
    Postponed,
    /// It waits, and its reply is to come.
    Blocked,
}

/// Runs a request and writes its reply.
#[inline]
pub fn dispatch(
    core: &Core,
    caller: &mut Caller,
    now: u64,
    command: Option<&Command>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    // What most callers do not care for, looked at once.
    let (queueing, shown) = (caller.is_queueing(), core.monitors.is_on());
    let command = match refuse(core, caller, now, command, args, (queueing, shown)) {
        Ok(Some(command)) => command,
        Ok(None) => return Outcome::Postponed,
        Err(error) => {
            let error = if queueing && command.is_some_and(|c| c.spec.name == "exec") {
                // A transaction that may not run now does not run later either.
                caller.end_transaction(core);
                let why = error.text();
                Error::new(format!(
                    "EXECABORT Transaction discarded because of: {}",
                    why.strip_prefix("ERR ").unwrap_or(&why)
                ))
            } else {
                caller.break_transaction();
                error
            };
            core.stats.error(&error);
            reply.error(&error);
            return Outcome::Refused;
        }
    };
    if queueing && is_queued(command) {
        caller.queue(command, args, reply);
        return Outcome::Queued;
    }
    let tracks = core.tracking.is_on();
    if tracks {
        tracking::begin(core, caller, command, args);
    }
    let result = call(core, caller, now, command, args, reply);
    if tracks {
        tracking::end(caller, command);
    }
    if shown {
        core.monitors.show(core.keyspace.clock(), &caller.client, caller.db, command, args);
    }
    match result {
        Ok(outcome) => outcome,
        Err(error) => {
            core.stats.error(&error);
            reply.error(&error);
            Outcome::Failed
        }
    }
}

fn refuse<'r>(
    core: &Core,
    caller: &Caller,
    now: u64,
    command: Option<&'r Command>,
    args: &Args<'_>,
    (queueing, shown): (bool, bool),
) -> Result<Option<&'r Command>> {
    let command = known(command, args)?;
    if !command.spec.accepts(args.len()) {
        return Err(Error::arity(&command.full_name));
    }
    if caller.replays {
        return Ok(Some(command));
    }
    authenticated(core, caller, command)?;
    if queueing {
        not_queueing(command)?;
    }
    permitted(caller, command)?;
    in_this_node(core, args)?;
    enough_memory(core, now, command)?;
    disk_works(core, command)?;
    writable(core, command)?;
    loaded(core, command)?;
    not_busy(core, command)?;
    if shown {
        not_monitoring(caller, command)?;
    }
    if paused(core, now, command) {
        return Ok(None);
    }
    Ok(Some(command))
}

fn known<'r>(command: Option<&'r Command>, args: &Args<'_>) -> Result<&'r Command> {
    match command {
        None => Err(unknown(args)),
        Some(container) if container.is_container() && args.len() > 1 => Err(unknown_subcommand(container, args)),
        Some(command) => Ok(command),
    }
}

fn unknown_subcommand(container: &Command, args: &Args<'_>) -> Error {
    let name = args.get(1);
    let container = container.spec.name.to_ascii_uppercase();
    Error::quoting("ERR unknown subcommand '", &name[..name.len().min(128)], &format!("'. Try {container} HELP."))
}

/// The error for an unknown command, which quotes the beginning of its arguments.
fn unknown(args: &Args<'_>) -> Error {
    const QUOTED: usize = 128;
    let cut =
        |bytes: &[u8], max: usize| bytes[..bytes.len().min(max)].split(|&b| b == 0).next().unwrap_or(b"").to_vec();
    let mut quoted: Vec<u8> = Vec::new();
    for arg in args.from(1) {
        if quoted.len() >= QUOTED {
            break;
        }
        quoted.push(b'\'');
        quoted.extend(cut(arg, QUOTED - (quoted.len() - 1)));
        quoted.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend(cut(args.get(0), QUOTED));
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend(quoted);
    Error::new(text)
}

fn authenticated(core: &Core, caller: &Caller, command: &Command) -> Result<()> {
    // Whoever came while a password was demanded may stay when it no longer is.
    if caller.authenticated || command.flags.contains(Flags::NO_AUTH) || !core.auth.is_required() {
        Ok(())
    } else {
        Err(Error::NO_AUTH)
    }
}

/// What makes no sense in a transaction. MULTI and WATCH say so themselves, and break nothing.
#[cold]
fn not_queueing(command: &Command) -> Result<()> {
    if command.flags.contains(Flags::NO_MULTI) && is_queued(command) {
        return Err(Error::new(format!("ERR Command '{}' not allowed inside a transaction", command.full_name)));
    }
    Ok(())
}

/// Whether a command waits for EXEC while commands are queued.
fn is_queued(command: &Command) -> bool {
    !matches!(command.spec.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
}

/// ACL: one user so far, who may do everything. Whoever hears channels in RESP2 cannot be answered much.
fn permitted(caller: &Caller, command: &Command) -> Result<()> {
    if caller.subscriptions.is_none() || caller.resp3 || !caller.client.is_subscriber() {
        return Ok(());
    }
    match command.spec.name {
        "ping" | "subscribe" | "ssubscribe" | "psubscribe" | "unsubscribe" | "sunsubscribe" | "punsubscribe"
        | "quit" | "reset" => Ok(()),
        _ => Err(Error::new(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
             context",
            command.full_name
        ))),
    }
}

/// Cluster redirects: one node so far.
fn in_this_node(_core: &Core, _args: &Args<'_>) -> Result<()> {
    Ok(())
}

fn enough_memory(core: &Core, now: u64, command: &Command) -> Result<()> {
    if core.keyspace.make_room(now) || !command.flags.contains(Flags::DENYOOM) {
        Ok(())
    } else {
        Err(Error::OUT_OF_MEMORY)
    }
}

/// MISCONF: what would be changed could not be kept.
fn disk_works(core: &Core, command: &Command) -> Result<()> {
    match core.refuses_writes() {
        Some(error) if command.flags.contains(Flags::WRITE) || command.spec.name == "ping" => Err(error),
        _ => Ok(()),
    }
}

/// READONLY and NOREPLICAS: no replication yet.
fn writable(_core: &Core, _command: &Command) -> Result<()> {
    Ok(())
}

/// LOADING: the keys are still being read.
fn loaded(core: &Core, command: &Command) -> Result<()> {
    if core.loading.is_on() && !command.flags.contains(Flags::LOADING) { Err(Error::LOADING) } else { Ok(()) }
}

/// BUSY: a script has run for too long.
#[inline]
fn not_busy(core: &Core, command: &Command) -> Result<()> {
    let refused = core.keyspace.is_busy() && !command.flags.contains(Flags::ALLOW_BUSY);
    if refused && core.is_held_whole() { Err(core.busy()) } else { Ok(()) }
}

/// Who monitors does nothing else with keys; Redis thinks of them as of replicas.
#[cold]
fn not_monitoring(caller: &Caller, command: &Command) -> Result<()> {
    let about_keys =
        command.flags.intersects(Flags::READONLY | Flags::WRITE) || matches!(command.spec.name, "publish" | "spublish");
    if about_keys && caller.client.has_flag(Client::MONITOR) {
        return Err(Error::new("ERR Replica can't interact with the keyspace"));
    }
    Ok(())
}

/// `CLIENT PAUSE`.
fn paused(core: &Core, now: u64, command: &Command) -> bool {
    core.clients.paused(now).is_some_and(|p| !p.writes_only || command.flags.contains(Flags::WRITE))
}

// Always, as for what it calls: a view that is moved from its making to its use costs as much as a look-up.
#[inline(always)]
fn call(
    core: &Core,
    caller: &mut Caller,
    now: u64,
    command: &Command,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<Outcome> {
    let access = command.access;
    match command.spec.run {
        Run::Keys(run) => {
            let mut view = View::of(&core.keyspace, caller.db, now, access, args.keys().map(|k| k.hash))?;
            on_view(caller, run, &mut view, args, reply)
        }
        Run::Everything(run) => {
            on_view(caller, run, &mut View::all(&core.keyspace, caller.db, now, access)?, args, reply)
        }
        Run::Context(run) => {
            let mut context = Context { core, caller, now, position: 0, held: None };
            let result = run(&mut context, args, reply);
            let position = context.position;
            reply.depends_on(position);
            result.map(|()| Outcome::Done)
        }
        Run::Blocking(run) => blocking::call(core, caller, now, (run, access), args, reply),
        Run::Container => Err(Error::arity(&command.full_name)),
    }
}

#[inline(always)]
fn on_view(
    caller: &mut Caller,
    run: &ViewFn,
    view: &mut View<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<Outcome> {
    if caller.no_touch {
        view.no_touch();
    }
    let result = run(view, args, reply);
    let (position, reads) = view.end();
    caller.reads += reads;
    reply.depends_on(position);
    result.map(|()| Outcome::Done)
}

/// Drops or keeps a reply as the caller wants it: called after each command with the output's length before it.
pub fn apply_reply_mode(caller: &mut Caller, output: &mut super::Output, before: usize) {
    match caller.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => output.truncate(before),
        ReplyMode::SkipNext => {
            output.truncate(before);
            caller.reply_mode = ReplyMode::Skip;
        }
        ReplyMode::Skip => {
            output.truncate(before);
            caller.reply_mode = ReplyMode::On;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is prepared for speed finds what the specs say, whatever the arguments are.
    #[test]
    fn prepared_keys_are_those_of_the_specs() {
        let registry = Registry::new(super::super::ENGINE.iter().copied().flatten());
        let hasher = KeyHasher::seeded(7);
        let words: [&[u8]; 8] = [b"0", b"1", b"2", b"3", b"9", b"-1", b"x", b"9223372036854775807"];
        let (mut compared, mut counted) = (0, 0);
        for command in registry.all_and_sub().filter(|command| command.keys != Keys::BySpec) {
            for len in 1..7 {
                for shift in 0..words.len() {
                    let argv: Vec<&[u8]> = (0..len).map(|i| words[(i * 3 + shift) % words.len()]).collect();
                    if !command.spec.accepts(len) {
                        continue;
                    }
                    let mut keys = BatchKeys::default();
                    keys.add(Some(command), &argv, &hasher);
                    let expected = positions_to_lock(&command.spec, &argv).unwrap_or_default();
                    assert_eq!(keys.positions[..], expected[..], "{} {argv:?}", command.full_name);
                    compared += 1;
                    counted += usize::from(matches!(command.keys, Keys::Counted(_)) && !expected.is_empty());
                }
            }
        }
        assert!(compared > 1000 && counted > 20, "{compared}, {counted}");
    }
}
