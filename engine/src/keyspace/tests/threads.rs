//! Several threads at once on few keys. Meant to run under ThreadSanitizer too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::entry::{NewValue, ValueMut, ValueRef};
use super::{Access, Relaxed, check_accounts, keyspace, on};
use crate::keyspace::{Effect, Key, Keyspace, Listener, LogPosition, Policy, View, Walk};
use crate::operation::generic::{self, ExpireCondition, ScanOptions};

fn number(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Adds to a number, which may not be there.
fn add(view: &mut View<'_>, key: &Key<'_>, by: i64) {
    let there = view.get_for_change(key).is_some();
    if there {
        view.update(key, |entry| {
            if let ValueMut::Int(mut n) = entry.value() {
                n.set(n.get() + by);
            }
        });
    } else {
        view.put(key, NewValue::Int(by), None);
    }
    view.record_effect(|| Effect::new("INCRBY").arg(key.bytes).int(by));
}

fn total(space: &Keyspace) -> i64 {
    let mut sum = 0;
    for db in 0..space.databases() {
        let view = View::all(space, db, space.clock().millis(), Access::Read).unwrap();
        for table in view.tables() {
            table.for_each(|entry| {
                if let ValueRef::Int(n) = entry.value() {
                    sum += n;
                }
            });
        }
    }
    sum
}

/// Counts what it is told, and notices if two views tell at once about one key.
#[derive(Default)]
struct Ledger {
    sums: Mutex<HashMap<Vec<u8>, i64>>,
    told: AtomicU64,
}

impl Listener for Ledger {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        for effect in effects.iter().filter(|e| e.argv()[0] == b"INCRBY") {
            let by: i64 = std::str::from_utf8(effect.argv()[2]).unwrap().parse().unwrap();
            *self.sums.lock().unwrap().entry(effect.argv()[1].to_vec()).or_default() += by;
        }
        self.told.fetch_add(effects.len() as u64, Relaxed) + 1
    }
}

#[test]
fn keyspace_loses_no_update_of_four_threads() {
    const STEPS: u64 = 4_000;
    let (space, _) = keyspace(4);
    let names: Vec<String> = (0..12).map(|i| format!("key:{i}")).collect();
    let added = AtomicI64::new(0);
    let ledger = Arc::new(Ledger::default());
    space.listen(ledger.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (space, names, added) = (&space, &names, &added);
            scope.spawn(move || {
                let mut seed = thread * 7919 + 1;
                for _ in 0..STEPS {
                    step(space, names, added, &mut seed);
                }
            });
        }
    });
    check_accounts(&space);
    assert_eq!(total(&space), added.load(Relaxed));
    assert_eq!(ledger.sums.lock().unwrap().values().sum::<i64>(), added.load(Relaxed));
    assert_eq!(ledger.told.load(Relaxed), space.changes());
}

/// One random change or look that keeps the sum of all numbers equal to what was added.
fn step(space: &Keyspace, names: &[String], added: &AtomicI64, seed: &mut u64) {
    let pick = |seed: &mut u64| space.key(names[number(seed) as usize % names.len()].as_bytes());
    let (a, b, db) = (pick(seed), pick(seed), (number(seed) % 2) as u32);
    let now = space.clock().millis();
    match number(seed) % 8 {
        0..=2 => {
            let by = (number(seed) % 100) as i64;
            on(space, db, a.bytes, Access::Write, |view| add(view, &a, by));
            added.fetch_add(by, Relaxed);
        }
        3 => {
            // From one to the other, as one change.
            let hashes = [a.hash, b.hash].into_iter();
            let mut view = View::some(space, db, now, Access::Write, hashes).unwrap();
            add(&mut view, &a, -3);
            add(&mut view, &b, 3);
        }
        4 => {
            let hashes = [b.hash, a.hash].into_iter();
            let mut view = View::some(space, db, now, Access::Write, hashes).unwrap();
            let _ = generic::rename_if_new(&mut view, &a, &b);
            let _ = generic::move_to(&mut view, &b, 1 - db);
        }
        5 => {
            on(space, db, a.bytes, Access::Write, |view| {
                generic::expire_at(view, &a, now as i64 + 1_000_000, ExpireCondition::IfNone);
                generic::persist(view, &a);
            });
        }
        6 => {
            on(space, db, a.bytes, Access::Read, |view| {
                if let Some(entry) = view.get(&a) {
                    assert_eq!(entry.key(), a.bytes);
                    assert!(matches!(entry.value(), ValueRef::Int(_)));
                }
            });
            let mut view = View::all(space, 0, now, Access::Write).unwrap();
            generic::swap(&mut view, 0, 1).unwrap();
        }
        _ => {
            let walk = Walk::Free { space, db, now };
            let mut found = Vec::new();
            let mut position = Some(0);
            while let Some(at) = position {
                position = generic::scan(&walk, at, &ScanOptions::default(), &mut found).unwrap();
            }
            let _ = generic::random_key(&walk).unwrap();
            assert!(found.iter().all(|k| names.iter().any(|n| n.as_bytes() == k)));
        }
    }
}

#[test]
fn keyspace_stays_whole_while_threads_write_evict_and_expire() {
    let (space, clock) = keyspace(4);
    space.settings().maxmemory.store(600_000, Relaxed);
    space.settings().set_policy(Policy::AllKeysLru);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (space, clock) = (&space, &clock);
            scope.spawn(move || {
                let mut seed = thread + 100;
                for i in 0..3_000 {
                    let key = format!("key:{}", number(&mut seed) % 20_000);
                    let now = space.clock().millis();
                    assert!(space.make_room(now));
                    let deadline = number(&mut seed).is_multiple_of(3).then(|| now + number(&mut seed) % 50 + 1);
                    let value = vec![b'v'; (number(&mut seed) % 300) as usize];
                    super::set(space, 0, key.as_bytes(), &value, deadline);
                    if i % 100 == 0 {
                        clock.advance(Duration::from_millis(1));
                        space.expire_due(Duration::from_millis(1));
                    }
                }
            });
        }
    });
    check_accounts(&space);
    assert!(space.counters().evicted.load(Relaxed) > 0);
    assert!(space.counters().expired.load(Relaxed) > 0);
    assert!(space.make_room(space.clock().millis()));
    assert!(space.used_bytes() <= 600_000);
}
