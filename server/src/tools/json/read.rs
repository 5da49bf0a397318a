//! Lines, read. Nothing is guessed: what is missing, unknown, there twice or of another kind is an error in words.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carnelian::StreamId;
use carnelian::codec::num::parse_f64;
use carnelian::rdb::{About, Limits, Loaded};
use carnelian::value::hash::FieldDeadline;
use carnelian::value::list::Side;
use carnelian::value::sorted_set::Change;
use carnelian::value::stream::{BlockLimits, Entries, GroupMut};
use carnelian::value::{Hash, List, Set, SortedSet, Stream, Value};
use serde_json::{Map, Value as Json};

use super::super::shown;
use super::Key;

type Result<T> = std::result::Result<T, String>;

/// Blocks of streams as a server without directives makes them.
const BLOCKS: BlockLimits = BlockLimits { bytes: 4096, entries: 100 };

/// Reads a line. `now` is the time that a `ttl_ms` counts from.
pub(in super::super) fn read(line: &[u8], limits: &Limits, now: u64) -> Result<Key> {
    let json = serde_json::from_slice(line).map_err(|e| format!("this is no JSON: {e}"))?;
    let mut line = Object::new(json, "a line")?;
    let db = line.take("db")?;
    let db = u32::try_from(number(&db, "db")?).map_err(|_| format!("there is no database {db}"))?;
    let key = text(line.take("key")?, "key")?;
    let kind = text(line.take("type")?, "type")?;
    let frequency = line.optional("frequency", number)?;
    let about = About {
        deadline: deadline(&mut line, now)?,
        idle: line.optional("idle_s", number)?,
        frequency: frequency
            .map(u8::try_from)
            .transpose()
            .map_err(|_| "frequency: up to 255 are counted".to_owned())?,
    };
    let value = line.take("value")?;
    line.end()?;
    let value = match &*kind {
        b"string" => Loaded::String(Cow::Owned(text(value, "value")?)),
        b"list" => Loaded::Value(Value::List(list(value, limits)?)),
        b"set" => Loaded::Value(Value::Set(set(value, limits)?)),
        b"hash" => Loaded::Value(Value::Hash(hash(value, limits)?)),
        b"zset" => Loaded::Value(Value::SortedSet(sorted_set(value, limits)?)),
        b"stream" => Loaded::Value(Value::Stream(stream(value)?)),
        other => return Err(format!("type: there is no type {}", shown(other))),
    };
    Ok(Key { db, key, value, about })
}

fn deadline(line: &mut Object, now: u64) -> Result<Option<u64>> {
    match (line.optional("expires_at", number)?, line.optional("ttl_ms", number)?) {
        (Some(_), Some(_)) => Err("expires_at and ttl_ms say the same: there can be only one of them".to_owned()),
        (at, None) => Ok(at),
        (None, Some(ttl)) => Ok(Some(now.saturating_add(ttl))),
    }
    .and_then(|at| match at {
        Some(at) if i64::try_from(at).is_err() => Err("expires_at: that is too far away".to_owned()),
        at => Ok(at),
    })
}

/// An object, whose fields are taken out one by one.
struct Object {
    fields: Map<String, Json>,
    what: &'static str,
}

impl Object {
    fn new(json: Json, what: &'static str) -> Result<Self> {
        match json {
            Json::Object(fields) => Ok(Self { fields, what }),
            _ => Err(format!("{what} has to be an object")),
        }
    }

    fn take(&mut self, name: &str) -> Result<Json> {
        self.fields.remove(name).ok_or_else(|| format!("{} has to have \"{name}\"", self.what))
    }

    /// What may be missing, or null.
    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&Json, &str) -> Result<T>) -> Result<Option<T>> {
        match self.fields.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(json) => read(&json, name).map(Some),
        }
    }

    fn end(self) -> Result<()> {
        match self.fields.keys().next() {
            Some(name) => Err(format!("{} has nothing called {name:?}", self.what)),
            None => Ok(()),
        }
    }
}

