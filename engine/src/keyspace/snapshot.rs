//! Snapshots: all keys as they are at one moment, given one after the other while everybody goes on writing.
//!
//! A snapshot begins with all stripes held for an instant, in which each of them turns its epoch and each table that holds
//! keys is marked as captured. From then on an entry whose epoch is not its stripe's has yet to be given. The walk goes
//! through each captured table in hash order, some buckets under one short lock; it copies such entries and turns them.
//! Whoever changes or ends one before that leaves what it was in the table's [`Capture`], from where the walk takes it
//! as well. New entries are of the new epoch, and no part of it.
//!
//! Invariants: between the beginning and the end of its table's capture each entry of the first moment is either in the
//! table and of the old epoch, or kept, or has been given, and just one of these. A capture goes where its table goes
//! (SWAPDB), and an emptied database hands its captured tables over to the stripe instead of freeing them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::Loose;
use super::view::Inside;
use super::{Access, DbSize, Entry, KeyTable, Keyspace, TableId, View, evict};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::sync::atomic::{
    AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::sync::unlock_fair;

/// Bytes that a snapshot has others keep, because they changed or removed what it had yet to write.
#[derive(Debug, Default)]
pub struct Kept {
    now: AtomicUsize,
    peak: AtomicUsize,
    all: AtomicUsize,
}

impl Kept {
    /// What waits for the present snapshot.
    pub fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    /// The most that has waited at once for the present snapshot or the last.
    pub fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// All that was kept for the present snapshot or the last.
    pub fn all(&self) -> usize {
        self.all.load(Relaxed)
    }

    fn reset(&self) {
        for figure in [&self.now, &self.peak, &self.all] {
            figure.store(0, Relaxed);
        }
    }

    fn add(&self, bytes: usize) {
        self.all.fetch_add(bytes, Relaxed);
        let now = self.now.fetch_add(bytes, Relaxed) + bytes;
        self.peak.fetch_max(now, Relaxed);
    }

    fn remove(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Relaxed);
    }
}

/// What a keyspace knows of its snapshots.
#[derive(Default)]
pub(super) struct Capturing {
    /// Whether there is one.
    running: AtomicBool,
    kept: Arc<Kept>,
}

/// What a table has for a snapshot.
pub(super) struct Capture {
    /// The number that the table had when the snapshot began.
    pub(super) id: TableId,
    /// The epoch of what is no part of the snapshot.
    pub(super) epoch: bool,
    /// Entries that are in the table no more as they were.
    pub(super) kept: Loose,
    counted: usize,
    figures: Arc<Kept>,
}

impl Capture {
    pub(super) fn new(id: TableId, epoch: bool, figures: Arc<Kept>) -> Self {
        Self { id, epoch, kept: Loose::default(), counted: 0, figures }
    }

    /// Counts bytes that would be free but for the snapshot.
    pub(super) fn count_kept(&mut self, bytes: usize) {
        self.counted += bytes;
        self.figures.add(bytes);
    }

    /// Gives what has been kept so far.
    pub(super) fn take_kept(&mut self, into: &mut Loose) {
        if self.kept.len() > 0 {
            let bytes = self.kept.bytes().min(self.counted);
            self.counted -= bytes;
            self.figures.remove(bytes);
            into.append(&mut self.kept);
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.figures.remove(self.counted);
    }
}

/// All keys of one moment. Dropped before its end, it goes through the rest without giving it.
pub struct Snapshot<'k> {
    space: &'k Keyspace,
    now: Millis,
    changes: u64,
    sizes: Vec<(u32, DbSize)>,
    /// Where the walk is: which of the databases above, and the hash below which all has been given.
    place: (usize, u64),
    copies: Loose,
}

/// Some keys of a snapshot, all of one database.
pub struct Batch<'s> {
    /// The number that their database had when the snapshot began.
    pub db: u32,
    space: &'s Keyspace,
    now: Millis,
    entries: &'s Loose,
}

