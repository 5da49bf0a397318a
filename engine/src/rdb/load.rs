//! RDB to values. Whatever form a value was written in, it gets the one that the limits of this engine ask for.

use std::borrow::Cow;
use std::collections::HashSet;

use super::read::{Damaged, Reader};
use super::{kind, stream, ziplist};
use crate::clock::Millis;
use crate::value::hash::FieldDeadline;
use crate::value::list::Side;
use crate::value::listpack::Item;
use crate::value::sorted_set::Builder;
use crate::value::{Hash, HashLimits, Intset, List, Listpack, Set, SortedSet, Value, list, set, sorted_set};

/// Up to where values are small.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each is that of its type")]
pub struct Limits {
    pub list: list::Limits,
    pub set: set::Limits,
    pub hash: HashLimits,
    pub sorted_set: sorted_set::Limits,
}

/// A value that was read.
#[derive(Debug)]
pub enum Loaded<'a> {
    /// A string, which may be kept in its entry.
    String(Cow<'a, [u8]>),
    /// Any other value.
    Value(Value),
}

type Result<T> = std::result::Result<T, Damaged>;

/// Reads a value of a type. `None` for a collection without elements, which has no key. O(length).
///
/// # Errors
/// If it is damaged or of a module.
pub fn load<'a>(kind: u8, reader: &mut Reader<'a>, limits: &Limits) -> Result<Option<Loaded<'a>>> {
    let at = reader.position();
    let value = match kind {
        kind::STRING => return reader.string().map(|text| Some(Loaded::String(text))),
        kind::LIST | kind::LIST_ZIPLIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            Value::List(load_list(kind, reader, limits)?)
        }
        kind::SET | kind::SET_INTSET | kind::SET_LISTPACK => Value::Set(load_set(kind, reader, limits)?),
        kind::ZSET | kind::ZSET_2 | kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            Value::SortedSet(load_sorted_set(kind, reader, limits)?)
        }
        kind::HASH | kind::HASH_ZIPMAP | kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
            Value::Hash(load_hash(kind, reader, limits)?)
        }
        kind::HASH_2 | kind::HASH_METADATA | kind::HASH_LISTPACK_EX => {
            Value::Hash(load_hash_with_deadlines(kind, reader, limits)?)
        }
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            Value::Stream(stream::load(kind, reader)?)
        }
        kind::MODULE | kind::MODULE_2 => return Err(Damaged { at, what: "a value that needs no module" }),
        _ => return Err(Damaged { at, what: "a type of value" }),
    };
    let is_empty = match &value {
        Value::List(list) => list.is_empty(),
        Value::Set(set) => set.is_empty(),
        Value::SortedSet(set) => set.is_empty(),
        Value::Hash(hash) => hash.is_empty(),
        Value::String(_) | Value::Stream(_) => false,
    };
    Ok((!is_empty).then_some(Loaded::Value(value)))
}

/// A small form within a string.
fn packed<T>(reader: &mut Reader<'_>, what: &'static str, unpack: impl FnOnce(&[u8]) -> Option<T>) -> Result<T> {
    let at = reader.position();
    unpack(&reader.string()?).ok_or(Damaged { at, what })
}

fn listpack(reader: &mut Reader<'_>) -> Result<Listpack> {
    packed(reader, "a listpack", |bytes| Listpack::from_bytes(bytes).ok())
}

/// Whether every `step`th item of a listpack is another one.
fn all_different(pack: &Listpack, step: usize) -> bool {
    /// Up to here, comparing each with each is quicker.
    const FEW: usize = 24;
    let items = || pack.iter().step_by(step);
    if pack.len() / step <= FEW {
        let mut buffer = itoa::Buffer::new();
        return items().enumerate().all(|(i, item)| {
            let text = item.bytes(&mut buffer);
            items().skip(i + 1).all(|other| !other.is(text))
        });
    }
    let mut seen = HashSet::with_capacity(pack.len() / step);
    items().all(|item| seen.insert(item.to_vec()))
}

/// The elements of a ziplist as those of a listpack, which keeps them in the same order.
fn listpack_of_ziplist(reader: &mut Reader<'_>) -> Result<Listpack> {
    packed(reader, "a ziplist", |bytes| {
        let mut pack = Listpack::new();
        pack.extend(ziplist::items(bytes)?);
        Some(pack)
    })
}

