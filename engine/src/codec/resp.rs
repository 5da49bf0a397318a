//! RESP requests: from the bytes of a connection to arguments.
//!
//! The parser is incremental and never copies: arguments are ranges of the caller's buffer. A frame that is only
//! half there is remembered, so that bytes are looked at once however slowly they arrive.

use std::ops::Range;

use super::num;

/// An inline request, and the line that announces a length, may not be longer than this.
const INLINE_MAX: usize = 64 * 1024;
/// The most arguments of a request.
const ARGS_MAX: i64 = i32::MAX as i64;
/// What a client may send before it has authenticated.
const ARGS_MAX_UNAUTHENTICATED: i64 = 10;
const BULK_MAX_UNAUTHENTICATED: i64 = 16 * 1024;

/// What a connection may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest argument: `proto-max-bulk-len`.
    pub bulk: u64,
    /// Whether the client has yet to authenticate, which lowers the limits.
    pub unauthenticated: bool,
}

/// What the parser made of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// A request; it used that many bytes. An empty request has no arguments and is ignored.
    Request(usize),
    /// The request has not arrived whole.
    Incomplete,
    /// The bytes are no request, and the connection has to be closed. The text is Redis's, without `ERR`.
    Broken(&'static str),
    /// As [`Broken`](Self::Broken), for a byte that is no `$`.
    ExpectedDollar(u8),
}

/// The state of a half-read request. Offsets are from the start of the request.
#[derive(Debug, Default)]
pub struct Parser {
    /// Arguments that are still to come; -1 before the first line is read.
    missing: Option<u32>,
    /// Up to here all is read.
    at: usize,
    /// The length of the argument being read.
    bulk: Option<usize>,
    /// For how far a line has been looked for.
    searched: usize,
    args: Vec<Range<usize>>,
}

impl Parser {
    /// Reads one request from the front of `bytes` and appends its arguments to `args`, as ranges of `bytes`.
    ///
    /// After [`Parsed::Incomplete`] the next call has to see the same bytes again, with more behind them. O(new bytes).
    pub fn parse(&mut self, bytes: &[u8], limits: Limits, args: &mut Vec<Range<usize>>) -> Parsed {
        let parsed = match (bytes.first(), self.missing) {
            (None, _) => return Parsed::Incomplete,
            (Some(b'*'), _) => self.parse_multibulk(bytes, limits, args),
            // Inline requests may have quotes to be taken away: they are read by `inline_args`.
            _ => self.find_inline(bytes),
        };
        if parsed != Parsed::Incomplete {
            self.missing = None;
            (self.at, self.bulk, self.searched) = (0, None, 0);
            self.args.clear();
        }
        parsed
    }

