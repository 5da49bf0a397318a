//! Sends commands of any kind over one connection, as fast as one core can write them, and reads past their replies:
//! for filling collections, and for loads that `redis-benchmark` cannot make.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

use crate::wire::connect;

/// Commands that go out together.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    commands: usize,
}

/// Has `write` add the commands of each number up to `count`, sends them and waits for all replies; an error reply is
/// an error.
pub fn feed(port: u16, count: u64, mut write: impl FnMut(u64, &mut Batch)) -> Result<()> {
    /// About what a socket takes at once.
    const FULL: usize = 48 * 1024;
    const IN_FLIGHT: usize = 4;
    let mut stream = BufReader::with_capacity(256 * 1024, connect(port)?);
    let mut line = Vec::new();
    let mut batch = Batch::default();
    let mut in_flight = VecDeque::new();
    for number in 0..count {
        write(number, &mut batch);
        if batch.bytes.len() >= FULL || number + 1 == count {
            in_flight.push_back(batch.send(stream.get_mut())?);
        }
        while in_flight.len() >= IN_FLIGHT || (number + 1 == count && !in_flight.is_empty()) {
            for _ in 0..in_flight.pop_front().unwrap_or(0) {
                skip_reply(&mut stream, &mut line)?;
            }
        }
    }
    Ok(())
}

impl Batch {
    /// Begins a command of `words` words, which are to follow.
    pub fn command(&mut self, words: usize) -> &mut Self {
        self.commands += 1;
        self.head(b'*', words);
        self
    }

    /// The next word.
    pub fn word(&mut self, word: impl AsRef<[u8]>) -> &mut Self {
        let word = word.as_ref();
        self.head(b'$', word.len());
        self.bytes.extend_from_slice(word);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The next words.
    pub fn words<W: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = W>) -> &mut Self {
        for word in words {
            self.word(word);
        }
        self
    }

    /// The commands as they are sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn head(&mut self, kind: u8, len: usize) {
        self.bytes.push(kind);
        // Writing into memory cannot fail.
        let _ = write!(self.bytes, "{len}\r\n");
    }

    /// How many commands went out.
    fn send(&mut self, to: &mut TcpStream) -> Result<usize> {
        to.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(std::mem::take(&mut self.commands))
    }
}

fn skip_reply(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<()> {
    // Replies that are yet to be read, those within arrays included.
    let mut left = 1_u64;
    while left > 0 {
        line.clear();
        from.read_until(b'\n', line)?;
        let Some([kind, rest @ ..]) = line.strip_suffix(b"\r\n") else { bail!("the server closed the connection") };
        left -= 1;
        let number = || std::str::from_utf8(rest).ok().and_then(|text| text.parse::<i64>().ok()).context("not a reply");
        match kind {
            b'+' | b':' => {}
            b'$' => {
                if let Ok(len) = u64::try_from(number()?) {
                    skip(from, len + 2)?;
                }
            }
            b'*' => left += u64::try_from(number()?).unwrap_or(0),
            b'-' => bail!("the server answered: {}", String::from_utf8_lossy(rest)),
            _ => bail!("not a reply: {:?}", String::from_utf8_lossy(line)),
        }
    }
    Ok(())
}

fn skip(from: &mut impl BufRead, mut bytes: u64) -> Result<()> {
    while bytes > 0 {
        let there = from.fill_buf()?.len() as u64;
        if there == 0 {
            bail!("the server closed the connection");
        }
        let taken = there.min(bytes);
        from.consume(taken as usize);
        bytes -= taken;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_well_formed() {
        let mut batch = Batch::default();
        batch.command(2).word("GET").word("a");
        assert_eq!(batch.bytes, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n");
        assert_eq!(batch.commands, 1);
    }

    #[test]
    fn replies_of_each_kind_are_passed_over() -> Result<()> {
        let mut wire = &b"+OK\r\n:7\r\n$-1\r\n*2\r\n$3\r\na\r\n\r\n*1\r\n*-1\r\n-ERR no\r\n"[..];
        let mut line = Vec::new();
        for _ in 0..4 {
            skip_reply(&mut wire, &mut line)?;
        }
        assert_eq!(
            skip_reply(&mut wire, &mut line).map_err(|e| e.to_string()),
            Err("the server answered: ERR no".to_owned())
        );
        assert!(skip_reply(&mut wire, &mut line).is_err(), "the end of the stream is not a reply");
        Ok(())
    }
}
