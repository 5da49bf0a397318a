//! Commands that wait: what a command says of what it waits for, and how its reply reaches the caller in the end.
//!
//! A blocking command first does what its other form does. With nothing to take, it says what it waits for in a
//! [`Block`], and the caller begins to wait on the very view that has seen so. Its session runs nothing else until the
//! wait is over: whoever serves it writes the reply in the caller's stead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::dispatch::Outcome;
use super::{Args, BlockFn, Caller, Client, Core, EngineStats, Output, Reply, ReplyMode, Tree, Value};
use crate::clock::Millis;
use crate::codec::num::{self, LongDouble};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, LogPosition, View, Wait, WaitEnd, Waiter, Waits, Wanted};
use crate::slot::Slot;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

type ServeFn = dyn Fn(&mut View<'_>, &Key<'_>, &mut Reply<'_>) -> Result<()> + Send + Sync;
type ReadyFn = dyn Fn(&View<'_>, &Key<'_>) -> bool + Send + Sync;
type EndFn = fn(&mut Reply<'_>);

/// What a command waits for that has found nothing.
pub struct Block<'a> {
    wanted: Wanted,
    keys: SmallVec<[Key<'a>; 4]>,
    timeout: Option<Duration>,
    further: Option<u64>,
    on_loss: bool,
    work: Work,
    expire: EndFn,
    refuse: EndFn,
}

/// What serving takes.
struct Work {
    serve: Box<ServeFn>,
    is_ready: Option<Box<ReadyFn>>,
    stats: Option<Arc<EngineStats>>,
}

impl<'a> Block<'a> {
    /// Waits until one of some keys holds what is wanted, or for `timeout`, which is without end if it is `None`.
    /// `serve` then does the command's work on that key, and replies.
    pub fn new(
        wanted: Wanted,
        keys: impl Iterator<Item = Key<'a>>,
        timeout: Option<Duration>,
        serve: impl Fn(&mut View<'_>, &Key<'_>, &mut Reply<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            wanted,
            keys: keys.collect(),
            timeout,
            further: None,
            on_loss: false,
            work: Work { serve: Box::new(serve), is_ready: None, stats: None },
            expire: |reply| reply.null_array(),
            refuse: |reply| reply.null_array(),
        }
    }

    /// Has something taken from the first of some keys that has it, and replied; says that it waits if none has. `take`
    /// says whether a key had any.
    pub fn unless_taken(
        wanted: Wanted,
        keys: impl Iterator<Item = Key<'a>> + Clone,
        timeout: Option<Duration>,
        view: &mut View<'_>,
        reply: &mut Reply<'_>,
        take: impl Fn(&mut View<'_>, &Key<'_>, &mut Reply<'_>) -> Result<bool> + Send + Sync + 'static,
    ) -> Result<Option<Self>> {
        for key in keys.clone() {
            if take(view, &key, reply)? {
                return Ok(None);
            }
        }
        Ok(Some(Self::new(wanted, keys, timeout, move |view, key, reply| take(view, key, reply).map(drop))))
    }

    /// Waits for nothing but the time to pass, and then replies with `expire`.
    pub fn idle(timeout: Option<Duration>, expire: EndFn) -> Self {
        let nothing = |_: &mut View<'_>, _: &Key<'_>, _: &mut Reply<'_>| Ok(());
        Self { expire, refuse: expire, ..Self::new(Wanted::List, std::iter::empty(), timeout, nothing) }
    }

    /// Names a key that serving needs beside the one that is ready.
    #[must_use]
    pub fn further(mut self, key: &Key<'_>) -> Self {
        self.further = Some(key.hash);
        self
    }

    /// Says how to tell whether a stream has what is wanted.
    #[must_use]
    pub fn ready_if(mut self, is_ready: impl Fn(&View<'_>, &Key<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.work.is_ready = Some(Box::new(is_ready));
        self
    }

    /// Says that a lost key, or group of a stream, ends the wait as well.
    #[must_use]
    pub fn on_loss(mut self) -> Self {
        self.on_loss = true;
        self
    }

    /// Sets the reply to callers who cannot wait; the same as when time runs out, by default.
    #[must_use]
    pub fn refused_with(mut self, refuse: EndFn) -> Self {
        self.refuse = refuse;
        self
    }

    /// Replies to a caller who cannot wait.
    pub(super) fn refuse(&self, reply: &mut Reply<'_>) {
        (self.refuse)(reply);
    }
}

/// A timeout in seconds, as BLPOP has it; `None` for one without end. In Redis's words if it is none.
pub(super) fn seconds(text: &[u8], now: Millis) -> Result<Option<Duration>> {
    let number = LongDouble::parse(text).ok_or_else(|| Error::new("ERR timeout is not a float or out of range"))?;
    from_millis(number.thousandfold_up(), now)
}

/// A timeout in milliseconds, as XREAD has it.
pub(super) fn millis(text: &[u8], now: Millis) -> Result<Option<Duration>> {
    let number = num::parse_i64(text).ok_or_else(|| Error::new("ERR timeout is not an integer or out of range"))?;
    from_millis(number, now)
}

fn from_millis(millis: i64, now: Millis) -> Result<Option<Duration>> {
    let millis = u64::try_from(millis).map_err(|_| Error::new("ERR timeout is negative"))?;
    if millis > i64::MAX as u64 - now.min(i64::MAX as u64) {
        return Err(Error::new("ERR timeout is out of range"));
    }
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

/// Runs a command that may wait.
pub(super) fn call(
    core: &Core,
    caller: &mut Caller,
    now: Millis,
    (run, mut access): (&BlockFn, Access),
    args: &Args<'_>,
    reply: &mut Reply<'_>,
) -> Result<Outcome> {
    loop {
        let hashes = args.keys().map(|key| key.hash);
        let mut view = View::of(&core.keyspace, caller.db, now, access, hashes)?;
        if caller.no_touch {
            view.no_touch();
        }
        let result = match run(&mut view, args, reply) {
            Ok(None) => Ok(Outcome::Done),
            // A command that only reads has to hold its keys for writing before it can begin to wait.
            Ok(Some(_)) if access == Access::Read => {
                view.take_reads();
                access = Access::Write;
                continue;
            }
            Ok(Some(block)) => {
                caller.blocked = Some(Box::new(Blocked::begin(core, caller, &mut view, block, reply)));
                Ok(Outcome::Blocked)
            }
            Err(error) => Err(error),
        };
        caller.reads += view.take_reads();
        let position = view.close();
        reply.depends_on(position);
        return result;
    }
}

/// A caller who waits. It ends with this at the latest.
pub(crate) struct Blocked {
    wait: Wait,
    client: Arc<Client>,
    until: Option<Instant>,
    expire: EndFn,
    /// The client does not want to have this reply.
    is_silent: bool,
    answer: Answer,
}

/// How the reply arrives.
enum Answer {
    /// Among what the client's own thread has yet to send, which is so once this is set.
    Sent(Arc<AtomicBool>),
    /// Here.
    Slot(Arc<Slot<Value>>),
}

impl Blocked {
    fn begin(core: &Core, caller: &Caller, view: &mut View<'_>, block: Block<'_>, reply: &mut Reply<'_>) -> Self {
        let Block { wanted, keys, timeout, further, on_loss, mut work, expire, .. } = block;
        work.stats = Some(core.stats.clone());
        let (client, is_silent) = (caller.client.clone(), caller.reply_mode != ReplyMode::On);
        let (waits, answer): (Box<dyn Waits>, Answer) = if reply.output().is_some() {
            let sent = Arc::<AtomicBool>::default();
            let (answer, client, output) = (Answer::Sent(sent.clone()), client.clone(), Mutex::default());
            (Box::new(ForClient { work, client, resp3: caller.resp3, is_silent, output, sent }), answer)
        } else {
            let slot = Arc::<Slot<Value>>::default();
            (Box::new(ForThread { work, value: Mutex::default(), slot: slot.clone() }), Answer::Slot(slot))
        };
        let waiter = Waiter::new(caller.db, wanted, keys.into_iter(), waits);
        let waiter = further.into_iter().fold(waiter, Waiter::further);
        let waiter = if on_loss { waiter.on_loss() } else { waiter };
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let wait = view.wait(&core.keyspace, waiter);
        client.begin_block(wait.waiter(), until.is_some());
        Self { wait, client, until, expire, is_silent, answer }
    }

    /// When it is to be given up, if ever.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether the wait is over, and how: a reply that is being delivered has to be waited for still.
    fn ended(&self) -> Option<WaitEnd> {
        let ended = self.wait.ended(self.until);
        match &self.answer {
            Answer::Sent(sent) if ended == Some(WaitEnd::Served) => {
                sent.load(Ordering::Acquire).then_some(WaitEnd::Served)
            }
            _ => ended,
        }
    }

    /// Replies to a wait that has ended without being served.
    fn reply_unserved(&self, core: &Core, how: WaitEnd, reply: &mut Reply<'_>) {
        if how == WaitEnd::Failed {
            let error = Error::new("UNBLOCKED client unblocked via CLIENT UNBLOCK");
            core.stats.error(&error);
            reply.error(&error);
        } else {
            (self.expire)(reply);
        }
    }

    /// Sleeps until the wait is over and returns the reply.
    pub(crate) fn wait(&self, core: &Core) -> Value {
        let mut tree = Tree::default();
        let Answer::Slot(slot) = &self.answer else { return tree.finish() };
        loop {
            match self.ended() {
                Some(WaitEnd::Served) => match slot.take() {
                    Some(value) => return value,
                    None => slot.sleep(None),
                },
                Some(_) if self.client.is_killed() => return Value::Error(Error::killed()),
                Some(how) => {
                    self.reply_unserved(core, how, &mut Reply::tree(&mut tree));
                    return tree.finish();
                }
                None => slot.sleep(self.until),
            }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.client.end_block(self.wait.waiter());
    }
}

impl Caller {
    /// Ends its wait if that is over, and writes what there is to be sent. False if it waits still.
    pub(crate) fn settle(&mut self, core: &Core, output: &mut Output) -> bool {
        let ended = self.blocked.as_ref().map(|blocked| blocked.ended());
        // The reply of a wait that was served is among these.
        if self.client.has_pushes() {
            self.client.send_pushes(output);
        }
        match ended {
            None => return true,
            Some(None) => return false,
            Some(Some(WaitEnd::Served)) => {}
            Some(Some(how)) => {
                if let Some(blocked) = self.blocked.as_ref().filter(|blocked| !blocked.is_silent) {
                    blocked.reply_unserved(core, how, &mut Reply::resp(output, self.resp3));
                }
            }
        }
        self.blocked = None;
        true
    }
}

impl Work {
    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        self.is_ready.as_ref().is_none_or(|is_ready| is_ready(view, key))
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>, reply: &mut Reply<'_>) {
        if let Err(error) = (self.serve)(view, key, reply) {
            if let Some(stats) = &self.stats {
                stats.error(&error);
            }
            reply.error(&error);
        }
    }
}

/// A client that is sent its reply in RESP.
struct ForClient {
    work: Work,
    client: Arc<Client>,
    resp3: bool,
    /// It does not want to have replies.
    is_silent: bool,
    output: Mutex<Output>,
    sent: Arc<AtomicBool>,
}

impl Waits for ForClient {
    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        self.work.is_ready(view, key)
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) {
        self.work.serve(view, key, &mut Reply::resp(&mut self.output.lock(), self.resp3));
    }

    fn deliver(&self, position: LogPosition) {
        if !self.is_silent {
            self.client.answer(&self.output.lock().to_vec(), position);
        }
        self.sent.store(true, Ordering::Release);
    }

    fn wake(&self) {
        self.client.wake();
    }
}

/// A thread that sleeps.
struct ForThread {
    work: Work,
    value: Mutex<Option<Value>>,
    slot: Arc<Slot<Value>>,
}

impl Waits for ForThread {
    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        self.work.is_ready(view, key)
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) {
        let mut tree = Tree::default();
        self.work.serve(view, key, &mut Reply::tree(&mut tree));
        *self.value.lock() = Some(tree.finish());
    }

    fn deliver(&self, _: LogPosition) {
        if let Some(value) = self.value.lock().take() {
            self.slot.put(value);
        }
    }

    fn wake(&self) {
        self.slot.wake();
    }
}
