//! The keyspace: stripes of locked tables, and the views through which everything looks at them.
//!
//! Invariants: the stripe of a key depends on its hash alone, never on the database; stripes are locked only by a
//! [`View`], in the order of their numbers; a change is made only through a view that holds the stripe for writing.

mod effect;
mod entry;
mod evict;
mod expire;
mod held;
mod interest;
mod prefetch;
mod reclaim;
mod settings;
mod snapshot;
mod stripe;
mod taken;
#[cfg(test)]
pub(crate) mod tests;
mod typed;
mod view;
mod waiters;
mod walk;
mod watch;

pub use effect::{Effect, Event, EventClass, Listener, LogPosition, Wants};
pub use entry::{Entry, EntryMut, IntMut, NewValue, ValueMut, ValueRef};
pub(crate) use evict::random;
pub use prefetch::ElementOf;
pub use settings::{Policy, Settings};
pub use snapshot::{Batch, Kept, Piece, Snapshot};
pub use stripe::{KeyTable, Stripe, TableId};
pub use taken::Taken;
pub use typed::{Collection, Edit};
pub use view::{Access, View};
pub use waiters::{Wait, WaitEnd, Waiter, Waiting, Waits, Wanted};
pub use walk::Walk;
pub use watch::WatchedKeys;

use std::sync::Arc;

use crate::clock::{Clock, Millis};
use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use crate::sync::{CachePadded, Mutex, RwLock};
use crate::table::KeyHasher;
use reclaim::Reclaimer;

/// A key with its hash, which travels with it from the parser to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The key.
    pub bytes: &'a [u8],
    /// Its hash under the engine's seed.
    pub hash: u64,
}

/// A stripe behind its lock, with what can be read without it.
struct StripeCell {
    lock: RwLock<Stripe>,
    /// Memory of the stripe's tables and entries; written under the lock.
    bytes: AtomicUsize,
    /// Changes made, ever; written under the lock.
    changes: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    /// The position of the log behind the last change, if somebody asks for it; written under the lock.
    position: AtomicU64,
}

/// Figures of a keyspace since its start or the last `CONFIG RESETSTAT`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Keys that expired.
    pub expired: AtomicU64,
    /// Fields of hashes that expired.
    pub expired_fields: AtomicU64,
    /// Keys that were evicted.
    pub evicted: AtomicU64,
    /// Rounds of active expiry that ran out of time.
    pub expire_cut_short: AtomicU64,
    /// Microseconds spent looking for expired keys.
    pub expire_micros: AtomicU64,
    /// Milliseconds of the present spell above `maxmemory`, and of all spells.
    pub exceeded_since: AtomicU64,
    /// Milliseconds above `maxmemory` in spells that have ended.
    pub exceeded_total: AtomicU64,
}

/// Look-ups by readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Those that found a key.
    pub hits: u32,
    /// Those that found none.
    pub misses: u32,
}

impl std::ops::AddAssign for Reads {
    fn add_assign(&mut self, more: Self) {
        self.hits += more.hits;
        self.misses += more.misses;
    }
}

/// All keys of all databases.
pub struct Keyspace {
    stripes: Box<[CachePadded<StripeCell>]>,
    stripe_bits: u32,
    databases: u32,
    hasher: KeyHasher,
    clock: Clock,
    settings: Settings,
    counters: Counters,
    waiting: Waiting,
    /// Memory in use outside of the keyspace: clients' buffers.
    other_bytes: AtomicUsize,
    /// While loading, and on a replica, nothing is deleted by the clock.
    hold_expired: AtomicBool,
    /// Somebody holds stripes for longer than others can be let wait.
    busy: AtomicBool,
    /// What some listener wants to hear of, as bits. Read under a stripe's lock; changed while all stripes are held.
    wanted: AtomicU8,
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
    reclaimer: Reclaimer,
    capturing: snapshot::Capturing,
    eviction_pool: Mutex<evict::Pool>,
    expiry_cursor: AtomicU64,
}

impl std::fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyspace").field("stripes", &self.stripes.len()).finish_non_exhaustive()
    }
}