    /// Reads one request from the front of `bytes` if it is there whole and in the plainest form, as nearly all are, and
    /// appends its arguments to `args`. Otherwise nothing happens, and [`parse`](Self::parse) has to say what it is.
    #[inline]
    pub fn parse_plain<'b>(&self, bytes: &'b [u8], limits: Limits, args: &mut Vec<&'b [u8]>) -> Option<usize> {
        if self.missing.is_some() || self.searched > 0 || limits.unauthenticated || bytes.first() != Some(&b'*') {
            return None;
        }
        let before = args.len();
        let (count, mut at) = short_length(bytes, 1)?;
        for _ in 0..count {
            let Some((arg, next)) = plain_bulk(bytes, at, limits.bulk) else {
                args.truncate(before);
                return None;
            };
            args.push(arg);
            at = next;
        }
        Some(at)
    }

    /// How long the half-read request will be at least, from its start, as far as it has announced.
    pub fn expected(&self) -> usize {
        self.bulk.map_or(0, |len| self.at + len + 2)
    }

    fn parse_multibulk(&mut self, bytes: &[u8], limits: Limits, args: &mut Vec<Range<usize>>) -> Parsed {
        let mut missing = match self.missing {
            Some(missing) => missing,
            None => {
                let (count, next) = match short_length(bytes, 1) {
                    Some((count, next)) => (count as i64, next),
                    None => {
                        let Some((line, next)) = self.line(bytes, 1) else {
                            return self.wait_for_line(bytes, "Protocol error: too big mbulk count string");
                        };
                        let Some(count) = length(line).filter(|&n| n <= ARGS_MAX) else {
                            return Parsed::Broken("Protocol error: invalid multibulk length");
                        };
                        (count, next)
                    }
                };
                if limits.unauthenticated && count > ARGS_MAX_UNAUTHENTICATED {
                    return Parsed::Broken("Protocol error: unauthenticated multibulk length");
                }
                self.at = next;
                if count <= 0 {
                    return Parsed::Request(next);
                }
                count as u32
            }
        };
        // Straight into the caller's list if the request is whole, which is the common case.
        let first = args.len();
        args.append(&mut self.args);
        while missing > 0 {
            let len = match self.bulk {
                Some(len) => len,
                None => match self.bulk_length(bytes, limits) {
                    Ok(len) => len,
                    Err(parsed) => return self.stop(parsed, missing, args, first),
                },
            };
            // A length is below 2^63 / 2 by its limit, and so is any buffer.
            let end = self.at + len;
            if bytes.len() < end + 2 {
                self.bulk = Some(len);
                return self.stop(Parsed::Incomplete, missing, args, first);
            }
            args.push(self.at..end);
            self.at = end + 2;
            self.bulk = None;
            missing -= 1;
        }
        Parsed::Request(self.at)
    }

    /// Keeps what has been read of a request for the next time.
    fn stop(&mut self, parsed: Parsed, missing: u32, args: &mut Vec<Range<usize>>, first: usize) -> Parsed {
        self.args.extend(args.drain(first..));
        self.missing = Some(missing);
        parsed
    }

    #[inline]
    fn bulk_length(&mut self, bytes: &[u8], limits: Limits) -> Result<usize, Parsed> {
        if bytes.get(self.at) == Some(&b'$')
            && let Some((len, next)) = short_length(bytes, self.at + 1)
            && len as u64 <= limits.bulk
        {
            self.at = next;
            self.searched = 0;
            return Ok(len);
        }
        self.any_bulk_length(bytes, limits)
    }

    fn any_bulk_length(&mut self, bytes: &[u8], limits: Limits) -> Result<usize, Parsed> {
        let Some((line, next)) = self.line(bytes, self.at) else {
            return Err(self.wait_for_line(bytes, "Protocol error: too big bulk count string"));
        };
        let (mark, digits) = match line.split_first() {
            Some((&mark, digits)) => (mark, digits),
            None => (b'\r', line),
        };
        if mark != b'$' {
            return Err(Parsed::ExpectedDollar(mark));
        }
        let max = limits.bulk.min(i64::MAX as u64 / 2) as i64;
        let Some(len) = length(digits).filter(|n| (0..=max).contains(n)) else {
            return Err(Parsed::Broken("Protocol error: invalid bulk length"));
        };
        if limits.unauthenticated && len > BULK_MAX_UNAUTHENTICATED {
            return Err(Parsed::Broken("Protocol error: unauthenticated bulk length"));
        }
        self.at = next;
        Ok(len as usize)
    }

    /// The line from `from` up to CR and the byte after it, and where the next one starts.
    fn line<'b>(&mut self, bytes: &'b [u8], from: usize) -> Option<(&'b [u8], usize)> {
        let rest = bytes.get(from.max(self.searched)..)?;
        match first_of(b'\r', 0, rest) {
            // Redis looks for the end of a C string: behind a NUL it never finds one.
            Some(n) if rest[n] == 0 => {
                self.searched = from.max(self.searched) + n;
                None
            }
            // The byte after CR is taken for LF, as Redis does.
            Some(n) if rest.len() > n + 1 => {
                let end = from.max(self.searched) + n;
                self.searched = 0;
                Some((&bytes[from..end], end + 2))
            }
            Some(_) => None,
            None => {
                self.searched = bytes.len();
                None
            }
        }
    }

    fn wait_for_line(&self, bytes: &[u8], too_long: &'static str) -> Parsed {
        if bytes.len() - self.at.min(bytes.len()) > INLINE_MAX { Parsed::Broken(too_long) } else { Parsed::Incomplete }
    }

    fn find_inline(&mut self, bytes: &[u8]) -> Parsed {
        let rest = &bytes[self.searched..];
        let stop = first_of(b'\n', 0, rest);
        match stop {
            Some(n) if rest[n] == b'\n' => Parsed::Request(self.searched + n + 1),
            _ if bytes.len() > INLINE_MAX => Parsed::Broken("Protocol error: too big inline request"),
            // Behind a NUL no end is looked for, as for the lines of lengths.
            _ => {
                self.searched += stop.unwrap_or(rest.len());
                Parsed::Incomplete
            }
        }
    }
}

