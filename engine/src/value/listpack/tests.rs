use proptest::prelude::*;

use super::*;

fn pack(texts: &[Vec<u8>]) -> Listpack {
    let mut pack = Listpack::new();
    for text in texts {
        pack.push_back(text);
    }
    pack
}

fn texts(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(Item::to_vec).collect()
}

/// Everything that must hold of a listpack, whatever was done to it.
fn check(pack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(texts(pack), model);
    assert_eq!(pack.len(), model.len());
    assert_eq!(pack.is_empty(), model.is_empty());
    let mut backward: Vec<_> = pack.iter().rev().map(Item::to_vec).collect();
    backward.reverse();
    assert_eq!(backward, model);
    let mut steps = Vec::new();
    let mut pos = pack.last();
    while let Some(at) = pos {
        steps.push(pack.get(at).to_vec());
        pos = pack.prev(at);
    }
    steps.reverse();
    assert_eq!(steps, model);
    let again = Listpack::from_bytes(pack.as_bytes()).expect("what we made is valid");
    assert_eq!(again.as_bytes(), pack.as_bytes());
    assert!(pack.bytes() >= pack.size() || pack.bytes() == 0 && model.is_empty());
}

/// The bytes of each encoding, as a Redis 7.0 gave them in its DUMP of a list of one.
#[test]
fn encodings_byte_for_byte() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"0", &[0, 1]),
        (b"127", &[127, 1]),
        (b"128", &[0xc0, 0x80, 2]),
        (b"-1", &[0xdf, 0xff, 2]),
        (b"4095", &[0xcf, 0xff, 2]),
        (b"-4096", &[0xd0, 0, 2]),
        (b"4096", &[0xf1, 0, 0x10, 3]),
        (b"-4097", &[0xf1, 0xff, 0xef, 3]),
        (b"32767", &[0xf1, 0xff, 0x7f, 3]),
        (b"32768", &[0xf2, 0, 0x80, 0, 4]),
        (b"-32769", &[0xf2, 0xff, 0x7f, 0xff, 4]),
        (b"8388607", &[0xf2, 0xff, 0xff, 0x7f, 4]),
        (b"-8388608", &[0xf2, 0, 0, 0x80, 4]),
        (b"8388608", &[0xf3, 0, 0, 0x80, 0, 5]),
        (b"2147483647", &[0xf3, 0xff, 0xff, 0xff, 0x7f, 5]),
        (b"2147483648", &[0xf4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]),
        (b"-9223372036854775808", &[0xf4, 0, 0, 0, 0, 0, 0, 0, 0x80, 9]),
        (b"9223372036854775808", b"\x939223372036854775808\x14"),
        (b"", &[0x80, 1]),
        (b"-0", b"\x82-0\x03"),
        (b"007", b"\x83007\x04"),
        (b"hello", b"\x85hello\x06"),
    ];
    for &(text, entry) in cases {
        let pack = pack(&[text.to_vec()]);
        let mut bytes = vec![7 + entry.len() as u8, 0, 0, 0, 1, 0];
        bytes.extend_from_slice(entry);
        bytes.push(0xff);
        assert_eq!(pack.as_bytes(), bytes, "{:?}", text.escape_ascii().to_string());
        assert_eq!(Listpack::entry_size(text), entry.len());
        check(&pack, &[text.to_vec()]);
    }
}

#[test]
fn long_strings_and_the_lengths_behind_them() {
    // Each is a bound of an encoding or of the width of the length behind.
    for (len, head, back) in [
        (63, &[0xbf][..], &[64][..]),
        (64, &[0xe0, 64], &[66]),
        (125, &[0xe0, 125], &[127]),
        (126, &[0xe0, 126], &[1, 0x80]),
        (4095, &[0xef, 0xff], &[0x20, 0x81]),
        (4096, &[0xf0, 0, 0x10, 0, 0], &[0x20, 0x85]),
        (16_377, &[0xf0, 0xf9, 0x3f, 0, 0], &[0x7f, 0xfe]),
        (16_378, &[0xf0, 0xfa, 0x3f, 0, 0], &[0, 0xff, 0xff]),
        (2_097_145, &[0xf0, 0xf9, 0xff, 0x1f, 0], &[0x7f, 0xff, 0xfe]),
        (2_097_146, &[0xf0, 0xfa, 0xff, 0x1f, 0], &[0, 0xff, 0xff, 0xff]),
    ] {
        let text = vec![b'x'; len];
        let pack = pack(std::slice::from_ref(&text));
        let entry = [head, &text, back].concat();
        assert_eq!(pack.as_bytes().get(HEADER..pack.end()), Some(&entry[..]), "{len}");
        check(&pack, &[text]);
    }
}

