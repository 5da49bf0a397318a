//! Sorted sets, with types.

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::{Access, Key};
use crate::operation::sorted_set::{self, AddOptions, Added, Aggregate, Combination, RangeBy, ZEnd, ZRange};
use crate::value::sorted_set::{LexRange, ScoreRange};

/// A member with its score.
pub type Scored = (Vec<u8>, f64);

/// Sorted sets that are combined, with weights or without: see [`Db::zunion`] and [`Db::zinter`].
///
/// ```
/// use carnelian::{Aggregate, ZCombine};
/// let best = ZCombine::new(&["january", "february"]).weights(&[1.0, 2.0]).aggregate(Aggregate::Max);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ZCombine<'a> {
    keys: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
}

impl<'a> ZCombine<'a> {
    /// Combines some keys; the scores of a member are added.
    pub fn new(keys: &'a [impl AsRef<[u8]>]) -> Self {
        let keys = keys.iter().map(AsRef::as_ref).collect();
        Self { keys, weights: Vec::new(), aggregate: Aggregate::Sum }
    }

    /// Multiplies the scores of each key by its weight first, 1 for those behind the last weight.
    pub fn weights(mut self, weights: &[f64]) -> Self {
        self.weights = weights.to_vec();
        self
    }

    /// Says what becomes of the scores that a member has under several keys.
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = aggregate;
        self
    }

    fn union(&self) -> Combination<'_> {
        Combination::Union(&self.weights, self.aggregate)
    }

    fn inter(&self) -> Combination<'_> {
        Combination::Inter(&self.weights, self.aggregate)
    }
}

