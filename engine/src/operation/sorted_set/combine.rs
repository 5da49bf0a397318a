//! Unions, intersections and differences of sorted sets, and of sets, whose members have score 1.

use super::store_built;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Key, ValueRef, View};
use crate::value::sorted_set::Builder;
use crate::value::{Set, SortedSet};

/// What becomes of the scores that a member has in several inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Aggregate {
    /// They are added.
    #[default]
    Sum,
    /// The lowest remains.
    Min,
    /// The highest remains.
    Max,
}

impl Aggregate {
    /// All of them with their names.
    pub const NAMES: [(&'static str, Self); 3] = [("sum", Self::Sum), ("min", Self::Min), ("max", Self::Max)];

    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            // Infinities of both signs make 0.
            Self::Sum => number_or_zero(a + b),
            Self::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Self::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

fn number_or_zero(n: f64) -> f64 {
    if n.is_nan() { 0.0 } else { n }
}

/// How sorted sets are combined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Combination<'a> {
    /// The members of any, their scores times these weights (1 where there are none).
    Union(&'a [f64], Aggregate),
    /// The members of all, their scores times these weights (1 where there are none).
    Inter(&'a [f64], Aggregate),
    /// The members of the first that are in no other.
    Diff,
}

/// A sorted set or a set.
#[derive(Clone, Copy)]
enum Source<'v> {
    Sorted(&'v SortedSet),
    Plain(&'v Set),
}

/// A source with its weight.
#[derive(Clone, Copy)]
struct Weighted<'v> {
    /// `None` if there is no such key.
    source: Option<Source<'v>>,
    weight: f64,
}

impl<'v> Source<'v> {
    fn of(value: ValueRef<'v>) -> Result<Self> {
        match value {
            ValueRef::SortedSet(set) => Ok(Self::Sorted(set)),
            ValueRef::Set(set) => Ok(Self::Plain(set)),
            _ => Err(Error::WRONG_TYPE),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Sorted(set) => set.len(),
            Self::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Sorted(set) => set.score(member),
            Self::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    fn for_each(self, mut visit: impl FnMut(&[u8], f64)) {
        let mut buffer = itoa::Buffer::new();
        match self {
            Self::Sorted(set) => set.iter().for_each(|(member, score)| visit(member.bytes(&mut buffer), score)),
            Self::Plain(set) => set.for_each(|member| visit(member.bytes(&mut buffer), 1.0)),
        }
    }
}

impl<'v> Weighted<'v> {
    fn len(&self) -> usize {
        self.source.map_or(0, Source::len)
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.source?.score(member)? * self.weight)
    }
}

fn sources<'v>(view: &'v View<'_>, keys: &[Key<'_>], weights: &[f64]) -> Result<Vec<Weighted<'v>>> {
    let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
    keys.iter()
        .zip(weights)
        .map(|(key, weight)| {
            let source = view.get(key).map(|entry| Source::of(entry.value())).transpose()?;
            Ok(Weighted { source, weight })
        })
        .collect()
}

/// Refuses inputs that cannot be combined: what a command looks at before it goes on to parse its arguments.
///
/// # Errors
/// [`Error::WRONG_TYPE`], if an input is neither a sorted set nor a set.
pub fn check_inputs(view: &View<'_>, keys: &[Key<'_>]) -> Result<()> {
    keys.iter().try_for_each(|key| view.peek(key).map_or(Ok(()), |entry| Source::of(entry.value()).map(|_| ())))
}

/// ZUNION, ZINTER and ZDIFF. O(n) for all inputs of `n` members together, and O(m log m) to bring the `m` of the result
/// in order; an intersection looks at the members of its smallest input only.
///
/// # Errors
/// [`Error::WRONG_TYPE`], if an input is neither a sorted set nor a set.
pub fn combine(view: &View<'_>, keys: &[Key<'_>], how: Combination<'_>) -> Result<Builder> {
    match how {
        Combination::Union(weights, aggregate) => Ok(union(sources(view, keys, weights)?, aggregate)),
        Combination::Inter(weights, aggregate) => Ok(inter(sources(view, keys, weights)?, aggregate)),
        Combination::Diff => Ok(diff(&sources(view, keys, &[])?)),
    }
}

