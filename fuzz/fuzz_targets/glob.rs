//! Glob patterns from strangers: matching must not panic and must end, and a few things hold for any pattern.

#![no_main]

use carnelian::codec::glob::glob_match;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8], bool)| {
    let (pattern, text, nocase) = input;
    let matches = glob_match(pattern, text, nocase);
    if matches {
        assert!(glob_match(pattern, text, true), "case matters only where it is said to");
        assert!(glob_match(&[b"*", pattern].concat(), text, nocase), "a star may match nothing");
    }
    let literal: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
    assert!(glob_match(&literal, text, nocase), "a text matches itself");
});
