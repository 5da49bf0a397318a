use proptest::prelude::*;

use super::*;

fn text(element: Element<'_>) -> Vec<u8> {
    element.item().to_vec()
}

fn texts(list: &List) -> Vec<Vec<u8>> {
    list.iter().map(text).collect()
}

/// Everything that must hold of a list, whatever was done to it.
fn check(list: &List, model: &[Vec<u8>]) {
    assert_eq!(texts(list), model);
    assert_eq!(list.len(), model.len());
    assert_eq!(list.is_empty(), model.is_empty());
    assert!(list.walk(0, Side::Right).map(text).eq(model.iter().rev().cloned()));
    for skip in [1, 3, model.len() / 2, model.len(), model.len() + 1] {
        assert!(list.walk(skip, Side::Left).map(text).eq(model.iter().skip(skip).cloned()));
        assert!(list.walk(skip, Side::Right).map(text).eq(model.iter().rev().skip(skip).cloned()));
    }
    let (mut elements, mut bytes) = (0, 0);
    for node in list.nodes() {
        elements += node.map_or(1, Listpack::len);
        bytes += node.map_or(0, Listpack::bytes);
        assert!(list.encoding() == "listpack" || node.map_or(1, Listpack::len) > 0, "an empty node");
    }
    assert_eq!(elements, model.len());
    assert!(list.bytes() >= bytes);
    let copy = list.clone();
    if copy.encoding() == "listpack" {
        assert_eq!(copy.bytes(), list.bytes());
    }
}

