//! Values to RDB: small forms as they are, large ones element by element.

use super::write::Writer;
use super::{Dialect, Format, kind, stream};
use crate::keyspace::ValueRef;
use crate::value::listpack::Item;
use crate::value::{Elements, Hash, List, Set, SortedSet, Whole, WholeKind};

/// The type that a value is written as.
pub fn kind_of(value: ValueRef<'_>, format: Format) -> u8 {
    match value {
        ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => kind::STRING,
        ValueRef::List(_) => kind::LIST_QUICKLIST_2,
        ValueRef::Set(set) if set.as_intset().is_some() => kind::SET_INTSET,
        ValueRef::Set(set) if set.as_listpack().is_some() && format.version >= 11 => kind::SET_LISTPACK,
        ValueRef::Set(_) => kind::SET,
        ValueRef::Hash(hash) if hash.deadlines() > 0 => match format.dialect {
            Dialect::Redis => kind::HASH_METADATA,
            Dialect::Valkey => kind::HASH_2,
        },
        ValueRef::Hash(hash) if hash.as_listpack().is_some() => kind::HASH_LISTPACK,
        ValueRef::Hash(_) => kind::HASH,
        ValueRef::SortedSet(set) if set.as_listpack().is_some() => kind::ZSET_LISTPACK,
        ValueRef::SortedSet(_) => kind::ZSET_2,
        ValueRef::Stream(_) if format.version >= 11 => kind::STREAM_LISTPACKS_3,
        ValueRef::Stream(_) => kind::STREAM_LISTPACKS_2,
    }
}

/// Writes a value as a type that [`kind_of`] has chosen, without the byte that tells it. O(length).
pub fn save(value: ValueRef<'_>, format: Format, writer: &mut Writer) {
    match value {
        ValueRef::Inline(text) => writer.string(text),
        ValueRef::Int(n) => writer.int(n),
        ValueRef::Shared(text) => writer.string(text),
        ValueRef::List(list) => save_list(list, writer),
        ValueRef::Set(set) => save_set(set, format, writer),
        ValueRef::Hash(hash) => save_hash(hash, format, writer),
        ValueRef::SortedSet(set) => save_sorted_set(set, writer),
        ValueRef::Stream(stream) => stream::save(stream, format, writer),
    }
}

/// The type that a collection is written as that comes in pieces.
pub(super) fn kind_of_whole(whole: Whole, format: Format) -> u8 {
    match (whole.kind, format.dialect) {
        (WholeKind::Hash(None), _) => kind::HASH,
        (WholeKind::Hash(Some(_)), Dialect::Redis) => kind::HASH_METADATA,
        (WholeKind::Hash(Some(_)), Dialect::Valkey) => kind::HASH_2,
        (WholeKind::Set, _) => kind::SET,
        (WholeKind::SortedSet, _) => kind::ZSET_2,
    }
}

/// Writes what comes before the first piece of a collection.
pub(super) fn begin_whole(whole: Whole, format: Format, writer: &mut Writer) {
    if let (WholeKind::Hash(Some(earliest)), Dialect::Redis) = (whole.kind, format.dialect) {
        writer.millis(earliest as i64);
    }
    writer.length(whole.len as u64);
}

/// Writes a piece of a collection.
pub(super) fn save_piece(whole: Whole, elements: &Elements, format: Format, writer: &mut Writer) {
    for (name, value, number) in elements.iter() {
        let name = Item::Bytes(name);
        match (whole.kind, format.dialect) {
            (WholeKind::Set, _) => writer.item(name),
            (WholeKind::SortedSet, _) => {
                writer.item(name);
                writer.double(f64::from_bits(number));
            }
            (WholeKind::Hash(earliest), dialect) => {
                let deadline = (number != u64::MAX).then_some(number);
                if let (Some(earliest), Dialect::Redis) = (earliest, dialect) {
                    writer.length(deadline.map_or(0, |at| at - earliest.min(at) + 1));
                }
                writer.item(name);
                writer.item(Item::Bytes(value));
                if let (Some(_), Dialect::Valkey) = (earliest, dialect) {
                    writer.millis(deadline.map_or(-1, |at| at as i64));
                }
            }
        }
    }
}

fn save_list(list: &List, writer: &mut Writer) {
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    writer.length(list.nodes().count() as u64);
    for node in list.nodes() {
        match node {
            Ok(pack) => {
                writer.length(PACKED);
                writer.string(pack.as_bytes());
            }
            Err(element) => {
                writer.length(PLAIN);
                writer.string(element);
            }
        }
    }
}

fn save_set(set: &Set, format: Format, writer: &mut Writer) {
    if let Some(ints) = set.as_intset() {
        return writer.string(ints.as_bytes());
    }
    if let Some(pack) = set.as_listpack()
        && format.version >= 11
    {
        return writer.string(pack.as_bytes());
    }
    writer.length(set.len() as u64);
    set.for_each(|member| writer.item(member));
}

fn save_hash(hash: &Hash, format: Format, writer: &mut Writer) {
    if let Some(pack) = hash.as_listpack() {
        return writer.string(pack.as_bytes());
    }
    if hash.deadlines() == 0 {
        writer.length(hash.len() as u64);
        return hash.for_each_with_deadline(|field, value, _| {
            writer.item(field);
            writer.item(value);
        });
    }
    match format.dialect {
        Dialect::Redis => save_fields_for_redis(hash, writer),
        Dialect::Valkey => {
            writer.length(hash.len() as u64);
            hash.for_each_with_deadline(|field, value, deadline| {
                writer.item(field);
                writer.item(value);
                writer.millis(deadline.map_or(-1, |at| at as i64));
            });
        }
    }
}

/// The earliest deadline, then each field with the distance of its own from it, plus one; zero for none.
fn save_fields_for_redis(hash: &Hash, writer: &mut Writer) {
    let mut earliest = u64::MAX;
    hash.for_each_with_deadline(|_, _, deadline| earliest = earliest.min(deadline.unwrap_or(u64::MAX)));
    writer.millis(earliest as i64);
    writer.length(hash.len() as u64);
    hash.for_each_with_deadline(|field, value, deadline| {
        writer.length(deadline.map_or(0, |at| at - earliest + 1));
        writer.item(field);
        writer.item(value);
    });
}

fn save_sorted_set(set: &SortedSet, writer: &mut Writer) {
    if let Some(pack) = set.as_listpack() {
        return writer.string(pack.as_bytes());
    }
    writer.length(set.len() as u64);
    for (member, score) in set.iter() {
        writer.item(member);
        writer.double(score);
    }
}
