//! The typed Rust API: methods named after the commands, on the same operations, without a protocol in between.
//!
//! A method locks the stripes of its keys, calls the operation and copies the result out. A file per type.

mod bitmaps;
mod keys;
mod strings;

pub use keys::{CopyOptions, ExpireCondition, KeyType, Scan, Ttl};

use std::sync::Arc;

use crate::command::Core;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, View};

/// One database of an engine. Cheap to clone; any number of threads may use it at once.
#[derive(Clone)]
pub struct Db {
    core: Arc<Core>,
    index: u32,
}

impl Db {
    pub(crate) fn new(core: Arc<Core>, index: u32) -> Self {
        Self { core, index }
    }

    /// The number of the database.
    pub fn index(&self) -> u32 {
        self.index
    }

    fn now(&self) -> u64 {
        self.core.keyspace.clock().millis()
    }

    /// Runs an operation that only reads, on one key.
    #[inline]
    fn read<R>(&self, key: &[u8], operation: impl FnOnce(&View<'_>, &Key<'_>) -> Result<R>) -> Result<R> {
        let space = &self.core.keyspace;
        let key = space.key(key);
        let view = View::one(space, self.index, self.now(), Access::Read, key.hash)?;
        operation(&view, &key)
    }

    /// Runs an operation that may change one key.
    #[inline]
    fn write<R>(&self, key: &[u8], operation: impl FnOnce(&mut View<'_>, &Key<'_>) -> Result<R>) -> Result<R> {
        let space = &self.core.keyspace;
        let key = space.key(key);
        let now = self.now();
        if !space.make_room(now) {
            return Err(Error::OUT_OF_MEMORY);
        }
        let mut view = View::one(space, self.index, now, Access::Write, key.hash)?;
        let result = operation(&mut view, &key);
        view.close();
        result
    }

    /// Runs an operation that may change one key but takes no memory, so that it is not refused for want of it.
    #[inline]
    fn write_always<R>(&self, key: &[u8], operation: impl FnOnce(&mut View<'_>, &Key<'_>) -> Result<R>) -> Result<R> {
        let space = &self.core.keyspace;
        let key = space.key(key);
        let mut view = View::one(space, self.index, self.now(), Access::Write, key.hash)?;
        let result = operation(&mut view, &key);
        view.close();
        result
    }

    /// Runs an operation on some keys, whose hashes come with them.
    fn on_keys<R>(
        &self,
        access: Access,
        keys: &[Key<'_>],
        operation: impl FnOnce(&mut View<'_>) -> Result<R>,
    ) -> Result<R> {
        let (space, now) = (&self.core.keyspace, self.now());
        if access == Access::Write && !space.make_room(now) {
            return Err(Error::OUT_OF_MEMORY);
        }
        let mut view = View::some(space, self.index, now, access, keys.iter().map(|k| k.hash))?;
        let result = operation(&mut view);
        view.close();
        result
    }
}
