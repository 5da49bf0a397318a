//! A model of the whole keyspace: a map beside it, through random changes in several databases.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::entry::{NewValue, ValueMut, ValueRef};
use super::{Access, START, check_accounts, keyspace};
use crate::clock::ManualClock;
use crate::keyspace::{Effect, Keyspace, View};

#[derive(Clone, Debug)]
enum Op {
    Put { key: u8, bytes: usize, int: bool, deadline: Option<u64> },
    Grow { key: u8 },
    Remove { key: u8 },
    Deadline { key: u8, deadline: Option<u64> },
    Move { from: u8, to: u8, db: u32 },
    Flush { db: u32, background: bool },
    Swap { a: u32, b: u32 },
    Wait { millis: u64 },
    Expire,
    Fill { from: u16, count: u16 },
    Drain { from: u16, count: u16 },
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0_u8..24;
    let deadline = || prop::option::of(1_u64..400);
    let bytes = prop::sample::select(vec![0, 1, 8, 44, 45, 300, 16_383, 16_384, 16_385, 40_000]);
    prop_oneof![
        6 => (key(), bytes, any::<bool>(), deadline())
            .prop_map(|(key, bytes, int, deadline)| Op::Put { key, bytes, int, deadline }),
        3 => key().prop_map(|key| Op::Grow { key }),
        3 => key().prop_map(|key| Op::Remove { key }),
        4 => (key(), deadline()).prop_map(|(key, deadline)| Op::Deadline { key, deadline }),
        3 => (key(), key(), 0_u32..4).prop_map(|(from, to, db)| Op::Move { from, to, db }),
        1 => (0_u32..4, any::<bool>()).prop_map(|(db, background)| Op::Flush { db, background }),
        1 => (0_u32..4, 0_u32..4).prop_map(|(a, b)| Op::Swap { a, b }),
        2 => (1_u64..60).prop_map(|millis| Op::Wait { millis }),
        1 => Just(Op::Expire),
        1 => (100_u16..400, 0_u16..600).prop_map(|(from, count)| Op::Fill { from, count }),
        1 => (100_u16..400, 0_u16..600).prop_map(|(from, count)| Op::Drain { from, count }),
    ]
}

/// Names of all lengths, the empty one and a very long one among them.
fn name(key: u8) -> Vec<u8> {
    match key {
        0 => Vec::new(),
        1 => vec![b'x'; 70_000],
        2 => vec![0; 200],
        n => format!("key:{n}").into_bytes(),
    }
}

/// A value and its deadline.
type Stored = (Vec<u8>, Option<u64>);

struct Model {
    space: Keyspace,
    clock: ManualClock,
    map: BTreeMap<(u32, Vec<u8>), Stored>,
}

impl Model {
    fn now(&self) -> u64 {
        self.space.clock().millis()
    }

    fn forget_expired(&mut self) {
        let now = self.now();
        self.map.retain(|_, (_, deadline)| deadline.is_none_or(|d| d >= now));
    }

