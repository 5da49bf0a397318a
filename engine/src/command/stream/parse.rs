//! Ids, and the options that several commands share.

use crate::command::Args;
use crate::error::{Error, Result};
use crate::operation::stream::{StreamTrim, XAddOptions};
use crate::value::stream::StreamId;

fn invalid() -> Error {
    Error::new("ERR Invalid stream ID specified as stream command argument")
}

/// An id, `ms` alone standing for `ms-0`.
pub(super) fn id(text: &[u8]) -> Result<StreamId> {
    StreamId::parse(text, 0).ok_or_else(invalid)
}

/// An id, or `-` or `+` for the ends of the range of all.
pub(super) fn loose_id(text: &[u8], missing_seq: u64) -> Result<StreamId> {
    match text {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => StreamId::parse(text, missing_seq).ok_or_else(invalid),
    }
}

/// The start of a range, not itself included if it begins with a parenthesis.
pub(super) fn start(text: &[u8]) -> Result<StreamId> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            let id = StreamId::parse(id, 0).ok_or_else(invalid)?;
            id.next().ok_or_else(|| Error::new("ERR invalid start ID for the interval"))
        }
        _ => loose_id(text, 0),
    }
}

/// The end of a range, not itself included if it begins with a parenthesis.
pub(super) fn end(text: &[u8]) -> Result<StreamId> {
    match text {
        [b'(', id @ ..] if !id.is_empty() => {
            let id = StreamId::parse(id, u64::MAX).ok_or_else(invalid)?;
            id.prev().ok_or_else(|| Error::new("ERR invalid end ID for the interval"))
        }
        _ => loose_id(text, u64::MAX),
    }
}

/// Options of XADD, and where the fields begin.
pub(super) fn add(args: &Args<'_>) -> Result<(XAddOptions, usize)> {
    let mut options = XAddOptions::new();
    let mut trimming = Trimming::default();
    let mut i = 2;
    while i < args.len() {
        if args.get(i) == b"*" {
            break;
        } else if let Some(next) = trimming.take(args, i)? {
            i = next;
        } else if args.is(i, "NOMKSTREAM") {
            options = options.only_existing();
            i += 1;
        } else {
            options = match args.get(i) {
                [ms @ .., b'-', b'*'] if !ms.is_empty() && !ms.contains(&b'-') => options.at(id(ms)?.ms),
                text => options.id(id(text)?),
            };
            break;
        }
    }
    let trim = trimming.finish()?;
    Ok((trim.map_or(options, |trim| options.trim(trim)), i + 1))
}

/// Options of XTRIM.
pub(super) fn trim(args: &Args<'_>) -> Result<StreamTrim> {
    let mut trimming = Trimming::default();
    let mut i = 2;
    while i < args.len() {
        i = trimming.take(args, i)?.ok_or(Error::SYNTAX)?;
    }
    let trim = trimming.finish()?;
    trim.ok_or_else(|| Error::new("ERR syntax error, XTRIM must be called with a trimming strategy"))
}

#[derive(Default)]
struct Trimming {
    trim: Option<StreamTrim>,
    roughly: bool,
    limit: Option<u64>,
}

impl Trimming {
    /// Reads an option about trimming, and says where the next one begins; `None` if it is another option.
    fn take(&mut self, args: &Args<'_>, i: usize) -> Result<Option<usize>> {
        let more = args.len() - i - 1;
        let by_len = args.is(i, "MAXLEN");
        if (by_len || args.is(i, "MINID")) && more > 0 {
            if self.trim.is_some() {
                let text = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
                return Err(Error::new(text));
            }
            let mark = if more >= 2 { args.get(i + 1) } else { b"" };
            self.roughly = mark == b"~";
            let at = if self.roughly || mark == b"=" { i + 2 } else { i + 1 };
            self.trim = Some(if by_len {
                let len = u64::try_from(args.int(at)?);
                StreamTrim::max_len(len.map_err(|_| Error::new("ERR The MAXLEN argument must be >= 0."))?)
            } else {
                StreamTrim::min_id(id(args.get(at))?)
            });
            return Ok(Some(at + 1));
        }
        if args.is(i, "LIMIT") && more > 0 {
            let limit = u64::try_from(args.int(i + 1)?);
            let limit = limit.map_err(|_| Error::new("ERR The LIMIT argument must be >= 0."))?;
            // Redis logs what it came to, exactly, and leaves this word where it was.
            self.limit = Some(limit).filter(|_| !args.are_of_log());
            return Ok(Some(i + 2));
        }
        Ok(None)
    }

    fn finish(self) -> Result<Option<StreamTrim>> {
        let Some(trim) = self.trim else {
            return match self.limit {
                Some(1..) => {
                    Err(Error::new("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"))
                }
                _ => Ok(None),
            };
        };
        match (self.limit, self.roughly) {
            (Some(_), false) => Err(Error::new("ERR syntax error, LIMIT cannot be used without the special ~ option")),
            (Some(limit), true) => Ok(Some(trim.roughly().limit(limit))),
            (None, true) => Ok(Some(trim.roughly())),
            (None, false) => Ok(Some(trim)),
        }
    }
}
