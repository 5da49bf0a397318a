//! Places on earth.

mod options;

use self::options::{Form, Request, Shown};
use super::{Args, Begin, Categories, Find, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::geo::{self, Found, Point};
use crate::operation::sorted_set::AddOptions;
use crate::value::listpack::Item;

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const REPLACES: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);

const READS_ONE: &[KeySpec] = &[KeySpec::at(1, READS)];

/// The key behind a word.
const fn behind(word: &'static str, from: i32) -> KeySpec {
    KeySpec {
        flags: REPLACES.union(KeyFlags::VARIABLE_FLAGS),
        begin: Begin::Keyword(word, from),
        find: Find::Range { last: 0, step: 1, limit: 0 },
    }
}

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Geo, run).categories(Categories::GEO)
}

const FROM_POINT: &str = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]";
const FROM_POINT_RO: &str = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC]";
const FROM_MEMBER: &str = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]";
const FROM_MEMBER_RO: &str = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC]";
const COST: &str = "O(N+log(M)) for N members in the part of the map around what is searched and M in all.";

pub(super) const COMMANDS: &[Spec] = &[
    spec("geoadd", -5, Run::Keys(&geoadd))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, KeyFlags::RW.union(KeyFlags::UPDATE))])
        .docs(
            "3.2.0",
            "Gives members of a sorted set places on earth.",
            "O(log(N)) for each member, N being the size of the sorted set.",
            "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
        ),
    spec("geodist", -4, Run::Keys(&geodist)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "3.2.0",
        "Tells how far two members are from each other.",
        "O(1)",
        "key member1 member2 [M | KM | FT | MI]",
    ),
    spec("geohash", -2, Run::Keys(&geohash)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "3.2.0",
        "Gives the places of members as geohashes.",
        "O(1) for each member.",
        "key [member [member ...]]",
    ),
    spec("geopos", -2, Run::Keys(&geopos)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "3.2.0",
        "Gives longitude and latitude of members.",
        "O(1) for each member.",
        "key [member [member ...]]",
    ),
    spec("georadius", -6, Run::Keys(&georadius))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, READS), behind("STORE", 6), behind("STOREDIST", 6)])
        .docs("3.2.0", "Finds members near a place, and stores them if asked.", COST, FROM_POINT),
    spec("georadius_ro", -6, Run::Keys(&georadius_ro)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "3.2.10",
        "Finds members near a place.",
        COST,
        FROM_POINT_RO,
    ),
    spec("georadiusbymember", -5, Run::Keys(&georadiusbymember))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, READS), behind("STORE", 5), behind("STOREDIST", 5)])
        .docs("3.2.0", "Finds members near a member, and stores them if asked.", COST, FROM_MEMBER),
    spec("georadiusbymember_ro", -5, Run::Keys(&georadiusbymember_ro)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "3.2.10",
        "Finds members near a member.",
        COST,
        FROM_MEMBER_RO,
    ),
    spec("geosearch", -7, Run::Keys(&geosearch)).flags(Flags::READONLY).keys(READS_ONE).docs(
        "6.2.0",
        "Finds members in a circle, a box or a polygon.",
        COST,
        "key [FROMMEMBER member | FROMLONLAT longitude latitude] \
         <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | \
         BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> \
         [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    ),
    spec("geosearchstore", -8, Run::Keys(&geosearchstore))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, REPLACES), KeySpec::at(2, READS)])
        .docs(
            "6.2.0",
            "Stores the members in a circle, a box or a polygon.",
            COST,
            "destination source [FROMMEMBER member | FROMLONLAT longitude latitude] \
             <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | \
             BYPOLYGON num-vertices longitude latitude [longitude latitude ...]> \
             [ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
        ),
];

/// A place out of two words.
fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point> {
    let number = |text: &[u8]| num::parse_f64(text).ok_or(Error::NOT_FLOAT);
    let (longitude, latitude) = (number(longitude)?, number(latitude)?);
    Point::new(longitude, latitude).ok_or_else(|| {
        let shown = |n: f64| if n.is_infinite() { n.to_string() } else { format!("{n:.6}") };
        Error::new(format!("ERR invalid longitude,latitude pair {},{}", shown(longitude), shown(latitude)))
    })
}

