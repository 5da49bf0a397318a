//! The big form beside a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::order::{Bound, LexBound, LexRange, ScoreBound, ScoreRange, compare, rank_span};
use super::tree::{Builder, Tree};

/// Members with their scores, as plainly as can be.
type Model = BTreeMap<Vec<u8>, f64>;

fn ordered(model: &Model) -> Vec<(Vec<u8>, f64)> {
    let mut all: Vec<_> = model.iter().map(|(m, s)| (m.clone(), *s)).collect();
    all.sort_by(|a, b| compare((a.1, &a.0), (b.1, &b.0)));
    all
}

fn walked(tree: &Tree, ranks: std::ops::Range<usize>, backwards: bool) -> Vec<(Vec<u8>, f64)> {
    tree.walk(ranks, backwards).map(|(m, s)| (m.to_vec(), s)).collect()
}

fn set(tree: &mut Tree, member: &[u8], score: f64) {
    match tree.find(member) {
        Some(found) if tree.score(member) != Some(score) => tree.rescore(found, score),
        Some(_) => {}
        None => tree.insert(member, score),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(Vec<u8>, f64),
    /// Many at once, from a number on: scores in ascending or descending order, or all alike.
    Fill(u32, u32, i8),
    Remove(Vec<u8>),
    RemoveRange(usize, usize),
    /// Every so many-th is removed.
    Thin(usize),
    Rescore(usize, f64),
    Clone,
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-20..20i32).prop_map(f64::from),
        2 => any::<i32>().prop_map(|n| f64::from(n) / 7.0),
        1 => prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 1e308, -5e-324]),
        1 => (0..400u32).prop_map(|n| 1.7e12 + f64::from(n)),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..400u32).prop_map(name),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (250..260usize, 0..5u8).prop_map(|(n, b)| vec![b; n]),
    ]
}

fn name(n: u32) -> Vec<u8> {
    format!("member:{n}").into_bytes()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (member(), score()).prop_map(|(m, s)| Step::Set(m, s)),
        3 => (0..3000u32, 1..600u32, -1..=1i8).prop_map(|(from, n, way)| Step::Fill(from, n, way)),
        4 => member().prop_map(Step::Remove),
        1 => (0..1000usize, 0..500usize).prop_map(|(at, n)| Step::RemoveRange(at, n)),
        1 => (2..5usize).prop_map(Step::Thin),
        6 => (0..5000usize, score()).prop_map(|(at, s)| Step::Rescore(at, s)),
        1 => Just(Step::Clone),
    ]
}

fn apply(tree: &mut Tree, model: &mut Model, step: Step) {
    match step {
        Step::Set(member, score) => {
            set(tree, &member, score);
            model.insert(member, score);
        }
        Step::Fill(from, n, way) => {
            for i in from..from + n {
                let score = f64::from(way) * f64::from(i);
                set(tree, &name(i), score);
                model.insert(name(i), score);
            }
        }
        Step::Remove(member) => assert_eq!(tree.remove(&member), model.remove(&member)),
        Step::RemoveRange(at, n) => {
            let all = ordered(model);
            let (at, end) = (at.min(all.len()), (at + n).min(all.len()));
            let mut removed = Vec::new();
            tree.remove_range(at..end, |m, s| removed.push((m.to_vec(), s)));
            assert_eq!(removed, all[at..end]);
            model.retain(|m, _| !removed.iter().any(|(r, _)| r == m));
        }
        Step::Thin(n) => {
            for (i, (member, score)) in ordered(model).into_iter().enumerate().filter(|(i, _)| i % n != 0) {
                assert_eq!(tree.remove(&member), Some(score), "{i}");
                model.remove(&member);
            }
        }
        Step::Rescore(at, score) => {
            let all = ordered(model);
            if let Some((member, _)) = all.get(at % all.len().max(1)) {
                set(tree, member, score);
                model.insert(member.clone(), score);
            }
        }
        Step::Clone => *tree = tree.clone(),
    }
}