fn load_list(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<List> {
    let (mut list, limits) = (List::default(), limits.list);
    let mut buffer = itoa::Buffer::new();
    let mut add_all = |list: &mut List, pack: &Listpack| {
        // Whoever wrote it may have had other limits.
        list.grow(pack.len(), pack.size().saturating_sub(Listpack::new().size()), limits);
        pack.iter().for_each(|item| list.push(Side::Right, item.bytes(&mut buffer), limits));
    };
    match kind {
        kind::LIST => {
            for _ in 0..reader.count(1)? {
                let element = reader.string()?;
                list.grow(1, element.len(), limits);
                list.push(Side::Right, &element, limits);
            }
        }
        kind::LIST_ZIPLIST => add_all(&mut list, &listpack_of_ziplist(reader)?),
        kind::LIST_QUICKLIST => {
            for _ in 0..nodes(&mut list, reader)? {
                add_all(&mut list, &listpack_of_ziplist(reader)?);
            }
        }
        _ => {
            for _ in 0..nodes(&mut list, reader)? {
                match reader.length()? {
                    1 => {
                        list.become_quicklist();
                        list.push(Side::Right, &reader.string()?, limits);
                    }
                    2 => add_all(&mut list, &listpack(reader)?),
                    _ => return reader.damaged("a kind of node"),
                }
            }
        }
    }
    Ok(list)
}

/// How many nodes a list has. One of several stays a quicklist, also if its elements would fit into one listpack.
fn nodes(list: &mut List, reader: &mut Reader<'_>) -> Result<usize> {
    let count = reader.count(1)?;
    if count > 1 {
        list.become_quicklist();
    }
    Ok(count)
}

fn load_set(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<Set> {
    let limits = limits.set;
    let at = reader.position();
    let twice = Damaged { at, what: "members that are all different" };
    let (mut members, mut buffer) = (None::<Set>, itoa::Buffer::new());
    let mut add = |member: &[u8], expected: usize| {
        let set = members.get_or_insert_with(|| Set::beginning_with(member, expected, limits));
        if set.insert(member, limits) { Ok(()) } else { Err(twice) }
    };
    match kind {
        kind::SET_INTSET => {
            let ints = packed(reader, "an intset", |bytes| Intset::from_bytes(bytes).ok())?;
            if ints.len() <= limits.intset_entries {
                return Ok(Set::from_intset(ints));
            }
            for n in ints.iter() {
                add(buffer.format(n).as_bytes(), ints.len())?;
            }
        }
        kind::SET_LISTPACK => {
            let pack = listpack(reader)?;
            if pack.len() <= limits.listpack_entries {
                return if all_different(&pack, 1) { Ok(Set::from_listpack(pack)) } else { Err(twice) };
            }
            for item in pack.iter() {
                add(item.bytes(&mut buffer), pack.len())?;
            }
        }
        _ => {
            let count = reader.count(1)?;
            for _ in 0..count {
                add(&reader.string()?, count)?;
            }
        }
    }
    Ok(members.unwrap_or_default())
}

fn load_sorted_set(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<SortedSet> {
    let at = reader.position();
    let mut set = Builder::default();
    let add = |set: &mut Builder, member: &[u8], score: f64| {
        let mut is_new = !score.is_nan();
        set.merge(member, score, |score, _| {
            is_new = false;
            score
        });
        if is_new { Ok(()) } else { Err(Damaged { at, what: "members that are all different, with scores" }) }
    };
    if matches!(kind, kind::ZSET | kind::ZSET_2) {
        let count = reader.count(2)?;
        set = Builder::with_room(count);
        for _ in 0..count {
            let member = reader.string()?;
            add(&mut set, &member, if kind == kind::ZSET_2 { reader.double()? } else { reader.old_double()? })?;
        }
        return Ok(SortedSet::from_builder(set, limits.sorted_set));
    }
    let pack = if kind == kind::ZSET_LISTPACK { listpack(reader)? } else { listpack_of_ziplist(reader)? };
    if pack.len() / 2 <= limits.sorted_set.entries && all_different(&pack, 2) && is_in_order(&pack) {
        return Ok(SortedSet::from_listpack(pack));
    }
    let mut buffer = itoa::Buffer::new();
    for (member, score) in scored(&pack) {
        add(&mut set, member.bytes(&mut buffer), score)?;
    }
    Ok(SortedSet::from_builder(set, limits.sorted_set))
}

/// The members of a listpack with their scores, which are NaN where there is none.
fn scored(pack: &Listpack) -> impl Iterator<Item = (Item<'_>, f64)> {
    let mut items = pack.iter();
    std::iter::from_fn(move || {
        let member = items.next()?;
        let score = items.next().and_then(|item| match item {
            Item::Int(n) => Some(n as f64),
            Item::Bytes(text) => crate::codec::num::parse_f64(text),
        });
        Some((member, score.unwrap_or(f64::NAN)))
    })
}

fn is_in_order(pack: &Listpack) -> bool {
    let (mut before, mut buffer) = (None::<(f64, Vec<u8>)>, itoa::Buffer::new());
    scored(pack).all(|(member, score)| {
        let text = member.bytes(&mut buffer);
        let follows = before.as_ref().is_none_or(|(s, m)| *s < score || *s == score && m[..] < *text);
        before = Some((score, text.to_vec()));
        follows && !score.is_nan()
    })
}

/// A hash that grows by fields that are all different.
struct Fields {
    hash: Hash,
    limits: HashLimits,
    at: usize,
}

impl Fields {
    fn new(reader: &Reader<'_>, limits: &Limits, expected: usize) -> Self {
        Self { hash: Hash::with_room(expected, limits.hash), limits: limits.hash, at: reader.position() }
    }

    fn add(&mut self, field: &[u8], value: &[u8], deadline: Option<Millis>) -> Result<()> {
        let deadline = deadline.map_or(FieldDeadline::Clear, FieldDeadline::At);
        match self.hash.set(field, value, deadline, self.limits) {
            true => Ok(()),
            false => Err(Damaged { at: self.at, what: "fields that are all different" }),
        }
    }
}

fn load_hash(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    match kind {
        kind::HASH => {
            let count = reader.count(2)?;
            let mut fields = Fields::new(reader, limits, count);
            for _ in 0..count {
                let (field, value) = (reader.string()?, reader.string()?);
                fields.add(&field, &value, None)?;
            }
            Ok(fields.hash)
        }
        kind::HASH_ZIPMAP => {
            let at = reader.position();
            let map = reader.string()?;
            let items = ziplist::zipmap_items(&map).ok_or(Damaged { at, what: "a zipmap" })?;
            let mut fields = Fields::new(reader, limits, items.len() / 2);
            for pair in items.chunks_exact(2) {
                fields.add(pair[0], pair[1], None)?;
            }
            Ok(fields.hash)
        }
        _ => {
            let pack = if kind == kind::HASH_LISTPACK { listpack(reader)? } else { listpack_of_ziplist(reader)? };
            if pack.len() % 2 == 0 && pack.len() / 2 <= limits.hash.entries && all_different(&pack, 2) {
                return Ok(Hash::from_listpack(pack));
            }
            let mut fields = Fields::new(reader, limits, pack.len() / 2);
            let (mut items, mut names, mut values) = (pack.iter(), itoa::Buffer::new(), itoa::Buffer::new());
            while let Some(field) = items.next() {
                let Some(value) = items.next() else { return reader.damaged("a value for each field") };
                fields.add(field.bytes(&mut names), value.bytes(&mut values), None)?;
            }
            Ok(fields.hash)
        }
    }
}

fn load_hash_with_deadlines(kind: u8, reader: &mut Reader<'_>, limits: &Limits) -> Result<Hash> {
    match kind {
        kind::HASH_2 => {
            let count = reader.count(10)?;
            let mut fields = Fields::new(reader, limits, count);
            for _ in 0..count {
                let (field, value) = (reader.string()?, reader.string()?);
                fields.add(&field, &value, u64::try_from(reader.millis()?).ok())?;
            }
            Ok(fields.hash)
        }
        kind::HASH_METADATA => {
            let earliest = reader.millis()?.max(0).unsigned_abs();
            let count = reader.count(3)?;
            let mut fields = Fields::new(reader, limits, count);
            for _ in 0..count {
                let after = reader.length()?;
                let deadline = after.checked_sub(1).map(|after| earliest.saturating_add(after));
                let (field, value) = (reader.string()?, reader.string()?);
                fields.add(&field, &value, deadline)?;
            }
            Ok(fields.hash)
        }
        _ => {
            reader.millis()?;
            let pack = listpack(reader)?;
            let mut fields = Fields::new(reader, limits, pack.len() / 3);
            let (mut items, mut names, mut values) = (pack.iter(), itoa::Buffer::new(), itoa::Buffer::new());
            while let Some(field) = items.next() {
                let (Some(value), Some(Item::Int(deadline))) = (items.next(), items.next()) else {
                    return reader.damaged("a value and a deadline for each field");
                };
                let deadline = u64::try_from(deadline).ok().filter(|&at| at > 0);
                fields.add(field.bytes(&mut names), value.bytes(&mut values), deadline)?;
            }
            Ok(fields.hash)
        }
    }
}