/// How many keys a database holds, and how many of those have a deadline.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct DbSize {
    /// All keys, expired ones that are still there included.
    pub keys: usize,
    /// Keys with a deadline.
    pub deadlines: usize,
}

impl Keyspace {
    /// An empty keyspace of `databases` databases behind at least `stripes` locks (rounded up to a power of two,
    /// 2 to 4096).
    pub fn new(databases: u32, stripes: usize, hasher: KeyHasher, clock: Clock) -> Self {
        let stripe_bits = stripes.clamp(2, 4096).next_power_of_two().ilog2();
        let cell = || StripeCell {
            lock: RwLock::new(Stripe::new(stripe_bits)),
            bytes: AtomicUsize::new(0),
            changes: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            position: AtomicU64::new(0),
        };
        Self {
            stripes: (0..1 << stripe_bits).map(|_| CachePadded::new(cell())).collect(),
            stripe_bits,
            databases,
            hasher,
            clock,
            settings: Settings::default(),
            counters: Counters::default(),
            waiting: Waiting::default(),
            other_bytes: AtomicUsize::new(0),
            hold_expired: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            wanted: AtomicU8::new(0),
            listeners: RwLock::default(),
            reclaimer: Reclaimer::default(),
            capturing: snapshot::Capturing::default(),
            eviction_pool: Mutex::default(),
            expiry_cursor: AtomicU64::new(0),
        }
    }

    /// How many databases there are.
    pub fn databases(&self) -> u32 {
        self.databases
    }

    /// Says that somebody holds stripes for longer than others can be let wait, or no longer does: a view that cannot be had
    /// at once is refused meanwhile.
    pub fn set_busy(&self, busy: bool) {
        self.busy.store(busy, Relaxed);
    }