/// What all of these methods return if the key holds another type is
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE). A sorted set comes into being with its first member and goes with its last.
///
/// ```
/// # use carnelian::{Engine, Options, ZRange};
/// let db = Engine::open(Options::new())?.db(0)?;
/// db.zadd("board", &[(300.0, "ann"), (120.0, "bob"), (210.0, "cat")])?;
/// db.zincr_by("board", 150.0, "bob")?;
/// assert_eq!(db.zrange("board", &ZRange::by_rank(0, 1).rev())?, [b"ann", b"bob"]);
/// assert_eq!(db.zrev_rank("board", "cat")?, Some(2));
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Gives members scores, whether they are there or not, and returns how many were not. O(log n) for each.
    ///
    /// # Errors
    /// [`NOT_FLOAT`](crate::Error::NOT_FLOAT) if a score is not a number;
    /// [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY).
    pub fn zadd(&self, key: impl AsRef<[u8]>, pairs: &[(f64, impl AsRef<[u8]>)]) -> Result<usize> {
        Ok(self.zadd_with(key, pairs, AddOptions::new())?.added)
    }

    /// Gives members scores under conditions. O(log n) for each.
    ///
    /// ```
    /// # use carnelian::{AddOptions, Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("best", &[(10.0, "ann")])?;
    /// let done = db.zadd_with("best", &[(8.0, "ann"), (9.0, "bob")], AddOptions::new().gt())?;
    /// assert_eq!((done.added, done.updated), (1, 0));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zadd`](Self::zadd); an error if options exclude each other.
    pub fn zadd_with(
        &self,
        key: impl AsRef<[u8]>,
        pairs: &[(f64, impl AsRef<[u8]>)],
        options: AddOptions,
    ) -> Result<Added> {
        let pairs: Vec<(f64, &[u8])> = pairs.iter().map(|(score, member)| (*score, member.as_ref())).collect();
        self.write(key.as_ref(), |view, key| sorted_set::add(view, key, &pairs, options))
    }

    /// Adds to a score, a missing member counting as 0, and returns the sum. O(log n).
    ///
    /// # Errors
    /// As for [`zadd`](Self::zadd); an error if the sum is not a number.
    pub fn zincr_by(&self, key: impl AsRef<[u8]>, by: f64, member: impl AsRef<[u8]>) -> Result<f64> {
        Ok(self.zincr_by_with(key, by, member, AddOptions::new())?.unwrap_or(by))
    }

    /// Adds to a score under conditions: ZADD with INCR. `None` if the score has stayed as it was. O(log n).
    ///
    /// # Errors
    /// As for [`zincr_by`](Self::zincr_by) and [`zadd_with`](Self::zadd_with).
    pub fn zincr_by_with(
        &self,
        key: impl AsRef<[u8]>,
        by: f64,
        member: impl AsRef<[u8]>,
        options: AddOptions,
    ) -> Result<Option<f64>> {
        self.write(key.as_ref(), |view, key| sorted_set::incr(view, key, by, member.as_ref(), options))
    }

    /// How many members there are. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); so for all methods.
    pub fn zcard(&self, key: impl AsRef<[u8]>) -> Result<usize> {
        self.read(key.as_ref(), sorted_set::card)
    }

    /// How many members have scores in a range. O(log n).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, ScoreBound, ScoreRange};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("z", &[(1.0, "a"), (2.0, "b"), (3.0, "c")])?;
    /// assert_eq!(db.zcount("z", &ScoreRange::new(2.0, f64::INFINITY))?, 2);
    /// assert_eq!(db.zcount("z", &ScoreRange::new(ScoreBound::Excluded(1.0), 2.0))?, 1);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zcount(&self, key: impl AsRef<[u8]>, range: &ScoreRange) -> Result<usize> {
        self.read(key.as_ref(), |view, key| sorted_set::count(view, key, range))
    }

    /// How many members lie in a range of bytes, if all scores are alike. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zlex_count(&self, key: impl AsRef<[u8]>, range: &LexRange<'_>) -> Result<usize> {
        self.read(key.as_ref(), |view, key| sorted_set::lex_count(view, key, range))
    }

    /// The score of a member. O(1).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zscore(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<f64>> {
        self.read(key.as_ref(), |view, key| sorted_set::score(view, key, member.as_ref()))
    }

    /// The scores of some members, in their order. O(members).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("z", &[(1.5, "a")])?;
    /// assert_eq!(db.zmscore("z", &["a", "b"])?, [Some(1.5), None]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zmscore(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<Vec<Option<f64>>> {
        self.read(key.as_ref(), |view, key| {
            let mut scores = Vec::with_capacity(members.len());
            sorted_set::scores(view, key, members.iter().map(AsRef::as_ref), |score| scores.push(score))?;
            Ok(scores)
        })
    }

    /// How many members come before a member. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrank(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<usize>> {
        Ok(self.zrank_with_score(key, member)?.map(|(rank, _)| rank))
    }

    /// How many members come before a member, and its score. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrank_with_score(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<(usize, f64)>> {
        self.read(key.as_ref(), |view, key| sorted_set::rank(view, key, member.as_ref(), false))
    }

    /// How many members come behind a member. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrev_rank(&self, key: impl AsRef<[u8]>, member: impl AsRef<[u8]>) -> Result<Option<usize>> {
        Ok(self.zrev_rank_with_score(key, member)?.map(|(rank, _)| rank))
    }

    /// How many members come behind a member, and its score. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrev_rank_with_score(
        &self,
        key: impl AsRef<[u8]>,
        member: impl AsRef<[u8]>,
    ) -> Result<Option<(usize, f64)>> {
        self.read(key.as_ref(), |view, key| sorted_set::rank(view, key, member.as_ref(), true))
    }

    /// The members of a part, in order: ZRANGE and its relatives. O(log n + m).
    ///
    /// ```
    /// # use carnelian::{Engine, LexBound, LexRange, Options, ScoreRange, ZRange};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("z", &[(0.0, "a"), (0.0, "b"), (0.0, "c"), (7.0, "d")])?;
    /// assert_eq!(db.zrange("z", &ZRange::by_rank(0, 1))?, [b"a", b"b"]);
    /// assert_eq!(db.zrange("z", &ZRange::by_score(ScoreRange::new(0.0, 9.0)).rev().limit(1, 1))?, [b"c"]);
    /// let from_b = LexRange::new(LexBound::Included(b"b"), LexBound::Excluded(b"d"));
    /// assert_eq!(db.zrange("z", &ZRange::by_lex(from_b))?, [b"b", b"c"]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrange(&self, key: impl AsRef<[u8]>, range: &ZRange<'_>) -> Result<Vec<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| {
            Ok(sorted_set::range(view, key, range)?.map(|(member, _)| member.to_vec()).collect())
        })
    }

    /// The members of a part with their scores, in order. O(log n + m).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrange_with_scores(&self, key: impl AsRef<[u8]>, range: &ZRange<'_>) -> Result<Vec<Scored>> {
        self.read(key.as_ref(), |view, key| {
            Ok(sorted_set::range(view, key, range)?.map(|(member, score)| (member.to_vec(), score)).collect())
        })
    }

    /// Puts a part in place of whatever another key holds, and returns how many members it has. O(log n + m log m).
    ///
    /// # Errors
    /// As for [`zadd`](Self::zadd).
    pub fn zrange_store(&self, dest: impl AsRef<[u8]>, source: impl AsRef<[u8]>, range: &ZRange<'_>) -> Result<usize> {
        let keys = [dest.as_ref(), source.as_ref()].map(|key| self.space().key(key));
        self.on_keys(Access::Write, &keys, |view| sorted_set::range_store(view, &keys[0], &keys[1], range))
    }

    /// Removes members and returns how many were there. O(log n) for each.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrem(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<usize> {
        let members = members.iter().map(AsRef::as_ref);
        self.change(key.as_ref(), |view, key| sorted_set::remove(view, key, members))?
    }

    /// Removes the members of some ranks, both ends included and counted from the end if negative, and returns how many
    /// there were. O(log n) for each.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrem_range_by_rank(&self, key: impl AsRef<[u8]>, start: i64, end: i64) -> Result<usize> {
        self.zrem_range(key.as_ref(), &RangeBy::Rank(start, end))
    }

    /// Removes the members with scores in a range, and returns how many there were. O(log n) for each.
    ///
    /// ```
    /// # use carnelian::{Engine, Options, ScoreRange};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("seen", &[(100.0, "a"), (200.0, "b")])?;
    /// assert_eq!(db.zrem_range_by_score("seen", &ScoreRange::new(f64::NEG_INFINITY, 150.0))?, 1);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrem_range_by_score(&self, key: impl AsRef<[u8]>, range: &ScoreRange) -> Result<usize> {
        self.zrem_range(key.as_ref(), &RangeBy::Score(*range))
    }

    /// Removes the members in a range of bytes, if all scores are alike, and returns how many there were. O(log n) for
    /// each.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrem_range_by_lex(&self, key: impl AsRef<[u8]>, range: &LexRange<'_>) -> Result<usize> {
        self.zrem_range(key.as_ref(), &RangeBy::Lex(*range))
    }

    fn zrem_range(&self, key: &[u8], by: &RangeBy<'_>) -> Result<usize> {
        self.change(key, |view, key| sorted_set::remove_range(view, key, by))?
    }

    /// Takes at most `count` members with the lowest scores. O(log n) for each.
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("jobs", &[(2.0, "later"), (1.0, "now")])?;
    /// assert_eq!(db.zpop_min("jobs", 1)?, [(b"now".to_vec(), 1.0)]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zpop_min(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Scored>> {
        self.change(key.as_ref(), |view, key| sorted_set::pop(view, key, ZEnd::Min, count))?
    }

    /// Takes at most `count` members with the highest scores. O(log n) for each.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zpop_max(&self, key: impl AsRef<[u8]>, count: usize) -> Result<Vec<Scored>> {
        self.change(key.as_ref(), |view, key| sorted_set::pop(view, key, ZEnd::Max, count))?
    }

    /// Takes at most `count` members from one end of the first of some sorted sets that has any, and says which it is.
    /// O(keys), and O(log n) for each member.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zmpop(&self, keys: &[impl AsRef<[u8]>], end: ZEnd, count: usize) -> Result<Option<(Vec<u8>, Vec<Scored>)>> {
        let keys = self.zkeys(keys);
        let popped =
            self.change_keys(&keys, |view| sorted_set::pop_first(view, keys.iter().copied(), end, count))??;
        Ok(popped.map(|(key, members)| (key.bytes.to_vec(), members)))
    }

    /// Any member, each with the same probability. O(log n).
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zrand_member(&self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>> {
        self.read(key.as_ref(), |view, key| Ok(sorted_set::random(view, key)?.map(|(member, _)| member.to_vec())))
    }

    /// Some different members, all if there are fewer; a negative count gives as many as it says, the same member
    /// perhaps several times. O(log n) for each.
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard); an error if a negative count is less than -2^24.
    pub fn zrand_members(&self, key: impl AsRef<[u8]>, count: i64) -> Result<Vec<Scored>> {
        self.read(key.as_ref(), |view, key| {
            let begin = |_| Vec::new();
            sorted_set::random_members(view, key, count, begin, |all, member, score| {
                all.push((member.to_vec(), score));
            })
        })
    }

    /// Some members from `cursor` on (0 to begin), and the cursor to go on from, 0 at the end. Each member that stays
    /// is given exactly once, whatever changes meanwhile. O(count).
    ///
    /// ```
    /// # use carnelian::{Engine, Options};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("z", &[(1.0, "apple"), (2.0, "pear")])?;
    /// let (cursor, found) = db.zscan("z", 0, Some("a*"), 10)?;
    /// assert_eq!((cursor, found), (0, vec![(b"apple".to_vec(), 1.0)]));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`zcard`](Self::zcard).
    pub fn zscan(
        &self,
        key: impl AsRef<[u8]>,
        cursor: u64,
        pattern: Option<&str>,
        count: usize,
    ) -> Result<(u64, Vec<Scored>)> {
        // A cursor is a position without its lowest 16 bits, which are zero.
        let Some(position) = cursor.checked_mul(1 << 16) else { return Ok((0, Vec::new())) };
        self.read(key.as_ref(), |view, key| {
            let mut found = Vec::new();
            let pattern = pattern.map(str::as_bytes);
            let next = sorted_set::scan(view, key, position, pattern, count.max(1), |member, score| {
                found.push((member.to_vec(), score));
            })?;
            Ok((next.map_or(0, |at| at >> 16), found))
        })
    }

    fn zkeys<'k>(&self, keys: &'k [impl AsRef<[u8]>]) -> Vec<Key<'k>> {
        keys.iter().map(|key| self.space().key(key.as_ref())).collect()
    }

    fn zcombined(&self, keys: &[impl AsRef<[u8]>], how: Combination<'_>) -> Result<Vec<Scored>> {
        let keys = self.zkeys(keys);
        self.on_keys(Access::Read, &keys, |view| {
            let mut built = sorted_set::combine(view, &keys, how)?;
            let mut all = Vec::with_capacity(built.len());
            built.for_each_sorted(|member, score| all.push((member.to_vec(), score)));
            Ok(all)
        })
    }

    fn zcombine_store(&self, dest: &[u8], keys: &[impl AsRef<[u8]>], how: Combination<'_>) -> Result<usize> {
        let dest = self.space().key(dest);
        let keys = self.zkeys(keys);
        let all: Vec<Key<'_>> = keys.iter().copied().chain([dest]).collect();
        self.on_keys(Access::Write, &all, |view| sorted_set::combine_store(view, &dest, &keys, how))
    }

    /// The members of any of some sorted sets, in order. Sets count as sorted sets whose scores are 1.
    /// O(n + m log m) for `n` members of all keys and `m` of the result.
    ///
    /// ```
    /// # use carnelian::{Engine, Options, ZCombine};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// db.zadd("a", &[(1.0, "x"), (2.0, "y")])?;
    /// db.zadd("b", &[(10.0, "y")])?;
    /// let all = db.zunion(&ZCombine::new(&["a", "b"]).weights(&[1.0, 2.0]))?;
    /// assert_eq!(all, [(b"x".to_vec(), 1.0), (b"y".to_vec(), 22.0)]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if a key holds neither a sorted set nor a set.
    pub fn zunion(&self, combine: &ZCombine<'_>) -> Result<Vec<Scored>> {
        self.zcombined(&combine.keys, combine.union())
    }

    /// The members that are in all of some sorted sets, in order. O(n x k + m log m) for `n` members of the smallest of
    /// `k` keys and `m` of the result.
    ///
    /// # Errors
    /// As for [`zunion`](Self::zunion).
    pub fn zinter(&self, combine: &ZCombine<'_>) -> Result<Vec<Scored>> {
        self.zcombined(&combine.keys, combine.inter())
    }

    /// The members of the first of some sorted sets that are in none of the others, in order. O(n x k + m log m).
    ///
    /// # Errors
    /// As for [`zunion`](Self::zunion).
    pub fn zdiff(&self, keys: &[impl AsRef<[u8]>]) -> Result<Vec<Scored>> {
        self.zcombined(keys, Combination::Diff)
    }

    /// How many members all of some sorted sets have, counted up to `limit` (0 for no limit). O(n x k).
    ///
    /// # Errors
    /// As for [`zunion`](Self::zunion).
    pub fn zinter_card(&self, keys: &[impl AsRef<[u8]>], limit: usize) -> Result<usize> {
        let keys = self.zkeys(keys);
        self.on_keys(Access::Read, &keys, |view| sorted_set::inter_card(view, &keys, limit))
    }

    /// Puts a [`zunion`](Self::zunion) in place of whatever a key holds, and returns how many members it has.
    ///
    /// # Errors
    /// As for [`zunion`](Self::zunion) and [`zadd`](Self::zadd).
    pub fn zunion_store(&self, dest: impl AsRef<[u8]>, combine: &ZCombine<'_>) -> Result<usize> {
        self.zcombine_store(dest.as_ref(), &combine.keys, combine.union())
    }

    /// Puts a [`zinter`](Self::zinter) in place of whatever a key holds, and returns how many members it has.
    ///
    /// # Errors
    /// As for [`zunion_store`](Self::zunion_store).
    pub fn zinter_store(&self, dest: impl AsRef<[u8]>, combine: &ZCombine<'_>) -> Result<usize> {
        self.zcombine_store(dest.as_ref(), &combine.keys, combine.inter())
    }

    /// Puts a [`zdiff`](Self::zdiff) in place of whatever a key holds, and returns how many members it has.
    ///
    /// # Errors
    /// As for [`zunion_store`](Self::zunion_store).
    pub fn zdiff_store(&self, dest: impl AsRef<[u8]>, keys: &[impl AsRef<[u8]>]) -> Result<usize> {
        self.zcombine_store(dest.as_ref(), keys, Combination::Diff)
    }
}

#[cfg(test)]
mod tests;
