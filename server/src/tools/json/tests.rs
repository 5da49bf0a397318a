#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::borrow::Cow;

use carnelian::StreamId;
use carnelian::rdb::{About, Loaded};
use carnelian::value::hash::FieldDeadline;
use carnelian::value::list::Side;
use carnelian::value::stream::{BlockLimits, Group};
use carnelian::value::{Hash, List, Set, SortedSet, Stream, Value};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::super::limits;
use super::{Writer, read};

type Bytes = Vec<u8>;

fn line(key: &[u8], value: &Loaded<'_>, about: About) -> Bytes {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    assert!(writer.key(3, key, value, about));
    writer.finish().unwrap();
    out
}

/// All that a value holds, as text; in order where there is none.
fn facts(value: &Loaded<'_>) -> Vec<String> {
    let mut facts = Vec::new();
    match value {
        Loaded::String(text) => facts.push(format!("{text:?}")),
        Loaded::Value(Value::String(text)) => facts.push(format!("{text:?}")),
        Loaded::Value(Value::List(list)) => facts.extend(list.iter().map(|e| format!("{:?}", e.item().to_vec()))),
        Loaded::Value(Value::Set(set)) => {
            set.for_each(|member| facts.push(format!("{:?}", member.to_vec())));
            facts.sort();
        }
        Loaded::Value(Value::Hash(hash)) => {
            hash.for_each_with_deadline(|f, v, at| facts.push(format!("{:?} {:?} {at:?}", f.to_vec(), v.to_vec())));
            facts.sort();
        }
        Loaded::Value(Value::SortedSet(set)) => {
            facts.extend(set.iter().map(|(member, score)| format!("{:?} {}", member.to_vec(), score.to_bits())));
        }
        Loaded::Value(Value::Stream(stream)) => {
            let entries = stream.entries();
            facts.extend(entries.walk(StreamId::MIN, StreamId::MAX, false).map(|entry| {
                let fields = entry.fields().map(|(field, value)| (field.to_vec(), value.to_vec()));
                format!("{:?} {:?}", entry.id, fields.collect::<Vec<_>>())
            }));
            let ids = [entries.first_id(), entries.last_id(), entries.max_deleted_id()];
            facts.push(format!("{ids:?} {}", entries.added()));
            stream.groups().iter().for_each(|(name, group)| facts.extend(group_facts(name, group)));
        }
    }
    facts
}

fn group_facts(name: &[u8], group: &Group) -> Vec<String> {
    let mut facts = vec![format!("{name:?} {:?} {:?}", group.last_id(), group.entries_read())];
    facts.extend(group.consumers().map(|(_, consumer)| {
        let consumer = consumer.unwrap();
        format!("{:?} {} {:?} {:?}", consumer.name(), consumer.seen, consumer.active, consumer.pending())
    }));
    facts.extend(group.pending().iter().map(|(id, pending)| {
        let name = group.get(pending.consumer).unwrap().name();
        format!("{id:?} {name:?} {} {}", pending.delivered, pending.deliveries)
    }));
    facts
}

fn comes_back(key: &[u8], value: &Loaded<'_>, about: About) {
    let written = line(key, value, about);
    assert!(written.ends_with(b"}\n") && !written[..written.len() - 1].contains(&b'\n'), "one line");
    let back = read(&written, &limits(), 0).unwrap_or_else(|e| panic!("{e}: {}", written.escape_ascii()));
    assert_eq!((back.db, &back.key[..], back.about), (3, key, about));
    assert_eq!(facts(&back.value), facts(value), "{}", written.escape_ascii());
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "[ -~\"\\\\\n\u{e9}\u{2028}]{0,20}".prop_map(String::into_bytes),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (3060..3090_usize).prop_map(|len| vec![0xe9; len]),
    ]
}

fn score() -> impl Strategy<Value = f64> {
    let any_bits = any::<u64>().prop_map(f64::from_bits).prop_filter("no number", |score| !score.is_nan());
    prop_oneof![any_bits, Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), any::<i32>().prop_map(f64::from)]
}

fn id() -> impl Strategy<Value = StreamId> {
    (any::<u64>(), any::<u64>()).prop_map(|(ms, seq)| StreamId { ms, seq: seq.max(1) })
}

