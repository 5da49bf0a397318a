//! How a key is stored.

use crate::codec::lzf::Compressor;
use crate::codec::num;
use crate::command::{Context, Reply};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Entry, ValueRef};
use crate::operation::generic::encoding_of;
use crate::value::intset::Intset;
use crate::value::listpack::Listpack;

pub(super) fn object(context: &mut Context<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    let key = context.core.keyspace.key(key);
    let text = context.on_key(Access::Read, key.hash, |view| {
        let entry = view.peek(&key).ok_or(Error::NO_SUCH_KEY)?;
        Ok(format!(
            "Value at:{:#x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
            key.hash >> 16,
            encoding_of(entry),
            serialized_len(entry)?,
            entry.clock(),
            view.idle_secs(entry),
        ))
    })?;
    reply.simple(&text);
    Ok(())
}

/// An error unless a key is kept as a listpack.
pub(super) fn listpack(context: &mut Context<'_>, key: &[u8]) -> Result<()> {
    let key = context.core.keyspace.key(key);
    context.on_key(Access::Read, key.hash, |view| match view.peek(&key) {
        None => Err(Error::NO_SUCH_KEY),
        Some(entry) if encoding_of(entry) == "listpack" => Ok(()),
        Some(_) => Err(Error::new("ERR Not a listpack encoded object.")),
    })
}

/// Bytes of a value in an RDB file, without its type.
fn serialized_len(entry: Entry<'_>) -> Result<usize> {
    let mut buffer = itoa::Buffer::new();
    Ok(match entry.value() {
        ValueRef::Inline(_) | ValueRef::Int(_) | ValueRef::Shared(_) => string_len(entry.string()?.bytes(&mut buffer)),
        ValueRef::List(list) => {
            let (mut nodes, mut bytes) = (0, 0);
            for node in list.nodes() {
                nodes += 1;
                // A node begins with its kind.
                bytes += 1 + string_len(node.map_or_else(|text| text, Listpack::as_bytes));
            }
            length_len(nodes) + bytes
        }
        ValueRef::Set(set) => match set.encoding() {
            "intset" => {
                let mut ints = Intset::new();
                set.for_each(|member| {
                    if let Some(n) = member.as_int() {
                        ints.insert(n);
                    }
                });
                string_len(ints.as_bytes())
            }
            "listpack" => {
                let mut pack = Listpack::new();
                set.for_each(|member| pack.push_back_item(member));
                string_len(pack.as_bytes())
            }
            _ => {
                let mut bytes = 0;
                set.for_each(|member| bytes += string_len(member.bytes(&mut buffer)));
                length_len(set.len()) + bytes
            }
        },
        ValueRef::Hash(hash) => match hash.as_listpack() {
            Some(pack) => string_len(pack.as_bytes()),
            None => {
                let mut bytes = 0;
                hash.for_each_with_deadline(|field, value, _| {
                    bytes += string_len(field.bytes(&mut buffer)) + string_len(value.bytes(&mut buffer));
                });
                length_len(hash.len()) + bytes
            }
        },
        ValueRef::SortedSet(set) => match set.as_listpack() {
            Some(pack) => string_len(pack.as_bytes()),
            None => {
                let scored = set.iter().map(|(member, _)| string_len(member.bytes(&mut buffer)) + size_of::<f64>());
                length_len(set.len()) + scored.sum::<usize>()
            }
        },
        // About: how blocks are compressed is not looked at.
        ValueRef::Stream(stream) => {
            const BLOCK_KEY: usize = 17;
            const FIGURES: usize = 12;
            stream.entries().bytes() + stream.entries().blocks() * BLOCK_KEY + FIGURES
        }
    })
}

/// Bytes of a string in an RDB file.
fn string_len(bytes: &[u8]) -> usize {
    if let Some(n) = num::parse_i64(bytes).filter(|_| bytes.len() <= 11) {
        match n {
            -128..=127 => return 2,
            -32_768..=32_767 => return 3,
            -2_147_483_648..=2_147_483_647 => return 5,
            _ => {}
        }
    }
    let mut compressed = Vec::new();
    if bytes.len() > 20 && Compressor::new().compress(bytes, bytes.len() - 4, &mut compressed) {
        return 1 + length_len(compressed.len()) + length_len(bytes.len()) + compressed.len();
    }
    length_len(bytes.len()) + bytes.len()
}

/// Bytes of a length in an RDB file.
fn length_len(len: usize) -> usize {
    match len {
        0..64 => 1,
        64..16_384 => 2,
        16_384..=0xffff_ffff => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_that_redis_tells() {
        // As Redis 7.0 answers to DEBUG OBJECT.
        for (text, len) in [("5", 2), ("70000", 5), ("123456", 5), ("bar", 4)] {
            assert_eq!(string_len(text.as_bytes()), len, "{text}");
        }
        // Redis's compressor leaves more at the end: 13.
        assert_eq!(string_len(&[b'a'; 66]), 9);
    }
}
