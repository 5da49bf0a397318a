//! Walks through a database in hash order, stripe by stripe.
//!
//! A walk needs no more than one stripe at a time. Where somebody holds all stripes already (a transaction, a script),
//! it goes through that view instead of opening its own.

use super::{Access, Entry, Keyspace, View};
use crate::clock::Millis;
use crate::error::Result;

/// The way in which a walk comes to its stripes.
#[derive(Clone, Copy)]
pub enum Walk<'a, 'k> {
    /// It locks one after the other, for reading.
    Free {
        /// The keyspace.
        space: &'k Keyspace,
        /// The database.
        db: u32,
        /// The time that says what has expired.
        now: Millis,
    },
    /// All of them are held.
    Held(&'a View<'k>),
}

impl<'k> Walk<'_, 'k> {
    /// The keyspace.
    pub fn space(&self) -> &'k Keyspace {
        match self {
            Self::Free { space, .. } => space,
            Self::Held(view) => view.space(),
        }
    }

    /// Runs `f` on a view that holds the stripe of `hash`.
    ///
    /// # Errors
    /// [`REENTERED`](crate::Error::REENTERED) from within a view that the walk was not given.
    pub fn at<R>(&self, hash: u64, f: impl FnOnce(&View<'k>) -> R) -> Result<R> {
        match self {
            Self::Free { space, db, now } => Ok(f(&View::one(space, *db, *now, Access::Read, hash)?)),
            Self::Held(view) => Ok(f(view)),
        }
    }
}

impl Keyspace {
    /// The first hash of a stripe.
    pub fn first_hash(&self, stripe: usize) -> u64 {
        (stripe as u64) << (64 - self.stripe_bits)
    }

    /// The first hash of the stripe after that of `hash`; `None` in the last.
    pub fn next_stripe(&self, hash: u64) -> Option<u64> {
        let next = self.stripe_of(hash) + 1;
        (next < self.stripes()).then(|| self.first_hash(next))
    }
}

impl View<'_> {
    /// How many keys of the chosen database the stripe of `hash` holds, expired ones included.
    pub fn keys_at(&self, hash: u64) -> usize {
        self.table_of(hash).map_or(0, super::KeyTable::len)
    }

    /// One step of a walk through the chosen database, from `position` on: visits a bucket of keys that have not
    /// expired and returns the position after it, `None` at the end of the stripe.
    pub fn step(&self, position: u64, mut visit: impl FnMut(Entry<'_>)) -> Option<u64> {
        let table = self.table_of(position).filter(|t| !t.is_empty())?;
        table.scan(position, self.space().hasher(), |entry| {
            if !self.is_past(entry.deadline()) {
                visit(entry);
            }
        })
    }

    /// As [`step`](Self::step), with the hashes, and with the keys that have expired.
    pub fn step_with_hash(&self, position: u64, mut visit: impl FnMut(u64, Entry<'_>)) -> Option<u64> {
        let hasher = self.space().hasher();
        self.table_of(position)?.scan(position, hasher, |entry| visit(hasher.hash(entry.key()), entry))
    }
}
