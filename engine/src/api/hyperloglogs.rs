//! HyperLogLogs.

#[cfg(test)]
mod tests;

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key};
use crate::operation::hyperloglog;

/// Estimates of how many different elements were seen, within about 1 %, in at most 12 KiB however many there are.
///
/// ```
/// # use carnelian::{Engine, Options};
/// let db = Engine::open(Options::new())?.db(0)?;
/// db.pf_add("monday", &["alice", "bob"])?;
/// db.pf_add("tuesday", &["bob", "carol"])?;
/// assert_eq!(db.pf_count(&["monday"])?, 2);
/// assert_eq!(db.pf_count(&["monday", "tuesday"])?, 3);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Shows elements to a HyperLogLog, which is made if the key is not there; true if the estimate may have changed.
    /// O(elements).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), or another error if the string is no HyperLogLog or a broken one: so
    /// for all of these methods; [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY).
    pub fn pf_add(&self, key: impl AsRef<[u8]>, elements: &[impl AsRef<[u8]>]) -> Result<bool> {
        self.write(key.as_ref(), |view, key| hyperloglog::add(view, key, elements.iter().map(AsRef::as_ref)))
    }

    /// Estimates how many different elements some HyperLogLogs have seen together. O(1) for one whose estimate is
    /// known, else O(keys) with a large constant.
    ///
    /// # Errors
    /// As for [`pf_add`](Self::pf_add).
    pub fn pf_count(&self, keys: &[impl AsRef<[u8]>]) -> Result<u64> {
        let space = self.space();
        let keys: Vec<Key<'_>> = keys.iter().map(|key| space.key(key.as_ref())).collect();
        self.change_keys(&keys, |view| hyperloglog::count(view, &keys))?
    }

    /// Makes a HyperLogLog that has seen what it and the sources have seen. O(sources), with a large constant.
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.pf_add("a", &["x"])?;
    /// db.pf_add("b", &["y"])?;
    /// db.pf_merge("both", &["a", "b"])?;
    /// assert_eq!(db.pf_count(&["both"])?, 2);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`pf_add`](Self::pf_add).
    pub fn pf_merge(&self, dest: impl AsRef<[u8]>, sources: &[impl AsRef<[u8]>]) -> Result<()> {
        let space = self.space();
        let mut keys: Vec<Key<'_>> = sources.iter().map(|key| space.key(key.as_ref())).collect();
        let dest = space.key(dest.as_ref());
        keys.push(dest);
        self.on_keys(Access::Write, &keys, |view| hyperloglog::merge(view, &dest, &keys[..sources.len()]))
    }
}
