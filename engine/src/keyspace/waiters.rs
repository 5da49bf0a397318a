//! Waiting: callers who want what a key does not hold yet, first come, first served.
//!
//! A stripe knows who waits for its keys. A change of such a key is noted, and when the view that made it ends, it
//! serves those who wait before anybody else can see the stripes: a waiter is part of the change that it waited for.
//! Serving may make further keys ready, and need further stripes, which the view has taken from its beginning.
//!
//! Whoever ends a wait claims the waiter first: of serving, giving up and being unblocked exactly one wins. What is left
//! of a claimed waiter in a queue is passed over until its owner takes it out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::held::{Guard, Held};
use super::stripe::TableId;
use super::{Access, Entry, Key, Keyspace, LogPosition, ValueRef, View};
use crate::error::Result;
use crate::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize};

/// What a key has to hold before somebody who waits for it can be served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// A list: it has an element.
    List,
    /// A sorted set: it has a member.
    SortedSet,
    /// A stream; [`Waits::is_ready`] says whether it has what is wanted.
    Stream,
}

impl Wanted {
    const COUNT: usize = 3;

    fn of(entry: Entry<'_>) -> Option<Self> {
        match entry.value() {
            ValueRef::List(_) => Some(Self::List),
            ValueRef::SortedSet(_) => Some(Self::SortedSet),
            ValueRef::Stream(_) => Some(Self::Stream),
            _ => None,
        }
    }
}

/// What is to be done for somebody who waits, and how they are reached.
pub trait Waits: Send + Sync {
    /// Whether a key holds what is waited for: asked of those who wait for a stream, whatever the key holds now.
    fn is_ready(&self, _view: &View<'_>, _key: &Key<'_>) -> bool {
        true
    }
    /// Takes what was waited for. The view holds the key, and the further keys that the waiter has named.
    fn serve(&self, view: &mut View<'_>, key: &Key<'_>);
    /// Hands over what was taken, which rests on the log up to `position`. The stripes are held still: the owner, who
    /// is going to be [woken](Self::wake), is told nothing that comes later before this.
    fn deliver(&self, position: LogPosition);
    /// Wakes the owner: the wait is over, one way or another. No stripes are held.
    fn wake(&self);
}

/// How a wait ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WaitEnd {
    /// It was served.
    Served = 1,
    /// Its owner gave up: time ran out, or the owner is gone.
    GivenUp = 2,
    /// Somebody ended it, as if time had run out.
    Unblocked = 3,
    /// Somebody ended it with an error.
    Failed = 4,
}

/// Somebody who waits.
pub struct Waiter {
    /// A [`WaitEnd`], or 0 while it waits.
    end: AtomicU8,
    /// The order in which waits began, with [`View::wait`].
    ticket: AtomicU64,
    /// The queues that it stands in.
    queues: AtomicUsize,
    db: TableId,
    keys: Box<[(Box<[u8]>, u64)]>,
    wanted: Wanted,
    /// Hashes of keys that serving it needs beside the one that is ready.
    further: SmallVec<[u64; 1]>,
    /// Whether it also has to hear when a key is lost.
    on_loss: bool,
    waits: Box<dyn Waits>,
}

