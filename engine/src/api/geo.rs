//! Places on earth.

#[cfg(test)]
mod tests;

use super::{Db, Scope};
use crate::error::Result;
use crate::keyspace::Access;
use crate::operation::geo::{self, Point, Search, Store, Unit};
use crate::operation::sorted_set::{AddOptions, Added};

/// A member that a search has found.
#[derive(Clone, PartialEq, Debug)]
pub struct Place {
    /// The member.
    pub member: Vec<u8>,
    /// Where it is.
    pub point: Point,
    /// How far it is from where the search began, in the search's unit.
    pub distance: f64,
}

/// Sorted sets whose scores are places on earth.
///
/// ```
/// # use carnelian::{Center, Engine, Options, Order, Point, Search, Unit};
/// let db = Engine::open(Options::new())?.db(0)?;
/// let place = |longitude, latitude| Point::new(longitude, latitude).expect("on the map");
/// let (palermo, catania) = (place(13.361389, 38.115556), place(15.087269, 37.502669));
/// db.geo_add("sicily", &[(palermo, "Palermo"), (catania, "Catania")])?;
/// let far = db.geo_dist("sicily", "Palermo", "Catania", Unit::Kilometres)?;
/// assert_eq!(far.map(f64::round), Some(166.0));
///
/// let search = Search::radius(Center::Point(place(15.0, 37.0)), 200.0, Unit::Kilometres);
/// let found = db.geo_search("sicily", &search.order(Order::Nearest))?;
/// assert_eq!(found[0].member, b"Catania");
/// assert_eq!(found[1].distance.round(), 190.0);
/// # Ok::<(), carnelian::Error>(())
/// ```
impl<S: Scope> Db<S> {
    /// Gives members places. O(log n) for each.
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), so for all of these methods;
    /// [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY), so for all methods that may need more memory.
    pub fn geo_add(&self, key: impl AsRef<[u8]>, places: &[(Point, impl AsRef<[u8]>)]) -> Result<Added> {
        self.geo_add_with(key, places, AddOptions::new())
    }

    /// Gives members places, as [`AddOptions`] say. O(log n) for each.
    ///
    /// # Errors
    /// As for [`geo_add`](Self::geo_add); an error if options exclude each other.
    pub fn geo_add_with(
        &self,
        key: impl AsRef<[u8]>,
        places: &[(Point, impl AsRef<[u8]>)],
        options: AddOptions,
    ) -> Result<Added> {
        let places: Vec<(Point, &[u8])> = places.iter().map(|(point, member)| (*point, member.as_ref())).collect();
        self.write(key.as_ref(), |view, key| geo::add(view, key, &places, options))
    }

    /// Where members are, as exactly as scores tell: within a metre. O(members).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn geo_pos(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<Vec<Option<Point>>> {
        self.read(key.as_ref(), |view, key| {
            let set = geo::get(view, key)?;
            Ok(members.iter().map(|member| set.and_then(|set| geo::position(set, member.as_ref()))).collect())
        })
    }

    /// The places of members as geohashes of eleven letters. O(members).
    ///
    /// ```
    /// # use carnelian::{Engine, Options, Point};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let palermo = Point::new(13.361389, 38.115556).expect("on the map");
    /// db.geo_add("sicily", &[(palermo, "Palermo")])?;
    /// assert_eq!(db.geo_hash("sicily", &["Palermo", "Rome"])?, [Some("sqc8b49rny0".into()), None]);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn geo_hash(&self, key: impl AsRef<[u8]>, members: &[impl AsRef<[u8]>]) -> Result<Vec<Option<String>>> {
        let points = self.geo_pos(key, members)?;
        let text = |point: Point| point.geohash().iter().map(|&letter| char::from(letter)).collect();
        Ok(points.into_iter().map(|point| point.map(text)).collect())
    }

    /// How far two members are from each other; `None` if one of them is not there. O(1).
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn geo_dist(
        &self,
        key: impl AsRef<[u8]>,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
        unit: Unit,
    ) -> Result<Option<f64>> {
        let metres = self.read(key.as_ref(), |view, key| geo::distance(view, key, from.as_ref(), to.as_ref()))?;
        Ok(metres.map(|metres| metres / unit.metres()))
    }

    /// What a search finds. O(n + log m) for n members in the part of the map around what is searched and m in all; times
    /// the vertices of a polygon.
    ///
    /// ```
    /// # use carnelian::{Engine, Options, Point, Search, Unit};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let place = |longitude, latitude| Point::new(longitude, latitude).expect("on the map");
    /// let (palermo, rome) = (place(13.361389, 38.115556), place(12.4963, 41.9027));
    /// db.geo_add("italy", &[(palermo, "Palermo"), (rome, "Rome")])?;
    /// let sicily = [place(12.4, 38.1), place(15.2, 36.6), place(15.7, 38.5)];
    /// let found = db.geo_search("italy", &Search::in_polygon(&sicily, Unit::Kilometres))?;
    /// assert_eq!(found.len(), 1);
    /// assert_eq!(found[0].member, b"Palermo");
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if the member to begin from is not there.
    pub fn geo_search(&self, key: impl AsRef<[u8]>, search: &Search<'_>) -> Result<Vec<Place>> {
        self.read(key.as_ref(), |view, key| {
            let found = geo::search(view, key, search)?;
            let place = |found: geo::Found<'_>| Place {
                point: found.point(),
                distance: found.distance,
                member: found.member.to_vec(),
            };
            Ok(found.into_iter().map(place).collect())
        })
    }

    /// Stores what a search finds, as places or with distances for scores, in place of whatever `dest` holds, and returns
    /// how many members it is; none delete the key. As [`geo_search`](Self::geo_search).
    ///
    /// ```
    /// # use carnelian::{Center, Engine, Options, Point, Search, Store, Unit};
    /// # let db = Engine::open(Options::new())?.db(0)?;
    /// let here = Point::new(15.0, 37.0).expect("on the map");
    /// db.geo_add("places", &[(here, "here")])?;
    /// let search = Search::in_box(Center::Member(b"here"), 10.0, 10.0, Unit::Miles);
    /// assert_eq!(db.geo_search_store("near", "places", &search, Store::Place)?, 1);
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// As for [`geo_search`](Self::geo_search) and [`geo_add`](Self::geo_add).
    pub fn geo_search_store(
        &self,
        dest: impl AsRef<[u8]>,
        source: impl AsRef<[u8]>,
        search: &Search<'_>,
        kind: Store,
    ) -> Result<usize> {
        let space = self.space();
        let (dest, source) = (space.key(dest.as_ref()), space.key(source.as_ref()));
        self.on_keys(Access::Write, &[dest, source], |view| {
            geo::store(view, &dest, &source, search, kind, "geosearchstore")
        })
    }
}
