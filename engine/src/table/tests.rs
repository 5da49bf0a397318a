//! Model tests of the table: a `HashMap` beside it, across growth, splits, merges and walks.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::{KeyHasher, Pointer, Table};

/// A number that poses as a pointer; its deadline is derived from it so that tests need no memory behind it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Fake(u64);

impl Fake {
    fn key(self) -> u64 {
        self.0 >> 8
    }
}

impl Pointer for Fake {
    fn to_bits(self) -> u64 {
        self.0
    }
    fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    fn hash(self, hasher: &KeyHasher) -> u64 {
        hasher.hash(&self.key().to_le_bytes())
    }
    fn deadline(self) -> u64 {
        match self.0 & 0xff {
            0 => u64::MAX,
            n => n,
        }
    }
}

struct Model {
    table: Table<Fake>,
    base: u32,
    hasher: KeyHasher,
    map: HashMap<u64, Fake>,
}

impl Model {
    fn new(base: u32) -> Self {
        Self { table: Table::new(base), base, hasher: KeyHasher::seeded(1), map: HashMap::new() }
    }

    /// The hash of a key, moved into the table's share of hashes.
    fn hash(&self, key: u64) -> u64 {
        self.hasher.hash(&key.to_le_bytes())
    }

    fn belongs(&self, key: u64) -> bool {
        self.base == 0 || self.hash(key) >> (64 - self.base) == 0
    }

    fn put(&mut self, key: u64, deadline: u8) {
        if !self.belongs(key) {
            return;
        }
        let (hash, p) = (self.hash(key), Fake(key << 8 | u64::from(deadline)));
        match self.table.find_slot(hash, |f: Fake| f.key() == key) {
            Some((slot, old)) => {
                assert_eq!(self.map.insert(key, p), Some(old));
                self.table.replace(&slot, p);
            }
            None => {
                assert_eq!(self.map.insert(key, p), None);
                self.table.insert(hash, p, &self.hasher);
            }
        }
    }

    fn remove(&mut self, key: u64) {
        let found = self.table.find_slot(self.hash(key), |f: Fake| f.key() == key);
        assert_eq!(found.as_ref().map(|f| f.1), self.map.remove(&key));
        if let Some((slot, _)) = found {
            self.table.remove(slot, &self.hasher);
        }
    }

    fn check(&self) {
        assert_eq!(self.table.len(), self.map.len());
        for (&key, &p) in &self.map {
            assert_eq!(self.table.find(self.hash(key), |f: Fake| f.key() == key), Some(p));
        }
        let mut all = HashSet::new();
        self.table.for_each(|p| assert!(all.insert(p)));
        assert_eq!(all.len(), self.map.len());
        let earliest = self.map.values().map(|p| p.deadline()).min().unwrap_or(u64::MAX);
        assert!(self.table.earliest() <= earliest);
        let mut walked = Vec::new();
        let mut position = Some(0);
        while let Some(at) = position {
            position = self.table.scan(at, &self.hasher, |p| walked.push(p));
            assert!(position.is_none_or(|next| next > at && next.trailing_zeros() >= 16));
        }
        assert_eq!(walked.len(), all.len());
        assert_eq!(walked.into_iter().collect::<HashSet<_>>(), all);
    }
}

#[test]
fn grows_and_shrinks_with_every_key_in_place() {
    for base in [0, 4] {
        let mut model = Model::new(base);
        let empty = model.table.bytes();
        for key in 1..120_000 {
            model.put(key, 0);
        }
        model.check();
        for key in 1..120_000 {
            model.remove(key);
            if key % 30_011 == 0 {
                model.check();
            }
        }
        model.check();
        assert!(model.table.bytes() < empty + 64 * 1024, "{} bytes left", model.table.bytes());
    }
}

#[test]
fn a_slot_costs_little_at_any_size() {
    let mut model = Model::new(0);
    let mut worst = 0.0_f64;
    for key in 1..200_000_u64 {
        model.put(key, 0);
        if key > 20_000 && key % 1_000 == 0 {
            worst = worst.max(model.table.bytes() as f64 / key as f64);
        }
    }
    assert!(worst < 14.5, "{worst} bytes a key");
}

