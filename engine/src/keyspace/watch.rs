//! Watched keys: sessions that want to know whether a key has changed since they looked at it.
//!
//! A stripe knows who watches its keys (see `interest.rs`). Whoever
//! changes a key holds its stripe for writing, and so does whoever begins or ends to watch: a mark is never missed.

use std::collections::HashMap;
use std::sync::Arc;

use super::stripe::TableId;
use super::{Key, View};
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a session watches, as those who change keys see it.
#[derive(Debug, Default)]
pub struct Watch {
    broken: AtomicBool,
}

impl Watch {
    /// Whether a watched key has changed.
    pub fn is_broken(&self) -> bool {
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

impl View<'_> {
    /// Begins to watch a key; an expired one is deleted first. Returns whether it is there: if so, and if it is gone
    /// later, it has changed, be it that nobody has deleted it yet. The view holds the key for writing.
    pub fn watch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) -> bool {
        self.drop_expired(key);
        let db = self.db();
        self.stripe_mut(key.hash).interest.get_or_begin().watchers.add(db, key, watch);
        self.peek(key).is_some()
    }

    /// Watches a key no more. The view holds it for writing.
    pub fn unwatch(&mut self, key: &Key<'_>, watch: &Arc<Watch>) {
        let db = self.db();
        let interest = &mut self.stripe_mut(key.hash).interest;
        if let Some(all) = interest.get_mut() {
            all.watchers.remove(db, key, watch);
            interest.tidy();
        }
    }
}
