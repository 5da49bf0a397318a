//! Sorted sets: members with scores, in the order of their scores and then of their bytes.
//!
//! A small one is a listpack in RDB's layout; a big one is a counted B+tree beside a hash table. A set that has grown
//! big stays so. Scores are never NaN: callers see to that.

mod element;
mod node;
mod order;
mod ordered;
mod small;
#[cfg(test)]
mod tests;
mod tree;

use std::ops::Range;

pub use order::{LexBound, LexRange, ScoreBound, ScoreRange, rank_span};
pub use tree::{Builder, Tree};

use super::compact::{Compact, Form, FormMut};
use super::listpack::{Item, Listpack};
use super::pieces::{WholeKind, in_pieces};
use super::probe::ElementProbe;
pub(super) use element::Element;
use order::Bound;
use tree::TreeWalk;

/// Up to where a sorted set stays small.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Members: `zset-max-listpack-entries`.
    pub entries: usize,
    /// Bytes of the longest member: `zset-max-listpack-value`.
    pub value: usize,
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is as it was, or still not there.
    None,
    /// It was not there before.
    Added,
    /// It has another score.
    Updated,
}

/// A sorted set in one word.
#[derive(Clone)]
#[repr(transparent)]
pub struct SortedSet(Compact<Listpack, Tree>);

impl Default for SortedSet {
    fn default() -> Self {
        Self(Compact::small(Listpack::new()))
    }
}

impl std::fmt::Debug for SortedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts = self.iter().map(|(m, score)| (String::from_utf8_lossy(&m.to_vec()).into_owned(), score));
        f.debug_map().entries(texts).finish()
    }
}

impl SortedSet {
    in_pieces!(FormMut::Large(tree), Form::Large(tree), tree, WholeKind::SortedSet);

