//! A client that reads every reply of RESP2 and RESP3 and hides nothing: two replies that differ on the wire differ
//! as [`Reply`] too. It is written apart from the engine's own codec on purpose, since it judges that codec.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::bytes::Escaped;

/// How long a reply may take. Far above anything sane, so that only a server that hangs runs into it.
const PATIENCE: Duration = Duration::from_secs(20);

/// One reply, as it stood on the wire.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    /// `+`
    Simple(Vec<u8>),
    /// `-`
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`, RESP2's missing string
    NullBulk,
    /// `*-1`, RESP2's missing array
    NullArray,
    /// `*`
    Array(Vec<Reply>),
    /// `_`, RESP3's only null
    Null,
    /// `#`
    Boolean(bool),
    /// `,` as text: how a float is printed is part of the reply
    Double(Vec<u8>),
    /// `(`
    BigNumber(Vec<u8>),
    /// `!`
    BulkError(Vec<u8>),
    /// `=`, the format's three letters included
    Verbatim(Vec<u8>),
    /// `%`
    Map(Vec<(Reply, Reply)>),
    /// `~`
    Set(Vec<Reply>),
    /// `>`
    Push(Vec<Reply>),
    /// `|`, and the reply that it belongs to
    Attribute(Vec<(Reply, Reply)>, Box<Reply>),
}

impl Reply {
    /// Whether this is an error of either kind.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_) | Reply::BulkError(_))
    }

    /// What kind of reply this is, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Reply::Simple(_) => "simple",
            Reply::Error(_) => "error",
            Reply::Integer(_) => "integer",
            Reply::Bulk(_) => "bulk",
            Reply::NullBulk => "null-bulk",
            Reply::NullArray => "null-array",
            Reply::Array(_) => "array",
            Reply::Null => "null",
            Reply::Boolean(_) => "boolean",
            Reply::Double(_) => "double",
            Reply::BigNumber(_) => "big-number",
            Reply::BulkError(_) => "bulk-error",
            Reply::Verbatim(_) => "verbatim",
            Reply::Map(_) => "map",
            Reply::Set(_) => "set",
            Reply::Push(_) => "push",
            Reply::Attribute(..) => "attribute",
        }
    }

    /// The text of a reply that is one string, whichever way it was sent.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Reply::Simple(t) | Reply::Bulk(t) => Some(t),
            Reply::Verbatim(t) => t.get(4..),
            _ => None,
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Simple(t) => write!(f, "+{}", Escaped(t)),
            Reply::Error(t) => write!(f, "-{}", Escaped(t)),
            Reply::Integer(n) => write!(f, ":{n}"),
            Reply::Bulk(t) => write!(f, "{}", Escaped(t)),
            Reply::NullBulk => f.write_str("$-1"),
            Reply::NullArray => f.write_str("*-1"),
            Reply::Null => f.write_str("_"),
            Reply::Boolean(b) => write!(f, "#{}", if *b { 't' } else { 'f' }),
            Reply::Double(t) => write!(f, ",{}", t.escape_ascii()),
            Reply::BigNumber(t) => write!(f, "({}", t.escape_ascii()),
            Reply::BulkError(t) => write!(f, "!{}", Escaped(t)),
            Reply::Verbatim(t) => write!(f, "={}", Escaped(t)),
            Reply::Array(items) => f.debug_list().entries(items).finish(),
            Reply::Set(items) => f.write_str("~").and_then(|()| f.debug_list().entries(items).finish()),
            Reply::Push(items) => f.write_str(">").and_then(|()| f.debug_list().entries(items).finish()),
            Reply::Map(pairs) => {
                f.write_str("%").and_then(|()| f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish())
            }
            Reply::Attribute(pairs, reply) => {
                f.write_str("|").and_then(|()| f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish())?;
                write!(f, " {reply:?}")
            }
        }
    }
}

/// Appends a command in the form that clients send, an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(argv: &[A], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", argv.len()).as_bytes());
    for arg in argv {
        out.extend_from_slice(format!("${}\r\n", arg.as_ref().len()).as_bytes());
        out.extend_from_slice(arg.as_ref());
        out.extend_from_slice(b"\r\n");
    }
}

/// A connection to a server.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
}