fn geoadd(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (mut options, mut nx, mut xx, mut counts_changes) = (AddOptions::new(), false, false, false);
    let mut rest = args.from(2);
    while let [word, after @ ..] = rest {
        if word.eq_ignore_ascii_case(b"NX") {
            (options, nx) = (options.nx(), true);
        } else if word.eq_ignore_ascii_case(b"XX") {
            (options, xx) = (options.xx(), true);
        } else if word.eq_ignore_ascii_case(b"CH") {
            counts_changes = true;
        } else {
            break;
        }
        rest = after;
    }
    let (triples, []) = rest.as_chunks::<3>() else { return Err(Error::SYNTAX) };
    if nx && xx {
        return Err(Error::SYNTAX);
    }
    let places = triples.iter().map(|[longitude, latitude, member]| Ok((point(longitude, latitude)?, *member)));
    let places = places.collect::<Result<Vec<_>>>()?;
    let done = geo::add(view, &args.key(1), &places, options)?;
    reply.count(if counts_changes { done.added + done.updated } else { done.added });
    Ok(())
}

/// A distance, in four digits behind the point.
fn write_distance(reply: &mut Reply<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

fn write_point(reply: &mut Reply<'_>, point: Point) {
    reply.array(2);
    reply.exact_double(point.longitude);
    reply.exact_double(point.latitude);
}

fn geodist(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let unit = match args.from(4) {
        [] => geo::Unit::Metres,
        [unit] => options::unit(unit)?,
        _ => return Err(Error::SYNTAX),
    };
    match geo::distance(view, &args.key(1), args.get(2), args.get(3))? {
        Some(distance) => write_distance(reply, distance / unit.metres()),
        None => reply.null(),
    }
    Ok(())
}

fn geohash(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let set = geo::get(view, &args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        match set.and_then(|set| geo::position(set, member)) {
            Some(point) => reply.bulk(&point.geohash()),
            None => reply.null(),
        }
    }
    Ok(())
}

fn geopos(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let set = geo::get(view, &args.key(1))?;
    let members = args.from(2);
    reply.array(members.len());
    for member in members {
        match set.and_then(|set| geo::position(set, member)) {
            Some(point) => write_point(reply, point),
            None => reply.null_array(),
        }
    }
    Ok(())
}

/// Runs any form of search.
fn run(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, form: Form) -> Result<()> {
    let source = args.key(form.source());
    let mut polygon = Vec::new();
    let request = Request::parse(form, args, geo::peek(view, &source)?, &mut polygon)?;
    let Some(search) = request.search else {
        // There is nothing to search: a miss.
        geo::get(view, &source)?;
        match request.store {
            Some((at, _)) => {
                geo::store_nothing(view, &args.key(at));
                reply.int(0);
            }
            None => reply.array(0),
        }
        return Ok(());
    };
    if let Some((at, kind)) = request.store {
        reply.count(geo::store(view, &args.key(at), &source, &search, kind, form.event())?);
        return Ok(());
    }
    let found = geo::search(view, &source, &search)?;
    reply.array(found.len());
    found.iter().for_each(|found| write_found(reply, found, request.shown));
    Ok(())
}

fn write_found(reply: &mut Reply<'_>, found: &Found<'_>, shown: Shown) {
    let extras = usize::from(shown.distance) + usize::from(shown.hash) + usize::from(shown.place);
    if extras > 0 {
        reply.array(1 + extras);
    }
    match found.member {
        Item::Int(n) => reply.bulk_int(n),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
    if shown.distance {
        write_distance(reply, found.distance);
    }
    if shown.hash {
        reply.int(found.score as i64);
    }
    if shown.place {
        write_point(reply, found.point());
    }
}

fn georadius(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::Radius { stores: true })
}

fn georadius_ro(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::Radius { stores: false })
}

fn georadiusbymember(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::RadiusByMember { stores: true })
}

fn georadiusbymember_ro(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::RadiusByMember { stores: false })
}

fn geosearch(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::Search)
}

fn geosearchstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    run(view, args, reply, Form::SearchStore)
}
