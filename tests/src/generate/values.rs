//! The words that commands are made of: keys, values, numbers, deadlines, and what is none of these.

use super::{Command, DATABASES, Generator, argv};

/// Few keys, so that commands meet each other. One is empty, one binary, two share a hash tag, one is long.
const KEYS: [&[u8]; 12] = [
    b"a",
    b"b",
    b"c",
    b"key:1",
    b"key:2",
    b"{t}x",
    b"{t}y",
    b"",
    b"bin\r\n\0\xff",
    b"with space",
    b"*",
    b"a-rather-long-key-that-does-not-fit-into-any-small-place-0123456789",
];

/// What no command takes for an integer, or takes for one out of range. Nothing here may be a size between a million
/// and 2^32: SETBIT and SETRANGE would allocate it.
const BAD_INTEGERS: [&str; 22] = [
    "",
    "abc",
    "1.5",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "0x10",
    "1e3",
    "-",
    "--1",
    "1\r\n",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "4294967296",
    "-1",
];

const FLOATS: [&str; 40] = [
    "0",
    "1",
    "-1",
    "0.1",
    "3.14",
    "-2.5e10",
    "5.0e3",
    "1e17",
    "1e18",
    "1e19",
    "1e20",
    "-1e20",
    "1e300",
    "1e-300",
    "1e308",
    "1.7976931348623157e308",
    "1e309",
    "1e4000",
    "1e4932",
    "1e4933",
    "-1e4933",
    "1e-5000",
    "1e-17",
    "1e-18",
    "5e-18",
    "123456789.987654321",
    "99999999999999999",
    "0.30000000000000004",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    ".5",
    "5.",
    "+1.5",
    "-0",
    "-0.0",
    "0x1p4",
    "0x.8",
    "00012.5",
    "1E5",
];

const BAD_FLOATS: [&str; 16] = [
    "", "abc", " 1.5", "1.5 ", "1.5x", "1e", "e5", ".", "nan", "-nan", "inf", "-inf", "+inf", "infinity", "1,5", "1..5",
];

impl Generator {
    pub(super) fn key(&mut self) -> Vec<u8> {
        // The first few are used most.
        let n = if self.rng.one_in(2) { 4 } else { KEYS.len() };
        KEYS[self.rng.below(n as u64) as usize].to_vec()
    }

    pub(super) fn keys(&mut self, most: u64) -> Vec<Vec<u8>> {
        (0..=self.rng.below(most)).map(|_| self.key()).collect()
    }

    pub(super) fn value(&mut self) -> Vec<u8> {
        match self.rng.below(20) {
            0 => Vec::new(),
            1..=6 => self.integer_text(),
            7..=8 => self.float_text(),
            9..=12 => self.text(),
            13..=14 => self.binary(),
            // Around the lengths at which an encoding, or the place of the bytes, changes.
            15..=17 => self.letters_between(38, 70),
            18 => self.letters_between(200, 2000),
            _ if self.rng.one_in(2) => self.letters_between(15_000, 40_000),
            _ => self.letters_between(240, 270),
        }
    }

    /// A value that is short enough for what takes quadratic time.
    pub(super) fn short_value(&mut self) -> Vec<u8> {
        match self.rng.below(5) {
            0 => Vec::new(),
            1 => self.binary(),
            2 => self.integer_text(),
            _ => {
                let length = self.rng.below(120) as usize;
                // Few different letters, so that there is something in common.
                (0..length).map(|_| *self.rng.pick(&[&b'a', &b'b', &b'c', &b'd'])).collect()
            }
        }
    }

