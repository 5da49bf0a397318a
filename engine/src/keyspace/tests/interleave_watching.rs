//! Interleavings of whoever watches keys with whoever changes them: a transaction happens only if its watched keys are
//! what they were, in every schedule.

use std::sync::Arc;

use shuttle::thread;

use super::interleave::{SCHEDULES, add, add_alone, names, number, value_of};
use super::{Access, START, keyspace};
use crate::keyspace::{Keyspace, View, WatchedKeys};
use crate::operation::generic;

/// Watches keys and reads their sum, as WATCH and GET do.
fn watch(space: &Keyspace, names: &[&str]) -> (WatchedKeys, i64) {
    let mut watched = WatchedKeys::default();
    for name in names {
        let key = space.key(name.as_bytes());
        let mut view = View::one(space, 0, START, Access::Write, key.hash).unwrap();
        watched.add(&mut view, &key);
        view.close();
    }
    (watched, names.iter().map(|name| number(space, name)).sum())
}

/// Sets a key if the watched ones are what they were, as EXEC does: those are held for reading, unless they change. Returns how
/// many changes there have been before.
fn set_if_same(space: &Keyspace, mut watched: WatchedKeys, name: &str, value: i64) -> Option<u64> {
    let key = space.key(name.as_bytes());
    let mut view = View::mixed(space, 0, START, std::iter::once(key.hash), watched.hashes()).unwrap();
    let same = (!watched.are_stale(&mut view).unwrap()).then(|| space.changes());
    if same.is_some() {
        let old = value_of(&view, &key);
        add(&mut view, &key, value - old);
    }
    view.close();
    watched.let_go(space);
    same
}

#[test]
fn interleave_watching_counters() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let space = space.clone();
                    thread::spawn(move || {
                        let mut done = 0;
                        for _ in 0..3 {
                            let (watched, seen) = watch(&space, &["counter"]);
                            done += i64::from(set_if_same(&space, watched, "counter", seen + 1).is_some());
                        }
                        done
                    })
                })
                .collect();
            add_alone(&space, "counter", 1);
            let done: i64 = threads.into_iter().map(|t| t.join().unwrap()).sum();
            // Of six attempts, the other increment breaks two at most, and each success one.
            assert!(done >= 2, "whoever loses has lost to somebody: {done}");
            assert_eq!(number(&space, "counter"), done + 1, "no increment is lost");
            assert_eq!(space.watched_keys(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_watching_keys_of_other_stripes() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, false);
            add_alone(&space, &a, 50);
            add_alone(&space, &b, 50);
            let mover = {
                let (space, a, b) = (space.clone(), a.clone(), b.clone());
                thread::spawn(move || {
                    let (a, b) = (space.key(a.as_bytes()), space.key(b.as_bytes()));
                    let mut view = View::some(&space, 0, START, Access::Write, [a.hash, b.hash].into_iter()).unwrap();
                    add(&mut view, &a, -20);
                    add(&mut view, &b, 20);
                    view.close();
                })
            };
            // The two are read one after the other: only an unbroken watch says that it was one moment.
            let (watched, sum) = watch(&space, &[&a, &b]);
            if set_if_same(&space, watched, "sum", sum).is_some() {
                assert_eq!(number(&space, "sum"), 100);
            }
            mover.join().unwrap();
            assert_eq!(space.watched_keys(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_watching_a_key_that_comes_and_goes() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, false);
            add_alone(&space, &a, 1);
            let other = {
                let (space, a) = (space.clone(), a.clone());
                thread::spawn(move || {
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    generic::flush(&mut view, Some(0), false);
                    view.close();
                    // As it was, and yet not the same.
                    add_alone(&space, &a, 1);
                })
            };
            let (watched, _) = watch(&space, &[&a]);
            let before = space.changes();
            if let Some(now) = set_if_same(&space, watched, &b, 1) {
                assert_eq!(now, before, "all that others do here is a change of the watched key");
            }
            other.join().unwrap();
            assert_eq!(space.watched_keys(), 0);
        },
        SCHEDULES,
    );
}
