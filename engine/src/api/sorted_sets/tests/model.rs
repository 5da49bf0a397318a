//! Sorted sets as plainly as can be: a map from member to score for each key.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{AddOptions, Aggregate, Db, LexBound, LexRange, ScoreBound, ScoreRange, ZCombine, ZEnd, ZRange};

type Bytes = Vec<u8>;
type Pairs = Vec<(Bytes, u64)>;

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Union,
    Inter,
    Diff,
}

#[derive(Clone, Debug)]
pub(super) enum By {
    Rank(i64, i64),
    Score(f64, bool, f64, bool),
    /// Ends of a range of bytes; nothing for the very ends.
    Lex(Option<(Bytes, bool)>, Option<(Bytes, bool)>),
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    by: By,
    reversed: bool,
    limit: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Add(usize, Vec<(f64, Bytes)>, u8),
    Incr(usize, f64, Bytes, u8),
    Remove(usize, Vec<Bytes>),
    RemoveRange(usize, By),
    Pop(Vec<usize>, bool, usize),
    Rank(usize, Bytes),
    Count(usize, By),
    Range(usize, Part),
    RangeStore(usize, usize, Part),
    Combine(Kind, Vec<usize>, Vec<f64>, u8),
    CombineStore(usize, Kind, Vec<usize>, Vec<f64>, u8),
    InterCard(Vec<usize>, usize),
}

/// What a step gives; errors are all alike, and -0 is 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Got {
    Error,
    Count(usize),
    Counts(usize, usize),
    Score(Option<u64>),
    Rank(Option<(usize, usize, u64)>),
    Pairs(Pairs),
    Popped(Option<(Bytes, Pairs)>),
}

pub(super) fn all_keys() -> Vec<Bytes> {
    ["a", "b", "c"].iter().map(|k| k.as_bytes().to_vec()).collect()
}

fn name(key: usize) -> Bytes {
    all_keys().swap_remove(key)
}

fn bits(score: f64) -> u64 {
    (score + 0.0).to_bits()
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-4..4i32).prop_map(f64::from),
        2 => (-40..40i32).prop_map(|n| f64::from(n) / 3.0),
        1 => prop::sample::select(vec![-0.0, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 5e-324]),
    ]
}

fn member() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        8 => (0..40i32).prop_map(|n| n.to_string().into_bytes()),
        2 => "[ab]{0,3}".prop_map(String::into_bytes),
        1 => "x{20,21}".prop_map(String::into_bytes),
    ]
}

fn by() -> impl Strategy<Value = By> {
    let end = || prop_oneof![2 => (member(), any::<bool>()).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        (-30..30i64, -30..30i64).prop_map(|(a, b)| By::Rank(a, b)),
        (score(), any::<bool>(), score(), any::<bool>()).prop_map(|(a, x, b, y)| By::Score(a, x, b, y)),
        (end(), end()).prop_map(|(a, b)| By::Lex(a, b)),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    (by(), any::<bool>(), prop::option::of((-1..10i64, -1..10i64))).prop_map(|(by, reversed, limit)| Part {
        by,
        reversed,
        limit,
    })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let key = || 0..3usize;
    let keys = || prop::collection::vec(0..3usize, 1..4);
    let weights = || prop::collection::vec(score(), 0..4);
    let kind = || prop::sample::select(vec![Kind::Union, Kind::Inter, Kind::Diff]);
    let pairs = prop::collection::vec((score(), member()), 1..8);
    prop_oneof![
        8 => (key(), pairs, 0..16u8).prop_map(|(k, p, o)| Step::Add(k, p, o)),
        4 => (key(), score(), member(), 0..16u8).prop_map(|(k, s, m, o)| Step::Incr(k, s, m, o)),
        2 => (key(), prop::collection::vec(member(), 1..5)).prop_map(|(k, m)| Step::Remove(k, m)),
        1 => (key(), by()).prop_map(|(k, b)| Step::RemoveRange(k, b)),
        1 => (keys(), any::<bool>(), 0..4usize).prop_map(|(k, max, n)| Step::Pop(k, max, n)),
        2 => (key(), member()).prop_map(|(k, m)| Step::Rank(k, m)),
        2 => (key(), by()).prop_map(|(k, b)| Step::Count(k, b)),
        3 => (key(), part()).prop_map(|(k, p)| Step::Range(k, p)),
        1 => (key(), key(), part()).prop_map(|(d, s, p)| Step::RangeStore(d, s, p)),
        2 => (kind(), keys(), weights(), 0..3u8).prop_map(|(c, k, w, a)| Step::Combine(c, k, w, a)),
        1 => (key(), kind(), keys(), weights(), 0..3u8).prop_map(|(d, c, k, w, a)| Step::CombineStore(d, c, k, w, a)),
        1 => (keys(), 0..4usize).prop_map(|(k, n)| Step::InterCard(k, n)),
    ]
}

const NX: u8 = 1;
const XX: u8 = 2;
const GT: u8 = 4;
const LT: u8 = 8;

fn options(flags: u8) -> AddOptions {
    let mut options = AddOptions::new();
    if flags & NX != 0 {
        options = options.nx();
    }
    if flags & XX != 0 {
        options = options.xx();
    }
    if flags & GT != 0 {
        options = options.gt();
    }
    if flags & LT != 0 {
        options = options.lt();
    }
    options
}

fn exclude_each_other(flags: u8) -> bool {
    flags & NX != 0 && flags & (XX | GT | LT) != 0 || flags & GT != 0 && flags & LT != 0
}

fn aggregate(n: u8) -> Aggregate {
    [Aggregate::Sum, Aggregate::Min, Aggregate::Max][usize::from(n)]
}

impl By {
    fn score_range(&self) -> ScoreRange {
        let bound = |score, excluded| if excluded { ScoreBound::Excluded(score) } else { ScoreBound::Included(score) };
        match self {
            By::Score(a, x, b, y) => ScoreRange::new(bound(*a, *x), bound(*b, *y)),
            _ => ScoreRange::all(),
        }
    }

    fn lex_range(&self) -> LexRange<'_> {
        fn bound<'a>(end: &'a Option<(Bytes, bool)>, open: LexBound<'a>) -> LexBound<'a> {
            match end {
                Some((member, true)) => LexBound::Excluded(member),
                Some((member, false)) => LexBound::Included(member),
                None => open,
            }
        }
        match self {
            By::Lex(min, max) => LexRange::new(bound(min, LexBound::Lowest), bound(max, LexBound::Highest)),
            _ => LexRange::all(),
        }
    }
}

