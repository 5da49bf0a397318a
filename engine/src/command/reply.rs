//! Replies: written once, by the command, straight into what the caller wants to have.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use crate::error::Error;
use crate::keyspace::LogPosition;

/// What goes out to a connection: bytes, and big values that are shared instead of copied.
#[derive(Debug, Default)]
pub struct Output {
    /// Full chunks before the tail.
    chunks: VecDeque<Chunk>,
    /// Bytes at the front that are gone already.
    sent: usize,
    tail: Vec<u8>,
    len: usize,
    /// The log has to be synced up to here before the output may leave.
    position: LogPosition,
}

#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>),
    Shared(Arc<Vec<u8>>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Output {
    /// How many bytes are waiting.
    pub fn len(&self) -> usize {
        self.len + self.tail.len() - self.sent
    }

    /// Whether nothing is waiting.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Notes that what has been written rests on the log up to `position`.
    pub fn depends_on(&mut self, position: LogPosition) {
        self.position = self.position.max(position);
    }

    /// Up to where the log has to be synced before any of this may be sent.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// The bytes at the front, as slices for a vectored write; at most 64.
    pub fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let mut skip = self.sent;
        let all = self.chunks.iter().map(Chunk::bytes).chain([&self.tail[..]]);
        all.filter_map(move |bytes| {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            (skipped < bytes.len()).then(|| IoSlice::new(&bytes[skipped..]))
        })
        .take(64)
    }

    /// Forgets `n` bytes at the front, which have been sent.
    pub fn consume(&mut self, n: usize) {
        self.sent += n;
        while let Some(front) = self.chunks.front().map(|c| c.bytes().len())
            && front <= self.sent
        {
            self.chunks.pop_front();
            self.sent -= front;
            self.len -= front;
        }
        if self.is_empty() {
            self.tail.clear();
            self.sent = 0;
        }
    }

    /// Forgets everything.
    #[inline]
    pub fn clear(&mut self) {
        if !self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
        (self.sent, self.len, self.position) = (0, 0, 0);
        self.tail.clear();
    }

    /// Cuts off what was written after the output was `len` bytes long.
    pub fn truncate(&mut self, len: usize) {
        while len < self.len() - self.tail_len() {
            // What the tail is cut down to nothing for lies before it: the last chunk becomes the tail.
            let Some(last) = self.chunks.pop_back() else { return };
            self.len -= last.bytes().len();
            self.tail = match last {
                Chunk::Bytes(bytes) => bytes,
                Chunk::Shared(bytes) => bytes.to_vec(),
            };
        }
        let start = self.tail.len() - self.tail_len();
        self.tail.truncate(start + len - (self.len() - self.tail_len()));
    }

    fn tail_len(&self) -> usize {
        if self.chunks.is_empty() { self.tail.len() - self.sent } else { self.tail.len() }
    }

    /// All that is waiting, in one piece, which is put together if it is not. O(1) mostly.
    #[inline]
    pub fn in_one_piece(&mut self) -> &[u8] {
        if !self.chunks.is_empty() {
            let tail = self.to_vec();
            *self = Self { tail, position: self.position, ..Self::default() };
        }
        self.tail.get(self.sent..).unwrap_or_default()
    }

    /// All that is waiting, in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut skip = self.sent;
        let mut all = Vec::with_capacity(self.len());
        for bytes in self.chunks.iter().map(Chunk::bytes).chain([&self.tail[..]]) {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            all.extend_from_slice(&bytes[skipped..]);
        }
        all
    }

    /// Memory that the output takes.
    pub fn bytes(&self) -> usize {
        self.len + self.tail.capacity()
    }

    /// Gives memory back that a large reply took.
    #[inline]
    pub fn shrink(&mut self) {
        if self.is_empty() && self.tail.capacity() > 64 * 1024 {
            self.tail = Vec::new();
        }
    }

    /// Appends bytes that are a reply already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Puts bytes in where the output was `len` bytes long, which is where something ended that no sharing came after.
    fn insert(&mut self, len: usize, bytes: &[u8]) {
        let mut behind = self.len().saturating_sub(len);
        if behind <= self.tail_len() {
            let at = self.tail.len() - behind;
            self.tail.splice(at..at, bytes.iter().copied());
            return;
        }
        behind -= self.tail_len();
        for chunk in self.chunks.iter_mut().rev() {
            let chunk_len = chunk.bytes().len();
            if let Chunk::Bytes(chunk) = chunk
                && behind <= chunk_len
            {
                let at = chunk_len - behind;
                chunk.splice(at..at, bytes.iter().copied());
                self.len += bytes.len();
                return;
            }
            behind = behind.saturating_sub(chunk_len);
        }
    }

    fn push_shared(&mut self, bytes: &Arc<Vec<u8>>) {
        let tail = std::mem::take(&mut self.tail);
        self.len += tail.len() + bytes.len();
        self.chunks.push_back(Chunk::Bytes(tail));
        self.chunks.push_back(Chunk::Shared(bytes.clone()));
    }
}

