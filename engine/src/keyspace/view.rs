//! A view: the stripes that one command holds, from its first read to its effect.
//!
//! Every read and every change of the keyspace goes through a view. It took its stripes in the order of their numbers,
//! so views never wait for each other in a circle. Closing it (or dropping it) is the one place where a change is
//! counted, logged and announced. A thread that holds a view of a keyspace cannot open a second one: that is an
//! error, not a deadlock.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::entry::{Entry, EntryMut, NewValue};
use super::held::{Guard, Held};
use super::interest::Interest;
use super::stripe::{KeyTable, Making, Stripe, TableId};
use super::waiters::{self, Ready, Waiter};
use super::{DbSize, Effect, Event, EventClass, Key, Keyspace, LogPosition, Reads, Taken, Wants};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::per_thread;

/// What a view may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Look.
    Read,
    /// Look and change.
    Write,
}

/// What a view has to tell when it ends, to listeners and to those who wait.
#[derive(Default)]
struct Heard {
    effects: Vec<Effect>,
    events: Vec<(u32, Event, Vec<u8>)>,
    /// Keys that may hold what somebody waits for.
    ready: Vec<Ready>,
    /// Those who were served and have yet to be told.
    served: Vec<Arc<Waiter>>,
    /// Keys that are not what they were, if somebody wants their names.
    keys: Vec<Box<[u8]>>,
    /// A whole database has gone.
    flushed: bool,
}

impl Heard {
    /// An empty one, which the last view of this thread may have left.
    fn spare() -> Box<Self> {
        // A thread that ends may have none any more.
        SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// Empties it, but for the memory of what is there with every change.
    fn clear(&mut self) {
        let Self { effects, events, ready, served, keys, flushed } = self;
        effects.clear();
        // A transaction's worth is not kept.
        if effects.capacity() > 64 {
            *effects = Vec::new();
        }
        if !(events.is_empty() && ready.is_empty() && served.is_empty() && keys.is_empty()) {
            (*events, *ready, *served, *keys) = Default::default();
        }
        *flushed = false;
    }
}

/// What a view has done so far that its end will look at.
pub(super) struct Marks {
    pub(super) changed: bool,
    /// What listeners want to hear of.
    wanted: Wants,
    /// Nothing, mostly: nobody listens. Readers have something to tell as well.
    heard: Cell<Option<Box<Heard>>>,
}

impl Marks {
    fn new(wanted: Wants) -> Self {
        Self { changed: false, wanted, heard: Cell::new(None) }
    }

    fn heard(&mut self) -> &mut Heard {
        self.heard.get_mut().get_or_insert_with(Heard::spare)
    }

    /// Notes that there is a key where there was none.
    #[inline]
    pub(super) fn note_new(&mut self, db: u32, key: &Key<'_>) {
        if self.wanted.contains(Wants::NEW) {
            self.heard().events.push((db, Event::new(EventClass::New, "new"), key.bytes.to_vec()));
        }
    }

    /// Notes that somebody has looked for a key in vain.
    #[cold]
    fn note_miss(&self, db: u32, key: &Key<'_>) {
        let mut heard = self.heard.take().unwrap_or_else(Heard::spare);
        heard.events.push((db, Event::new(EventClass::KeyMiss, "keymiss"), key.bytes.to_vec()));
        self.heard.set(Some(heard));
    }

    /// Notes that a key is not what it was.
    #[inline]
    pub(super) fn note_change(&mut self, key: &Key<'_>) {
        self.changed = true;
        if self.wanted.contains(Wants::KEYS) {
            self.heard().keys.push(key.bytes.into());
        }
    }

    pub(super) fn note_ready(&mut self, db: TableId, key: &Key<'_>) {
        let ready = Ready { db, hash: key.hash, key: key.bytes.into() };
        self.heard().ready.push(ready);
    }

    #[inline]
    fn has_ready(&mut self) -> bool {
        self.heard.get_mut().as_ref().is_some_and(|heard| !heard.ready.is_empty())
    }

    pub(super) fn take_ready(&mut self) -> Vec<Ready> {
        self.heard.get_mut().as_mut().map(|heard| std::mem::take(&mut heard.ready)).unwrap_or_default()
    }

