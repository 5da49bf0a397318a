//! Keys, whatever they hold, and whole databases.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Db, Scope};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, View, Walk};
use crate::operation::generic::{self, Deadline, ScanOptions};

pub use crate::operation::generic::{ExpireCondition, KeyType};

/// How long a key will live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ttl {
    /// There is no such key.
    NoKey,
    /// For ever.
    Never,
    /// So long.
    In(Duration),
}

impl Ttl {
    /// The time that is left, if it is limited.
    pub fn left(self) -> Option<Duration> {
        match self {
            Self::In(left) => Some(left),
            Self::NoKey | Self::Never => None,
        }
    }
}

/// What [`Db::copy_with`] does besides copying.
#[derive(Clone, Copy, Default, Debug)]
pub struct CopyOptions {
    db: Option<u32>,
    replace: bool,
}

impl CopyOptions {
    /// Into the same database, unless the key is there.
    pub fn new() -> Self {
        Self::default()
    }

    /// Into another database.
    #[must_use]
    pub fn db(mut self, db: u32) -> Self {
        self.db = Some(db);
        self
    }

    /// In place of what is there.
    #[must_use]
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A deadline in a form that operations take, if it is not too far away.
fn deadline(name: &str, at: Option<Millis>) -> Result<i64> {
    at.and_then(|at| i64::try_from(at).ok()).ok_or_else(|| Error::invalid_expire(name))
}

impl<S: Scope> Db<S> {
    fn change_two<R>(
        &self,
        a: &[u8],
        b: &[u8],
        operation: impl FnOnce(&mut View<'_>, &Key<'_>, &Key<'_>) -> R,
    ) -> Result<R> {
        let space = self.space();
        let (a, b) = (space.key(a), space.key(b));
        self.change_keys(&[a, b], |view| operation(view, &a, &b))
    }

    /// Deletes a key; false if there is none. O(1).
    ///
    /// ```
    /// # let db = carnelian::Engine::open(Default::default())?.db(0)?;
    /// assert!(!db.del("nothing")?);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED), as all methods.
    pub fn del(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.change(key.as_ref(), generic::delete)
    }

    /// Deletes keys, all at once, and returns how many there were. O(n).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn del_all(&self, keys: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<usize> {
        let keys: Vec<_> = keys.into_iter().collect();
        let (space, now) = (self.space(), self.now());
        let keys: Vec<Key<'_>> = keys.iter().map(|k| space.key(k.as_ref())).collect();
        let delete = |view: &mut View<'_>| keys.iter().filter(|key| generic::delete(view, key)).count();
        self.scope.on_some((self.index, now), Access::Write, &keys, delete)
    }

    /// Whether a key exists. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn exists(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.read(key.as_ref(), |view, key| Ok(generic::exists(view, key)))
    }