    /// Starts to bring the member of this hash closer. `None` for a small set.
    pub(crate) fn probe(&self, member: u64) -> Option<ElementProbe<'_>> {
        match self.0.form() {
            Form::Small(_) => None,
            Form::Large(tree) => Some(ElementProbe::Scored(tree.probe(member))),
        }
    }

    /// How many members it has. O(1).
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(pack) => small::len(pack),
            Form::Large(tree) => tree.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        match self.0.form() {
            Form::Small(pack) => pack.bytes(),
            Form::Large(tree) => tree.bytes(),
        }
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// A small sorted set out of a listpack of members, all different and in order, each with its score behind it.
    pub fn from_listpack(pack: Listpack) -> Self {
        Self(Compact::small(pack))
    }

    /// The listpack of members and scores, while the set is small.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// The score of a member. O(1), O(n) for a small set.
    #[inline]
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.form() {
            Form::Small(pack) => small::find(pack, member).map(|found| found.score),
            Form::Large(tree) => tree.score(member),
        }
    }

    /// How many members come before a member, and its score. O(log n), O(n) for a small set.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.0.form() {
            Form::Small(pack) => small::find(pack, member).map(|found| (small::rank(pack, &found), found.score)),
            Form::Large(tree) => tree.rank(member),
        }
    }

    /// Gives a member the score that `change` makes of its old one (`None` if it is not there); leaves it as it is
    /// where that makes none. O(log n), O(n) for a small set.
    pub fn update(&mut self, member: &[u8], limits: Limits, change: impl FnOnce(Option<f64>) -> Option<f64>) -> Change {
        match self.0.form_mut() {
            FormMut::Small(pack) => match small::find(pack, member) {
                Some(found) => match change(Some(found.score)) {
                    Some(score) if score != found.score => {
                        small::rescore(pack, &found, member, score);
                        Change::Updated
                    }
                    _ => Change::None,
                },
                None => match change(None) {
                    Some(score) => {
                        self.insert_new(member, score, limits);
                        Change::Added
                    }
                    None => Change::None,
                },
            },
            FormMut::Large(tree) => match tree.find(member) {
                Some(found) => match change(Some(found.score())) {
                    Some(score) if score != found.score() => {
                        tree.rescore(found, score);
                        Change::Updated
                    }
                    _ => Change::None,
                },
                None => match change(None) {
                    Some(score) => {
                        tree.insert(member, score);
                        Change::Added
                    }
                    None => Change::None,
                },
            },
        }
    }

    /// Gives a member a score, whether it is there or not. O(log n), O(n) for a small set.
    pub fn set(&mut self, member: &[u8], score: f64, limits: Limits) -> Change {
        self.update(member, limits, |_| Some(score))
    }

    fn insert_new(&mut self, member: &[u8], score: f64, limits: Limits) {
        if let FormMut::Small(pack) = self.0.form_mut() {
            if small::len(pack) < limits.entries && member.len() <= limits.value && small::fits(pack, member) {
                small::insert(pack, member, score);
                return;
            }
            let mut tree = Builder::default();
            let mut buffer = itoa::Buffer::new();
            for (_, item, score) in small::Walk::new(pack, 0..usize::MAX, false) {
                tree.add(item.bytes(&mut buffer), score);
            }
            self.0 = Compact::large(Box::new(tree.finish()));
        }
        if let FormMut::Large(tree) = self.0.form_mut() {
            tree.insert(member, score);
        }
    }

    /// Removes a member and returns its score. O(log n), O(n) for a small set.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.0.form_mut() {
            FormMut::Small(pack) => {
                let found = small::find(pack, member)?;
                small::remove(pack, &found);
                Some(found.score)
            }
            FormMut::Large(tree) => tree.remove(member),
        }
    }

    /// Removes the members of some ranks. O(log n) for each, O(n) for a small set.
    pub fn remove_ranks(&mut self, ranks: Range<usize>, mut removed: impl FnMut(Item<'_>, f64)) {
        match self.0.form_mut() {
            FormMut::Small(pack) => {
                let end = ranks.end.min(small::len(pack));
                small::Walk::new(pack, ranks.clone(), false).for_each(|(_, item, score)| removed(item, score));
                pack.remove_range(ranks.start * 2, end.saturating_sub(ranks.start) * 2);
            }
            FormMut::Large(tree) => tree.remove_range(ranks, |member, score| removed(Item::Bytes(member), score)),
        }
    }

    /// The ranks of a range of scores. O(log n), O(n) for a small set.
    pub fn score_span(&self, range: &ScoreRange) -> Range<usize> {
        match self.0.form() {
            Form::Small(pack) => small::score_span(pack, range),
            Form::Large(tree) => {
                let [start, end] = range.bounds();
                let start = tree.before(&start);
                start..tree.before(&end).max(start)
            }
        }
    }

    /// The ranks of a range of members, if all scores are alike. O(log n), O(n) for a small set.
    pub fn lex_span(&self, range: &LexRange<'_>) -> Range<usize> {
        match self.0.form() {
            Form::Small(pack) => small::lex_span(pack, range),
            Form::Large(tree) => {
                let start = tree.before(&Bound::LexStart(range));
                start..tree.before(&Bound::LexEnd(range)).max(start)
            }
        }
    }

    /// All members with their scores, in order.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..usize::MAX, false)
    }

    /// The members of some ranks, in their order or against it. O(log n) to the first, O(n) for a small set.
    pub fn range(&self, ranks: Range<usize>, backwards: bool) -> Iter<'_> {
        match self.0.form() {
            Form::Small(pack) => Iter(Walks::Small(small::Walk::new(pack, ranks, backwards))),
            Form::Large(tree) => Iter(Walks::Large(tree.walk(ranks, backwards))),
        }
    }

    /// One step of a walk that gives each member that stays exactly once, whatever changes in between: visits some from
    /// `position` on and returns the position to go on from, `None` at the end. A small set comes whole.
    pub fn scan(&self, position: u64, mut visit: impl FnMut(Item<'_>, f64)) -> Option<u64> {
        match self.0.form() {
            Form::Small(_) => {
                self.iter().for_each(|(member, score)| visit(member, score));
                None
            }
            Form::Large(tree) => tree.scan(position, |member, score| visit(Item::Bytes(member), score)),
        }
    }

    /// The sorted set of what was collected, small if it may be. O(n log n).
    pub fn from_builder(mut builder: Builder, limits: Limits) -> Self {
        let fits = Listpack::new().fits(small::bytes_at_most(builder.len(), builder.total()));
        if builder.len() > limits.entries || builder.longest() > limits.value || !fits {
            return Self(Compact::large(Box::new(builder.finish())));
        }
        let mut pack = Listpack::new();
        builder.for_each_sorted(|member, score| small::push(&mut pack, member, score));
        Self(Compact::small(pack))
    }
}

/// Members with their scores.
pub struct Iter<'a>(Walks<'a>);

enum Walks<'a> {
    None,
    Small(small::Walk<'a>),
    Large(TreeWalk<'a>),
}

impl Iter<'_> {
    /// Nothing.
    pub fn none() -> Self {
        Self(Walks::None)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walks::None => None,
            Walks::Small(walk) => walk.next().map(|(_, member, score)| (member, score)),
            Walks::Large(walk) => walk.next().map(|(member, score)| (Item::Bytes(member), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Walks::None => (0, Some(0)),
            Walks::Small(walk) => walk.size_hint(),
            Walks::Large(walk) => walk.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
