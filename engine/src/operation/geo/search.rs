//! GEOSEARCH and its older forms.
//!
//! The cells of the map that cover the shape are ranges of scores; what is found in them is measured.

use super::polygon::{self, centroid};
use super::{Unit, get, no_such_member, position};
use crate::codec::geohash::{Area, Point, box_around, cells_around, latitude_distance};
use crate::codec::num;
use crate::error::Result;
use crate::keyspace::{Effect, Key, View};
use crate::operation::sorted_set::store_built;
use crate::value::SortedSet;
use crate::value::listpack::Item;
use crate::value::sorted_set::{Builder, ScoreBound, ScoreRange};

/// What a search begins from.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Center<'a> {
    /// Where a member is.
    Member(&'a [u8]),
    /// A place.
    Point(Point),
}

/// What is searched.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Shape<'a> {
    /// Not farther from the center than this, in the search's unit.
    Radius(f64),
    /// A box around the center along longitude and latitude, in the search's unit.
    #[allow(missing_docs, reason = "they say what they are")]
    Box { width: f64, height: f64 },
    /// A polygon with these vertices, wherever the center is. Its sides are straight lines in degrees, the last one from
    /// the last vertex to the first; what it encloses twice is outside, and fewer than three vertices enclose nothing.
    Polygon(&'a [Point]),
}

/// In which order places are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The nearest first.
    Nearest,
    /// The farthest first.
    Farthest,
}

/// A search for places.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Search<'a> {
    /// What it begins from.
    pub center: Center<'a>,
    /// What is searched.
    pub shape: Shape<'a>,
    /// What distances are measured in.
    pub unit: Unit,
    /// In which order places are given: that of the map if not said, or the nearest first if there is a `count`.
    pub order: Option<Order>,
    /// How many places are given at most.
    pub count: Option<usize>,
    /// Any places will do, and the search ends when there are enough of them.
    pub any: bool,
}

impl<'a> Search<'a> {
    /// All places not farther than `radius` from a center, in the order of the map.
    pub fn radius(center: Center<'a>, radius: f64, unit: Unit) -> Self {
        Self { center, shape: Shape::Radius(radius), unit, order: None, count: None, any: false }
    }

    /// All places in a box around a center, in the order of the map.
    pub fn in_box(center: Center<'a>, width: f64, height: f64, unit: Unit) -> Self {
        Self { shape: Shape::Box { width, height }, ..Self::radius(center, 0.0, unit) }
    }

    /// All places in a polygon, in the order of the map. Distances are from the middle of its vertices on the earth's
    /// ball; if that is farther north or south than places can be stored, nothing is found. O(vertices).
    pub fn in_polygon(vertices: &'a [Point], unit: Unit) -> Self {
        let center = Center::Point(centroid(vertices));
        Self { shape: Shape::Polygon(vertices), ..Self::radius(center, 0.0, unit) }
    }

    /// In this order.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        Self { order: Some(order), ..self }
    }

    /// No more than this; the nearest ones, if no order is said.
    #[must_use]
    pub fn count(self, count: usize) -> Self {
        Self { count: Some(count), ..self }
    }

    /// No more than this, and any will do.
    #[must_use]
    pub fn any(self, count: usize) -> Self {
        Self { count: Some(count), any: true, ..self }
    }
}

/// A place that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'v> {
    /// What is there.
    pub member: Item<'v>,
    /// Its score.
    pub score: f64,
    /// How far it is from the center, in the search's unit.
    pub distance: f64,
}

impl Found<'_> {
    /// Where it is.
    pub fn point(&self) -> Point {
        Point::of_score(self.score)
    }
}

/// The shape in metres.
struct Measured<'a> {
    center: Point,
    shape: Shape<'a>,
}

impl<'a> Measured<'a> {
    fn new(search: &Search<'a>, center: Point) -> Self {
        let metres = search.unit.metres();
        let shape = match search.shape {
            Shape::Radius(radius) => Shape::Radius(radius * metres),
            Shape::Box { width, height } => Shape::Box { width: width * metres, height: height * metres },
            polygon @ Shape::Polygon(_) => polygon,
        };
        Self { center, shape }
    }

