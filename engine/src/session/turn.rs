//! A batch as it runs: one command after the other, each measured and counted.

use super::Status;
use crate::command::dispatch::{self, Outcome};
use crate::command::{Args, Caller, Client, Command, Core, Flags, Measured, Output, Reply, ReplyMode, Streak};
use crate::stopwatch::Stopwatch;
use crate::sync::atomic::Ordering::Relaxed;

/// A command that took longer makes the batch look at the clock again.
const LONG_NANOS: u64 = 1_000_000;

/// What is kept from one command of a batch to the next.
pub(super) struct Turn<'c> {
    /// The time that commands see.
    now: u64,
    /// The end of the last command is the start of the next.
    watch: Stopwatch,
    /// The command that the streak is of.
    counted: Option<&'c Command>,
    streak: Streak,
    /// Commands that ran and are not yet in the client's figures.
    done: u64,
    limits: Measured,
}

impl<'c> Turn<'c> {
    pub(super) fn begin(core: &Core, caller: &Caller) -> Self {
        let (now, watch) = core.keyspace.clock().start();
        caller.client.active.store(now, Relaxed);
        // The first command is not the one that is counted, and brings the limits.
        let (streak, limits) = (Streak::default(), Measured::default());
        Self { now, watch, counted: None, streak, done: 0, limits }
    }

    /// Runs one request.
    #[inline]
    pub(super) fn step(
        &mut self,
        core: &'c Core,
        caller: &mut Caller,
        command: Option<&'c Command>,
        args: &Args<'_>,
        request: usize,
        output: &mut Output,
    ) -> Status {
        let same = match (self.counted, command) {
            (Some(counted), Some(command)) => std::ptr::eq(counted, command),
            _ => false,
        };
        if !same {
            self.turn_to(core, caller, command);
        }
        let before = output.len();
        let mut reply = Reply::resp(output, caller.resp3);
        let outcome = dispatch::dispatch(core, caller, self.now, command, args, &mut reply);
        if outcome == Outcome::Postponed {
            return Status::Paused;
        }
        let nanos = self.watch.lap();
        // The log wants to have the length of the reply even if the caller does not want to have the reply.
        let measured = Measured { nanos, request, reply: output.len().saturating_sub(before) };
        if caller.reply_mode != ReplyMode::On {
            dispatch::apply_reply_mode(caller, output, before);
        }
        // What a command has brought its own caller comes after its reply.
        if caller.client.has_pushes() {
            caller.client.send_pushes(output);
            output.depends_on(core.aof.log.visible());
        }
        if let Some(command) = command {
            self.count(command, outcome, nanos);
            if measured.reaches(&self.limits) {
                self.note(core, caller, command, args, outcome, measured);
            }
        } else if is_http(args) {
            hang_up(caller);
        }
        match outcome {
            _ if caller.close => Status::Close,
            Outcome::Blocked => Status::Blocked,
            _ => Status::Continue,
        }
    }

    #[inline]
    fn count(&mut self, command: &Command, outcome: Outcome, nanos: u64) {
        match outcome {
            Outcome::Done | Outcome::Blocked => {}
            Outcome::Failed => {
                command.stats.failed.fetch_add(1, Relaxed);
            }
            Outcome::Refused => {
                command.stats.rejected.fetch_add(1, Relaxed);
                return;
            }
            Outcome::Queued | Outcome::Postponed => return,
        }
        self.streak.add(nanos);
        self.done += 1;
    }

    /// Hands over what was counted of the last command, so that the next one sees it, and makes ready for another.
    fn turn_to(&mut self, core: &Core, caller: &mut Caller, command: Option<&'c Command>) {
        self.flush(core, caller);
        self.counted = command;
        caller.client.last_command.store(command.map_or(Client::NO_COMMAND, |c| c.number), Relaxed);
        self.limits = limits(core);
    }

    fn flush(&mut self, core: &Core, caller: &mut Caller) {
        caller.count_reads(core);
        if let Some(command) = self.counted {
            self.streak.flush(&command.stats);
        }
        if self.done > 0 {
            caller.client.count(std::mem::take(&mut self.done), 0, 0);
        }
    }

    pub(super) fn end(&mut self, core: &Core, caller: &mut Caller) {
        self.flush(core, caller);
    }

    #[cold]
    fn note(
        &mut self,
        core: &Core,
        caller: &Caller,
        command: &Command,
        args: &Args<'_>,
        outcome: Outcome,
        measured: Measured,
    ) {
        note(core, self.now, caller, command, args, outcome, measured);
        self.now = core.keyspace.clock().millis();
    }
}

/// Whether this is a line of HTTP that no command looks like.
fn is_http(args: &Args<'_>) -> bool {
    [&b"post"[..], b"host:"].iter().any(|word| args.get(0).eq_ignore_ascii_case(word))
}

/// Ends a session of which nothing that was said may be sent: a page in somebody's browser may be behind it.
#[cold]
fn hang_up(caller: &mut Caller) {
    tracing::warn!("closing {}: it sends HTTP, perhaps in an attack across protocols", caller.client.origin.addr);
    caller.client.kill();
    caller.close = true;
}

/// From which figures on a call is looked at more closely.
pub(super) fn limits(core: &Core) -> Measured {
    let limits = core.logs.limits();
    Measured { nanos: limits.nanos.min(core.latency.limit_nanos()).min(LONG_NANOS), ..limits }
}

/// Writes a call into the logs that want to have it.
pub(super) fn note(
    core: &Core,
    now: u64,
    caller: &Caller,
    command: &Command,
    args: &Args<'_>,
    outcome: Outcome,
    measured: Measured,
) {
    if outcome == Outcome::Refused {
        return;
    }
    let event = if command.flags.contains(Flags::FAST) { "fast-command" } else { "command" };
    core.latency.note(now, event, measured.nanos);
    if !command.flags.contains(Flags::SKIP_COMMANDLOG) {
        core.logs.note(now, measured, caller, args);
    }
}