impl Part {
    fn range(&self) -> ZRange<'_> {
        let mut range = match &self.by {
            By::Rank(a, b) => ZRange::by_rank(*a, *b),
            By::Score(..) => ZRange::by_score(self.by.score_range()),
            By::Lex(..) => ZRange::by_lex(self.by.lex_range()),
        };
        if self.reversed {
            range = range.rev();
        }
        match self.limit {
            Some((offset, count)) => range.limit(offset, count),
            None => range,
        }
    }
}

impl Step {
    /// Ranges of bytes say something only where all scores are alike: the model cannot know the order otherwise.
    fn is_lex(&self) -> bool {
        let by = match self {
            Step::RemoveRange(_, by) | Step::Count(_, by) => by,
            Step::Range(_, part) | Step::RangeStore(_, _, part) => &part.by,
            _ => return false,
        };
        matches!(by, By::Lex(..))
    }

    pub(super) fn run(&self, db: &Db) -> Got {
        // Before a range of bytes all scores are made alike, here and in the model.
        if let (true, Step::RemoveRange(k, _) | Step::Count(k, _) | Step::Range(k, _) | Step::RangeStore(_, k, _)) =
            (self.is_lex(), self)
        {
            let members = db.zrange(name(*k), &ZRange::by_rank(0, -1)).unwrap();
            let pairs: Vec<(f64, Bytes)> = members.into_iter().map(|m| (0.0, m)).collect();
            if !pairs.is_empty() {
                db.zadd(name(*k), &pairs).unwrap();
            }
        }
        self.try_run(db).unwrap_or(Got::Error)
    }

