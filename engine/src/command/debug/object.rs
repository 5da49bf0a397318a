//! How a key is stored.

use crate::codec::lzf::Compressor;
use crate::codec::num;
use crate::command::{Context, Reply};
use crate::error::{Error, Result};
use crate::keyspace::Access;
use crate::operation::generic::encoding_of;
use crate::operation::string::StringRef;

pub(super) fn object(context: &mut Context<'_>, key: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    let key = context.core.keyspace.key(key);
    let text = context.on_key(Access::Read, key.hash, |view| {
        let entry = view.peek(&key).ok_or(Error::NO_SUCH_KEY)?;
        Ok(format!(
            "Value at:{:#x} refcount:1 encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
            key.hash >> 16,
            encoding_of(entry),
            serialized_len(entry.string()?),
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

/// Bytes of a string in an RDB file.
fn serialized_len(string: StringRef<'_>) -> usize {
    let mut buffer = itoa::Buffer::new();
    let bytes = string.bytes(&mut buffer);
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
            assert_eq!(serialized_len(StringRef::Bytes(text.as_bytes())), len, "{text}");
        }
        // Redis's compressor leaves more at the end: 13.
        assert_eq!(serialized_len(StringRef::Bytes(&[b'a'; 66])), 9);
        assert_eq!(serialized_len(StringRef::Int(70_000)), 5);
    }
}
