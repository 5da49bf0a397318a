//! The options of searches, in all the forms that the commands have.

use super::super::Args;
use super::point;
use crate::codec::num;
use crate::error::{Error, Result};
use crate::operation::geo::{self, Center, Order, Point, Search, Shape, Store, Unit};
use crate::value::SortedSet;

/// Which command it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Radius { stores: bool },
    RadiusByMember { stores: bool },
    Search,
    SearchStore,
}

impl Form {
    /// The argument with the key that is searched.
    pub(super) fn source(self) -> usize {
        if self == Self::SearchStore { 2 } else { 1 }
    }

    /// The first argument that is an option.
    fn options(self) -> usize {
        match self {
            Self::Radius { .. } => 6,
            Self::RadiusByMember { .. } => 5,
            Self::Search => 2,
            Self::SearchStore => 3,
        }
    }

    /// The event of a result that is stored.
    pub(super) fn event(self) -> &'static str {
        if self == Self::SearchStore { "geosearchstore" } else { "georadiusstore" }
    }

    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }

    /// Whether the options name a key to store the result under.
    fn names_store(self) -> bool {
        matches!(self, Self::Radius { stores: true } | Self::RadiusByMember { stores: true })
    }
}

/// What is shown beside the members.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shown {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) place: bool,
}

/// A command's arguments.
pub(super) struct Request<'a> {
    /// Nothing, if there is nothing at the key.
    pub(super) search: Option<Search<'a>>,
    pub(super) shown: Shown,
    /// The argument with the key that the result is stored under, and what is stored.
    pub(super) store: Option<(usize, Store)>,
}

/// A unit by its name.
pub(super) fn unit(word: &[u8]) -> Result<Unit> {
    let units = [("m", Unit::Metres), ("km", Unit::Kilometres), ("ft", Unit::Feet), ("mi", Unit::Miles)];
    let found = units.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    let unknown = || Error::new("ERR unsupported unit provided. please use M, KM, FT, MI");
    found.map(|(_, unit)| unit).ok_or_else(unknown)
}

fn number(text: &[u8], error: &'static str) -> Result<f64> {
    num::parse_f64(text).ok_or_else(|| Error::new(error))
}

fn radius(args: &Args<'_>, at: usize) -> Result<(Shape<'static>, Unit)> {
    let radius = number(args.get(at), "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(Error::new("ERR radius cannot be negative"));
    }
    Ok((Shape::Radius(radius), unit(args.get(at + 1))?))
}

fn in_box(args: &Args<'_>, at: usize) -> Result<(Shape<'static>, Unit)> {
    let width = number(args.get(at), "ERR need numeric width")?;
    let height = number(args.get(at + 1), "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::new("ERR height or width cannot be negative"));
    }
    Ok((Shape::Box { width, height }, unit(args.get(at + 2))?))
}

/// The vertices of a polygon, at least three.
fn vertices(args: &Args<'_>, at: usize) -> Result<Vec<Point>> {
    let number = num::parse_i64(args.get(at)).and_then(|n| i32::try_from(n).ok());
    let number = number.ok_or_else(|| Error::new("ERR invalid number of vertices"))?;
    let (pairs, _) = args.from(at + 1).as_chunks::<2>();
    let number = usize::try_from(number).ok().filter(|&n| n >= 3);
    let pairs = number.and_then(|n| pairs.get(..n));
    let pairs = pairs.ok_or_else(|| Error::new("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"))?;
    pairs.iter().map(|[longitude, latitude]| point(longitude, latitude)).collect()
}

/// Where a member is; nowhere if there is no set, and then nobody asks.
fn place_of(set: Option<&SortedSet>, member: &[u8]) -> Result<Option<Point>> {
    set.map(|set| geo::position(set, member).ok_or_else(geo::no_such_member)).transpose()
}