impl Waiter {
    /// Somebody who waits for any of some keys of a database. Not in any queue yet: see [`View::wait`].
    pub fn new<'k>(db: TableId, wanted: Wanted, keys: impl Iterator<Item = Key<'k>>, waits: Box<dyn Waits>) -> Self {
        Self {
            end: AtomicU8::new(0),
            ticket: AtomicU64::new(0),
            queues: AtomicUsize::new(0),
            db,
            keys: keys.map(|key| (Box::from(key.bytes), key.hash)).collect(),
            wanted,
            further: SmallVec::new(),
            on_loss: false,
            waits,
        }
    }

    /// Names a key that serving it needs beside the one that is ready, by its hash.
    #[must_use]
    pub fn further(mut self, hash: u64) -> Self {
        self.further.push(hash);
        self
    }

    /// Says that it is to be served as well when what it waits at is lost: a key, or a group of its stream.
    #[must_use]
    pub fn on_loss(mut self) -> Self {
        self.on_loss = true;
        self
    }

    /// Ends the wait; false if it has ended already.
    pub fn end(&self, how: WaitEnd) -> bool {
        self.end.compare_exchange(0, how as u8, AcqRel, Acquire).is_ok()
    }

    /// Ends the wait from outside, and tells its owner. False if it has ended already.
    pub fn unblock(&self, how: WaitEnd) -> bool {
        let ended = self.end(how);
        if ended {
            self.waits.wake();
        }
        ended
    }

    /// How it ended, if it has. Being served is only the beginning of the delivery.
    pub fn ended(&self) -> Option<WaitEnd> {
        match self.end.load(Acquire) {
            1 => Some(WaitEnd::Served),
            2 => Some(WaitEnd::GivenUp),
            3 => Some(WaitEnd::Unblocked),
            4 => Some(WaitEnd::Failed),
            _ => None,
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        self.keys.iter().map(|(bytes, hash)| Key { bytes, hash: *hash })
    }
}

/// Figures about those who wait, of a whole keyspace.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Those who wait.
    pub waiters: AtomicUsize,
    /// Keys that somebody waits for.
    pub keys: AtomicUsize,
    /// Those of them whose loss somebody has to hear of.
    pub keys_on_loss: AtomicUsize,
    last_ticket: AtomicU64,
}

/// A wait that has begun. It ends with this at the latest, and leaves nothing behind.
pub struct Wait {
    space: Arc<Keyspace>,
    waiter: Arc<Waiter>,
}

impl Wait {
    /// Who waits.
    pub fn waiter(&self) -> &Arc<Waiter> {
        &self.waiter
    }

    /// How the wait has ended, if it has; it ends here when its time is up.
    pub fn ended(&self, until: Option<Instant>) -> Option<WaitEnd> {
        let is_up = self.waiter.ended().is_none() && until.is_some_and(|until| Instant::now() >= until);
        if is_up {
            self.waiter.end(WaitEnd::GivenUp);
        }
        self.waiter.ended()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.waiter.end(WaitEnd::GivenUp);
        self.space.waiting.waiters.fetch_sub(1, Relaxed);
        if self.waiter.queues.load(Acquire) == 0 {
            return;
        }
        let (space, db, now) = (&*self.space, self.waiter.db, self.space.clock().millis());
        let hashes = self.waiter.keys().map(|key| key.hash);
        // Within a view of one's own it stays in its queues, claimed, until it is passed over there.
        if let Ok(mut view) = View::some(space, db, now, Access::Write, hashes) {
            view.take_out(&self.waiter);
        }
    }
}

/// Who waits for a key: by what they wait for, in the order in which they came.
struct Queue {
    hash: u64,
    waiters: [BTreeMap<u64, Arc<Waiter>>; Wanted::COUNT],
    on_loss: usize,
}

