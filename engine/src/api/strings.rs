//! Strings.

use super::Db;
use crate::error::Result;
use crate::operation::string;

impl Db {
    /// Gets the value of a key. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if it is no string.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(string::get(view, key)?.map(|s| s.to_vec())))
    }
}

impl Db {
    /// Sets a key.
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), |view, key| {
            string::set(view, key, value.as_ref(), None);
            Ok(())
        })
    }

    /// Gets several.
    pub fn mget(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Option<Vec<u8>>>> {
        let space = &self.core.keyspace;
        let keys: smallvec::SmallVec<[_; 16]> = keys.iter().map(|k| space.key(k.as_ref())).collect();
        self.on_keys(crate::keyspace::Access::Read, &keys, |view| {
            view.prefetch(keys.iter().map(|k| k.hash));
            keys.iter().map(|key| Ok(string::get(view, key)?.map(|s| s.to_vec()))).collect()
        })
    }
}