/// The argument at `at`, and where the next one starts.
#[inline]
fn plain_bulk(bytes: &[u8], at: usize, max: u64) -> Option<(&[u8], usize)> {
    if bytes.get(at) != Some(&b'$') {
        return None;
    }
    let (len, start) = short_length(bytes, at + 1)?;
    let next = start + len + 2;
    (len as u64 <= max && next <= bytes.len()).then(|| (&bytes[start..start + len], next))
}

/// A number of up to four digits with its line's end, and where the next line starts: nearly all lengths.
#[inline(always)]
fn short_length(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(from..)?;
    match *rest {
        [a @ b'0'..=b'9', b'\r', _, ..] => return Some((usize::from(a - b'0'), from + 3)),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => {
            return Some((usize::from(a - b'0') * 10 + usize::from(b - b'0'), from + 4));
        }
        _ => {}
    }
    let mut n = 0;
    for (i, &b) in rest.iter().take(5).enumerate() {
        if b.is_ascii_digit() {
            n = n * 10 + usize::from(b - b'0');
        } else {
            // A leading zero is for `length` to judge. The byte after CR has to be there, whatever it is.
            let plain = b == b'\r' && i > 0 && (i == 1 || rest[0] != b'0') && rest.len() > i + 1;
            return plain.then_some((n, from + i + 2));
        }
    }
    None
}

/// A decimal number as `string2ll` reads it.
fn length(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    if digits.len() > 18 {
        return num::parse_i64(text);
    }
    if digits.is_empty() || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut n = 0_i64;
    for &d in digits {
        if !d.is_ascii_digit() {
            return None;
        }
        n = n * 10 + i64::from(d - b'0');
    }
    Some(if negative { -n } else { n })
}

/// Appends the line that announces how many arguments follow (`*`), or how long one is (`$`).
#[inline]
pub fn push_header(out: &mut Vec<u8>, mark: u8, n: usize) {
    match n {
        0..=9 => out.extend_from_slice(&[mark, b'0' + n as u8, b'\r', b'\n']),
        10..=99 => out.extend_from_slice(&[mark, b'0' + (n / 10) as u8, b'0' + (n % 10) as u8, b'\r', b'\n']),
        _ => push_long_header(out, mark, n),
    }
}

// Not rare, but too long to be in line with the others.
#[inline(never)]
fn push_long_header(out: &mut Vec<u8>, mark: u8, n: usize) {
    out.push(mark);
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends an argument of a request.
#[inline]
pub fn push_bulk(out: &mut Vec<u8>, arg: &[u8]) {
    push_header(out, b'$', arg.len());
    out.extend_from_slice(arg);
    out.extend_from_slice(b"\r\n");
}

/// Whether a request is an inline one, whose arguments [`inline_args`] reads.
pub fn is_inline(request: &[u8]) -> bool {
    request.first().is_some_and(|&b| b != b'*')
}

/// The arguments of an inline request: words, `"quoted"` with escapes, or `'quoted'`. `None` for unbalanced quotes.
pub fn inline_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    split_words(line)
}

/// Splits a line into words as Redis's command line, inline requests and redis.conf do.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [b, tail @ ..] = rest
            && is_space(*b)
        {
            rest = tail;
        }
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] | [0, ..] => break,
                [b'"', tail @ ..] => rest = double_quoted(tail, &mut word)?,
                [b'\'', tail @ ..] => rest = single_quoted(tail, &mut word)?,
                // Fewer than between words.
                [b' ' | b'\n' | b'\r' | b'\t', ..] => break,
                [b, tail @ ..] => {
                    word.push(*b);
                    rest = tail;
                    continue;
                }
            }
            // After a closing quote only a space or the end may follow.
            break;
        }
        words.push(word);
    }
}

/// The first of two bytes in a line that is short as a rule.
fn first_of(a: u8, b: u8, bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == a || byte == b)
}

fn is_space(b: u8) -> bool {
    b.is_ascii_whitespace() || b == 0x0b
}