/// Every question, of every element and of the places around it.
fn compare_all(tree: &Tree, model: &Model) {
    tree.check();
    let all = ordered(model);
    assert_eq!(walked(tree, 0..all.len(), false), all);
    let mut reversed = walked(tree, 0..usize::MAX, true);
    reversed.reverse();
    assert_eq!(reversed, all);
    for (rank, (member, score)) in all.iter().enumerate().step_by(1 + all.len() / 40) {
        assert_eq!(tree.rank(member), Some((rank, *score)));
        assert_eq!(walked(tree, rank..rank + 90, false), all[rank..(rank + 90).min(all.len())]);
        let range = ScoreRange::new(*score, ScoreBound::Excluded(*score));
        let [start, end] = range.bounds();
        assert_eq!(tree.before(&start), all.iter().filter(|(_, s)| s < score).count());
        assert_eq!(tree.before(&end), tree.before(&start));
        let [start, end] = ScoreRange::new(ScoreBound::Excluded(*score), *score).bounds();
        assert_eq!(tree.before(&start), all.iter().filter(|(_, s)| s <= score).count());
        assert_eq!(tree.before(&end), tree.before(&start));
    }
    let mut scanned = Model::new();
    let mut position = Some(0);
    while let Some(at) = position {
        position = tree.scan(at, |m, s| assert!(scanned.insert(m.to_vec(), s).is_none()));
    }
    assert_eq!(&scanned, model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_tree_is_a_sorted_map(steps in prop::collection::vec(step(), 1..40)) {
        let (mut tree, mut model) = (Tree::default(), Model::new());
        for step in steps {
            apply(&mut tree, &mut model, step);
            tree.check();
        }
        compare_all(&tree, &model);
        tree.remove_range(0..usize::MAX, |_, _| {});
        tree.check();
        prop_assert!(tree.bytes() < Tree::default().bytes() + 4096);
    }

    #[test]
    fn members_alone_order_what_has_one_score(
        members in prop::collection::btree_set("[a-c]{0,4}", 1..300),
        ends in ("[a-c]{0,4}", "[a-c]{0,4}", any::<bool>(), any::<bool>()),
    ) {
        let mut built = Builder::default();
        for member in &members {
            built.add(member.as_bytes(), 1.0);
        }
        let tree = built.finish();
        tree.check();
        let bound = |excluded: bool, m| if excluded { LexBound::Excluded(m) } else { LexBound::Included(m) };
        let range = LexRange::new(bound(ends.2, ends.0.as_bytes()), bound(ends.3, ends.1.as_bytes()));
        let inside = members.iter().filter(|m| !range.is_below(m.as_bytes()) && !range.is_above(m.as_bytes())).count();
        let (start, end) = (tree.before(&Bound::LexStart(&range)), tree.before(&Bound::LexEnd(&range)));
        prop_assert_eq!(end.saturating_sub(start), inside);
        let all = LexRange::all();
        prop_assert_eq!(tree.before(&Bound::LexStart(&all)), 0);
        prop_assert_eq!(tree.before(&Bound::LexEnd(&all)), members.len());
    }
}

#[test]
fn a_tree_of_three_levels() {
    let (mut tree, mut model) = (Tree::default(), Model::new());
    for i in 0..30_000u32 {
        let scattered = i.wrapping_mul(2_654_435_761) % 100_000;
        set(&mut tree, &name(i), f64::from(scattered));
        model.insert(name(i), f64::from(scattered));
    }
    compare_all(&tree, &model);
    for i in 0..30_000u32 {
        let scattered = f64::from(i.wrapping_mul(40_503) % 100_000);
        set(&mut tree, &name(i), scattered);
        model.insert(name(i), scattered);
    }
    compare_all(&tree, &model);
    for i in (0..30_000u32).filter(|i| i % 16 != 0) {
        assert_eq!(tree.remove(&name(i)), model.remove(&name(i)));
    }
    compare_all(&tree, &model);
    tree.remove_range(100..1500, |m, s| assert_eq!(model.remove(m), Some(s)));
    compare_all(&tree, &model);
    let copy = tree.clone();
    drop(tree);
    compare_all(&copy, &model);
}

#[test]
fn spans_of_ranks_as_redis_has_them() {
    for (start, end, span) in [
        (0, -1, 0..5),
        (-3, -2, 2..4),
        (-100, 2, 0..3),
        (3, 1, 0..0),
        (5, 10, 0..0),
        (0, -6, 0..0),
        (4, i64::MAX, 4..5),
        (i64::MIN, i64::MIN, 0..0),
    ] {
        assert_eq!(rank_span(start, end, 5), span, "{start} {end}");
    }
    assert_eq!(rank_span(0, -1, 0), 0..0);
}
