//! A session: one caller's state, fed with bytes, giving bytes.
//!
//! Requests run in the order in which they came. What has arrived is parsed up to 64 requests ahead, their keys are
//! hashed and prefetched together, so that the memory's latency is paid once for many.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::codec::resp::{self, Limits, Parsed, Parser};
use crate::command::dispatch::{self, BatchKeys};
use crate::command::{Caller, Client, Command, Core, Origin, Output, Reply};
use crate::error::Error;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::per_thread;
use turn::Turn;

mod local;
pub(crate) mod replay;
mod turn;

pub use local::Connection;
pub(crate) use local::execute_once;
#[cfg(feature = "lua")]
pub(crate) use local::execute_once_in;

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
    /// The last request waits for something: feed again, even without new input, when the session is woken and at its
    /// [deadline](Session::deadline).
    Blocked,
}

/// One caller.
pub struct Session {
    core: Arc<Core>,
    caller: Caller,
    parser: Parser,
}

per_thread! {
    /// The buffers that the sessions of a thread use in turn.
    static BATCH: Cell<Batch<'static>> = Cell::default();
}

/// Requests that are parsed, in buffers that are used again and again.
#[derive(Default)]
struct Batch<'b> {
    requests: Vec<Request<'b>>,
    /// The arguments of all requests, one request's after the other's.
    argv: Vec<&'b [u8]>,
    keys: BatchKeys,
    /// Where the arguments of a request that came in pieces are.
    ranges: Vec<Range<usize>>,
}

/// A request. It begins, in the input and in the batch's lists, where the one before it ends.
struct Request<'b> {
    command: Option<&'b Command>,
    /// Its end in the input.
    end: usize,
    /// The end of its arguments.
    args_end: usize,
    /// The end of its keys.
    keys_end: usize,
}

impl Batch<'_> {
    fn clear(&mut self) {
        self.requests.clear();
        self.argv.clear();
        self.keys.clear();
        self.ranges.clear();
    }

    /// An empty batch in the same memory, whatever the old one borrowed from.
    fn recycle<'n>(mut self) -> Batch<'n> {
        self.clear();
        let Self { requests, argv, keys, ranges } = self;
        let requests = requests.into_iter().map(|request| Request { command: None, ..request }).collect();
        let argv = argv.into_iter().map(|_| -> &'n [u8] { &[] }).collect();
        Batch { requests, argv, keys, ranges }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.caller.blocked = None;
        self.caller.let_go(&self.core);
        self.core.clients.remove(self.caller.client.id);
    }
}

impl Session {
    /// A session of an engine's core. `wake` makes the thread that owns it look at its client's flags.
    pub fn new(core: Arc<Core>, origin: Origin, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Self {
        let client = core.clients.add(origin, core.keyspace.clock().millis(), wake);
        let caller = Caller::new(&core, client);
        Self { core, caller, parser: Parser::default() }
    }

    /// The session of a caller in this process, who needs no password for an engine of their own.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.caller.trust();
        self
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
        let core = Arc::clone(&self.core);
        if self.caller.blocked.is_some() && !self.caller.settle(&core, output) {
            return (Status::Blocked, 0);
        }
        let mut used = 0;
        // The thread's buffers: warm, and nothing that an idle session would hold.
        let mut batch = BATCH.with(Cell::take).recycle();
        loop {
            let (status, more) = self.run_batch(&core, &mut batch, &input[used..], output, &mut used);
            if status != Status::Continue || !more {
                BATCH.with(|spare| spare.set(batch.recycle()));
                return (status, used);
            }
        }
    }

    /// Runs one request that is there as arguments, and writes its reply, with what it has brought its own session behind
    /// that. Nothing that was fed may be under way. If clients are [paused](Status::Paused) nothing has been done, and the
    /// request is the caller's to try again; if it [waits](Status::Blocked), its reply comes with later calls of
    /// [`feed`](Self::feed), for which nothing need be fed.
    pub fn execute(&mut self, argv: &[&[u8]], output: &mut Output) -> Status {
        if self.caller.client.is_killed() {
            return Status::Close;
        }
        let core = Arc::clone(&self.core);
        let mut turn = Turn::begin(&core, &self.caller);
        let bytes = argv.iter().map(|arg| arg.len()).sum();
        let status = self.run_words(&core, argv, bytes, &mut turn, output);
        turn.end(&core, &mut self.caller);
        status
    }

    /// Writes what has been pushed to the session in the meantime.
    pub fn pushes(&mut self, output: &mut Output) {
        if self.caller.client.has_pushes() {
            self.caller.client.send_pushes(output);
            // Whoever pushed has appended what it knew before.
            output.depends_on(self.core.aof.log.visible());
        }
    }

    /// When the request that waits is to be given up, if there is one and its time is limited.
    pub fn deadline(&self) -> Option<Instant> {
        self.caller.blocked.as_ref().and_then(|blocked| blocked.until())
    }

    /// What all sessions share.
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// The public side of the session.
    pub fn client(&self) -> &Arc<Client> {
        &self.caller.client
    }

