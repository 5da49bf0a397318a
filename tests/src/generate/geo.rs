//! Commands of the geo group.
//!
//! Places have coordinates of their own, so that no two distances are alike and every order is the only one.

use super::{Command, Generator, Step, argv};

pub(super) fn step(g: &mut Generator) -> Step {
    let key = map(g);
    let command = match g.rng.below(25) {
        0..=7 => geoadd(g, key),
        8..=9 => several(g, "GEOPOS", key),
        10 => several(g, "GEOHASH", key),
        11..=12 => {
            let mut command = argv!["GEODIST", key, member(g), member(g)];
            if g.rng.one_in(2) {
                command.push(unit(g));
            }
            command
        }
        13..=14 => {
            let command = argv!["GEORADIUS", key, longitude(g), latitude(g), distance(g), unit(g)];
            options(g, command, true)
        }
        15 => {
            let command = argv!["GEORADIUSBYMEMBER", key, member(g), distance(g), unit(g)];
            options(g, command, true)
        }
        16 => {
            let command = argv!["GEORADIUS_RO", key, longitude(g), latitude(g), distance(g), unit(g)];
            options(g, command, false)
        }
        17 => {
            let command = argv!["GEORADIUSBYMEMBER_RO", key, member(g), distance(g), unit(g)];
            options(g, command, false)
        }
        18..=20 => {
            let command = argv!["GEOSEARCH", key];
            search(g, command)
        }
        21..=22 => {
            let mut command = argv!["GEOSEARCHSTORE", map(g), key];
            command = search(g, command);
            if g.rng.one_in(3) {
                command.push(g.word("STOREDIST"));
            }
            command
        }
        23 => argv!["SET", "map:not a map", "x"],
        _ => argv!["ZRANGE", key, "0", "-1", "WITHSCORES"],
    };
    Step::one(g.spoil(command))
}

/// A key that no other generator makes a sorted set of: the places that other scores stand for depend on how a
/// processor turns numbers below zero into unsigned ones.
fn map(g: &mut Generator) -> Vec<u8> {
    argv![g.rng.pick(&["map:1", "map:2", "map:{t}", "map:not a map"])].remove(0)
}

fn member(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(8) {
        0 => format!("place:{}", g.rng.below(300)).into(),
        _ => argv![g.rng.pick(&["a", "b", "c", "d", "Palermo", "Catania", "1", ""])].remove(0),
    }
}

fn several(g: &mut Generator, name: &str, key: Vec<u8>) -> Command {
    let mut command = argv![name, key];
    for _ in 0..g.rng.below(4) {
        command.push(member(g));
    }
    command
}

/// A coordinate, mostly near others, of which no two are alike.
fn coordinate(g: &mut Generator, most: i64, bad: &[&str]) -> Vec<u8> {
    match g.rng.below(40) {
        0 => argv![g.rng.pick(bad)].remove(0),
        1..=10 => format!("{}.{:09}", g.rng.between(1 - most, most - 1), g.rng.below(1_000_000_000)).into(),
        _ => format!("{}.{:09}", g.rng.between(13, 17), g.rng.below(1_000_000_000)).into(),
    }
}

fn longitude(g: &mut Generator) -> Vec<u8> {
    coordinate(g, 180, &["180.1", "-181", "abc", "", "1e1", "inf", "nan"])
}

fn latitude(g: &mut Generator) -> Vec<u8> {
    coordinate(g, 85, &["85.06", "-86", "abc", "", "1e1", "inf", "nan"])
}

fn unit(g: &mut Generator) -> Vec<u8> {
    if g.rng.one_in(16) { g.word_of(&["", "x", "kms"]) } else { g.word_of(&["m", "km", "ft", "mi", "km"]) }
}

fn distance(g: &mut Generator) -> Vec<u8> {
    match g.rng.below(10) {
        0 => argv![g.rng.pick(&["-1", "abc", "", "0", "1e3", "nan", "-0"])].remove(0),
        1..=3 => g.rng.below(5000).to_string().into(),
        _ => format!("{}.{}", g.rng.below(600), g.rng.below(100)).into(),
    }
}

fn geoadd(g: &mut Generator, key: Vec<u8>) -> Command {
    let mut command = argv!["GEOADD", key];
    for _ in 0..g.rng.below(3) {
        if g.rng.one_in(2) {
            command.push(g.word_of(&["NX", "XX", "CH", "CH"]));
        }
    }
    let many = if g.rng.one_in(12) { 140 } else { g.rng.between(1, 5) };
    for _ in 0..many {
        let name = if many > 5 { format!("place:{}", g.rng.below(300)).into() } else { member(g) };
        // The last places of a long command are good ones, or it would hardly ever be.
        let place = if many > 5 {
            [(); 2].map(|()| format!("{}.{:09}", g.rng.between(10, 20), g.rng.below(1_000_000_000)).into_bytes())
        } else {
            [longitude(g), latitude(g)]
        };
        command.extend(place);
        command.push(name);
    }
    command
}

/// Options of the older forms. An order is always given, or any places that are found first would do.
fn options(g: &mut Generator, mut command: Command, stores: bool) -> Command {
    command.push(g.word_of(&["ASC", "DESC"]));
    for _ in 0..g.rng.below(4) {
        match g.rng.below(if stores { 8 } else { 6 }) {
            0..=2 => command.push(g.word_of(&["WITHDIST", "WITHCOORD", "WITHHASH"])),
            3 => {
                let count = if g.rng.one_in(4) { g.integer() } else { g.rng.between(1, 5).to_string().into() };
                command.extend([g.word("COUNT"), count]);
            }
            4 => {
                // More than there are, so that nothing depends on where the search begins.
                command.extend([g.word("COUNT"), b"1000".to_vec(), g.word("ANY")]);
            }
            5 => command.push(g.word_of(&["ANY", "ASC", "DESC", "FOO", "COUNT"])),
            _ => command.extend([g.word_of(&["STORE", "STOREDIST"]), map(g)]),
        }
    }
    command
}

fn search(g: &mut Generator, mut command: Command) -> Command {
    let mut parts = Vec::new();
    if !g.rng.one_in(20) {
        parts.push(if g.rng.one_in(2) {
            argv![g.word("FROMMEMBER"), member(g)]
        } else {
            argv![g.word("FROMLONLAT"), longitude(g), latitude(g)]
        });
    }
    if !g.rng.one_in(20) {
        parts.push(if g.rng.one_in(2) {
            argv![g.word("BYRADIUS"), distance(g), unit(g)]
        } else {
            argv![g.word("BYBOX"), distance(g), distance(g), unit(g)]
        });
    }
    if g.rng.one_in(2) {
        parts.reverse();
    }
    command.extend(parts.into_iter().flatten());
    options(g, command, false)
}
