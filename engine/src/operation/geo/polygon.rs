//! Polygons on the map, as Valkey has them: their sides are straight in degrees, and none crosses the map's edge in the
//! east or west.

use crate::codec::geohash::{Area, Point, degrees, radians};

/// The middle of the vertices on the earth's ball, which may be outside of the polygon and, near the poles, off the map.
/// O(vertices).
pub fn centroid(vertices: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for vertex in vertices {
        let (longitude, latitude) = (radians(vertex.longitude), radians(vertex.latitude));
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    // The angles of a sum are those of the mean; dividing first would round them otherwise than Valkey does.
    Point { longitude: degrees(y.atan2(x)), latitude: degrees(z.atan2((x * x + y * y).sqrt())) }
}

/// The smallest box around the vertices; without any, one that nothing is in. O(vertices).
pub(super) fn bounds(vertices: &[Point]) -> Area {
    let nothing = Area { longitude: f64::INFINITY..f64::NEG_INFINITY, latitude: f64::INFINITY..f64::NEG_INFINITY };
    vertices.iter().fold(nothing, |area, vertex| Area {
        longitude: area.longitude.start.min(vertex.longitude)..area.longitude.end.max(vertex.longitude),
        latitude: area.latitude.start.min(vertex.latitude)..area.latitude.end.max(vertex.latitude),
    })
}

/// How far the farthest corner of a box is, in metres.
pub(super) fn reach(center: Point, bounds: &Area) -> f64 {
    let (longitude, latitude) = (&bounds.longitude, &bounds.latitude);
    let corners = [longitude.start, longitude.end]
        .into_iter()
        .flat_map(|longitude| [latitude.start, latitude.end].map(|latitude| Point { longitude, latitude }));
    corners.map(|corner| center.distance(corner)).fold(0.0, f64::max)
}

/// Whether a way from the place to the east crosses an odd number of sides. A place on a side in the west or south is
/// inside, one on a side in the east or north is not. O(vertices).
pub(super) fn contains(vertices: &[Point], place: Point) -> bool {
    let before = vertices.iter().cycle().skip(vertices.len().saturating_sub(1));
    let crossed = vertices.iter().zip(before).filter(|(to, from)| {
        let (height, width) = (from.latitude - to.latitude, from.longitude - to.longitude);
        (to.latitude > place.latitude) != (from.latitude > place.latitude)
            && place.longitude < width * (place.latitude - to.latitude) / height + to.longitude
    });
    crossed.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: [(f64, f64); 4] = [(10.0, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0, 40.0)];

    fn points(places: &[(f64, f64)]) -> Vec<Point> {
        places.iter().map(|&(longitude, latitude)| Point { longitude, latitude }).collect()
    }

    #[test]
    fn sides_belong_to_one_of_two_neighbours() {
        let square = points(&SQUARE);
        let is_inside = |longitude, latitude| contains(&square, Point { longitude, latitude });
        assert!(is_inside(20.0, 30.0) && is_inside(10.0, 30.0) && is_inside(20.0, 20.0) && is_inside(10.0, 20.0));
        assert!(!is_inside(30.0, 30.0) && !is_inside(20.0, 40.0) && !is_inside(30.0, 20.0) && !is_inside(9.9, 30.0));
    }

    #[test]
    fn what_is_enclosed_twice_is_outside() {
        // A star of five points around the origin.
        let star = points(&[(0.0, 10.0), (6.0, -8.0), (-9.5, 3.0), (9.5, 3.0), (-6.0, -8.0)]);
        let is_inside = |longitude, latitude| contains(&star, Point { longitude, latitude });
        assert!(is_inside(0.0, 8.0) && is_inside(-8.0, 2.5));
        assert!(!is_inside(0.0, 0.0) && !is_inside(5.0, 8.0));
    }

    #[test]
    fn fewer_than_three_vertices_enclose_nothing() {
        for n in 0..3 {
            let vertices = points(&SQUARE[..n]);
            assert!(vertices.iter().all(|&vertex| !contains(&vertices, vertex)));
            assert!(!contains(&vertices, Point { longitude: 0.0, latitude: 20.0 }));
        }
    }

    /// Asked of Valkey 9.1, by the distances that it gives.
    #[test]
    fn centroids_are_those_of_valkey() {
        let center = centroid(&points(&SQUARE));
        assert!((center.longitude - 20.0).abs() < 1e-9 && center.latitude > 30.0);
        let center = centroid(&points(&[(0.0, 0.0), (40.0, 0.0), (0.0, 40.0)]));
        assert!((center.longitude - 14.244_025_711_3).abs() < 1e-9);
        assert!((center.latitude - 13.823_161_234_0).abs() < 1e-9);
    }
}
