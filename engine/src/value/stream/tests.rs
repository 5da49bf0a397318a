//! Streams beside plain maps: random operations across the limits of blocks.

use std::collections::BTreeMap;
use std::ops::Bound;

use proptest::prelude::*;

use super::*;
use crate::value::listpack::Listpack;

type Words = Vec<Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    /// This far behind the last id.
    Push(u64, u64, Words),
    Delete(StreamId),
    Trim(TrimTo, bool, u64),
    Range(StreamId, StreamId),
}

fn id() -> impl Strategy<Value = StreamId> {
    (0..30u64, 0..4u64).prop_map(|(ms, seq)| StreamId::new(ms, seq))
}

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::sample::select(vec!["a", "b", "", "17", "-9223372036854775808"]).prop_map(Vec::from),
        1 => prop::collection::vec(any::<u8>(), 0..100),
    ]
}

fn words() -> impl Strategy<Value = Words> {
    prop_oneof![
        2 => word().prop_map(|value| vec![b"field".to_vec(), value]),
        1 => prop::collection::vec((word(), word()), 1..4).prop_map(|pairs| {
            pairs.into_iter().flat_map(|(field, value)| [field, value]).collect()
        }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let to = prop_oneof![(0..20u64).prop_map(TrimTo::MaxLen), id().prop_map(TrimTo::MinId)];
    prop_oneof![
        8 => (0..3u64, 1..3u64, words()).prop_map(|(ms, seq, words)| Op::Push(ms, seq, words)),
        3 => id().prop_map(Op::Delete),
        1 => (to, any::<bool>(), prop::sample::select(vec![0, 0, 3, 9])).prop_map(|(to, r, n)| Op::Trim(to, r, n)),
        2 => (id(), id()).prop_map(|(start, end)| Op::Range(start, end)),
    ]
}

fn copy(entry: &Entry<'_>) -> (StreamId, Words) {
    (entry.id, entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect())
}

type Model = BTreeMap<StreamId, Words>;

/// What is left after a trim: exactly so much, or no less if it was a rough one.
fn check_trim(entries: &Entries, model: &mut Model, to: TrimTo, roughly: bool, limit: u64, removed: u64) {
    let wanted = match to {
        TrimTo::MaxLen(max) => (model.len() as u64).saturating_sub(max),
        TrimTo::MinId(min) => model.range(..min).count() as u64,
    };
    if roughly {
        assert!(removed <= wanted);
        assert!(limit == 0 || removed <= limit);
    } else if limit == 0 {
        assert_eq!(removed, wanted);
    } else {
        assert!(removed <= wanted);
    }
    for _ in 0..removed {
        model.pop_first();
    }
    assert_eq!(entries.len(), model.len() as u64);
}

fn check(entries: &Entries, model: &Model) {
    let forwards: Vec<_> = entries.walk(StreamId::MIN, StreamId::MAX, false).map(|e| copy(&e)).collect();
    let mut backwards: Vec<_> = entries.walk(StreamId::MIN, StreamId::MAX, true).map(|e| copy(&e)).collect();
    backwards.reverse();
    let expected: Vec<_> = model.iter().map(|(id, words)| (*id, words.clone())).collect();
    assert_eq!(forwards, expected);
    assert_eq!(backwards, expected);
    assert_eq!(entries.first_id(), model.keys().next().copied().unwrap_or_default());
    assert_eq!(entries.top_id(), model.keys().next_back().copied());
    let (kept, counted) = entries.pack_bytes();
    assert_eq!(kept, counted);
    for (_, pack) in entries.packs() {
        assert!(Listpack::from_bytes(pack.as_bytes()).is_ok(), "a valid listpack");
    }
}

proptest! {
    #[test]
    fn entries_are_a_map_of_ids(
        ops in prop::collection::vec(op(), 0..80),
        limits in (prop::sample::select(vec![0, 60, 300]), prop::sample::select(vec![0, 1, 2, 5])),
    ) {
        let limits = BlockLimits { bytes: limits.0, entries: limits.1 };
        let (mut entries, mut model, mut added) = (Entries::default(), Model::new(), 0);
        let (mut max_deleted, mut places) = (StreamId::MIN, Vec::new());
        for op in ops {
            match op {
                Op::Push(ms, seq, words) => {
                    let last = entries.last_id();
                    let id = if ms == 0 { StreamId::new(last.ms, last.seq + seq) } else { StreamId::new(last.ms + ms, seq) };
                    let slices: Vec<&[u8]> = words.iter().map(|word| &word[..]).collect();
                    prop_assert_eq!(entries.push(id, &slices, limits), Ok(()));
                    model.insert(id, words);
                    added += 1;
                }
                Op::Delete(id) => {
                    let is_there = model.remove(&id).is_some();
                    prop_assert_eq!(entries.delete(id), is_there);
                    if is_there {
                        max_deleted = max_deleted.max(id);
                    }
                }
                Op::Trim(to, roughly, limit) => {
                    let removed = entries.trim(to, roughly, limit);
                    check_trim(&entries, &mut model, to, roughly, limit, removed);
                }
                Op::Range(start, end) => {
                    let found: Vec<_> = entries.walk(start, end, false).map(|e| copy(&e)).collect();
                    let mut back: Vec<_> = entries.walk(start, end, true).map(|e| copy(&e)).collect();
                    back.reverse();
                    let expected: Vec<_> = if start > end {
                        Vec::new()
                    } else {
                        model.range(start..=end).map(|(id, words)| (*id, words.clone())).collect()
                    };
                    prop_assert_eq!(&found, &expected);
                    prop_assert_eq!(&back, &expected);
                    prop_assert_eq!(entries.get(start).map(|e| e.id), model.get(&start).map(|_| start));
                }
            }
            check(&entries, &model);
            places.extend(entries.walk(StreamId::MIN, StreamId::MAX, true).take(2).map(|e| (e.id, entries.place(&e))));
            for (id, place) in &places {
                let found: Vec<_> = entries.walk_on(*id, Some(*place)).into_iter().flatten().map(|e| copy(&e)).collect();
                let behind = model.range((Bound::Excluded(*id), Bound::Unbounded));
                prop_assert_eq!(found, behind.map(|(id, words)| (*id, words.clone())).collect::<Vec<_>>());
            }
            prop_assert_eq!(entries.added(), added);
            prop_assert_eq!(entries.max_deleted_id(), max_deleted);
        }
        check(&entries.clone(), &model);
    }

    #[test]
    fn groups_share_what_is_pending(
        ops in prop::collection::vec((0..5u8, id(), 0..4usize), 0..80),
    ) {
        const NAMES: [&[u8]; 4] = [b"c", b"a", b"b", b""];
        let mut groups = Groups::default();
        prop_assert!(groups.add(b"g", StreamId::MIN, None) && !groups.add(b"g", StreamId::MIN, None));
        let mut model: BTreeMap<StreamId, &[u8]> = BTreeMap::new();
        for (op, id, n) in ops {
            let name = NAMES[n];
            let mut group = groups.get_mut(b"g").expect("the group");
            match op {
                0..=2 => {
                    let (consumer, _) = group.find_or_add(name, 5);
                    group.give(id, consumer, 7, 1);
                    model.insert(id, name);
                }
                3 => prop_assert_eq!(group.acknowledge(id), model.remove(&id).is_some()),
                _ => {
                    let before = model.len();
                    let known = group.find(name).is_some();
                    model.retain(|_, owner| *owner != name);
                    let gone = known.then(|| before - model.len());
                    prop_assert_eq!(group.remove_consumer(name), gone);
                }
            }
            let names: Vec<_> = group.consumers().filter_map(|(_, c)| c).map(|c| c.name().to_vec()).collect();
            prop_assert!(names.is_sorted());
            let pending: Vec<_> = group.pending().iter().map(|(id, p)| (*id, group.get(p.consumer).expect("one").name())).collect();
            let expected: Vec<_> = model.iter().map(|(id, name)| (*id, *name)).collect();
            prop_assert_eq!(pending, expected);
            for (_, consumer) in group.consumers() {
                let consumer = consumer.expect("one");
                let own: Vec<_> = consumer.pending().iter().copied().collect();
                let expected: Vec<_> = model.iter().filter(|(_, n)| **n == consumer.name()).map(|(id, _)| *id).collect();
                prop_assert_eq!(own, expected);
            }
        }
        prop_assert!(groups.remove(b"g"));
        prop_assert_eq!(groups.bytes(), 0);
    }
}

/// As Redis 7.0 writes it: asked of DUMP after `XADD s 1-1 f v` and `XADD s 1-2 f 5`.
#[test]
fn blocks_are_in_the_layout_of_rdb() {
    let mut entries = Entries::default();
    let limits = BlockLimits { bytes: 4096, entries: 100 };
    assert_eq!(entries.push(StreamId::new(1, 1), &[b"f", b"v"], limits), Ok(()));
    assert_eq!(entries.push(StreamId::new(1, 2), &[b"f", b"5"], limits), Ok(()));
    let items: Vec<Vec<u8>> = entries.packs().next().expect("a block").1.iter().map(|item| item.to_vec()).collect();
    let expected = ["2", "0", "1", "f", "0", "2", "0", "0", "v", "4", "2", "0", "1", "5", "4"];
    assert_eq!(items, expected.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn an_entry_that_is_too_long_is_refused() {
    let mut entries = Entries::default();
    let half = vec![0; (1 << 29) + 1];
    let limits = BlockLimits { bytes: 0, entries: 0 };
    assert_eq!(entries.push(StreamId::new(1, 1), &[&half, &half], limits), Err(TooLarge));
    assert!(entries.is_empty() && entries.last_id().is_zero());
}