/// Who waits for keys of a stripe.
#[derive(Default)]
pub(super) struct Waiters {
    by_db: BTreeMap<TableId, HashMap<Box<[u8]>, Queue>>,
    /// Further stripes that serving them needs, with the number of waiters that need it.
    further: BTreeMap<usize, usize>,
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.by_db.is_empty()
    }

    /// Whether somebody waits for a key.
    pub(super) fn wait_for(&self, id: TableId, key: &[u8]) -> bool {
        self.by_db.get(&id).is_some_and(|keys| keys.contains_key(key))
    }

    fn queue(&self, id: TableId, key: &[u8], wanted: Wanted) -> Option<&BTreeMap<u64, Arc<Waiter>>> {
        Some(&self.by_db.get(&id)?.get(key)?.waiters[wanted as usize])
    }

    fn add(&mut self, space: &Keyspace, key: &Key<'_>, waiter: &Arc<Waiter>) {
        let keys = self.by_db.entry(waiter.db).or_default();
        let queue = keys.entry(key.bytes.into()).or_insert_with(|| {
            space.waiting.keys.fetch_add(1, Relaxed);
            Queue { hash: key.hash, waiters: Default::default(), on_loss: 0 }
        });
        let ticket = waiter.ticket.load(Relaxed);
        // A key that was named twice is waited for once.
        if queue.waiters[waiter.wanted as usize].insert(ticket, waiter.clone()).is_some() {
            return;
        }
        waiter.queues.fetch_add(1, Relaxed);
        if waiter.on_loss {
            queue.on_loss += 1;
            space.waiting.keys_on_loss.fetch_add(usize::from(queue.on_loss == 1), Relaxed);
        }
        for &hash in &waiter.further {
            *self.further.entry(space.stripe_of(hash)).or_default() += 1;
        }
    }

    fn remove(&mut self, space: &Keyspace, key: &Key<'_>, waiter: &Arc<Waiter>) {
        let Some(keys) = self.by_db.get_mut(&waiter.db) else { return };
        let Some(queue) = keys.get_mut(key.bytes) else { return };
        if queue.waiters[waiter.wanted as usize].remove(&waiter.ticket.load(Relaxed)).is_none() {
            return;
        }
        waiter.queues.fetch_sub(1, AcqRel);
        if waiter.on_loss {
            queue.on_loss -= 1;
            space.waiting.keys_on_loss.fetch_sub(usize::from(queue.on_loss == 0), Relaxed);
        }
        if queue.waiters.iter().all(BTreeMap::is_empty) {
            space.waiting.keys.fetch_sub(1, Relaxed);
            keys.remove(key.bytes);
            if keys.is_empty() {
                self.by_db.remove(&waiter.db);
            }
        }
        for &hash in &waiter.further {
            let stripe = space.stripe_of(hash);
            if let Some(count) = self.further.get_mut(&stripe) {
                *count -= 1;
                if *count == 0 {
                    self.further.remove(&stripe);
                }
            }
        }
    }

    /// The stripes that serving them needs beside this one.
    fn further(&self) -> impl Iterator<Item = usize> {
        self.further.keys().copied()
    }
}

/// A key that may hold what somebody waits for.
pub(super) struct Ready {
    pub(super) db: TableId,
    pub(super) hash: u64,
    pub(super) key: Box<[u8]>,
}

impl Guard<'_> {
    /// Whether serving those who wait for keys of the stripe may need other stripes. One that is only read makes nothing
    /// ready.
    #[inline]
    pub(super) fn needs_further(&self) -> bool {
        match self {
            Self::Write(stripe) => stripe.interest.get().is_some_and(|all| !all.waiters.further.is_empty()),
            Self::Read(_) => false,
        }
    }
}

impl<'k> Held<'k> {
    /// With the stripes that serving those who wait may need: taken before the first change, so that what is served is
    /// part of the change that it waited for.
    ///
    /// Looks at who waits while the stripes are held, lets them go if others are missing, takes all of them in order and
    /// looks again: those others may have waiters of their own, and there may be new ones.
    #[cold]
    pub(super) fn with_further(mut self, space: &'k Keyspace) -> Result<Self> {
        loop {
            let access = |guard: &Guard<'_>| if let Guard::Write(_) = guard { Access::Write } else { Access::Read };
            let mut stripes: BTreeMap<usize, Access> = self.all().iter().map(|(i, g)| (*i, access(g))).collect();
            let mut is_complete = true;
            for (_, guard) in self.all() {
                let Guard::Write(stripe) = guard else { continue };
                for i in stripe.interest.get().into_iter().flat_map(|all| all.waiters.further()) {
                    is_complete &= stripes.insert(i, Access::Write) == Some(Access::Write);
                }
            }
            if is_complete {
                return Ok(self);
            }
            drop(self);
            self = Self::just(space, stripes.into_iter())?;
        }
    }

    fn holds_all(&self, space: &Keyspace, hashes: &[u64]) -> bool {
        hashes.iter().all(|&hash| matches!(self.guard(space.stripe_of(hash)), Some(Guard::Write(_))))
    }
}

