//! Calls that may have to wait: a thread can sleep through them, or a task await them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::Db;
use crate::background::Alarm;
use crate::error::Result;
use crate::keyspace::{Access, Key, LogPosition, View, Wait, WaitEnd, Waiter, Waits, Wanted};
use crate::slot::Slot;
use crate::sync::Mutex;

/// What is to be done as soon as it can be.
pub(super) trait Job: Send + Sync {
    type Output;

    /// Does it on the first of some keys on which it can be done.
    fn attempt(&self, view: &mut View<'_>, keys: &[Key<'_>]) -> Result<Option<Self::Output>> {
        for key in keys {
            if let Some(output) = self.serve(view, key)? {
                return Ok(Some(output));
            }
        }
        Ok(None)
    }

    /// Whether it can be done on a stream.
    fn is_ready(&self, _view: &View<'_>, _key: &Key<'_>) -> bool {
        true
    }

    /// Does it on a key; `None` if it cannot be done.
    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Self::Output>>;

    /// The keys whose stripes undoing takes, if it can be undone.
    fn undo_at(&self, _output: &Self::Output) -> Option<Vec<u8>> {
        None
    }

    /// Gives back what nobody wants any more.
    fn undo(&self, _view: &mut View<'_>, _output: Self::Output) {}
}

/// What a job waits for.
pub(super) struct Terms {
    pub(super) wanted: Wanted,
    pub(super) keys: Vec<Vec<u8>>,
    /// A key that is needed beside the one that is ready; the job adds something to it.
    pub(super) further: Option<Vec<u8>>,
    /// Whether a lost key ends the wait.
    pub(super) on_loss: bool,
}

impl Terms {
    pub(super) fn new(wanted: Wanted, keys: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        let keys = keys.into_iter().map(|key| key.as_ref().to_vec()).collect();
        Self { wanted, keys, further: None, on_loss: false }
    }
}

type Outcome<R> = Result<Option<R>>;

/// A call that may have to wait. Nothing happens before it is [waited for](Self::wait) by a thread, or polled as a future:
///
/// ```
/// # use std::time::Duration;
/// # use carnelian::{Engine, Options};
/// let db = Engine::open(Options::new())?.db(0)?;
/// let worker = {
///     let db = db.clone();
///     std::thread::spawn(move || db.blpop(["jobs"], None).wait())
/// };
/// db.rpush("jobs", ["first"])?;
/// let (key, job) = worker.join().unwrap()?.expect("there is no end to that wait");
/// assert_eq!((&key[..], &job[..]), (&b"jobs"[..], &b"first"[..]));
/// assert_eq!(db.blpop(["jobs"], Duration::from_millis(5)).wait()?, None);
/// # Ok::<(), carnelian::Error>(())
/// ```
///
/// The timeout is in real time, whatever the engine's clock; `None` is without end, and with `Duration::ZERO` the call
/// takes what is there and does not wait. Those who wait for a key, in this process or as clients, are served in the
/// order in which they came.
///
/// As a future it works under any runtime: the engine's own thread wakes it when its time is up. It may be dropped at any
/// time. If it has been served already and nobody has seen the result, what was taken from a list or a sorted set is put
/// back where it was (which is a change like any other, and may serve somebody else); what was moved has arrived and
/// stays there, and what was read for a group stays pending.
#[must_use = "nothing happens before it is waited for or polled"]
pub struct Pending<R> {
    db: Db,
    job: Arc<dyn Job<Output = R>>,
    terms: Terms,
    timeout: Option<Duration>,
    state: State<R>,
}

enum State<R> {
    New,
    Waiting(Waiting<R>),
    Over,
}

struct Waiting<R> {
    wait: Wait,
    slot: Arc<Slot<Outcome<R>>>,
    until: Option<Instant>,
    alarm: Option<Alarm>,
}

impl<R> Waiting<R> {
    /// The outcome, if there is one yet.
    fn outcome(&self) -> Option<Outcome<R>> {
        match self.wait.ended(self.until)? {
            // It may be on its way still: whoever serves wakes when it has been put here.
            WaitEnd::Served => self.slot.take(),
            _ => Some(Ok(None)),
        }
    }

    /// Ends the wait, and returns what was taken and never seen.
    fn give_up(&self) -> Option<R> {
        if self.wait.waiter().end(WaitEnd::GivenUp) || self.wait.waiter().ended() != Some(WaitEnd::Served) {
            return None;
        }
        loop {
            if let Some(outcome) = self.slot.take() {
                return outcome.ok().flatten();
            }
            self.slot.sleep(None);
        }
    }
}

