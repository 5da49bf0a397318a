//! Snapshots: all keys as they are at one moment, given one after the other while everybody goes on writing.
//!
//! A snapshot begins with all stripes held for an instant, in which each of them turns its epoch and each table that holds
//! keys is marked as captured. From then on an entry whose epoch is not its stripe's has yet to be given. The walk goes
//! through each captured table in hash order, some buckets under one short lock; it copies such entries and turns them.
//! Whoever changes or ends one before that leaves what it was in the table's [`Capture`], from where the walk takes it
//! as well. New entries are of the new epoch, and no part of it.
//!
//! Big collections are neither copied nor given under one lock. When their turn comes, or before they are changed, they
//! begin to note what their elements were (`value/pieces.rs`), and the walk gives them piece by piece. Where such a one is
//! taken from its key meanwhile, the capture keeps it with its notes.
//!
//! Invariants: between the beginning and the end of its table's capture each entry of the first moment is either in the
//! table and of the old epoch, or kept, or has been given, and just one of these. A capture goes where its table goes
//! (SWAPDB), and an emptied database hands its captured tables over to the stripe instead of freeing them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::entry::Loose;
use super::view::Inside;
use super::{Access, DbSize, Entry, KeyTable, Keyspace, TableId, ValueMut, ValueRef, View, evict};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::sync::atomic::{
    AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use crate::sync::unlock_fair;
use crate::value::{Elements, Whole};

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
    /// Collections that have begun to be given in pieces, but for the one whose turn it is.
    pub(super) bigs: VecDeque<Box<Big>>,
    /// Entries that hold such, and are in the table no more.
    pub(super) detached: Loose,
    counted: usize,
    figures: Arc<Kept>,
}

impl Capture {
    pub(super) fn new(id: TableId, epoch: bool, figures: Arc<Kept>) -> Self {
        let (kept, bigs, detached) = Default::default();
        Self { id, epoch, kept, bigs, detached, counted: 0, figures }
    }

    /// Counts bytes that would be free but for the snapshot.
    pub(super) fn count_kept(&mut self, bytes: usize) {
        self.counted += bytes;
        self.figures.add(bytes);
    }

    /// Gives what has been kept so far.
    pub(super) fn take_kept(&mut self, into: &mut Loose) {
        if self.kept.len() > 0 {
            self.count_released(self.kept.bytes());
            into.append(&mut self.kept);
        }
    }

    fn count_released(&mut self, bytes: usize) {
        let bytes = bytes.min(self.counted);
        self.counted -= bytes;
        self.figures.remove(bytes);
    }

    /// Counts what a collection has noted while it was given.
    pub(super) fn count_noted(&mut self, bytes: usize) {
        self.figures.add(bytes);
        self.figures.remove(bytes);
    }

    /// Gives up a detached entry that has been given.
    pub(super) fn release_detached(&mut self, at: usize, into: &mut Loose) {
        let before = self.detached.bytes();
        self.detached.hand_over(at, into);
        self.count_released(before - self.detached.bytes());
    }

    /// Gives up all detached entries.
    pub(super) fn drop_detached(&mut self, into: &mut Loose) {
        self.count_released(self.detached.bytes());
        into.append(&mut self.detached);
    }
}

/// A collection that is given in pieces.
pub(super) struct Big {
    key: Box<[u8]>,
    deadline: Option<Millis>,
    clock: u32,
    whole: Whole,
}

impl Big {
    /// From so many bytes on a collection is big. Tests want to have it small.
    pub(super) const FROM: usize = if cfg!(test) { 4096 } else { 64 * 1024 };

    pub(super) fn new(entry: Entry<'_>, whole: Whole) -> Box<Self> {
        Box::new(Self { key: entry.key().into(), deadline: entry.deadline(), clock: entry.clock(), whole })
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }
}

/// What the walk was given under one lock.
#[derive(Default)]
pub(super) struct Given {
    pub(super) copies: Loose,
    /// The collection whose pieces are given.
    big: Option<Box<Big>>,
    elements: Elements,
    begins: bool,
    ends: bool,
    /// Bytes that it has noted, when it ends.
    noted: usize,
    /// What is to be freed without the lock.
    pub(super) garbage: Loose,
}

impl Given {
    /// Makes room for more.
    fn clear(&mut self) {
        self.copies.clear();
        self.elements.clear();
        self.garbage.clear();
        self.begins = false;
        if std::mem::take(&mut self.ends) {
            self.big = None;
        }
    }

    /// Whether a collection is being given in pieces: the one that was, or the next.
    pub(super) fn take_big(&mut self, bigs: &mut VecDeque<Box<Big>>) -> bool {
        if self.big.is_none() {
            self.big = bigs.pop_front();
            self.begins = self.big.is_some();
        }
        self.big.is_some()
    }

    pub(super) fn big_key(&self) -> Option<&[u8]> {
        self.big.as_ref().map(|big| big.key())
    }

    /// Gives the collection up, if there is one.
    pub(super) fn abandon_big(&mut self) -> Option<Box<Big>> {
        self.big.take()
    }