impl View<'_> {
    /// Begins to wait. The view holds the keys for writing and has seen that they do not hold what is wanted, so
    /// whoever changes that from now on will serve the waiter.
    pub fn wait(&mut self, space: &Arc<Keyspace>, waiter: Waiter) -> Wait {
        let waiting = &self.space().waiting;
        waiting.waiters.fetch_add(1, Relaxed);
        waiter.ticket.store(waiting.last_ticket.fetch_add(1, Relaxed) + 1, Relaxed);
        let waiter = Arc::new(waiter);
        for key in waiter.keys() {
            let space = self.space();
            self.stripe_mut(key.hash).interest.get_or_begin().waiters.add(space, &key, &waiter);
        }
        Wait { space: space.clone(), waiter }
    }

    /// Takes a waiter out of the queues of those of its keys that the view holds.
    fn take_out(&mut self, waiter: &Arc<Waiter>) {
        let space = self.space();
        for key in waiter.keys() {
            if self.held.holds_all(space, &[key.hash]) {
                let interest = &mut self.stripe_mut(key.hash).interest;
                if let Some(all) = interest.get_mut() {
                    all.waiters.remove(space, &key, waiter);
                    interest.tidy();
                }
            }
        }
    }

    /// Notes all keys of a database that somebody waits for: the view holds everything, and the database is about to
    /// become another.
    pub(super) fn note_database(&mut self, db: TableId) {
        let mut ready = Vec::new();
        for stripe in self.stripes_mut() {
            let Some(keys) = stripe.interest.get().and_then(|all| all.waiters.by_db.get(&db)) else { continue };
            ready.extend(keys.iter().map(|(key, queue)| Ready { db, hash: queue.hash, key: key.clone() }));
        }
        for Ready { db, hash, key } in ready {
            self.marks.note_ready(db, &Key { bytes: &key, hash });
        }
    }

    /// Serves those who wait for the keys that have become ready: key by key as they did, and those who came first.
    /// What that makes ready comes behind.
    #[cold]
    pub(super) fn serve_waiters(&mut self) {
        loop {
            let ready = self.marks.take_ready();
            if ready.is_empty() {
                return;
            }
            for Ready { db, hash, key } in ready {
                self.serve_key(db, &Key { bytes: &key, hash });
            }
        }
    }

    fn serve_key(&mut self, db: TableId, key: &Key<'_>) {
        // A list or sorted set serves one after the other, until it is gone or nobody waits for such a thing.
        loop {
            // Serving may have gone to another database only to come back, but a waiter is served in its own.
            if self.select(db).is_err() {
                return;
            }
            let wanted = self.peek(key).and_then(Wanted::of);
            let Some(wanted @ (Wanted::List | Wanted::SortedSet)) = wanted else { break };
            let Some(waiter) = self.first_waiter(db, key, wanted, 0) else { break };
            self.serve(&waiter, key);
        }
        // A stream serves all whom it has something for; and some want to hear that it is gone.
        let mut ticket = 0;
        while let Some(waiter) = self.first_waiter(db, key, Wanted::Stream, ticket + 1) {
            ticket = waiter.ticket.load(Relaxed);
            if waiter.waits.is_ready(self, key) {
                self.serve(&waiter, key);
            }
        }
    }

    fn first_waiter(&self, db: TableId, key: &Key<'_>, wanted: Wanted, from: u64) -> Option<Arc<Waiter>> {
        let queue = self.stripe(key.hash).interest.get()?.waiters.queue(db, key.bytes, wanted)?;
        queue.range(from..).next().map(|(_, waiter)| waiter.clone())
    }

    /// Serves a waiter, unless its wait has ended otherwise. It stands in no queue of a stripe that is held any more.
    fn serve(&mut self, waiter: &Arc<Waiter>, key: &Key<'_>) {
        self.take_out(waiter);
        if waiter.end(WaitEnd::Served) {
            debug_assert!(self.held.holds_all(self.space(), &waiter.further), "a further stripe is missing");
            waiter.waits.serve(self, key);
            self.marks.note_served(waiter.clone());
        }
    }
}

/// Hands over what was served.
pub(super) fn deliver(served: &[Arc<Waiter>], position: LogPosition) {
    for waiter in served {
        waiter.waits.deliver(position);
    }
}

/// Wakes those who were served, when the stripes have been let go.
pub(super) fn wake(served: &[Arc<Waiter>]) {
    for waiter in served {
        waiter.waits.wake();
    }
}