#[test]
fn an_empty_one_allocates_nothing() {
    let mut pack = Listpack::new();
    assert_eq!(pack.bytes(), 0);
    assert_eq!(pack.as_bytes(), [7, 0, 0, 0, 0, 0, 0xff]);
    assert_eq!(pack.first(), None);
    assert_eq!(pack.last(), None);
    assert_eq!(pack.seek(0), None);
    assert_eq!(pack.seek(-1), None);
    pack.append(&Listpack::new());
    pack.remove_range(0, 3);
    assert_eq!(pack.clone().bytes(), 0);
    pack.push_front(b"a");
    assert_eq!(pack.bytes(), 16);
    assert_eq!(pack.first().and_then(|first| pack.remove(first)), None);
    check(&pack, &[]);
    assert_eq!(Listpack::from_bytes(&[7, 0, 0, 0, 0, 0, 0xff]).map(|pack| pack.len()), Ok(0));
    assert_eq!(size_of::<Option<Listpack>>(), 8);
}

#[test]
fn many_entries_are_counted_by_walking() {
    let mut pack = Listpack::new();
    for n in 0..65_534 {
        pack.push_back_int(n);
    }
    assert_eq!(pack.as_bytes()[4..6], [0xfe, 0xff]);
    pack.push_back(b"more");
    pack.push_back(b"and more");
    assert_eq!(pack.as_bytes()[4..6], [0xff, 0xff]);
    assert_eq!(pack.len(), 65_536);
    assert_eq!(pack.seek(65_535).map(|pos| pack.get(pos)), Some(Item::Bytes(b"and more")));
    assert_eq!(pack.seek(-65_536).map(|pos| pack.get(pos)), Some(Item::Int(0)));
    assert_eq!(pack.seek(65_536), None);
    assert_eq!(pack.seek(-65_537), None);
    let at = pack.seek(65_000).expect("there");
    let tail = pack.split_off(at);
    assert_eq!(tail.len(), 536);
    assert_eq!(pack.len(), 65_000);
    pack.append(&tail);
    assert_eq!(pack.len(), 65_536);
    pack.remove_range(10, 65_520);
    assert_eq!(pack.len(), 16);
    assert!(Listpack::from_bytes(pack.as_bytes()).is_ok());
}

