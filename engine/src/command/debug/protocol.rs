//! An example of each type of the protocol.

use crate::command::Reply;
use crate::error::{Error, Result};

/// Not pi, but what Redis gives.
#[allow(clippy::approx_constant)]
const DOUBLE: f64 = 3.141;
const BIG_NUMBER: &[u8] = b"1234567999999999999999999999999999999";

pub(super) fn example(kind: &[u8], reply: &mut Reply<'_>) -> Result<()> {
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(DOUBLE),
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
        b"bignum" => big_number(reply),
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

fn big_number(reply: &mut Reply<'_>) {
    let is_resp3 = reply.is_resp3();
    match reply.output() {
        Some(output) if is_resp3 => output.raw(&[b"(", BIG_NUMBER, b"\r\n"].concat()),
        _ => reply.bulk(BIG_NUMBER),
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
