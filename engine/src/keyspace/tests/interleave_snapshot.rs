//! Interleavings of a snapshot's walk with those who write.

use std::collections::BTreeMap;
use std::sync::Arc;

use shuttle::thread;

use super::interleave::{SCHEDULES, add_alone, names, transfer};
use super::{Access, START, check_accounts, keyspace};
use crate::keyspace::{Snapshot, ValueRef, View};
use crate::operation::generic;

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