fn union(mut sources: Vec<Weighted<'_>>, aggregate: Aggregate) -> Builder {
    // From the smallest to the largest, as in Redis: sums of fractions depend on their order.
    sources.sort_by_key(Weighted::len);
    let mut built = Builder::default();
    for Weighted { source, weight } in sources {
        let Some(source) = source else { continue };
        source.for_each(|member, score| {
            built.merge(member, number_or_zero(score * weight), |a, b| aggregate.of(a, b));
        });
    }
    built
}

fn inter(mut sources: Vec<Weighted<'_>>, aggregate: Aggregate) -> Builder {
    sources.sort_by_key(Weighted::len);
    let mut built = Builder::default();
    let Some((Weighted { source: Some(smallest), weight }, others)) = sources.split_first() else { return built };
    smallest.for_each(|member, score| {
        let first = number_or_zero(score * weight);
        let score = others.iter().try_fold(first, |sum, other| Some(aggregate.of(sum, other.score(member)?)));
        if let Some(score) = score {
            built.add(member, score);
        }
    });
    built
}

fn diff(sources: &[Weighted<'_>]) -> Builder {
    let mut built = Builder::default();
    let Some((Weighted { source: Some(first), .. }, others)) = sources.split_first() else { return built };
    first.for_each(|member, score| {
        if others.iter().all(|other| other.score(member).is_none()) {
            built.add(member, score);
        }
    });
    built
}

/// ZINTERCARD: how many members all inputs have, counted up to `limit` (0 for no limit). O(n x k) for `k` inputs, the
/// smallest of `n` members.
///
/// # Errors
/// [`Error::WRONG_TYPE`], if an input is neither a sorted set nor a set.
pub fn inter_card(view: &View<'_>, keys: &[Key<'_>], limit: usize) -> Result<usize> {
    let mut sources = sources(view, keys, &[])?;
    sources.sort_by_key(Weighted::len);
    let mut count = 0;
    if let Some((Weighted { source: Some(smallest), .. }, others)) = sources.split_first() {
        smallest.for_each(|member, _| {
            let counts = limit == 0 || count < limit;
            count += usize::from(counts && others.iter().all(|other| other.score(member).is_some()));
        });
    }
    Ok(count)
}

/// ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE: puts a combination in place of whatever a key holds, and returns how many
/// members it has. As [`combine`].
///
/// # Errors
/// As for [`combine`].
pub fn combine_store(view: &mut View<'_>, dest: &Key<'_>, keys: &[Key<'_>], how: Combination<'_>) -> Result<usize> {
    // The effect reads the inputs again, so one that has expired has to be gone by then.
    for key in keys {
        view.drop_expired(key);
    }
    let built = combine(view, keys, how)?;
    let (name, event_name) = match how {
        Combination::Union(..) => ("ZUNIONSTORE", "zunionstore"),
        Combination::Inter(..) => ("ZINTERSTORE", "zinterstore"),
        Combination::Diff => ("ZDIFFSTORE", "zdiffstore"),
    };
    Ok(store_built(view, dest, built, event_name, || {
        let effect = Effect::new(name).arg(dest.bytes).int(keys.len());
        let effect = keys.iter().fold(effect, |effect, key| effect.arg(key.bytes));
        let (Combination::Union(weights, aggregate) | Combination::Inter(weights, aggregate)) = how else {
            return effect;
        };
        let effect = if weights.is_empty() {
            effect
        } else {
            // The command wants as many weights as keys.
            let all = weights.iter().copied().chain(std::iter::repeat(1.0)).take(keys.len());
            all.fold(effect.arg("WEIGHTS"), Effect::score)
        };
        let name = Aggregate::NAMES.iter().find(|(_, a)| *a == aggregate).map_or("sum", |(name, _)| name);
        effect.arg("AGGREGATE").arg(name)
    }))
}
