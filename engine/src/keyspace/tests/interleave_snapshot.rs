//! Interleavings of a snapshot's walk with those who write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shuttle::thread;

use super::interleave::{SCHEDULES, add_alone, names, transfer};
use super::{Access, START, check_accounts, keyspace};
use crate::keyspace::{Effect, Keyspace, Snapshot, ValueRef, View};
use crate::operation::generic;
use crate::value::{FieldDeadline, Hash, HashLimits};

/// The numbers that a snapshot gives, by database and key.
fn given(mut snapshot: Snapshot<'_>) -> BTreeMap<(u32, String), i64> {
    let mut found = BTreeMap::new();
    while let Some(batch) = snapshot.step().unwrap() {
        for entry in batch.entries() {
            let key = String::from_utf8(entry.key().to_vec()).unwrap();
            let ValueRef::Int(n) = entry.value() else { panic!("no number") };
            assert!(found.insert((batch.db, key), n).is_none(), "a key is given twice");
        }
    }
    found
}

#[test]
fn interleave_a_snapshot_and_transfers() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, false);
            add_alone(&space, &a, 100);
            add_alone(&space, &b, 100);
            let threads: Vec<_> = [(a.clone(), b.clone(), 7), (b.clone(), a.clone(), 3)]
                .into_iter()
                .map(|(from, to, by)| {
                    let space = space.clone();
                    thread::spawn(move || (0..2).for_each(|_| transfer(&space, &from, &to, by)))
                })
                .collect();
            for _ in 0..2 {
                let (snapshot, ()) = space.begin_snapshot(|| ()).unwrap();
                let found = given(snapshot);
                assert_eq!(found.values().sum::<i64>(), 200);
                assert_eq!(found.len(), 2);
            }
            threads.into_iter().for_each(|t| t.join().unwrap());
            check_accounts(&space);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_a_snapshot_and_keys_that_come_go_and_move() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            for i in 0..8 {
                add_alone(&space, &format!("key:{i}"), i);
            }
            let expected: BTreeMap<_, _> = (0..8).map(|i| ((0, format!("key:{i}")), i)).collect();
            let (snapshot, ()) = space.begin_snapshot(|| ()).unwrap();
            let writer = {
                let space = space.clone();
                thread::spawn(move || {
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    let [one, two, new] = ["key:1", "key:2", "new"].map(|key| space.key(key.as_bytes()));
                    generic::rename(&mut view, &one, &new).unwrap();
                    assert!(generic::delete(&mut view, &two));
                    drop(view);
                    add_alone(&space, "key:3", 100);
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    generic::swap(&mut view, 0, 1).unwrap();
                    drop(view);
                    add_alone(&space, "key:4", 5);
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    generic::flush(&mut view, Some(1), false);
                })
            };
            assert_eq!(given(snapshot), expected);
            writer.join().unwrap();
            check_accounts(&space);
            assert_eq!(space.kept_for_snapshot().now(), 0);
        },
        SCHEDULES,
    );
}

/// Sets or removes a field.
fn change(space: &Keyspace, key: &str, field: &str, value: Option<&str>) {
    let limits = HashLimits { entries: 8, value: 64 };
    let key = space.key(key.as_bytes());
    let mut view = View::one(space, 0, START, Access::Write, key.hash).unwrap();
    let mut hash = view.edit_or_create::<Hash>(&key).unwrap();
    match value {
        Some(value) => drop(hash.set(field.as_bytes(), value.as_bytes(), FieldDeadline::Clear, limits)),
        None => assert!(hash.remove(field.as_bytes())),
    }
    hash.mark_changed();
    drop(hash);
    view.record_effect(|| Effect::new("X"));
}

#[test]
fn interleave_pieces_of_a_hash_and_those_who_change_it() {
    const FIELDS: usize = 90;
    const WAS: &str = "what it was, and that is long enough to make it a big one";
    static PIECES: AtomicUsize = AtomicUsize::new(0);
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            (0..FIELDS).for_each(|n| change(&space, "big", &n.to_string(), Some(WAS)));
            let (mut snapshot, ()) = space.begin_snapshot(|| ()).unwrap();
            let writer = {
                let space = space.clone();
                thread::spawn(move || {
                    for n in [1, 40, 80] {
                        change(&space, "big", &n.to_string(), Some("is"));
                    }
                    change(&space, "big", "5", None);
                    change(&space, "big", "5", Some("is"));
                    change(&space, "big", "new", Some("is"));
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    let [big, other] = ["big", "other"].map(|key| space.key(key.as_bytes()));
                    generic::rename(&mut view, &big, &other).unwrap();
                    drop(view);
                    change(&space, "other", "7", None);
                    change(&space, "big", "7", Some("another"));
                })
            };
            let mut found = BTreeMap::new();
            while let Some(batch) = snapshot.step().unwrap() {
                // Where the hash has gone before its turn, it comes whole.
                for entry in batch.entries() {
                    let ValueRef::Hash(hash) = entry.value() else { panic!("no hash") };
                    hash.for_each(START, |name, value| assert!(found.insert(name.to_vec(), value.to_vec()).is_none()));
                }
                PIECES.fetch_add(usize::from(batch.piece().is_some()), Relaxed);
                for (name, value, _) in batch.piece().iter().flat_map(|piece| piece.elements.iter()) {
                    assert!(found.insert(name.to_vec(), value.to_vec()).is_none(), "a field is given twice");
                }
            }
            drop(snapshot);
            writer.join().unwrap();
            let expected: BTreeMap<_, _> =
                (0..FIELDS).map(|n| (n.to_string().into_bytes(), WAS.as_bytes().to_vec())).collect();
            assert_eq!(found, expected);
            check_accounts(&space);
        },
        SCHEDULES / 4,
    );
    assert!(PIECES.load(Relaxed) > SCHEDULES / 4, "mostly it comes in pieces");
}
