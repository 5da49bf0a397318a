//! Signatures of the data, the same that Redis computes: to compare two servers by.
//!
//! A digest is 20 bytes. *Adding* data to one combines it with the data's SHA-1 by exclusive or, which does not depend
//! on the order; *mixing* hashes the result once more, so that the order counts.

use sha1::{Digest as _, Sha1};

use crate::clock::Millis;
use crate::command::{Context, Reply};
use crate::error::Result;
use crate::keyspace::{Access, Entry, ValueRef};
use crate::value::stream::StreamId;

type Digest = [u8; 20];

fn add(digest: &mut Digest, data: &[u8]) {
    let hash: Digest = Sha1::digest(data).into();
    for (byte, other) in digest.iter_mut().zip(hash) {
        *byte ^= other;
    }
}

fn mix(digest: &mut Digest, data: &[u8]) {
    add(digest, data);
    *digest = Sha1::digest(*digest).into();
}

/// Redis's number of a type.
fn number_of(value: ValueRef<'_>) -> u32 {
    match value {
        ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => 0,
        ValueRef::List(_) => 1,
        ValueRef::Set(_) => 2,
        ValueRef::SortedSet(_) => 3,
        ValueRef::Hash(_) => 4,
        ValueRef::Stream(_) => 6,
    }
}

/// Lists and streams are mixed in their order; elements of the others are added, each with what belongs to it.
fn add_value(digest: &mut Digest, entry: Entry<'_>) -> Result<()> {
    let mut buffer = itoa::Buffer::new();
    mix(digest, &number_of(entry.value()).to_be_bytes());
    match entry.value() {
        ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => mix(digest, entry.string()?.bytes(&mut buffer)),
        ValueRef::List(list) => list.iter().for_each(|element| mix(digest, element.item().bytes(&mut buffer))),
        ValueRef::Set(set) => set.for_each(|member| add(digest, member.bytes(&mut buffer))),
        ValueRef::Hash(hash) => hash.for_each_with_deadline(|field, value, deadline| {
            let mut element = Digest::default();
            mix(&mut element, field.bytes(&mut buffer));
            mix(&mut element, value.bytes(&mut buffer));
            if deadline.is_some() {
                add(&mut element, b"!!hexpire!!");
            }
            add(digest, &element);
        }),
        ValueRef::SortedSet(set) => set.iter().for_each(|(member, score)| {
            let mut element = Digest::default();
            mix(&mut element, member.bytes(&mut buffer));
            mix(&mut element, score_text(score).as_bytes());
            add(digest, &element);
        }),
        ValueRef::Stream(stream) => stream.entries().walk(StreamId::MIN, StreamId::MAX, false).for_each(|entry| {
            mix(digest, format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (field, value) in entry.fields() {
                mix(digest, field.bytes(&mut buffer));
                mix(digest, value.bytes(&mut buffer));
            }
        }),
    }
    add_deadline(digest, entry.deadline());
    Ok(())
}

fn add_deadline(digest: &mut Digest, deadline: Option<Millis>) {
    if deadline.is_some() {
        add(digest, b"!!expire!!");
    }
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn values(context: &mut Context<'_>, keys: &[&[u8]], reply: &mut Reply<'_>) -> Result<()> {
    let mut digests = Vec::with_capacity(keys.len());
    for key in keys {
        let key = context.core.keyspace.key(key);
        digests.push(context.on_key(Access::Read, key.hash, |view| {
            let mut digest = Digest::default();
            view.peek(&key).map_or(Ok(()), |entry| add_value(&mut digest, entry))?;
            Ok(digest)
        })?);
    }
    reply.array(digests.len());
    for digest in digests {
        reply.simple(&hex(&digest));
    }
    Ok(())
}

pub(super) fn all(context: &mut Context<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let dbs: Vec<u32> = context.db_sizes().into_iter().map(|(db, _)| db).collect();
    let digest = context.on_everything(Access::Read, |view| {
        let (mut whole, before) = (Digest::default(), view.db());
        for db in dbs {
            view.select(db)?;
            let (mut failed, mut any) = (Ok(()), false);
            let mut keys = Vec::new();
            for table in view.tables() {
                table.for_each(|entry| {
                    // Expired keys are still there for Redis, but nobody can tell.
                    let mut digest = Digest::default();
                    mix(&mut digest, entry.key());
                    if let Err(error) = add_value(&mut digest, entry) {
                        failed = Err(error);
                    }
                    any = true;
                    keys.push(digest);
                });
            }
            failed?;
            if any {
                mix(&mut whole, &db.to_be_bytes());
            }
            for digest in keys {
                add(&mut whole, &digest);
            }
        }
        view.select(before)?;
        Ok(whole)
    })?;
    reply.simple(&hex(&digest));
    Ok(())
}

/// A score as C's `%.17g` prints it.
fn score_text(score: f64) -> String {
    const DIGITS: i32 = 17;
    if !score.is_finite() {
        return if score > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{score:.16e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..DIGITS).contains(&exponent) {
        without_zeros(&format!("{score:.*}", (DIGITS - 1 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::score_text;

    #[test]
    fn scores_are_printed_with_seventeen_digits() {
        for (score, text) in [
            (1.5, "1.5"),
            (0.1, "0.10000000000000001"),
            (-0.0, "-0"),
            (100.0, "100"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (12_345_678_901_234_567.0, "12345678901234568"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (1e300, "1.0000000000000001e+300"),
            (123_456.789, "123456.789"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(score_text(score), text);
        }
    }
}
