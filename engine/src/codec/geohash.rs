//! Places on earth as numbers of 52 bits, as Redis has them: scores that are near each other are near on earth.
//!
//! A place is cut in half by longitude and latitude in turn. After `step` cuts of each the number has `2 * step` bits, the
//! even ones of the latitude and the odd ones of the longitude, and stands for a cell; a score is the number of 26 cuts.
//! The order of the floating-point operations is part of the format.

use std::ops::Range;

/// Cuts of each axis in a score.
pub const STEP_MAX: u32 = 26;
/// The farthest place to the north or south that can be stored: the edge of a map in Mercator's projection.
pub const LATITUDE_MAX: f64 = 85.05112878;
/// The farthest place to the east or west.
pub const LONGITUDE_MAX: f64 = 180.0;
/// The earth as a ball, in metres.
pub const EARTH_RADIUS: f64 = 6_372_797.560856;
/// Half of the earth's girth on the map, in metres.
const MERCATOR_MAX: f64 = 20_037_726.37;

const EVEN: u64 = 0x5555_5555_5555_5555;
const ODD: u64 = EVEN << 1;

const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// Degrees as an angle.
pub fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

/// An angle in degrees.
pub fn degrees(radians: f64) -> f64 {
    radians / DEGREE
}

/// A place on earth, in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// East is positive.
    pub longitude: f64,
    /// North is positive.
    pub latitude: f64,
}

impl Point {
    /// A place, if it can be stored.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let there =
            (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&longitude) && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&latitude);
        there.then_some(Self { longitude, latitude })
    }

    /// Whether the place can be stored.
    pub fn is_on_map(self) -> bool {
        Self::new(self.longitude, self.latitude).is_some()
    }

    /// The score of the place.
    pub fn score(self) -> u64 {
        Cell::of(self, STEP_MAX).bits
    }

    /// The place that a score stands for: the middle of its cell.
    pub fn of_score(score: f64) -> Self {
        let area = Cell { bits: score as u64, step: STEP_MAX }.area();
        let middle = |range: &Range<f64>| (range.start + range.end) / 2.0;
        Self {
            longitude: middle(&area.longitude).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: middle(&area.latitude).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The way from here to there along the earth's surface, in metres.
    pub fn distance(self, to: Self) -> f64 {
        let v = ((radians(to.longitude) - radians(self.longitude)) / 2.0).sin();
        if v.abs() <= 0.0 {
            return latitude_distance(self.latitude, to.latitude);
        }
        let (from_latitude, to_latitude) = (radians(self.latitude), radians(to.latitude));
        let u = ((to_latitude - from_latitude) / 2.0).sin();
        let a = u * u + from_latitude.cos() * to_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }

    /// The place's geohash as other systems write it: eleven letters, the last of which is always `0`, because a score
    /// has no bits for it.
    pub fn geohash(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        // They cut at the poles and not at the map's edge.
        let bits = encode(self, STEP_MAX, 90.0);
        std::array::from_fn(|i| {
            let index = if i < 10 { bits >> (52 - (i + 1) * 5) & 31 } else { 0 };
            LETTERS[index as usize]
        })
    }
}

/// The way between two latitudes, in metres.
pub fn latitude_distance(from: f64, to: f64) -> f64 {
    EARTH_RADIUS * (radians(to) - radians(from)).abs()
}

/// The bits of a number spread out to the even places.
fn spread(n: u32) -> u64 {
    let mut x = u64::from(n);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, EVEN),
    ] {
        x = (x | x << shift) & mask;
    }
    x
}

/// The bits at the even places.
fn gather(n: u64) -> u32 {
    let mut x = n & EVEN;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        x = (x | x >> shift) & mask;
    }
    x as u32
}

fn encode(point: Point, step: u32, latitude_max: f64) -> u64 {
    let cells = (1u64 << step) as f64;
    let cell = |at: f64, max: f64| ((at - -max) / (max - -max) * cells) as u32;
    spread(cell(point.latitude, latitude_max)) | spread(cell(point.longitude, LONGITUDE_MAX)) << 1
}

/// A cell of the map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cell {
    bits: u64,
    step: u32,
}

/// What a cell covers.
#[derive(Clone, PartialEq, Debug)]
pub struct Area {
    /// From west to east.
    pub longitude: Range<f64>,
    /// From south to north.
    pub latitude: Range<f64>,
}

impl Cell {
    /// The cell of a place after `step` cuts, 1 to [`STEP_MAX`].
    pub fn of(point: Point, step: u32) -> Self {
        Self { bits: encode(point, step, LATITUDE_MAX), step }
    }

    /// What the cell covers.
    pub fn area(self) -> Area {
        let cells = (1u64 << self.step) as f64;
        let range = |cell: u32, max: f64| {
            let (cell, scale) = (f64::from(cell), max - -max);
            -max + cell / cells * scale..-max + (cell + 1.0) / cells * scale
        };
        Area {
            longitude: range(gather(self.bits >> 1), LONGITUDE_MAX),
            latitude: range(gather(self.bits), LATITUDE_MAX),
        }
    }

    /// The scores of the places in the cell.
    pub fn scores(self) -> Range<u64> {
        let shift = 52 - self.step * 2;
        self.bits << shift..(self.bits + 1) << shift
    }

