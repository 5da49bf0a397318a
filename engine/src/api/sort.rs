//! SORT, with types.

use super::Db;
use crate::error::Result;
use crate::keyspace::{Access, View};
use crate::operation::sort::{self, SortOptions};

/// Sorting lists, sets and sorted sets.
impl Db {
    /// Gives the elements of a list, a set or a sorted set in order, or what they name; `None` where there is no such
    /// key or field. All keys are locked meanwhile. O(N log N).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, SortOptions};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.rpush("ids", ["1", "2", "3"])?;
    /// db.set("price_1", "30")?;
    /// db.set("price_2", "10")?;
    /// db.set("price_3", "20")?;
    /// let cheapest = db.sort("ids", &SortOptions::new().by("price_*").limit(0, 2))?;
    /// assert_eq!(cheapest, [Some(b"2".to_vec()), Some(b"3".to_vec())]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); an error of its own if something that is to be sorted as a number is
    /// none.
    pub fn sort(&self, key: impl AsRef<[u8]>, options: &SortOptions<'_>) -> Result<Vec<Option<Vec<u8>>>> {
        let view = View::all(self.space(), self.index, self.now(), Access::Read)?;
        let sorted = sort::sort(&view, &view.key(key.as_ref()), options)?;
        let mut values = Vec::with_capacity(sorted.len());
        sorted.for_each(|value| values.push(value.map(|value| value.to_vec())));
        drop(sorted);
        self.core().settle(view.close())?;
        Ok(values)
    }

    /// Stores what [`sort`](Self::sort) gives as a list, in place of whatever `destination` holds, and says how long it
    /// is. O(N log N).
    ///
    /// # Errors
    /// As for [`sort`](Self::sort); [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY).
    pub fn sort_and_store(
        &self,
        key: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        options: &SortOptions<'_>,
    ) -> Result<usize> {
        let now = self.now();
        self.core().may_change()?;
        self.require_room(now)?;
        let mut view = View::all(self.space(), self.index, now, Access::Write)?;
        let (key, destination) = (view.key(key.as_ref()), view.key(destination.as_ref()));
        let result = sort::sort_and_store(&mut view, &key, &destination, options);
        self.core().settle(view.close())?;
        result
    }
}