    /// Runs up to [`AHEAD`] requests. Returns whether there may be more.
    fn run_batch<'b>(
        &mut self,
        core: &'b Core,
        batch: &mut Batch<'b>,
        input: &'b [u8],
        output: &mut Output,
        used: &mut usize,
    ) -> (Status, bool) {
        let unauthenticated = !self.caller.authenticated && core.auth.is_required();
        // A client that has yet to authenticate may do so with its next request, which changes the limits.
        let ahead = if unauthenticated { 1 } else { AHEAD };
        batch.clear();
        let broken = self.parse(core, batch, input, unauthenticated, ahead);
        if batch.keys.hashes().len() > 1 {
            core.keyspace.prefetch(self.caller.db, batch.keys.hashes());
            core.keyspace.prefetch_elements(self.caller.db, batch.keys.elements());
        }
        let output_before = output.len();
        let (mut status, done) = self.run(core, batch, input, output);
        match (status, broken) {
            (Status::Continue, Some(error)) => {
                core.stats.protocol_errors.fetch_add(1, Relaxed);
                core.stats.error(&error);
                Reply::resp(output, false).error(&error);
                status = Status::Close;
            }
            // What was parsed and has not run comes again, so half a request behind it must not be remembered.
            (Status::Paused | Status::Blocked, _) => self.parser = Parser::default(),
            _ => {}
        }
        *used += done;
        self.caller.client.count(0, done, output.len().saturating_sub(output_before));
        (status, batch.requests.len() >= ahead)
    }

    /// Parses requests into the batch, finds their commands and hashes their keys. Returns the error if the bytes after
    /// them are no request.
    fn parse<'b>(
        &mut self,
        core: &'b Core,
        batch: &mut Batch<'b>,
        input: &'b [u8],
        unauthenticated: bool,
        ahead: usize,
    ) -> Option<Error> {
        let bulk = core.keyspace.settings().proto_max_bulk_len.load(Relaxed);
        let limits = Limits { bulk, unauthenticated };
        let mut start = 0;
        // The last request's name and command: a pipeline mostly repeats itself.
        let mut last: (&[u8], Option<&Command>) = (&[], None);
        while batch.requests.len() < ahead {
            let (rest, first) = (&input[start..], batch.argv.len());
            match self.parse_one(rest, limits, batch) {
                Parsed::Request(len) => start += len,
                Parsed::Incomplete => return None,
                Parsed::Broken(text) => return Some(Error::new(format!("ERR {text}"))),
                Parsed::ExpectedDollar(got) => {
                    return Some(Error::quoting("ERR Protocol error: expected '$', got '", &[got], "'"));
                }
            }
            let argv = &batch.argv[first..];
            let name = argv.first().copied().unwrap_or_default();
            let repeats = last.1.is_some_and(|c| !c.is_container() && !c.is_subcommand) && last.0.iter().eq(name);
            if !repeats {
                last = (name, dispatch::find(&core.registry, argv));
            }
            let command = last.1;
            batch.keys.add(command, argv, core.keyspace.hasher());
            let (args_end, keys_end) = (batch.argv.len(), batch.keys.hashes().len());
            batch.requests.push(Request { command, end: start, args_end, keys_end });
        }
        None
    }

    /// Parses the request at the front of `bytes` and adds its arguments to the batch.
    #[inline]
    fn parse_one<'b>(&mut self, bytes: &'b [u8], limits: Limits, batch: &mut Batch<'b>) -> Parsed {
        if let Some(len) = self.parser.parse_plain(bytes, limits, &mut batch.argv) {
            return Parsed::Request(len);
        }
        batch.ranges.clear();
        let parsed = self.parser.parse(bytes, limits, &mut batch.ranges);
        if let Parsed::Request(_) = parsed {
            batch.argv.extend(batch.ranges.iter().map(|range| &bytes[range.clone()]));
        }
        parsed
    }

    /// Runs the requests of the batch. Returns how many bytes of the input are done with.
    fn run<'b>(&mut self, core: &'b Core, batch: &Batch<'b>, input: &[u8], output: &mut Output) -> (Status, usize) {
        let mut turn = Turn::begin(core, &self.caller);
        let (mut begin, mut arg, mut key) = (0, 0, 0);
        let mut status = Status::Continue;
        for request in &batch.requests {
            let bytes = &input[begin..request.end];
            let argv = &batch.argv[arg..request.args_end];
            if resp::is_inline(bytes) {
                status = self.run_inline(core, bytes, &mut turn, output);
            } else if !argv.is_empty() {
                let args = batch.keys.args(argv, key..request.keys_end, core.keyspace.hasher());
                status = turn.step(core, &mut self.caller, request.command, &args, bytes.len(), output);
            }
            if status == Status::Paused {
                break;
            }
            (begin, arg, key) = (request.end, request.args_end, request.keys_end);
            if status != Status::Continue {
                break;
            }
        }
        turn.end(core, &mut self.caller);
        (status, begin)
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
        self.run_words(core, &argv, line.len(), turn, output)
    }

    fn run_words<'c>(
        &mut self,
        core: &'c Core,
        argv: &[&[u8]],
        bytes: usize,
        turn: &mut Turn<'c>,
        output: &mut Output,
    ) -> Status {
        let command = dispatch::find(&core.registry, argv);
        let mut keys = BatchKeys::default();
        let range = keys.add(command, argv, core.keyspace.hasher());
        let args = keys.args(argv, range, core.keyspace.hasher());
        turn.step(core, &mut self.caller, command, &args, bytes, output)
    }
}
