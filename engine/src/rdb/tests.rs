#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::codec::crc64::crc64;
use crate::keyspace::ValueRef;
use crate::value::hash::FieldDeadline;
use crate::value::list::Side;
use crate::value::stream::{BlockLimits, StreamId};
use crate::value::{Hash, HashLimits, List, Set, SortedSet, Stream, Value, list, set, sorted_set};

/// Small enough that large forms are met often.
fn limits() -> Limits {
    Limits {
        list: list::Limits::new(4, 0),
        set: set::Limits { intset_entries: 4, listpack_entries: 6, listpack_value: 12 },
        hash: HashLimits { entries: 4, value: 12 },
        sorted_set: sorted_set::Limits { entries: 4, value: 12 },
    }
}

const FORMATS: [Format; 4] = [
    Format { version: 11, dialect: Dialect::Redis, compress: true },
    Format { version: 11, dialect: Dialect::Valkey, compress: false },
    Format { version: 10, dialect: Dialect::Redis, compress: false },
    Format { version: 10, dialect: Dialect::Valkey, compress: true },
];

/// All that a value holds, as text.
fn content(value: &Value) -> String {
    let show = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match value {
        Value::String(text) => show(text),
        Value::List(list) => list.iter().map(|e| show(&e.item().to_vec())).collect::<Vec<_>>().join(","),
        Value::Set(set) => {
            let mut all: Vec<String> = set.items().iter().map(|item| show(&item.to_vec())).collect();
            all.sort();
            all.join(",")
        }
        Value::Hash(hash) => {
            let mut all = Vec::new();
            hash.for_each_with_deadline(|f, v, d| {
                all.push(format!("{}={} {d:?}", show(&f.to_vec()), show(&v.to_vec())));
            });
            all.sort();
            all.join(",")
        }
        Value::SortedSet(set) => {
            set.iter().map(|(m, s)| format!("{} {s:?}", show(&m.to_vec()))).collect::<Vec<_>>().join(",")
        }
        Value::Stream(stream) => stream_content(stream),
    }
}

fn stream_content(stream: &Stream) -> String {
    let entries = stream.entries();
    let mut text = format!(
        "{:?} {:?} {:?} {:?} {:?};",
        entries.len(),
        entries.first_id(),
        entries.last_id(),
        entries.max_deleted_id(),
        entries.added()
    );
    for entry in entries.walk(StreamId::MIN, StreamId::MAX, false) {
        text += &format!("{:?}", entry.id);
        entry.fields().for_each(|(f, v)| text += &format!(" {:?}={:?}", f.to_vec(), v.to_vec()));
    }
    for (name, group) in stream.groups().iter() {
        text += &format!(";{name:?} {:?} {:?}", group.last_id(), group.entries_read());
        for (id, p) in group.pending() {
            let owner = group.get(p.consumer).map(|c| c.name().to_vec());
            text += &format!(" {id:?} {owner:?} {} {}", p.delivered, p.deliveries);
        }
        let mut consumers: Vec<String> = group
            .consumers()
            .filter_map(|(_, c)| c)
            .map(|c| format!(" {:?} {} {:?} {:?}", c.name(), c.seen, c.active, c.pending()))
            .collect();
        consumers.sort();
        text += &consumers.concat();
    }
    text
}

/// Writes a value and reads it again.
fn again(value: &Value, format: Format) -> Value {
    let payload = seal(ValueRef::from(value), format);
    let (kind, body) = open(&payload).unwrap();
    let mut reader = Reader::new(body);
    let loaded = load(kind, &mut reader, &limits()).unwrap_or_else(|damaged| panic!("{damaged:?} of {body:?}"));
    assert_eq!(reader.left(), 0);
    match loaded.expect("elements") {
        Loaded::String(text) => Value::String(Arc::new(text.into_owned())),
        Loaded::Value(value) => value,
    }
}

fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (-300i64..70_000).prop_map(|n| n.to_string().into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..20),
        (proptest::collection::vec(any::<u8>(), 1..4), 1usize..200).prop_map(|(part, times)| part.repeat(times)),
    ];
    proptest::collection::vec(text, 1..24)
}

fn values(texts: &[Vec<u8>], numbers: &[u64]) -> Vec<Value> {
    let limits = limits();
    let mut all = vec![Value::String(Arc::new(texts.concat()))];
    let (mut list, mut hash, mut zset) = (List::default(), Hash::default(), SortedSet::default());
    let mut set = Set::beginning_with(&texts[0], texts.len(), limits.set);
    let mut due = Hash::default();
    for (text, n) in texts.iter().zip(numbers.iter().cycle()) {
        list.push(if n % 2 == 0 { Side::Left } else { Side::Right }, text, limits.list);
        set.insert(text, limits.set);
        hash.set(text, &n.to_string().into_bytes(), FieldDeadline::Clear, limits.hash);
        let deadline = if n % 3 == 0 { FieldDeadline::Clear } else { FieldDeadline::At(1 + n % (1 << 44)) };
        due.set(text, text, deadline, limits.hash);
        zset.set(text, f64::from_bits(*n), limits.sorted_set);
    }
    all.extend([Value::List(list), Value::Set(set), Value::Hash(hash), Value::Hash(due)]);
    if zset.iter().all(|(_, score)| !score.is_nan()) {
        all.push(Value::SortedSet(zset));
    }
    all.push(Value::Stream(stream(texts, numbers)));
    all
}

