//! A session: one caller's state, fed with bytes, giving bytes.
//!
//! Requests run in the order in which they came. What has arrived is parsed up to 64 requests ahead, their keys are
//! hashed and prefetched together, so that the memory's latency is paid once for many.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use crate::codec::resp::{self, Limits, Parsed, Parser};
use crate::command::dispatch::{self, BatchKeys};
use crate::command::{Caller, Client, Command, Core, Origin, Output, Reply};
use crate::error::Error;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::per_thread;
use turn::Turn;

mod local;
mod turn;

pub use local::Connection;
pub(crate) use local::execute_once;

/// Requests that are looked at before the first of them runs.
const AHEAD: usize = 64;

/// What the owner of a session has to do after feeding it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// Send the output and wait for more input.
    Continue,
    /// Send the output and end the connection.
    Close,
    /// Clients are paused: feed again later, even without new input.
    Paused,
}

/// One caller.
pub struct Session {
    core: Arc<Core>,
    caller: Caller,
    parser: Parser,
    batch: Batch,
}

per_thread! {
    /// The buffers that the sessions of a thread use in turn.
    static BATCH: Cell<Batch> = Cell::default();
}

/// The requests that are parsed, in buffers that are used again and again.
#[derive(Default)]
struct Batch {
    ranges: Vec<Range<usize>>,
    /// Of each request: its arguments among the ranges, and where it ends in the input.
    requests: Vec<(Range<usize>, usize)>,
    keys: BatchKeys,
    key_ranges: Vec<Range<usize>>,
    argv: Vec<&'static [u8]>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.caller.hear_nothing(&self.core);
        self.core.clients.remove(self.caller.client.id);
    }
}