    /// Takes some elements of the collection.
    pub(super) fn fill(&mut self, value: &mut ValueMut<'_>) {
        let (elements, bytes) = if cfg!(test) { (16, 512) } else { (128, 32 * 1024) };
        while self.elements.len() < elements && self.elements.bytes() < bytes {
            if let ControlFlow::Break(noted) = value.piece(&mut self.elements) {
                return self.end_big(noted);
            }
        }
    }

    /// The collection has been given.
    pub(super) fn end_big(&mut self, noted: usize) {
        self.ends = true;
        self.noted = noted;
    }

    pub(super) fn ends(&self) -> bool {
        self.ends
    }

    pub(super) fn take_noted(&mut self) -> usize {
        std::mem::take(&mut self.noted)
    }
}

impl ValueRef<'_> {
    /// Whether it is being given in pieces.
    pub(super) fn is_in_pieces(self) -> bool {
        match self {
            Self::Hash(hash) => hash.is_in_pieces(),
            Self::Set(set) => set.is_in_pieces(),
            Self::SortedSet(set) => set.is_in_pieces(),
            _ => false,
        }
    }
}

impl ValueMut<'_> {
    /// Begins to be given in pieces as it is now. `None`, and nothing done, for what is given whole.
    pub(super) fn begin_pieces(&mut self) -> Option<Whole> {
        match self {
            Self::Hash(hash) => hash.begin_pieces(),
            Self::Set(set) => set.begin_pieces(),
            Self::SortedSet(set) => set.begin_pieces(),
            _ => None,
        }
    }

    fn piece(&mut self, out: &mut Elements) -> ControlFlow<usize> {
        match self {
            Self::Hash(hash) => hash.piece(out),
            Self::Set(set) => set.piece(out),
            Self::SortedSet(set) => set.piece(out),
            _ => ControlFlow::Break(0),
        }
    }

    /// Is given no more.
    pub(super) fn end_pieces(&mut self) {
        match self {
            Self::Hash(hash) => hash.end_pieces(),
            Self::Set(set) => set.end_pieces(),
            Self::SortedSet(set) => set.end_pieces(),
            _ => {}
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
    given: Given,
}

/// Some keys of a snapshot, all of one database.
pub struct Batch<'s> {
    /// The number that their database had when the snapshot began.
    pub db: u32,
    space: &'s Keyspace,
    now: Millis,
    given: &'s Given,
}

/// Some elements of a collection that does not come whole: no keys come between its pieces.
#[derive(Clone, Copy)]
pub struct Piece<'s> {
    big: &'s Big,
    /// The elements.
    pub elements: &'s Elements,
    /// Whether they are the first.
    pub is_first: bool,
}

impl Piece<'_> {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.big.key
    }

    /// When the key expires, if ever.
    pub fn deadline(&self) -> Option<Millis> {
        self.big.deadline
    }

    /// The access clock of the key.
    pub fn clock(&self) -> u32 {
        self.big.clock
    }

    /// What it is a piece of.
    pub fn whole(&self) -> Whole {
        self.big.whole
    }
}

impl Batch<'_> {
    /// The keys as they were, with those that had expired and had not been deleted.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.given.copies.iter()
    }

    /// A piece of a collection, instead of keys.
    pub fn piece(&self) -> Option<Piece<'_>> {
        let big = self.given.big.as_ref()?;
        Some(Piece { big, elements: &self.given.elements, is_first: self.given.begins })
    }

    /// How many keys have been given with it: one for the last piece of a collection.
    pub fn keys(&self) -> usize {
        self.given.copies.len() + usize::from(self.given.ends)
    }

    /// Seconds since a key was used, by its access clock under a policy that keeps time.
    pub fn idle_secs(&self, clock: u32) -> u64 {
        u64::from(evict::lru_idle_secs(self.now, clock))
    }

    /// How often a key is used, by its access clock under a policy that counts.
    pub fn frequency(&self, clock: u32) -> u64 {
        u64::from(evict::lfu_frequency(&self.space.settings, self.now, clock))
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
            given: Given::default(),
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
        self.given.clear();
        let Some(&(db, _)) = self.sizes.get(self.place.0) else { return Ok(None) };
        self.advance(true)?;
        Ok(Some(Batch { db, space: self.space, now: self.space.clock.millis(), given: &self.given }))
    }

    /// Goes on by some buckets, or to the next stripe or database.
    fn advance(&mut self, is_wanted: bool) -> Result<()> {
        let (index, position) = self.place;
        let Some(&(db, _)) = self.sizes.get(index) else { return Ok(()) };
        let space = self.space;
        let inside = Inside::enter(space)?;
        let Some(cell) = space.stripes.get(space.stripe_of(position)) else { return Ok(()) };
        let mut stripe = cell.lock.write();
        let (next, garbage) = stripe.capture_some(db, position, &space.hasher, &mut self.given, is_wanted);
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
        while self.place.0 < self.sizes.len() {
            self.given.clear();
            if self.advance(false).is_err() {
                // There is no going on from within a view, and no other snapshot before this one has ended.
                debug_assert!(std::thread::panicking(), "a snapshot was dropped within a view");
                return;
            }
        }
        self.space.capturing.running.store(false, Release);
    }
}