    /// Runs `f` on a view of everything and records its change, if it says that there was one.
    fn all(&self, db: u32, f: impl FnOnce(&mut View<'_>) -> bool) -> bool {
        let mut view = View::all(&self.space, db, self.now(), Access::Write).unwrap();
        let changed = f(&mut view);
        if changed {
            view.record_effect(|| Effect::new("X"));
        }
        view.close();
        changed
    }

    fn apply(&mut self, db: u32, op: &Op) {
        self.forget_expired();
        let now = self.now();
        match *op {
            Op::Put { key, bytes, int, deadline } => {
                let (name, deadline) = (name(key), deadline.map(|d| now + d));
                let value = if int { bytes.to_string().into_bytes() } else { vec![b'a' + key; bytes] };
                self.all(db, |view| {
                    let new =
                        if int { NewValue::Int(bytes as i64) } else { NewValue::Bytes { bytes: &value, raw: false } };
                    view.put(&view.key(&name), new, deadline);
                    true
                });
                self.map.insert((db, name), (value, deadline));
            }
            Op::Grow { key } => self.grow(db, &name(key)),
            Op::Remove { key } => {
                let name = name(key);
                let removed = self.all(db, |view| view.remove(&view.key(&name)));
                assert_eq!(removed, self.map.remove(&(db, name)).is_some());
            }
            Op::Deadline { key, deadline } => {
                let (name, deadline) = (name(key), deadline.map(|d| now + d));
                let done = self.all(db, |view| view.set_deadline(&view.key(&name), deadline));
                let value = self.map.get_mut(&(db, name));
                assert_eq!(done, value.is_some());
                if let Some(value) = value {
                    value.1 = deadline;
                }
            }
            Op::Move { from, to, db: target } => {
                let (from, to) = (name(from), name(to));
                let done = self.all(db, |view| {
                    let Some(taken) = view.take(&view.key(&from)) else { return false };
                    view.select(target).unwrap();
                    view.restore(&view.key(&to), taken);
                    true
                });
                let taken = self.map.remove(&(db, from));
                assert_eq!(done, taken.is_some());
                if let Some(taken) = taken {
                    self.map.insert((target, to), taken);
                }
            }
            Op::Flush { db, background } => {
                self.all(0, |view| view.flush(db, background) > 0);
                self.map.retain(|(d, _), _| *d != db);
            }
            Op::Swap { a, b } => {
                self.all(0, |view| {
                    view.swap(a, b);
                    true
                });
                let other = |db| {
                    if db == a {
                        b
                    } else if db == b {
                        a
                    } else {
                        db
                    }
                };
                self.map = std::mem::take(&mut self.map).into_iter().map(|((db, k), v)| ((other(db), k), v)).collect();
            }
            Op::Wait { millis } => self.clock.advance(Duration::from_millis(millis)),
            Op::Expire => {
                assert!(self.space.expire_due(Duration::from_secs(60)).complete);
                // Nothing that has expired is left to count.
                let keys: usize = self.space.db_sizes().iter().map(|(_, size)| size.keys).sum();
                assert_eq!(keys, self.map.len());
            }
            Op::Fill { from, count } => {
                for i in from..from + count {
                    let name = i.to_le_bytes().to_vec();
                    super::set(&self.space, db, &name, b"filled", None);
                    self.map.insert((db, name), (b"filled".to_vec(), None));
                }
            }
            Op::Drain { from, count } => {
                for i in from..from + count {
                    let name = i.to_le_bytes().to_vec();
                    let removed = self.all(db, |view| view.remove(&view.key(&name)));
                    assert_eq!(removed, self.map.remove(&(db, name)).is_some());
                }
            }
        }
    }

    /// Changes a value in place: each kind in its own way.
    fn grow(&mut self, db: u32, name: &[u8]) {
        let (mut is_int, mut boxed) = (false, false);
        let done = self.all(db, |view| {
            let key = view.key(name);
            let change = |entry: &mut crate::keyspace::EntryMut<'_>| match entry.value() {
                ValueMut::Inline(bytes) => bytes.fill(b'!'),
                ValueMut::Int(mut n) => n.set(n.get() + 1),
                ValueMut::Shared(s) => std::sync::Arc::make_mut(s).extend_from_slice(&[b'+'; 5_000]),
                _ => panic!("no string"),
            };
            match view.peek(&key).map(|e| e.value()) {
                Some(ValueRef::Int(_)) => is_int = true,
                Some(ValueRef::Shared(_)) => boxed = true,
                _ => {}
            }
            view.update(&key, change).is_some()
        });
        if let Some((value, _)) = self.map.get_mut(&(db, name.to_vec())) {
            if is_int {
                let n: i64 = std::str::from_utf8(value).unwrap().parse().unwrap();
                *value = (n + 1).to_string().into_bytes();
            } else if boxed {
                value.extend_from_slice(&[b'+'; 5_000]);
            } else {
                value.fill(b'!');
            }
        }
        assert_eq!(done, self.map.contains_key(&(db, name.to_vec())));
    }

    fn check(&mut self) {
        self.forget_expired();
        check_accounts(&self.space);
        for db in 0..4 {
            let mut found = BTreeMap::new();
            let view = View::all(&self.space, db, self.now(), Access::Read).unwrap();
            for table in view.tables() {
                table.for_each(|entry| {
                    if !view.is_past(entry.deadline()) {
                        let value = entry.string().unwrap().to_vec();
                        found.insert((db, entry.key().to_vec()), (value, entry.deadline()));
                        assert_eq!(view.peek(&view.key(entry.key())).map(|e| e.key()), Some(entry.key()));
                    }
                });
            }
            let expected = self.map.iter().filter(|((d, _), _)| *d == db).map(|(k, v)| (k.clone(), v.clone()));
            assert!(found == expected.collect(), "database {db} differs");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn keyspace_agrees_with_a_map(ops in prop::collection::vec((0_u32..4, op()), 1..120)) {
        let (space, clock) = keyspace(4);
        let mut model = Model { space, clock, map: BTreeMap::new() };
        assert_eq!(model.now(), START);
        for (i, (db, op)) in ops.iter().enumerate() {
            model.apply(*db, op);
            if i % 8 == 0 {
                model.check();
            }
        }
        model.check();
    }
}
