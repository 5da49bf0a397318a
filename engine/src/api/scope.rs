//! Where a typed call finds its keys: in an engine, under locks of its own, or in a transaction, under the locks that it
//! holds.
//!
//! All typed methods are written once, for any scope.

use std::cell::RefCell;
use std::sync::Arc;

use crate::clock::Millis;
use crate::command::Core;
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, Keyspace, View};

/// A database, and the time at which a call happens.
type At = (u32, Millis);

/// A scope: one of those in this module.
pub trait Scope: sealed::Sealed {
    /// What all sessions share.
    #[doc(hidden)]
    fn core(&self) -> &Core;

    /// Makes room for more; false if there is none to be made.
    #[doc(hidden)]
    fn make_room(&self, now: Millis) -> bool;

    /// Runs `f` on a view that holds a key.
    #[doc(hidden)]
    fn on_one<R>(&self, at: At, access: Access, key: &Key<'_>, f: impl FnOnce(&mut View<'_>) -> R) -> Result<R>;

    /// Runs `f` on a view that holds some keys.
    #[doc(hidden)]
    fn on_some<R>(&self, at: At, access: Access, keys: &[Key<'_>], f: impl FnOnce(&mut View<'_>) -> R) -> Result<R>;

    #[doc(hidden)]
    fn space(&self) -> &Keyspace {
        &self.core().keyspace
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Each {}
    impl Sealed for super::Within<'_> {}
    impl Sealed for super::Before<'_> {}
}

/// The scope of calls that are each on their own.
#[derive(Clone)]
pub struct Each {
    pub(super) core: Arc<Core>,
}

impl Each {
    #[inline]
    fn may(&self, access: Access) -> Result<()> {
        if access == Access::Write { self.core.may_change() } else { Ok(()) }
    }
}

impl Scope for Each {
    #[inline]
    fn core(&self) -> &Core {
        &self.core
    }

    #[inline]
    fn make_room(&self, now: Millis) -> bool {
        self.core.keyspace.make_room(now)
    }

    #[inline]
    fn on_one<R>(&self, (db, now): At, access: Access, key: &Key<'_>, f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        self.may(access)?;
        let mut view = View::one(&self.core.keyspace, db, now, access, key.hash)?;
        let result = f(&mut view);
        self.core.settle(view.close())?;
        Ok(result)
    }

    fn on_some<R>(
        &self,
        (db, now): At,
        access: Access,
        keys: &[Key<'_>],
        f: impl FnOnce(&mut View<'_>) -> R,
    ) -> Result<R> {
        self.may(access)?;
        let mut view = View::some(&self.core.keyspace, db, now, access, keys.iter().map(|k| k.hash))?;
        let result = f(&mut view);
        self.core.settle(view.close())?;
        Ok(result)
    }
}

/// The scope of calls that are parts of a transaction.
pub struct Within<'t> {
    core: &'t Core,
    view: RefCell<View<'t>>,
    /// The hashes of the keys that the transaction has declared, sorted. The view may hold others by chance: they are in
    /// the same stripes.
    declared: Vec<u64>,
}

impl<'t> Within<'t> {
    pub(super) fn new(core: &'t Core, view: View<'t>, mut declared: Vec<u64>) -> Self {
        declared.sort_unstable();
        Self { core, view: RefCell::new(view), declared }
    }

    /// The view, for its end.
    pub(super) fn into_view(self) -> View<'t> {
        self.view.into_inner()
    }

    fn on_view<R>(&self, mut hashes: impl Iterator<Item = u64>, f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        if !hashes.all(|hash| self.declared.binary_search(&hash).is_ok()) {
            return Err(Error::new("ERR a transaction used a key that it has not declared"));
        }
        let mut view = self.view.try_borrow_mut().map_err(|_| Error::REENTERED)?;
        Ok(f(&mut view))
    }
}

impl Scope for Within<'_> {
    fn core(&self) -> &Core {
        self.core
    }

    /// Room was made when the transaction began, as for EXEC: it is not left half done.
    fn make_room(&self, _: Millis) -> bool {
        true
    }

    fn on_one<R>(&self, _: At, _: Access, key: &Key<'_>, f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        self.on_view(std::iter::once(key.hash), f)
    }

    fn on_some<R>(&self, _: At, _: Access, keys: &[Key<'_>], f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        self.on_view(keys.iter().map(|key| key.hash), f)
    }
}

/// The scope of calls that prepare a transaction: they may only read.
pub struct Before<'t> {
    pub(super) each: &'t Each,
}

impl Before<'_> {
    fn only_read(access: Access) -> Result<()> {
        match access {
            Access::Read => Ok(()),
            Access::Write => Err(Error::new("ERR only reading is allowed ahead of a transaction")),
        }
    }
}

impl Scope for Before<'_> {
    fn core(&self) -> &Core {
        &self.each.core
    }

    fn make_room(&self, now: Millis) -> bool {
        self.each.make_room(now)
    }

    fn on_one<R>(&self, at: At, access: Access, key: &Key<'_>, f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        Self::only_read(access)?;
        self.each.on_one(at, access, key, f)
    }

    fn on_some<R>(&self, at: At, access: Access, keys: &[Key<'_>], f: impl FnOnce(&mut View<'_>) -> R) -> Result<R> {
        Self::only_read(access)?;
        self.each.on_some(at, access, keys, f)
    }
}
