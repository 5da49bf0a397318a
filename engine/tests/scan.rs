//! SCAN gives every key that stays exactly once, while the keyspace grows, shrinks and is rewritten between the calls.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::time::Duration;

use carnelian::api::KeyType;
use common::{Client, engine};
use proptest::prelude::*;

/// What happens to the keyspace between two calls.
#[derive(Clone, Debug)]
enum Change {
    /// Other keys come.
    Grow { from: u32, count: u32 },
    /// Other keys go.
    Shrink { from: u32, count: u32 },
    /// Keys that stay are written again, in other sizes.
    Rewrite { from: u32, count: u32, len: usize },
    /// Keys that stay get a deadline and lose it again.
    Expire { from: u32, count: u32 },
    /// Other keys change their names among themselves.
    Rename { from: u32, count: u32 },
    /// Another database fills up.
    Elsewhere { count: u32 },
    /// Other keys expire.
    Pass { from: u32, count: u32 },
}

fn change() -> impl Strategy<Value = Change> {
    let from = || 0_u32..6_000;
    let count = || 1_u32..700;
    prop_oneof![
        3 => (from(), count()).prop_map(|(from, count)| Change::Grow { from, count }),
        3 => (from(), count()).prop_map(|(from, count)| Change::Shrink { from, count }),
        2 => (from(), count(), prop::sample::select(vec![1_usize, 40, 200]))
            .prop_map(|(from, count, len)| Change::Rewrite { from, count, len }),
        2 => (from(), count()).prop_map(|(from, count)| Change::Expire { from, count }),
        1 => (from(), count()).prop_map(|(from, count)| Change::Rename { from, count }),
        1 => count().prop_map(|count| Change::Elsewhere { count }),
        1 => (from(), count()).prop_map(|(from, count)| Change::Pass { from, count }),
    ]
}

fn stays(i: u32) -> String {
    format!("stays:{i}")
}

fn other(i: u32) -> String {
    format!("other:{i}")
}

struct World {
    client: Client,
    elsewhere: Client,
    clock: carnelian::ManualClock,
    staying: u32,
}

impl World {
    fn apply(&mut self, change: &Change) {
        let staying = self.staying;
        let mut run = |argv: &[&str]| self.client.argv(argv);
        match *change {
            Change::Grow { from, count } => (from..from + count).for_each(|i| {
                run(&["SET", &other(i), "v"]);
            }),
            Change::Shrink { from, count } => (from..from + count).for_each(|i| {
                run(&["DEL", &other(i)]);
            }),
            Change::Rewrite { from, count, len } => (from..from + count).for_each(|i| {
                run(&["SET", &stays(i % staying), &"x".repeat(len)]);
            }),
            Change::Expire { from, count } => (from..from + count).for_each(|i| {
                assert_eq!(run(&["EXPIRE", &stays(i % staying), "1000"]).text(), "1");
                assert_eq!(run(&["PERSIST", &stays(i % staying)]).text(), "1");
            }),
            Change::Rename { from, count } => (from..from + count).for_each(|i| {
                run(&["RENAME", &other(i), &other(i + 10_000)]);
            }),
            Change::Pass { from, count } => {
                (from..from + count).for_each(|i| {
                    run(&["SET", &other(i), "v"]);
                    run(&["PEXPIRE", &other(i), "10"]);
                });
                self.clock.advance(Duration::from_millis(11));
            }
            Change::Elsewhere { count } => (0..count).for_each(|i| {
                self.elsewhere.argv(&["SET", "other:temporary", "v"]);
                self.elsewhere.argv(&["MOVE", "other:temporary", "1"]);
                self.elsewhere.argv(&["COPY", &stays(i % staying), &other(i), "DB", "2", "REPLACE"]);
            }),
        }
    }
}

