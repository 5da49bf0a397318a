//! Sets.

#[cfg(test)]
mod tests;

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key, View};
use crate::operation::set::{self, Algebra, Item, ScanOptions};

fn to_vecs(items: Vec<Item<'_>>) -> Vec<Vec<u8>> {
    items.into_iter().map(Item::to_vec).collect()
}

/// Sets: different strings, in no order.
///
/// ```
/// # use carnelian::{Engine, Options};
/// let db = Engine::open(Options::new())?.db(0)?;
/// assert_eq!(db.sadd("red", &["rose", "tulip"])?, 2);
/// db.sadd("yellow", &["tulip", "daffodil"])?;
/// assert!(db.sismember("red", "rose")?);
/// assert_eq!(db.sinter(&["red", "yellow"])?, [b"tulip"]);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Adds members and returns how many were not there. O(members).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), so for all of these methods;
    /// [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY), so for all methods that may need more memory.
    pub fn sadd(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.write(key.as_ref(), |view, key| set::add(view, key, members.iter().map(AsRef::as_ref)))
    }

    /// Removes members and returns how many were there; the key goes with the last one. O(members).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn srem(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.change(key.as_ref(), |view, key| set::remove(view, key, members.iter().map(AsRef::as_ref)))?
    }

    /// How many members a set has; 0 if the key is not there. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn scard(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), set::len)
    }

    /// Whether a set has a member. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sismember(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<bool> {
        self.read(key.as_ref(), |view, key| set::contains(view, key, member.as_ref()))
    }

    /// Of each of some members, whether a set has it. O(members).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn smismember(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<Vec<bool>> {
        self.read(key.as_ref(), |view, key| {
            let set = set::get(view, key)?;
            Ok(members.iter().map(|member| set.is_some_and(|set| set.contains(member.as_ref()))).collect())
        })
    }

    /// All members, in no particular order. O(n).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn smembers(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(set::get(view, key)?.map_or_else(Vec::new, |set| to_vecs(set.items()))))
    }

    /// Any member, each with the same probability. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn srandmember(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(set::random_member(view, key)?.map(Item::to_vec)))
    }

    /// So many different members, or all of them if there are no more. O(count), O(n) if that is most of them.
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.sadd("lottery", &["1", "2", "3", "4"])?;
    /// assert_eq!(db.srandmembers("lottery", 3)?.len(), 3);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn srandmembers(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(to_vecs(set::random_members(view, key, count)?)))
    }

    /// Takes out any member and returns it. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn spop(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        let popped = self.change(key.as_ref(), |view, key| set::pop(view, key, 1))??;
        Ok(popped.iter().next().map(<[u8]>::to_vec))
    }

    /// Takes out so many members, or all of them if there are no more. O(count), O(n) if that is most of them.
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn spop_many(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Vec<u8>>> {
        let popped = self.change(key.as_ref(), |view, key| set::pop(view, key, count))??;
        Ok(popped.iter().map(<[u8]>::to_vec).collect())
    }

    /// Moves a member from one set to another; false if it is not in the first. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn smove(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<bool> {
        let space = self.space();
        let (from, to) = (space.key(from.as_ref()), space.key(to.as_ref()));
        self.change_keys(&[from, to], |view| set::move_member(view, &from, &to, member.as_ref()))?
    }

    /// The members that all sets share. O(smallest set x sets).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sinter(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<u8>>> {
        self.on_sets(keys, |view, keys| Ok(to_vecs(set::combine(view, Algebra::Inter, keys)?)))
    }

    /// The members of all sets. O(all members).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sunion(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<u8>>> {
        self.on_sets(keys, |view, keys| Ok(to_vecs(set::combine(view, Algebra::Union, keys)?)))
    }

    /// The members of the first set that are in none of the others. O(first set x sets).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sdiff(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Vec<u8>>> {
        self.on_sets(keys, |view, keys| Ok(to_vecs(set::combine(view, Algebra::Diff, keys)?)))
    }

    /// How many members all sets share; counting ends at `limit`, if there is one. O(smallest set x sets).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sintercard(&self, keys: &[impl AsRef<[u8]>], limit: Option<usize>) -> Result<usize> {
        if limit == Some(0) {
            return Ok(0);
        }
        self.on_sets(keys, |view, keys| set::inter_card(view, keys, limit.unwrap_or(usize::MAX)))
    }

    /// Stores what all sets share in place of whatever `dest` holds, and returns its size; an empty result deletes the
    /// key. As [`sinter`](Self::sinter).
    ///
    /// # Errors
    /// As for [`sadd`](Self::sadd).
    pub fn sinterstore(&self, dest: impl AsRef<[u8]>, keys: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.store_set(Algebra::Inter, dest.as_ref(), keys)
    }

    /// Stores the members of all sets, as [`sinterstore`](Self::sinterstore) does what they share.
    ///
    /// # Errors
    /// As for [`sadd`](Self::sadd).
    pub fn sunionstore(&self, dest: impl AsRef<[u8]>, keys: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.store_set(Algebra::Union, dest.as_ref(), keys)
    }

    /// Stores the members of the first set alone, as [`sinterstore`](Self::sinterstore) does what they share.
    ///
    /// # Errors
    /// As for [`sadd`](Self::sadd).
    pub fn sdiffstore(&self, dest: impl AsRef<[u8]>, keys: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.store_set(Algebra::Diff, dest.as_ref(), keys)
    }

    /// Some members from `cursor` on, which is 0 at first, and the cursor to go on from, 0 at the end. Members that stay
    /// are given exactly once. O(count).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let members: Vec<String> = (0..1000).map(|n| format!("member {n}")).collect();
    /// db.sadd("set", &members)?;
    /// let (mut cursor, mut seen) = (0, 0);
    /// loop {
    ///     let (next, members) = db.sscan("set", cursor, Some(b"*7"), 100)?;
    ///     (cursor, seen) = (next, seen + members.len());
    ///     if cursor == 0 {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(seen, 100);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn sscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        pattern: Option<&[u8]>,
        count: usize,
    ) -> Result<(u64, Vec<Vec<u8>>)> {
        self.read(key.as_ref(), |view, key| {
            let Some(set) = set::get(view, key)? else { return Ok((0, Vec::new())) };
            let options = ScanOptions { pattern, count: count.max(1) };
            let (items, next) = set::scan(set, cursor, &options);
            Ok((next.unwrap_or(0), to_vecs(items)))
        })
    }

    fn on_sets<R>(
        &self,
        keys: &[impl AsRef<[u8]>],
        read: impl FnOnce(&View<'_>, &[Key<'_>]) -> Result<R>,
    ) -> Result<R> {
        let keys: Vec<Key<'_>> = keys.iter().map(|key| self.space().key(key.as_ref())).collect();
        self.on_keys(Access::Read, &keys, |view| read(view, &keys))
    }

    fn store_set(&self, how: Algebra, dest: &[u8], sources: &[impl AsRef<[u8]>]) -> Result<usize> {
        let space = self.space();
        let mut keys: Vec<Key<'_>> = sources.iter().map(|key| space.key(key.as_ref())).collect();
        let dest = space.key(dest);
        keys.push(dest);
        self.on_keys(Access::Write, &keys, |view| set::store(view, how, &dest, &keys[..sources.len()]))
    }
}
