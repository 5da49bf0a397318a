//! Lists, with types.

#[cfg(test)]
mod tests;

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key};
use crate::operation::list::{self, Element, Part, PositionOptions, Side};

fn to_vec(element: Element<'_>) -> Vec<u8> {
    element.item().to_vec()
}

fn to_vecs(_count: usize, part: Part<'_>) -> Vec<Vec<u8>> {
    part.map(to_vec).collect()
}

/// Lists. All of these methods return [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if the key holds something else.
///
/// ```
/// # use carnelian::{Engine, Options, Side};
/// let db = Engine::open(Options::new())?.db(0)?;
/// db.rpush("jobs", ["first", "second", "third"])?;
/// assert_eq!(db.lpop("jobs")?.as_deref(), Some(&b"first"[..]));
/// assert_eq!(db.lmove("jobs", "done", Side::Left, Side::Right)?.as_deref(), Some(&b"second"[..]));
/// assert_eq!(db.llen("jobs")?, 1);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Adds elements at the beginning, one after the other, and gives the new length. O(elements).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); so for all methods on lists.
    /// [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY); so for all that add something.
    pub fn lpush<E: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: impl IntoIterator<Item = E>) -> Result<usize> {
        self.push(key.as_ref(), Side::Left, elements, false)
    }

    /// Adds elements at the end, one after the other, and gives the new length. O(elements).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush).
    pub fn rpush<E: AsRef<[u8]>>(&self, key: impl AsRef<[u8]>, elements: impl IntoIterator<Item = E>) -> Result<usize> {
        self.push(key.as_ref(), Side::Right, elements, false)
    }

    /// As [`lpush`](Self::lpush), but only if there is a list; else gives 0. O(elements).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush).
    pub fn lpushx<E: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        elements: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        self.push(key.as_ref(), Side::Left, elements, true)
    }

    /// As [`rpush`](Self::rpush), but only if there is a list; else gives 0. O(elements).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush).
    pub fn rpushx<E: AsRef<[u8]>>(
        &self,
        key: impl AsRef<[u8]>,
        elements: impl IntoIterator<Item = E>,
    ) -> Result<usize> {
        self.push(key.as_ref(), Side::Right, elements, true)
    }

    fn push<E: AsRef<[u8]>>(
        &self,
        key: &[u8],
        side: Side,
        elements: impl IntoIterator<Item = E>,
        must_exist: bool,
    ) -> Result<usize> {
        let elements: Vec<E> = elements.into_iter().collect();
        self.write(key, |view, key| list::push(view, key, side, elements.iter().map(AsRef::as_ref), must_exist))
    }

    /// Takes the first element. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.pop(key.as_ref(), Side::Left)
    }

    /// Takes the last element. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn rpop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.pop(key.as_ref(), Side::Right)
    }

    fn pop(&self, key: &[u8], side: Side) -> Result<Option<Vec<u8>>> {
        let first = |_, mut part: Part<'_>| part.next().map(to_vec);
        Ok(self.change(key, |view, key| list::pop(view, key, side, 1, first))??.flatten())
    }

    /// Takes up to `count` elements from the beginning; none if there is no list. O(count).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lpop_many(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Vec<u8>>> {
        self.pop_many(key.as_ref(), Side::Left, count)
    }

    /// Takes up to `count` elements from the end, the last one first; none if there is no list. O(count).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn rpop_many(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Vec<u8>>> {
        self.pop_many(key.as_ref(), Side::Right, count)
    }

    fn pop_many(&self, key: &[u8], side: Side, count: usize) -> Result<Vec<Vec<u8>>> {
        let popped = self.change(key, |view, key| list::pop(view, key, side, count, to_vecs))??;
        Ok(popped.unwrap_or_default())
    }

    /// Takes up to `count` elements from the first of some keys that holds a list, and gives that key with them.
    /// O(keys + count).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, Side};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.rpush("low", ["a", "b", "c"])?;
    /// let (key, elements) = db.lmpop(["high", "low"], Side::Left, 2)?.expect("one has elements");
    /// assert_eq!((&key[..], elements), (&b"low"[..], vec![b"a".to_vec(), b"b".to_vec()]));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), for the keys in front of that list.
    #[allow(clippy::type_complexity, reason = "a key and its elements")]
    pub fn lmpop<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        side: Side,
        count: usize,
    ) -> Result<Option<(Vec<u8>, Vec<Vec<u8>>)>> {
        let keys: Vec<K> = keys.into_iter().collect();
        let keys: Vec<Key<'_>> = keys.iter().map(|key| self.space().key(key.as_ref())).collect();
        let read = |key: &[u8], count, part: Part<'_>| (key.to_vec(), to_vecs(count, part));
        self.change_keys(&keys, |view| list::pop_first(view, keys.iter().copied(), side, count, read))?
    }

    /// Gives the length; 0 if there is no list. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn llen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), list::len)
    }

    /// Gives the element with an index, counted from the end if it is negative. O(N / elements of a node).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lindex(&self, key: impl AsRef<[u8]>, index: i64) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(list::get(view, key, index)?.map(to_vec)))
    }

    /// Puts another element in the place of one, counted from the end if the index is negative. O(N / elements of a
    /// node).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush); [`NO_SUCH_KEY`](crate::Error::NO_SUCH_KEY) and
    /// [`OUT_OF_RANGE`](crate::Error::OUT_OF_RANGE).
    pub fn lset(&self, key: impl AsRef<[u8]>, index: i64, element: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), |view, key| list::set(view, key, index, element.as_ref()))
    }

    /// Gives the elements from `start` to `stop`, both included and counted from the end if negative. O(elements).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.rpush("list", ["a", "b", "c", "d"])?;
    /// assert_eq!(db.lrange("list", -3, 2)?, [b"b", b"c"]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lrange(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<Vec<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| list::range(view, key, start, stop, to_vecs))
    }

    /// Removes elements that equal one and says how many there were: all if `count` is 0, else at most so many, seen
    /// from the end if it is negative. O(N).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lrem(&self, key: impl AsRef<[u8]>, count: i64, element: impl AsRef<[u8]>) -> Result<usize> {
        self.change(key.as_ref(), |view, key| list::remove(view, key, count, element.as_ref()))?
    }

    /// Removes all elements but those from `start` to `stop`, both included and counted from the end if negative.
    /// O(elements removed).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn ltrim(&self, key: impl AsRef<[u8]>, start: i64, stop: i64) -> Result<()> {
        self.change(key.as_ref(), |view, key| list::trim(view, key, start, stop))?
    }

    /// Adds an element in front of the first that is `pivot`, and gives the new length; `None` if there is none. O(N).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush).
    pub fn linsert_before(
        &self,
        key: impl AsRef<[u8]>,
        pivot: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        self.insert(key.as_ref(), false, pivot.as_ref(), element.as_ref())
    }

    /// Adds an element behind the first that is `pivot`, and gives the new length; `None` if there is none. O(N).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush).
    pub fn linsert_after(
        &self,
        key: impl AsRef<[u8]>,
        pivot: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
    ) -> Result<Option<usize>> {
        self.insert(key.as_ref(), true, pivot.as_ref(), element.as_ref())
    }

    fn insert(&self, key: &[u8], behind: bool, pivot: &[u8], element: &[u8]) -> Result<Option<usize>> {
        let len = self.write(key, |view, key| list::insert(view, key, behind, pivot, element))?;
        Ok(usize::try_from(len).ok().filter(|&len| len > 0))
    }

    /// Gives the index of the first element that equals one. O(N).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lpos(&self, key: impl AsRef<[u8]>, element: impl AsRef<[u8]>) -> Result<Option<usize>> {
        Ok(self.lpos_with(key, element, &PositionOptions::new())?.first().copied())
    }

    /// Gives the indexes of elements that equal one, in the order in which they are met. O(N).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, PositionOptions};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.rpush("list", ["x", "y", "x", "x"])?;
    /// assert_eq!(db.lpos_with("list", "x", &PositionOptions::new().rank(-1).count(2))?, [3, 2]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn lpos_with(
        &self,
        key: impl AsRef<[u8]>,
        element: impl AsRef<[u8]>,
        options: &PositionOptions,
    ) -> Result<Vec<usize>> {
        let found = self.read(key.as_ref(), |view, key| list::positions(view, key, element.as_ref(), options))?;
        Ok(found.unwrap_or_default())
    }

    /// Takes an element from an end of one list, adds it at an end of another or the same, and gives it; `None` if
    /// there is nothing to take. O(1).
    ///
    /// # Errors
    /// As for [`lpush`](Self::lpush), for either key.
    pub fn lmove(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        from: Side,
        to: Side,
    ) -> Result<Option<Vec<u8>>> {
        let space = self.space();
        let keys = [space.key(source.as_ref()), space.key(destination.as_ref())];
        self.on_keys(Access::Write, &keys, |view| list::move_between(view, &keys[0], &keys[1], from, to, to_vec))
    }

    /// Takes the last element of one list, adds it at the beginning of another or the same, and gives it. O(1).
    ///
    /// # Errors
    /// As for [`lmove`](Self::lmove).
    pub fn rpoplpush(&self, source: impl AsRef<[u8]>, destination: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.lmove(source, destination, Side::Right, Side::Left)
    }
}
