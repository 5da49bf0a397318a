//! Looking for an element.

use super::Side;
use crate::error::Result;
use crate::keyspace::{Key, View};
use crate::value::List;
use crate::value::list::Needle;

/// Which matches LPOS looks for.
///
/// ```
/// use carnelian::PositionOptions;
/// let last_two = PositionOptions::new().rank(-1).count(2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct PositionOptions {
    rank: i64,
    count: usize,
    max_len: usize,
}

impl Default for PositionOptions {
    fn default() -> Self {
        Self { rank: 1, count: 1, max_len: 0 }
    }
}

impl PositionOptions {
    /// The first match.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins with this match: 1 is the first, -1 the last, seen from which the others count. 0 is taken for 1.
    pub fn rank(mut self, rank: i64) -> Self {
        self.rank = if rank == 0 { 1 } else { rank };
        self
    }

    /// As many matches at most; 0 for all.
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Compares as many elements at most; 0 for all.
    pub fn max_len(mut self, max_len: usize) -> Self {
        self.max_len = max_len;
        self
    }
}

/// LPOS: the indexes of the elements that are this string, in the order in which they are met. `None` if there is no
/// list. O(N).
///
/// # Errors
/// As for [`push`](super::push).
pub fn positions(view: &View<'_>, key: &Key<'_>, text: &[u8], options: &PositionOptions) -> Result<Option<Vec<usize>>> {
    let Some(list) = view.read::<List>(key)? else { return Ok(None) };
    let no_limit = |n: usize| if n == 0 { usize::MAX } else { n };
    let (from, needle, len) = (if options.rank < 0 { Side::Right } else { Side::Left }, Needle::new(text), list.len());
    let skip = usize::try_from(options.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let met = list.walk(0, from).take(no_limit(options.max_len)).enumerate();
    let matches = met.filter(|(_, element)| needle.is(*element)).map(|(at, _)| at).skip(skip);
    let indexes = matches.take(no_limit(options.count));
    Ok(Some(indexes.map(|at| if from == Side::Left { at } else { len - 1 - at }).collect()))
}
