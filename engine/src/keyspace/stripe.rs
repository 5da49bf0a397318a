//! A stripe: one lock's share of the keys, a table for each database that has some.
//!
//! Invariants: `bytes` of a table is the sum of its entries' `bytes()`, `deadlines` the number of entries that have one.
//! An entry's epoch differs from its stripe's only if its table is captured by a snapshot that has yet to write it
//! (`snapshot.rs`); whatever changes or ends such an entry keeps it, or a copy, for the snapshot first.
#![allow(unsafe_code)]

use std::sync::Arc;

use crate::clock::Millis;
use crate::table::{self, KeyHasher, Slot, Table};
use crate::value::Value;

use super::entry::{Entry, EntryMut, EntryPtr, Loose, NewValue, ValueRef, with_deadline};
use super::interest::Interest;
use super::snapshot::{Big, Capture, Given, Kept};
use super::{Key, Keyspace, Taken};

/// Which table of a stripe: the database. In cluster mode it is going to be database and slot.
pub type TableId = u32;

/// A key on its way into the caches.
pub(super) type Probe<'a> = table::Probe<'a, EntryPtr>;

/// One lock's share of the keyspace.
pub struct Stripe {
    /// Sorted by id; most keyspaces use database 0 alone, so it is looked at first.
    tables: Vec<(TableId, KeyTable)>,
    /// Bits of the hash that all keys of the stripe share.
    base: u32,
    /// Turned when a snapshot begins; entries made afterwards carry the new value and are not part of it.
    pub(super) epoch: bool,
    /// Tables that are no part of the keyspace any more, but of a snapshot that has not done with them.
    handed: Vec<KeyTable>,
    /// Who has to hear of changes.
    pub(super) interest: Interest,
}

/// The keys of one database in one stripe.
pub struct KeyTable {
    table: Table<EntryPtr>,
    bytes: usize,
    deadlines: usize,
    /// While a snapshot has not done with it.
    capture: Option<Box<Capture>>,
}

/// What is left of a capture: itself and, if nobody else has it any more, its table. Freed without the lock.
pub(super) type Remains = (Option<Box<Capture>>, Option<KeyTable>);

/// What making an entry takes besides key and value.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) space: &'a Keyspace,
    pub(super) epoch: bool,
    /// The access clock of a new key, if it brings one along.
    pub(super) clock: Option<u32>,
    pub(super) now: Millis,
    /// Whether setting a key that is there counts as an access to it.
    pub(super) touches: bool,
}

impl Making<'_> {
    fn first_clock(&self) -> u32 {
        self.clock.unwrap_or_else(|| self.space.access_clock(self.now, None))
    }

    /// The access clock of a key that is set again.
    fn clock_after(&self, old: u32) -> u32 {
        if self.touches { self.space.access_clock(self.now, Some(old)) } else { old }
    }
}

impl Stripe {
    pub(super) fn new(base: u32) -> Self {
        Self { tables: Vec::new(), base, epoch: false, handed: Vec::new(), interest: Interest::default() }
    }

    #[inline]
    fn index(&self, id: TableId) -> Result<usize, usize> {
        match self.tables.first() {
            Some((first, _)) if *first == id => Ok(0),
            _ => self.tables.binary_search_by_key(&id, |(i, _)| *i),
        }
    }

    /// The table of a database, if it has ever held a key here.
    #[inline]
    pub fn table(&self, id: TableId) -> Option<&KeyTable> {
        self.index(id).ok().map(|i| &self.tables[i].1)
    }

    pub(super) fn table_mut(&mut self, id: TableId) -> Option<&mut KeyTable> {
        self.index(id).ok().map(|i| &mut self.tables[i].1)
    }

    pub(super) fn table_or_new(&mut self, id: TableId) -> &mut KeyTable {
        self.table_and_interest(id).0
    }

    /// The table of a database, made if it is not there, and who has to hear of changes.
    pub(super) fn table_and_interest(&mut self, id: TableId) -> (&mut KeyTable, &Interest) {
        let i = self.index(id).unwrap_or_else(|i| {
            self.tables.insert(i, (id, KeyTable::new(self.base)));
            i
        });
        (&mut self.tables[i].1, &self.interest)
    }

