//! An example of each type of the protocol.

use crate::command::Reply;
use crate::error::{Error, Result};

pub(super) fn example(kind: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(3.141),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|i| reply.int(i));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|i| reply.int(i));
        }
        b"map" => {
            reply.map(3);
            for i in 0..3 {
                reply.int(i);
                reply.bool(i == 1);
            }
        }
        b"bignum" => {
            raw(reply, b"(1234567999999999999999999999999999999\r\n", b"1234567999999999999999999999999999999")
        }
        b"attrib" => {
            if reply.is_resp3()
                && let Some(output) = reply.output()
            {
                output.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => push(reply)?,
        b"verbatim" => reply.verbatim("txt", "This is a verbatim\nstring"),
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        _ => {
            return Err(Error::new(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

/// Bytes that RESP3 has and RESP2 does not.
fn raw(reply: &mut Reply<'_>, resp3: &[u8], plain: &[u8]) {
    let is_resp3 = reply.is_resp3();
    match reply.output() {
        Some(output) if is_resp3 => output.raw(resp3),
        _ => reply.bulk(plain),
    }
}

fn push(reply: &mut Reply<'_>) -> Result<()> {
    if !reply.is_resp3() {
        return Err(Error::new("ERR RESP2 is not supported by this command"));
    }
    // A tree has one reply and no place for a message before it.
    if reply.output().is_some() {
        reply.push(2);
        reply.bulk(b"server-cpu-usage");
        reply.int(42);
    }
    reply.bulk(b"Some real reply following the push reply");
    Ok(())
}
