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
