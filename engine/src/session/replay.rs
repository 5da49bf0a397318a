//! Commands of the log, run again when an engine starts.
//!
//! One thread reads, and as many as there are cores run what it has read. Commands with keys of one stripe always go to
//! the same thread, so that what touches a key runs in order; for a command whose keys are with several threads, or that
//! touches more than its keys, all wait until the others have run. MULTI and EXEC are passed over: the whole transaction is
//! there, and nobody looks at what is between.

use std::cell::RefCell;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::aof;
use crate::command::dispatch::{self, BatchKeys, Outcome};
use crate::command::{Caller, Command, Core, Origin, Output, Reply, Run};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Commands that are handed over at once, and run with their keys brought closer together.
const BATCH: usize = 64;
/// Batches that may wait for a thread.
const AHEAD: usize = 16;

/// A command as it stands in the file, its number, and its database.
#[derive(Clone, Copy)]
struct Item<'f> {
    db: u32,
    command: u32,
    bytes: &'f [u8],
}

enum Message<'f> {
    Run(Vec<Item<'f>>),
    /// Say when everything before has run.
    Answer(Sender<()>),
}

/// What a replay has come to.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Commands that failed, and what the first of them said.
    pub(crate) failed: u64,
    pub(crate) first: Option<String>,
}

/// Runs the commands between two places of a segment, in the database that an earlier segment ended in. `progress` counts
/// bytes.
///
/// # Errors
/// At the first command that is none: the rest would rest on what it was to do.
pub(crate) fn replay(
    core: &Core,
    file: &[u8],
    from: usize,
    to: usize,
    progress: &AtomicU64,
) -> Result<Replayed, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(core.keyspace.stripes());
    let failures = Mutex::new(Replayed::default());
    let result = std::thread::scope(|scope| {
        let mut lanes = Vec::with_capacity(threads);
        for _ in 0..threads {
            let (sender, messages) = bounded(AHEAD);
            let failures = &failures;
            scope.spawn(move || work(core, &messages, failures));
            lanes.push(Lane { sender, batch: Vec::with_capacity(BATCH) });
        }
        let mut router = Router { core, lanes, db: 0, own: Runner::new(core, &failures) };
        router.go(file, from, to, progress)
    });
    result.map(|()| failures.into_inner())
}

/// The way to a thread.
struct Lane<'f> {
    sender: Sender<Message<'f>>,
    batch: Vec<Item<'f>>,
}

impl<'f> Lane<'f> {
    fn push(&mut self, item: Item<'f>) {
        self.batch.push(item);
        if self.batch.len() == BATCH {
            self.send();
        }
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // It is there as long as this is.
        let _ = self.sender.send(Message::Run(batch));
    }
}

struct Router<'f, 'c> {
    core: &'c Core,
    lanes: Vec<Lane<'f>>,
    db: u32,
    /// For what has to run alone.
    own: Runner<'c>,
}

