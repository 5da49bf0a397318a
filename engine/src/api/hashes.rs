//! Hashes, with types.

#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Db, Scope, Ttl};
use crate::codec::num::LongDouble;
use crate::error::{Error, Result};
use crate::operation::generic::{Deadline, ExpireCondition};
use crate::operation::hash::{self, FieldExpired, FieldSetOptions};
use crate::operation::string::{Expiry, GetExpiry};
use crate::value::Hash;
use crate::value::listpack::Item;

/// A field and its value.
pub type FieldValue = (Vec<u8>, Vec<u8>);

fn slices<T: AsRef<[u8]>>(fields: &[T]) -> impl Iterator<Item = &[u8]> + Clone {
    fields.iter().map(AsRef::as_ref)
}

fn owned((field, value): (Item<'_>, Item<'_>)) -> FieldValue {
    (field.to_vec(), value.to_vec())
}

/// What all of these methods return if the key holds no hash is [`WRONG_TYPE`](Error::WRONG_TYPE).
///
/// ```
/// # use carnelian::{Engine, Options};
/// let db = Engine::open(Options::new())?.db(0)?;
/// assert!(db.hset("user:1", "name", "Ada")?);
/// db.hset_many("user:1", &[("city", "London"), ("visits", "1")])?;
/// assert_eq!(db.hget("user:1", "name")?.as_deref(), Some(&b"Ada"[..]));
/// assert_eq!(db.hincrby("user:1", "visits", 1)?, 2);
/// assert_eq!(db.hlen("user:1")?, 3);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    fn read_hash<R>(&self, key: &[u8], none: R, read: impl FnOnce(&Hash, u64) -> R) -> Result<R> {
        self.read(key, |view, key| Ok(hash::read(view, key)?.map_or(none, |hash| read(hash, view.now()))))
    }

    /// Sets a field, which has no deadline afterwards; true if it is new. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY), so for all methods that may need
    /// more memory.
    pub fn hset(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool> {
        Ok(self.hset_many(key, &[(field, value)])? == 1)
    }

    /// Sets fields, and returns how many are new. O(fields).
    ///
    /// # Errors
    /// As for [`hset`](Self::hset).
    pub fn hset_many(&self, key: impl AsRef<[u8]>, pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<usize> {
        let pairs = pairs.iter().map(|(field, value)| (field.as_ref(), value.as_ref()));
        self.write(key.as_ref(), |view, key| hash::set(view, key, pairs))
    }

    /// Sets a field if it is not there; false if it is. O(1).
    ///
    /// # Errors
    /// As for [`hset`](Self::hset).
    pub fn hsetnx(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool> {
        self.write(key.as_ref(), |view, key| hash::set_nx(view, key, field.as_ref(), value.as_ref()))
    }

    /// Sets fields under conditions or with a deadline; false, and nothing done, if a condition was not met. O(fields).
    ///
    /// ```
    /// # use carnelian::{Engine, Expiry, FieldSetOptions, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let for_an_hour = FieldSetOptions::new().fnx().expiry(Expiry::Ex(3600));
    /// assert!(db.hsetex("sessions", &[("a", "data")], &for_an_hour)?);
    /// assert!(!db.hsetex("sessions", &[("a", "other")], &for_an_hour)?);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`hset`](Self::hset); an error if the deadline is negative or too far away.
    pub fn hsetex(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
        options: &FieldSetOptions,
    ) -> Result<bool> {
        let pairs = pairs.iter().map(|(field, value)| (field.as_ref(), value.as_ref()));
        self.write(key.as_ref(), |view, key| hash::set_ex(view, key, pairs, options))
    }

    /// The value of a field. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); so for all methods that read a hash.
    pub fn hget(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(hash::get(view, key, field.as_ref())?.map(Item::to_vec)))
    }

    /// The values of fields, at one moment. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hmget(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<Vec<Option<Vec<u8>>>> {
        self.read_hash(key.as_ref(), vec![None; fields.len()], |hash, now| {
            slices(fields).map(|field| hash.get(field, now).map(Item::to_vec)).collect()
        })
    }

    /// All fields and values, in no particular order. O(n).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hgetall(&self, key: impl AsRef<[u8]>) -> Result<Vec<FieldValue>> {
        self.read_hash(key.as_ref(), Vec::new(), |hash, now| {
            let mut all = Vec::with_capacity(hash.len());
            hash.for_each(now, |field, value| all.push(owned((field, value))));
            all
        })
    }

    /// All fields, in no particular order. O(n).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hkeys(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>> {
        Ok(self.hgetall(key)?.into_iter().map(|(field, _)| field).collect())
    }

    /// All values, in no particular order. O(n).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hvals(&self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>> {
        Ok(self.hgetall(key)?.into_iter().map(|(_, value)| value).collect())
    }

    /// How many fields there are. O(1).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hlen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), hash::len)
    }

    /// The length of a field's value in bytes, 0 if it is not there. O(1).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hstrlen(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), |view, key| Ok(hash::get(view, key, field.as_ref())?.map_or(0, Item::len)))
    }

    /// Whether a field is there. O(1).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hexists(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Result<bool> {
        self.read(key.as_ref(), |view, key| Ok(hash::get(view, key, field.as_ref())?.is_some()))
    }

    /// Removes fields, and the key with the last of them. Returns how many were there. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hdel(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.change(key.as_ref(), |view, key| hash::remove(view, key, slices(fields)))?
    }

    /// The values of fields, which are removed. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hgetdel(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut values = Vec::with_capacity(fields.len());
        self.change(key.as_ref(), |view, key| {
            hash::get_del(view, key, slices(fields), |value| values.push(value.map(Item::to_vec)))
        })??;
        Ok(values)
    }

    /// The values of fields, whose deadlines change. A time that has passed removes them. O(fields).
    ///
    /// ```
    /// # use carnelian::{Engine, Expiry, GetExpiry, Options, Ttl};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.hset("sessions", "a", "data")?;
    /// let data = db.hgetex("sessions", GetExpiry::At(Expiry::Ex(1800)), &["a"])?;
    /// assert_eq!(data, [Some(b"data".to_vec())]);
    /// assert!(matches!(db.httl("sessions", &["a"])?[0], Ttl::In(_)));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`hget`](Self::hget); an error if the deadline is negative or too far away.
    pub fn hgetex(
        &self,
        key: impl AsRef<[u8]>,
        expiry: GetExpiry,
        fields: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let mut values = Vec::with_capacity(fields.len());
        self.change(key.as_ref(), |view, key| {
            hash::get_ex(view, key, expiry, slices(fields), |value| values.push(value.map(Item::to_vec)))
        })??;
        Ok(values)
    }

    /// Adds to the integer in a field, a missing one counting as 0, and returns the sum. O(1).
    ///
    /// # Errors
    /// As for [`hset`](Self::hset); [`OVERFLOW`](Error::OVERFLOW); an error if the value is no integer.
    pub fn hincrby(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        self.write(key.as_ref(), |view, key| hash::incr_by(view, key, field.as_ref(), by))
    }

    /// Adds to the number in a field, a missing one counting as 0, and returns the sum. The number is kept as decimal
    /// digits and added to with the 64 bits of precision that Redis has. O(1).
    ///
    /// # Errors
    /// As for [`hset`](Self::hset); an error if the value is no number, or the sum not finite.
    pub fn hincrbyfloat(&self, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>, by: f64) -> Result<f64> {
        let by = LongDouble::parse(by.to_string().as_bytes()).ok_or(Error::NOT_FLOAT)?;
        if by.is_infinite() {
            return Err(Error::new("ERR value is NaN or Infinity"));
        }
        let sum = self.write(key.as_ref(), |view, key| hash::incr_by_float(view, key, field.as_ref(), by))?;
        String::from_utf8_lossy(&sum).parse().map_err(|_| Error::NOT_FLOAT)
    }

    /// Any field, each with the same probability. O(1).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hrandfield(&self, key: impl AsRef<[u8]>) -> Result<Option<FieldValue>> {
        self.read_hash(key.as_ref(), None, |hash, now| hash::random_field(hash, now).map(owned))
    }

    /// Different fields with their values, as many as there are; with a negative count the same ones any number of times
    /// (`HRANDFIELD` with a count). O(count), or O(n) where that is a large part.
    ///
    /// # Errors
    /// As for [`hget`](Self::hget); an error if a negative count is less than -2^24.
    pub fn hrandfields(&self, key: impl AsRef<[u8]>, count: i64) -> Result<Vec<FieldValue>> {
        let mut drawn = Vec::new();
        self.read_hash(key.as_ref(), Ok(()), |hash, now| {
            hash::random_fields(hash, now, count, |_| (), |pair| drawn.push(owned(pair)))
        })??;
        Ok(drawn)
    }

    /// Lets fields expire. A time that has passed removes them. O(fields).
    ///
    /// ```
    /// # use carnelian::{Engine, Expiry, FieldExpired, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.hset("h", "a", "1")?;
    /// assert_eq!(db.hexpire("h", Expiry::Ex(60), &["a", "b"])?, [FieldExpired::Set, FieldExpired::NoField]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`hget`](Self::hget); an error if the deadline is negative or too far away.
    pub fn hexpire(
        &self,
        key: impl AsRef<[u8]>,
        expiry: Expiry,
        fields: &[impl AsRef<[u8]>],
    ) -> Result<Vec<FieldExpired>> {
        self.hexpire_if(key, expiry, ExpireCondition::Always, fields)
    }

    /// As [`hexpire`](Self::hexpire), those fields for which the condition holds. O(fields).
    ///
    /// # Errors
    /// As for [`hexpire`](Self::hexpire).
    pub fn hexpire_if(
        &self,
        key: impl AsRef<[u8]>,
        expiry: Expiry,
        condition: ExpireCondition,
        fields: &[impl AsRef<[u8]>],
    ) -> Result<Vec<FieldExpired>> {
        let mut all = Vec::with_capacity(fields.len());
        self.change(key.as_ref(), |view, key| {
            let at = hash::check_expiry(expiry, view.now(), "hpexpire")?;
            hash::expire_at(view, key, at, condition, slices(fields), |done| all.push(done))
        })??;
        Ok(all)
    }

    fn field_deadlines<R>(
        &self,
        key: &[u8],
        fields: &[impl AsRef<[u8]>],
        of: impl Fn(Deadline, u64) -> R,
    ) -> Result<Vec<R>> {
        self.read(key, |view, key| {
            let (hash, now) = (hash::read(view, key)?, view.now());
            Ok(slices(fields).map(|field| of(hash::field_deadline(hash, field, now), now)).collect())
        })
    }

    /// How long fields will live; [`Ttl::NoKey`] for those that are not there. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn httl(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<Vec<Ttl>> {
        self.field_deadlines(key.as_ref(), fields, |deadline, now| match deadline {
            Deadline::NoKey => Ttl::NoKey,
            Deadline::Never => Ttl::Never,
            Deadline::At(at) => Ttl::In(Duration::from_millis(at.saturating_sub(now))),
        })
    }

    /// When fields expire, if ever. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hexpiretime(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<Vec<Option<SystemTime>>> {
        self.field_deadlines(key.as_ref(), fields, |deadline, _| match deadline {
            Deadline::At(at) => UNIX_EPOCH.checked_add(Duration::from_millis(at)),
            Deadline::NoKey | Deadline::Never => None,
        })
    }

    /// Takes the deadlines of fields away; true for those that had one. O(fields).
    ///
    /// # Errors
    /// As for [`hget`](Self::hget).
    pub fn hpersist(&self, key: impl AsRef<[u8]>, fields: &[impl AsRef<[u8]>]) -> Result<Vec<bool>> {
        let mut had = Vec::with_capacity(fields.len());
        self.change(key.as_ref(), |view, key| {
            hash::persist(view, key, slices(fields), |deadline| had.push(matches!(deadline, Deadline::At(_))))
        })??;
        Ok(had)
    }
}