#[test]
fn due_finds_all_that_is_due_and_skips_the_rest() {
    let mut model = Model::new(0);
    for key in 1..50_000 {
        model.put(key, (key % 200) as u8);
    }
    for now in [0, 1, 50, 100, 254] {
        let mut due = HashSet::new();
        let mut position = Some(0);
        while let Some(at) = position {
            let mut out = Vec::new();
            position = model.table.due(at, now, &mut out);
            for p in out {
                assert!(due.insert(p));
                model.remove(p.key());
            }
        }
        assert!(due.iter().all(|p| p.deadline() <= now));
        assert!(model.map.values().all(|p| p.deadline() > now));
        model.check();
        assert!(model.table.earliest() > now);
    }
}

#[test]
fn skipping_to_deadlines_misses_none() {
    let mut model = Model::new(0);
    for key in 1..40_000 {
        model.put(key, u8::from(key % 5_000 == 0) * 9);
    }
    let (mut found, mut steps) = (HashSet::new(), 0);
    let mut position = model.table.skip_to_deadline(0);
    while let Some(at) = position {
        let next = model.table.scan(at, &model.hasher, |p| {
            if p.deadline() != u64::MAX {
                assert!(found.insert(p.key()));
            }
        });
        steps += 1;
        position = next.and_then(|next| model.table.skip_to_deadline(next));
    }
    assert_eq!(found, (1..8).map(|i| i * 5_000).collect());
    assert!(steps < 1_000, "{steps} buckets for seven keys");
    assert_eq!(Model::new(3).table.skip_to_deadline(0), None);
}

#[test]
fn a_table_with_room_is_filled_as_any_other_and_stays_as_large_as_it_is() {
    for (base, keys) in [(0, 0), (0, 1), (0, 100), (0, 1_000), (0, 40_000), (4, 100_000)] {
        let mut model = Model::new(base);
        model.table = Table::with_room(base, keys >> base);
        let room = model.table.bytes();
        for key in 1..=keys as u64 {
            model.put(key, (key % 3) as u8);
        }
        let mut grown = Model::new(base);
        (1..=keys as u64).for_each(|key| grown.put(key, 0));
        model.check();
        let (bytes, usual) = (model.table.bytes(), grown.table.bytes());
        assert!(bytes <= room + room / 8, "{keys} keys: room for them was {room} bytes, and it came to {bytes}");
        assert!(bytes <= usual + usual / 2, "{keys} keys take {usual} bytes otherwise, and {bytes} with room for them");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What stays in the table during a whole walk is given exactly once, whatever comes and goes in between.
    #[test]
    fn a_walk_gives_all_that_stays_exactly_once(
        stay in 1_u64..6_000,
        steps in prop::collection::vec((0_u64..20_000, 1_u64..600, any::<bool>()), 1..60),
    ) {
        let mut model = Model::new(0);
        for key in 1..=stay {
            model.put(key, 0);
        }
        let mut given = HashMap::<u64, u32>::new();
        let mut position = Some(0);
        let mut steps = steps.into_iter().cycle();
        let mut turn = 0;
        while let Some(at) = position {
            position = model.table.scan(at, &model.hasher, |p| *given.entry(p.key()).or_default() += 1);
            turn += 1;
            if turn % 7 == 0 && turn < 400 {
                let (from, count, add) = steps.next().expect("endless");
                for key in from..from + count {
                    // Keys above 10,000 come and go; the lower ones stay.
                    if add { model.put(key + 10_000, 3) } else { model.remove(key + 10_000) }
                }
            }
        }
        for key in 1..=stay {
            prop_assert_eq!(given.get(&key), Some(&1), "key {}", key);
        }
        prop_assert!(given.values().all(|&n| n == 1));
        model.check();
    }

    #[test]
    fn agrees_with_a_hash_map(ops in prop::collection::vec((0_u8..4, 1_u64..3_000, 1_u64..300, any::<u8>()), 1..80)) {
        let mut model = Model::new(0);
        for (kind, from, count, deadline) in ops {
            for key in from..from + count {
                if kind == 0 { model.remove(key) } else { model.put(key, deadline) }
            }
        }
        model.check();
    }
}