impl Client {
    /// Connects to `address`, a `host:port`.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream, buffer: Vec::new(), at: 0 })
    }

    /// Sends one command.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> io::Result<()> {
        let mut out = Vec::new();
        encode(argv, &mut out);
        self.write(&out)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server closed, `InvalidData` for what is not RESP, or those of the socket.
    pub fn read(&mut self) -> io::Result<Reply> {
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.value()
    }

    /// Whether the beginning of a reply, or the end of the connection, has come.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn has_reply(&mut self) -> io::Result<bool> {
        if self.at < self.buffer.len() {
            return Ok(true);
        }
        self.stream.set_nonblocking(true)?;
        let came = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        match came {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Sends one command and reads its reply, for calls that must not fail.
    ///
    /// # Panics
    /// When the connection breaks.
    pub fn call<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> Reply {
        let name = String::from_utf8_lossy(argv[0].as_ref()).into_owned();
        self.send(argv).and_then(|()| self.read()).unwrap_or_else(|e| panic!("{name}: the connection broke: {e}"))
    }

    fn value(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (&kind, rest) = line.split_first().ok_or_else(|| invalid("an empty line"))?;
        Ok(match kind {
            b'+' => Reply::Simple(rest.to_vec()),
            b'-' => Reply::Error(rest.to_vec()),
            b':' => Reply::Integer(number(rest)?),
            b'_' if rest.is_empty() => Reply::Null,
            b'#' if rest == b"t" => Reply::Boolean(true),
            b'#' if rest == b"f" => Reply::Boolean(false),
            b',' => Reply::Double(rest.to_vec()),
            b'(' => Reply::BigNumber(rest.to_vec()),
            b'$' if rest == b"-1" => Reply::NullBulk,
            b'*' if rest == b"-1" => Reply::NullArray,
            b'$' => Reply::Bulk(self.blob(rest)?),
            b'!' => Reply::BulkError(self.blob(rest)?),
            b'=' => Reply::Verbatim(self.blob(rest)?),
            b'*' => Reply::Array(self.items(rest)?),
            b'~' => Reply::Set(self.items(rest)?),
            b'>' => Reply::Push(self.items(rest)?),
            b'%' => Reply::Map(self.pairs(rest)?),
            b'|' => {
                let pairs = self.pairs(rest)?;
                Reply::Attribute(pairs, Box::new(self.value()?))
            }
            _ => return Err(invalid(format!("a reply that begins with {}", Escaped(&line)))),
        })
    }

    fn items(&mut self, length: &[u8]) -> io::Result<Vec<Reply>> {
        (0..count(length)?).map(|_| self.value()).collect()
    }

    fn pairs(&mut self, length: &[u8]) -> io::Result<Vec<(Reply, Reply)>> {
        (0..count(length)?).map(|_| Ok((self.value()?, self.value()?))).collect()
    }

    fn blob(&mut self, length: &[u8]) -> io::Result<Vec<u8>> {
        let length = count(length)?;
        while self.buffer.len() - self.at < length + 2 {
            self.fill()?;
        }
        let bytes = self.buffer[self.at..self.at + length].to_vec();
        if &self.buffer[self.at + length..self.at + length + 2] != b"\r\n" {
            return Err(invalid("a string that is longer than its length says"));
        }
        self.at += length + 2;
        Ok(bytes)
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut looked = self.at;
        loop {
            if let Some(end) = self.buffer[looked..].windows(2).position(|w| w == b"\r\n") {
                let line = self.buffer[self.at..looked + end].to_vec();
                self.at = looked + end + 2;
                return Ok(line);
            }
            // A line end may be cut in two by the read.
            looked = self.buffer.len().saturating_sub(1).max(self.at);
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 64 * 1024];
        let n = loop {
            match self.stream.read(&mut chunk) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        self.buffer.extend_from_slice(&chunk[..n]);
        Ok(())
    }
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// A number in the one form that servers write: no sign but minus, no leading zero.
fn number(text: &[u8]) -> io::Result<i64> {
    let parsed = std::str::from_utf8(text).ok().and_then(|t| t.parse::<i64>().ok());
    parsed
        .filter(|n| n.to_string().as_bytes() == text)
        .ok_or_else(|| invalid(format!("{} where a number belongs", Escaped(text))))
}

fn count(text: &[u8]) -> io::Result<usize> {
    usize::try_from(number(text)?).map_err(|_| invalid(format!("{} where a length belongs", Escaped(text))))
}