impl<R: Send + 'static> Pending<R> {
    pub(super) fn new(
        db: &Db,
        terms: Terms,
        timeout: impl Into<Option<Duration>>,
        job: impl Job<Output = R> + 'static,
    ) -> Self {
        Self { db: db.clone(), job: Arc::new(job), terms, timeout: timeout.into(), state: State::New }
    }

    /// Sleeps until it is done, or its time is up: `None` then.
    ///
    /// # Errors
    /// Those of the same call that does not wait. [`REENTERED`](crate::Error::REENTERED) from within a view.
    pub fn wait(mut self) -> Result<Option<R>> {
        if let Some(outcome) = self.begin()? {
            return Ok(outcome);
        }
        let State::Waiting(waiting) = std::mem::replace(&mut self.state, State::Over) else { return Ok(None) };
        loop {
            if let Some(outcome) = waiting.outcome() {
                let core = self.db.core();
                return core.settle(core.log().visible()).and(outcome);
            }
            // Its time no longer matters once it is being served.
            let until = waiting.until.filter(|_| waiting.wait.waiter().ended().is_none());
            waiting.slot.sleep(until);
        }
    }

    /// Does the job, or begins to wait: `None` then.
    fn begin(&mut self) -> Result<Option<Option<R>>> {
        self.state = State::Over;
        let Self { db, job, terms, timeout, .. } = self;
        db.core().may_change()?;
        let (space, now) = (&db.core().keyspace, db.now());
        let keys: Vec<Key<'_>> = terms.keys.iter().map(|key| space.key(key)).collect();
        let further = terms.further.as_ref().map(|key| space.key(key));
        if further.is_some() {
            db.require_room(now)?;
        } else {
            space.make_room(now);
        }
        let hashes = keys.iter().chain(&further).map(|key| key.hash);
        let mut view = View::some(space, db.index, now, Access::Write, hashes)?;
        let attempt = job.attempt(&mut view, &keys)?;
        if attempt.is_some() || *timeout == Some(Duration::ZERO) {
            db.core().settle(view.close())?;
            return Ok(Some(attempt));
        }
        let slot = Arc::<Slot<Outcome<R>>>::default();
        let waits = ForPending { job: job.clone(), outcome: Mutex::new(None), slot: slot.clone() };
        let waiter = Waiter::new(db.index, terms.wanted, keys.into_iter(), Box::new(waits));
        let waiter = further.into_iter().fold(waiter, |waiter, key| waiter.further(key.hash));
        let waiter = if terms.on_loss { waiter.on_loss() } else { waiter };
        let wait = view.wait(space, waiter);
        view.close();
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.state = State::Waiting(Waiting { wait, slot, until, alarm: None });
        Ok(None)
    }
}

impl<R: Send + 'static> Future for Pending<R> {
    type Output = Result<Option<R>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.state, State::New) {
            match self.begin() {
                Ok(None) => {}
                Ok(Some(output)) => return Poll::Ready(Ok(output)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Self { db, state, .. } = &mut *self;
        // Polled after its end, a future may do anything but harm.
        let State::Waiting(waiting) = state else { return Poll::Ready(Ok(None)) };
        // First, so that whatever happens after the look wakes the task.
        waiting.slot.register(context);
        if let Some(outcome) = waiting.outcome() {
            *state = State::Over;
            // Whoever has served it has appended it to the log.
            return Poll::Ready(db.core().settle(db.core().log().visible()).and(outcome));
        }
        if let (Some(until), None) = (waiting.until, &waiting.alarm) {
            let slot = waiting.slot.clone();
            waiting.alarm = Some(db.core().background.alarm(until, move || slot.wake()));
        }
        Poll::Pending
    }
}

impl<R> Drop for Pending<R> {
    fn drop(&mut self) {
        let State::Waiting(waiting) = &self.state else { return };
        let Some(output) = waiting.give_up() else { return };
        let Some(key) = self.job.undo_at(&output) else { return };
        let (space, now) = (self.db.space(), self.db.now());
        // Within a view of one's own there is no way back.
        if let Ok(mut view) = View::one(space, self.db.index, now, Access::Write, space.key(&key).hash) {
            self.job.undo(&mut view, output);
        }
    }
}

struct ForPending<R> {
    job: Arc<dyn Job<Output = R>>,
    outcome: Mutex<Option<Outcome<R>>>,
    slot: Arc<Slot<Outcome<R>>>,
}

impl<R: Send> Waits for ForPending<R> {
    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        self.job.is_ready(view, key)
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) {
        *self.outcome.lock() = Some(self.job.serve(view, key));
    }

    fn deliver(&self, _: LogPosition) {
        if let Some(outcome) = self.outcome.lock().take() {
            self.slot.put(outcome);
        }
    }

    fn wake(&self) {
        self.slot.wake();
    }
}