    /// The cell `east` cells to the east and `north` to the north, both -1 to 1; around the earth where the map ends.
    fn beside(self, east: i32, north: i32) -> Self {
        let unused = 64 - self.step * 2;
        let moved = |axis: u64, other: u64, by: i32| {
            // With the other axis' bits set, a carry passes through them.
            let (one, axis_bits) = ((other >> unused).wrapping_add(1), self.bits & axis);
            let moved = match by {
                1 => axis_bits.wrapping_add(one),
                -1 => (axis_bits | other >> unused).wrapping_sub(one),
                _ => return axis_bits,
            };
            moved & axis >> unused
        };
        Self { bits: moved(ODD, EVEN, east) | moved(EVEN, ODD, north), step: self.step }
    }
}

/// How many cuts make cells so large that those around a place cover a radius, in metres.
fn step_for(radius: f64, latitude: f64) -> u32 {
    if radius <= 0.0 {
        return STEP_MAX;
    }
    let (mut radius, mut step) = (radius, 1i32);
    while radius < MERCATOR_MAX {
        radius *= 2.0;
        step += 1;
    }
    step -= 2;
    // Cells are narrower towards the poles.
    step -= i32::from(latitude.abs() > 66.0) + i32::from(latitude.abs() > 80.0);
    step.clamp(1, STEP_MAX as i32) as u32
}

/// The cells in which everything within `bounds` lies, and within `radius` metres of a place at most, without those that
/// the bounds do not touch; in the order in which Redis looks at them. Some may come twice in a row.
pub fn cells_around(center: Point, bounds: &Area, radius: f64) -> Vec<Cell> {
    let mut step = step_for(radius, center.latitude);
    let mut cell = Cell::of(center, step);
    let north = cell.beside(0, 1).area().latitude.end < bounds.latitude.end;
    let south = cell.beside(0, -1).area().latitude.start > bounds.latitude.start;
    let east = cell.beside(1, 0).area().longitude.end < bounds.longitude.end;
    let west = cell.beside(-1, 0).area().longitude.start > bounds.longitude.start;
    if step > 1 && (north || south || east || west) {
        step -= 1;
        cell = Cell::of(center, step);
    }
    let area = cell.area();
    let is_needed = |(east, north): (i32, i32)| {
        step < 2
            || !(north < 0 && area.latitude.start < bounds.latitude.start
                || north > 0 && area.latitude.end > bounds.latitude.end
                || east < 0 && area.longitude.start < bounds.longitude.start
                || east > 0 && area.longitude.end > bounds.longitude.end)
    };
    let order = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
    order.into_iter().filter(|&at| is_needed(at)).map(|(east, north)| cell.beside(east, north)).collect()
}

/// The box that reaches `half_width` and `half_height` metres to each side of a place.
pub fn box_around(center: Point, half_width: f64, half_height: f64) -> Area {
    let Point { longitude, latitude } = center;
    let high = degrees(half_height / EARTH_RADIUS);
    // Of the two edges the one nearer to the pole spans more degrees.
    let edge = if latitude < 0.0 { latitude - high } else { latitude + high };
    let wide = degrees(half_width / EARTH_RADIUS / radians(edge).cos());
    Area { longitude: longitude - wide..longitude + wide, latitude: latitude - high..latitude + high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(longitude: f64, latitude: f64) -> Point {
        Point::new(longitude, latitude).expect("on the map")
    }

    /// Asked of Redis 7.0.15.
    #[test]
    fn scores_of_redis() {
        let (palermo, catania) = (point(13.361389, 38.115556), point(15.087269, 37.502669));
        assert_eq!((palermo.score(), catania.score()), (3_479_099_956_230_698, 3_479_447_370_796_909));
        assert_eq!((&palermo.geohash(), &catania.geohash()), (b"sqc8b49rny0", b"sqdtr74hyu0"));
        let stored = |p: Point| Point::of_score(p.score() as f64);
        let distance = stored(palermo).distance(stored(catania));
        assert_eq!(format!("{distance:.4}"), "166274.1516");
        assert_eq!(Point::new(180.1, 0.0), None);
        assert_eq!(Point::new(0.0, 85.06), None);
        assert_eq!(Point::new(f64::NAN, 0.0), None);
    }

    proptest! {
        #[test]
        fn places_come_back(longitude in -180.0..180.0f64, latitude in -85.0..85.0f64) {
            let place = point(longitude, latitude);
            let again = Point::of_score(place.score() as f64);
            prop_assert!((again.longitude - longitude).abs() < 1e-5);
            prop_assert!((again.latitude - latitude).abs() < 1e-5);
            prop_assert_eq!(again.score(), place.score());
        }

        #[test]
        fn cells_cover_what_is_near(
            longitude in -170.0..170.0f64, latitude in -70.0..70.0f64,
            radius in 1.0..500_000.0f64, east in -1.0..1.0f64, north in -1.0..1.0f64,
        ) {
            let center = point(longitude, latitude);
            let (dy, dx) = (degrees(radius * north / EARTH_RADIUS), degrees(radius * east / EARTH_RADIUS));
            let Some(near) = Point::new(longitude + dx, latitude + dy) else { return Ok(()) };
            if center.distance(near) > radius {
                return Ok(());
            }
            let cells = cells_around(center, &box_around(center, radius, radius), radius);
            let score = near.score();
            prop_assert!(cells.iter().any(|cell| cell.scores().contains(&score)));
        }
    }
}
