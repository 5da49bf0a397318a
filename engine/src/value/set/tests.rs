use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { intset_entries: 12, listpack_entries: 8, listpack_value: 10 };

fn random() -> impl FnMut() -> u64 {
    let mut state = 42u64;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn sorted(set: &Set) -> BTreeSet<Vec<u8>> {
    let items = set.items();
    let all: BTreeSet<_> = items.iter().map(|item| item.to_vec()).collect();
    assert_eq!(all.len(), items.len(), "a member twice");
    all
}

fn of(members: impl IntoIterator<Item = String>) -> Set {
    let mut set = Set::default();
    members.into_iter().for_each(|m| assert!(set.insert(m.as_bytes(), LIMITS)));
    set
}

#[test]
fn forms_change_where_limits_are_passed() {
    assert_eq!(of((0..12).map(|n| n.to_string())).encoding(), "intset");
    assert_eq!(of((0..13).map(|n| n.to_string())).encoding(), "hashtable");
    assert_eq!(of(["1", "2", "x"].map(String::from)).encoding(), "listpack");
    assert_eq!(of((0..8).map(|n| n.to_string()).chain(["x".into()])).encoding(), "hashtable");
    assert_eq!(of(["1".into(), "x".repeat(10)]).encoding(), "listpack");
    assert_eq!(of(["1".into(), "x".repeat(11)]).encoding(), "hashtable");
    assert_eq!(of(["12345678901".into(), "x".into()]).encoding(), "hashtable", "an integer too long for a listpack");
    assert_eq!(Set::beginning_with(b"1", 12, LIMITS).encoding(), "intset");
    assert_eq!(Set::beginning_with(b"1", 13, LIMITS).encoding(), "hashtable");
    assert_eq!(Set::beginning_with(b"x", 8, LIMITS).encoding(), "listpack");
    assert_eq!(Set::beginning_with(b"x", 9, LIMITS).encoding(), "hashtable");
}

#[test]
fn every_member_is_drawn_as_often_as_any_other() {
    // Tables that have grown, and one that has shrunk to few members in many pages.
    let wide = Limits { intset_entries: 0, listpack_entries: 0, ..LIMITS };
    for (grown, left) in [(20, 20), (430, 430), (700, 700), (1500, 1500), (20_000, 300)] {
        let mut set = Set::default();
        (0..grown).for_each(|n| assert!(set.insert(format!("m{n}").as_bytes(), wide)));
        (left..grown).for_each(|n| assert!(set.remove(format!("m{n}").as_bytes())));
        let (mut random, mut drawn) = (random(), HashMap::<Vec<u8>, u32>::new());
        let each = 200;
        for _ in 0..left * each {
            *drawn.entry(set.random(&mut random).expect("not empty").to_vec()).or_default() += 1;
        }
        // Of each bin the variance is its mean, so that the sum over all is near their number.
        let each = f64::from(each);
        let chi: f64 = (0..left)
            .map(|n| drawn.get(format!("m{n}").as_bytes()).map_or(0.0, |&d| f64::from(d)))
            .map(|d| (d - each).powi(2) / each)
            .sum();
        let left = f64::from(left);
        assert!((chi - left).abs() < 6.0 * (2.0 * left).sqrt(), "{grown} {left}: {chi}");
    }
}

#[test]
fn samples_are_different_members() {
    for n in [5, 12, 100, 1000] {
        let set = of((0..n).map(|n| format!("m{n}")));
        for count in [0, 1, 2, n / 5, n / 2, n, n + 3] {
            let sample = set.sample(count, random());
            let different: BTreeSet<_> = sample.iter().map(|item| item.to_vec()).collect();
            assert_eq!((sample.len(), different.len()), (count.min(n), count.min(n)));
        }
    }
}

#[test]
fn a_member_of_16_bytes_takes_at_most_34() {
    let mut worst = 0.0f64;
    let mut set = Set::default();
    for n in 0..200_000usize {
        set.insert(format!("member:{n:09}").as_bytes(), LIMITS);
        if n > 50_000 {
            worst = worst.max(set.bytes() as f64 / set.len() as f64);
        }
    }
    assert!(worst <= 34.0, "{worst}");
}

#[test]
fn a_walk_gives_everything_once_while_the_table_changes() {
    let mut set = of((0..5000).map(|n| format!("stays{n}")));
    let (mut seen, mut position, mut n) = (HashMap::<Vec<u8>, u32>::new(), Some(0), 0);
    while let Some(at) = position {
        position = set.scan(at, |item| *seen.entry(item.to_vec()).or_default() += 1);
        for _ in 0..20 {
            n += 1;
            set.insert(format!("goes{n}").as_bytes(), LIMITS);
        }
        if n > 4000 {
            set.remove(format!("goes{}", n - 4000).as_bytes());
        }
    }
    assert!((0..5000).all(|n| seen.get(format!("stays{n}").as_bytes()) == Some(&1)));
    assert!(seen.values().all(|&times| times == 1));
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..30i64).prop_map(|n| n.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        2 => "[a-c]{0,3}".prop_map(String::into_bytes),
        1 => Just(b"007".to_vec()),
        1 => prop::collection::vec(any::<u8>(), 9..40),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Vec<u8>),
    Remove(Vec<u8>),
    Expect(usize),
    Rebuild,
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => member().prop_map(Step::Insert),
        6 => member().prop_map(Step::Remove),
        1 => (0..14usize).prop_map(Step::Expect),
        1 => Just(Step::Rebuild),
        1 => Just(Step::Copy),
    ]
}

proptest! {
    #[test]
    fn sets_like_a_plain_one(steps in prop::collection::vec(step(), 0..80)) {
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        for step in steps {
            match step {
                Step::Insert(m) => prop_assert_eq!(set.insert(&m, LIMITS), model.insert(m)),
                Step::Remove(m) => prop_assert_eq!(set.remove(&m), model.remove(&m)),
                Step::Expect(more) => set.expect(more, LIMITS),
                Step::Rebuild => set = Set::of_distinct(&set.items(), LIMITS),
                Step::Copy => set = set.clone(),
            }
            prop_assert_eq!(set.len(), model.len());
        }
        prop_assert_eq!(&sorted(&set), &model);
        for m in model.iter().chain(&[b"1".to_vec(), b"01".to_vec(), b"zz".to_vec()]) {
            prop_assert_eq!(set.contains(m), model.contains(m));
        }
        let mut walked = BTreeSet::new();
        let mut position = Some(0);
        while let Some(at) = position {
            position = set.scan(at, |item| assert!(walked.insert(item.to_vec())));
        }
        prop_assert_eq!(walked, model);
    }
}