    /// What an integer command may find in a key.
    fn integer_text(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0..=3 => self.rng.between(-10, 10).to_string().into(),
            4..=6 => self.rng.between(-200, 12_000).to_string().into(),
            7 => self.rng.between(i64::from(i32::MIN) - 2, i64::from(i32::MAX) + 2).to_string().into(),
            8 => (i64::MAX - self.rng.between(0, 3)).to_string().into(),
            9 => (i64::MIN + self.rng.between(0, 3)).to_string().into(),
            10 => (self.rng.bits() as i64).to_string().into(),
            _ => self.bad_integer(),
        }
    }

    /// What an integer command takes as its argument, mostly.
    pub(super) fn integer(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0..=5 => self.rng.between(-20, 20).to_string().into(),
            6..=7 => self.rng.between(-100_000, 100_000).to_string().into(),
            8 => (self.rng.bits() as i64).to_string().into(),
            9 => (*self.rng.pick(&[&i64::MAX, &i64::MIN, &(i64::MAX - 1), &(i64::MIN + 1)])).to_string().into(),
            _ => self.bad_integer(),
        }
    }

    pub(super) fn bad_integer(&mut self) -> Vec<u8> {
        argv![self.rng.pick(&BAD_INTEGERS)].remove(0)
    }

    pub(super) fn float_text(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..=4 => argv![self.rng.pick(&FLOATS)].remove(0),
            5..=7 => {
                let (whole, fraction) = (self.rng.between(-1000, 1000), self.rng.below(1_000_000));
                format!("{whole}.{fraction}").into()
            }
            8 => {
                let (digits, exponent) = (self.rng.bits() as i64, self.rng.between(-25, 25));
                format!("{digits}e{exponent}").into()
            }
            _ => argv![self.rng.pick(&BAD_FLOATS)].remove(0),
        }
    }

    fn text(&mut self) -> Vec<u8> {
        argv![self.rng.pick(&["hello", "Hello World", "foobar", "x", "ümlaut", "foo\r\nbar", "-ERR no", "$-1\r\n"])]
            .remove(0)
    }

    fn binary(&mut self) -> Vec<u8> {
        let length = self.rng.below(40) as usize;
        let mut bytes = self.rng.bytes(length);
        if self.rng.one_in(2) {
            bytes.extend_from_slice(b"\r\n\0$5\r\n");
        }
        bytes
    }

    fn letters_between(&mut self, low: i64, high: i64) -> Vec<u8> {
        let length = self.rng.between(low, high) as usize;
        let start = self.rng.below(26) as usize;
        (0..length).map(|i| b'a' + ((start + i) % 26) as u8).collect()
    }

    /// A position in a string, also from its end.
    pub(super) fn index(&mut self) -> Vec<u8> {
        match self.rng.below(10) {
            0..=5 => self.rng.between(-70, 70).to_string().into(),
            6..=7 => self.rng.between(-40_000, 40_000).to_string().into(),
            8 => self.rng.between(-10_000_000_000, 10_000_000_000).to_string().into(),
            _ => self.bad_integer(),
        }
    }

    /// A database, mostly one of those in use, never another one that exists.
    pub(super) fn database(&mut self) -> Vec<u8> {
        match self.rng.below(12) {
            0 => argv![self.rng.pick(&[
                "-1",
                "16",
                "100",
                "99999999999",
                "abc",
                "",
                "1.0",
                "4294967296",
                "-9223372036854775808"
            ])]
            .remove(0),
            _ => self.rng.below(DATABASES as u64).to_string().into(),
        }
    }

    /// Seconds until a deadline that no test lives to see. No two of a stream are nearer than 20 seconds to each
    /// other, however they arise, so that comparing them (GT, LT) does not depend on when each server got the command.
    pub(super) fn seconds(&mut self) -> u64 {
        self.deadlines += 1;
        1_000_000 * self.rng.below(10) + 20 * (self.deadlines % 50_000) + 100
    }

    /// A relative deadline in seconds or milliseconds: far away, past, out of range, or none at all.
    pub(super) fn relative(&mut self, milliseconds: bool, past: bool) -> Vec<u8> {
        match self.rng.below(12) {
            0 if past => argv![self.rng.pick(&["0", "-1", "-100", "-1000000"])].remove(0),
            1 => argv![self.rng.pick(&[
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854776",
                "9223372036854774"
            ])]
            .remove(0),
            2 => self.bad_integer_but_no_deadline(),
            _ => (self.seconds() * if milliseconds { 1000 } else { 1 }).to_string().into(),
        }
    }

    /// An absolute deadline in seconds or milliseconds: far away, past, out of range, or none at all.
    pub(super) fn absolute(&mut self, milliseconds: bool) -> Vec<u8> {
        match self.rng.below(12) {
            0..=1 => argv![self.rng.pick(&["1", "0", "-1", "1000000000", "-1000000"])].remove(0),
            2 => argv![self.rng.pick(&[
                "9223372036854775807",
                "-9223372036854775808",
                "9223372036854776",
                "9223372036854775"
            ])]
            .remove(0),
            3 => self.bad_integer_but_no_deadline(),
            // Few different ones: equal absolute deadlines are equal for both servers.
            _ => ((4_000_000_000 + 1000 * self.rng.below(8)) * if milliseconds { 1000 } else { 1 }).to_string().into(),
        }
    }

    /// As a deadline, 2^32 is a valid one, and as milliseconds a near one.
    fn bad_integer_but_no_deadline(&mut self) -> Vec<u8> {
        loop {
            let bad = self.bad_integer();
            if bad != b"4294967296" && bad != b"-1" {
                return bad;
            }
        }
    }

    /// Now and then makes a command wrong in a way that needs no knowledge of it: a word missing, a word too many,
    /// a word that is no number, a word twice, or options in another order.
    pub(super) fn spoil(&mut self, mut command: Command) -> Command {
        if !self.rng.one_in(5) {
            return command;
        }
        let at = 1 + self.rng.below(command.len().max(2) as u64 - 1) as usize;
        match self.rng.below(6) {
            0 => {
                command.pop();
            }
            1 => command.push(self.junk()),
            2 if at < command.len() => command[at] = self.bad_integer_but_no_deadline(),
            3 if at < command.len() => {
                let word = self.junk();
                command.insert(at, word);
            }
            4 if command.len() > 2 => {
                let word = command[command.len() - 1].clone();
                command.push(word);
            }
            _ => {
                let word = self.junk();
                command.push(word);
            }
        }
        if command.is_empty() { argv!["PING"] } else { command }
    }

    fn junk(&mut self) -> Vec<u8> {
        let words =
            ["", "junk", "NX", "XX", "GET", "KEEPTTL", "EX", "PERSIST", "REPLACE", "BYTE", "BIT", "LEN", "-1", "\r\n"];
        argv![self.rng.pick(&words)].remove(0)
    }
}
