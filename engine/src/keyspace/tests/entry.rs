//! The layout of entries: every combination of key length, kind of value and optional fields, through all changes of
//! shape. Meant to run under AddressSanitizer.

use super::super::entry::{NewValue, ValueMut, ValueRef};
use super::{Access, START, check_accounts, keyspace, on};
use crate::keyspace::{Keyspace, View};
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Bytes(Vec<u8>, bool),
    Int(i64),
    Boxed(Vec<u8>),
}

impl Content {
    fn put(&self, view: &mut View<'_>, key: &[u8], deadline: Option<u64>) {
        let key = view.key(key);
        let value = match self {
            Self::Bytes(bytes, raw) => NewValue::Bytes { bytes, raw: *raw },
            Self::Int(n) => NewValue::Int(*n),
            Self::Boxed(bytes) => NewValue::Owned(Value::String(bytes.clone().into())),
        };
        view.put(&key, value, deadline);
        view.record_effect(|| unreachable!());
    }

    /// What an entry shows of it: long strings get an allocation of their own.
    fn shown(&self) -> Self {
        match self {
            Self::Bytes(bytes, _) if bytes.len() > 16_384 => Self::Boxed(bytes.clone()),
            other => other.clone(),
        }
    }
}

fn shown(space: &Keyspace, key: &[u8]) -> Option<(Content, Option<u64>, u32)> {
    on(space, 0, key, Access::Read, |view| {
        let entry = view.peek(&view.key(key))?;
        assert_eq!(entry.key(), key);
        let content = match entry.value() {
            ValueRef::Inline(bytes) => Content::Bytes(bytes.to_vec(), entry.is_raw()),
            ValueRef::Int(n) => Content::Int(n),
            ValueRef::Shared(s) => Content::Boxed(s.to_vec()),
            other => panic!("{other:?}"),
        };
        Some((content, entry.deadline(), entry.clock()))
    })
}

fn keys() -> Vec<Vec<u8>> {
    [0, 1, 7, 8, 9, 44, 255, 65_535, 65_536, 70_000].map(|len| (0..len).map(|i| i as u8).collect()).to_vec()
}

fn contents() -> Vec<Content> {
    let bytes = |len: usize| (0..len).map(|i| (i * 7) as u8).collect::<Vec<u8>>();
    let mut all: Vec<_> = [0, 1, 7, 8, 43, 44, 45, 16_383, 16_384, 16_385, 20_000]
        .into_iter()
        .flat_map(|len| [Content::Bytes(bytes(len), false), Content::Bytes(bytes(len), true)])
        .collect();
    all.extend([0, -1, i64::MIN, i64::MAX].map(Content::Int));
    all.extend([0, 44, 40_000].map(|len| Content::Boxed(bytes(len))));
    all
}

const DEADLINES: [Option<u64>; 4] = [None, Some(START + 1), Some(i64::MAX as u64), Some(START + 99)];

#[test]
fn entry_shows_what_was_put_in_whatever_was_there_before() {
    let (space, _) = keyspace(2);
    for key in keys() {
        let all: Vec<_> = contents();
        let mut before = all.last().cloned();
        for (i, content) in all.iter().cycle().take(all.len() * 2).enumerate() {
            for deadline in DEADLINES {
                on(&space, 0, &key, Access::Write, |view| content.put(view, &key, deadline));
                let (now, at, _) = shown(&space, &key).unwrap();
                assert_eq!((&now, at), (&content.shown(), deadline), "key of {}, step {i}", key.len());
            }
            before = before.and(Some(content.clone()));
        }
        check_accounts(&space);
    }
}

#[test]
fn entry_keeps_everything_when_its_deadline_changes() {
    let (space, _) = keyspace(2);
    for key in keys() {
        for content in contents() {
            for first in DEADLINES {
                on(&space, 0, &key, Access::Write, |view| content.put(view, &key, first));
                for (i, deadline) in DEADLINES.into_iter().chain(DEADLINES).enumerate() {
                    let clock = 0x00ab_cd00 + i as u32;
                    on(&space, 0, &key, Access::Write, |view| {
                        let key = view.key(&key);
                        view.peek(&key).unwrap().set_clock(clock);
                        if view.set_deadline(&key, deadline) {
                            view.record_effect(|| unreachable!());
                        }
                    });
                    assert_eq!(shown(&space, &key), Some((content.shown(), deadline, clock)));
                }
            }
        }
        check_accounts(&space);
    }
}

#[test]
fn entry_changes_in_place_and_moves_with_all_it_has() {
    let (space, _) = keyspace(4);
    for (i, content) in contents().into_iter().enumerate() {
        for deadline in DEADLINES {
            let (from, to) = (b"from".as_slice(), vec![b't'; i * 3_000]);
            on(&space, 0, from, Access::Write, |view| {
                content.put(view, from, deadline);
                let key = view.key(from);
                view.update(&key, |entry| {
                    match entry.value() {
                        ValueMut::Inline(bytes) => bytes.reverse(),
                        ValueMut::Int(mut n) => n.set(n.get().wrapping_add(5)),
                        ValueMut::Shared(s) => std::sync::Arc::make_mut(s).extend_from_slice(&[1; 30_000]),
                        _ => panic!("no string"),
                    }
                    entry.set_raw();
                });
                view.record_effect(|| unreachable!());
                view.peek(&key).unwrap().set_clock(77);
            });
            let changed = shown(&space, from).unwrap();
            let expected = match content.shown() {
                Content::Bytes(mut bytes, _) => {
                    bytes.reverse();
                    Content::Bytes(bytes, true)
                }
                Content::Int(n) => Content::Int(n.wrapping_add(5)),
                Content::Boxed(mut bytes) => {
                    bytes.extend_from_slice(&[1; 30_000]);
                    Content::Boxed(bytes)
                }
            };
            assert_eq!(changed, (expected, deadline, 77));
            check_accounts(&space);
            let mut view = View::all(&space, 0, START, Access::Write).unwrap();
            let taken = view.take(&view.key(from)).unwrap();
            let to_key = view.key(&to);
            view.restore(&to_key, taken);
            view.record_effect(|| unreachable!());
            view.close();
            assert_eq!(shown(&space, from), None);
            assert_eq!(shown(&space, &to), Some(changed));
            check_accounts(&space);
        }
    }
}
