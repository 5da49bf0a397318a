//! The small form of a sorted set: a listpack of member, score, member, score, in order, as RDB stores it.

use std::ops::Range;

use super::order::{LexRange, ScoreRange, compare};
use crate::codec::num;
use crate::value::listpack::{Item, Listpack, Pos};

/// Bytes that a score takes at most, text and all.
const SCORE_MAX: usize = 40;

/// Scores of at most this size that are whole numbers are told from others without a look at digits.
const WHOLE_MAX: f64 = (1u64 << 53) as f64;

/// The number that a score's item spells.
pub(super) fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(n) => n as f64,
        Item::Bytes(text) => num::parse_f64(text).unwrap_or(0.0),
    }
}

/// Gives `write` the text of a score: the shortest that reads back the same.
fn with_text<R>(score: f64, write: impl FnOnce(&[u8]) -> R) -> R {
    // Here -0 becomes 0, as in Redis.
    if score.trunc() == score && score.abs() < WHOLE_MAX {
        return write(itoa::Buffer::new().format(score as i64).as_bytes());
    }
    let mut text = Vec::with_capacity(SCORE_MAX);
    num::write_f64(&mut text, score);
    write(&text)
}

/// A member with its places.
pub(super) struct Found {
    pub(super) at: Pos,
    pub(super) score: f64,
}

/// Looks a member up. O(n).
pub(super) fn find(pack: &Listpack, member: &[u8]) -> Option<Found> {
    let at = pack.find(pack.first()?, member, 1)?;
    Some(Found { at, score: score_of(pack.get(pack.next(at)?)) })
}

/// How many members there are.
pub(super) fn len(pack: &Listpack) -> usize {
    pack.len() / 2
}

/// Whether there is room for one more member.
pub(super) fn fits(pack: &Listpack, member: &[u8]) -> bool {
    pack.fits(Listpack::entry_size(member) + SCORE_MAX)
}

/// Bytes that so many members of so many bytes take at most.
pub(super) fn bytes_at_most(members: usize, bytes: usize) -> usize {
    const AROUND: usize = 10; // Lengths of an entry, in front and behind.
    bytes.saturating_add(members.saturating_mul(SCORE_MAX + AROUND))
}

/// Adds a member that is not there. O(n).
pub(super) fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let mut buffer = itoa::Buffer::new();
    let behind = Walk::new(pack, 0..len(pack), false)
        .find(|(_, item, other)| compare((*other, item.bytes(&mut buffer)), (score, member)).is_gt())
        .map(|(at, ..)| at);
    match behind {
        Some(at) => {
            let at = with_text(score, |text| pack.insert(at, text));
            pack.insert(at, member);
        }
        None => push(pack, member, score),
    }
}

/// Adds a member that comes behind all others.
pub(super) fn push(pack: &mut Listpack, member: &[u8], score: f64) {
    pack.push_back(member);
    with_text(score, |text| pack.push_back(text));
}

/// Removes a member that was found.
pub(super) fn remove(pack: &mut Listpack, found: &Found) {
    pack.remove_at(found.at, 2);
}

/// Gives a member that was found another score. O(n).
pub(super) fn rescore(pack: &mut Listpack, found: &Found, member: &[u8], score: f64) {
    pack.remove_at(found.at, 2);
    insert(pack, member, score);
}

/// The ranks of the members that are not below a range, up to the first above it.
fn span(pack: &Listpack, is_below: impl Fn(&[u8], f64) -> bool, is_above: impl Fn(&[u8], f64) -> bool) -> Range<usize> {
    let mut buffer = itoa::Buffer::new();
    let (mut start, mut end) = (0, 0);
    for (_, item, score) in Walk::new(pack, 0..len(pack), false) {
        let member = item.bytes(&mut buffer);
        if start == end && is_below(member, score) {
            start += 1;
        } else if is_above(member, score) {
            break;
        }
        end += 1;
    }
    start..end
}

/// The ranks of a range of scores. O(n).
pub(super) fn score_span(pack: &Listpack, range: &ScoreRange) -> Range<usize> {
    span(pack, |_, score| range.is_below(score), |_, score| range.is_above(score))
}

/// The ranks of a range of members. O(n).
pub(super) fn lex_span(pack: &Listpack, range: &LexRange<'_>) -> Range<usize> {
    span(pack, |member, _| range.is_below(member), |member, _| range.is_above(member))
}

/// The rank of a member that was found. O(n).
pub(super) fn rank(pack: &Listpack, found: &Found) -> usize {
    Walk::new(pack, 0..len(pack), false).take_while(|(at, ..)| *at != found.at).count()
}

/// The places, members and scores of some ranks.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    pack: &'a Listpack,
    next: Option<Pos>,
    left: usize,
    backwards: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(pack: &'a Listpack, ranks: Range<usize>, backwards: bool) -> Self {
        let end = ranks.end.min(len(pack));
        let left = end.saturating_sub(ranks.start);
        let first = if backwards { end.saturating_sub(1) } else { ranks.start };
        let next = if left > 0 { pack.seek(first as isize * 2) } else { None };
        Self { pack, next, left, backwards }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (Pos, Item<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let at = self.next?;
        let score_at = self.pack.next(at)?;
        self.left -= 1;
        self.next = if self.backwards {
            self.pack.prev(at).and_then(|score| self.pack.prev(score))
        } else {
            self.pack.next(score_at)
        };
        Some((at, self.pack.get(at), score_of(self.pack.get(score_at))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