impl<'a> Request<'a> {
    /// Looks at the arguments in Redis's order; `set` is what is at the key that is searched. The vertices of a polygon are
    /// put into `polygon`, which is empty before.
    pub(super) fn parse(
        form: Form,
        args: &Args<'_>,
        set: Option<&SortedSet>,
        polygon: &'a mut Vec<Point>,
    ) -> Result<Self> {
        let mut center = None;
        let (mut by_member, mut by_point, mut shape) = (false, false, None);
        match form {
            Form::Radius { .. } => {
                center = Some(point(args.get(2), args.get(3))?);
                shape = Some(radius(args, 4)?);
            }
            // Without a set Redis does not look at the radius.
            Form::RadiusByMember { .. } if set.is_some() => {
                center = place_of(set, args.get(2))?;
                shape = Some(radius(args, 3)?);
            }
            _ => {}
        }
        // The same way twice is fine, and the last one counts.
        let is_box = |shape: &Option<(Shape<'_>, Unit)>| matches!(shape, Some((Shape::Box { .. }, _)));
        let mut request = Self { search: None, shown: Shown::default(), store: None };
        let mut kind = Store::Place;
        let (mut order, mut count, mut any) = (None, None, false);
        let mut i = form.options();
        while i < args.len() {
            let left = args.len() - i - 1;
            if args.is(i, "WITHDIST") {
                request.shown.distance = true;
            } else if args.is(i, "WITHHASH") {
                request.shown.hash = true;
            } else if args.is(i, "WITHCOORD") {
                request.shown.place = true;
            } else if args.is(i, "ANY") {
                any = true;
            } else if args.is(i, "ASC") {
                order = Some(Order::Nearest);
            } else if args.is(i, "DESC") {
                order = Some(Order::Farthest);
            } else if args.is(i, "COUNT") && left >= 1 {
                let n = args.int(i + 1)?;
                let n = usize::try_from(n).ok().filter(|&n| n > 0);
                count = Some(n.ok_or_else(|| Error::new("ERR COUNT must be > 0"))?);
                i += 1;
            } else if form.names_store() && left >= 1 && (args.is(i, "STORE") || args.is(i, "STOREDIST")) {
                let kind = if args.is(i, "STORE") { Store::Place } else { Store::Distance };
                request.store = Some((i + 1, kind));
                i += 1;
            } else if form.is_search() && args.is(i, "FROMMEMBER") && left >= 1 && !by_point && polygon.is_empty() {
                center = place_of(set, args.get(i + 1))?;
                by_member = true;
                i += 1;
            } else if form.is_search() && args.is(i, "FROMLONLAT") && left >= 2 && !by_member && polygon.is_empty() {
                center = Some(point(args.get(i + 1), args.get(i + 2))?);
                by_point = true;
                i += 2;
            } else if form.is_search() && args.is(i, "BYRADIUS") && left >= 2 && !is_box(&shape) && polygon.is_empty() {
                shape = Some(radius(args, i + 1)?);
                i += 2;
            } else if form.is_search()
                && args.is(i, "BYBOX")
                && left >= 3
                && (shape.is_none() || is_box(&shape))
                && polygon.is_empty()
            {
                shape = Some(in_box(args, i + 1)?);
                i += 3;
            } else if form.is_search()
                && args.is(i, "BYPOLYGON")
                && left >= 2
                && shape.is_none()
                && !by_member
                && !by_point
            {
                // The number of vertices says how many pairs follow.
                *polygon = vertices(args, i + 1)?;
                i += 1 + 2 * polygon.len();
            } else if form == Form::SearchStore && args.is(i, "STOREDIST") {
                kind = Store::Distance;
            } else {
                return Err(Error::SYNTAX);
            }
            i += 1;
        }
        let polygon: &'a [Point] = polygon;
        if form == Form::SearchStore {
            request.store = Some((1, kind));
        }
        if request.store.is_some() && request.shown != Shown::default() {
            let name = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Error::new(format!(
                "ERR {name} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let exactly_one =
            |of: &str| Error::quoting(&format!("ERR exactly one of {of} can be specified for "), args.get(0), "");
        if form.is_search() && polygon.is_empty() && !by_member && !by_point {
            return Err(exactly_one("FROMMEMBER or FROMLONLAT"));
        }
        if form.is_search() && polygon.is_empty() && shape.is_none() {
            return Err(exactly_one("BYRADIUS and BYBOX"));
        }
        if any && count.is_none() {
            return Err(Error::new("ERR the ANY argument requires COUNT argument"));
        }
        request.search = match (set, center, shape) {
            (None, _, _) => None,
            _ if !polygon.is_empty() => Some(Search { order, count, any, ..Search::in_polygon(polygon, Unit::Metres) }),
            (_, Some(center), Some((shape, unit))) => {
                Some(Search { center: Center::Point(center), shape, unit, order, count, any })
            }
            _ => None,
        };
        Ok(request)
    }
}
