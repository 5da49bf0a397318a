//! One run of a script or function: what is locked, the commands that it calls, and its reply.
//!
//! A run holds all stripes from its first command to its last, and what it changes becomes one entry of the log, as that
//! of EXEC does. It calls commands on that view as a transaction does.

use std::sync::Arc;
use std::time::Instant;

use super::Scripts;
use super::machine::{Buffers, Machine};
use super::running::{Kind, Running};
use super::shebang::Promises;
use crate::command::dispatch;
use crate::command::transactions::{needs_everything, run_one};
use crate::command::{Args, Caller, Command, Context, Core, Flags, Reply, Streak};
use crate::error::{Error, Result};
use crate::keyspace::{Access, View};
use crate::lua::{Call, Failure, Host, Interpreter, LogLevel, Script, Visitor};
use crate::stopwatch::Stopwatch;
use crate::sync::atomic::Ordering::Relaxed;

/// What is run, and under which rules.
pub(super) struct Program<'a> {
    pub(super) kind: Kind,
    /// How it is called in errors.
    pub(super) name: &'a str,
    /// What it promises; `None` for a script that says nothing.
    pub(super) promises: Option<Promises>,
    /// It was called by a command that promises to change nothing.
    pub(super) read_only: bool,
    /// The command that runs it.
    pub(super) command: Args<'a>,
    /// Which of its arguments are keys; what is behind them are the others.
    pub(super) keys: std::ops::Range<usize>,
}

/// Gets the interpreter and what it is to run out of a machine.
pub(super) type Find<'f> =
    dyn for<'m> Fn(&'m mut Machine, &mut dyn Host) -> Result<(&'m mut Interpreter, &'m Script)> + 'f;

impl Program<'_> {
    fn promises(&self, promise: Promises) -> bool {
        self.promises.is_some_and(|promises| promises.contains(promise))
    }

    /// Whether it may change nothing.
    fn changes_nothing(&self) -> bool {
        self.read_only || self.promises(Promises::NO_WRITES)
    }

    /// Refuses what cannot be run just now, in the order and the words of real servers. A script that says nothing about
    /// itself runs up to the command that cannot be.
    fn check(&self, core: &Core, is_full: bool) -> Result<()> {
        if self.promises.is_none() || self.promises(Promises::NO_WRITES) {
            return Ok(());
        }
        if is_full && !self.promises(Promises::ALLOW_OOM) {
            return Err(Error::OUT_OF_MEMORY);
        }
        if let Some(error) = core.refuses_writes() {
            return Err(error);
        }
        if self.read_only {
            return Err(Error::new("ERR Can not execute a script with write flag using *_ro command."));
        }
        Ok(())
    }
}

/// Runs a program and writes its reply: on a machine that the caller has, or on one that is taken when everything is
/// locked, so that no other run meanwhile has to take another one.
pub(super) fn run(
    context: &mut Context<'_>,
    program: &Program<'_>,
    machine: Option<&mut Machine>,
    find: &Find<'_>,
    reply: &mut Reply<'_>,
) -> Result<()> {
    let Context { core, caller, now, position, held } = context;
    let (core, now) = (*core, *now);
    if let Some(held) = held {
        let (mut result, mut machine) = (Err(Error::REENTERED), machine);
        held.on(&mut |view| {
            let runner = Runner::new(core, caller, view, now, program, false);
            result = runner.run(machine.as_deref_mut(), find, reply);
        });
        return result;
    }
    caller.time = None;
    // Replayed commands are effects, so nobody is here who may not be refused.
    let is_full = !core.keyspace.make_room(now);
    let access = if program.changes_nothing() { Access::Read } else { Access::Write };
    let mut view = core.scripts.lock(core, caller.db, now, access, program)?;
    if caller.no_touch {
        view.no_touch();
    }
    let result = Runner::new(core, caller, &mut view, now, program, is_full).run(machine, find, reply);
    caller.reads += view.take_reads();
    *position = (*position).max(view.close());
    result
}

/// Why there was no value.
enum Outcome {
    /// It could not be run.
    Refused(Error),
    /// It has run.
    Failed(Failure),
}

/// Runs the commands of a script.
pub(super) struct Runner<'a, 'v> {
    core: &'a Core,
    caller: &'a mut Caller,
    view: &'a mut View<'v>,
    now: u64,
    program: &'a Program<'a>,
    /// No memory was free when it began.
    is_full: bool,
    /// It has run a command that may change something.
    wrote: bool,
    buffers: Buffers,
    watch: Stopwatch,
    /// The command that was called last, and its calls that are not yet in its figures.
    counted: Option<&'a Command>,
    streak: Streak,
    since: Option<Instant>,
    /// Set when it has run for a while.
    running: Option<Arc<Running>>,
}

