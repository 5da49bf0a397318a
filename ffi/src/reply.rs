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
    #[inline]
    fn new(is_root: bool) -> Self {
        Self { kind: Type::CARNELIAN_NIL, is_root, number: 0, text: SmallVec::new(), elements: Vec::new() }
    }

    #[inline]
    fn set_text(&mut self, kind: Type, text: &[u8]) {
        self.kind = kind;
        self.text.reserve_exact(text.len() + 1);
        self.text.extend_from_slice(text);
        self.text.push(0);
    }

    #[inline]
    fn set_number(&mut self, kind: Type, number: u64) {
        (self.kind, self.number) = (kind, number);
    }

    #[inline]
    fn root() -> Box<Self> {
        Box::new(Self::new(true))
    }

    /// No value.
    pub(crate) fn nil() -> Box<Self> {
        Self::root()
    }

    /// An error.
    pub(crate) fn error(text: &str) -> Box<Self> {
        let mut reply = Self::root();
        reply.set_text(Type::CARNELIAN_ERROR, text.as_bytes());
        reply
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
        // Filled where it is going to stay: it is a good deal to move about.
        let mut reply = Reply::root();
        match reader.part(&mut reply)? {
            0 => {}
            n => reader.elements(&mut reply, n)?,
        }
        if !(after_pushes && reply.kind == Type::CARNELIAN_PUSH) {
            return Some((reply, start..reader.at));
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    // Out of line: most replies have none, and are to be quick.
    #[inline(never)]
    fn elements(&mut self, outermost: &mut Reply, n: usize) -> Option<()> {
        // Those that have not all their elements, and how many are missing.
        let mut open = vec![(std::mem::replace(outermost, Reply::new(false)), n)];
        loop {
            while let Some((reply, _)) = open.pop_if(|(_, missing)| *missing == 0) {
                let Some((outer, _)) = open.last_mut() else {
                    *outermost = reply;
                    return Some(());
                };
                outer.elements.push(reply);
            }
            let (reply, missing) = open.last_mut()?;
            *missing -= 1;
            let mut element = Reply::new(false);
            match self.part(&mut element)? {
                0 => reply.elements.push(element),
                n => open.push((element, n)),
            }
        }
    }

    /// Reads what a line begins into a reply that is nil. Returns how many elements follow.
    #[inline]
    fn part(&mut self, into: &mut Reply) -> Option<usize> {
        let mark = *self.bytes.get(self.at)?;
        self.at += 1;
        let line = self.line()?;
        match mark {
            b'$' | b'=' => self.bulk(mark, line, into)?,
            b':' => into.set_number(Type::CARNELIAN_INTEGER, int(line)?.cast_unsigned()),
            b'+' => into.set_text(Type::CARNELIAN_STATUS, line),
            b'-' => into.set_text(Type::CARNELIAN_ERROR, line),
            b'(' => into.set_text(Type::CARNELIAN_BIG_NUMBER, line),
            b'_' => {}
            b'#' => into.set_number(Type::CARNELIAN_BOOLEAN, u64::from(line == b"t")),
            b',' => {
                let number = std::str::from_utf8(line).ok()?.parse::<f64>().ok()?;
                into.set_number(Type::CARNELIAN_DOUBLE, number.to_bits());
            }
            b'*' => return open(into, Type::CARNELIAN_ARRAY, int(line)?, 1),
            b'~' => return open(into, Type::CARNELIAN_SET, int(line)?, 1),
            b'>' => return open(into, Type::CARNELIAN_PUSH, int(line)?, 1),
            b'%' => return open(into, Type::CARNELIAN_MAP, int(line)?, 2),
            _ => return None,
        }
        Some(0)
    }

    #[inline]
    fn bulk(&mut self, mark: u8, line: &[u8], into: &mut Reply) -> Option<()> {
        // A negative length is that of nothing.
        let Ok(len) = usize::try_from(int(line)?) else { return Some(()) };
        let text = self.bytes.get(self.at..)?.get(..len)?;
        self.at = self.at.checked_add(len + 2)?;
        match mark {
            // Which format it is in stands before the text itself.
            b'=' => into.set_text(Type::CARNELIAN_VERBATIM, text.get(4..).unwrap_or_default()),
            _ => into.set_text(Type::CARNELIAN_STRING, text),
        }
        Some(())
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

/// Makes it a reply of `n` times `each` elements, and returns how many that are; nothing if `n` is negative.
fn open(into: &mut Reply, kind: Type, n: i64, each: usize) -> Option<usize> {
    let Ok(n) = usize::try_from(n) else { return Some(0) };
    let n = n.checked_mul(each)?;
    into.kind = kind;
    into.elements.reserve_exact(n.min(RESERVED));
    Some(n)
}

#[inline]
fn int(line: &[u8]) -> Option<i64> {
    carnelian::codec::num::parse_i64(line)
}