    pub(super) fn note_served(&mut self, waiter: Arc<Waiter>) {
        self.heard().served.push(waiter);
    }
}

per_thread! {
    /// What the last view of this thread had to tell, for the next one to use again.
    static SPARE: Cell<Option<Box<Heard>>> = const { Cell::new(None) };
    /// The keyspace in which this thread holds a view, by address (0 for none), and how many others there are.
    static ENTERED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    /// The others: a thread may hold views of several keyspaces, one of each.
    static ALSO_ENTERED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Some stripes of a keyspace, held for reading or for writing, and one database chosen.
pub struct View<'k> {
    space: &'k Keyspace,
    pub(super) held: Held<'k>,
    db: u32,
    now: Millis,
    /// Whether reads count as an access.
    touches: bool,
    pub(super) marks: Marks,
    changes: u64,
    hits: Cell<u32>,
    misses: Cell<u32>,
    /// What ends a view has been done.
    closed: bool,
    /// And this thread may enter the keyspace again.
    left: bool,
    position: LogPosition,
}

impl<'k> View<'k> {
    /// A view of one key's stripe.
    ///
    /// # Errors
    /// [`Error::REENTERED`] from within a view of the same keyspace, [`Error::BUSY`] while [somebody holds
    /// stripes](Keyspace::set_busy) for too long; so for the other constructors.
    #[inline(always)]
    pub fn one(space: &'k Keyspace, db: u32, now: Millis, access: Access, hash: u64) -> Result<Self> {
        enter(space)?;
        Ok(Self::with(space, db, now, held(space, Held::one(space, space.stripe_of(hash), access))?))
    }

    /// A view of the stripes of a command's keys: mostly it has one.
    #[inline(always)]
    pub fn of(
        space: &'k Keyspace,
        db: u32,
        now: Millis,
        access: Access,
        hashes: impl Iterator<Item = u64> + Clone,
    ) -> Result<Self> {
        let mut first = hashes.clone();
        match (first.next(), first.next()) {
            (Some(hash), None) => Self::one(space, db, now, access, hash),
            _ => Self::some(space, db, now, access, hashes),
        }
    }

    /// A view of the stripes of some keys.
    pub fn some(
        space: &'k Keyspace,
        db: u32,
        now: Millis,
        access: Access,
        hashes: impl Iterator<Item = u64>,
    ) -> Result<Self> {
        enter(space)?;
        let held = held(space, Held::some(space, hashes.map(|h| (space.stripe_of(h), access))))?;
        Ok(Self::with(space, db, now, held))
    }

    /// A view of the stripes of some keys, for writing those of `written` and for reading those of `read` alone.
    pub fn mixed(
        space: &'k Keyspace,
        db: u32,
        now: Millis,
        written: impl Iterator<Item = u64>,
        read: impl Iterator<Item = u64>,
    ) -> Result<Self> {
        let written = written.map(|h| (space.stripe_of(h), Access::Write));
        let read = read.map(|h| (space.stripe_of(h), Access::Read));
        enter(space)?;
        Ok(Self::with(space, db, now, held(space, Held::some(space, written.chain(read)))?))
    }

    /// A view of everything.
    pub fn all(space: &'k Keyspace, db: u32, now: Millis, access: Access) -> Result<Self> {
        enter(space)?;
        let held = held(space, Held::everything(space, access))?;
        Ok(Self::with(space, db, now, held))
    }

    #[inline(always)]
    fn with(space: &'k Keyspace, db: u32, now: Millis, held: Held<'k>) -> Self {
        Self {
            space,
            held,
            db,
            now,
            touches: true,
            // Read after locking: whoever starts to listen holds all stripes meanwhile.
            marks: Marks::new(Wants::from_bits_truncate(space.wanted.load(Relaxed))),
            changes: 0,
            hits: Cell::new(0),
            misses: Cell::new(0),
            closed: false,
            left: false,
            position: 0,
        }
    }

    /// The keyspace.
    pub fn space(&self) -> &'k Keyspace {
        self.space
    }

