//! Random places against a plain list of them, and effects replayed into another engine.
#![allow(clippy::unwrap_used, reason = "a test that fails has to say so")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::api::recorder::Recorder;
use crate::operation::geo::centroid;
use crate::{Center, Engine, Error, Options, Order, Point, Search, Store, Unit};

fn open() -> Engine {
    Engine::open(Options::new().stripes(4)).unwrap()
}

fn place() -> impl Strategy<Value = Point> {
    let near = (10.0..20.0f64, 30.0..40.0f64);
    let anywhere = (-180.0..180.0f64, -85.0..85.0f64);
    prop_oneof![3 => near, 1 => anywhere].prop_map(|(longitude, latitude)| Point { longitude, latitude })
}

proptest! {
    /// More places than a small sorted set holds, now and then.
    #[test]
    fn searches_find_what_measuring_all_finds(
        places in prop_oneof![prop::collection::vec(place(), 0..20), prop::collection::vec(place(), 130..200)],
        center in place(),
        radius in prop_oneof![0.0..50.0f64, 0.0..1500.0],
        count in 1..10usize,
    ) {
        let db = open().db(0).unwrap();
        let named: Vec<(Point, String)> = places.iter().enumerate().map(|(i, &p)| (p, format!("p{i}"))).collect();
        if !named.is_empty() {
            prop_assert_eq!(db.geo_add("g", &named).unwrap().added, named.len());
        }
        // Scores round places a little, so measure what is stored. Far in the north and south Redis's cells do not reach.
        let names: Vec<&String> = named.iter().map(|(_, name)| name).collect();
        let stored: Vec<Point> = db.geo_pos("g", &names).unwrap().into_iter().flatten().collect();
        prop_assume!(center.latitude.abs() < 60.0);
        let wanted: BTreeMap<Vec<u8>, f64> = names.iter().zip(&stored)
            .map(|(name, &point)| (name.as_bytes().to_vec(), center.distance(point) / 1000.0))
            .filter(|(_, distance)| *distance * 1000.0 <= radius * 1000.0)
            .collect();
        let search = Search::radius(Center::Point(center), radius, Unit::Kilometres);
        let found = db.geo_search("g", &search).unwrap();
        prop_assert_eq!(found.len(), wanted.len());
        for place in &found {
            prop_assert_eq!(wanted.get(&place.member), Some(&place.distance));
        }
        let nearest = db.geo_search("g", &search.count(count)).unwrap();
        prop_assert_eq!(nearest.len(), count.min(wanted.len()));
        prop_assert!(nearest.is_sorted_by(|a, b| a.distance <= b.distance));
        let mut farthest = found;
        farthest.sort_by(|a, b| b.distance.total_cmp(&a.distance));
        prop_assert_eq!(db.geo_search("g", &search.order(Order::Farthest)).unwrap().len(), farthest.len());
    }
}

/// How often the boundary of a polygon goes around a place: an independent way to tell whether it is inside.
fn turns(vertices: &[Point], place: Point) -> i64 {
    let mut angle = 0.0;
    for (i, from) in vertices.iter().enumerate() {
        let to = vertices[(i + 1) % vertices.len()];
        let towards = |p: &Point| (p.latitude - place.latitude).atan2(p.longitude - place.longitude);
        let step = towards(&to) - towards(from);
        angle += step - (step / std::f64::consts::TAU).round() * std::f64::consts::TAU;
    }
    (angle / std::f64::consts::TAU).round() as i64
}

proptest! {
    #[test]
    fn polygons_hold_what_their_boundary_goes_around_an_odd_number_of_times(
        places in prop::collection::vec(place(), 0..200),
        vertices in prop_oneof![
            4 => prop::collection::vec((5.0..25.0f64, 25.0..45.0f64), 0..8),
            1 => prop::collection::vec((-80.0..80.0f64, -60.0..60.0f64), 3..8),
        ],
        count in 1..10usize,
    ) {
        let vertices: Vec<Point> =
            vertices.into_iter().map(|(longitude, latitude)| Point { longitude, latitude }).collect();
        let db = open().db(0).unwrap();
        let named: Vec<(Point, String)> = places.iter().enumerate().map(|(i, &p)| (p, format!("p{i}"))).collect();
        if !named.is_empty() {
            db.geo_add("g", &named).unwrap();
        }
        let names: Vec<&String> = named.iter().map(|(_, name)| name).collect();
        let stored: Vec<Point> = db.geo_pos("g", &names).unwrap().into_iter().flatten().collect();
        let search = Search::in_polygon(&vertices, Unit::Kilometres);
        let center = centroid(&vertices);
        let wanted: BTreeMap<Vec<u8>, f64> = names.iter().zip(&stored)
            .filter(|&(_, &point)| turns(&vertices, point) % 2 != 0)
            .map(|(name, &point)| (name.as_bytes().to_vec(), center.distance(point) / 1000.0))
            .collect();
        let found = db.geo_search("g", &search).unwrap();
        let found: BTreeMap<Vec<u8>, f64> = found.into_iter().map(|place| (place.member, place.distance)).collect();
        prop_assert_eq!(&found, &wanted);
        let farthest = db.geo_search("g", &search.order(Order::Farthest).count(count)).unwrap();
        prop_assert_eq!(farthest.len(), count.min(wanted.len()));
        prop_assert!(farthest.is_sorted_by(|a, b| a.distance >= b.distance));
        prop_assert_eq!(db.geo_search_store("in", "g", &search, Store::Place).unwrap(), wanted.len());
    }
}

#[test]
fn polygons_may_have_their_middle_off_the_map() {
    let db = open().db(0).unwrap();
    let at = |longitude, latitude| Point::new(longitude, latitude).unwrap();
    db.geo_add("g", &[(at(0.0, 82.0), "a")]).unwrap();
    let vertices = [at(-170.0, 80.0), at(170.0, 80.0), at(0.0, 85.0)];
    assert!(centroid(&vertices).latitude > 85.06);
    assert_eq!(db.geo_search("g", &Search::in_polygon(&vertices, Unit::Metres)).unwrap().len(), 1);
}

#[test]
fn what_is_stored_is_replayed() {
    let (engine, other) = (open(), open());
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    let at = |longitude, latitude| Point::new(longitude, latitude).unwrap();
    db.geo_add("g", &[(at(15.0, 37.0), "a"), (at(15.1, 37.1), "b"), (at(50.0, 37.0), "c")]).unwrap();
    db.set("near", "in the way").unwrap();
    let search = Search::radius(Center::Member(b"a"), 100.0, Unit::Kilometres);
    assert_eq!(db.geo_search_store("near", "g", &search, Store::Distance), Ok(2));
    assert_eq!(db.geo_search_store("places", "g", &search, Store::Place), Ok(2));
    assert_eq!(db.geo_search_store("g2", "nothing", &search, Store::Place), Ok(0));
    let missing = Search::radius(Center::Member(b"x"), 1.0, Unit::Miles);
    let error = Error::new("ERR could not decode requested zset member");
    assert_eq!(db.geo_search_store("near", "g", &missing, Store::Place), Err(error));
    for effect in recorder.effects.lock().iter() {
        other.execute(&effect.argv()).unwrap();
    }
    for key in ["g", "near", "places"] {
        let all = |engine: &Engine| engine.execute(&["ZRANGE", key, "0", "-1", "WITHSCORES"]).unwrap();
        assert_eq!(all(&engine), all(&other), "{key}");
    }
}