impl<'a, 'v> Runner<'a, 'v> {
    fn new(
        core: &'a Core,
        caller: &'a mut Caller,
        view: &'a mut View<'v>,
        now: u64,
        program: &'a Program<'a>,
        is_full: bool,
    ) -> Self {
        Self {
            core,
            caller,
            view,
            now,
            program,
            is_full,
            wrote: false,
            buffers: Buffers::default(),
            watch: Stopwatch::start(),
            counted: None,
            streak: Streak::default(),
            since: None,
            running: None,
        }
    }

    /// Hands over what was counted of the last command, so that the next one sees it.
    fn turn_to(&mut self, command: Option<&'a Command>) {
        match (self.counted, command) {
            (Some(counted), Some(command)) if std::ptr::eq(counted, command) => return,
            (Some(counted), _) => self.streak.flush(&counted.stats),
            (None, _) => {}
        }
        self.counted = command;
    }

    fn run(self, machine: Option<&mut Machine>, find: &Find<'_>, reply: &mut Reply<'_>) -> Result<()> {
        self.program.check(self.core, self.is_full)?;
        match machine {
            Some(machine) => self.run_on(machine, find, reply),
            None => self.core.scripts.machines.with(false, |machine| self.run_on(machine, find, reply)),
        }
    }

    fn run_on(mut self, machine: &mut Machine, find: &Find<'_>, reply: &mut Reply<'_>) -> Result<()> {
        let (db, resp3) = (self.caller.db, self.caller.resp3);
        self.buffers = std::mem::take(&mut machine.buffers);
        let program = self.program;
        let outcome = find(machine, &mut self).map_err(Outcome::Refused).and_then(|(interpreter, script)| {
            let argv = program.command.all();
            let call = Call {
                script,
                name: program.name,
                keys: argv.get(program.keys.clone()).unwrap_or_default(),
                args: argv.get(program.keys.end..).unwrap_or_default(),
            };
            interpreter.run(call, &mut self, &mut Answer(reply)).map_err(Outcome::Failed)
        });
        machine.buffers = std::mem::take(&mut self.buffers);
        // What a script selects is its own affair.
        if self.caller.db != db {
            self.caller.select(db);
        }
        self.caller.resp3 = resp3;
        match outcome {
            Ok(()) => Ok(()),
            Err(Outcome::Refused(error) | Outcome::Failed(Failure { error, counted: false })) => Err(error),
            Err(Outcome::Failed(Failure { error, counted: true })) => {
                reply.error(&error);
                Ok(())
            }
        }
    }

    /// The command of some arguments, if a script may call it, and this one now.
    fn find(&self, args: &[&[u8]]) -> Result<&'a Command> {
        let command = dispatch::find(&self.core.registry, args).filter(|c| !c.is_container() || args.len() == 1);
        let command = command.ok_or_else(|| Error::new("ERR Unknown Redis command called from script"))?;
        if !command.spec.accepts(args.len()) {
            return Err(Error::new("ERR Wrong number of args calling Redis command from script"));
        }
        if command.flags.contains(Flags::NOSCRIPT) {
            return Err(Error::new("ERR This Redis command is not allowed from script"));
        }
        if command.flags.contains(Flags::WRITE) {
            if self.program.changes_nothing() {
                return Err(Error::new("ERR Write commands are not allowed from read-only scripts."));
            }
            if let Some(error) = self.core.refuses_writes().filter(|_| !self.wrote) {
                return Err(error);
            }
        }
        let needs_memory = command.flags.contains(Flags::DENYOOM) && !self.program.promises(Promises::ALLOW_OOM);
        if self.is_full && needs_memory && !self.wrote {
            return Err(Error::OUT_OF_MEMORY);
        }
        Ok(command)
    }
}

impl Host for Runner<'_, '_> {
    fn call(&mut self, args: &[&[u8]], resp3: bool) -> Result<&[u8], Error> {
        let command = self.find(args)?;
        self.wrote |= command.flags.contains(Flags::WRITE);
        self.turn_to(Some(command));
        let core = self.core;
        let Buffers { output, keys } = &mut self.buffers;
        output.clear();
        keys.clear();
        let range = keys.add(Some(command), args, core.keyspace.hasher());
        let args = keys.args(args, range, core.keyspace.hasher());
        core.scripts.may_touch(self.program, &args, command)?;
        let mut reply = Reply::resp(output, resp3);
        self.caller.resp3 = resp3;
        let result = run_one(core, self.caller, (self.view, self.now), command, &args, &mut reply);
        self.streak.add(self.watch.lap());
        if core.monitors.is_on() {
            core.monitors.show_of_script(core.keyspace.clock(), self.caller.db, command, &args);
        }
        if let Err(error) = result {
            command.stats.failed.fetch_add(1, Relaxed);
            core.stats.error(&error);
            Reply::resp(output, resp3).error(&error);
        }
        Ok(output.in_one_piece())
    }

