//! Places on earth: sorted sets whose scores are places.

mod polygon;
mod search;

pub use polygon::centroid;
pub use search::{Center, Found, Order, Search, Shape, Store, search, store};

use super::sorted_set::{self, AddOptions, Added};
use super::string::delete;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::value::SortedSet;

pub use crate::codec::geohash::Point;

/// What distances are measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unit {
    /// Metres.
    #[default]
    Metres,
    /// Kilometres.
    Kilometres,
    /// Miles.
    Miles,
    /// Feet.
    Feet,
}

impl Unit {
    /// How many metres it is.
    pub fn metres(self) -> f64 {
        match self {
            Self::Metres => 1.0,
            Self::Kilometres => 1000.0,
            Self::Miles => 1609.34,
            Self::Feet => 0.3048,
        }
    }
}

/// GEOADD: gives members places. O(log n) for each.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn add(view: &mut View<'_>, key: &Key<'_>, places: &[(Point, &[u8])], options: AddOptions) -> Result<Added> {
    let scores: Vec<(f64, &[u8])> = places.iter().map(|(place, member)| (place.score() as f64, *member)).collect();
    sorted_set::add(view, key, &scores, options)
}

/// The places at a key, to be read. O(1).
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v SortedSet>> {
    view.read(key)
}

/// As [`get`], not counted as an access: what a command looks at before it goes on to parse its arguments.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn peek<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v SortedSet>> {
    view.peek_as(key)
}

/// Stores the result of a search where there is nothing to search: deletes the key. O(1).
pub fn store_nothing(view: &mut View<'_>, dest: &Key<'_>) {
    delete(view, dest);
}

/// The place of a member. O(1), O(n) for a small set.
pub fn position(set: &SortedSet, member: &[u8]) -> Option<Point> {
    set.score(member).map(Point::of_score)
}

/// GEODIST: how far two members are from each other, in metres; `None` if one of them is not there.
///
/// # Errors
/// [`Error::WRONG_TYPE`].
pub fn distance(view: &View<'_>, key: &Key<'_>, from: &[u8], to: &[u8]) -> Result<Option<f64>> {
    let Some(set) = get(view, key)? else { return Ok(None) };
    let (from, to) = (position(set, from), position(set, to));
    Ok(from.zip(to).map(|(from, to)| from.distance(to)))
}

/// The error for a member that a search is to begin from and that is not there.
pub fn no_such_member() -> Error {
    Error::new("ERR could not decode requested zset member")
}
