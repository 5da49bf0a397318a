//! The parser of requests: any bytes, in any pieces. It must not panic, must not loop without taking anything, and
//! must find the same commands however the bytes are cut.

#![no_main]

use carnelian::codec::resp::{Limits, Parser};
use libfuzzer_sys::fuzz_target;

/// The commands that the parser finds, and the error that ended it, if one did.
fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<Vec<u8>>>, Option<String>) {
    let mut parser = Parser::new(Limits::default());
    let mut commands = Vec::new();
    for piece in pieces {
        parser.feed(piece);
        loop {
            match parser.next() {
                Ok(Some(command)) => commands.push(command.iter().map(|word| word.to_vec()).collect()),
                Ok(None) => break,
                Err(error) => return (commands, Some(error.to_string())),
            }
        }
    }
    (commands, None)
}

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(std::iter::once(bytes));
    let cut = parse(bytes.chunks(1));
    assert_eq!(whole, cut, "where the bytes are cut makes a difference");
});
