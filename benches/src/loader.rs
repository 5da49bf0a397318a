//! Fills a server with numbered keys, as fast as one core can send them.
//!
//! Every command of a batch has the same length, so a batch is written out once and afterwards only its digits and
//! letters are replaced; the replies are all `+OK` and are compared, not parsed.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;

use anyhow::{Result, bail};

use crate::wire::connect;

/// What is stored under each key.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes of the value, at least eight. The value is letters, so that no server can keep it as a number, and differs
    /// from key to key, so that none can share it.
    pub value_len: usize,
    /// Whether keys get a time to live, one of many far ones.
    pub ttl: bool,
}

/// Consecutive `SET` commands in the form they are sent in. Keys are `key:` and twelve digits: sixteen bytes.
pub struct Batch {
    bytes: Vec<u8>,
    command_len: usize,
    shape: Shape,
}

/// Reads the replies of `SET`s.
pub struct Oks {
    buffer: Box<[u8]>,
    /// How much of the next `+OK` has been read.
    phase: usize,
    /// Replies that were read ahead of being asked for.
    ahead: u64,
}

/// Sets the keys numbered `keys` over one connection, keeping the server busy throughout.
pub fn load(port: u16, shape: Shape, keys: Range<u64>) -> Result<()> {
    const BATCH: u64 = 256;
    const IN_FLIGHT: usize = 4;
    let mut stream = connect(port)?;
    let mut batch = Batch::new(shape, BATCH as usize);
    let mut replies = Oks::new();
    let mut in_flight = VecDeque::new();
    let mut next = keys.start;
    while next < keys.end {
        let count = BATCH.min(keys.end - next);
        stream.write_all(batch.fill(next, count as usize))?;
        next += count;
        in_flight.push_back(count);
        if in_flight.len() == IN_FLIGHT {
            replies.take(&mut stream, in_flight.pop_front().unwrap_or(0))?;
        }
    }
    replies.take(&mut stream, in_flight.iter().sum())
}

impl Batch {
    /// Room for `capacity` commands.
    pub fn new(shape: Shape, capacity: usize) -> Self {
        let value = "x".repeat(shape.value_len);
        let (args, ttl) = if shape.ttl { (5, "$2\r\nEX\r\n$6\r\n000000\r\n") } else { (3, "") };
        let head = format!("*{args}\r\n$3\r\nSET\r\n$16\r\nkey:000000000000\r\n");
        let command = format!("{head}${}\r\n{value}\r\n{ttl}", shape.value_len);
        Self { bytes: command.repeat(capacity).into_bytes(), command_len: command.len(), shape }
    }

    /// The commands for `count` keys from number `first` on.
    pub fn fill(&mut self, first: u64, count: usize) -> &[u8] {
        const DIGITS: Range<usize> = DIGITS_AT..DIGITS_AT + 12;
        let filled = &mut self.bytes[..count * self.command_len];
        let ttl_end = self.command_len - 2;
        let value_at = DIGITS.end + format!("\r\n${}\r\n", self.shape.value_len).len();
        for (command, number) in filled.chunks_exact_mut(self.command_len).zip(first..) {
            write_decimal(&mut command[DIGITS], number);
            let letters = scrambled(number).to_le_bytes().map(|byte| b'a' + (byte & 15));
            command[value_at..value_at + 8].copy_from_slice(&letters);
            if self.shape.ttl {
                write_decimal(&mut command[ttl_end - 6..ttl_end], 100_000 + number % 800_000);
            }
        }
        filled
    }
}

impl Oks {
    /// A reader for a connection on which nothing was sent yet.
    pub fn new() -> Self {
        Self { buffer: vec![0; 64 * 1024].into(), phase: 0, ahead: 0 }
    }

    /// Waits for the replies of `count` commands; anything but `+OK` is an error.
    pub fn take(&mut self, stream: &mut TcpStream, count: u64) -> Result<()> {
        while self.ahead < count {
            let got = stream.read(&mut self.buffer)?;
            if got == 0 {
                bail!("the server closed the connection");
            }
            self.accept(got)?;
        }
        self.ahead -= count;
        Ok(())
    }

    fn accept(&mut self, len: usize) -> Result<()> {
        const OK: &[u8; 5] = b"+OK\r\n";
        let got = &self.buffer[..len];
        for (at, &byte) in got.iter().enumerate() {
            if byte != OK[self.phase] {
                let line = got[at..].split(|&b| b == b'\r').next().unwrap_or_default();
                bail!("the server answered: {}", String::from_utf8_lossy(line));
            }
            self.phase += 1;
            if self.phase == OK.len() {
                self.phase = 0;
                self.ahead += 1;
            }
        }
        Ok(())
    }
}

impl Default for Oks {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the digits of a command's key begin.
const DIGITS_AT: usize = "*3\r\n$3\r\nSET\r\n$16\r\nkey:".len();

/// Fills `digits` with `number`, zeros in front.
fn write_decimal(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// A number that looks random and differs for each input: the output step of SplitMix64.
pub fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shape: Shape, first: u64, count: usize) -> String {
        String::from_utf8_lossy(Batch::new(shape, 4).fill(first, count)).into_owned()
    }

    #[test]
    fn commands_are_well_formed() {
        let plain = text(Shape { value_len: 8, ttl: false }, 41, 2);
        let parts: Vec<_> = plain.split("\r\n").collect();
        assert_eq!(parts.len(), 2 * 7 + 1);
        assert_eq!(parts[..5], ["*3", "$3", "SET", "$16", "key:000000000041"]);
        assert_eq!((parts[5], parts[6].len(), parts[11]), ("$8", 8, "key:000000000042"));
        assert_ne!(parts[6], parts[13]);
        assert!(parts[6].bytes().all(|b| b.is_ascii_lowercase()));
    }

    #[test]
    fn long_values_and_ttls_are_well_formed() {
        let with_ttl = text(Shape { value_len: 64, ttl: true }, 5, 1);
        let parts: Vec<_> = with_ttl.split("\r\n").collect();
        assert_eq!((parts[0], parts[4], parts[5], parts[6].len()), ("*5", "key:000000000005", "$64", 64));
        assert_eq!(parts[7..], ["$2", "EX", "$6", "100005", ""]);
    }

    #[test]
    fn replies_may_come_in_pieces_but_must_be_ok() {
        let mut oks = Oks::new();
        oks.buffer[..7].copy_from_slice(b"+OK\r\n+O");
        assert!(oks.accept(7).is_ok() && oks.ahead == 1);
        oks.buffer[..3].copy_from_slice(b"K\r\n");
        assert!(oks.accept(3).is_ok() && oks.ahead == 2);
        oks.buffer[..9].copy_from_slice(b"-OOM no\r\n");
        assert_eq!(oks.accept(9).map_err(|e| e.to_string()), Err("the server answered: -OOM no".into()));
    }
}