/// A reply as a tree, for callers in Rust.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A status such as `OK`.
    Simple(String),
    /// An error within a reply.
    Error(Error),
    /// An integer.
    Int(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// Pairs.
    Map(Vec<(Value, Value)>),
    /// A set.
    Set(Vec<Value>),
    /// Something that nobody asked for just now: a message, an invalidation.
    Push(Vec<Value>),
    /// A floating-point number.
    Double(f64),
    /// A truth value.
    Bool(bool),
    /// Text with the format it is in (`txt`, `mkd`).
    Verbatim(&'static str, String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    Array,
    Map,
    Set,
    Push,
}

/// Puts a [`Value`] together from the calls of a [`Reply`].
#[derive(Debug, Default)]
pub struct Tree {
    done: Option<Value>,
    /// The log has to be synced up to here before anybody may see it.
    position: LogPosition,
    open: Vec<(Shape, usize, Vec<Value>)>,
}

impl Tree {
    /// Up to where the log has to be synced before anybody may see it.
    pub(crate) fn position(&self) -> LogPosition {
        self.position
    }

    /// The finished value; `Null` if nothing was replied.
    pub fn finish(self) -> Value {
        self.done.unwrap_or(Value::Null)
    }

    fn add(&mut self, mut value: Value) {
        loop {
            let Some((_, missing, items)) = self.open.last_mut() else {
                self.done = Some(value);
                return;
            };
            items.push(value);
            *missing -= 1;
            if *missing > 0 {
                return;
            }
            let Some((shape, _, items)) = self.open.pop() else { return };
            value = Self::close(shape, items);
        }
    }

    fn open(&mut self, shape: Shape, len: usize) {
        let items = if shape == Shape::Map { len * 2 } else { len };
        if items == 0 {
            self.add(Self::close(shape, Vec::new()));
        } else {
            self.open.push((shape, items, Vec::with_capacity(items.min(1024))));
        }
    }

    /// Ends what was opened without a length.
    fn end(&mut self) {
        if let Some((shape, _, items)) = self.open.pop() {
            self.add(Self::close(shape, items));
        }
    }

    fn close(shape: Shape, items: Vec<Value>) -> Value {
        match shape {
            Shape::Array => Value::Array(items),
            Shape::Set => Value::Set(items),
            Shape::Push => Value::Push(items),
            Shape::Map => {
                let mut items = items.into_iter();
                let pairs = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
                Value::Map(pairs.collect())
            }
        }
    }
}

enum Sink<'a> {
    Resp(&'a mut Output),
    Tree(&'a mut Tree),
}

/// A list or map that was begun before its length was known.
#[derive(Debug)]
#[must_use = "what was begun has to be ended"]
pub struct Begun {
    shape: Shape,
    at: usize,
}

/// Where a command writes its reply. Each command writes exactly one reply, or returns an error and writes none.
pub struct Reply<'a> {
    sink: Sink<'a>,
    resp3: bool,
}

impl<'a> Reply<'a> {
    /// Writes RESP, of version 2 or 3.
    pub fn resp(output: &'a mut Output, resp3: bool) -> Self {
        Self { sink: Sink::Resp(output), resp3 }
    }

    /// Builds a tree, with the types of RESP3.
    pub fn tree(tree: &'a mut Tree) -> Self {
        Self { sink: Sink::Tree(tree), resp3: true }
    }

    /// Notes that the reply rests on the log up to `position`.
    #[inline]
    pub fn depends_on(&mut self, position: LogPosition) {
        match &mut self.sink {
            Sink::Resp(output) => output.depends_on(position),
            Sink::Tree(tree) => tree.position = tree.position.max(position),
        }
    }

    /// Whether the caller knows the types of RESP3.
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// Changes the version from here on (`HELLO`).
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    #[inline]
    fn header(out: &mut Output, mark: u8, n: i64) {
        // Most numbers have one or two digits, and a copy of so few bytes is a call.
        match n {
            0..=9 => out.tail.extend_from_slice(&[mark, b'0' + n as u8, b'\r', b'\n']),
            10..=99 => {
                out.tail.extend_from_slice(&[mark, b'0' + (n / 10) as u8, b'0' + (n % 10) as u8, b'\r', b'\n']);
            }
            _ => {
                out.tail.push(mark);
                out.tail.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
                out.tail.extend_from_slice(b"\r\n");
            }
        }
    }

    #[inline]
    fn write(&mut self, resp: impl FnOnce(&mut Output), tree: impl FnOnce() -> Value) {
        match &mut self.sink {
            Sink::Resp(out) => resp(out),
            Sink::Tree(t) => t.add(tree()),
        }
    }

    /// `OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.write(|out| out.tail.extend_from_slice(b"+OK\r\n"), || Value::Simple("OK".into()));
    }

    /// A status.
    pub fn simple(&mut self, text: &str) {
        self.write(
            |out| {
                out.tail.push(b'+');
                out.tail.extend_from_slice(text.as_bytes());
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Simple(text.into()),
        );
    }

    /// A status of any bytes; line breaks become spaces.
    pub fn status(&mut self, text: &[u8]) {
        self.write(
            |out| {
                out.tail.push(b'+');
                out.tail.extend(text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }));
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Simple(String::from_utf8_lossy(text).into_owned()),
        );
    }

    /// An error. Line breaks at the end of its text go, others become spaces.
    pub fn error(&mut self, error: &Error) {
        self.write(
            |out| {
                out.tail.push(b'-');
                let is_break = |b: &u8| matches!(b, b'\r' | b'\n');
                let bytes = error.bytes();
                let end = bytes.iter().rposition(|b| !is_break(b)).map_or(0, |last| last + 1);
                let line = bytes.iter().take(end).map(|b| if is_break(b) { b' ' } else { *b });
                out.tail.extend(line);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Error(error.clone()),
        );
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, n: i64) {
        self.write(|out| Self::header(out, b':', n), || Value::Int(n));
    }

    /// A count as an integer.
    #[inline]
    pub fn count(&mut self, n: usize) {
        self.int(i64::try_from(n).unwrap_or(i64::MAX));
    }

    /// A string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.write(
            |out| {
                out.tail.reserve(bytes.len() + 24);
                Self::header(out, b'$', bytes.len() as i64);
                out.tail.extend_from_slice(bytes);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Bulk(bytes.to_vec()),
        );
    }

    /// An integer as a string.
    pub fn bulk_int(&mut self, n: i64) {
        self.bulk(itoa::Buffer::new().format(n).as_bytes());
    }

    /// A big string, which is sent from where it is.
    pub fn shared(&mut self, bytes: &Arc<Vec<u8>>) {
        self.write(
            |out| {
                Self::header(out, b'$', bytes.len() as i64);
                out.push_shared(bytes);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Bulk(bytes.to_vec()),
        );
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        let text: &[u8] = if self.resp3 { b"_\r\n" } else { b"$-1\r\n" };
        self.write(|out| out.tail.extend_from_slice(text), || Value::Null);
    }

    /// No list.
    pub fn null_array(&mut self) {
        let text: &[u8] = if self.resp3 { b"_\r\n" } else { b"*-1\r\n" };
        self.write(|out| out.tail.extend_from_slice(text), || Value::Null);
    }

    fn open(&mut self, shape: Shape, len: usize) {
        let (mark, n) = match (shape, self.resp3) {
            (Shape::Array, _) | (Shape::Set | Shape::Push, false) => (b'*', len),
            (Shape::Map, false) => (b'*', len * 2),
            (Shape::Map, true) => (b'%', len),
            (Shape::Set, true) => (b'~', len),
            (Shape::Push, true) => (b'>', len),
        };
        match &mut self.sink {
            Sink::Resp(out) => Self::header(out, mark, n as i64),
            Sink::Tree(t) => t.open(shape, len),
        }
    }

    /// Begins a list of `len` replies, which have to follow.
    pub fn array(&mut self, len: usize) {
        self.open(Shape::Array, len);
    }

    /// Begins a map of `len` pairs, which have to follow; a flat list in RESP2.
    pub fn map(&mut self, len: usize) {
        self.open(Shape::Map, len);
    }

    fn begin(&mut self, shape: Shape) -> Begun {
        match &mut self.sink {
            Sink::Resp(out) => Begun { shape, at: out.len() },
            Sink::Tree(t) => {
                t.open.push((shape, usize::MAX, Vec::new()));
                Begun { shape, at: 0 }
            }
        }
    }

    /// Begins a list of replies whose number [`end`](Self::end) says.
    pub fn begin_array(&mut self) -> Begun {
        self.begin(Shape::Array)
    }

    /// Begins a map of pairs whose number [`end`](Self::end) says; a flat list in RESP2.
    pub fn begin_map(&mut self) -> Begun {
        self.begin(Shape::Map)
    }

    /// Ends what was begun last, of which there were `len`. O(bytes written since it was begun), to make room in
    /// front of them.
    pub fn end(&mut self, begun: &Begun, len: usize) {
        let resp3 = self.resp3;
        match &mut self.sink {
            Sink::Resp(out) => {
                let mut head = Output::default();
                Reply::resp(&mut head, resp3).open(begun.shape, len);
                out.insert(begun.at, &head.tail);
            }
            Sink::Tree(t) => t.end(),
        }
    }

    /// Begins a set of `len` replies, which have to follow; a list in RESP2.
    pub fn set(&mut self, len: usize) {
        self.open(Shape::Set, len);
    }

    /// Begins an unasked message of `len` replies, which have to follow; a list in RESP2.
    pub fn push(&mut self, len: usize) {
        self.open(Shape::Push, len);
    }

    /// A floating-point number; a string in RESP2.
    pub fn double(&mut self, n: f64) {
        // Most scores are whole numbers, which need no allocation.
        const WHOLE_MAX: f64 = (1_u64 << 53) as f64;
        let is_whole = n.trunc() == n && n.abs() < WHOLE_MAX && (n != 0.0 || n.is_sign_positive());
        if is_whole && !self.resp3 {
            return self.bulk_int(n as i64);
        }
        let mut text = Vec::new();
        crate::codec::num::write_f64(&mut text, n);
        if !self.resp3 {
            return self.bulk(&text);
        }
        self.write(
            |out| {
                out.tail.push(b',');
                out.tail.extend_from_slice(&text);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Double(n),
        );
    }

    /// A floating-point number in up to 17 digits behind the point, without an exponent; a string in RESP2.
    pub fn exact_double(&mut self, n: f64) {
        let text = format!("{n:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if !self.resp3 {
            return self.bulk(text.as_bytes());
        }
        self.write(
            |out| {
                out.tail.push(b',');
                out.tail.extend_from_slice(text.as_bytes());
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Double(n),
        );
    }

    /// A truth value; 1 or 0 in RESP2.
    pub fn bool(&mut self, is: bool) {
        if !self.resp3 {
            return self.int(i64::from(is));
        }
        let text: &[u8] = if is { b"#t\r\n" } else { b"#f\r\n" };
        self.write(|out| out.tail.extend_from_slice(text), || Value::Bool(is));
    }

    /// Text in a format of three letters; a string in RESP2.
    pub fn verbatim(&mut self, format: &'static str, text: &str) {
        self.verbatim_bytes(format, text.as_bytes());
    }

    /// As [`verbatim`](Self::verbatim), for text that may hold any bytes.
    pub fn verbatim_bytes(&mut self, format: &'static str, text: &[u8]) {
        if !self.resp3 {
            return self.bulk(text);
        }
        self.write(
            |out| {
                Self::header(out, b'=', text.len() as i64 + 4);
                out.tail.extend_from_slice(format.as_bytes());
                out.tail.push(b':');
                out.tail.extend_from_slice(text);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Verbatim(format, String::from_utf8_lossy(text).into_owned()),
        );
    }

    /// As [`verbatim`](Self::verbatim), in any format; for callers in Rust what is not Markdown is plain text.
    pub fn verbatim_in(&mut self, format: [u8; 3], text: &[u8]) {
        if !self.resp3 {
            return self.bulk(text);
        }
        self.write(
            |out| {
                Self::header(out, b'=', text.len() as i64 + 4);
                out.tail.extend_from_slice(&format);
                out.tail.push(b':');
                out.tail.extend_from_slice(text);
                out.tail.extend_from_slice(b"\r\n");
            },
            || {
                let format = if format == *b"mkd" { "mkd" } else { "txt" };
                Value::Verbatim(format, String::from_utf8_lossy(text).into_owned())
            },
        );
    }

    /// An integer of any size, in decimal digits; a string in RESP2 and for callers in Rust.
    pub fn big_number(&mut self, digits: &[u8]) {
        if !self.resp3 {
            return self.bulk(digits);
        }
        self.write(
            |out| {
                out.tail.push(b'(');
                out.tail.extend_from_slice(digits);
                out.tail.extend_from_slice(b"\r\n");
            },
            || Value::Bulk(digits.to_vec()),
        );
    }

    /// A list of strings.
    pub fn bulks<T: AsRef<[u8]>>(&mut self, items: &[T]) {
        self.array(items.len());
        for item in items {
            self.bulk(item.as_ref());
        }
    }

    /// The output of a connection, for what is no reply of the types above.
    pub fn output(&mut self) -> Option<&mut Output> {
        match &mut self.sink {
            Sink::Resp(out) => Some(out),
            Sink::Tree(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stays_one_line() {
        let written = |text: &str| {
            let mut output = Output::default();
            Reply::resp(&mut output, false).error(&Error::new(text));
            output.slices().flat_map(|slice| slice.to_vec()).collect::<Vec<u8>>()
        };
        assert_eq!(written("ERR a\r\nb \r\n"), b"-ERR a  b \r\n");
        assert_eq!(written("ERR a\n"), b"-ERR a\r\n");
    }

    #[test]
    fn lists_may_be_ended_before_their_length_is_known() {
        let write = |reply: &mut Reply<'_>| {
            reply.array(2);
            reply.int(1);
            let outer = reply.begin_map();
            reply.bulk(b"key");
            let inner = reply.begin_array();
            reply.shared(&Arc::new(b"shared".to_vec()));
            reply.int(7);
            reply.end(&inner, 2);
            reply.end(&outer, 1);
        };
        for (resp3, text) in [
            (false, "*2\r\n:1\r\n*2\r\n$3\r\nkey\r\n*2\r\n$6\r\nshared\r\n:7\r\n"),
            (true, "*2\r\n:1\r\n%1\r\n$3\r\nkey\r\n*2\r\n$6\r\nshared\r\n:7\r\n"),
        ] {
            let mut output = Output::default();
            output.raw(b"before");
            write(&mut Reply::resp(&mut output, resp3));
            assert_eq!(String::from_utf8_lossy(&output.to_vec()), format!("before{text}"));
            assert_eq!(output.len(), 6 + text.len());
        }
        let mut tree = Tree::default();
        write(&mut Reply::tree(&mut tree));
        let list = Value::Array(vec![Value::Bulk(b"shared".to_vec()), Value::Int(7)]);
        let map = Value::Map(vec![(Value::Bulk(b"key".to_vec()), list)]);
        assert_eq!(tree.finish(), Value::Array(vec![Value::Int(1), map]));
    }

    #[test]
    fn outputs_are_cut_wherever_the_cut_falls() {
        let big = Arc::new(vec![b'x'; 10]);
        for sent in [0, 3] {
            for cut in sent..=30 {
                let mut output = Output::default();
                output.raw(b"01234");
                Reply::resp(&mut output, false).shared(&big);
                output.raw(b"56789");
                let whole = output.to_vec();
                assert_eq!(whole.len(), 5 + 5 + 10 + 2 + 5);
                output.consume(sent);
                let cut = cut.min(whole.len()) - sent;
                output.truncate(cut);
                assert_eq!(output.to_vec(), &whole[sent..sent + cut]);
                assert_eq!(output.len(), cut);
                output.raw(b"more");
                assert_eq!(output.to_vec(), [&whole[sent..sent + cut], b"more"].concat());
            }
        }
    }
}
