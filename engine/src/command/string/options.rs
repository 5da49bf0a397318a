//! The option words of SET, GETEX, MSETEX and LCS.
//!
//! Words are read first and numbers afterwards, as Redis does, so that a syntax error comes before a bad number.

use crate::codec::num;
use crate::error::{Error, Result};
use crate::operation::string::{Condition, Expiry, GetExpiry, SetExpiry, SetOptions};

/// What the words say about the deadline, the number not yet read.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Expire<'a> {
    #[default]
    Unsaid,
    Keep,
    Persist,
    At(Unit, &'a [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Ex,
    Px,
    ExAt,
    PxAt,
}

/// The options of SET and its relatives.
#[derive(Default)]
pub(super) struct Options<'a> {
    condition: Condition<'a>,
    expire: Expire<'a>,
    pub(super) get: bool,
}

impl<'a> Options<'a> {
    /// As SET takes them.
    pub(super) fn set_options(&self) -> Result<SetOptions<'a>> {
        let expiry = match self.expire {
            Expire::Unsaid | Expire::Persist => SetExpiry::Clear,
            Expire::Keep => SetExpiry::Keep,
            Expire::At(unit, number) => SetExpiry::At(expiry(unit, number)?),
        };
        Ok(SetOptions { condition: self.condition, expiry })
    }

    /// As GETEX takes them.
    pub(super) fn get_expiry(&self) -> Result<GetExpiry> {
        Ok(match self.expire {
            Expire::Unsaid | Expire::Keep => GetExpiry::Keep,
            Expire::Persist => GetExpiry::Persist,
            Expire::At(unit, number) => GetExpiry::At(expiry(unit, number)?),
        })
    }
}

fn expiry(unit: Unit, number: &[u8]) -> Result<Expiry> {
    let n = num::parse_i64(number).ok_or(Error::NOT_INTEGER)?;
    Ok(match unit {
        Unit::Ex => Expiry::Ex(n),
        Unit::Px => Expiry::Px(n),
        Unit::ExAt => Expiry::ExAt(n),
        Unit::PxAt => Expiry::PxAt(n),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Set,
    GetEx,
    MSetEx,
}

/// The options of SET.
pub(super) fn set<'a>(words: &[&'a [u8]]) -> Result<Options<'a>> {
    parse(words, For::Set)
}

/// The options of GETEX.
pub(super) fn get<'a>(words: &[&'a [u8]]) -> Result<Options<'a>> {
    parse(words, For::GetEx)
}

/// The options of MSETEX.
pub(super) fn mset<'a>(words: &[&'a [u8]]) -> Result<Options<'a>> {
    parse(words, For::MSetEx)
}

/// Saying the same twice is fine, saying two things that exclude each other is not.
fn parse<'a>(words: &[&'a [u8]], command: For) -> Result<Options<'a>> {
    let mut options = Options::default();
    let mut words = words.iter().copied();
    let sets = command != For::GetEx;
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if sets && is("NX") {
            condition(&mut options, Condition::Missing)?;
        } else if sets && is("XX") {
            condition(&mut options, Condition::Exists)?;
        } else if command == For::Set && is("IFEQ") {
            if options.condition != Condition::Always {
                return Err(Error::SYNTAX);
            }
            options.condition = Condition::Equals(words.next().ok_or(Error::SYNTAX)?);
        } else if command == For::Set && is("GET") {
            options.get = true;
        } else if sets && is("KEEPTTL") {
            expire(&mut options, Expire::Keep)?;
        } else if !sets && is("PERSIST") {
            expire(&mut options, Expire::Persist)?;
        } else {
            let unit = unit(word).ok_or(Error::SYNTAX)?;
            expire(&mut options, Expire::At(unit, words.next().ok_or(Error::SYNTAX)?))?;
        }
    }
    Ok(options)
}

fn unit(word: &[u8]) -> Option<Unit> {
    let units = [("EX", Unit::Ex), ("PX", Unit::Px), ("EXAT", Unit::ExAt), ("PXAT", Unit::PxAt)];
    units.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())).map(|(_, unit)| unit)
}

fn condition<'a>(options: &mut Options<'a>, new: Condition<'a>) -> Result<()> {
    let fits = options.condition == Condition::Always || options.condition == new;
    options.condition = new;
    if fits { Ok(()) } else { Err(Error::SYNTAX) }
}

fn expire<'a>(options: &mut Options<'a>, new: Expire<'a>) -> Result<()> {
    let fits = match (options.expire, new) {
        (Expire::Unsaid, _) => true,
        // Of two times in the same unit the later word holds.
        (Expire::At(old, _), Expire::At(new, _)) => old == new,
        (old, new) => old == new,
    };
    options.expire = new;
    if fits { Ok(()) } else { Err(Error::SYNTAX) }
}

/// The options of LCS.
#[derive(Default)]
pub(super) struct LcsOptions {
    pub(super) len: bool,
    pub(super) idx: bool,
    pub(super) with_match_len: bool,
    pub(super) min_match_len: usize,
}

/// Reads the options of LCS.
pub(super) fn lcs(words: &[&[u8]]) -> Result<LcsOptions> {
    let mut options = LcsOptions::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("LEN") {
            options.len = true;
        } else if is("IDX") {
            options.idx = true;
        } else if is("WITHMATCHLEN") {
            options.with_match_len = true;
        } else if is("MINMATCHLEN") {
            let number = num::parse_i64(words.next().ok_or(Error::SYNTAX)?).ok_or(Error::NOT_INTEGER)?;
            options.min_match_len = usize::try_from(number).unwrap_or(0);
        } else {
            return Err(Error::SYNTAX);
        }
    }
    if options.len && options.idx {
        return Err(Error::new("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}
