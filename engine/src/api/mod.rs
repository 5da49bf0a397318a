//! The typed Rust API: methods named after the commands, on the same operations, without a protocol in between.
//!
//! A method locks the stripes of its keys, calls the operation and copies the result out. A file per type.

mod bitmaps;
mod blocking;
mod geo;
mod hashes;
mod hyperloglogs;
mod keys;
mod lists;
mod pending;
mod pubsub;
#[cfg(test)]
mod recorder;
mod scope;
#[cfg(feature = "lua")]
mod scripts;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod transaction;

pub use geo::Place;
pub use hashes::{FieldValue, HashScan};
pub use keys::{CopyOptions, ExpireCondition, KeyType, Scan, Ttl};
pub use pending::Pending;
pub use pubsub::Subscription;
pub use scope::{Before, Each, Scope, Within};
#[cfg(feature = "lua")]
pub use scripts::{FromReply, Script, ScriptArg, ScriptCall};
pub use sorted_sets::{Scored, ZCombine};
pub use transaction::{Preparation, Transaction};

pub use streams::{
    AutoClaimedEntries, ConsumerInfo, GroupInfo, PendingEntry, PendingRange, PendingSummary, StreamEntry, StreamInfo,
};

use std::sync::Arc;

use crate::clock::Millis;
use crate::command::Core;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, Keyspace, View};

/// One database of an engine. Cheap to clone; any number of threads may use it at once.
///
/// Calls on it are each on their own. Those of a [`Transaction`] have the same names, and are one.
#[derive(Clone)]
pub struct Db<S = Each> {
    scope: S,
    index: u32,
}

impl Db {
    pub(crate) fn new(core: Arc<Core>, index: u32) -> Self {
        Self { scope: Each { core }, index }
    }

    fn core(&self) -> &Arc<Core> {
        &self.scope.core
    }
}

impl<S> Db<S> {
    /// The number of the database.
    pub fn index(&self) -> u32 {
        self.index
    }
}

impl<S: Scope> Db<S> {
    fn now(&self) -> Millis {
        self.space().clock().millis()
    }

    fn space(&self) -> &Keyspace {
        self.scope.space()
    }

    /// Runs an operation that only reads, on one key.
    #[inline]
    fn read<R>(&self, key: &[u8], operation: impl FnOnce(&View<'_>, &Key<'_>) -> Result<R>) -> Result<R> {
        let key = self.space().key(key);
        self.scope.on_one((self.index, self.now()), Access::Read, &key, |view| operation(view, &key))?
    }

    /// Runs an operation that may change one key.
    #[inline]
    fn write<R>(&self, key: &[u8], operation: impl FnOnce(&mut View<'_>, &Key<'_>) -> Result<R>) -> Result<R> {
        let now = self.now();
        self.require_room(now)?;
        self.on_key(now, key, operation)?
    }

    /// As `write`, but for what takes no memory and is therefore never refused for lack of it.
    #[inline]
    fn change<R>(&self, key: &[u8], operation: impl FnOnce(&mut View<'_>, &Key<'_>) -> R) -> Result<R> {
        let now = self.now();
        self.scope.make_room(now);
        self.on_key(now, key, operation)
    }

    #[inline]
    fn on_key<R>(&self, now: Millis, key: &[u8], operation: impl FnOnce(&mut View<'_>, &Key<'_>) -> R) -> Result<R> {
        let key = self.space().key(key);
        self.scope.on_one((self.index, now), Access::Write, &key, |view| operation(view, &key))
    }

    /// Runs an operation on some keys, whose hashes come with them.
    fn on_keys<R>(
        &self,
        access: Access,
        keys: &[Key<'_>],
        operation: impl FnOnce(&mut View<'_>) -> Result<R>,
    ) -> Result<R> {
        let now = self.now();
        if access == Access::Write {
            self.require_room(now)?;
        }
        self.scope.on_some((self.index, now), access, keys, operation)?
    }

    /// As `on_keys` for writing, but for what takes no memory.
    fn change_keys<R>(&self, keys: &[Key<'_>], operation: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        let now = self.now();
        self.scope.make_room(now);
        self.scope.on_some((self.index, now), Access::Write, keys, operation)
    }

    #[inline]
    fn require_room(&self, now: Millis) -> Result<()> {
        if self.scope.make_room(now) { Ok(()) } else { Err(Error::OUT_OF_MEMORY) }
    }
}
