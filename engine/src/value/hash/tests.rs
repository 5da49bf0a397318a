//! Hashes beside a plain map, across the thresholds.
#![allow(clippy::unwrap_used, reason = "a test that fails has to say so")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{FieldDeadline, Hash, HashLimits};
use crate::clock::Millis;

const LIMITS: HashLimits = HashLimits { entries: 8, value: 20 };

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<Millis>)>;

/// Numbers below what is asked for, the same in every run.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 1_u64;
    move |n| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(state) * n as u128) >> 64) as usize
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, Vec<u8>, FieldDeadline),
    SetAll(Vec<(Vec<u8>, Vec<u8>)>),
    Deadline(Vec<u8>, Option<Millis>),
    Remove(Vec<u8>),
    RemoveDue(Millis, usize),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => (0..12_u32).prop_map(|n| format!("field:{n}").into_bytes()),
        10 => (0..6_i64).prop_map(|n| n.to_string().into_bytes()),
        1 => Just(vec![b'x'; 21]),
        1 => Just(vec![b'y'; 300]),
        1 => Just(Vec::new()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => prop::collection::vec(any::<u8>(), 0..12),
        10 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 21..40),
        1 => prop::collection::vec(any::<u8>(), 250..600),
    ]
}

fn step(deadlines: bool) -> impl Strategy<Value = Step> {
    let deadline = move || match deadlines {
        true => {
            prop_oneof![Just(FieldDeadline::Clear), Just(FieldDeadline::Keep), (1..50_u64).prop_map(FieldDeadline::At)]
                .boxed()
        }
        false => Just(FieldDeadline::Clear).boxed(),
    };
    prop_oneof![
        20 => (name(), value(), deadline()).prop_map(|(name, value, deadline)| Step::Set(name, value, deadline)),
        4 => prop::collection::vec((name(), value()), 0..20).prop_map(Step::SetAll),
        8 => name().prop_map(Step::Remove),
        if deadlines { 8 } else { 1 } => (name(), prop::option::of(if deadlines { 1..50_u64 } else { 0..1 }))
            .prop_map(move |(name, at)| Step::Deadline(name, at.filter(|_| deadlines))),
        2 => (0..60_u64, 1..500_usize).prop_map(|(now, most)| Step::RemoveDue(now, most)),
    ]
}