    fn try_run(&self, db: &Db) -> crate::Result<Got> {
        let pairs = |all: Vec<(Bytes, f64)>| all.into_iter().map(|(m, s)| (m, bits(s))).collect::<Pairs>();
        let names = |keys: &[usize]| keys.iter().map(|&k| name(k)).collect::<Vec<Bytes>>();
        Ok(match self {
            Step::Add(k, p, o) => {
                let done = db.zadd_with(name(*k), p, options(*o))?;
                Got::Counts(done.added, done.updated)
            }
            Step::Incr(k, by, m, o) => Got::Score(db.zincr_by_with(name(*k), *by, m, options(*o))?.map(bits)),
            Step::Remove(k, m) => Got::Count(db.zrem(name(*k), m)?),
            Step::RemoveRange(k, by) => Got::Count(match by {
                By::Rank(a, b) => db.zrem_range_by_rank(name(*k), *a, *b)?,
                By::Score(..) => db.zrem_range_by_score(name(*k), &by.score_range())?,
                By::Lex(..) => db.zrem_range_by_lex(name(*k), &by.lex_range())?,
            }),
            Step::Pop(keys, max, n) => {
                let end = if *max { ZEnd::Max } else { ZEnd::Min };
                Got::Popped(db.zmpop(&names(keys), end, *n)?.map(|(key, all)| (key, pairs(all))))
            }
            Step::Rank(k, m) => {
                let rank = db.zrank_with_score(name(*k), m)?;
                let back = db.zrev_rank(name(*k), m)?;
                assert_eq!(db.zscore(name(*k), m)?.map(bits), rank.map(|r| bits(r.1)));
                Got::Rank(rank.zip(back).map(|((rank, score), back)| (rank, back, bits(score))))
            }
            Step::Count(k, by) => Got::Count(match by {
                By::Lex(..) => db.zlex_count(name(*k), &by.lex_range())?,
                _ => db.zcount(name(*k), &by.score_range())?,
            }),
            Step::Range(k, part) => {
                let all = db.zrange_with_scores(name(*k), &part.range())?;
                let members: Vec<Bytes> = all.iter().map(|(m, _)| m.clone()).collect();
                assert_eq!(db.zrange(name(*k), &part.range())?, members);
                Got::Pairs(pairs(all))
            }
            Step::RangeStore(d, s, part) => Got::Count(db.zrange_store(name(*d), name(*s), &part.range())?),
            Step::Combine(kind, k, w, a) => {
                let names = names(k);
                let combine = ZCombine::new(&names).weights(w).aggregate(aggregate(*a));
                Got::Pairs(pairs(match kind {
                    Kind::Union => db.zunion(&combine)?,
                    Kind::Inter => db.zinter(&combine)?,
                    Kind::Diff => db.zdiff(&names)?,
                }))
            }
            Step::CombineStore(d, kind, k, w, a) => {
                let names = names(k);
                let combine = ZCombine::new(&names).weights(w).aggregate(aggregate(*a));
                Got::Count(match kind {
                    Kind::Union => db.zunion_store(name(*d), &combine)?,
                    Kind::Inter => db.zinter_store(name(*d), &combine)?,
                    Kind::Diff => db.zdiff_store(name(*d), &names)?,
                })
            }
            Step::InterCard(k, n) => Got::Count(db.zinter_card(&names(k), *n)?),
        })
    }
}

#[derive(Default)]
pub(super) struct Model {
    sets: [BTreeMap<Bytes, f64>; 3],
}

impl Model {
    pub(super) fn card(&self, key: &[u8]) -> usize {
        all_keys().iter().position(|k| k == key).map_or(0, |k| self.sets[k].len())
    }

    pub(super) fn contents(&self) -> Vec<Pairs> {
        (0..3).map(|k| Self::pairs(&self.ordered(k))).collect()
    }

    fn pairs(all: &[(Bytes, f64)]) -> Pairs {
        all.iter().map(|(m, s)| (m.clone(), bits(*s))).collect()
    }

    fn ordered(&self, key: usize) -> Vec<(Bytes, f64)> {
        Self::sorted(self.sets[key].clone())
    }

    fn sorted(set: BTreeMap<Bytes, f64>) -> Vec<(Bytes, f64)> {
        let mut all: Vec<(Bytes, f64)> = set.into_iter().collect();
        all.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
        all
    }

