//! Compressed strings from strangers: decompressing must not panic, and gives the length that was asked for or nothing.
//! What we compress ourselves comes back.

#![no_main]

use carnelian::codec::lzf::{Compressor, decompress};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (len, bytes) = input;
    if let Some(text) = decompress(bytes, usize::from(len)) {
        assert_eq!(text.len(), usize::from(len));
    }
    let mut compressed = Vec::new();
    if Compressor::new().compress(bytes, bytes.len() + bytes.len() / 16 + 64, &mut compressed) {
        assert_eq!(decompress(&compressed, bytes.len()).as_deref(), Some(bytes));
    }
});