fn array(json: Json, what: &str) -> Result<Vec<Json>> {
    match json {
        Json::Array(items) => Ok(items),
        _ => Err(format!("{what} has to be an array")),
    }
}

/// The elements of a collection, which is never empty.
fn elements(json: Json) -> Result<Vec<Json>> {
    let items = array(json, "value")?;
    if items.is_empty() { Err("value: a collection without elements is no key".to_owned()) } else { Ok(items) }
}

fn number(json: &Json, what: &str) -> Result<u64> {
    json.as_u64().ok_or_else(|| format!("{what} has to be a whole number from 0 on"))
}

/// A string of any bytes.
fn text(json: Json, what: &str) -> Result<Vec<u8>> {
    match json {
        Json::String(text) => Ok(text.into_bytes()),
        Json::Object(fields) if fields.len() == 1 => {
            let text = fields.get("base64").and_then(Json::as_str);
            let text = text.ok_or_else(|| format!("{what}: an object in place of a string has only \"base64\""))?;
            STANDARD.decode(text).map_err(|e| format!("{what}: this is no base64: {e}"))
        }
        _ => Err(format!("{what} has to be a string, or an object with \"base64\"")),
    }
}

fn id(json: &Json, what: &str) -> Result<StreamId> {
    let id = json.as_str().filter(|text| text.contains('-')).and_then(|text| StreamId::parse(text.as_bytes(), 0));
    id.ok_or_else(|| format!("{what} has to be an id as \"1700000000000-0\""))
}

fn list(json: Json, limits: &Limits) -> Result<List> {
    let mut list = List::default();
    for item in elements(json)? {
        let element = text(item, "an element")?;
        list.grow(1, element.len(), limits.list);
        list.push(Side::Right, &element, limits.list);
    }
    Ok(list)
}

fn set(json: Json, limits: &Limits) -> Result<Set> {
    let (mut set, items) = (None::<Set>, elements(json)?);
    let expected = items.len();
    for item in items {
        let member = text(item, "a member")?;
        let set = set.get_or_insert_with(|| Set::beginning_with(&member, expected, limits.set));
        if !set.insert(&member, limits.set) {
            return Err(format!("the member {} is there twice", shown(&member)));
        }
    }
    Ok(set.unwrap_or_default())
}

fn hash(json: Json, limits: &Limits) -> Result<Hash> {
    let mut hash = Hash::default();
    for item in elements(json)? {
        let mut parts = array(item, "a field with its value")?.into_iter();
        let (Some(field), Some(value), deadline, None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("a field is an array of its name, its value and, if it has one, its deadline".to_owned());
        };
        let (field, value) = (text(field, "a field")?, text(value, "the value of a field")?);
        let deadline = match deadline {
            None => FieldDeadline::Clear,
            Some(at) => FieldDeadline::At(number(&at, "the deadline of a field")?),
        };
        if !hash.set(&field, &value, deadline, limits.hash) {
            return Err(format!("the field {} is there twice", shown(&field)));
        }
    }
    Ok(hash)
}

fn sorted_set(json: Json, limits: &Limits) -> Result<SortedSet> {
    let mut set = SortedSet::default();
    for item in elements(json)? {
        let parts: std::result::Result<[Json; 2], _> = array(item, "a member with its score")?.try_into();
        let [member, score] = parts.map_err(|_| "a member is an array of its name and its score".to_owned())?;
        let member = text(member, "a member")?;
        let score = match &score {
            Json::String(text) => parse_f64(text.as_bytes()),
            score => score.as_f64(),
        };
        let score = score.filter(|score| !score.is_nan());
        let score = score.ok_or_else(|| format!("the score of {} is no number", shown(&member)))?;
        if set.set(&member, score, limits.sorted_set) != Change::Added {
            return Err(format!("the member {} is there twice", shown(&member)));
        }
    }
    Ok(set)
}

