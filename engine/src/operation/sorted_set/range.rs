//! ZRANGE and its relatives: parts of a sorted set, by rank, by score or by member.

use std::ops::Range;

use super::{limits, store_built};
use crate::error::Result;
use crate::keyspace::{Effect, Key, View};
use crate::value::SortedSet;
use crate::value::sorted_set::{Builder, Iter, LexBound, LexRange, ScoreBound, ScoreRange, rank_span};

/// What says which members belong to a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeBy<'a> {
    /// From one rank to another, both included and counted from the end if negative.
    Rank(i64, i64),
    /// Their scores.
    Score(ScoreRange),
    /// Their bytes, where all scores are alike.
    Lex(LexRange<'a>),
}

impl RangeBy<'_> {
    /// The ranks of the part, by ascending order.
    pub(super) fn span(&self, set: &SortedSet) -> Range<usize> {
        match self {
            Self::Rank(start, end) => rank_span(*start, *end, set.len()),
            Self::Score(range) => set.score_span(range),
            Self::Lex(range) => set.lex_span(range),
        }
    }

    /// Adds both ends as arguments of a command.
    pub(super) fn args(&self, effect: Effect) -> Effect {
        match self {
            Self::Rank(start, end) => effect.int(*start).int(*end),
            Self::Score(range) => score_arg(score_arg(effect, range.min), range.max),
            Self::Lex(range) => effect.arg(lex_text(range.min)).arg(lex_text(range.max)),
        }
    }
}

fn score_arg(effect: Effect, bound: ScoreBound) -> Effect {
    let mut text = Vec::new();
    if matches!(bound, ScoreBound::Excluded(_)) {
        text.push(b'(');
    }
    crate::codec::num::write_f64(&mut text, bound.score());
    effect.arg(text)
}

fn lex_text(bound: LexBound<'_>) -> Vec<u8> {
    match bound {
        LexBound::Lowest => b"-".to_vec(),
        LexBound::Highest => b"+".to_vec(),
        LexBound::Included(member) => [b"[", member].concat(),
        LexBound::Excluded(member) => [b"(", member].concat(),
    }
}

/// A part of a sorted set, and in which order it is wanted.
///
/// ```
/// use carnelian::{ScoreBound, ScoreRange, ZRange};
/// let whole = ZRange::by_rank(0, -1);
/// let best_ten = ZRange::by_rank(0, 9).rev();
/// let page = ZRange::by_score(ScoreRange::new(1.5, ScoreBound::Excluded(9.0))).limit(20, 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct ZRange<'a> {
    /// Which members.
    pub by: RangeBy<'a>,
    /// Whether the last come first: ranks count from the end then.
    pub reversed: bool,
    /// How many are skipped, and how many given at most (all if negative): for ranges by score and by member.
    pub limit: Option<(i64, i64)>,
}

impl<'a> ZRange<'a> {
    fn new(by: RangeBy<'a>) -> Self {
        Self { by, reversed: false, limit: None }
    }

    /// From one rank to another, both included and counted from the end if negative.
    pub fn by_rank(start: i64, end: i64) -> Self {
        Self::new(RangeBy::Rank(start, end))
    }

    /// The members with these scores.
    pub fn by_score(range: ScoreRange) -> Self {
        Self::new(RangeBy::Score(range))
    }

    /// The members in this range of bytes, if all scores are alike.
    pub fn by_lex(range: LexRange<'a>) -> Self {
        Self::new(RangeBy::Lex(range))
    }

    /// The last first.
    pub fn rev(mut self) -> Self {
        self.reversed = true;
        self
    }

    /// Skips the first `offset` of a range by score or by member, and gives at most `count`, all if it is negative.
    pub fn limit(mut self, offset: i64, count: i64) -> Self {
        self.limit = Some((offset, count));
        self
    }

    /// The ranks of the part, by ascending order.
    fn span(&self, set: &SortedSet) -> Range<usize> {
        let span = self.by.span(set);
        if matches!(self.by, RangeBy::Rank(..)) {
            let len = set.len();
            return if self.reversed { len - span.end..len - span.start } else { span };
        }
        let Some((offset, count)) = self.limit else { return span };
        let Ok(offset) = usize::try_from(offset) else { return 0..0 };
        let offset = offset.min(span.len());
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(span.len() - offset);
        if self.reversed {
            span.end - offset - count..span.end - offset
        } else {
            span.start + offset..span.start + offset + count
        }
    }

    fn of<'s>(&self, set: Option<&'s SortedSet>) -> Iter<'s> {
        set.map_or_else(Iter::none, |set| set.range(self.span(set), self.reversed))
    }
}

/// ZRANGE: the members of a part with their scores. O(log n) to the first.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn range<'v>(view: &'v View<'_>, key: &Key<'_>, range: &ZRange<'_>) -> Result<Iter<'v>> {
    Ok(range.of(view.read(key)?))
}

/// ZRANGESTORE: puts a part of a sorted set in place of whatever a key holds, and returns how many members it has.
/// O(log n + m log m) for a part of `m`.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), if the source is no sorted set.
pub fn range_store(view: &mut View<'_>, dest: &Key<'_>, source: &Key<'_>, range: &ZRange<'_>) -> Result<usize> {
    // The effect reads the source again, so if it has expired it has to be gone by then.
    view.drop_expired(source);
    let limits = limits(view.space().settings());
    let mut built = Builder::default();
    let mut buffer = itoa::Buffer::new();
    let part = range.of(view.read(source)?);
    // Redis fills a listpack until it has to convert it, and in there -0 becomes 0. Only of ranks it knows the number
    // beforehand.
    let mut is_small = !matches!(range.by, RangeBy::Rank(..)) || part.len() <= limits.entries;
    for (member, score) in part {
        let member = member.bytes(&mut buffer);
        is_small &= built.len() < limits.entries && member.len() <= limits.value;
        built.add(member, if is_small { score + 0.0 } else { score });
    }
    Ok(store_built(view, dest, built, "zrangestore", || {
        let mut range = *range;
        // Of a reversed range the command wants the greater end first.
        let mut effect = Effect::new("ZRANGESTORE").arg(dest.bytes).arg(source.bytes);
        if range.reversed {
            range.by = match range.by {
                RangeBy::Rank(start, end) => RangeBy::Rank(start, end),
                RangeBy::Score(r) => RangeBy::Score(ScoreRange { min: r.max, max: r.min }),
                RangeBy::Lex(r) => RangeBy::Lex(LexRange { min: r.max, max: r.min }),
            };
        }
        effect = range.by.args(effect);
        effect = match range.by {
            RangeBy::Rank(..) => effect,
            RangeBy::Score(_) => effect.arg("BYSCORE"),
            RangeBy::Lex(_) => effect.arg("BYLEX"),
        };
        if range.reversed {
            effect = effect.arg("REV");
        }
        match range.limit {
            Some((offset, count)) if !matches!(range.by, RangeBy::Rank(..)) => {
                effect.arg("LIMIT").int(offset).int(count)
            }
            _ => effect,
        }
    }))
}