    fn log(&mut self, level: LogLevel, message: &[u8]) {
        let message = String::from_utf8_lossy(message);
        match level {
            LogLevel::Debug => tracing::trace!("{message}"),
            LogLevel::Verbose => tracing::debug!("{message}"),
            LogLevel::Notice => tracing::info!("{message}"),
            LogLevel::Warning => tracing::warn!("{message}"),
        }
    }

    fn set_repl(&mut self, log: bool, _replicas: bool) {
        self.view.set_logged(log);
    }

    fn acl_check(&mut self, args: &[&[u8]]) -> Result<bool, Error> {
        let command = dispatch::find(&self.core.registry, args).filter(|c| !c.is_container() || args.len() == 1);
        // One user so far, who may do everything.
        let invalid = || Error::new("ERR Invalid command passed to redis.acl_check_cmd()");
        command.map(|_| true).ok_or_else(invalid)
    }

    fn interrupted(&mut self) -> Option<Error> {
        let scripts = &self.core.scripts;
        let since = *self.since.get_or_insert_with(Instant::now);
        let running = self.running.get_or_insert_with(|| {
            let running = Arc::new(Running {
                kind: self.program.kind,
                name: self.program.name.to_owned(),
                command: self.program.command.all().iter().map(|arg| arg.to_vec()).collect(),
                since,
                is_killed: false.into(),
                wrote: self.wrote.into(),
                is_slow: false.into(),
            });
            scripts.running.enter(running.clone());
            running
        });
        running.wrote.store(self.wrote, Relaxed);
        if running.is_killed.load(Relaxed) && !self.wrote {
            tracing::info!("Lua script killed by user with {}.", self.program.kind.kill());
            // Redis says this of functions too.
            return Some(Error::new("ERR Script killed by user with SCRIPT KILL..."));
        }
        let mut is_slow = running.is_slow.load(Relaxed);
        if !is_slow && scripts.running.is_slow(since.elapsed()) {
            is_slow = true;
            running.is_slow.store(true, Relaxed);
            self.core.keyspace.set_busy(true);
            tracing::warn!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the script using the \
                 {} command. Script name is: {}.",
                since.elapsed().as_millis(),
                running.kind.kill(),
                running.name
            );
        }
        let goes_on = self.core.host().while_busy(is_slow);
        (!goes_on).then(|| Error::new("ERR the script was ended with the program"))
    }
}

impl Drop for Runner<'_, '_> {
    fn drop(&mut self) {
        self.turn_to(None);
        self.view.set_logged(true);
        if let Some(running) = self.running.take() {
            self.core.scripts.running.leave(&running);
            if running.is_slow.load(Relaxed) && self.core.scripts.running.busy().is_none() {
                self.core.keyspace.set_busy(false);
            }
        }
    }
}

/// Writes what a script returns as a reply.
struct Answer<'a, 'r>(&'a mut Reply<'r>);

impl Visitor for Answer<'_, '_> {
    fn null(&mut self) {
        self.0.null();
    }

    fn boolean(&mut self, value: bool) {
        self.0.bool(value);
    }

    fn integer(&mut self, value: i64) {
        self.0.int(value);
    }

    fn bulk(&mut self, value: &[u8]) {
        self.0.bulk(value);
    }

    fn status(&mut self, text: &[u8]) {
        self.0.status(text);
    }

    fn error(&mut self, text: &[u8]) {
        self.0.error(&Error::new(text));
    }

    fn double(&mut self, value: f64) {
        self.0.double(value);
    }

    fn big_number(&mut self, digits: &[u8]) {
        self.0.big_number(digits);
    }

    fn verbatim(&mut self, format: [u8; 3], text: &[u8]) {
        self.0.verbatim_in(format, text);
    }

    fn array(&mut self, len: usize) {
        self.0.array(len);
    }

    fn map(&mut self, pairs: usize) {
        self.0.map(pairs);
    }

    fn set(&mut self, len: usize) {
        self.0.set(len);
    }
}

impl Scripts {
    /// Locks what a program may touch: everything, or the stripes of its declared keys if it may touch no others.
    fn lock<'c>(&self, core: &'c Core, db: u32, now: u64, access: Access, program: &Program<'_>) -> Result<View<'c>> {
        if self.keys_are_declared() {
            return View::some(&core.keyspace, db, now, access, program.command.keys().map(|key| key.hash));
        }
        View::all(&core.keyspace, db, now, access)
    }

    /// Refuses keys that a program has not declared, if it has to.
    fn may_touch(&self, program: &Program<'_>, args: &Args<'_>, command: &Command) -> Result<()> {
        if !self.keys_are_declared() {
            return Ok(());
        }
        let declared = |key: &[u8]| program.command.keys().any(|declared| declared.bytes == key);
        if args.keys().all(|key| declared(key.bytes)) && !needs_everything(command) {
            Ok(())
        } else {
            Err(Error::new("ERR Script attempted to access keys that were not declared (script-keys-declared is on)"))
        }
    }
}
