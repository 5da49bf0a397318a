//! Replies as trees, which belong to whoever received them.
//!
//! What is read here has been written by this process, but it is read as if it had not been: what is no reply gives none.

use std::ops::Range;

use smallvec::SmallVec;

use crate::abi::reply::carnelian_type as Type;

/// Strings up to this length lie in the reply itself.
const SHORT: usize = 48;
/// Elements that are reserved ahead of what there is.
const RESERVED: usize = 1024;

/// A reply.
#[derive(Debug, PartialEq)]
pub struct Reply {
    kind: Type,
    /// It is not part of another one.
    is_root: bool,
    /// An integer, a boolean as 0 or 1, or the bits of a double.
    number: u64,
    /// A string and a 0; empty if it has none.
    text: SmallVec<[u8; SHORT]>,
    elements: Vec<Reply>,
}

impl Reply {
    fn new(kind: Type) -> Self {
        Self { kind, is_root: false, number: 0, text: SmallVec::new(), elements: Vec::new() }
    }

    fn of_text(kind: Type, text: &[u8]) -> Self {
        let mut new = Self::new(kind);
        new.text.reserve_exact(text.len() + 1);
        new.text.extend_from_slice(text);
        new.text.push(0);
        new
    }

    fn of_number(kind: Type, number: u64) -> Self {
        let mut new = Self::new(kind);
        new.number = number;
        new
    }

    fn root(mut self) -> Box<Self> {
        self.is_root = true;
        Box::new(self)
    }

    /// No value.
    pub(crate) fn nil() -> Box<Self> {
        Self::new(Type::CARNELIAN_NIL).root()
    }

    /// An error.
    pub(crate) fn error(text: &str) -> Box<Self> {
        Self::of_text(Type::CARNELIAN_ERROR, text.as_bytes()).root()
    }

    pub(crate) fn kind(&self) -> Type {
        self.kind
    }

    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        matches!(self.kind, Type::CARNELIAN_INTEGER | Type::CARNELIAN_BOOLEAN).then_some(self.number.cast_signed())
    }

    pub(crate) fn double(&self) -> Option<f64> {
        (self.kind == Type::CARNELIAN_DOUBLE).then(|| f64::from_bits(self.number))
    }

    /// A string, with a 0 behind it.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        (!self.text.is_empty()).then_some(&self.text)
    }

    pub(crate) fn elements(&self) -> Option<&[Self]> {
        let has = matches!(
            self.kind,
            Type::CARNELIAN_ARRAY | Type::CARNELIAN_MAP | Type::CARNELIAN_SET | Type::CARNELIAN_PUSH
        );
        has.then_some(&self.elements)
    }
}

/// Trees may be deep, and stacks are not.
impl Drop for Reply {
    fn drop(&mut self) {
        let mut left = std::mem::take(&mut self.elements);
        while let Some(mut reply) = left.pop() {
            left.append(&mut reply.elements);
        }
    }
}

/// The first reply in some bytes, and where it is; with `after_pushes` the first that is no push.
#[inline]
pub(crate) fn first(bytes: &[u8], after_pushes: bool) -> Option<(Box<Reply>, Range<usize>)> {
    let mut reader = Reader { bytes, at: 0 };
    loop {
        let start = reader.at;
        let reply = reader.reply()?;
        if !(after_pushes && reply.kind == Type::CARNELIAN_PUSH) {
            return Some((reply.root(), start..reader.at));
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// What a line begins.
enum Part {
    Whole(Reply),
    /// And how many elements follow.
    Open(Reply, usize),
}

impl<'b> Reader<'b> {
    #[inline]
    fn reply(&mut self) -> Option<Reply> {
        match self.part()? {
            Part::Whole(reply) => Some(reply),
            Part::Open(reply, n) => self.elements(reply, n),
        }
    }

    fn elements(&mut self, outermost: Reply, n: usize) -> Option<Reply> {
        let mut open = vec![(outermost, n)];
        loop {
            // Those that have all they are to have are elements of the one around them.
            while let Some((reply, _)) = open.pop_if(|(_, missing)| *missing == 0) {
                let Some((outer, _)) = open.last_mut() else { return Some(reply) };
                outer.elements.push(reply);
            }
            let (reply, missing) = open.last_mut()?;
            *missing -= 1;
            match self.part()? {
                Part::Whole(element) => reply.elements.push(element),
                Part::Open(inner, n) => open.push((inner, n)),
            }
        }
    }

    #[inline]
    fn part(&mut self) -> Option<Part> {
        let mark = *self.bytes.get(self.at)?;
        self.at += 1;
        let line = self.line()?;
        let text = |kind| Some(Part::Whole(Reply::of_text(kind, line)));
        let number = |kind, number| Some(Part::Whole(Reply::of_number(kind, number)));
        match mark {
            b'$' | b'=' => self.bulk(mark, line),
            b':' => number(Type::CARNELIAN_INTEGER, int(line)?.cast_unsigned()),
            b'+' => text(Type::CARNELIAN_STATUS),
            b'-' => text(Type::CARNELIAN_ERROR),
            b'(' => text(Type::CARNELIAN_BIG_NUMBER),
            b'_' => Some(Part::Whole(Reply::new(Type::CARNELIAN_NIL))),
            b'#' => number(Type::CARNELIAN_BOOLEAN, u64::from(line == b"t")),
            b',' => number(Type::CARNELIAN_DOUBLE, std::str::from_utf8(line).ok()?.parse::<f64>().ok()?.to_bits()),
            b'*' => Self::open(Type::CARNELIAN_ARRAY, int(line)?, 1),
            b'~' => Self::open(Type::CARNELIAN_SET, int(line)?, 1),
            b'>' => Self::open(Type::CARNELIAN_PUSH, int(line)?, 1),
            b'%' => Self::open(Type::CARNELIAN_MAP, int(line)?, 2),
            _ => None,
        }
    }

    fn open(kind: Type, n: i64, each: usize) -> Option<Part> {
        let Ok(n) = usize::try_from(n) else { return Some(Part::Whole(Reply::new(Type::CARNELIAN_NIL))) };
        let n = n.checked_mul(each)?;
        let mut reply = Reply::new(kind);
        reply.elements.reserve_exact(n.min(RESERVED));
        Some(Part::Open(reply, n))
    }

    #[inline]
    fn bulk(&mut self, mark: u8, line: &[u8]) -> Option<Part> {
        let Ok(len) = usize::try_from(int(line)?) else {
            return Some(Part::Whole(Reply::new(Type::CARNELIAN_NIL)));
        };
        let text = self.bytes.get(self.at..)?.get(..len)?;
        self.at = self.at.checked_add(len + 2)?;
        let reply = match mark {
            // Which format it is in stands before the text itself.
            b'=' => Reply::of_text(Type::CARNELIAN_VERBATIM, text.get(4..).unwrap_or_default()),
            _ => Reply::of_text(Type::CARNELIAN_STRING, text),
        };
        Some(Part::Whole(reply))
    }

    /// What there is up to the end of the line.
    #[inline]
    fn line(&mut self) -> Option<&'b [u8]> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(|&byte| byte == b'\r')?;
        self.at += len + 2;
        rest.get(..len)
    }
}

#[inline]
fn int(line: &[u8]) -> Option<i64> {
    carnelian::codec::num::parse_i64(line)
}
