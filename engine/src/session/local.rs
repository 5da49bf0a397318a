//! Callers in the same process: any command, with its reply as a tree.

use std::sync::Arc;
use std::time::Duration;

use super::{turn, with_args};
use crate::command::dispatch::{self, Outcome};
use crate::command::{Args, Caller, Command, Core, Measured, Origin, Reply, Streak, Tree, Value};
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;

/// How long a paused caller sleeps before it looks again.
const NAP: Duration = Duration::from_millis(1);

/// A caller that keeps its state: the selected database, its name, and so on.
///
/// ```
/// use carnelian::command::Value;
/// use carnelian::{Engine, Options};
///
/// let engine = Engine::open(Options::new())?;
/// let mut connection = engine.connect();
/// connection.execute(&["SELECT", "1"])?;
/// connection.execute(&["SET", "greeting", "hello"])?;
/// assert_eq!(connection.execute(&["GET", "greeting"])?, Value::Bulk(b"hello".to_vec()));
/// assert_eq!(engine.execute(&["GET", "greeting"])?, Value::Null, "that was database 0");
/// # Ok::<(), carnelian::Error>(())
/// ```
pub struct Connection {
    core: Arc<Core>,
    caller: Caller,
}

impl Connection {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let client = core.clients.add(Origin::default(), core.keyspace.clock().millis(), None);
        let caller = Caller::in_process(&core, client);
        Self { core, caller }
    }

    /// Runs a command. While clients are paused, waits; so does a blocking command that finds nothing.
    ///
    /// # Errors
    /// The command's own.
    pub fn execute(&mut self, argv: &[impl AsRef<[u8]>]) -> Result<Value> {
        if self.caller.client.is_killed() {
            return Err(Error::killed());
        }
        run(&self.core, &mut self.caller, argv)
    }

    /// The selected database.
    pub fn db(&self) -> u32 {
        self.caller.db
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.caller.let_go(&self.core);
        self.core.clients.remove(self.caller.client.id);
    }
}

/// Runs a command for nobody in particular: what it changes of its caller is forgotten.
pub(crate) fn execute_once(core: &Core, argv: &[impl AsRef<[u8]>]) -> Result<Value> {
    execute_once_in(core, 0, argv)
}

/// As [`execute_once`], in another database than the first.
pub(crate) fn execute_once_in(core: &Core, db: u32, argv: &[impl AsRef<[u8]>]) -> Result<Value> {
    let mut caller = Caller::in_process(core, core.embedded().clone());
    caller.db = db;
    run(core, &mut caller, argv)
}

fn run(core: &Core, caller: &mut Caller, argv: &[impl AsRef<[u8]>]) -> Result<Value> {
    let argv: smallvec::SmallVec<[&[u8]; 16]> = argv.iter().map(AsRef::as_ref).collect();
    if argv.is_empty() {
        return Err(Error::new("ERR a command needs a name"));
    }
    let command = dispatch::find(&core.registry, &argv);
    with_args(core, command, &argv, |args| run_command(core, caller, command, args))
}

fn run_command(core: &Core, caller: &mut Caller, command: Option<&Command>, args: &Args<'_>) -> Result<Value> {
    let (mut now, mut watch) = core.keyspace.clock().start();
    // Several threads may share the client, and mostly it says so already.
    let client = &caller.client;
    if client.active.load(Relaxed) != now {
        client.active.store(now, Relaxed);
    }
    if let Some(command) = command
        && client.last_command.load(Relaxed) != command.number
    {
        client.last_command.store(command.number, Relaxed);
    }
    let mut tree = Tree::default();
    let outcome = loop {
        let outcome = dispatch::dispatch(core, caller, now, command, args, &mut Reply::tree(&mut tree));
        if outcome != Outcome::Postponed {
            break outcome;
        }
        std::thread::sleep(NAP);
        now = core.keyspace.clock().millis();
    };
    let nanos = watch.lap();
    caller.count_reads(core);
    if let Some(command) = command {
        count(caller, command, outcome, nanos);
        // There is no request and no reply in bytes.
        let measured = Measured { nanos, request: 0, reply: 0 };
        if measured.reaches(&turn::limits(core)) {
            turn::note(core, now, caller, command, args, outcome, measured);
        }
    }
    let (value, position) = match caller.blocked.take() {
        // Whoever has served it has appended it to the log.
        Some(blocked) => (blocked.wait(core), core.aof.log.visible()),
        None => {
            let position = tree.position();
            (tree.finish(), position)
        }
    };
    core.settle(position)?;
    match value {
        Value::Error(error) => Err(error),
        value => Ok(value),
    }
}

fn count(caller: &Caller, command: &Command, outcome: Outcome, nanos: u64) {
    if outcome == Outcome::Refused {
        command.stats.rejected.fetch_add(1, Relaxed);
        return;
    }
    if outcome == Outcome::Queued {
        return;
    }
    if outcome == Outcome::Failed {
        command.stats.failed.fetch_add(1, Relaxed);
    }
    let mut streak = Streak::default();
    streak.add(nanos);
    streak.flush(&command.stats);
    // Not `Client::count`: several threads may share the client.
    caller.client.total_commands.fetch_add(1, Relaxed);
}