    /// Makes room for so many keys in an empty table.
    pub(super) fn make_room(&mut self, id: TableId, keys: usize) {
        let base = self.base;
        let table = self.table_or_new(id);
        if table.is_empty() && table.capture.is_none() {
            table.table = Table::with_room(base, keys);
        }
    }

    /// Takes a table away, with all its keys. `None` if there is none, or a snapshot has yet to go through it.
    pub(super) fn take(&mut self, id: TableId) -> Option<KeyTable> {
        let i = self.index(id).ok()?;
        self.watched_keys_changed(id, &[id]);
        let mut table = self.tables.remove(i).1;
        let bytes = table.all_bytes();
        let Some(capture) = &mut table.capture else { return Some(table) };
        capture.count_kept(bytes);
        self.handed.push(table);
        None
    }

    /// Turns the epoch: all entries that are there are a snapshot's to give. `each` sees the tables that hold some.
    pub(super) fn turn(&mut self, figures: &Arc<Kept>, mut each: impl FnMut(TableId, &KeyTable)) {
        self.epoch = !self.epoch;
        for (id, table) in self.tables.iter_mut().filter(|(_, table)| !table.is_empty()) {
            each(*id, table);
            table.capture = Some(Box::new(Capture::new(*id, self.epoch, figures.clone())));
        }
    }

    /// The table that had the number `id` when the snapshot began, and whether it is no part of the keyspace any more.
    fn captured(&mut self, id: TableId) -> Option<(&mut KeyTable, bool)> {
        let is = |table: &KeyTable| table.capture.as_ref().is_some_and(|capture| capture.id == id);
        match self.tables.iter_mut().map(|(_, table)| table).find(|table| is(table)) {
            Some(table) => Some((table, false)),
            None => self.handed.iter_mut().find(|table| is(table)).map(|table| (table, true)),
        }
    }

    /// Whether a snapshot has not done with it.
    #[cfg(test)]
    pub(super) fn is_captured(&self) -> bool {
        !self.handed.is_empty() || self.tables.iter().any(|(_, table)| table.capture.is_some())
    }

    /// Some steps of a snapshot's walk through the table that had the number `id` when it began; see
    /// [`KeyTable::give_some`] and, for a snapshot that nobody wants any more, [`KeyTable::turn_some`]. Returns the position
    /// to go on from, `None` at the end of the table, and what is left to be freed.
    pub(super) fn capture_some(
        &mut self,
        id: TableId,
        position: u64,
        hasher: &KeyHasher,
        given: &mut Given,
        is_wanted: bool,
    ) -> (Option<u64>, Remains) {
        let Some((table, is_handed)) = self.captured(id) else { return (None, (None, None)) };
        let next = match is_wanted {
            true => table.give_some(position, hasher, given),
            false if is_handed => None,
            false => table.turn_some(position, hasher, given),
        };
        if next.is_some() {
            return (next, (None, None));
        }
        let capture = table.capture.take();
        // What was handed over is here for its capture alone.
        let done = self.handed.iter().position(|table| table.capture.is_none());
        (None, (capture, done.map(|i| self.handed.swap_remove(i))))
    }

    /// Tells those who watch a key of database `id` that is in one of the databases `now`.
    fn watched_keys_changed(&self, id: TableId, now: &[TableId]) {
        if let Some(all) = self.interest.get() {
            let is_there = |key: &Key<'_>| now.iter().filter_map(|&db| self.table(db)).any(|t| t.find(key).is_some());
            all.watchers.all_changed(id, is_there);
        }
    }

    /// Exchanges two databases.
    pub(super) fn swap(&mut self, a: TableId, b: TableId) {
        for id in [a, b] {
            self.watched_keys_changed(id, &[a, b]);
        }
        for (id, _) in &mut self.tables {
            *id = match *id {
                i if i == a => b,
                i if i == b => a,
                i => i,
            };
        }
        self.tables.sort_by_key(|(id, _)| *id);
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = TableId> + '_ {
        self.tables.iter().map(|(id, _)| *id)
    }

