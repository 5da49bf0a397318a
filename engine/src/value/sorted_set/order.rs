//! The order of a sorted set: by score, then by the bytes of the member.

use std::cmp::Ordering;
use std::ops::Range;

/// One end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreBound {
    /// The score belongs to the range.
    Included(f64),
    /// The score is the first that does not.
    Excluded(f64),
}

impl ScoreBound {
    /// The score, in the range or just outside.
    pub fn score(self) -> f64 {
        match self {
            Self::Included(score) | Self::Excluded(score) => score,
        }
    }
}

impl From<f64> for ScoreBound {
    fn from(score: f64) -> Self {
        Self::Included(score)
    }
}

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lower end.
    pub min: ScoreBound,
    /// The upper end.
    pub max: ScoreBound,
}

impl ScoreRange {
    /// From one score to another; both ends may be plain scores, which are included.
    pub fn new(min: impl Into<ScoreBound>, max: impl Into<ScoreBound>) -> Self {
        Self { min: min.into(), max: max.into() }
    }

    /// All scores.
    pub fn all() -> Self {
        Self::new(f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Whether a score lies below the range.
    pub fn is_below(&self, score: f64) -> bool {
        match self.min {
            ScoreBound::Included(min) => score < min,
            ScoreBound::Excluded(min) => score <= min,
        }
    }

    /// Whether a score lies above the range.
    pub fn is_above(&self, score: f64) -> bool {
        match self.max {
            ScoreBound::Included(max) => score > max,
            ScoreBound::Excluded(max) => score >= max,
        }
    }

    /// The places in the order before its first and behind its last element.
    pub(super) fn bounds(&self) -> [Bound<'static>; 2] {
        let min = match self.min {
            ScoreBound::Included(score) => Bound::Score(score, Tie::First),
            ScoreBound::Excluded(score) => Bound::Score(score, Tie::Last),
        };
        let max = match self.max {
            ScoreBound::Included(score) => Bound::Score(score, Tie::Last),
            ScoreBound::Excluded(score) => Bound::Score(score, Tie::First),
        };
        [min, max]
    }
}

/// One end of a range of members, for sets whose scores are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member: `-`.
    Lowest,
    /// Behind every member: `+`.
    Highest,
    /// The member belongs to the range.
    Included(&'a [u8]),
    /// The member is the first that does not.
    Excluded(&'a [u8]),
}

impl LexBound<'_> {
    fn cmp_to(&self, member: &[u8]) -> Ordering {
        match self {
            Self::Lowest => Ordering::Less,
            Self::Highest => Ordering::Greater,
            Self::Included(bound) | Self::Excluded(bound) => (*bound).cmp(member),
        }
    }
}

/// A range of members, for sets whose scores are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

impl<'a> LexRange<'a> {
    /// From one member to another.
    pub fn new(min: LexBound<'a>, max: LexBound<'a>) -> Self {
        Self { min, max }
    }

    /// All members.
    pub fn all() -> Self {
        Self::new(LexBound::Lowest, LexBound::Highest)
    }

    /// Whether a member lies below the range.
    pub fn is_below(&self, member: &[u8]) -> bool {
        match self.min.cmp_to(member) {
            Ordering::Less => false,
            Ordering::Equal => matches!(self.min, LexBound::Excluded(_)),
            Ordering::Greater => true,
        }
    }

    /// Whether a member lies above the range.
    pub fn is_above(&self, member: &[u8]) -> bool {
        match self.max.cmp_to(member) {
            Ordering::Less => true,
            Ordering::Equal => matches!(self.max, LexBound::Excluded(_)),
            Ordering::Greater => false,
        }
    }
}

/// Where a place lies among elements of its score.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tie<'a> {
    First,
    Last,
    Before(&'a [u8]),
    After(&'a [u8]),
}

/// A place between elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound<'a> {
    Score(f64, Tie<'a>),
    /// Before all members above the range.
    LexEnd(&'a LexRange<'a>),
    /// Behind all members below the range.
    LexStart(&'a LexRange<'a>),
}

impl Bound<'_> {
    /// The sort key of the elements around the place; `None` if it does not depend on scores.
    #[inline]
    pub(super) fn key(&self) -> Option<u64> {
        match self {
            Self::Score(score, _) => Some(sort_key(*score)),
            _ => None,
        }
    }

    /// Whether an element lies before the place.
    #[inline]
    pub(super) fn is_behind(&self, score: f64, member: &[u8]) -> bool {
        match self {
            Self::Score(bound, tie) => match score.partial_cmp(bound) {
                Some(Ordering::Less) => true,
                Some(Ordering::Greater) | None => false,
                Some(Ordering::Equal) => match tie {
                    Tie::First => false,
                    Tie::Last => true,
                    Tie::Before(bound) => member < *bound,
                    Tie::After(bound) => member <= *bound,
                },
            },
            Self::LexStart(range) => range.is_below(member),
            Self::LexEnd(range) => !range.is_above(member),
        }
    }
}

/// The order of two elements.
pub(super) fn compare(a: (f64, &[u8]), b: (f64, &[u8])) -> Ordering {
    // Scores are never NaN.
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

/// A number that is ordered as scores are; equal for 0 and -0.
#[inline]
pub(super) fn sort_key(score: f64) -> u64 {
    // Adding 0 makes 0 of -0 and leaves all others alone.
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The part from the `start`th to the `end`th of `len` elements, both included and counted from the end if negative.
pub fn rank_span(start: i64, end: i64, len: usize) -> Range<usize> {
    let signed = len as i64;
    let start = if start < 0 { start.saturating_add(signed).max(0) } else { start };
    let end = if end < 0 { end.saturating_add(signed) } else { end }.min(signed - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}
