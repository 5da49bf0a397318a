//! The option words of the commands about deadlines of fields, in Valkey's order of complaints: what cannot be read
//! comes first, the number of fields next, numbers of times last.

use crate::codec::num;
use crate::error::{Error, Result};
use crate::operation::hash::{FieldCondition, FieldSetOptions};
use crate::operation::string::{Condition, Expiry, GetExpiry, SetExpiry};

/// The number of fields is none, or not that of the fields given.
fn numfields() -> Error {
    Error::new("ERR numfields should be greater than 0 and match the provided number of fields")
}

/// What stands behind `FIELDS`: a count, and as many times `width` words. `otherwise` is the complaint if they are not.
fn counted<'a>(words: &'a [&'a [u8]], width: usize, otherwise: impl Fn() -> Error) -> Result<&'a [&'a [u8]]> {
    let (count, fields) = words.split_first().ok_or_else(&otherwise)?;
    let count = num::parse_i64(count).ok_or(Error::NOT_INTEGER)?;
    let wanted = usize::try_from(count).ok().filter(|&n| n > 0).and_then(|n| n.checked_mul(width));
    if wanted == Some(fields.len()) { Ok(fields) } else { Err(otherwise()) }
}

/// The fields of commands that have nothing else: HPERSIST, HGETDEL.
pub(super) fn fields<'a>(words: &'a [&'a [u8]]) -> Result<&'a [&'a [u8]]> {
    match words.split_first() {
        Some((word, rest)) if word.eq_ignore_ascii_case(b"FIELDS") => counted(rest, 1, numfields),
        _ => Err(Error::SYNTAX),
    }
}

/// The same for HTTL and its family, which have one complaint for everything.
pub(super) fn asked_fields<'a>(words: &'a [&'a [u8]]) -> Result<&'a [&'a [u8]]> {
    match words.split_first() {
        Some((word, rest)) if word.eq_ignore_ascii_case(b"FIELDS") => counted(rest, 1, || Error::SYNTAX),
        _ => Err(Error::SYNTAX),
    }
}

/// Some arguments.
type Words<'a> = &'a [&'a [u8]];

/// Options, and the words behind `FIELDS`.
pub(super) fn split<'a>(words: Words<'a>) -> Result<(Words<'a>, Words<'a>)> {
    let at = words.iter().position(|word| word.eq_ignore_ascii_case(b"FIELDS")).ok_or_else(numfields)?;
    let (options, fields) = words.split_at(at);
    Ok((options, fields.get(1..).unwrap_or_default()))
}

/// The fields that [`split`] found.
pub(super) fn names<'a>(words: &'a [&'a [u8]]) -> Result<&'a [&'a [u8]]> {
    counted(words, 1, numfields)
}

/// The fields with their values that [`split`] found.
pub(super) fn names_and_values<'a>(words: &'a [&'a [u8]]) -> Result<&'a [&'a [u8]]> {
    counted(words, 2, numfields)
}

/// What the words say about the deadline, the number not yet read.
#[derive(Clone, Copy, Default)]
enum Expire<'a> {
    #[default]
    Unsaid,
    Keep,
    Persist,
    At(fn(i64) -> Expiry, &'a str, &'a [u8]),
}

/// The options of HGETEX and HSETEX, numbers not yet read.
#[derive(Default)]
pub(super) struct Options<'a> {
    key: Condition<'static>,
    fields: FieldCondition,
    expire: Expire<'a>,
}

impl Options<'_> {
    /// As HGETEX takes them.
    pub(super) fn get_expiry(&self) -> Result<GetExpiry> {
        Ok(match self.expire {
            Expire::Unsaid | Expire::Keep => GetExpiry::Keep,
            Expire::Persist => GetExpiry::Persist,
            Expire::At(unit, _, number) => GetExpiry::At(unit(num::parse_i64(number).ok_or(Error::NOT_INTEGER)?)),
        })
    }

    /// As HSETEX takes them.
    pub(super) fn set_options(&self) -> Result<FieldSetOptions> {
        let expiry = match self.expire {
            Expire::Unsaid | Expire::Persist => SetExpiry::Clear,
            Expire::Keep => SetExpiry::Keep,
            Expire::At(unit, _, number) => SetExpiry::At(unit(num::parse_i64(number).ok_or(Error::NOT_INTEGER)?)),
        };
        Ok(FieldSetOptions { key: self.key, fields: self.fields, expiry })
    }

    /// What the key has to be, which is looked at before the number of the time.
    pub(super) fn key(&self) -> Condition<'static> {
        self.key
    }
}

/// Reads the options of HSETEX, or of HGETEX.
pub(super) fn parse<'a>(words: &[&'a [u8]], sets: bool) -> Result<Options<'a>> {
    type Unit = fn(i64) -> Expiry;
    const UNITS: [(&str, Unit); 4] =
        [("EX", Expiry::Ex), ("PX", Expiry::Px), ("EXAT", Expiry::ExAt), ("PXAT", Expiry::PxAt)];
    let mut options = Options::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if sets && (is("NX") || is("XX")) {
            let new = if is("NX") { Condition::Missing } else { Condition::Exists };
            if options.key != Condition::Always && options.key != new {
                return Err(Error::SYNTAX);
            }
            options.key = new;
        } else if sets && (is("FNX") || is("FXX")) {
            let new = if is("FNX") { FieldCondition::Missing } else { FieldCondition::Exist };
            if options.fields != FieldCondition::Always && options.fields != new {
                return Err(Error::SYNTAX);
            }
            options.fields = new;
        } else if sets && is("KEEPTTL") {
            expire(&mut options, Expire::Keep)?;
        } else if !sets && is("PERSIST") {
            expire(&mut options, Expire::Persist)?;
        } else if let Some((name, unit)) = UNITS.into_iter().find(|(name, _)| is(name)) {
            expire(&mut options, Expire::At(unit, name, words.next().ok_or(Error::SYNTAX)?))?;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    Ok(options)
}

/// Saying the same twice is fine, and of two times in the same unit the later word holds.
fn expire<'a>(options: &mut Options<'a>, new: Expire<'a>) -> Result<()> {
    let fits = match (options.expire, new) {
        (Expire::Unsaid, _) | (Expire::Keep, Expire::Keep) | (Expire::Persist, Expire::Persist) => true,
        (Expire::At(_, old, _), Expire::At(_, new, _)) => old == new,
        _ => false,
    };
    options.expire = new;
    if fits { Ok(()) } else { Err(Error::SYNTAX) }
}
