//! Lines, written. An error of what is written to is kept until it is asked for, since values are walked by closures.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use carnelian::StreamId;
use carnelian::codec::num::write_f64;
use carnelian::rdb::{About, Loaded};
use carnelian::value::list::Element;
use carnelian::value::listpack::Item;
use carnelian::value::stream::{Entry, Group};
use carnelian::value::{Stream, Value};

/// Bytes that are encoded at once: no remainder, so that the pieces fit together.
const PIECE: usize = 3 * 1024;

/// Writes keys, a line each.
pub(in super::super) struct Writer<W> {
    out: W,
    result: io::Result<()>,
}

impl<W: Write> Writer<W> {
    pub(in super::super) fn new(out: W) -> Self {
        Self { out, result: Ok(()) }
    }

    /// Writes a key; false once something has failed.
    pub(in super::super) fn key(&mut self, db: u64, key: &[u8], value: &Loaded<'_>, about: About) -> bool {
        self.raw("{\"db\":");
        self.number(db);
        self.raw(",\"key\":");
        self.text(key);
        self.raw(",\"type\":\"");
        self.raw(super::super::check::name_of(value));
        self.raw("\"");
        let about =
            [("expires_at", about.deadline), ("idle_s", about.idle), ("frequency", about.frequency.map(u64::from))];
        for (name, figure) in about {
            if let Some(figure) = figure {
                self.raw(&format!(",\"{name}\":{figure}"));
            }
        }
        self.raw(",\"value\":");
        match value {
            Loaded::String(text) => self.text(text),
            Loaded::Value(value) => self.value(value),
        }
        self.raw("}\n");
        self.result.is_ok()
    }

    /// Writes what is left.
    pub(in super::super) fn finish(mut self) -> io::Result<()> {
        self.result?;
        self.out.flush()
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::List(list) => self.array(|next| {
                list.iter().for_each(|element| {
                    next(&|json| match element {
                        Element::Shared(text) => json.text(text),
                        element => json.item(element.item()),
                    });
                });
            }),
            Value::Set(set) => self.array(|next| set.for_each(|member| next(&|json| json.item(member)))),
            Value::Hash(hash) => self.array(|next| {
                hash.for_each_with_deadline(|field, value, deadline| {
                    next(&|json| match deadline {
                        None => json.tuple(&[&|json| json.item(field), &|json| json.item(value)]),
                        Some(at) => {
                            json.tuple(&[&|json| json.item(field), &|json| json.item(value), &|json| json.number(at)]);
                        }
                    });
                });
            }),
            Value::SortedSet(set) => self.array(|next| {
                set.iter().for_each(|(member, score)| {
                    next(&|json| json.tuple(&[&|json| json.item(member), &|json| json.score(score)]));
                });
            }),
            Value::Stream(stream) => self.stream(stream),
        }
    }

    fn stream(&mut self, stream: &Stream) {
        let entries = stream.entries();
        self.raw("{\"entries\":");
        self.array(|next| {
            for entry in entries.walk(StreamId::MIN, StreamId::MAX, false) {
                next(&|json| json.entry(&entry));
            }
        });
        self.raw(",\"last_id\":");
        self.id(entries.last_id());
        self.raw(",\"max_deleted_id\":");
        self.id(entries.max_deleted_id());
        self.raw(",\"entries_added\":");
        self.number(entries.added());
        self.raw(",\"groups\":");
        self.array(|next| stream.groups().iter().for_each(|(name, group)| next(&|json| json.group(name, group))));
        self.raw("}");
    }

    fn entry(&mut self, entry: &Entry<'_>) {
        let fields = |json: &mut Self| {
            json.array(|next| {
                for (field, value) in entry.fields() {
                    next(&|json| json.tuple(&[&|json| json.item(field), &|json| json.item(value)]));
                }
            });
        };
        self.tuple(&[&|json| json.id(entry.id), &fields]);
    }

    fn group(&mut self, name: &[u8], group: &Group) {
        self.raw("{\"name\":");
        self.text(name);
        self.raw(",\"last_id\":");
        self.id(group.last_id());
        self.raw(",\"entries_read\":");
        self.number_or_null(group.entries_read());
        self.raw(",\"consumers\":");
        self.array(|next| {
            for consumer in group.consumers().filter_map(|(_, consumer)| consumer) {
                next(&|json| {
                    json.raw("{\"name\":");
                    json.text(consumer.name());
                    json.raw(",\"seen_at\":");
                    json.number(consumer.seen);
                    json.raw(",\"active_at\":");
                    json.number_or_null(consumer.active);
                    json.raw("}");
                });
            }
        });
        self.raw(",\"pending\":");
        self.array(|next| {
            for (id, pending) in group.pending() {
                let name = group.get(pending.consumer).map_or(&b""[..], |consumer| consumer.name());
                next(&|json| {
                    json.tuple(&[
                        &|json| json.id(*id),
                        &|json| json.text(name),
                        &|json| json.number(pending.delivered),
                        &|json| json.number(pending.deliveries),
                    ]);
                });
            }
        });
        self.raw("}");
    }

    /// An array of what `items` hands over, one by one.
    fn array(&mut self, items: impl FnOnce(&mut dyn FnMut(&dyn Fn(&mut Self)))) {
        self.raw("[");
        let mut is_first = true;
        items(&mut |item| {
            if !std::mem::take(&mut is_first) {
                self.raw(",");
            }
            item(self);
        });
        self.raw("]");
    }

    /// An array of a few things of different kinds.
    fn tuple(&mut self, parts: &[&dyn Fn(&mut Self)]) {
        self.array(|next| parts.iter().for_each(|part| next(part)));
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(n) => self.raw(&format!("\"{n}\"")),
            Item::Bytes(text) => self.text(text),
        }
    }

    /// A string of any bytes.
    fn text(&mut self, bytes: &[u8]) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            if self.result.is_ok() {
                self.result = serde_json::to_writer(&mut self.out, text).map_err(io::Error::from);
            }
            return;
        }
        self.raw("{\"base64\":\"");
        bytes.chunks(PIECE).for_each(|piece| self.raw(&STANDARD.encode(piece)));
        self.raw("\"}");
    }

    /// A score: a number, or a string where JSON has no number.
    fn score(&mut self, score: f64) {
        let mut text = Vec::new();
        write_f64(&mut text, score);
        let text = String::from_utf8_lossy(&text);
        if score.is_finite() { self.raw(&text) } else { self.raw(&format!("\"{text}\"")) }
    }

    fn id(&mut self, id: StreamId) {
        self.raw(&format!("\"{}-{}\"", id.ms, id.seq));
    }

    fn number(&mut self, n: u64) {
        self.raw(&n.to_string());
    }

    fn number_or_null(&mut self, n: Option<u64>) {
        match n {
            Some(n) => self.number(n),
            None => self.raw("null"),
        }
    }

    fn raw(&mut self, text: &str) {
        if self.result.is_ok() {
            self.result = self.out.write_all(text.as_bytes());
        }
    }
}
