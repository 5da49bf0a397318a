//! MULTI: commands that are queued and then run as one, and WATCH, which makes that depend on keys not having changed.
//!
//! EXEC locks all stripes that its commands need and those of the watched keys, looks whether the watched keys are
//! still what they were, and runs the commands on that one view. What they change becomes one entry of the log.

use std::ops::Range;

use super::context::Holding;
use super::dispatch::BatchKeys;
use super::tracking;
use super::{
    Args, Caller, Categories, Command, Context, Core, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec, Streak,
};
use crate::error::{Error, Result};
use crate::keyspace::{Access, View, WatchedKeys};
use crate::stopwatch::Stopwatch;
use crate::sync::atomic::Ordering::Relaxed;

const BASE: Flags = Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE);
const EASY: Flags = BASE.union(Flags::FAST).union(Flags::ALLOW_BUSY);

const fn spec(name: &'static str, arity: i32, flags: Flags, run: Run) -> Spec {
    Spec::new(name, arity, Group::Transactions, run).flags(flags).categories(Categories::TRANSACTION)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("discard", 1, EASY, Run::Context(&discard)).docs(
        "2.0.0",
        "Forgets the commands that were queued.",
        "O(N) where N is the number of queued commands.",
        "",
    ),
    spec("exec", 1, BASE.union(Flags::SKIP_COMMANDLOG), Run::Context(&exec)).docs(
        "1.2.0",
        "Runs the commands that were queued, as one.",
        "That of the commands.",
        "",
    ),
    spec("multi", 1, EASY.union(Flags::NO_MULTI), Run::Context(&multi)).docs(
        "1.2.0",
        "Queues the commands that follow.",
        "O(1)",
        "",
    ),
    spec("unwatch", 1, EASY, Run::Context(&unwatch)).docs(
        "2.2.0",
        "Forgets the watched keys.",
        "O(N) where N is the number of watched keys.",
        "",
    ),
    spec("watch", -2, EASY.union(Flags::NO_MULTI), Run::Context(&watch))
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RO)])
        .docs(
            "2.2.0",
            "Lets the next transaction happen only if some keys have not changed until then.",
            "O(1) for each key.",
            "key [key ...]",
        ),
];

/// What a session has queued and watches.
#[derive(Default)]
pub(crate) struct Transaction {
    /// Between MULTI and EXEC.
    open: bool,
    /// A command was refused: EXEC will be, too.
    broken: bool,
    queue: Queue,
    watched: WatchedKeys,
}

/// Requests, one behind the other.
#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Where the arguments of all requests are.
    args: Vec<Range<usize>>,
    requests: Vec<Queued>,
    hashes: Vec<u64>,
    /// All flags of all commands.
    flags: Flags,
    /// Whether a command needs more than the stripes of its keys.
    needs_everything: bool,
}

struct Queued {
    command: u32,
    args: Range<usize>,
}

impl Queue {
    /// Bytes that it takes.
    fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.args.capacity() * size_of::<Range<usize>>()
            + self.requests.capacity() * size_of::<Queued>()
            + self.hashes.capacity() * size_of::<u64>()
    }

    fn push(&mut self, command: &Command, args: &Args<'_>) {
        let first = self.args.len();
        for arg in args.all() {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(arg);
            self.args.push(start..self.bytes.len());
        }
        self.hashes.extend(args.keys().map(|key| key.hash));
        self.flags |= command.flags;
        self.needs_everything |= needs_everything(command);
        self.requests.push(Queued { command: command.number, args: first..self.args.len() });
    }
}

/// Whether a command needs more than the stripes of its keys.
pub(super) fn needs_everything(command: &Command) -> bool {
    match command.spec.run {
        Run::Keys(_) | Run::Blocking(_) | Run::Container => false,
        Run::Everything(_) => true,
        // Who looks at keys beyond its own says so by its flags.
        Run::Context(_) if command.spec.group == Group::Scripting => true,
        Run::Context(_) => {
            let is_about_keys = command.flags.intersects(Flags::READONLY | Flags::WRITE | Flags::ADMIN)
                || command.spec.group == Group::Server
                || command.spec.group == Group::Generic;
            is_about_keys && command.spec.keys.is_empty()
        }
    }
}

impl Caller {
    /// Whether commands are queued instead of run.
    #[inline]
    pub(crate) fn is_queueing(&self) -> bool {
        self.transaction.as_ref().is_some_and(|t| t.open)
    }

    /// Queues a command.
    pub(crate) fn queue(&mut self, command: &Command, args: &Args<'_>, reply: &mut Reply<'_>) {
        let transaction = self.transaction.get_or_insert_default();
        transaction.queue.push(command, args);
        self.client.queued.store(transaction.queue.requests.len() as i32, Relaxed);
        self.client.queued_bytes.store(transaction.queue.memory(), Relaxed);
        reply.simple("QUEUED");
    }

    /// Notes that a command was refused while others are queued.
    pub(crate) fn break_transaction(&mut self) {
        if let Some(transaction) = self.transaction.as_mut().filter(|t| t.open) {
            transaction.broken = true;
        }
    }

    /// Forgets what is queued and what is watched.
    pub(crate) fn end_transaction(&mut self, core: &Core) {
        if let Some(mut transaction) = self.transaction.take() {
            transaction.watched.let_go(&core.keyspace);
            self.client.queued.store(-1, Relaxed);
            self.client.queued_bytes.store(0, Relaxed);
            self.client.watched.store(0, Relaxed);
        }
    }
}