fn closed(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|&b| is_space(b) || b == 0).then_some(rest)
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) << 4 | digit(*low));
                rest = tail;
            }
            [b'\\', b, tail @ ..] => {
                word.push(match b {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [b'"', tail @ ..] => return closed(tail),
            [] | [0, ..] => return None,
            [b, tail @ ..] => {
                word.push(*b);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [b'\'', tail @ ..] => return closed(tail),
            [] | [0, ..] => return None,
            [b, tail @ ..] => {
                word.push(*b);
                rest = tail;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Limits = Limits { bulk: 512 << 20, unauthenticated: false };

    fn parse_all(bytes: &[u8], step: usize) -> Vec<Vec<Vec<u8>>> {
        let (mut parser, mut start, mut out) = (Parser::default(), 0, Vec::new());
        for end in (0..=bytes.len()).step_by(step).chain([bytes.len()]) {
            let mut args = Vec::new();
            while let Parsed::Request(used) = parser.parse(&bytes[start..end], FREE, &mut args) {
                out.push(args.drain(..).map(|r| bytes[start..][r].to_vec()).collect());
                start += used;
            }
            assert!(args.is_empty());
        }
        assert_eq!(start, bytes.len());
        out
    }

    #[test]
    fn requests_arrive_in_any_pieces() {
        let bytes = b"*2\r\n$3\r\nGET\r\n$5\r\nk\r\ney\r\n*0\r\n*-1\r\n*1\r\n$0\r\n\r\n";
        let expected: Vec<Vec<Vec<u8>>> =
            vec![vec![b"GET".to_vec(), b"k\r\ney".to_vec()], vec![], vec![], vec![vec![]]];
        for step in 1..bytes.len() {
            assert_eq!(parse_all(bytes, step), expected);
        }
    }

    #[test]
    fn broken_requests_are_refused_in_the_words_of_redis() {
        let cases: [(&[u8], Parsed); 9] = [
            (b"*x\r\n", Parsed::Broken("Protocol error: invalid multibulk length")),
            (b"*2147483648\r\n", Parsed::Broken("Protocol error: invalid multibulk length")),
            (b"*99999999999999999999\r\n", Parsed::Broken("Protocol error: invalid multibulk length")),
            (b"*1\r\nGET\r\n", Parsed::ExpectedDollar(b'G')),
            (b"*1\r\n$-1\r\n", Parsed::Broken("Protocol error: invalid bulk length")),
            (b"*1\r\n$x\r\n", Parsed::Broken("Protocol error: invalid bulk length")),
            (b"*1\r\n$536870913\r\n", Parsed::Broken("Protocol error: invalid bulk length")),
            (b"*1\r\n$3\r\nGE", Parsed::Incomplete),
            (b"*1", Parsed::Incomplete),
        ];
        for (bytes, expected) in cases {
            let parsed = Parser::default().parse(bytes, FREE, &mut Vec::new());
            assert_eq!(parsed, expected, "{}", bytes.escape_ascii());
        }
        // Behind a NUL a line has no end, however much follows.
        for bytes in [&b"PING\0\r\n"[..], b"*1\0\r\n$4\r\n", b"*1\r\n$\0\r\nPING\r\n"] {
            let mut parser = Parser::default();
            for end in 1..=bytes.len() {
                let parsed = parser.parse(&bytes[..end], FREE, &mut Vec::new());
                assert_eq!(parsed, Parsed::Incomplete, "{}", bytes[..end].escape_ascii());
            }
        }
        let long = vec![b'a'; INLINE_MAX + 1];
        let parsed = Parser::default().parse(&long, FREE, &mut Vec::new());
        assert_eq!(parsed, Parsed::Broken("Protocol error: too big inline request"));
        let limits = Limits { unauthenticated: true, ..FREE };
        let parsed = Parser::default().parse(b"*11\r\n", limits, &mut Vec::new());
        assert_eq!(parsed, Parsed::Broken("Protocol error: unauthenticated multibulk length"));
        let parsed = Parser::default().parse(b"*1\r\n$16385\r\n", limits, &mut Vec::new());
        assert_eq!(parsed, Parsed::Broken("Protocol error: unauthenticated bulk length"));
    }

    #[test]
    fn words_are_split_as_redis_splits_them() {
        let words = |line: &str| split_words(line.as_bytes());
        let of = |list: &[&str]| Some(list.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(words("  set a  b "), of(&["set", "a", "b"]));
        assert_eq!(words(r#"set "a b\n\x41" 'it\'s'"#), of(&["set", "a b\nA", "it's"]));
        assert_eq!(words("''"), of(&[""]));
        assert_eq!(words(r#"a"b"c"#), None);
        assert_eq!(words(r#""open"#), None);
        assert_eq!(words("'a'b"), None);
    }
}