fn stream(json: Json) -> Result<Stream> {
    let mut parts = Object::new(json, "the value of a stream")?;
    let mut entries = Entries::default();
    for entry in array(parts.take("entries")?, "entries")? {
        add_entry(entry, &mut entries)?;
    }
    let last = id(&parts.take("last_id")?, "last_id")?;
    if last < entries.last_id() {
        return Err("last_id is less than the id of the last entry".to_owned());
    }
    let max_deleted = id(&parts.take("max_deleted_id")?, "max_deleted_id")?;
    let added = number(&parts.take("entries_added")?, "entries_added")?;
    entries.set_last_id(last, Some(added), Some(max_deleted));
    let mut stream = Stream::from_entries(entries);
    for group in array(parts.take("groups")?, "groups")? {
        add_group(group, &mut stream)?;
    }
    parts.end()?;
    Ok(stream)
}

fn add_entry(json: Json, entries: &mut Entries) -> Result<()> {
    let parts: std::result::Result<[Json; 2], _> = array(json, "an entry")?.try_into();
    let [at, fields] = parts.map_err(|_| "an entry is an array of its id and its fields".to_owned())?;
    let at = id(&at, "the id of an entry")?;
    if at <= entries.last_id() {
        return Err("the ids of entries have to grow, from 0-1 on".to_owned());
    }
    let mut words = Vec::new();
    for field in array(fields, "the fields of an entry")? {
        let pair: std::result::Result<[Json; 2], _> = array(field, "a field of an entry")?.try_into();
        for part in pair.map_err(|_| "a field of an entry is an array of its name and its value".to_owned())? {
            words.push(text(part, "a field of an entry")?);
        }
    }
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    entries.push(at, &words, BLOCKS).map_err(|_| "an entry is too large".to_owned())
}

fn add_group(json: Json, stream: &mut Stream) -> Result<()> {
    let mut parts = Object::new(json, "a group")?;
    let name = text(parts.take("name")?, "the name of a group")?;
    let last = id(&parts.take("last_id")?, "the last_id of a group")?;
    let read = parts.optional("entries_read", number)?;
    let (_, groups) = stream.groups_mut();
    if !groups.add(&name, last, read) {
        return Err(format!("the group {} is there twice", shown(&name)));
    }
    let Some(mut group) = groups.get_mut(&name) else { return Ok(()) };
    for consumer in array(parts.take("consumers")?, "consumers")? {
        add_consumer(consumer, &mut group)?;
    }
    for pending in array(parts.take("pending")?, "pending")? {
        add_pending(pending, &mut group)?;
    }
    parts.end()
}

fn add_consumer(json: Json, group: &mut GroupMut<'_>) -> Result<()> {
    let mut parts = Object::new(json, "a consumer")?;
    let name = text(parts.take("name")?, "the name of a consumer")?;
    let (seen, active) = (number(&parts.take("seen_at")?, "seen_at")?, parts.optional("active_at", number)?);
    let (number, is_new) = group.find_or_add(&name, seen);
    if !is_new {
        return Err(format!("the consumer {} is there twice", shown(&name)));
    }
    if let Some(consumer) = group.get_mut(number) {
        consumer.active = active;
    }
    parts.end()
}

fn add_pending(json: Json, group: &mut GroupMut<'_>) -> Result<()> {
    let parts: std::result::Result<[Json; 4], _> = array(json, "a pending entry")?.try_into();
    let [at, consumer, delivered, deliveries] = parts.map_err(|_| {
        "a pending entry is an array of its id, its consumer, when it was delivered and how often".to_owned()
    })?;
    let at = id(&at, "the id of a pending entry")?;
    let name = text(consumer, "the consumer of a pending entry")?;
    let consumer = group.find(&name).ok_or_else(|| format!("there is no consumer {}", shown(&name)))?;
    if group.pending().contains_key(&at) {
        return Err(format!("the entry {}-{} is pending twice", at.ms, at.seq));
    }
    let delivered = number(&delivered, "the time of a delivery")?;
    group.give(at, consumer, delivered, number(&deliveries, "the number of deliveries")?);
    Ok(())
}