/// Walks, under locks of their own.
impl Db {
    /// Goes through the fields of a hash. What is there from start to end is given exactly once, whatever changes
    /// meanwhile.
    ///
    /// ```
    /// # let db = carnelian::Engine::open(Default::default())?.db(0)?;
    /// db.hset_many("h", &[("a:1", "x"), ("b:1", "y")])?;
    /// let found: Result<Vec<_>, _> = db.hscan("h").pattern("a:*").collect();
    /// assert_eq!(found?, [(b"a:1".to_vec(), b"x".to_vec())]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    pub fn hscan(&self, key: impl AsRef<[u8]>) -> HashScan {
        let key = key.as_ref().to_vec();
        HashScan { db: self.clone(), key, pattern: None, count: 100, position: Some(0), page: Vec::new() }
    }
}

/// A walk through the fields of a hash: see [`Db::hscan`].
pub struct HashScan {
    db: Db,
    key: Vec<u8>,
    pattern: Option<Vec<u8>>,
    count: usize,
    /// Where to go on; `None` at the end.
    position: Option<u64>,
    /// Fields that are yet to be given.
    page: Vec<FieldValue>,
}

impl HashScan {
    /// Only fields that match a pattern.
    #[must_use]
    pub fn pattern(mut self, pattern: impl AsRef<[u8]>) -> Self {
        self.pattern = Some(pattern.as_ref().to_vec());
        self
    }

    /// How many fields are looked at under one lock, more or less.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }
}

impl Iterator for HashScan {
    type Item = Result<FieldValue>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.page.pop() {
                return Some(Ok(pair));
            }
            let position = self.position?;
            let (page, pattern) = (&mut self.page, self.pattern.as_deref());
            let next = self.db.read_hash(&self.key, None, |hash, now| {
                hash::scan(hash, now, position, self.count, pattern, |field, value| page.push(owned((field, value))))
            });
            match next {
                Ok(next) => self.position = next,
                Err(error) => {
                    self.position = None;
                    return Some(Err(error));
                }
            }
        }
    }
}
