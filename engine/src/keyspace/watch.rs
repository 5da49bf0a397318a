//! Watched keys: sessions that want to know whether a key has changed since they looked at it.
//!
//! A stripe knows who watches its keys (see `interest.rs`). Whoever
//! changes a key holds its stripe for writing, and so does whoever begins or ends to watch: a mark is never missed.

use std::collections::HashMap;
use std::sync::Arc;

use super::stripe::TableId;
use super::{Access, Key, Keyspace, View};
use crate::error::Result;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a session watches, as those who change keys see it.
#[derive(Debug, Default)]
struct Watch {
    broken: AtomicBool,
}

impl Watch {
    /// Whether a watched key has changed.
    fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }
}

/// A key that is watched.
struct Watched {
    hash: u64,
    by: Vec<Arc<Watch>>,
}

impl Watched {
    fn tell(&self) {
        for watch in &self.by {
            watch.broken.store(true, Relaxed);
        }
    }
}

/// Who watches the keys of a stripe.
#[derive(Default)]
pub(super) struct Watchers(HashMap<(TableId, Box<[u8]>), Watched>);

impl Watchers {
    /// Tells those who watch a key that it has changed.
    pub(super) fn changed(&self, id: TableId, key: &[u8]) {
        if !self.0.is_empty()
            && let Some(watched) = self.0.get(&(id, key.into()))
        {
            watched.tell();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells those who watch keys of a database, where `is_there` says that the key is.
    pub(super) fn all_changed(&self, id: TableId, is_there: impl Fn(&Key<'_>) -> bool) {
        for ((db, bytes), watched) in &self.0 {
            if *db == id && is_there(&Key { bytes, hash: watched.hash }) {
                watched.tell();
            }
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, id: TableId, key: &Key<'_>, watch: &Arc<Watch>) {
        let place = (id, Box::from(key.bytes));
        let watched = self.0.entry(place).or_insert(Watched { hash: key.hash, by: Vec::new() });
        watched.by.push(watch.clone());
    }

    fn remove(&mut self, id: TableId, key: &Key<'_>, watch: &Arc<Watch>) {
        let place = (id, Box::from(key.bytes));
        if let Some(watched) = self.0.get_mut(&place) {
            watched.by.retain(|w| !Arc::ptr_eq(w, watch));
            if watched.by.is_empty() {
                self.0.remove(&place);
            }
        }
    }
}

#[cfg(test)]
impl Keyspace {
    /// How many keys are watched.
    pub(crate) fn watched_keys(&self) -> usize {
        let of = |interest: &super::interest::Interest| interest.get().map_or(0, |all| all.watchers.len());
        self.stripes.iter().map(|cell| of(&cell.lock.read().interest)).sum()
    }
}

impl View<'_> {
    /// Begins to watch a key; an expired one is deleted first. Returns whether it is there: if so, and if it is gone
    /// later, it has changed, be it that nobody has deleted it yet. The view holds the key for writing.
    fn watch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) -> bool {
        self.drop_expired(key);
        let db = self.db();
        self.stripe_mut(key.hash).interest.get_or_begin().watchers.add(db, key, watch);
        self.peek(key).is_some()
    }

    /// Watches a key no more. The view holds it for writing.
    fn unwatch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) {
        let db = self.db();
        let interest = &mut self.stripe_mut(key.hash).interest;
        if let Some(all) = interest.get_mut() {
            all.watchers.remove(db, key, watch);
            interest.tidy();
        }
    }
}

/// Keys that somebody watches, in any databases, from the first look until whoever watches has had their turn.
#[derive(Default)]
pub struct WatchedKeys {
    watch: Arc<Watch>,
    keys: Vec<WatchedKey>,
}

struct WatchedKey {
    db: u32,
    key: Box<[u8]>,
    hash: u64,
    /// Whether the key was there.
    is_there: bool,
}

impl WatchedKeys {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key is among them.
    pub fn contains(&self, db: u32, key: &[u8]) -> bool {
        self.keys.iter().any(|k| k.db == db && *k.key == *key)
    }

    /// Watches a key of the view's database, which is not among them; the view holds it for writing.
    pub fn add(&mut self, view: &mut View<'_>, key: &Key<'_>) {
        let is_there = view.watch(key, &self.watch);
        self.keys.push(WatchedKey { db: view.db(), key: key.bytes.into(), hash: key.hash, is_there });
    }

    /// The hashes of all keys.
    pub fn hashes(&self) -> impl Iterator<Item = u64> + Clone {
        self.keys.iter().map(|k| k.hash)
    }

    /// Whether a watched key is not what it was. The view holds all of them.
    ///
    /// # Errors
    /// None: the databases are those of earlier views.
    pub fn are_stale(&self, view: &mut View<'_>) -> Result<bool> {
        if self.watch.is_broken() {
            return Ok(true);
        }
        for WatchedKey { db, key, hash, is_there } in &self.keys {
            let here = view.select(*db)?;
            let gone = *is_there && view.peek(&Key { bytes: key, hash: *hash }).is_none();
            view.select(here)?;
            if gone {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Ends watching. From within a view of the keyspace that cannot be: then marks stay behind, which nobody looks at.
    pub fn let_go(&mut self, space: &Keyspace) {
        let now = space.clock().millis();
        for WatchedKey { db, key, hash, .. } in self.keys.drain(..) {
            if let Ok(mut view) = View::one(space, db, now, Access::Write, hash) {
                view.unwatch(&Key { bytes: &key, hash }, &self.watch);
            }
        }
    }
}