fn stream(texts: &[Vec<u8>], numbers: &[u64]) -> Stream {
    let mut stream = Stream::default();
    let limits = BlockLimits { bytes: 200, entries: 5 };
    let mut id = StreamId { ms: 1, seq: 1 };
    for (i, (text, n)) in texts.iter().zip(numbers.iter().cycle()).enumerate() {
        id = StreamId { ms: id.ms + n % 1000, seq: id.seq + 1 };
        let words: Vec<&[u8]> = if n % 2 == 0 { vec![b"f", text] } else { vec![text, b"v", b"other", text] };
        stream.entries_mut().push(id, &words, limits).unwrap();
        if i % 4 == 3 {
            stream.entries_mut().delete(id);
        }
    }
    let ids: Vec<StreamId> = stream.entries().walk(StreamId::MIN, StreamId::MAX, false).map(|e| e.id).collect();
    let (_, groups) = stream.groups_mut();
    groups.add(b"group", id, numbers.first().copied().filter(|n| n % 2 == 0));
    let mut group = groups.get_mut(b"group").unwrap();
    let first = group.find_or_add(b"first", 77).0;
    group.find_or_add(b"idle", 78);
    group.get_mut(first).unwrap().active = Some(99);
    for (id, n) in ids.iter().zip(numbers) {
        group.give(*id, first, *n >> 1, n % 9);
    }
    drop(group);
    groups.add(b"", StreamId::MIN, None);
    stream
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(texts in texts(), numbers in proptest::collection::vec(any::<u64>(), 1..24)) {
        for value in values(&texts, &numbers) {
            for format in FORMATS {
                let read = again(&value, format);
                let (before, after) = (content(&value), content(&read));
                // Version 10 has no time at which a consumer was last given something.
                if format.version >= 11 || !matches!(value, Value::Stream(_)) {
                    prop_assert_eq!(before, after);
                }
                prop_assert_eq!(content(&read), content(&again(&read, format)));
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_another_value(
        texts in texts(),
        numbers in proptest::collection::vec(any::<u64>(), 1..24),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        cut in any::<bool>(),
    ) {
        for value in values(&texts, &numbers) {
            let mut payload = seal(ValueRef::from(&value), FORMATS[0]);
            let len = payload.len() - 10;
            let at = at.index(len);
            payload[at] = to;
            payload.truncate(if cut { at } else { len });
            let Some((kind, body)) = payload.split_first() else { continue };
            if let Ok(Some(Loaded::Value(read))) = load(*kind, &mut Reader::new(body), &limits()) {
                // Whatever it is, it can be gone through, and written and read like any other.
                let _ = again(&read, FORMATS[0]);
                content(&read);
            }
        }
    }
}

#[test]
fn payloads_that_are_not_what_they_were_are_refused() {
    let payload = seal(ValueRef::Inline(b"hello"), Format::default());
    assert_eq!(open(&payload), Ok((kind::STRING, &b"\x05hello"[..])));
    for i in 0..payload.len() {
        let mut changed = payload.clone();
        changed[i] ^= 1;
        assert_eq!(open(&changed), Err(BadPayload), "byte {i}");
        assert_eq!(open(&payload[..i]), Err(BadPayload), "cut at {i}");
    }
    let of_version = |version: u16, sum: Option<u64>| {
        let mut bytes = [&b"\0\x05hello"[..], &version.to_le_bytes()].concat();
        let sum = sum.unwrap_or_else(|| crc64(0, &bytes));
        bytes.extend(sum.to_le_bytes());
        open(&bytes).is_ok()
    };
    assert!(of_version(12, None) && of_version(80, None) && of_version(6, None));
    assert!(!of_version(6, Some(0)), "files may do without a checksum, payloads not");
    assert!(!of_version(13, None) && !of_version(79, None) && !of_version(81, None) && !of_version(0, None));
}

#[test]
fn lengths_that_nothing_backs_take_no_memory() {
    let huge = [&[0x81][..], &u64::MAX.to_be_bytes()].concat();
    for kind in 0..=30 {
        let bytes = [&huge[..], &[0; 16]].concat();
        assert!(load(kind, &mut Reader::new(&bytes), &limits()).is_err(), "type {kind}");
    }
    // A compressed string that says it is long.
    let bytes = [&[0xc3, 4][..], &huge, &[0x01, b'a', b'b', 0]].concat();
    assert!(Reader::new(&bytes).string().is_err());
}

#[test]
fn a_list_of_one_node_is_small_only_within_the_limits_of_its_reader() {
    let mut list = List::default();
    (0..9).for_each(|n: i32| list.push(Side::Right, n.to_string().as_bytes(), list::Limits::new(100, 0)));
    let payload = seal(ValueRef::List(&list), Format::default());
    let (kind, body) = open(&payload).unwrap();
    for (most, encoding) in [(8, "quicklist"), (9, "listpack")] {
        let limits = Limits { list: list::Limits::new(most, 0), ..limits() };
        let Some(Loaded::Value(Value::List(read))) = load(kind, &mut Reader::new(body), &limits).unwrap() else {
            panic!("no list");
        };
        assert_eq!((read.encoding(), read.len()), (encoding, 9));
    }
}