#[derive(Clone, Debug)]
enum Op {
    Push(bool, Vec<Vec<u8>>),
    Set(usize, Vec<u8>),
    Insert(usize, bool, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveEnd(bool, usize),
    Remove(usize, usize, bool),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..20u8).prop_map(|n| n.to_string().into_bytes()),
        4 => prop::collection::vec(any::<u8>(), 0..12),
        2 => (any::<u8>(), 0..600usize).prop_map(|(byte, len)| vec![byte; len]),
        1 => (any::<u8>(), 3000..9000usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let at = any::<usize>();
    prop_oneof![
        6 => (any::<bool>(), prop::collection::vec(element(), 1..30)).prop_map(|(left, all)| Op::Push(left, all)),
        3 => (at, element()).prop_map(|(at, text)| Op::Set(at, text)),
        6 => (at, any::<bool>(), element()).prop_map(|(at, behind, text)| Op::Insert(at, behind, text)),
        1 => (at, 0..40usize).prop_map(|(at, count)| Op::RemoveRange(at, count)),
        2 => (any::<bool>(), 0..10usize).prop_map(|(left, count)| Op::RemoveEnd(left, count)),
        2 => (at, 0..4usize, any::<bool>()).prop_map(|(at, most, left)| Op::Remove(at, most, left)),
    ]
}

fn side(left: bool) -> Side {
    if left { Side::Left } else { Side::Right }
}

fn apply(list: &mut List, model: &mut Vec<Vec<u8>>, op: Op, limits: Limits) {
    let len = model.len().max(1);
    match op {
        Op::Push(left, all) => {
            list.grow(all.len(), all.iter().map(Vec::len).sum(), limits);
            for text in all {
                list.push(side(left), &text, limits);
                model.insert(if left { 0 } else { model.len() }, text);
            }
        }
        Op::Set(at, text) if !model.is_empty() => {
            list.grow(1, text.len(), limits);
            list.set(at % len, &text, limits);
            model[at % len] = text;
            list.shrink(limits);
        }
        Op::Insert(at, behind, text) if !model.is_empty() => {
            let pivot = model[at % len].clone();
            list.grow(1, text.len(), limits);
            assert!(list.insert(&pivot, behind, &text, limits));
            let at = model.iter().position(|own| *own == pivot).expect("it is there");
            model.insert(at + usize::from(behind), text);
        }
        Op::RemoveRange(at, count) => {
            list.remove_range(at % len, count);
            let start = (at % len).min(model.len());
            model.drain(start..(start + count).min(model.len()));
            list.shrink(limits);
        }
        Op::RemoveEnd(left, count) => {
            list.remove_end(side(left), count);
            let count = count.min(model.len());
            model.drain(if left { 0..count } else { model.len() - count..model.len() });
            list.shrink(limits);
        }
        Op::Remove(at, most, left) => {
            let text = model.get(at % len).cloned().unwrap_or_default();
            let removed = list.remove(&text, most, side(left));
            if !left {
                model.reverse();
            }
            let mut gone = 0;
            model.retain(|own| {
                let goes = gone < most && *own == text;
                gone += usize::from(goes);
                !goes
            });
            if !left {
                model.reverse();
            }
            assert_eq!(removed, gone);
            list.shrink(limits);
        }
        Op::Set(..) | Op::Insert(..) => {}
    }
}

#[test]
fn becomes_a_quicklist_and_a_listpack_again() {
    let limits = Limits::new(4, 0);
    let mut list = List::default();
    for n in 1..=5u8 {
        list.grow(1, 1, limits);
        list.push(Side::Right, &[b'0' + n], limits);
        assert_eq!(list.encoding(), if n <= 4 { "listpack" } else { "quicklist" });
    }
    assert_eq!(list.nodes().count(), 2);
    list.remove_end(Side::Right, 1);
    list.shrink(limits);
    assert_eq!(list.encoding(), "quicklist", "one node, but more than half of what it may have");
    list.remove_end(Side::Left, 2);
    list.shrink(limits);
    assert_eq!(list.encoding(), "listpack");
    check(&list, &[b"3".to_vec(), b"4".to_vec()]);
    list.remove_end(Side::Left, 9);
    check(&list, &[]);
    assert_eq!(list.bytes(), 16);
    assert_eq!(size_of::<List>(), 8);
}

#[test]
fn long_elements_are_nodes_of_their_own() {
    let limits = Limits::new(-2, 10);
    let mut list = List::default();
    list.grow(0, 10_000, limits);
    for text in ["a", "long enough", "b", "c"] {
        list.push(Side::Right, text.as_bytes(), limits);
    }
    assert_eq!(list.nodes().map(|node| node.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    assert!(matches!(list.get(1), Some(Element::Shared(text)) if text[..] == *b"long enough"));
    assert!(list.insert(b"b", true, b"another long one", limits));
    assert_eq!(list.nodes().count(), 5, "the node of b and c was cut");
    list.set(1, b"short", limits);
    list.set(0, b"a long one here", limits);
    let expected = ["a long one here", "short", "b", "another long one", "c"];
    check(&list, &expected.map(|text| text.as_bytes().to_vec()));
}

#[test]
fn the_middle_of_a_long_list() {
    let limits = Limits::default();
    let mut list = List::default();
    for n in 0..100_000 {
        list.grow(1, 16, limits);
        list.push(Side::Right, format!("element:{n:08}").as_bytes(), limits);
    }
    for index in [0, 1, 447, 448, 49_999, 50_000, 99_999] {
        assert_eq!(list.get(index).map(text), Some(format!("element:{index:08}").into_bytes()));
    }
    assert!(list.get(100_000).is_none());
    // Eighteen bytes an element, and little for nodes.
    assert!(list.bytes() < 100_000 * 19, "{}", list.bytes());
    list.remove_range(1, 99_998);
    assert_eq!(list.len(), 2);
}

proptest! {
    #[test]
    fn behaves_as_a_vector(
        ops in prop::collection::vec(op(), 0..60), fill in prop_oneof![Just(-2i64), Just(-1), 1..6i64, Just(100)],
        threshold in prop_oneof![4 => Just(0usize), 1 => 2..300usize],
    ) {
        let limits = Limits::new(fill, threshold);
        let (mut list, mut model) = (List::default(), Vec::new());
        for op in ops {
            apply(&mut list, &mut model, op, limits);
            prop_assert_eq!(texts(&list), &model[..]);
        }
        check(&list, &model);
    }
}