/// An empty list of slices in the memory of an old one, whatever those slices lived for.
fn recycle<'b>(mut slices: Vec<&[u8]>) -> Vec<&'b [u8]> {
    slices.clear();
    slices.into_iter().map(|_| -> &'b [u8] { &[] }).collect()
}

impl Session {
    /// A session of an engine's core. `wake` makes the thread that owns it look at its client's flags.
    pub fn new(core: Arc<Core>, origin: Origin, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Self {
        let client = core.clients.add(origin, core.keyspace.clock().millis(), wake);
        let caller = Caller::new(&core, client);
        Self { core, caller, parser: Parser::default(), batch: Batch::default() }
    }

    /// How long a request that has arrived in part will be at least, from its start, as far as it has announced.
    pub fn expected(&self) -> usize {
        self.parser.expected()
    }

    /// Runs the requests at the front of `input` and writes their replies. Returns how many bytes of `input` are done
    /// with; the caller keeps the rest, a request that has not arrived whole, and feeds it again with more behind it.
    pub fn feed(&mut self, input: &[u8], output: &mut Output) -> (Status, usize) {
        if self.caller.client.is_killed() {
            return (Status::Close, 0);
        }
        let mut used = 0;
        // The thread's buffers: warm, and nothing that an idle session would hold.
        self.batch = BATCH.with(Cell::take);
        loop {
            let (status, more) = self.run_batch(&input[used..], output, &mut used);
            if status != Status::Continue || !more {
                BATCH.with(|spare| spare.set(std::mem::take(&mut self.batch)));
                return (status, used);
            }
        }
    }

    /// Writes what has been pushed to the session in the meantime.
    pub fn pushes(&mut self, output: &mut Output) {
        if self.caller.client.has_pushes() {
            output.raw(&self.caller.client.take_pushes());
        }
    }

    /// The public side of the session.
    pub fn client(&self) -> &Arc<Client> {
        &self.caller.client
    }

    /// Runs up to [`AHEAD`] requests. Returns whether there may be more.
    fn run_batch(&mut self, input: &[u8], output: &mut Output, used: &mut usize) -> (Status, bool) {
        let core = Arc::clone(&self.core);
        let unauthenticated = !self.caller.authenticated && core.auth.is_required();
        // A client that has yet to authenticate may do so with its next request, which changes the limits.
        let ahead = if unauthenticated { 1 } else { AHEAD };
        let broken = self.parse(&core, input, unauthenticated, ahead);
        let requests = std::mem::take(&mut self.batch.requests);
        let mut argv = recycle(std::mem::take(&mut self.batch.argv));
        argv.extend(self.batch.ranges.iter().map(|r| &input[r.clone()]));
        let commands = self.prepare(&core, &requests, &argv);
        let (used_before, output_before) = (*used, output.len());
        let mut status = self.run(&core, input, &requests, &argv, &commands, output, used);
        let more = requests.len() >= ahead;
        match (status, broken) {
            (Status::Continue, Some(error)) => {
                core.stats.protocol_errors.fetch_add(1, Relaxed);
                core.stats.error(&error);
                Reply::resp(output, false).error(&error);
                status = Status::Close;
            }
            // What was parsed and has not run comes again, so half a request behind it must not be remembered.
            (Status::Paused, _) => self.parser = Parser::default(),
            _ => {}
        }
        self.caller.client.count(0, *used - used_before, output.len().saturating_sub(output_before));
        self.batch.requests = requests;
        self.batch.argv = recycle(argv);
        (status, more)
    }

    /// Parses requests into the batch. Returns the error if the bytes after them are no request.
    fn parse(&mut self, core: &Core, input: &[u8], unauthenticated: bool, ahead: usize) -> Option<Error> {
        let bulk = core.keyspace.settings().proto_max_bulk_len.load(Relaxed);
        let limits = Limits { bulk, unauthenticated };
        let batch = &mut self.batch;
        batch.ranges.clear();
        batch.requests.clear();
        let mut start = 0;
        while batch.requests.len() < ahead {
            let first = batch.ranges.len();
            match self.parser.parse(&input[start..], limits, &mut batch.ranges) {
                Parsed::Request(len) => {
                    for range in &mut batch.ranges[first..] {
                        *range = range.start + start..range.end + start;
                    }
                    start += len;
                    batch.requests.push((first..batch.ranges.len(), start));
                }
                Parsed::Incomplete => return None,
                Parsed::Broken(text) => return Some(Error::new(format!("ERR {text}"))),
                Parsed::ExpectedDollar(got) => {
                    return Some(Error::quoting("ERR Protocol error: expected '$', got '", &[got], "'"));
                }
            }
        }
        None
    }

    /// Finds the commands of the batch, hashes the keys and brings their entries closer.
    fn prepare<'c>(
        &mut self,
        core: &'c Core,
        requests: &[(Range<usize>, usize)],
        argv: &[&[u8]],
    ) -> smallvec::SmallVec<[Option<&'c Command>; AHEAD]> {
        let batch = &mut self.batch;
        batch.keys.clear();
        batch.key_ranges.clear();
        let mut last: Option<(&[u8], Option<&Command>)> = None;
        let commands = requests
            .iter()
            .map(|(args, _)| {
                let argv = &argv[args.clone()];
                let command = match (last, argv.first()) {
                    (Some((name, Some(command))), Some(this)) if name == *this => Some(command),
                    _ => dispatch::find(&core.registry, argv),
                };
                last = argv.first().map(|name| (*name, command.filter(|c| !c.is_container() && !c.is_subcommand)));
                batch.key_ranges.push(batch.keys.add(command, argv, core.keyspace.hasher()));
                command
            })
            .collect();
        if batch.keys.hashes().len() > 1 {
            core.keyspace.prefetch(self.caller.db, batch.keys.hashes());
        }
        commands
    }

    #[allow(clippy::too_many_arguments)]
    fn run<'c>(
        &mut self,
        core: &'c Core,
        input: &[u8],
        requests: &[(Range<usize>, usize)],
        argv: &[&[u8]],
        commands: &[Option<&'c Command>],
        output: &mut Output,
        used: &mut usize,
    ) -> Status {
        let mut turn = Turn::begin(core, &self.caller);
        let (mut begin, before_batch) = (0, *used);
        let mut status = Status::Continue;
        for (i, (args, end)) in requests.iter().enumerate() {
            let request = &input[begin..*end];
            begin = *end;
            if resp::is_inline(request) {
                status = self.run_inline(core, request, &mut turn, output);
            } else if !args.is_empty() {
                let argv = &argv[args.clone()];
                let args = self.batch.keys.args(argv, self.batch.key_ranges[i].clone(), core.keyspace.hasher());
                status = turn.step(core, &mut self.caller, commands[i], &args, request.len(), output);
            }
            if status == Status::Paused {
                break;
            }
            *used = before_batch + *end;
            if status != Status::Continue {
                break;
            }
        }
        turn.end(&self.caller);
        status
    }

    fn run_inline<'c>(&mut self, core: &'c Core, line: &[u8], turn: &mut Turn<'c>, output: &mut Output) -> Status {
        let Some(words) = resp::inline_args(line) else {
            let error = Error::new("ERR Protocol error: unbalanced quotes in request");
            core.stats.protocol_errors.fetch_add(1, Relaxed);
            core.stats.error(&error);
            Reply::resp(output, false).error(&error);
            return Status::Close;
        };
        if words.is_empty() {
            return Status::Continue;
        }
        let argv: Vec<&[u8]> = words.iter().map(|w| &w[..]).collect();
        let command = dispatch::find(&core.registry, &argv);
        let mut keys = BatchKeys::default();
        let range = keys.add(command, &argv, core.keyspace.hasher());
        let args = keys.args(&argv, range, core.keyspace.hasher());
        turn.step(core, &mut self.caller, command, &args, line.len(), output)
    }
}
