//! The parser of requests: any bytes, in any pieces. It must not panic, must not loop without taking anything, and
//! must find the same requests however the bytes are cut.

#![no_main]

use carnelian::codec::resp::{Limits, Parsed, Parser, inline_args, is_inline};
use libfuzzer_sys::fuzz_target;

type Request = Option<Vec<Vec<u8>>>;

/// The requests that the parser finds, and what ended it, if anything did.
fn parse(bytes: &[u8], step: usize, limits: Limits) -> (Vec<Request>, Option<Parsed>) {
    let (mut parser, mut start, mut requests) = (Parser::default(), 0, Vec::new());
    for end in (0..bytes.len()).step_by(step.max(1)).chain([bytes.len()]) {
        loop {
            let (input, mut args) = (&bytes[start..end], Vec::new());
            match parser.parse(input, limits, &mut args) {
                Parsed::Request(used) => {
                    assert!(used > 0 && used <= input.len());
                    requests.push(if is_inline(input) {
                        inline_args(&input[..used])
                    } else {
                        Some(args.into_iter().map(|range| input[range].to_vec()).collect())
                    });
                    start += used;
                }
                Parsed::Incomplete => break,
                broken => return (requests, Some(broken)),
            }
        }
    }
    (requests, None)
}

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { bulk: 1 << 20, unauthenticated: bytes.len() % 2 == 1 };
    let whole = parse(bytes, bytes.len(), limits);
    for step in [1, 7] {
        assert_eq!(whole, parse(bytes, step, limits), "where the bytes are cut makes a difference");
    }
});