#[test]
fn strangers_bytes_are_refused() {
    let good = pack(&[b"hello".to_vec(), b"1234".to_vec(), vec![b'x'; 200]]);
    let good = good.as_bytes();
    assert!(Listpack::from_bytes(good).is_ok());
    for end in 0..good.len() {
        assert!(Listpack::from_bytes(&good[..end]).is_err(), "cut at {end}");
    }
    let with = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Listpack::from_bytes(&bytes).map(|_| ())
    };
    assert_eq!(with(0, 0), Err(Malformed), "total");
    assert_eq!(with(3, 1), Err(Malformed), "total");
    assert_eq!(with(4, 2), Err(Malformed), "count");
    assert_eq!(with(5, 1), Err(Malformed), "count");
    assert_eq!(with(6, 0x86), Err(Malformed), "length");
    assert_eq!(with(6, 0xff), Err(Malformed), "an end in the middle");
    assert_eq!(with(6, 0xf5), Err(Malformed), "no encoding");
    assert_eq!(with(12, 5), Err(Malformed), "length behind");
    assert_eq!(with(good.len() - 1, 0), Err(Malformed), "end");
    let mut longer = good.to_vec();
    longer.push(0xff);
    assert!(Listpack::from_bytes(&longer).is_err());
    // The largest length that a header can state.
    assert!(Listpack::from_bytes(&[12, 0, 0, 0, 1, 0, 0xf0, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    // A length behind that is wider than needed.
    assert!(Listpack::from_bytes(&[10, 0, 0, 0, 1, 0, 1, 0, 0x81, 0xff]).is_err());
}

#[test]
fn unusual_but_valid_encodings_compare_as_text() {
    // The text "5" as a string, and 5 in 64 bits: Redis does not write these, but reads them.
    let bytes = [20, 0, 0, 0, 2, 0, 0x81, b'5', 2, 0xf4, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0xff];
    let pack = Listpack::from_bytes(&bytes).expect("valid");
    assert_eq!(texts(&pack), [b"5", b"5"]);
    let first = pack.first().expect("there");
    assert_eq!(pack.find(first, b"5", 0), Some(first));
    let second = pack.next(first).expect("there");
    assert_eq!(pack.find(second, b"5", 0), Some(second));
    assert!(pack.iter().all(|item| item.is(b"5") && item.as_int() == Some(5) && item.len() == 1));
}

#[test]
fn items_know_their_length() {
    for n in [0, 1, -1, 9, 10, -10, 99, 100, i64::MAX, i64::MIN] {
        assert_eq!(Item::Int(n).len(), n.to_string().len(), "{n}");
        assert!(Item::Int(n).is(n.to_string().as_bytes()));
        assert!(!Item::Int(n).is(b"x"));
    }
}

#[derive(Clone, Debug)]
enum Op {
    PushBack(Vec<u8>),
    PushFront(Vec<u8>),
    PushInt(i64),
    Insert(usize, Vec<u8>),
    InsertAfter(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveAt(usize, usize),
    SplitAndDrop(usize),
    SplitAndAppend(usize),
    Extend(Vec<Vec<u8>>),
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        2 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        2 => (-5000..5000i64).prop_map(|n| n.to_string().into_bytes()),
        2 => (1..63u32, any::<i64>()).prop_map(|(bits, n)| (n >> bits).to_string().into_bytes()),
        1 => (prop_oneof![0..300usize, 4000..4200usize, 16_300..16_400usize], any::<u8>())
            .prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0..30usize;
    prop_oneof![
        3 => text().prop_map(Op::PushBack),
        1 => prop::collection::vec(text(), 0..4).prop_map(Op::Extend),
        3 => text().prop_map(Op::PushFront),
        1 => any::<i64>().prop_map(Op::PushInt),
        3 => (at.clone(), text()).prop_map(|(at, text)| Op::Insert(at, text)),
        1 => (at.clone(), text()).prop_map(|(at, text)| Op::InsertAfter(at, text)),
        3 => (at.clone(), text()).prop_map(|(at, text)| Op::Replace(at, text)),
        1 => (at.clone(), 0..5usize).prop_map(|(at, count)| Op::RemoveRange(at, count)),
        2 => (at.clone(), 0..5usize).prop_map(|(at, count)| Op::RemoveAt(at, count)),
        1 => at.clone().prop_map(Op::SplitAndDrop),
        1 => at.prop_map(Op::SplitAndAppend),
    ]
}

fn apply(pack: &mut Listpack, model: &mut Vec<Vec<u8>>, op: Op) {
    let pos = |pack: &Listpack, at: usize| pack.seek(at as isize);
    match op {
        Op::PushBack(text) => {
            pack.push_back(&text);
            model.push(text);
        }
        Op::Extend(texts) => {
            pack.extend(texts.iter().map(|text| Item::of(text)));
            model.extend(texts);
        }
        Op::PushFront(text) => {
            pack.push_front(&text);
            model.insert(0, text);
        }
        Op::PushInt(n) => {
            pack.push_back_int(n);
            model.push(n.to_string().into_bytes());
        }
        Op::Insert(at, text) => {
            if let Some(pos) = pos(pack, at) {
                let new = pack.insert(pos, &text);
                assert!(pack.get(new).is(&text));
                model.insert(at, text);
            }
        }
        Op::InsertAfter(at, text) => {
            if let Some(pos) = pos(pack, at) {
                let new = pack.insert_after(pos, &text);
                assert!(pack.get(new).is(&text));
                model.insert(at + 1, text);
            }
        }
        Op::Replace(at, text) => {
            if let Some(pos) = pos(pack, at) {
                let new = pack.replace(pos, &text);
                assert!(pack.get(new).is(&text));
                model[at] = text;
            }
        }
        Op::RemoveRange(at, count) => {
            pack.remove_range(at, count);
            let end = (at + count).min(model.len());
            model.drain(at.min(end)..end);
        }
        Op::RemoveAt(at, count) => {
            if let Some(pos) = pos(pack, at) {
                let next = pack.remove_at(pos, count);
                model.drain(at..(at + count).min(model.len()));
                assert_eq!(next.map(|pos| pack.get(pos).to_vec()).as_ref(), model.get(at));
            }
        }
        Op::SplitAndDrop(at) => {
            if let Some(pos) = pos(pack, at) {
                let tail = pack.split_off(pos);
                check(&tail, &model.split_off(at));
            }
        }
        Op::SplitAndAppend(at) => {
            if let Some(pos) = pos(pack, at) {
                let front = std::mem::take(pack).split_off(pos);
                *pack = front;
                model.drain(..at);
                let copy = pack.clone();
                pack.append(&copy);
                model.extend_from_within(..);
                pack.remove_range(model.len() / 2, model.len());
                model.truncate(model.len() / 2);
            }
        }
    }
}

proptest! {
    #[test]
    fn behaves_as_a_vector(ops in prop::collection::vec(op(), 0..60)) {
        let (mut pack, mut model) = (Listpack::new(), Vec::new());
        for op in ops {
            apply(&mut pack, &mut model, op);
            prop_assert_eq!(texts(&pack), &model[..]);
        }
        check(&pack, &model);
    }

    #[test]
    fn seek_and_find(model in prop::collection::vec(text(), 0..30), index in -35..35isize, skip in 0..3usize, from in 0..30usize) {
        let pack = pack(&model);
        let at = if index < 0 { model.len().checked_add_signed(index) } else { Some(index as usize) };
        let expected = at.and_then(|at| model.get(at));
        let sought = pack.seek(index).map(|pos| pack.get(pos).to_vec());
        prop_assert_eq!(sought.as_ref(), expected);
        if let (Some(start), Some(needle)) = (pack.seek(from as isize), model.last()) {
            let expected = (from..model.len()).step_by(skip + 1).find(|&at| &model[at] == needle);
            let found = pack.find(start, needle, skip);
            prop_assert_eq!(found, expected.and_then(|at| pack.seek(at as isize)));
            let rest: Vec<_> = pack.iter_from(start).map(|(_, item)| item.to_vec()).collect();
            prop_assert_eq!(&rest[..], &model[from..]);
            prop_assert!(pack.iter_from(start).all(|(pos, item)| pack.get(pos) == item));
        }
    }

    #[test]
    fn both_ends_meet(model in prop::collection::vec(text(), 0..30), ends: Vec<bool>) {
        let pack = pack(&model);
        let mut left: std::collections::VecDeque<_> = model.into();
        let mut iter = pack.iter();
        for back in ends {
            let (ours, theirs) =
                if back { (iter.next_back(), left.pop_back()) } else { (iter.next(), left.pop_front()) };
            prop_assert_eq!(ours.map(Item::to_vec), theirs);
        }
    }

    #[test]
    fn damaged_bytes_do_no_harm(
        model in prop::collection::vec(text(), 0..6), damage in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = pack(&model).as_bytes().to_vec();
        for (at, byte) in damage {
            let at = usize::from(at) % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(pack) = Listpack::from_bytes(&bytes) {
            check(&pack, &texts(&pack));
        }
    }
}