impl Batch<'_> {
    /// The keys as they were, with those that had expired and had not been deleted.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries.iter()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Seconds since a key was used, under a policy that keeps time.
    pub fn idle_secs(&self, entry: Entry<'_>) -> u64 {
        u64::from(evict::lru_idle_secs(self.now, entry.clock()))
    }

    /// How often a key is used, under a policy that counts.
    pub fn frequency(&self, entry: Entry<'_>) -> u64 {
        u64::from(evict::lfu_frequency(&self.space.settings, self.now, entry.clock()))
    }
}

impl Keyspace {
    /// Begins a snapshot. `at_once` runs at its moment, while nobody can read or write. O(stripes x databases).
    ///
    /// # Errors
    /// If there is one already; [`Error::REENTERED`] from within a view.
    pub fn begin_snapshot<R>(&self, at_once: impl FnOnce() -> R) -> Result<(Snapshot<'_>, R)> {
        if self.capturing.running.swap(true, AcqRel) {
            return Err(Error::new("ERR another snapshot has not ended"));
        }
        let begun = self.turn_epoch(at_once);
        if begun.is_err() {
            self.capturing.running.store(false, Release);
        }
        begun
    }

    fn turn_epoch<R>(&self, at_once: impl FnOnce() -> R) -> Result<(Snapshot<'_>, R)> {
        let mut view = View::all(self, 0, self.clock.millis(), Access::Write)?;
        self.capturing.kept.reset();
        let mut sizes = BTreeMap::<u32, DbSize>::new();
        let mut add = |id: TableId, table: &KeyTable| {
            let size = sizes.entry(id).or_default();
            size.keys += table.len();
            size.deadlines += table.deadlines();
        };
        view.stripes_mut().for_each(|stripe| stripe.turn(&self.capturing.kept, &mut add));
        let result = at_once();
        let snapshot = Snapshot {
            space: self,
            now: view.now(),
            changes: self.changes(),
            sizes: sizes.into_iter().collect(),
            place: (0, 0),
            copies: Loose::default(),
        };
        Ok((snapshot, result))
    }

    /// Whether a snapshot has begun and not ended.
    pub fn snapshot_runs(&self) -> bool {
        self.capturing.running.load(Acquire)
    }

    /// Figures of the present snapshot, or of the last.
    pub fn kept_for_snapshot(&self) -> &Kept {
        &self.capturing.kept
    }
}

impl Snapshot<'_> {
    /// Its moment.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// Changes of the keyspace before it.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The databases that held keys, with their sizes, in the order in which they are given.
    pub fn sizes(&self) -> &[(u32, DbSize)] {
        &self.sizes
    }

    /// Gives some keys, perhaps none; `None` when all have been given. Holds one stripe, for a few microseconds.
    ///
    /// # Errors
    /// [`Error::REENTERED`] from within a view.
    pub fn step(&mut self) -> Result<Option<Batch<'_>>> {
        self.copies.clear();
        let Some(&(db, _)) = self.sizes.get(self.place.0) else { return Ok(None) };
        self.advance(true)?;
        Ok(Some(Batch { db, space: self.space, now: self.space.clock.millis(), entries: &self.copies }))
    }

    /// Goes on by some buckets, or to the next stripe or database.
    fn advance(&mut self, wants_copies: bool) -> Result<()> {
        let (index, position) = self.place;
        let Some(&(db, _)) = self.sizes.get(index) else { return Ok(()) };
        let space = self.space;
        let inside = Inside::enter(space)?;
        let Some(cell) = space.stripes.get(space.stripe_of(position)) else { return Ok(()) };
        let mut stripe = cell.lock.write();
        let copies = wants_copies.then_some(&mut self.copies);
        let (next, garbage) = stripe.capture_some(db, position, &space.hasher, copies);
        unlock_fair(stripe);
        drop(inside);
        drop(garbage);
        self.place = match next.or_else(|| space.next_stripe(position)) {
            Some(next) => (index, next),
            None => (index + 1, 0),
        };
        Ok(())
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.copies.clear();
        while self.place.0 < self.sizes.len() {
            if self.advance(false).is_err() {
                // There is no going on from within a view, and no other snapshot before this one has ended.
                debug_assert!(std::thread::panicking(), "a snapshot was dropped within a view");
                return;
            }
        }
        self.space.capturing.running.store(false, Release);
    }
}