fn list() -> impl Strategy<Value = Value> {
    vec(bytes(), 1..150).prop_map(|elements| {
        let mut list = List::default();
        for element in elements {
            list.grow(1, element.len(), limits().list);
            list.push(Side::Right, &element, limits().list);
        }
        Value::List(list)
    })
}

fn set() -> impl Strategy<Value = Value> {
    btree_set(bytes(), 1..200).prop_map(|members| {
        let mut set = Set::default();
        members.iter().for_each(|member| assert!(set.insert(member, limits().set)));
        Value::Set(set)
    })
}

fn hash() -> impl Strategy<Value = Value> {
    btree_map(bytes(), (bytes(), proptest::option::of(any::<u32>())), 1..200).prop_map(|fields| {
        let mut hash = Hash::default();
        for (field, (value, deadline)) in fields {
            let deadline = deadline.map_or(FieldDeadline::Clear, |at| FieldDeadline::At(u64::from(at) + 1));
            hash.set(&field, &value, deadline, limits().hash);
        }
        Value::Hash(hash)
    })
}

fn sorted_set() -> impl Strategy<Value = Value> {
    btree_map(bytes(), score(), 1..200).prop_map(|members| {
        let mut set = SortedSet::default();
        for (member, score) in &members {
            set.set(member, *score, limits().sorted_set);
        }
        Value::SortedSet(set)
    })
}

fn group(stream: &mut Stream, name: &[u8], (last, read): (StreamId, Option<u64>), consumers: &[(Bytes, Option<u64>)]) {
    let ids: Vec<StreamId> = stream.entries().walk(StreamId::MIN, StreamId::MAX, false).map(|e| e.id).collect();
    let (_, groups) = stream.groups_mut();
    groups.add(name, last, read);
    let mut group = groups.get_mut(name).unwrap();
    for (i, (name, active)) in consumers.iter().enumerate() {
        let (number, _) = group.find_or_add(name, i as u64);
        group.get_mut(number).unwrap().active = *active;
        for id in ids.iter().skip(i).step_by(consumers.len()) {
            group.give(*id, number, id.seq, i as u64);
        }
    }
}