impl Transaction {
    fn lock<'c>(&self, core: &'c Core, db: u32, now: u64) -> Result<View<'c>> {
        let (space, queue) = (&core.keyspace, &self.queue);
        let writes = queue.flags.contains(Flags::WRITE);
        // Scripts among them.
        if queue.needs_everything {
            return View::all(space, db, now, Access::Write);
        }
        let watched = self.watched.hashes();
        let hashes = queue.hashes.iter().copied();
        if writes {
            View::mixed(space, db, now, hashes, watched)
        } else {
            View::mixed(space, db, now, std::iter::empty(), hashes.chain(watched))
        }
    }
}

fn multi(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if context.caller.is_queueing() {
        return Err(Error::new("ERR MULTI calls can not be nested"));
    }
    context.caller.transaction.get_or_insert_default().open = true;
    context.caller.client.queued.store(0, Relaxed);
    reply.ok();
    Ok(())
}

fn discard(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if !context.caller.is_queueing() {
        return Err(Error::new("ERR DISCARD without MULTI"));
    }
    context.caller.end_transaction(context.core);
    reply.ok();
    Ok(())
}

fn unwatch(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    // Within EXEC nothing is watched any more.
    if context.held.is_none() {
        context.caller.end_transaction(context.core);
    }
    reply.ok();
    Ok(())
}

fn watch(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if context.caller.is_queueing() {
        return Err(Error::new("ERR WATCH inside MULTI is not allowed"));
    }
    let db = context.caller.db;
    for key in args.keys() {
        // Out of the session, which the view is opened for.
        let mut transaction = context.caller.transaction.take().unwrap_or_default();
        let watched = &mut transaction.watched;
        let added = if watched.contains(db, key.bytes) {
            Ok(())
        } else {
            context.on_key(Access::Write, key.hash, |view| {
                watched.add(view, &key);
                Ok(())
            })
        };
        context.caller.client.watched.store(watched.len() as u32, Relaxed);
        context.caller.transaction = Some(transaction);
        added?;
    }
    reply.ok();
    Ok(())
}

fn exec(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    if !context.caller.is_queueing() {
        return Err(Error::new("ERR EXEC without MULTI"));
    }
    let Some(mut transaction) = context.caller.transaction.take() else {
        return Err(Error::new("ERR EXEC without MULTI"));
    };
    context.caller.client.queued.store(-1, Relaxed);
    context.caller.client.queued_bytes.store(0, Relaxed);
    context.caller.client.watched.store(0, Relaxed);
    let result = run(context, &transaction, reply);
    transaction.watched.let_go(&context.core.keyspace);
    result
}

/// Runs what was queued, and closes the view before the reply may leave.
fn run(context: &mut Context<'_>, transaction: &Transaction, reply: &mut Reply<'_>) -> Result<()> {
    if transaction.broken {
        return Err(Error::new("EXECABORT Transaction discarded because of previous errors."));
    }
    let core = context.core;
    if transaction.queue.flags.contains(Flags::DENYOOM) && !core.keyspace.make_room(context.now) {
        return Err(Error::OUT_OF_MEMORY);
    }
    if transaction.queue.flags.contains(Flags::WRITE)
        && let Some(why) = core.refuses_writes()
    {
        return Err(Error::new(format!("EXECABORT Transaction discarded because of: {}", why.text())));
    }
    let mut view = transaction.lock(core, context.caller.db, context.now)?;
    if transaction.watched.are_stale(&mut view)? {
        reply.null_array();
        context.position = context.position.max(view.close());
        return Ok(());
    }
    context.caller.time = None;
    let queue = &transaction.queue;
    reply.array(queue.requests.len());
    let mut argv = Vec::new();
    let mut keys = BatchKeys::default();
    let mut watch = Stopwatch::start();
    for Queued { command, args } in &queue.requests {
        let Some(command) = core.registry.by_number(*command) else { continue };
        argv.clear();
        argv.extend(queue.args[args.clone()].iter().map(|range| &queue.bytes[range.clone()]));
        keys.clear();
        let range = keys.add(Some(command), &argv, core.keyspace.hasher());
        let args = keys.args(&argv, range, core.keyspace.hasher());
        let result = run_one(core, context.caller, (&mut view, context.now), command, &args, reply);
        let mut streak = Streak::default();
        streak.add(watch.lap());
        streak.flush(&command.stats);
        if core.monitors.is_on() {
            let caller = &context.caller;
            core.monitors.show(core.keyspace.clock(), &caller.client, caller.db, command, &args);
        }
        if let Err(error) = result {
            command.stats.failed.fetch_add(1, Relaxed);
            core.stats.error(&error);
            reply.error(&error);
        }
    }
    context.caller.client.count(queue.requests.len() as u64, 0, 0);
    context.caller.reads += view.take_reads();
    context.position = context.position.max(view.close());
    Ok(())
}

/// Runs a command on a view that is held, and which is for the time `now`.
pub(super) fn run_one(
    core: &Core,
    caller: &mut Caller,
    (view, now): (&mut View<'_>, u64),
    command: &Command,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<()> {
    if core.tracking.is_on() {
        tracking::remember(core, caller, command, args);
    }
    match command.spec.run {
        Run::Keys(run) | Run::Everything(run) => {
            view.select(caller.db)?;
            run(view, args, reply)
        }
        // Whoever holds a view waits for nothing: nobody else could do anything about it.
        Run::Blocking(run) => {
            view.select(caller.db)?;
            if let Some(block) = run(view, args, reply)? {
                block.refuse(reply);
            }
            Ok(())
        }
        Run::Context(run) => {
            let held: &mut dyn Holding = view;
            run(&mut Context { core, caller, now, position: 0, held: Some(held) }, args, reply)
        }
        Run::Container => Err(Error::arity(&command.full_name)),
    }
}