impl<'f> Router<'f, '_> {
    fn go(&mut self, file: &'f [u8], from: usize, to: usize, progress: &AtomicU64) -> Result<(), String> {
        let mut commands = aof::commands(file, from, to);
        let (mut argv, mut keys) = (Vec::new(), BatchKeys::default());
        let (mut done, before) = (from, progress.load(Relaxed));
        while let Some(bytes) = commands.next_into(&mut argv) {
            self.route(bytes, &argv, &mut keys)?;
            let at = commands.position();
            if at - done >= 1 << 16 {
                progress.store(before + (at - from) as u64, Relaxed);
                done = at;
            }
        }
        self.lanes.iter_mut().for_each(Lane::send);
        progress.store(before + (to - from) as u64, Relaxed);
        Ok(())
    }

    fn route(&mut self, bytes: &'f [u8], argv: &[&'f [u8]], keys: &mut BatchKeys) -> Result<(), String> {
        let core = self.core;
        let name = argv.first().copied().unwrap_or_default();
        match (name.len(), argv.get(1)) {
            (6, Some(db)) if name.eq_ignore_ascii_case(b"select") => {
                let number = std::str::from_utf8(db).ok().and_then(|db| db.parse::<u32>().ok());
                self.db = number.filter(|&db| db < core.keyspace.databases()).ok_or_else(|| {
                    format!("it selects database {}: see the directive databases", String::from_utf8_lossy(db))
                })?;
                return Ok(());
            }
            (5, _) if name.eq_ignore_ascii_case(b"multi") => return Ok(()),
            (4, _) if name.eq_ignore_ascii_case(b"exec") => return Ok(()),
            _ => {}
        }
        let command = dispatch::find(&core.registry, argv).filter(|command| command.spec.accepts(argv.len()));
        let Some(command) = command else {
            return Err(format!("it has a command that there is not: {}", String::from_utf8_lossy(name)));
        };
        let item = Item { db: self.db, command: command.number, bytes };
        match self.lane_of(command, argv, keys) {
            Some(lane) => lane.push(item),
            None => {
                self.settle();
                self.own.run(&[item]);
            }
        }
        Ok(())
    }

    /// The only thread that the command's keys are with, if it touches nothing else.
    fn lane_of(&mut self, command: &Command, argv: &[&[u8]], keys: &mut BatchKeys) -> Option<&mut Lane<'f>> {
        if !matches!(command.spec.run, Run::Keys(_)) {
            return None;
        }
        keys.clear();
        keys.add(Some(command), argv, self.core.keyspace.hasher());
        let (first, rest) = keys.hashes().split_first()?;
        let lanes = self.lanes.len();
        let lane = |hash: u64| self.core.keyspace.stripe_of(hash) % lanes;
        let first = lane(*first);
        if rest.iter().any(|&hash| lane(hash) != first) {
            return None;
        }
        self.lanes.get_mut(first)
    }

    /// Waits until all threads have run what they were given.
    fn settle(&mut self) {
        let (answer, answers) = bounded(self.lanes.len());
        for lane in &mut self.lanes {
            lane.send();
            let _ = lane.sender.send(Message::Answer(answer.clone()));
        }
        drop(answer);
        answers.iter().for_each(drop);
    }
}

fn work(core: &Core, messages: &Receiver<Message<'_>>, failures: &Mutex<Replayed>) {
    let runner = RefCell::new(Runner::new(core, failures));
    for message in messages {
        match message {
            Message::Run(items) => runner.borrow_mut().run(&items),
            Message::Answer(sender) => drop(sender.send(())),
        }
    }
}

/// Runs commands on a thread.
struct Runner<'c> {
    core: &'c Core,
    caller: Caller,
    output: Output,
    failures: &'c Mutex<Replayed>,
}

impl<'c> Runner<'c> {
    fn new(core: &'c Core, failures: &'c Mutex<Replayed>) -> Self {
        // Among the clients as long as it runs, as whoever changes something is.
        let client = core.clients.add(Origin::default(), core.keyspace.clock().millis(), None);
        Self { core, caller: Caller::replaying(core, client), output: Output::default(), failures }
    }

    fn run(&mut self, items: &[Item<'_>]) {
        let core = self.core;
        let mut argv: Vec<&[u8]> = Vec::with_capacity(items.len() * 4);
        let mut keys = BatchKeys::default();
        let mut requests = Vec::with_capacity(items.len());
        let mut one = Vec::new();
        for item in items {
            aof::commands(item.bytes, 0, item.bytes.len()).next_into(&mut one);
            let command = core.registry.by_number(item.command);
            let range = keys.add(command, &one, core.keyspace.hasher());
            let from = argv.len();
            argv.extend_from_slice(&one);
            requests.push((item.db, command, from..argv.len(), range));
        }
        if let (Some(first), true) = (items.first(), items.len() > 1) {
            core.keyspace.prefetch(first.db, keys.hashes());
            core.keyspace.prefetch_elements(first.db, keys.elements());
        }
        for (db, command, args, range) in requests {
            self.caller.db = db;
            let args = keys.args(&argv[args], range, core.keyspace.hasher()).of_log();
            let mut reply = Reply::resp(&mut self.output, false);
            // At time 0: nothing has expired that had not when it first ran.
            let outcome = dispatch::dispatch(core, &mut self.caller, 0, command, &args, &mut reply);
            if matches!(outcome, Outcome::Failed | Outcome::Refused) {
                self.note_failure();
            }
            self.output.clear();
        }
        self.caller.count_reads(core);
    }

    #[cold]
    fn note_failure(&mut self) {
        let mut failures = self.failures.lock();
        failures.failed += 1;
        let said = || String::from_utf8_lossy(&self.output.to_vec()).trim().to_owned();
        failures.first.get_or_insert_with(said);
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        self.caller.let_go(self.core);
        self.core.clients.remove(self.caller.client.id);
    }
}