    /// The database that keys are looked up in.
    pub fn db(&self) -> u32 {
        self.db
    }

    /// Chooses another database and returns the last one.
    ///
    /// # Errors
    /// [`Error::DB_INDEX`].
    pub fn select(&mut self, db: u32) -> Result<u32> {
        self.space.check_db(db)?;
        Ok(std::mem::replace(&mut self.db, db))
    }

    /// The time at which the command happens. A command of the log that runs again happens at time 0: what had not expired
    /// when it first ran is not to have expired now.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// The time that is noted of what happens.
    pub fn wall(&self) -> Millis {
        self.space.wall(self.now)
    }

    /// Makes reads leave the access clocks alone (`CLIENT NO-TOUCH`).
    pub fn no_touch(&mut self) {
        self.touches = false;
    }

    /// A key with its hash.
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        self.space.key(bytes)
    }

    /// The stripe of a hash.
    ///
    /// # Panics
    /// If the view does not hold it: the command did not declare its key.
    #[inline]
    pub(super) fn stripe(&self, hash: u64) -> &Stripe {
        match self.held.guard(self.space.stripe_of(hash)) {
            Some(guard) => guard.get(),
            None => undeclared(),
        }
    }

    #[inline]
    pub(super) fn stripe_mut(&mut self, hash: u64) -> &mut Stripe {
        match self.held.guard_mut(self.space.stripe_of(hash)) {
            Some(Guard::Write(stripe)) => stripe,
            _ => undeclared(),
        }
    }

    fn stripes(&self) -> impl Iterator<Item = (usize, &Stripe)> {
        self.held.all().iter().map(|(i, guard)| (*i, guard.get()))
    }

    pub(super) fn stripes_mut(&mut self) -> impl Iterator<Item = &mut Stripe> {
        self.held.all_mut().iter_mut().filter_map(|(_, guard)| match guard {
            Guard::Write(stripe) => Some(&mut **stripe),
            Guard::Read(_) => None,
        })
    }

    /// The table of the chosen database in the stripe of `hash`.
    pub(super) fn table_of(&self, hash: u64) -> Option<&KeyTable> {
        self.stripe(hash).table(self.db)
    }

    /// The tables of the chosen database, in the order of their hashes.
    pub fn tables(&self) -> impl Iterator<Item = &KeyTable> {
        self.stripes().filter_map(|(_, stripe)| stripe.table(self.db))
    }

    /// The size of the chosen database; the view holds everything.
    pub fn db_size(&self) -> DbSize {
        self.tables().fold(DbSize::default(), |sum, t| DbSize {
            keys: sum.keys + t.len(),
            deadlines: sum.deadlines + t.deadlines(),
        })
    }

    /// Whether a deadline has passed.
    #[inline]
    pub fn is_past(&self, deadline: Option<Millis>) -> bool {
        deadline.is_some_and(|d| self.now > d)
    }

    fn found(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        self.stripe(key.hash).table(self.db)?.find(key)
    }

    /// Looks at a key without counting it as an access. An expired key is not seen.
    #[inline]
    pub fn peek(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        self.found(key).filter(|e| !self.is_past(e.deadline()))
    }

    /// Reads a key: counts a hit or a miss, and an access. An expired key is not seen.
    #[inline]
    pub fn get(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        let entry = self.peek(key);
        match entry {
            Some(entry) => {
                self.hits.set(self.hits.get() + 1);
                self.touch(entry);
            }
            None => self.count_miss(key),
        }
        entry
    }

    /// Reads a key and counts a hit or a miss, but no access: for commands that ask about a key, not for its value.
    pub fn look(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        let entry = self.peek(key);
        match entry {
            Some(_) => self.hits.set(self.hits.get() + 1),
            None => self.count_miss(key),
        }
        entry
    }

    /// As [`look`](Self::look), for commands about how keys are kept, whose misses are no events.
    pub fn look_silently(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        let entry = self.peek(key);
        let counter = if entry.is_some() { &self.hits } else { &self.misses };
        counter.set(counter.get() + 1);
        entry
    }

    #[inline]
    fn count_miss(&self, key: &Key<'_>) {
        self.misses.set(self.misses.get() + 1);
        if self.marks.wanted.contains(Wants::MISSES) {
            self.marks.note_miss(self.db, key);
        }
    }

    /// Counts an access to an entry even if reads leave the access clocks alone: `TOUCH` means what it says.
    pub fn touch_anyway(&self, entry: Entry<'_>) {
        entry.set_clock(self.space.access_clock(self.now, Some(entry.clock())));
    }

    /// Counts an access to an entry.
    #[inline]
    pub fn touch(&self, entry: Entry<'_>) {
        if self.touches {
            entry.set_clock(self.space.access_clock(self.now, Some(entry.clock())));
        }
    }

    /// Looks up a key in order to change it: an expired one is deleted first.
    pub fn get_for_change(&mut self, key: &Key<'_>) -> Option<Entry<'_>> {
        self.drop_expired(key);
        let entry = self.peek(key)?;
        self.touch(entry);
        Some(entry)
    }

    /// Deletes a key that has expired, which is a change of its own and comes before the one that found it.
    pub fn drop_expired(&mut self, key: &Key<'_>) -> bool {
        // Where no key has a deadline there is nothing to look for.
        let table = self.stripe(key.hash).table(self.db).filter(|t| t.deadlines() > 0);
        let past = table.and_then(|t| t.find(key)).is_some_and(|e| self.is_past(e.deadline()));
        if !past || self.space.hold_expired.load(Relaxed) {
            return false;
        }
        self.expire(key);
        true
    }

    /// Deletes a key because its time has come.
    pub(super) fn expire(&mut self, key: &Key<'_>) {
        if !self.take_away(key) {
            return;
        }
        self.space.counters.expired.fetch_add(1, Relaxed);
        let event = Event { class: super::EventClass::Expired, name: "expired" };
        self.record(key, event, || Effect::new("DEL").arg(key.bytes));
    }

    pub(super) fn making(&self, hash: u64) -> Making<'k> {
        let epoch = self.stripe(hash).epoch;
        Making { space: self.space, epoch, clock: None, now: self.now, touches: self.touches }
    }

    /// The table of the chosen database in the stripe of `hash`, who has to hear of changes, and what is noted of them.
    pub(super) fn open_table(&mut self, hash: u64) -> (&mut KeyTable, &Interest, &mut Marks) {
        let (db, stripe) = (self.db, self.space.stripe_of(hash));
        match self.held.guard_mut(stripe) {
            Some(Guard::Write(stripe)) => {
                let (table, interest) = stripe.table_and_interest(db);
                (table, interest, &mut self.marks)
            }
            _ => undeclared(),
        }
    }

    /// Notes that a key is not what it was.
    #[inline]
    fn note_change(&mut self, key: &Key<'_>) {
        match self.held.guard(self.space.stripe_of(key.hash)) {
            Some(guard) => guard.get().interest.changed(self.db, key, &mut self.marks),
            None => undeclared(),
        }
    }

    /// Whether reads count as an access.
    pub(super) fn touches(&self) -> bool {
        self.touches
    }

    /// Sets a key to a value, with a deadline or without. The caller records the effect.
    pub fn put(&mut self, key: &Key<'_>, value: NewValue<'_>, deadline: Option<Millis>) {
        self.drop_expired(key);
        let (making, db) = (self.making(key.hash), self.db);
        if self.marks.wanted.contains(Wants::NEW) && self.found(key).is_none() {
            self.marks.note_new(db, key);
        }
        self.note_change(key);
        let garbage = self.stripe_mut(key.hash).table_or_new(db).put(key, value, deadline, making);
        if let Some(value) = garbage {
            self.space.reclaimer.value(value);
        }
    }

    /// Makes room for so many keys of the chosen database in all stripes where it has none so far, if the view holds them
    /// all for writing. O(keys).
    pub fn make_room(&mut self, keys: usize) {
        let (db, each) = (self.db, keys / self.space.stripes());
        self.stripes_mut().for_each(|stripe| stripe.make_room(db, each));
    }

    /// Removes a key; false if it is not there (or has expired). The caller records the effect.
    pub fn remove(&mut self, key: &Key<'_>) -> bool {
        !self.drop_expired(key) && self.take_away(key)
    }

    fn take_away(&mut self, key: &Key<'_>) -> bool {
        let (db, space) = (self.db, self.space);
        let Some(table) = self.stripe_mut(key.hash).table_mut(db) else { return false };
        let Some(garbage) = table.remove(key, &space.hasher) else { return false };
        self.note_change(key);
        if let Some(value) = garbage {
            space.reclaimer.value(value);
        }
        true
    }

    /// Takes a key out with its value, deadline and access clock, to put it [back](Self::restore) under another key or
    /// into another database; a big value moves without being copied. The caller records the effect.
    pub fn take(&mut self, key: &Key<'_>) -> Option<Taken> {
        if self.drop_expired(key) {
            return None;
        }
        let (db, space) = (self.db, self.space);
        let taken = self.stripe_mut(key.hash).table_mut(db)?.take(key, &space.hasher)?;
        self.note_change(key);
        Some(taken)
    }

    /// Puts under a key what was taken from another, in place of whatever the key holds.
    pub fn restore(&mut self, key: &Key<'_>, taken: Taken) {
        if !self.drop_expired(key) {
            self.take_away(key);
        }
        let making = Making { clock: Some(taken.clock()), ..self.making(key.hash) };
        let db = self.db;
        self.marks.note_new(db, key);
        self.note_change(key);
        let deadline = taken.deadline();
        let table = self.stripe_mut(key.hash).table_or_new(db);
        taken.with_value(|value| table.put(key, value, deadline, making));
    }

    /// Changes a value in place. `None` if the key is not there (or has expired). The caller records the effect.
    pub fn update<R>(&mut self, key: &Key<'_>, change: impl FnOnce(&mut EntryMut<'_>) -> R) -> Option<R> {
        self.drop_expired(key);
        let db = self.db;
        let stripe = self.stripe_mut(key.hash);
        let epoch = stripe.epoch;
        let result = stripe.table_mut(db)?.update(key, epoch, change)?;
        self.note_change(key);
        Some(result)
    }

    /// Gives a key a deadline or takes it away; false if the key is not there. The caller records the effect.
    pub fn set_deadline(&mut self, key: &Key<'_>, deadline: Option<Millis>) -> bool {
        if self.drop_expired(key) {
            return false;
        }
        let db = self.db;
        let stripe = self.stripe_mut(key.hash);
        let epoch = stripe.epoch;
        let done = stripe.table_mut(db).is_some_and(|t| t.set_deadline(key, deadline, epoch));
        if done {
            self.note_change(key);
        }
        done
    }

    /// Empties a database; the view holds everything. Returns how many keys there were.
    pub fn flush(&mut self, db: u32, background: bool) -> usize {
        if self.marks.wanted.contains(Wants::KEYS) {
            self.marks.heard().flushed = true;
        }
        let keys = self.stripes().filter_map(|(_, s)| s.table(db)).map(KeyTable::len).sum();
        if keys == 0 {
            return 0;
        }
        self.marks.changed = true;
        self.note_database(db);
        let taken: Vec<KeyTable> = self.stripes_mut().filter_map(|s| s.take(db)).collect();
        if background {
            self.space.reclaimer.send(Box::new(taken));
        }
        keys
    }

    /// Exchanges two databases; the view holds everything.
    pub fn swap(&mut self, a: u32, b: u32) {
        self.marks.changed = true;
        for db in [a, b] {
            self.note_database(db);
        }
        for stripe in self.stripes_mut() {
            stripe.swap(a, b);
        }
    }

    /// Records what a change means to the log, and what to tell those who watch the key.
    ///
    /// Every change is recorded, in the order in which it was made; `effect` runs only if somebody listens.
    pub fn record(&mut self, key: &Key<'_>, event: Event, effect: impl FnOnce() -> Effect) {
        self.record_effect(effect);
        self.announce(key, event);
    }

    /// Whether somebody hears of effects.
    pub fn wants_effects(&self) -> bool {
        self.marks.wanted.contains(Wants::EFFECTS)
    }

    /// Records a change that no event goes with.
    pub fn record_effect(&mut self, effect: impl FnOnce() -> Effect) {
        self.changes += 1;
        if self.marks.wanted.contains(Wants::EFFECTS) {
            let mut effect = effect();
            effect.db = self.db;
            self.marks.heard().effects.push(effect);
        }
    }

    /// Records a change of something that is no key and goes with the keys all the same.
    pub fn record_elsewhere(&mut self, effect: impl FnOnce() -> Effect) {
        self.marks.changed = true;
        self.record_effect(effect);
    }

    /// Says whether effects go to the log from now on (`redis.set_repl`); they do unless somebody says otherwise.
    pub fn set_logged(&mut self, logged: bool) {
        let wanted = Wants::from_bits_truncate(self.space.wanted.load(Relaxed));
        self.marks.wanted.set(Wants::EFFECTS, logged && wanted.contains(Wants::EFFECTS));
    }

    /// Announces an event, be it a change or not.
    pub fn announce(&mut self, key: &Key<'_>, event: Event) {
        if self.marks.wanted.contains(Wants::EVENTS) {
            let event = (self.db, event, key.bytes.to_vec());
            self.marks.heard().events.push(event);
        }
    }

    /// How many changes the view has recorded so far.
    pub fn recorded(&self) -> u64 {
        self.changes
    }

    /// Has the log brought to the disk at once, and says up to where; `None` if there is none.
    pub fn hurry_log(&self) -> Option<LogPosition> {
        self.space.listeners.read().iter().filter_map(|listener| listener.hurry()).max()
    }

    /// The look-ups so far, for a caller that counts those of many views together.
    #[inline]
    pub fn take_reads(&mut self) -> Reads {
        Reads { hits: self.hits.take(), misses: self.misses.take() }
    }

    /// Ends the view: counts, logs and announces what was changed, and lets the stripes go. Returns the log position
    /// that covers it, which a reply must not overtake.
    ///
    /// Those who wait for what was changed are served first, and told last.
    #[inline]
    pub fn close(mut self) -> LogPosition {
        self.count_reads();
        self.finish();
        self.position
    }

    /// As [`close`](Self::close), but that the look-ups are the caller's to count, and the stripes are let go when the
    /// view is dropped, which is to follow.
    #[inline(always)]
    pub(crate) fn end(&mut self) -> (LogPosition, Reads) {
        let reads = self.take_reads();
        self.finish();
        (self.position, reads)
    }

    fn count_reads(&mut self) {
        let reads = self.take_reads();
        if reads != Reads::default() {
            self.space.count_reads(self.held.first() as u64, reads);
        }
    }

    #[inline(always)]
    fn finish(&mut self) {
        self.closed = true;
        let heard = self.marks.heard.get_mut().is_some();
        if heard && self.marks.has_ready() {
            self.serve_waiters();
        }
        debug_assert!(
            self.marks.changed == (self.changes > 0) || std::thread::panicking(),
            "a change without an effect, or an effect without a change"
        );
        if self.marks.changed {
            let cell = &self.space.stripes[self.held.first()];
            for (i, stripe) in self.stripes() {
                self.space.stripes[i].bytes.store(stripe.bytes(), Relaxed);
            }
            // Two stores need no atomic addition: the stripe is held for writing.
            cell.changes.store(cell.changes.load(Relaxed) + self.changes, Relaxed);
            self.marks.changed = false;
            self.changes = 0;
        }
        if heard {
            self.tell();
        }
        if self.marks.wanted.contains(Wants::POSITIONS) {
            self.find_position();
        }
    }

    /// Up to which position of the log what was seen here rests on it.
    #[cold]
    fn find_position(&mut self) {
        let stripes = self.held.all().iter().map(|(i, _)| &self.space.stripes[*i].position);
        self.position = stripes.fold(self.position, |most, stripe| most.max(stripe.load(Relaxed)));
    }

    /// Notes the position of the log behind the changes that were made here, for whoever sees them.
    fn note_position(&self) {
        for (i, guard) in self.held.all() {
            if matches!(guard, Guard::Write(_)) {
                self.space.stripes[*i].position.store(self.position, Relaxed);
            }
        }
    }

    #[cold]
    fn tell(&mut self) {
        let Some(mut heard) = self.marks.heard.take() else { return };
        let listeners = self.space.listeners.read();
        for listener in listeners.iter() {
            self.position = self.position.max(listener.effects(&heard.effects));
        }
        if self.position > 0 {
            self.note_position();
        }
        waiters::deliver(&heard.served, self.position);
        for listener in listeners.iter() {
            for (db, event, key) in &heard.events {
                listener.event(*db, *event, key);
            }
        }
        if !heard.keys.is_empty() {
            listeners.iter().for_each(|listener| listener.changed(&heard.keys));
        }
        if heard.flushed {
            listeners.iter().for_each(|listener| listener.flushed());
        }
        drop(listeners);
        if !heard.served.is_empty() {
            // Whoever is woken may want the stripes at once, perhaps on this very thread.
            self.held = Held::none();
            leave(self.space);
            self.left = true;
            waiters::wake(&heard.served);
        }
        heard.clear();
        let _ = SPARE.try_with(|spare| spare.set(Some(heard)));
    }
}

