//! Signatures of the data, the same that Redis computes: to compare two servers by.
//!
//! A digest is 20 bytes. *Adding* data to one combines it with the data's SHA-1 by exclusive or, which does not depend
//! on the order; *mixing* hashes the result once more, so that the order counts.

use sha1::{Digest as _, Sha1};

use crate::clock::Millis;
use crate::command::{Context, Reply};
use crate::error::Result;
use crate::keyspace::{Access, Entry};

type Digest = [u8; 20];

/// Redis's number of the string type.
const STRING: u32 = 0;

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

fn add_value(digest: &mut Digest, entry: Entry<'_>) -> Result<()> {
    mix(digest, &STRING.to_be_bytes());
    let string = entry.string()?;
    mix(digest, string.bytes(&mut itoa::Buffer::new()));
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