fn contents(hash: &Hash) -> Model {
    let mut all = Model::new();
    hash.for_each_with_deadline(|name, value, deadline| {
        assert_eq!(all.insert(name.to_vec(), (value.to_vec(), deadline)), None);
    });
    all
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut hash, mut model) = (Hash::default(), Model::new());
    for step in steps {
        match step {
            Step::SetAll(pairs) => {
                let borrowed = pairs.iter().map(|(name, value)| (&name[..], &value[..]));
                let new = hash.set_all(borrowed, LIMITS);
                let added = pairs
                    .into_iter()
                    .filter(|(name, value)| model.insert(name.clone(), (value.clone(), None)).is_none());
                prop_assert_eq!(new, added.count());
            }
            Step::Set(name, value, deadline) => {
                let old = model.get(&name).and_then(|(_, deadline)| *deadline);
                let at = match deadline {
                    FieldDeadline::Clear => None,
                    FieldDeadline::Keep => old,
                    FieldDeadline::At(at) => Some(at),
                };
                let is_new = model.insert(name.clone(), (value.clone(), at)).is_none();
                prop_assert_eq!(hash.set(&name, &value, deadline, LIMITS), is_new);
            }
            Step::Deadline(name, at) => {
                let there = model.get_mut(&name).map(|field| field.1 = at).is_some();
                prop_assert_eq!(hash.set_deadline(&name, at), there);
            }
            Step::Remove(name) => prop_assert_eq!(hash.remove(&name), model.remove(&name).is_some()),
            Step::RemoveDue(now, most) => {
                let mut removed = Vec::new();
                let complete = hash.remove_due(now, most, |name| removed.push(name.to_vec()));
                for name in removed {
                    prop_assert!(model.remove(&name).is_some_and(|(_, at)| at.is_some_and(|at| now > at)));
                }
                if complete {
                    prop_assert!(model.values().all(|(_, at)| at.is_none_or(|at| now <= at)));
                    prop_assert!(!hash.is_due(now));
                }
            }
        }
        prop_assert_eq!(hash.len(), model.len());
        prop_assert_eq!(hash.deadlines(), model.values().filter(|(_, at)| at.is_some()).count());
        let earliest = model.values().filter_map(|(_, at)| *at).min();
        prop_assert!(earliest.is_none_or(|at| hash.earliest() <= at), "what is due would be missed");
        if hash.encoding() == "listpack" {
            prop_assert!(model.len() <= LIMITS.entries && hash.deadlines() == 0);
            prop_assert!(model.iter().all(|(name, (value, _))| name.len() <= 20 && value.len() <= 20));
        }
    }
    prop_assert_eq!(&contents(&hash), &model);
    prop_assert_eq!(&contents(&hash.clone()), &model);
    for now in [0, 10, 25, 60] {
        let seen: BTreeMap<_, _> = model.iter().filter(|(_, (_, at))| at.is_none_or(|at| now <= at)).collect();
        prop_assert_eq!(hash.len_at(now), seen.len());
        for (name, (value, _)) in &model {
            let found = hash.get(name, now).map(|item| item.to_vec());
            prop_assert_eq!(found, seen.contains_key(name).then(|| value.clone()));
        }
        let (mut position, mut scanned) = (Some(0), Vec::new());
        while let Some(at) = position {
            position = hash.scan(at, now, |name, value| scanned.push((name.to_vec(), value.to_vec())));
        }
        scanned.sort();
        let all: Vec<_> = seen.iter().map(|(name, (value, _))| ((*name).clone(), value.clone())).collect();
        prop_assert_eq!(scanned, all);
        let mut below = numbers();
        prop_assert_eq!(hash.random(now, &mut below).is_some(), !seen.is_empty());
        let mut drawn = Vec::new();
        hash.random_distinct(3, now, &mut below, |(name, _)| drawn.push(name.to_vec()));
        drawn.sort();
        drawn.dedup();
        prop_assert_eq!(drawn.len(), seen.len().min(3));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn behaves_like_a_map(steps in prop::collection::vec(step(false), 1..60)) {
        run(steps)?;
    }

    #[test]
    fn behaves_like_a_map_with_deadlines(steps in prop::collection::vec(step(true), 1..60)) {
        run(steps)?;
    }
}

#[test]
fn a_million_fields_fit_in_fifty_bytes_each() {
    let fields = 200_000;
    let mut hash = Hash::default();
    for n in 0..fields {
        hash.set(format!("element:{n:08}").as_bytes(), b"xxxxxxxx", FieldDeadline::Clear, LIMITS);
    }
    let each = hash.bytes() as f64 / f64::from(fields);
    assert!(each < 50.0, "{each} bytes a field");
    let mut below = numbers();
    let mut drawn = Vec::new();
    hash.random_distinct(100, 0, &mut below, |(name, _)| drawn.push(name.to_vec()));
    drawn.sort();
    drawn.dedup();
    assert_eq!(drawn.len(), 100);
    let mut many = 0;
    hash.random_many(50, 0, &mut below, |_| many += 1);
    assert_eq!(many, 50);
}

#[test]
fn what_is_due_goes_in_portions() {
    let mut hash = Hash::default();
    for n in 0..10_000_u64 {
        hash.set(format!("f{n}").as_bytes(), b"v", FieldDeadline::At(n), LIMITS);
    }
    let mut removed = 0;
    let mut rounds = 0;
    while !hash.remove_due(5_000, 100, |_| removed += 1) {
        rounds += 1;
    }
    assert_eq!((removed, hash.len()), (5_000, 5_000));
    assert!(rounds > 5, "{rounds}");
    assert!(!hash.is_due(5_000) && hash.is_due(5_001));
    assert!(hash.earliest() < u64::MAX);
    hash.remove_due(u64::MAX, usize::MAX, |_| ());
    assert_eq!((hash.len(), hash.deadlines(), hash.earliest()), (0, 0, u64::MAX));
}