impl Drop for View<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.closed {
            self.count_reads();
            self.finish();
        }
        if !self.left {
            leave(self.space);
        }
    }
}

/// A thread that is in a keyspace as if it held a view, without one.
pub(super) struct Inside<'k>(&'k Keyspace);

impl<'k> Inside<'k> {
    /// # Errors
    /// [`Error::REENTERED`] from within a view.
    pub(super) fn enter(space: &'k Keyspace) -> Result<Self> {
        enter(space)?;
        Ok(Self(space))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        leave(self.0);
    }
}

/// What is held, or the thread is not in the keyspace after all.
#[inline(always)]
fn held<'k>(space: &'k Keyspace, held: Result<Held<'k>>) -> Result<Held<'k>> {
    if held.is_err() {
        leave(space);
    }
    held
}

#[inline]
fn enter(space: &Keyspace) -> Result<()> {
    let here = std::ptr::from_ref(space).addr();
    if ENTERED.with(|e| e.get()) != (0, 0) {
        return enter_also(space, here);
    }
    ENTERED.with(|e| e.set((here, 0)));
    Ok(())
}

#[cold]
fn enter_also(space: &Keyspace, here: usize) -> Result<()> {
    let (first, others) = ENTERED.with(|e| e.get());
    if first == here || ALSO_ENTERED.with(|also| also.borrow().contains(&here)) {
        // Somebody is looked after while a script of this very thread goes on.
        return Err(if space.is_busy() { Error::BUSY } else { Error::REENTERED });
    }
    ENTERED.with(|e| e.set((first, others + 1)));
    ALSO_ENTERED.with(|also| also.borrow_mut().push(here));
    Ok(())
}

/// Whether this thread holds a view of the keyspace.
pub(super) fn is_inside(space: &Keyspace) -> bool {
    let here = std::ptr::from_ref(space).addr();
    let (first, others) = ENTERED.with(|e| e.get());
    first == here || others > 0 && ALSO_ENTERED.with(|also| also.borrow().contains(&here))
}

#[inline]
fn leave(space: &Keyspace) {
    match ENTERED.with(|e| e.get()) {
        (_, 0) => ENTERED.with(|e| e.set((0, 0))),
        (first, others) => leave_one(std::ptr::from_ref(space).addr(), first, others - 1),
    }
}

/// Views may end in any order.
#[cold]
fn leave_one(here: usize, first: usize, others: usize) {
    let first = ALSO_ENTERED.with(|also| {
        let mut also = also.borrow_mut();
        if first == here {
            return also.pop().unwrap_or(0);
        }
        also.retain(|&other| other != here);
        first
    });
    ENTERED.with(|e| e.set((first, others)));
}

#[cold]
#[allow(clippy::panic)]
fn undeclared() -> ! {
    panic!("a command used a key that its key specs do not name, or changed one that it only reads")
}