fn stream() -> impl Strategy<Value = Value> {
    let entries = btree_map(id(), vec((bytes(), bytes()), 0..4), 0..150);
    let consumers = vec((bytes(), proptest::option::of(any::<u64>())), 0..4);
    let groups = btree_map(bytes(), ((id(), proptest::option::of(any::<u64>())), consumers), 0..3);
    (entries, groups, any::<u64>(), id()).prop_map(|(entries, groups, added, deleted)| {
        let mut stream = Stream::default();
        for (id, fields) in entries {
            let words: Vec<&[u8]> = fields.iter().flat_map(|(field, value)| [&field[..], value]).collect();
            stream.entries_mut().push(id, &words, BlockLimits { bytes: 100, entries: 7 }).unwrap();
        }
        let last = stream.entries().last_id().max(deleted);
        stream.entries_mut().set_last_id(last, Some(added), Some(deleted));
        groups.iter().for_each(|(name, (at, consumers))| group(&mut stream, name, *at, consumers));
        Value::Stream(stream)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_value_comes_back(key in bytes(), value in prop_oneof![list(), set(), hash(), sorted_set(), stream()],
        deadline in proptest::option::of(0..=i64::MAX.unsigned_abs()), idle in proptest::option::of(any::<u64>()),
        frequency in any::<Option<u8>>()) {
        comes_back(&key, &Loaded::Value(value), About { deadline, idle, frequency });
    }

    #[test]
    fn every_string_comes_back(key in bytes(), text in bytes()) {
        comes_back(&key, &Loaded::String(Cow::Borrowed(&text)), About::default());
    }
}

#[test]
fn lines_look_as_documented() {
    let mut hash = Hash::default();
    hash.set(b"f", b"1", FieldDeadline::At(9), limits().hash);
    let about = About { deadline: Some(5), ..About::default() };
    assert_eq!(
        String::from_utf8(line(b"k\xff", &Loaded::Value(Value::Hash(hash)), about)).unwrap(),
        "{\"db\":3,\"key\":{\"base64\":\"a/8=\"},\"type\":\"hash\",\"expires_at\":5,\"value\":[[\"f\",\"1\",9]]}\n"
    );
}

#[test]
fn what_is_wrong_is_told() {
    let with = |rest: &str| format!("{{\"db\":0,\"key\":\"k\",{rest}}}");
    let stream = |rest: &str| {
        let ids = r#""last_id":"1-1","max_deleted_id":"0-0","entries_added":1"#;
        with(&format!(r#""type":"stream","value":{{"entries":[["1-1",[["f","v"]]]],{ids},{rest}}}"#))
    };
    for (line, error) in [
        ("{".to_owned(), "this is no JSON"),
        ("[]".to_owned(), "a line has to be an object"),
        ("{\"key\":\"k\"}".to_owned(), "a line has to have \"db\""),
        (with(r#""type":"string""#), "a line has to have \"value\""),
        (with(r#""type":"string","value":"v","ttl":1"#), "a line has nothing called \"ttl\""),
        (with(r#""type":"string","value":"v","ttl_ms":-1"#), "ttl_ms has to be a whole number from 0 on"),
        (with(r#""type":"string","value":"v","ttl_ms":1,"expires_at":1"#), "expires_at and ttl_ms say the same"),
        (with(r#""type":"string","value":"v","expires_at":18446744073709551615"#), "expires_at: that is too far away"),
        (with(r#""type":"string","value":"v","frequency":256"#), "frequency: up to 255"),
        (with(r#""type":"strings","value":"v""#), "type: there is no type \"strings\""),
        (with(r#""type":"string","value":5"#), "value has to be a string"),
        (with(r#""type":"string","value":{"base64":"a"}"#), "value: this is no base64"),
        (with(r#""type":"string","value":{"hex":"00"}"#), "value: an object in place of a string"),
        (with(r#""type":"list","value":[]"#), "value: a collection without elements is no key"),
        (with(r#""type":"list","value":"v""#), "value has to be an array"),
        (with(r#""type":"set","value":["a","b","a"]"#), "the member \"a\" is there twice"),
        (with(r#""type":"hash","value":{"f":"v"}"#), "value has to be an array"),
        (with(r#""type":"hash","value":[["f"]]"#), "a field is an array of"),
        (with(r#""type":"hash","value":[["f","v",1,2]]"#), "a field is an array of"),
        (with(r#""type":"hash","value":[["f","v"],["f","w"]]"#), "the field \"f\" is there twice"),
        (with(r#""type":"zset","value":[["m"]]"#), "a member is an array of"),
        (with(r#""type":"zset","value":[["m","nan"]]"#), "the score of \"m\" is no number"),
        (with(r#""type":"zset","value":[["m",1],["m",2]]"#), "the member \"m\" is there twice"),
        (stream(r#""groups":[],"more":1"#), "the value of a stream has nothing called \"more\""),
        (stream(r#""groups":[{"name":"g"}]"#), "a group has to have \"last_id\""),
        (
            stream(r#""groups":[{"name":"g","last_id":"0-0","consumers":[],"pending":[["1-1","c",0,1]]}]"#),
            "there is no consumer \"c\"",
        ),
        (
            with(r#""type":"stream","value":{"entries":[["1-1",[]],["1-1",[]]],"last_id":"1-1","groups":[]}"#),
            "the ids of entries have to grow",
        ),
        (
            with(r#""type":"stream","value":{"entries":[["2-1",[]]],"last_id":"1-1","groups":[]}"#),
            "last_id is less than",
        ),
    ] {
        let told = read(line.as_bytes(), &limits(), 0).expect_err(&line);
        assert!(told.starts_with(error), "{line}: {told}");
    }
}

#[test]
fn time_to_live_counts_from_now() {
    let line = br#"{"db":0,"key":"k","type":"zset","ttl_ms":50,"value":[["m",1],["n","+inf"],["o",1e-5]]}"#;
    let key = read(line, &limits(), 1000).unwrap();
    assert_eq!(key.about.deadline, Some(1050));
    assert_eq!(facts(&key.value).len(), 3);
}