    fn part(&self, key: usize, part: &Part) -> Vec<(Bytes, f64)> {
        let mut all = self.ordered(key);
        if part.reversed {
            all.reverse();
        }
        if let By::Rank(start, end) = part.by {
            let len = all.len() as i64;
            let place = |n: i64| if n < 0 { n + len } else { n };
            let (start, end) = (place(start).max(0), place(end));
            return all
                .into_iter()
                .enumerate()
                .filter(|(i, _)| (start..=end).contains(&(*i as i64)))
                .map(|(_, p)| p)
                .collect();
        }
        let (scores, members) = (part.by.score_range(), part.by.lex_range());
        all.retain(|(m, s)| {
            !scores.is_below(*s) && !scores.is_above(*s) && !members.is_below(m) && !members.is_above(m)
        });
        match part.limit {
            Some((offset, _)) if offset < 0 => Vec::new(),
            Some((offset, count)) => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                all.into_iter().skip(offset as usize).take(count).collect()
            }
            None => all,
        }
    }

    fn combined(&self, kind: Kind, keys: &[usize], weights: &[f64], how: u8) -> BTreeMap<Bytes, f64> {
        let number = |n: f64| if n.is_nan() { 0.0 } else { n };
        let weight = |i: usize| weights.get(i).copied().unwrap_or(1.0);
        if matches!(kind, Kind::Diff) {
            let mut left = self.sets[keys[0]].clone();
            left.retain(|m, _| keys[1..].iter().all(|&k| !self.sets[k].contains_key(m)));
            return left;
        }
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|&i| self.sets[keys[i]].len());
        let mut all: BTreeMap<Bytes, (f64, usize)> = BTreeMap::new();
        for (n, i) in order.into_iter().enumerate() {
            for (member, score) in &self.sets[keys[i]] {
                let weighted = score * weight(i);
                match all.get_mut(member) {
                    None => {
                        all.insert(member.clone(), (number(weighted), 1));
                    }
                    Some((sum, times)) => {
                        // Redis takes what is no number for 0 in a union and, but for the first, not in an intersection.
                        let weighted = if matches!(kind, Kind::Union) || n == 0 { number(weighted) } else { weighted };
                        *sum = match aggregate(how) {
                            Aggregate::Sum => number(*sum + weighted),
                            Aggregate::Min => {
                                if weighted < *sum {
                                    weighted
                                } else {
                                    *sum
                                }
                            }
                            Aggregate::Max => {
                                if weighted > *sum {
                                    weighted
                                } else {
                                    *sum
                                }
                            }
                        };
                        *times += 1;
                    }
                }
            }
        }
        let wanted = if matches!(kind, Kind::Inter) { keys.len() } else { 1 };
        all.into_iter().filter(|(_, (_, times))| *times >= wanted).map(|(m, (s, _))| (m, s)).collect()
    }

    pub(super) fn run(&mut self, step: &Step) -> Got {
        if let (true, Step::RemoveRange(k, _) | Step::Count(k, _) | Step::Range(k, _) | Step::RangeStore(_, k, _)) =
            (step.is_lex(), step)
        {
            self.sets[*k].values_mut().for_each(|score| *score = 0.0);
        }
        match step {
            Step::Add(_, _, o) | Step::Incr(_, _, _, o) if exclude_each_other(*o) => Got::Error,
            Step::Add(k, p, o) => {
                let before = self.sets[*k].len();
                let updated = p.iter().filter(|(score, m)| self.set(*k, m, *score, *o) == Some(true)).count();
                Got::Counts(self.sets[*k].len() - before, updated)
            }
            Step::Incr(k, by, m, o) => {
                let sum = self.sets[*k].get(m).map_or(*by, |old| old + by);
                // The sum is judged only where there is a member, and a new one where there may be one.
                if sum.is_nan() {
                    return Got::Error;
                }
                Got::Score(self.set(*k, m, sum, *o).map(|_| bits(sum)))
            }
            Step::Remove(k, m) => Got::Count(m.iter().filter(|m| self.sets[*k].remove(*m).is_some()).count()),
            Step::RemoveRange(k, by) => {
                let part = Part { by: by.clone(), reversed: false, limit: None };
                let gone = self.part(*k, &part);
                for (member, _) in &gone {
                    self.sets[*k].remove(member);
                }
                Got::Count(gone.len())
            }
            Step::Pop(keys, max, n) => {
                let Some(&k) = keys.iter().find(|&&k| !self.sets[k].is_empty() && *n > 0) else {
                    return Got::Popped(None);
                };
                let part = Part { by: By::Rank(0, *n as i64 - 1), reversed: *max, limit: None };
                let gone = self.part(k, &part);
                for (member, _) in &gone {
                    self.sets[k].remove(member);
                }
                Got::Popped(Some((name(k), Self::pairs(&gone))))
            }
            Step::Rank(k, m) => {
                let all = self.ordered(*k);
                let at = all.iter().position(|(member, _)| member == m);
                Got::Rank(at.map(|at| (at, all.len() - 1 - at, bits(all[at].1))))
            }
            Step::Count(k, by) => {
                // A range of ranks is no question here: everything is counted.
                let by = if matches!(by, By::Rank(..)) { By::Rank(0, -1) } else { by.clone() };
                Got::Count(self.part(*k, &Part { by, reversed: false, limit: None }).len())
            }
            Step::Range(k, part) => Got::Pairs(Self::pairs(&self.part(*k, part))),
            Step::RangeStore(d, s, part) => {
                self.sets[*d] = self.part(*s, part).into_iter().collect();
                Got::Count(self.sets[*d].len())
            }
            Step::Combine(kind, k, w, a) => Got::Pairs(Self::pairs(&Self::sorted(self.combined(*kind, k, w, *a)))),
            Step::CombineStore(d, kind, k, w, a) => {
                self.sets[*d] = self.combined(*kind, k, w, *a);
                Got::Count(self.sets[*d].len())
            }
            Step::InterCard(k, n) => {
                let count = self.combined(Kind::Inter, k, &[], 0).len();
                Got::Count(if *n > 0 { count.min(*n) } else { count })
            }
        }
    }

    /// Whether the member's score was another one before; `None` if it has stayed as it was by the options.
    fn set(&mut self, key: usize, member: &[u8], score: f64, flags: u8) -> Option<bool> {
        let old = self.sets[key].get(member).copied();
        let wanted = match old {
            None => flags & XX == 0,
            Some(old) => flags & NX == 0 && !(flags & GT != 0 && score <= old) && !(flags & LT != 0 && score >= old),
        };
        if !wanted {
            return None;
        }
        self.sets[key].insert(member.to_vec(), score);
        Some(old.is_some_and(|old| old != score))
    }
}
