//! The parts that RDB is made of, written.

use crate::codec::lzf::Compressor;
use crate::codec::num;
use crate::value::listpack::Item;
use crate::value::stream::StreamId;

/// Strings up to this length are never compressed.
const COMPRESSED_FROM: usize = 21;
/// What compressing has to save.
const SAVED: usize = 4;

/// Writes into memory.
pub struct Writer {
    out: Vec<u8>,
    compressor: Option<Compressor>,
}

impl Writer {
    /// A writer that compresses strings, or not.
    pub fn new(compress: bool) -> Self {
        Self { out: Vec::new(), compressor: compress.then(Compressor::new) }
    }

    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What has been written, which may be taken from it.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// One byte.
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// A length, or a number that is written as one.
    pub fn length(&mut self, n: u64) {
        match n {
            0..=0x3f => self.byte(n as u8),
            0x40..=0x3fff => self.raw(&(0x4000 | n as u16).to_be_bytes()),
            0x4000..=0xffff_ffff => {
                self.byte(0x80);
                self.raw(&(n as u32).to_be_bytes());
            }
            _ => {
                self.byte(0x81);
                self.raw(&n.to_be_bytes());
            }
        }
    }

    /// A string: as an integer or compressed, where that is shorter.
    pub fn string(&mut self, text: &[u8]) {
        if text.len() <= 11
            && let Some(n) = num::parse_i64(text)
            && self.small_int(n)
        {
            return;
        }
        if text.len() < COMPRESSED_FROM || !self.compressed(text) {
            self.length(text.len() as u64);
            self.raw(text);
        }
    }

    /// A string that looks like an integer.
    pub fn int(&mut self, n: i64) {
        if !self.small_int(n) {
            let mut buffer = itoa::Buffer::new();
            let text = buffer.format(n).as_bytes();
            self.length(text.len() as u64);
            self.raw(text);
        }
    }

    /// A string, or an integer, of a small form.
    pub fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(n) => self.int(n),
            Item::Bytes(text) => self.string(text),
        }
    }

    fn small_int(&mut self, n: i64) -> bool {
        if let Ok(n) = i8::try_from(n) {
            self.byte(0xc0);
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i16::try_from(n) {
            self.byte(0xc1);
            self.raw(&n.to_le_bytes());
        } else if let Ok(n) = i32::try_from(n) {
            self.byte(0xc2);
            self.raw(&n.to_le_bytes());
        } else {
            return false;
        }
        true
    }

    fn compressed(&mut self, text: &[u8]) -> bool {
        let Some(compressor) = &mut self.compressor else { return false };
        let mut packed = Vec::new();
        if !compressor.compress(text, text.len() - SAVED, &mut packed) {
            return false;
        }
        self.byte(0xc3);
        self.length(packed.len() as u64);
        self.length(text.len() as u64);
        self.raw(&packed);
        true
    }

    /// A double in 8 bytes.
    pub fn double(&mut self, n: f64) {
        self.raw(&n.to_le_bytes());
    }

    /// A time in milliseconds, in 8 bytes.
    pub fn millis(&mut self, n: i64) {
        self.raw(&n.to_le_bytes());
    }

    /// An id of a stream's entry in 16 bytes.
    pub fn raw_id(&mut self, id: StreamId) {
        self.raw(&id.ms.to_be_bytes());
        self.raw(&id.seq.to_be_bytes());
    }
}