    /// Counts as an access to a key; false if there is none. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn touch(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.read(key.as_ref(), |view, key| Ok(generic::touch(view, key)))
    }

    /// The type of a key. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn key_type(&self, key: impl AsRef<[u8]>) -> Result<Option<KeyType>> {
        self.read(key.as_ref(), |view, key| Ok(generic::key_type(view, key)))
    }

    /// How a value is kept, in Redis's words: `int`, `embstr`, `raw`, ... O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn object_encoding(&self, key: impl AsRef<[u8]>) -> Result<Option<&'static str>> {
        self.read(key.as_ref(), |view, key| Ok(generic::encoding(view, key)))
    }

    /// Lets a key expire after some time; false if there is none. Nothing left of the time deletes the key. O(1).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use carnelian::api::Ttl;
    /// # let db = carnelian::Engine::open(Default::default())?.db(0)?;
    /// assert!(!db.expire("nothing", Duration::from_secs(60))?);
    /// assert_eq!(db.ttl("nothing")?, Ttl::NoKey);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the deadline lies beyond what 64 bits of milliseconds can say.
    pub fn expire(&self, key: impl AsRef<[u8]>, after: Duration) -> Result<bool> {
        self.expire_if(key, after, ExpireCondition::Always)
    }

    /// As [`expire`](Self::expire), under a condition. O(1).
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub fn expire_if(&self, key: impl AsRef<[u8]>, after: Duration, condition: ExpireCondition) -> Result<bool> {
        let after = millis(after);
        self.change(key.as_ref(), |view, key| {
            let at = deadline("pexpire", view.now().checked_add(after))?;
            Ok(generic::expire_at(view, key, at, condition))
        })?
    }

    /// Lets a key expire at a time; false if there is none. A time that has passed deletes the key. O(1).
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub fn expire_at(&self, key: impl AsRef<[u8]>, at: SystemTime) -> Result<bool> {
        self.expire_at_if(key, at, ExpireCondition::Always)
    }

    /// As [`expire_at`](Self::expire_at), under a condition. O(1).
    ///
    /// # Errors
    /// As [`expire`](Self::expire).
    pub fn expire_at_if(&self, key: impl AsRef<[u8]>, at: SystemTime, condition: ExpireCondition) -> Result<bool> {
        // Before 1970 is past, too.
        let at = deadline("pexpireat", Some(at.duration_since(UNIX_EPOCH).map_or(0, millis)))?;
        self.change(key.as_ref(), |view, key| generic::expire_at(view, key, at, condition))
    }

    /// Takes a key's deadline away; false if it has none. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn persist(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.change(key.as_ref(), generic::persist)
    }

    /// How long a key will live. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn ttl(&self, key: impl AsRef<[u8]>) -> Result<Ttl> {
        self.read(key.as_ref(), |view, key| {
            Ok(match generic::deadline(view, key) {
                Deadline::NoKey => Ttl::NoKey,
                Deadline::Never => Ttl::Never,
                Deadline::At(at) => Ttl::In(Duration::from_millis(at.saturating_sub(view.now()))),
            })
        })
    }

    /// When a key expires, if ever. O(1).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn expire_time(&self, key: impl AsRef<[u8]>) -> Result<Option<SystemTime>> {
        self.read(key.as_ref(), |view, key| {
            Ok(match generic::deadline(view, key) {
                Deadline::At(at) => UNIX_EPOCH.checked_add(Duration::from_millis(at)),
                Deadline::NoKey | Deadline::Never => None,
            })
        })
    }

    /// Renames a key, in place of whatever `to` holds. O(1).
    ///
    /// # Errors
    /// [`NO_SUCH_KEY`](Error::NO_SUCH_KEY).
    pub fn rename(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        self.change_two(from.as_ref(), to.as_ref(), generic::rename)?
    }

    /// Renames a key unless there is a key `to`: false then. O(1).
    ///
    /// # Errors
    /// [`NO_SUCH_KEY`](Error::NO_SUCH_KEY).
    pub fn renamenx(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<bool> {
        self.change_two(from.as_ref(), to.as_ref(), generic::rename_if_new)?
    }

    /// Copies a key with its deadline; false if there is nothing to copy, or there is a key `to`. O(1) for strings.
    ///
    /// # Errors
    /// If both are the same key, and [`OUT_OF_MEMORY`](Error::OUT_OF_MEMORY).
    pub fn copy(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<bool> {
        self.copy_with(from, to, CopyOptions::new())
    }

    /// As [`copy`](Self::copy), into another database or in place of what is there. O(1) for strings.
    ///
    /// # Errors
    /// As [`copy`](Self::copy), and [`DB_INDEX`](Error::DB_INDEX).
    pub fn copy_with(&self, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>, options: CopyOptions) -> Result<bool> {
        let space = self.space();
        let (from, to) = (space.key(from.as_ref()), space.key(to.as_ref()));
        let db = options.db.unwrap_or(self.index);
        self.on_keys(Access::Write, &[from, to], |view| generic::copy(view, &from, &to, db, options.replace))
    }

    /// Moves a key to another database; false if it is not here, or is there already. O(1).
    ///
    /// # Errors
    /// [`DB_INDEX`](Error::DB_INDEX), or an error of its own if it is the same database.
    pub fn move_to(&self, key: impl AsRef<[u8]>, db: u32) -> Result<bool> {
        self.change(key.as_ref(), |view, key| generic::move_to(view, key, db))?
    }
}

/// Calls about all keys of a database, under locks of their own.
impl Db {
    fn on_all<R>(&self, operation: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        self.core().may_change()?;
        let mut view = View::all(self.space(), self.index, self.now(), Access::Write)?;
        let result = operation(&mut view);
        self.core().settle(view.close())?;
        Ok(result)
    }

    /// Runs `f` on a walk through the database. What it finds may rest on all that has been logged until then.
    fn on_walk<R>(&self, f: impl FnOnce(&Walk<'_, '_>) -> Result<R>) -> Result<R> {
        let found = f(&Walk::Free { space: self.space(), db: self.index, now: self.now() })?;
        self.core().settle(self.core().log().visible())?;
        Ok(found)
    }

    /// All keys that match a pattern. O(n); [`scan`](Self::scan) is kinder to others.
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn keys(&self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>> {
        self.on_walk(|walk| generic::keys(walk, pattern.as_ref()))
    }

    /// Goes through all keys. What is there from start to end is given exactly once, whatever changes meanwhile.
    ///
    /// ```
    /// # let db = carnelian::Engine::open(Default::default())?.db(0)?;
    /// for key in db.scan().pattern("user:*").count(100) {
    ///     println!("{}", String::from_utf8_lossy(&key?));
    /// }
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    pub fn scan(&self) -> Scan {
        Scan { db: self.clone(), pattern: None, count: 100, only: None, position: Some(0), page: Vec::new() }
    }

    /// Any key, each with the same probability. O(stripes).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn random_key(&self) -> Result<Option<Vec<u8>>> {
        self.on_walk(generic::random_key)
    }

    /// How many keys there are (`DBSIZE`). O(stripes).
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn size(&self) -> Result<usize> {
        self.on_walk(|walk| Ok(walk.space().db_size(self.index)?.keys))
    }

    /// Deletes all keys of the database (`FLUSHDB ASYNC`): at once for everybody, while another thread frees them.
    ///
    /// # Errors
    /// [`REENTERED`](Error::REENTERED).
    pub fn flush(&self) -> Result<()> {
        self.on_all(|view| generic::flush(view, Some(view.db()), true))
    }

    /// Exchanges all keys of the database with those of another (`SWAPDB`). O(stripes).
    ///
    /// # Errors
    /// [`DB_INDEX`](Error::DB_INDEX).
    pub fn swap(&self, db: u32) -> Result<()> {
        self.on_all(|view| generic::swap(view, view.db(), db))?
    }
}

/// A walk through the keys of a database; see [`Db::scan`].
#[derive(Clone)]
#[must_use = "a scan does nothing until it is iterated"]
pub struct Scan {
    db: Db,
    pattern: Option<Vec<u8>>,
    count: usize,
    only: Option<KeyType>,
    /// Where to go on; `None` at the end.
    position: Option<u64>,
    /// Keys that are yet to be given.
    page: Vec<Vec<u8>>,
}

impl Scan {
    /// Only keys that match a pattern.
    pub fn pattern(mut self, pattern: impl AsRef<[u8]>) -> Self {
        self.pattern = Some(pattern.as_ref().to_vec());
        self
    }

    /// How many keys are fetched at a time, more or less; 100 by default.
    pub fn count(mut self, count: usize) -> Self {
        self.count = count.max(1);
        self
    }

    /// Only keys of a type.
    pub fn only(mut self, key_type: KeyType) -> Self {
        self.only = Some(key_type);
        self
    }
}

impl Iterator for Scan {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.pop() {
                return Some(Ok(key));
            }
            let position = self.position?;
            let options = ScanOptions { pattern: self.pattern.as_deref(), count: self.count, only: self.only };
            match self.db.on_walk(|walk| generic::scan(walk, position, &options, &mut self.page)) {
                Ok(next) => self.position = next,
                Err(error) => {
                    self.position = None;
                    self.page.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}