fn scan_all(world: &mut World, count: usize, changes: &[Change]) -> HashMap<Vec<u8>, u32> {
    let mut given = HashMap::<Vec<u8>, u32>::new();
    let mut cursor = b"0".to_vec();
    let mut changes = changes.iter();
    let (mut calls, many) = (0, count > 50);
    let count = count.to_string();
    loop {
        let argv = ["SCAN".as_bytes(), cursor.as_slice(), b"COUNT", count.as_bytes()];
        let mut reply = world.client.argv(&argv).items();
        let keys = reply.pop().unwrap().items();
        cursor = reply.pop().unwrap().bytes();
        let number: u64 = std::str::from_utf8(&cursor).unwrap().parse().unwrap();
        assert!(number < 1 << 53, "a cursor that a double cannot hold");
        for key in keys {
            *given.entry(key.bytes()).or_default() += 1;
        }
        calls += 1;
        assert!(calls < 200_000, "the scan does not end");
        if cursor == b"0" {
            return given;
        }
        if (calls % 3 == 0 || many)
            && let Some(change) = changes.next()
        {
            world.apply(change);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keyspace_scan_gives_what_stays_exactly_once(
        staying in 1_u32..4_000,
        others in 0_u32..3_000,
        count in prop::sample::select(vec![1_usize, 2, 10, 100, 1_000]),
        changes in prop::collection::vec(change(), 0..40),
        seed in any::<u64>(),
    ) {
        let (engine, clock) = engine(seed);
        let (client, elsewhere) = (Client::new(&engine), Client::new(&engine));
        let mut world = World { client, elsewhere, clock, staying };
        for i in 0..staying {
            world.client.argv(&["SET", &stays(i), "v"]);
        }
        world.apply(&Change::Grow { from: 0, count: others });
        let given = scan_all(&mut world, count, &changes);
        for i in 0..staying {
            prop_assert_eq!(given.get(stays(i).as_bytes()), Some(&1), "key {} with COUNT {}", i, count);
        }
        // Keys that come, go and come again may be given each time, but only these.
        prop_assert!(given.keys().all(|k| k.starts_with(b"stays:") || k.starts_with(b"other:")));
    }
}

#[test]
fn keyspace_scan_filters_and_leaves_expired_keys_out() {
    let (engine, clock) = engine(3);
    let mut client = Client::new(&engine);
    for i in 0..500 {
        client.argv(&["SET", &stays(i), "v"]);
        client.argv(&["SET", &other(i), "v"]);
        client.argv(&["PEXPIRE", &other(i), "5"]);
    }
    let db = engine.db(0).unwrap();
    let scanned = |scan: carnelian::api::Scan| scan.map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(scanned(db.scan()).len(), 1_000);
    assert_eq!(scanned(db.scan().pattern("other:1*").count(7)).len(), 111);
    assert_eq!(scanned(db.scan().only(KeyType::String)).len(), 1_000);
    assert_eq!(scanned(db.scan().only(KeyType::List)).len(), 0);
    // The thread that deletes what is due must not be what hides it.
    client.clock_stops_deleting(&engine);
    clock.advance(Duration::from_millis(6));
    assert_eq!(db.size().unwrap(), 1_000);
    assert_eq!(scanned(db.scan().count(3)).len(), 500);
    assert_eq!(db.keys("other:*").unwrap().len(), 0);
    assert_eq!(db.keys("other:7").unwrap().len(), 0);
    assert_eq!(db.keys("stays:7").unwrap(), [b"stays:7"]);
    for _ in 0..100 {
        assert!(db.random_key().unwrap().unwrap().starts_with(b"stays:"));
    }
    assert_eq!(scanned(engine.db(1).unwrap().scan()).len(), 0);
}

impl Client {
    fn clock_stops_deleting(&self, engine: &carnelian::Engine) {
        use std::sync::atomic::Ordering::Relaxed;
        engine.core().keyspace.settings().active_expire.store(false, Relaxed);
    }
}

#[test]
fn keyspace_scans_of_several_databases_do_not_mix() {
    let (engine, _) = engine(9);
    let mut client = Client::new(&engine);
    for i in 0..3_000_u32 {
        client.argv(&["SET", &stays(i), "v"]);
        // Database n has each n-th key, and so has database 0 all of them.
        for db in (2..5).filter(|db| i % db == 0) {
            assert_eq!(client.argv(&["COPY", &stays(i), &stays(i), "DB", &db.to_string()]).text(), "1");
        }
    }
    let mut scans: Vec<_> = [0_u32, 2, 3, 4].map(|db| (db, engine.db(db).unwrap().scan().count(20), Vec::new())).into();
    let mut turn = 0;
    let mut open = true;
    while open {
        open = false;
        for (_, scan, found) in &mut scans {
            let next: Vec<_> = scan.take(13).map(Result::unwrap).collect();
            open |= !next.is_empty();
            found.extend(next);
        }
        // Keys that nobody asks about move from one to the other meanwhile.
        turn += 1;
        for i in 0..50 {
            let name = format!("moves:{}", (turn * 17 + i) % 900);
            client.argv(&["SET", &name, "v"]);
            client.argv(&["MOVE", &name, &(turn % 3 + 2).to_string()]);
        }
    }
    for (db, _, mut found) in scans {
        found.retain(|k| k.starts_with(b"stays:"));
        found.sort();
        let mut expected: Vec<_> =
            (0..3_000).filter(|i| db == 0 || i % db == 0).map(|i| stays(i).into_bytes()).collect();
        expected.sort();
        assert!(found == expected, "database {db}: {} of {}", found.len(), expected.len());
    }
}

#[test]
fn keyspace_random_keys_are_drawn_evenly() {
    let (engine, _) = engine(5);
    let mut client = Client::new(&engine);
    let db = engine.db(0).unwrap();
    assert_eq!(db.random_key().unwrap(), None);
    for keys in [3_u32, 60, 3_000] {
        for i in 0..keys {
            client.argv(&["SET", &stays(i), "v"]);
        }
        let mut drawn = HashMap::<Vec<u8>, u32>::new();
        let draws = keys * 30;
        for _ in 0..draws {
            *drawn.entry(db.random_key().unwrap().unwrap()).or_default() += 1;
        }
        assert_eq!(drawn.len(), keys as usize, "some key is never drawn");
        // Chi-squared over the number of keys is 1, give or take a few standard deviations.
        let chi: f64 = drawn.values().map(|&n| (f64::from(n) - 30.0).powi(2) / 30.0).sum::<f64>() / f64::from(keys);
        let spread = 6.0 * (2.0 / f64::from(keys)).sqrt();
        assert!((chi - 1.0).abs() < spread, "{keys} keys: {chi}");
    }
}
