//! Streams: their blocks as they are, then what is known of the whole, then the groups.

use std::collections::BTreeMap;

use super::read::{Damaged, Reader};
use super::write::Writer;
use super::{Format, kind};
use crate::value::stream::{Entries, Groups, StreamId, Totals};
use crate::value::{Listpack, Stream};

/// The number of entries that a group has read, when that is not known.
const UNKNOWN: u64 = u64::MAX;

pub(super) fn save(stream: &Stream, format: Format, writer: &mut Writer) {
    let entries = stream.entries();
    writer.length(entries.blocks() as u64);
    for (master, pack) in entries.packs() {
        writer.length(16);
        writer.raw_id(master);
        writer.string(pack.as_bytes());
    }
    writer.length(entries.len());
    for id in [entries.last_id(), entries.first_id(), entries.max_deleted_id()] {
        save_id(id, writer);
    }
    writer.length(entries.added());
    writer.length(stream.groups().len() as u64);
    for (name, group) in stream.groups().iter() {
        writer.string(name);
        save_id(group.last_id(), writer);
        writer.length(group.entries_read().unwrap_or(UNKNOWN));
        writer.length(group.pending().len() as u64);
        for (id, pending) in group.pending() {
            writer.raw_id(*id);
            writer.millis(pending.delivered as i64);
            writer.length(pending.deliveries);
        }
        let consumers: Vec<_> = group.consumers().filter_map(|(_, consumer)| consumer).collect();
        writer.length(consumers.len() as u64);
        for consumer in consumers {
            writer.string(consumer.name());
            writer.millis(consumer.seen as i64);
            if format.version >= 11 {
                writer.millis(consumer.active.map_or(-1, |at| at as i64));
            }
            writer.length(consumer.pending().len() as u64);
            consumer.pending().iter().for_each(|id| writer.raw_id(*id));
        }
    }
}

fn save_id(id: StreamId, writer: &mut Writer) {
    writer.length(id.ms);
    writer.length(id.seq);
}

pub(super) fn load(kind: u8, reader: &mut Reader<'_>) -> Result<Stream, Damaged> {
    let mut packs = Vec::new();
    for _ in 0..reader.count(18)? {
        let at = reader.position();
        let id = reader.string()?;
        let master = Reader::new(&id).raw_id().ok().filter(|_| id.len() == 16);
        let master = master.ok_or(Damaged { at, what: "an id of a block" })?;
        let at = reader.position();
        let pack = Listpack::from_bytes(&reader.string()?).map_err(|_| Damaged { at, what: "a listpack" })?;
        packs.push((master, pack));
    }
    let at = reader.position();
    let (len, last) = (reader.length()?, load_id(reader)?);
    let mut totals = Totals { last, added: len, max_deleted: StreamId::MIN };
    if kind != kind::STREAM_LISTPACKS {
        // The first id is that of the first entry, whatever is said here.
        load_id(reader)?;
        totals.max_deleted = load_id(reader)?;
        totals.added = reader.length()?;
    }
    let entries = Entries::from_packs(packs, totals).filter(|entries| entries.len() == len);
    let mut stream = Stream::from_entries(entries.ok_or(Damaged { at, what: "blocks of a stream" })?);
    for _ in 0..reader.count(5)? {
        load_group(kind, reader, &mut stream)?;
    }
    Ok(stream)
}

fn load_id(reader: &mut Reader<'_>) -> Result<StreamId, Damaged> {
    Ok(StreamId { ms: reader.length()?, seq: reader.length()? })
}

fn load_group(kind: u8, reader: &mut Reader<'_>, stream: &mut Stream) -> Result<(), Damaged> {
    let at = reader.position();
    let name = reader.string()?;
    let last = load_id(reader)?;
    let read = match kind {
        kind::STREAM_LISTPACKS => stream.entries().added_up_to(last),
        _ => Some(reader.length()?).filter(|&n| n != UNKNOWN),
    };
    let (_, groups) = stream.groups_mut();
    if !groups.add(&name, last, read) {
        return Err(Damaged { at, what: "another group of the same name" });
    }
    let mut pending = BTreeMap::new();
    for _ in 0..reader.count(25)? {
        let (id, delivered, deliveries) = (reader.raw_id()?, reader.millis()?, reader.length()?);
        if pending.insert(id, (delivered.max(0).unsigned_abs(), deliveries)).is_some() {
            return reader.damaged("an entry that is pending once");
        }
    }
    for _ in 0..reader.count(10)? {
        load_consumer(kind, reader, groups, &name, &mut pending)?;
    }
    if pending.is_empty() { Ok(()) } else { reader.damaged("consumers for all pending entries") }
}

fn load_consumer(
    kind: u8,
    reader: &mut Reader<'_>,
    groups: &mut Groups,
    group: &[u8],
    pending: &mut BTreeMap<StreamId, (u64, u64)>,
) -> Result<(), Damaged> {
    let at = reader.position();
    let name = reader.string()?;
    let seen = reader.millis()?.max(0).unsigned_abs();
    let active = match kind {
        kind::STREAM_LISTPACKS_3 => u64::try_from(reader.millis()?).ok(),
        _ => Some(seen),
    };
    let same_name = Damaged { at, what: "another consumer of the same name" };
    let mut group = groups.get_mut(group).ok_or(same_name)?;
    let (number, true) = group.find_or_add(&name, seen) else { return Err(same_name) };
    if let Some(consumer) = group.get_mut(number) {
        consumer.active = active;
    }
    for _ in 0..reader.count(16)? {
        let id = reader.raw_id()?;
        let Some((delivered, deliveries)) = pending.remove(&id) else {
            return reader.damaged("a pending entry that has no other consumer");
        };
        group.give(id, number, delivered, deliveries);
    }
    Ok(())
}