    /// Whether that is so.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.busy.load(Relaxed)
    }

    /// The directives that operations look at.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Figures since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Figures about those who wait for keys.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// The hash function of this keyspace.
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// The clock of this keyspace.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A key with its hash.
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key { bytes, hash: self.hasher.hash(bytes) }
    }

    #[inline]
    pub(crate) fn stripe_of(&self, hash: u64) -> usize {
        (hash >> (64 - self.stripe_bits)) as usize
    }

    /// How many stripes there are.
    pub fn stripes(&self) -> usize {
        self.stripes.len()
    }

    /// Memory of keys, values and tables, as counted by the engine. O(stripes).
    pub fn data_bytes(&self) -> usize {
        self.stripes.iter().map(|s| s.bytes.load(Relaxed)).sum()
    }

    /// All memory that `maxmemory` limits: data and clients' buffers. O(stripes).
    pub fn used_bytes(&self) -> usize {
        self.data_bytes() + self.other_bytes.load(Relaxed)
    }

    /// Counts memory that clients' buffers take, or give back.
    pub fn count_other_bytes(&self, before: usize, after: usize) {
        if after >= before {
            self.other_bytes.fetch_add(after - before, Relaxed);
        } else {
            self.other_bytes.fetch_sub(before - after, Relaxed);
        }
    }

    /// Changes made since the start. O(stripes).
    pub fn changes(&self) -> u64 {
        self.stripes.iter().map(|s| s.changes.load(Relaxed)).sum()
    }

    /// Adds look-ups to the figures. `near` spreads what different threads count over different stripes.
    pub fn count_reads(&self, near: u64, reads: Reads) {
        let cell = &self.stripes[near as usize % self.stripes.len()];
        if reads.hits > 0 {
            cell.hits.fetch_add(u64::from(reads.hits), Relaxed);
        }
        if reads.misses > 0 {
            cell.misses.fetch_add(u64::from(reads.misses), Relaxed);
        }
    }

    /// Look-ups by readers that found a key, and that found none.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        let sum = |f: fn(&StripeCell) -> &AtomicU64| self.stripes.iter().map(|s| f(s).load(Relaxed)).sum();
        (sum(|s| &s.hits), sum(|s| &s.misses))
    }

    /// Big values and tables that were freed in the background, and those that wait for it.
    pub fn freed_and_pending(&self) -> (u64, u64) {
        self.reclaimer.freed_and_pending()
    }

    /// Starts all counters anew.
    pub fn reset_counters(&self) {
        for stripe in &self.stripes {
            stripe.hits.store(0, Relaxed);
            stripe.misses.store(0, Relaxed);
        }
        let Counters {
            expired,
            expired_fields,
            evicted,
            expire_cut_short,
            expire_micros,
            exceeded_since: _,
            exceeded_total,
        } = &self.counters;
        for counter in [expired, expired_fields, evicted, expire_cut_short, expire_micros, exceeded_total] {
            counter.store(0, Relaxed);
        }
        self.reclaimer.reset();
    }

    /// Hands every change from now on to one more listener.
    ///
    /// # Errors
    /// [`Error::REENTERED`] from within a view.
    pub fn listen(&self, listener: Arc<dyn Listener>) -> Result<()> {
        self.change_listeners(|all| all.push(listener))
    }

    /// Asks the listeners again what they want, when one of them wants something else than before. Views that are open
    /// stay with what was wanted when they began; those that begin after this go by the new. Also from within a view.
    pub fn ask_listeners(&self) {
        self.note_wanted(&self.listeners.write());
    }

    /// Hands nothing more to a listener.
    ///
    /// # Errors
    /// [`Error::REENTERED`] from within a view.
    pub fn listen_no_more(&self, listener: &Arc<dyn Listener>) -> Result<()> {
        self.change_listeners(|all| all.retain(|l| !Arc::ptr_eq(l, listener)))
    }

    fn change_listeners(&self, change: impl FnOnce(&mut Vec<Arc<dyn Listener>>)) -> Result<()> {
        let _all = View::all(self, 0, self.clock.millis(), Access::Write)?;
        let mut listeners = self.listeners.write();
        change(&mut listeners);
        self.note_wanted(&listeners);
        Ok(())
    }

    fn note_wanted(&self, listeners: &[Arc<dyn Listener>]) {
        let wanted = listeners.iter().fold(Wants::empty(), |all, l| all | l.wants());
        self.wanted.store(wanted.bits(), Relaxed);
    }

    /// Whether this thread holds a view of it.
    pub(crate) fn is_entered(&self) -> bool {
        view::is_inside(self)
    }

    /// Says whether expired keys are only hidden, as while loading and on a replica.
    pub fn hold_expired(&self, hold: bool) {
        self.hold_expired.store(hold, Relaxed);
    }

    /// Whether expired keys are only hidden.
    pub fn holds_expired(&self) -> bool {
        self.hold_expired.load(Relaxed)
    }

    /// The size of a database. O(stripes).
    ///
    /// # Errors
    /// [`Error::REENTERED`] from within a view.
    pub fn db_size(&self, db: u32) -> Result<DbSize> {
        let view = View::all(self, db, self.clock.millis(), Access::Read)?;
        Ok(view.db_size())
    }

    /// The databases that have held a key, with their sizes, in order. O(stripes x databases).
    pub fn db_sizes(&self) -> Vec<(u32, DbSize)> {
        let mut sizes = std::collections::BTreeMap::<u32, DbSize>::new();
        for cell in &self.stripes {
            let stripe = cell.lock.read();
            for id in stripe.ids() {
                if let Some(table) = stripe.table(id) {
                    let size = sizes.entry(id).or_default();
                    size.keys += table.len();
                    size.deadlines += table.deadlines();
                }
            }
        }
        sizes.into_iter().filter(|(_, size)| size.keys > 0).collect()
    }

    /// The access clock of a key that is used now; `old` is its last one.
    fn access_clock(&self, now: Millis, old: Option<u32>) -> u32 {
        let now = self.wall(now);
        if self.settings.policy().is_lfu() { evict::lfu_touch(&self.settings, now, old) } else { evict::lru_clock(now) }
    }

    /// The time that a clock on the wall shows when a command happens at `now`, which is 0 for those of the log.
    #[inline]
    fn wall(&self, now: Millis) -> Millis {
        if now == 0 { self.clock.millis() } else { now }
    }

    pub(crate) fn check_db(&self, db: u32) -> Result<()> {
        if db < self.databases { Ok(()) } else { Err(Error::DB_INDEX) }
    }
}
