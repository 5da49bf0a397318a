//! ZSCAN and ZRANDMEMBER.

use std::collections::HashSet;

use crate::codec::glob::glob_match;
use crate::error::Result;
use crate::keyspace::{Key, View, random as random_bits};
use crate::operation::draws;
use crate::value::SortedSet;
use crate::value::listpack::Item;

/// Empty buckets cost little: a step of a scan looks at up to so many for each element it is to give.
const BUCKETS_EACH: usize = 10;

/// ZSCAN: visits members from `position` on and returns the position to go on from, `None` at the end. A small set comes
/// whole. What is there from the first call to the last is given exactly once, whatever changes in between. O(count).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn scan(
    view: &View<'_>,
    key: &Key<'_>,
    position: u64,
    pattern: Option<&[u8]>,
    count: usize,
    mut visit: impl FnMut(&[u8], f64),
) -> Result<Option<u64>> {
    let Some(set) = view.read::<SortedSet>(key)? else { return Ok(None) };
    let pattern = pattern.filter(|p| *p != b"*");
    let (mut seen, mut buckets) = (0, 0);
    let mut buffer = itoa::Buffer::new();
    let mut next = Some(position);
    while let Some(at) = next {
        if seen >= count || buckets >= count.saturating_mul(BUCKETS_EACH) {
            break;
        }
        buckets += 1;
        next = set.scan(at, |member, score| {
            seen += 1;
            let member = member.bytes(&mut buffer);
            if pattern.is_none_or(|p| glob_match(p, member, false)) {
                visit(member, score);
            }
        });
    }
    Ok(next)
}

/// A number below `n`, which is not zero.
fn below(n: usize) -> usize {
    ((u128::from(random_bits()) * n as u128) >> 64) as usize
}

/// ZRANDMEMBER: any member with its score. O(log n).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
pub fn random<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<(Item<'v>, f64)>> {
    let Some(set) = view.read::<SortedSet>(key)? else { return Ok(None) };
    Ok(at(set, below(set.len().max(1))))
}

fn at(set: &SortedSet, rank: usize) -> Option<(Item<'_>, f64)> {
    set.range(rank..rank + 1, false).next()
}

/// ZRANDMEMBER with a count: so many different members, all if there are fewer; a negative count gives as many as it
/// says, the same member perhaps several times. `begin` hears how many there will be. O(log n) for each.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there are members and a negative count is less than -2^24.
pub fn random_members<S>(
    view: &View<'_>,
    key: &Key<'_>,
    count: i64,
    begin: impl FnOnce(usize) -> S,
    mut visit: impl FnMut(&mut S, Item<'_>, f64),
) -> Result<S> {
    let Some(set) = view.read::<SortedSet>(key)? else { return Ok(begin(0)) };
    let len = set.len();
    let mut give = |state: &mut S, rank| {
        if let Some((member, score)) = at(set, rank) {
            visit(state, member, score);
        }
    };
    if count < 0 {
        let wanted = draws::repeated(count)?;
        let mut state = begin(wanted);
        for _ in 0..wanted {
            give(&mut state, below(len));
        }
        return Ok(state);
    }
    let wanted = usize::try_from(count).unwrap_or(usize::MAX).min(len);
    let mut state = begin(wanted);
    if wanted == len {
        for (member, score) in set.iter() {
            visit(&mut state, member, score);
        }
        return Ok(state);
    }
    // Floyd's: each set of ranks with the same probability, in as many draws as there are members wanted.
    let mut chosen = HashSet::with_capacity(wanted);
    for highest in len - wanted..len {
        let rank = below(highest + 1);
        let rank = if chosen.insert(rank) { rank } else { highest };
        chosen.insert(rank);
        give(&mut state, rank);
    }
    Ok(state)
}
