//! Interleavings: shuttle runs each test under many schedules, and reports a deadlock as a panic.

use std::sync::Arc;

use shuttle::thread;

use super::super::entry::{NewValue, ValueMut, ValueRef};
use super::{Access, START, check_accounts, keyspace};
use crate::keyspace::{Effect, Key, Keyspace, Listener, LogPosition, View, Walk};
use crate::operation::generic::{self, ScanOptions};

pub(super) const SCHEDULES: usize = 2_000;

/// Keys of one stripe or of different ones.
pub(super) fn names(space: &Keyspace, same_stripe: bool) -> (String, String) {
    let mut names = (0..).map(|i| format!("key:{i}"));
    let first = names.next().unwrap();
    let stripe = |name: &str| space.stripe_of(space.hasher().hash(name.as_bytes()));
    let second = names.find(|n| (stripe(n) == stripe(&first)) == same_stripe).unwrap();
    (first, second)
}

pub(super) fn add(view: &mut View<'_>, key: &Key<'_>, by: i64) {
    let there = view.update(key, |entry| {
        if let ValueMut::Int(mut n) = entry.value() {
            n.set(n.get() + by);
        }
    });
    if there.is_none() {
        view.put(key, NewValue::Int(by), None);
    }
    view.record_effect(|| Effect::new("INCRBY").arg(key.bytes).int(by));
}

pub(super) fn add_alone(space: &Keyspace, name: &str, by: i64) {
    let key = space.key(name.as_bytes());
    let mut view = View::one(space, 0, START, Access::Write, key.hash).unwrap();
    add(&mut view, &key, by);
    view.close();
}

/// From one to the other, as one change.
pub(super) fn transfer(space: &Keyspace, from: &str, to: &str, by: i64) {
    let (from, to) = (space.key(from.as_bytes()), space.key(to.as_bytes()));
    let hashes = [from.hash, to.hash].into_iter();
    let mut view = View::some(space, 0, START, Access::Write, hashes).unwrap();
    add(&mut view, &from, -by);
    add(&mut view, &to, by);
}

pub(super) fn number(space: &Keyspace, name: &str) -> i64 {
    let key = space.key(name.as_bytes());
    let view = View::one(space, 0, START, Access::Read, key.hash).unwrap();
    value_of(&view, &key)
}

/// The number that a key holds, 0 if it holds none.
pub(super) fn value_of(view: &View<'_>, key: &Key<'_>) -> i64 {
    match view.peek(key).map(|e| e.value()) {
        Some(ValueRef::Int(n)) => n,
        _ => 0,
    }
}

#[test]
fn interleave_two_threads_on_one_stripe() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, true);
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (space, a, b) = (space.clone(), a.clone(), b.clone());
                    thread::spawn(move || {
                        add_alone(&space, &a, 1);
                        add_alone(&space, &b, 10);
                        add_alone(&space, &a, 1);
                    })
                })
                .collect();
            threads.into_iter().for_each(|t| t.join().unwrap());
            assert_eq!((number(&space, &a), number(&space, &b)), (4, 20));
            assert_eq!(space.changes(), 6);
            check_accounts(&space);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_two_stripes_taken_in_opposite_order() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, false);
            add_alone(&space, &a, 100);
            add_alone(&space, &b, 100);
            let transfer = |from: String, to: String, by: i64| {
                let space = space.clone();
                thread::spawn(move || transfer(&space, &from, &to, by))
            };
            let threads = [transfer(a.clone(), b.clone(), 7), transfer(b.clone(), a.clone(), 3)];
            // Somebody who looks at both sees no transfer half done.
            let view = View::all(&space, 0, START, Access::Read).unwrap();
            let see = |name: &str| value_of(&view, &space.key(name.as_bytes()));
            assert_eq!(see(&a) + see(&b), 200);
            drop(view);
            threads.into_iter().for_each(|t| t.join().unwrap());
            assert_eq!((number(&space, &a), number(&space, &b)), (96, 104));
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_a_writer_and_a_walk() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(4).0);
            for i in 0..12 {
                add_alone(&space, &format!("stays:{i}"), 1);
            }
            let writer = {
                let space = space.clone();
                thread::spawn(move || {
                    for i in 0..4 {
                        add_alone(&space, &format!("other:{i}"), 1);
                        add_alone(&space, &format!("stays:{i}"), 1);
                        let name = format!("other:{}", i / 2);
                        let key = space.key(name.as_bytes());
                        let mut view = View::one(&space, 0, START, Access::Write, key.hash).unwrap();
                        generic::delete(&mut view, &key);
                    }
                    let mut view = View::all(&space, 0, START, Access::Write).unwrap();
                    generic::swap(&mut view, 1, 2).unwrap();
                })
            };
            let walk = Walk::Free { space: &space, db: 0, now: START };
            let (mut found, mut position) = (Vec::new(), Some(0));
            while let Some(at) = position {
                let options = ScanOptions { count: 2, ..ScanOptions::default() };
                position = generic::scan(&walk, at, &options, &mut found).unwrap();
            }
            writer.join().unwrap();
            for i in 0..12 {
                let name = format!("stays:{i}").into_bytes();
                assert_eq!(found.iter().filter(|k| **k == name).count(), 1);
            }
            check_accounts(&space);
        },
        SCHEDULES / 10,
    );
}

/// The sum of all changes that it was told of.
#[derive(Default)]
struct Sum(std::sync::Mutex<i64>);

impl Listener for Sum {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        for effect in effects {
            *self.0.lock().unwrap() += std::str::from_utf8(effect.argv()[2]).unwrap().parse::<i64>().unwrap();
        }
        1
    }
}

#[test]
fn interleave_a_writer_and_a_listener_that_comes() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let (a, b) = names(&space, false);
            let writer = {
                let (space, a, b) = (space.clone(), a.clone(), b.clone());
                thread::spawn(move || {
                    for _ in 0..3 {
                        add_alone(&space, &a, 1);
                        add_alone(&space, &b, 1);
                    }
                })
            };
            let sum = Arc::new(Sum::default());
            space.listen(sum.clone()).unwrap();
            // What was made after this instant has been told, and nothing before it.
            let view = View::all(&space, 0, START, Access::Read).unwrap();
            let see = |name: &str| value_of(&view, &space.key(name.as_bytes()));
            let missed = see(&a) + see(&b) - *sum.0.lock().unwrap();
            drop(view);
            writer.join().unwrap();
            assert_eq!(*sum.0.lock().unwrap() + missed, 6);
        },
        SCHEDULES,
    );
}
