//! ZADD and ZINCRBY.

use smallvec::SmallVec;

use super::{event, limits};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, View};
use crate::value::SortedSet;
use crate::value::sorted_set::{Change, Limits};

/// Which members ZADD adds, and which scores it changes.
///
/// ```
/// use carnelian::AddOptions;
/// let only_better = AddOptions::new().xx().gt();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[must_use]
pub struct AddOptions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl AddOptions {
    /// Adds all, changes all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds new members only.
    pub fn nx(mut self) -> Self {
        self.nx = true;
        self
    }

    /// Changes members that are there only.
    pub fn xx(mut self) -> Self {
        self.xx = true;
        self
    }

    /// Changes a score only if the new one is greater.
    pub fn gt(mut self) -> Self {
        self.gt = true;
        self
    }

    /// Changes a score only if the new one is less.
    pub fn lt(mut self) -> Self {
        self.lt = true;
        self
    }

    /// Refuses options that exclude each other.
    ///
    /// # Errors
    /// Two errors of ZADD's own.
    pub fn check(self) -> Result<()> {
        if self.nx && self.xx {
            return Err(Error::new("ERR XX and NX options at the same time are not compatible"));
        }
        if self.nx && (self.gt || self.lt) || self.gt && self.lt {
            return Err(Error::new("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        Ok(())
    }

    /// The score that a member gets: none if it stays as it is.
    #[inline]
    fn choose(self, old: Option<f64>, new: f64) -> Option<f64> {
        let wanted = match old {
            None => !self.xx,
            Some(old) => !(self.nx || self.gt && new <= old || self.lt && new >= old),
        };
        wanted.then_some(new)
    }
}

/// What ZADD has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Added {
    /// Members that were not there.
    pub added: usize,
    /// Members that have another score now.
    pub updated: usize,
}

/// ZADD: gives members scores. O(log n) for each.
///
/// # Errors
/// [`Error::WRONG_TYPE`]; [`Error::NOT_FLOAT`] if a score is not a number; an error if options exclude each other.
pub fn add(view: &mut View<'_>, key: &Key<'_>, pairs: &[(f64, &[u8])], options: AddOptions) -> Result<Added> {
    options.check()?;
    if pairs.iter().any(|(score, _)| score.is_nan()) {
        return Err(Error::NOT_FLOAT);
    }
    let limits = limits(view.space().settings());
    let Some(mut set) = open(view, key, options)? else { return Ok(Added::default()) };
    let mut done = Added::default();
    let mut changed = SmallVec::<[(f64, &[u8]); 4]>::new();
    for &(score, member) in pairs {
        match set.update(member, limits, |old| options.choose(old, score)) {
            Change::None => continue,
            Change::Added => done.added += 1,
            Change::Updated => done.updated += 1,
        }
        changed.push((score, member));
    }
    if !changed.is_empty() {
        set.mark_changed();
        drop(set);
        view.record(key, event("zadd"), || {
            changed.iter().fold(Effect::new("ZADD").arg(key.bytes), |e, (score, member)| e.score(*score).arg(member))
        });
    }
    Ok(done)
}

fn open<'v>(
    view: &'v mut View<'_>,
    key: &Key<'v>,
    options: AddOptions,
) -> Result<Option<crate::keyspace::Edit<'v, SortedSet>>> {
    if options.xx { view.edit(key) } else { view.edit_or_create(key).map(Some) }
}

/// ZINCRBY, and ZADD with INCR: adds to a score, a missing member counting as 0, and returns the sum. `None` if the
/// options have kept the score as it is. O(log n).
///
/// # Errors
/// [`Error::WRONG_TYPE`]; [`Error::NOT_FLOAT`] if `by` is not a number; an error if the sum is not a number, or if
/// options exclude each other.
pub fn incr(view: &mut View<'_>, key: &Key<'_>, by: f64, member: &[u8], options: AddOptions) -> Result<Option<f64>> {
    options.check()?;
    if by.is_nan() {
        return Err(Error::NOT_FLOAT);
    }
    let limits: Limits = limits(view.space().settings());
    let Some(mut set) = open(view, key, options)? else { return Ok(None) };
    let (mut sum, mut is_nan) = (None, false);
    let change = set.update(member, limits, |old| {
        // Nothing is not 0 here: 0 and -0 make 0.
        let new = old.map_or(by, |old| old + by);
        is_nan = new.is_nan();
        sum = if is_nan { None } else { options.choose(old, new) };
        sum
    });
    if is_nan {
        return Err(Error::new("ERR resulting score is not a number (NaN)"));
    }
    if let (Some(score), Change::Added | Change::Updated) = (sum, change) {
        set.mark_changed();
        drop(set);
        // The sum, not the addition: it must come out the same wherever it is replayed.
        view.record(key, event("zincr"), || Effect::new("ZADD").arg(key.bytes).score(score).arg(member));
    }
    Ok(sum)
}
