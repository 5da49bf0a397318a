//! Strings.

use smallvec::SmallVec;

use super::{Db, Scope};
use crate::codec::num::LongDouble;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key};
use crate::operation::string::{self, Expiry, GetExpiry, OldString, SetOptions};
use crate::value::lcs::Lcs;

/// What all of these methods return if the key holds no string is
/// [`WRONG_TYPE`](Error::WRONG_TYPE); methods that only set do not mind what a key held.
///
/// ```
/// # use carnelian::{Engine, Options, SetOptions};
/// let db = Engine::open(Options::new())?.db(0)?;
/// db.set("greeting", "hello")?;
/// assert_eq!(db.get("greeting")?.as_deref(), Some(&b"hello"[..]));
/// assert!(!db.set_with("greeting", "other", &SetOptions::new().nx())?);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Gets the value of a key. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](Error::WRONG_TYPE); so for all methods that read a string.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(string::get(view, key)?.map(|s| s.to_vec())))
    }

    /// Sets a key, whatever it held. It has no deadline afterwards. O(1).
    ///
    /// # Errors
    /// [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY); so for all methods that may need more memory.
    pub fn set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), |view, key| {
            string::set(view, key, value.as_ref(), None);
            Ok(())
        })
    }

    /// Sets a key under conditions or with a deadline; false if the condition was not met. O(1).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, SetOptions};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// assert!(db.set_with("lock", "me", &SetOptions::new().nx().px(30_000))?);
    /// assert!(!db.set_with("lock", "you", &SetOptions::new().nx().px(30_000))?);
    /// assert!(db.set_with("lock", "me again", &SetOptions::new().if_eq("me").keep_ttl())?);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`set`](Self::set); an error if the deadline is not positive or too far away.
    pub fn set_with(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, options: &SetOptions<'_>) -> Result<bool> {
        self.write(key.as_ref(), |view, key| string::set_with(view, key, value.as_ref(), options))
    }

    /// Sets a key as [`set_with`](Self::set_with) does and returns what it held before, whether or not the condition
    /// was met: SET with GET. O(1).
    ///
    /// # Errors
    /// As for [`set_with`](Self::set_with) and [`get`](Self::get).
    pub fn set_and_get(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: &SetOptions<'_>,
    ) -> Result<Option<Vec<u8>>> {
        let old = self.write(key.as_ref(), |view, key| string::set_and_get(view, key, value.as_ref(), options))?;
        Ok(old.map(OldString::into_vec))
    }

    /// Sets a key that expires in some seconds. O(1).
    ///
    /// # Errors
    /// As for [`set_with`](Self::set_with).
    pub fn set_ex(&self, key: impl AsRef<[u8]>, seconds: i64, value: impl AsRef<[u8]>) -> Result<()> {
        self.set_expiring(key.as_ref(), Expiry::Ex(seconds), value.as_ref(), "setex")
    }

    /// Sets a key that expires in some milliseconds. O(1).
    ///
    /// # Errors
    /// As for [`set_with`](Self::set_with).
    pub fn pset_ex(&self, key: impl AsRef<[u8]>, millis: i64, value: impl AsRef<[u8]>) -> Result<()> {
        self.set_expiring(key.as_ref(), Expiry::Px(millis), value.as_ref(), "psetex")
    }

    fn set_expiring(&self, key: &[u8], expiry: Expiry, value: &[u8], name: &str) -> Result<()> {
        self.write(key, |view, key| {
            let deadline = expiry.deadline(view.now(), name)?;
            string::set(view, key, value, Some(deadline));
            Ok(())
        })
    }

    /// Sets a key if it is not there; false if it is. O(1).
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn set_nx(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool> {
        self.set_with(key, value, &SetOptions::new().nx())
    }

    /// Sets a key and returns what it held before. O(1).
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`set`](Self::set).
    pub fn get_set(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.set_and_get(key, value, &SetOptions::new())
    }

    /// Gets the value of a key and deletes the key. O(1).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_del(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        Ok(self.change(key.as_ref(), string::get_del)??.map(OldString::into_vec))
    }

    /// Gets the value of a key and changes when the key expires. A time that has passed deletes it. O(1).
    ///
    /// ```
    /// # use carnelian::{Engine, Expiry, GetExpiry, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.set("session", "data")?;
    /// let data = db.get_ex("session", GetExpiry::At(Expiry::Ex(1800)))?;
    /// assert_eq!(data.as_deref(), Some(&b"data"[..]));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get); an error if the key is there and the deadline is not positive or too far away.
    pub fn get_ex(&self, key: impl AsRef<[u8]>, expiry: GetExpiry) -> Result<Option<Vec<u8>>> {
        let old = self.change(key.as_ref(), |view, key| string::get_ex(view, key, expiry))??;
        Ok(old.map(OldString::into_vec))
    }

    /// Deletes a key if it holds this string. O(length).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn del_if_eq(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<bool> {
        self.change(key.as_ref(), |view, key| string::del_if_eq(view, key, value.as_ref()))?
    }

    /// The length of a string in bytes, 0 if the key is not there. O(1).
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn strlen(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), string::len)
    }

    /// A part of a string, from one place to another, both included and counted from the end if negative.
    /// O(length of the part).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.set("text", "hello world")?;
    /// assert_eq!(db.get_range("text", -5, -1)?, b"world");
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_range(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<Vec<u8>> {
        self.read(key.as_ref(), |view, key| string::get_range(view, key, start, end, <[u8]>::to_vec))
    }

    /// Overwrites a part of a string, which grows with zero bytes if it is too short, and returns its length.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    pub fn set_range(&self, key: impl AsRef<[u8]>, offset: u64, value: impl AsRef<[u8]>) -> Result<usize> {
        self.write(key.as_ref(), |view, key| string::set_range(view, key, offset, value.as_ref()))
    }

    /// Adds bytes at the end of a string and returns its length. O(length of the addition), amortised.
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`set`](Self::set); [`TOO_LONG`](Error::TOO_LONG).
    pub fn append(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<usize> {
        self.write(key.as_ref(), |view, key| string::append(view, key, value.as_ref()))
    }

    /// Adds one to an integer, a missing key counting as 0, and returns the sum. O(1).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// assert_eq!(db.incr("hits")?, 1);
    /// assert_eq!(db.incr_by("hits", 10)?, 11);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`set`](Self::set); [`NOT_INTEGER`](Error::NOT_INTEGER),
    /// [`OVERFLOW`](Error::OVERFLOW).
    pub fn incr(&self, key: impl AsRef<[u8]>) -> Result<i64> {
        self.incr_by(key, 1)
    }

    /// Adds to an integer, a missing key counting as 0, and returns the sum. O(1).
    ///
    /// # Errors
    /// As for [`incr`](Self::incr).
    pub fn incr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        self.write(key.as_ref(), |view, key| string::incr_by(view, key, by))
    }

    /// Takes one from an integer, a missing key counting as 0, and returns the rest. O(1).
    ///
    /// # Errors
    /// As for [`incr`](Self::incr).
    pub fn decr(&self, key: impl AsRef<[u8]>) -> Result<i64> {
        self.incr_by(key, -1)
    }

    /// Takes from an integer, a missing key counting as 0, and returns the rest. O(1).
    ///
    /// # Errors
    /// As for [`incr`](Self::incr).
    pub fn decr_by(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64> {
        let by = by.checked_neg().ok_or_else(|| Error::new("ERR decrement would overflow"))?;
        self.incr_by(key, by)
    }

    /// Adds to a number, a missing key counting as 0, and returns the sum. The number is kept as decimal digits and
    /// added to with the 64 bits of precision that Redis has, so 0.1 and 0.2 make 0.3. O(1).
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`set`](Self::set); [`NOT_FLOAT`](Error::NOT_FLOAT); an error if the sum is not
    /// finite.
    pub fn incr_by_float(&self, key: impl AsRef<[u8]>, by: f64) -> Result<f64> {
        let by = LongDouble::parse(by.to_string().as_bytes()).ok_or(Error::NOT_FLOAT)?;
        let sum = self.write(key.as_ref(), |view, key| string::incr_by_float(view, key, by))?;
        String::from_utf8_lossy(&sum).parse().map_err(|_| Error::NOT_FLOAT)
    }

    /// Gets the values of some keys at one moment; nothing for a key that is missing or holds no string. O(keys).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.mset(&[("a", "1"), ("b", "2")])?;
    /// assert_eq!(db.mget(&["a", "x", "b"])?, [Some(b"1".to_vec()), None, Some(b"2".to_vec())]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn mget(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Option<Vec<u8>>>> {
        let keys: SmallVec<[Key<'_>; 16]> = keys.iter().map(|key| self.space().key(key.as_ref())).collect();
        self.on_keys(Access::Read, &keys, |view| {
            view.prefetch(keys.iter().map(|key| key.hash));
            let mut values = Vec::with_capacity(keys.len());
            string::mget(view, keys.iter().copied(), |string| values.push(string.map(|s| s.to_vec())));
            Ok(values)
        })
    }

    /// Sets some keys at one moment. Of two equal keys the later holds. O(keys).
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn mset(&self, pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<()> {
        self.mset_ex(pairs, &SetOptions::new()).map(|_| ())
    }

    /// Sets some keys at one moment if none of them is there; false if one is. O(keys).
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn mset_nx(&self, pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<bool> {
        self.mset_ex(pairs, &SetOptions::new().nx())
    }

    /// Sets some keys at one moment under a condition that all of them have to meet, or with a deadline for all.
    /// False, and nothing done, if the condition was not met. O(keys).
    ///
    /// # Errors
    /// As for [`set_with`](Self::set_with).
    pub fn mset_ex(&self, pairs: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)], options: &SetOptions<'_>) -> Result<bool> {
        let keys: Vec<Key<'_>> = pairs.iter().map(|(key, _)| self.space().key(key.as_ref())).collect();
        let values = pairs.iter().map(|(_, value)| value.as_ref());
        self.on_keys(Access::Write, &keys, |view| string::mset_ex(view, keys.iter().copied().zip(values), options))
    }

    /// The longest sequence of bytes that two strings share, in order but not necessarily in one piece. O(n x m / 64).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.mset(&[("a", "ohmytext"), ("b", "mynewtext")])?;
    /// assert_eq!(db.lcs("a", "b")?, b"mytext");
    /// assert_eq!(db.lcs_idx("a", "b", 4)?.matches[0].a, 4..8);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a key holds no string, or the strings are too long for `proto-max-bulk-len`.
    pub fn lcs(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<Vec<u8>> {
        Ok(self.lcs_idx(a, b, 0)?.text)
    }

    /// The length of [`lcs`](Self::lcs): LCS with LEN. O(n x m / 64).
    ///
    /// # Errors
    /// As for [`lcs`](Self::lcs).
    pub fn lcs_len(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<usize> {
        let keys = [a.as_ref(), b.as_ref()].map(|key| self.space().key(key));
        self.on_keys(Access::Read, &keys, |view| string::lcs_len(view, &keys[0], &keys[1]))
    }

    /// [`lcs`](Self::lcs) with the stretches of at least some bytes that it consists of: LCS with IDX.
    /// O(n x m / 64).
    ///
    /// # Errors
    /// As for [`lcs`](Self::lcs).
    pub fn lcs_idx(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>, min_match_len: usize) -> Result<Lcs> {
        let keys = [a.as_ref(), b.as_ref()].map(|key| self.space().key(key));
        self.on_keys(Access::Read, &keys, |view| string::lcs(view, &keys[0], &keys[1], min_match_len))
    }
}

/// Values of types that serde knows, stored in postcard's format: compact, and not self-describing, so they are read as
/// the type that they were written as.
#[cfg(feature = "serde")]
impl<S: Scope> Db<S> {
    /// Gets the value of a key that [`set_as`](Self::set_as) set. O(length).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.set_as("point", &(1.5, -2.0))?;
    /// assert_eq!(db.get_as::<(f64, f64)>("point")?, Some((1.5, -2.0)));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get); an error if the bytes are no such value.
    pub fn get_as<T: serde::de::DeserializeOwned>(&self, key: impl AsRef<[u8]>) -> Result<Option<T>> {
        self.read(key.as_ref(), |view, key| {
            let Some(string) = string::get(view, key)? else { return Ok(None) };
            let value = postcard::from_bytes(&string.cow());
            value.map(Some).map_err(|error| Error::new(format!("ERR value cannot be deserialized: {error}")))
        })
    }

    /// Sets a key to a value of a type that serde knows. O(length).
    ///
    /// # Errors
    /// As for [`set`](Self::set); an error if the value cannot be serialized.
    pub fn set_as<T: serde::Serialize + ?Sized>(&self, key: impl AsRef<[u8]>, value: &T) -> Result<()> {
        let bytes = postcard::to_stdvec(value);
        self.set(key, bytes.map_err(|error| Error::new(format!("ERR value cannot be serialized: {error}")))?)
    }
}

#[cfg(test)]
mod tests;
