//! Transactions in Rust: several calls that happen as one.

#[cfg(test)]
mod tests;

use super::scope::{Before, Within};
use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key, Keyspace, View, WatchedKeys};

/// The calls of a transaction: see [`Db::transaction`].
pub type Transaction<'t> = Db<Within<'t>>;

/// The calls that prepare a transaction, and only read: see [`Db::optimistic`].
pub type Preparation<'t> = Db<Before<'t>>;

/// ```
/// # use carnelian::{Engine, Error, Options};
/// # let db = Engine::open(Options::new())?.db(0)?;
/// db.set("alice", "100")?;
/// let paid = db.transaction(["alice", "bob"], |tx| {
///     if tx.incr_by("alice", 0)? < 30 {
///         return Ok(false);
///     }
///     tx.decr_by("alice", 30)?;
///     tx.incr_by("bob", 30)?;
///     Ok(true)
/// })?;
/// assert!(paid);
/// assert_eq!(db.mget(&["alice", "bob"])?, [Some(b"70".to_vec()), Some(b"30".to_vec())]);
/// # Ok::<(), Error>(())
/// ```
impl Db {
    /// Makes several calls as one: nobody sees a part of what they change, the log has it whole, and those who wait for
    /// the keys are served afterwards. Only keys that are declared may be used, all through `tx`: a call of the engine
    /// itself from within is an error ([`REENTERED`](crate::Error::REENTERED)).
    ///
    /// As for EXEC, there is no way back: an error ends the transaction where it comes, and what was changed before stays.
    /// So what may fail goes first. O(keys) beside the calls.
    ///
    /// # Errors
    /// What `calls` returns; [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY) before it is called.
    pub fn transaction<K: AsRef<[u8]>, R>(
        &self,
        keys: impl IntoIterator<Item = K>,
        calls: impl FnOnce(&Transaction<'_>) -> Result<R>,
    ) -> Result<R> {
        let hashes: Vec<u64> = keys.into_iter().map(|key| self.space().key(key.as_ref()).hash).collect();
        let now = self.now();
        self.core().may_change()?;
        self.require_room(now)?;
        let view = View::some(self.space(), self.index, now, Access::Write, hashes.iter().copied())?;
        self.call_within(view, hashes, calls)
    }

    /// As [`transaction`](Self::transaction), for work that takes too long to keep others waiting for it: `prepare` reads
    /// and thinks without a lock, and `commit` makes what came of it happen, if no declared key has changed since before
    /// `prepare` began. Otherwise both are tried again, until nobody was faster. It is what clients do with WATCH.
    ///
    /// ```
    /// # use carnelian::{Engine, Error, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.set("word", "level")?;
    /// db.optimistic(
    ///     &["word"],
    ///     |db| Ok(db.get("word")?.unwrap_or_default().into_iter().rev().collect::<Vec<u8>>()),
    ///     |tx, reversed| tx.set("word", reversed),
    /// )?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// What the two return; [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY) before `commit` is called.
    pub fn optimistic<P, R>(
        &self,
        keys: &[impl AsRef<[u8]>],
        mut prepare: impl FnMut(&Preparation<'_>) -> Result<P>,
        mut commit: impl FnMut(&Transaction<'_>, P) -> Result<R>,
    ) -> Result<R> {
        let space = self.space();
        let keys: Vec<Key<'_>> = keys.iter().map(|key| space.key(key.as_ref())).collect();
        loop {
            let mut watching = Watching { space, keys: WatchedKeys::default() };
            for key in &keys {
                if !watching.keys.contains(self.index, key.bytes) {
                    self.change_keys(std::slice::from_ref(key), |view| watching.keys.add(view, key))?;
                }
            }
            let prepared = prepare(&Db { scope: Before { each: &self.scope }, index: self.index })?;
            let now = self.now();
            self.core().may_change()?;
            self.require_room(now)?;
            let hashes: Vec<u64> = keys.iter().map(|key| key.hash).collect();
            let mut view = View::some(space, self.index, now, Access::Write, hashes.iter().copied())?;
            if !watching.keys.are_stale(&mut view)? {
                return self.call_within(view, hashes, |tx| commit(tx, prepared));
            }
        }
    }

    fn call_within<'t, R>(
        &'t self,
        view: View<'t>,
        declared: Vec<u64>,
        calls: impl FnOnce(&Transaction<'t>) -> Result<R>,
    ) -> Result<R> {
        let tx = Db { scope: Within::new(self.scope.core(), view, declared), index: self.index };
        let result = calls(&tx);
        let position = tx.scope.into_view().close();
        self.core().settle(position)?;
        result
    }
}

/// Watched keys, until it is dropped: after the view, which is opened later.
struct Watching<'k> {
    space: &'k Keyspace,
    keys: WatchedKeys,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.keys.let_go(self.space);
    }
}