    /// How far a place is from the center, if it is within the shape.
    fn distance(&self, place: Point) -> Option<f64> {
        match self.shape {
            Shape::Radius(radius) => Some(self.center.distance(place)).filter(|&distance| distance <= radius),
            Shape::Box { width, height } => {
                let along = Point { latitude: place.latitude, ..self.center };
                let is_inside = latitude_distance(place.latitude, self.center.latitude) <= height / 2.0
                    && place.distance(along) <= width / 2.0;
                is_inside.then(|| self.center.distance(place))
            }
            Shape::Polygon(vertices) => polygon::contains(vertices, place).then(|| self.center.distance(place)),
        }
    }
}

/// The box that the shape of a search is in, and how many metres it reaches from the center.
fn extent(search: &Search<'_>, center: Point) -> (Area, f64) {
    let metres = search.unit.metres();
    match search.shape {
        Shape::Radius(radius) => {
            let radius = radius * metres;
            (box_around(center, radius, radius), radius)
        }
        Shape::Box { width, height } => {
            let (width, height) = (width / 2.0, height / 2.0);
            let radius = (width * width + height * height).sqrt() * metres;
            (box_around(center, metres * width, metres * height), radius)
        }
        Shape::Polygon(vertices) => {
            let bounds = polygon::bounds(vertices);
            let reach = polygon::reach(center, &bounds);
            (bounds, reach)
        }
    }
}

/// The places that a search finds. O(n + log m) for n places in the cells around the shape and m in all; times the
/// vertices of a polygon.
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if the member to begin from is not there.
pub fn search<'v>(view: &'v View<'_>, key: &Key<'_>, search: &Search<'_>) -> Result<Vec<Found<'v>>> {
    match get(view, key)? {
        Some(set) => within(set, search),
        None => Ok(Vec::new()),
    }
}

fn within<'s>(set: &'s SortedSet, search: &Search<'_>) -> Result<Vec<Found<'s>>> {
    let center = match search.center {
        Center::Point(point) => point,
        Center::Member(member) => position(set, member).ok_or_else(no_such_member)?,
    };
    if !center.is_on_map() {
        return Ok(Vec::new());
    }
    let metres = search.unit.metres();
    let shape = Measured::new(search, center);
    let (bounds, reach) = extent(search, center);
    let limit = search.count.filter(|_| search.any).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    // Of a huge shape the cells may be the same one several times in a row.
    let mut cells = cells_around(center, &bounds, reach);
    cells.dedup();
    for cell in cells {
        let scores = cell.scores();
        let range = ScoreRange::new(scores.start as f64, ScoreBound::Excluded(scores.end as f64));
        for (member, score) in set.range(set.score_span(&range), false) {
            if found.len() >= limit {
                break;
            }
            if let Some(distance) = shape.distance(Point::of_score(score)) {
                found.push(Found { member, score, distance: distance / metres });
            }
        }
    }
    let order = search.order.or_else(|| (search.count.is_some() && !search.any).then_some(Order::Nearest));
    match order {
        Some(Order::Nearest) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
        Some(Order::Farthest) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
        None => {}
    }
    found.truncate(search.count.unwrap_or(usize::MAX));
    Ok(found)
}

/// What is stored of a place that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    /// Its score, so that the result is places as well.
    Place,
    /// Its distance from the center, in the search's unit.
    Distance,
}

/// GEOSEARCHSTORE, and the STORE of its older forms: puts what a search finds in place of whatever `dest` holds, and
/// returns how many places it is; none delete the key. `event` is the command's. As [`search`].
///
/// # Errors
/// As for [`search`].
pub fn store(
    view: &mut View<'_>,
    dest: &Key<'_>,
    source: &Key<'_>,
    what: &Search<'_>,
    kind: Store,
    event: &'static str,
) -> Result<usize> {
    let mut built = Builder::default();
    let (mut buffer, mut pairs) = (itoa::Buffer::new(), Vec::new());
    for found in search(view, source, what)? {
        let score = if kind == Store::Place { found.score } else { found.distance };
        let member = found.member.bytes(&mut buffer);
        built.add(member, score);
        pairs.push((score, member.to_vec()));
    }
    if !pairs.is_empty() && view.peek(dest).is_some() {
        view.record_effect(|| Effect::new("DEL").arg(dest.bytes));
    }
    Ok(store_built(view, dest, built, event, || {
        let effect = Effect::new("ZADD").arg(dest.bytes);
        pairs.iter().fold(effect, |effect, (score, member)| {
            let mut text = Vec::new();
            num::write_f64(&mut text, *score);
            effect.arg(text).arg(member)
        })
    }))
}