    /// Bytes of all tables and entries. O(databases).
    pub(super) fn bytes(&self) -> usize {
        self.tables.iter().map(|(_, t)| t.all_bytes()).sum()
    }
}

impl Drop for KeyTable {
    fn drop(&mut self) {
        // SAFETY: the table owns its entries; nobody can reach them once it is being dropped.
        self.table.for_each(|p| unsafe { p.free() });
    }
}

impl KeyTable {
    fn new(base: u32) -> Self {
        Self { table: Table::new(base), bytes: 0, deadlines: 0, capture: None }
    }

    /// How many keys it holds, expired ones included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// How many of its keys have a deadline.
    pub fn deadlines(&self) -> usize {
        self.deadlines
    }

    /// Bytes of the entries.
    pub fn entry_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the table itself.
    pub fn table_bytes(&self) -> usize {
        self.table.bytes()
    }

    /// Bytes of the table and of the entries.
    pub(super) fn all_bytes(&self) -> usize {
        self.bytes + self.table.bytes()
    }

    fn entry(&self, p: EntryPtr) -> Entry<'_> {
        // SAFETY: entries live as long as they are in the table, and change only through `&mut self`.
        unsafe { p.get() }
    }

    fn entry_mut(&mut self, p: EntryPtr) -> EntryMut<'_> {
        // SAFETY: as above; `&mut self` makes us the only one.
        unsafe { p.get_mut() }
    }

    fn is(key: &[u8]) -> impl Fn(EntryPtr) -> bool + '_ {
        // SAFETY: the table calls this for entries that it holds.
        move |p| unsafe { p.get() }.has_key(key)
    }

    /// Finds a key.
    #[inline]
    pub fn find(&self, key: &Key<'_>) -> Option<Entry<'_>> {
        self.table.find(key.hash, Self::is(key.bytes)).map(|p| self.entry(p))
    }

    fn find_slot(&self, key: &Key<'_>) -> Option<(Slot, EntryPtr)> {
        self.table.find_slot(key.hash, Self::is(key.bytes))
    }

    /// Starts to bring a key closer.
    #[inline]
    pub(super) fn probe(&self, hash: u64) -> Probe<'_> {
        self.table.probe(hash)
    }

    /// Brings the place of a key closer that is going to be added.
    #[inline]
    pub(super) fn prefetch_place(&self, hash: u64) {
        self.table.prefetch_place(hash);
    }

    /// The entry that most likely has the key of this hash; its key has not been looked at.
    #[inline]
    pub(super) fn guess(&self, hash: u64) -> Option<Entry<'_>> {
        self.table.find(hash, |_| true).map(|p| self.entry(p))
    }

    /// Sets a key, whether it is there or not. Returns what is left of an old value.
    pub(super) fn put(
        &mut self,
        key: &Key<'_>,
        value: NewValue<'_>,
        deadline: Option<Millis>,
        making: Making<'_>,
    ) -> Option<Value> {
        let Some((slot, old)) = self.find_slot(key) else {
            let new = EntryPtr::new(key.bytes, value, deadline, making.epoch);
            self.entry(new).set_clock(making.first_clock());
            self.bytes += self.entry(new).bytes();
            self.deadlines += usize::from(deadline.is_some());
            self.table.insert(key.hash, new, &making.space.hasher);
            return None;
        };
        let clock = making.clock_after(self.entry(old).clock());
        let mut entry = self.entry_mut(old);
        if entry.overwrite(&value, deadline, making.epoch) {
            entry.read().set_clock(clock);
            if let Some(deadline) = deadline {
                self.table.note_deadline(key.hash, deadline);
            }
            return None;
        }
        let new = EntryPtr::new(key.bytes, value, deadline, making.epoch);
        self.entry(new).set_clock(clock);
        self.bytes += self.entry(new).bytes();
        self.deadlines += usize::from(deadline.is_some());
        self.table.replace(&slot, new);
        self.retire(old)
    }

    /// The end of an entry that is no longer in the table. A snapshot that has not written it yet keeps it.
    fn retire(&mut self, old: EntryPtr) -> Option<Value> {
        let entry = self.entry(old);
        let (bytes, deadline) = (entry.bytes(), entry.deadline());
        self.bytes -= bytes;
        self.deadlines -= usize::from(deadline.is_some());
        if self.capture.is_some() && self.keep_if_wanted(old) {
            return None;
        }
        // SAFETY: the caller took it out of the table.
        unsafe { old.take_value() }
    }

    /// Keeps an entry that the caller has taken out of the table, if the snapshot has yet to give it or the rest of it.
    #[cold]
    fn keep_if_wanted(&mut self, old: EntryPtr) -> bool {
        let is_unwritten = self.is_unwritten(old);
        if is_unwritten {
            self.keep(old);
        } else if self.entry(old).value().is_in_pieces() {
            self.detach(old);
        } else {
            return false;
        }
        true
    }

    /// Keeps an entry of which the snapshot has begun to give pieces.
    fn detach(&mut self, old: EntryPtr) {
        let bytes = self.entry(old).bytes();
        if let Some(capture) = &mut self.capture {
            capture.count_kept(bytes);
            // SAFETY: the caller took it out of the table, or has just made it.
            unsafe { capture.detached.push(old) };
        }
    }

    /// The end of a value in whose place there is another in the same entry.
    pub(super) fn retire_value(&mut self, key: &Key<'_>, value: Value) {
        if self.capture.is_some() && ValueRef::from(&value).is_in_pieces() {
            self.detach(EntryPtr::new(key.bytes, NewValue::Owned(value), None, false));
        }
    }

    /// Whether a snapshot has yet to write the entry.
    fn is_unwritten(&self, p: EntryPtr) -> bool {
        self.capture.as_ref().is_some_and(|capture| capture.epoch != self.entry(p).epoch())
    }

    /// Keeps for the snapshot what the caller has taken out of the table.
    #[cold]
    fn keep(&mut self, old: EntryPtr) {
        let bytes = self.entry(old).bytes();
        let mut nobody = Loose::default();
        let kept = match &mut self.capture {
            Some(capture) => {
                capture.count_kept(bytes);
                &mut capture.kept
            }
            None => &mut nobody,
        };
        // SAFETY: by the caller's word.
        unsafe { kept.push(old) };
    }

    /// Keeps a copy of an entry that is about to be changed in place, which is no part of the snapshot then. What is big
    /// is not copied, but given in pieces as it is now.
    #[cold]
    fn keep_copy(&mut self, p: EntryPtr) {
        if !self.begin_pieces(p) {
            // SAFETY: it is in the table, which is ours alone.
            let copy = unsafe { p.copy() };
            self.keep(copy);
            self.turn(p);
        }
    }

    fn turn(&mut self, p: EntryPtr) {
        let epoch = !self.entry(p).epoch();
        self.entry_mut(p).set_epoch(epoch);
    }

    /// Has a big collection given in pieces as it is now, and turns its entry. False, and nothing done, if it is not big.
    fn begin_pieces(&mut self, p: EntryPtr) -> bool {
        if self.entry(p).value().bytes() < Big::FROM {
            return false;
        }
        let Some(whole) = self.entry_mut(p).value().begin_pieces() else { return false };
        let big = Big::new(self.entry(p), whole);
        if let Some(capture) = &mut self.capture {
            capture.bigs.push_back(big);
        }
        self.turn(p);
        true
    }

    /// One step of a snapshot's walk: turns the entries of a bucket that it has yet to give and copies them, if they are
    /// wanted. Returns the position to go on from; see [`Table::scan`].
    fn capture_step(&mut self, position: u64, hasher: &KeyHasher, mut copies: Option<&mut Loose>) -> Option<u64> {
        let mut bucket = smallvec::SmallVec::<[EntryPtr; 16]>::new();
        let next = self.table.scan(position, hasher, |p| bucket.push(p));
        for p in bucket {
            if !self.is_unwritten(p) {
                continue;
            }
            if let Some(copies) = &mut copies {
                if self.begin_pieces(p) {
                    continue;
                }
                // SAFETY: the entry is in the table, which is ours alone, and its copy in none.
                unsafe { copies.push(p.copy()) };
            }
            self.turn(p);
        }
        next
    }

    /// Some steps of a snapshot's walk: a piece of a collection, or copies of what it has yet to give and what has been
    /// kept for it. Returns the position to go on from, `None` when all has been given.
    fn give_some(&mut self, position: u64, hasher: &KeyHasher, given: &mut Given) -> Option<u64> {
        /// So many buckets, with seven entries each at most, or bytes are gone through under one lock.
        const BUCKETS: usize = 8;
        const BYTES: usize = 64 * 1024;
        let capture = self.capture.as_mut()?;
        if given.take_big(&mut capture.bigs) {
            self.give_piece(hasher, given);
            return Some(position);
        }
        capture.take_kept(&mut given.copies);
        let (start, mut at) = (given.copies.bytes(), position);
        for _ in 0..BUCKETS {
            let next = self.capture_step(at, hasher, Some(&mut given.copies));
            let has_bigs = self.capture.as_ref().is_some_and(|capture| !capture.bigs.is_empty());
            match next {
                Some(next) => at = next,
                None if has_bigs => return Some(at),
                None => return None,
            }
            if has_bigs || given.copies.bytes() - start >= BYTES {
                break;
            }
        }
        Some(at)
    }

    /// The entry of a key of which the snapshot gives pieces, if it is still in the table.
    fn in_pieces(&self, key: &[u8], hasher: &KeyHasher) -> Option<EntryPtr> {
        let key = Key { bytes: key, hash: hasher.hash(key) };
        self.find_slot(&key).map(|(_, p)| p).filter(|&p| self.entry(p).value().is_in_pieces())
    }

    /// Gives a piece of the collection whose turn it is.
    fn give_piece(&mut self, hasher: &KeyHasher, given: &mut Given) {
        let Some(key) = given.big_key().map(<[u8]>::to_vec) else { return };
        if let Some(p) = self.in_pieces(&key, hasher) {
            given.fill(&mut self.entry_mut(p).value());
        } else if let Some(capture) = &mut self.capture {
            match capture.detached.find(&key) {
                Some(at) => {
                    if let Some(mut entry) = capture.detached.get_mut(at) {
                        given.fill(&mut entry.value());
                    }
                    if given.ends() {
                        capture.release_detached(at, &mut given.garbage);
                    }
                }
                None => given.end_big(0),
            }
        }
        if let Some(capture) = &mut self.capture {
            capture.count_noted(given.take_noted());
        }
    }

    /// Some steps of the walk of a snapshot that nobody wants: turns entries, and ends what has begun.
    fn turn_some(&mut self, position: u64, hasher: &KeyHasher, given: &mut Given) -> Option<u64> {
        const BUCKETS: usize = 32;
        let capture = self.capture.as_mut()?;
        capture.drop_detached(&mut given.garbage);
        let begun = given.abandon_big().into_iter().chain(std::mem::take(&mut capture.bigs));
        for big in begun {
            if let Some(p) = self.in_pieces(big.key(), hasher) {
                self.entry_mut(p).value().end_pieces();
            }
        }
        (0..BUCKETS).try_fold(position, |at, _| self.capture_step(at, hasher, None))
    }

    /// Removes a key. `None` if it was not there, else what is left of its value.
    pub(super) fn remove(&mut self, key: &Key<'_>, hasher: &KeyHasher) -> Option<Option<Value>> {
        let (slot, old) = self.find_slot(key)?;
        self.table.remove(slot, hasher);
        Some(self.retire(old))
    }

    /// Takes a key out with all that belongs to it.
    pub(super) fn take(&mut self, key: &Key<'_>, hasher: &KeyHasher) -> Option<Taken> {
        let (slot, old) = self.find_slot(key)?;
        let entry = self.entry(old);
        let (clock, deadline) = (entry.clock(), entry.deadline());
        let copied = match Taken::copied(entry) {
            // The snapshot keeps the value.
            None if self.is_unwritten(old) || entry.value().is_in_pieces() => {
                entry.value().to_owned().map(|v| Taken::moved(v, deadline, clock))
            }
            copied => copied,
        };
        self.table.remove(slot, hasher);
        match (copied, self.retire(old)) {
            (Some(taken), _) => Some(taken),
            (None, Some(value)) => Some(Taken::moved(value, deadline, clock)),
            (None, None) => None,
        }
    }

    /// Changes an entry in place. `None` if the key is not there.
    pub(super) fn update<R>(
        &mut self,
        key: &Key<'_>,
        epoch: bool,
        change: impl FnOnce(&mut EntryMut<'_>) -> R,
    ) -> Option<R> {
        let (_, p) = self.find_slot(key)?;
        if self.entry(p).epoch() != epoch {
            self.keep_copy(p);
        }
        let mut entry = self.entry_mut(p);
        let before = entry.read().bytes();
        let result = change(&mut entry);
        let after = entry.read().bytes();
        self.bytes = self.bytes - before + after;
        Some(result)
    }

    /// Begins to change the collection of a key in place: the entry, with the bytes that its value takes now.
    pub(super) fn begin_edit(&mut self, key: &Key<'_>, epoch: bool) -> Option<(EntryMut<'_>, usize)> {
        let (_, p) = self.find_slot(key)?;
        if self.entry(p).epoch() != epoch {
            self.keep_copy(p);
        }
        let entry = self.entry_mut(p);
        let bytes = entry.read().value().bytes();
        Some((entry, bytes))
    }

    /// Ends such a change: the value took `before` bytes and takes `after` now.
    pub(super) fn end_edit(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes - before + after;
    }

    /// Notes that something of a key is due at a time.
    pub(super) fn note_deadline(&mut self, key: &Key<'_>, deadline: Millis) {
        self.table.note_deadline(key.hash, deadline);
    }

    /// Gives a key a deadline, or takes it away. False if the key is not there.
    pub(super) fn set_deadline(&mut self, key: &Key<'_>, deadline: Option<Millis>, epoch: bool) -> bool {
        let Some((slot, old)) = self.find_slot(key) else { return false };
        let had = self.entry(old).deadline().is_some();
        if !had && deadline.is_none() {
            return true;
        }
        if self.entry(old).epoch() != epoch {
            self.keep_copy(old);
        }
        if let Some(deadline) = deadline
            && self.entry_mut(old).set_deadline(deadline)
        {
            self.table.note_deadline(key.hash, deadline);
            return true;
        }
        self.bytes -= self.entry(old).bytes();
        // SAFETY: the old entry is ours alone, and the new one takes its place at once.
        let new = unsafe { with_deadline(old, deadline, epoch) };
        self.bytes += self.entry(new).bytes();
        self.deadlines = self.deadlines + usize::from(deadline.is_some()) - usize::from(had);
        self.table.replace(&slot, new);
        true
    }

    /// One step of a walk in hash order from `position`; see [`Table::scan`].
    pub fn scan(&self, position: u64, hasher: &KeyHasher, mut visit: impl FnMut(Entry<'_>)) -> Option<u64> {
        self.table.scan(position, hasher, |p| visit(self.entry(p)))
    }

    /// Visits all entries. O(n).
    pub fn for_each(&self, mut visit: impl FnMut(Entry<'_>)) {
        self.table.for_each(|p| visit(self.entry(p)));
    }

    /// An entry near a random place, or `None` if nothing is just there.
    pub fn pick(&self, hash: u64, n: usize) -> Option<Entry<'_>> {
        self.table.pick(hash, n).map(|p| self.entry(p))
    }

    /// The first position from `position` on near which a key with a deadline may be.
    pub(super) fn skip_to_deadline(&self, position: u64) -> Option<u64> {
        self.table.skip_to_deadline(position)
    }

    /// A time before which nothing is due.
    pub(super) fn earliest(&self) -> Millis {
        self.table.earliest()
    }

    /// One step of a walk for keys that are due; gives their keys, which the caller removes.
    pub(super) fn due(&mut self, position: u64, now: Millis, keys: &mut Vec<Vec<u8>>) -> Option<u64> {
        let mut found = Vec::new();
        let next = self.table.due(position, now, &mut found);
        keys.extend(found.into_iter().map(|p| self.entry(p).key().to_vec()));
        next
    }
}
