//! The locks that a view holds.
//!
//! Invariant: stripes are locked in the order of their numbers, each once.

use std::time::Duration;

use super::stripe::Stripe;
use super::{Access, Keyspace};
use crate::error::{Error, Result};
use crate::sync::{ReadGuard, WriteGuard, read_within, write_within};

/// How often those who wait for a lock look whether it is held for longer than they can be let wait.
const LOOK: Duration = Duration::from_millis(50);

/// A stripe, locked.
pub(super) enum Guard<'k> {
    Read(ReadGuard<'k, Stripe>),
    Write(WriteGuard<'k, Stripe>),
}

impl Guard<'_> {
    #[inline]
    pub(super) fn get(&self) -> &Stripe {
        match self {
            Self::Read(stripe) => stripe,
            Self::Write(stripe) => stripe,
        }
    }
}

/// Stripes with their numbers, locked.
pub(super) enum Held<'k> {
    One((usize, Guard<'k>)),
    /// In the order of their numbers. On the heap, because a view is moved about and most have one stripe.
    Many(Stripes, Box<[(usize, Guard<'k>)]>),
}

/// Which of the first 64 stripes are held, a bit for each: where the guard of one is, is how many bits stand below it.
#[derive(Clone, Copy, Default)]
pub(super) struct Stripes(u64);

impl Stripes {
    /// How many it can tell of.
    const MAX: usize = 64;

    fn add(&mut self, stripe: usize) {
        self.0 |= 1u64.checked_shl(stripe as u32).unwrap_or(0);
    }

    fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Where the guard of a stripe is, if it is held and one of the first 64.
    #[inline]
    fn index(self, stripe: usize) -> Option<usize> {
        let bit = 1u64.checked_shl(stripe as u32).unwrap_or(0);
        (self.0 & bit != 0).then(|| (self.0 & bit.wrapping_sub(1)).count_ones() as usize)
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let stripe = (rest != 0).then(|| rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            stripe
        })
    }
}

impl<'k> Held<'k> {
    /// Locks a stripe, and what serving those who wait for its keys needs.
    #[inline(always)]
    pub(super) fn one(space: &'k Keyspace, stripe: usize, access: Access) -> Result<Self> {
        let guard = lock(space, stripe, access)?;
        let needs_further = guard.needs_further();
        let held = Self::One((stripe, guard));
        if needs_further { held.with_further(space) } else { Ok(held) }
    }

    /// Locks stripes, for writing those that are wanted for writing at all, and what serving those who wait for their
    /// keys needs.
    #[inline]
    pub(super) fn some(space: &'k Keyspace, wanted: impl Iterator<Item = (usize, Access)>) -> Result<Self> {
        let held = Self::just(space, wanted)?;
        if held.all().iter().any(|(_, guard)| guard.needs_further()) { held.with_further(space) } else { Ok(held) }
    }

    /// Locks all stripes.
    pub(super) fn everything(space: &'k Keyspace, access: Access) -> Result<Self> {
        let n = space.stripes();
        let mut guards = Vec::with_capacity(n);
        for stripe in 0..n {
            guards.push((stripe, lock(space, stripe, access)?));
        }
        let stripes = Stripes(u64::MAX >> Stripes::MAX.saturating_sub(n));
        Ok(Self::Many(stripes, guards.into()))
    }

    /// Locks stripes, and nothing beside them.
    #[inline]
    pub(super) fn just(space: &'k Keyspace, wanted: impl Iterator<Item = (usize, Access)>) -> Result<Self> {
        if space.stripes() > Stripes::MAX {
            return Self::sorted(space, wanted.collect());
        }
        let (mut stripes, mut written) = (Stripes::default(), Stripes::default());
        for (stripe, access) in wanted {
            stripes.add(stripe);
            if access == Access::Write {
                written.add(stripe);
            }
        }
        let mut locks = stripes.iter().map(|stripe| {
            let access = if written.index(stripe).is_some() { Access::Write } else { Access::Read };
            Ok((stripe, lock(space, stripe, access)?))
        });
        match stripes.len() {
            1 => locks.next().map_or_else(|| Ok(Self::none()), |only| only.map(Self::One)),
            n => {
                let mut guards = Vec::with_capacity(n);
                locks.try_for_each(|locked| locked.map(|locked| guards.push(locked)))?;
                Ok(Self::Many(stripes, guards.into()))
            }
        }
    }

    fn sorted(space: &'k Keyspace, mut wanted: Vec<(usize, Access)>) -> Result<Self> {
        // Of a stripe that is both, writing comes first and stays.
        wanted.sort_unstable_by_key(|&(stripe, access)| (stripe, access == Access::Read));
        wanted.dedup_by_key(|s| s.0);
        let mut stripes = Stripes::default();
        wanted.iter().filter(|s| s.0 < Stripes::MAX).for_each(|s| stripes.add(s.0));
        let guards = wanted.into_iter().map(|(s, access)| Ok((s, lock(space, s, access)?)));
        Ok(Self::Many(stripes, guards.collect::<Result<_>>()?))
    }

    /// No stripes.
    pub(super) fn none() -> Self {
        Self::Many(Stripes::default(), Box::default())
    }

    pub(super) fn all(&self) -> &[(usize, Guard<'k>)] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(_, many) => many,
        }
    }

    pub(super) fn all_mut(&mut self) -> &mut [(usize, Guard<'k>)] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(_, many) => many,
        }
    }

    /// The guard of a stripe, if it is held.
    #[inline]
    pub(super) fn guard(&self, wanted: usize) -> Option<&Guard<'k>> {
        match self {
            Self::One((stripe, guard)) => (*stripe == wanted).then_some(guard),
            Self::Many(stripes, guards) => index(*stripes, guards, wanted).and_then(|i| guards.get(i)).map(|g| &g.1),
        }
    }

    #[inline]
    pub(super) fn guard_mut(&mut self, wanted: usize) -> Option<&mut Guard<'k>> {
        match self {
            Self::One((stripe, guard)) => (*stripe == wanted).then_some(guard),
            Self::Many(stripes, guards) => {
                index(*stripes, guards, wanted).and_then(|i| guards.get_mut(i)).map(|g| &mut g.1)
            }
        }
    }

    /// The number of the first stripe.
    pub(super) fn first(&self) -> usize {
        self.all().first().map_or(0, |g| g.0)
    }
}

/// Where the guard of a stripe is.
#[inline]
fn index(stripes: Stripes, guards: &[(usize, Guard<'_>)], wanted: usize) -> Option<usize> {
    match stripes.index(wanted) {
        None if wanted >= Stripes::MAX => guards.binary_search_by_key(&wanted, |g| g.0).ok(),
        at => at,
    }
}

#[inline(always)]
fn lock(space: &Keyspace, stripe: usize, access: Access) -> Result<Guard<'_>> {
    let lock = &space.stripes[stripe].lock;
    let guard = match access {
        Access::Read => lock.try_read().map(Guard::Read),
        Access::Write => lock.try_write().map(Guard::Write),
    };
    guard.map_or_else(|| lock_when_free(space, stripe, access), Ok)
}

/// Waits for a lock; not while somebody holds it for longer than others can be let wait.
#[cold]
fn lock_when_free(space: &Keyspace, stripe: usize, access: Access) -> Result<Guard<'_>> {
    let lock = &space.stripes[stripe].lock;
    loop {
        let guard = match access {
            Access::Read => read_within(lock, LOOK).map(Guard::Read),
            Access::Write => write_within(lock, LOOK).map(Guard::Write),
        };
        match guard {
            Some(guard) => return Ok(guard),
            None if space.is_busy() => return Err(Error::BUSY),
            None => {}
        }
    }
}
