//! The options of commands on lists.

use crate::codec::num;
use crate::command::Args;
use crate::error::{Error, Result};
use crate::operation::list::{PositionOptions, Side};

/// LEFT or RIGHT.
pub(super) fn side(word: &[u8]) -> Result<Side> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(Side::Left)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(Side::Right)
    } else {
        Err(Error::SYNTAX)
    }
}

/// A number that has a negative: Redis refuses the least one.
pub(super) fn not_least(text: &[u8]) -> Result<i64> {
    match num::parse_i64(text) {
        None => Err(Error::NOT_INTEGER),
        Some(i64::MIN) => Err(Error::new(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        Some(n) => Ok(n),
    }
}

/// The side and the count of LMPOP, whose number of keys is the argument `at`.
pub(super) fn multi_pop(args: &Args<'_>, at: usize) -> Result<(Side, usize)> {
    let positive = |text: &[u8], otherwise: &'static str| {
        let n = num::parse_i64(text).filter(|&n| n > 0).and_then(|n| usize::try_from(n).ok());
        n.ok_or_else(|| Error::new(otherwise))
    };
    let keys = positive(args.get(at), "ERR numkeys should be greater than 0")?;
    let Some((word, options)) = keys.checked_add(at + 1).and_then(|at| args.all().get(at..)?.split_first()) else {
        return Err(Error::SYNTAX);
    };
    let side = side(word)?;
    match options {
        [] => Ok((side, 1)),
        [word, count, rest @ ..] if word.eq_ignore_ascii_case(b"count") => {
            // The count is told before what is wrong behind it.
            let count = positive(count, "ERR count should be greater than 0")?;
            if rest.is_empty() { Ok((side, count)) } else { Err(Error::SYNTAX) }
        }
        _ => Err(Error::SYNTAX),
    }
}

/// The options of LPOS, and whether all matches are wanted instead of one.
pub(super) fn position(words: &[&[u8]]) -> Result<(PositionOptions, bool)> {
    let (mut options, mut all) = (PositionOptions::new(), false);
    let at_least_0 = |text: &[u8], otherwise: &'static str| {
        let n = num::parse_i64(text).and_then(|n| usize::try_from(n).ok());
        n.ok_or_else(|| Error::new(otherwise))
    };
    let (pairs, rest) = words.as_chunks::<2>();
    for [word, number] in pairs {
        match word.to_ascii_lowercase().as_slice() {
            b"rank" => {
                let rank = not_least(number)?;
                if rank == 0 {
                    return Err(Error::new(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                         negative to start from the end of the list",
                    ));
                }
                options = options.rank(rank);
            }
            b"count" => {
                options = options.count(at_least_0(number, "ERR COUNT can't be negative")?);
                all = true;
            }
            b"maxlen" => options = options.max_len(at_least_0(number, "ERR MAXLEN can't be negative")?),
            _ => return Err(Error::SYNTAX),
        }
    }
    if rest.is_empty() { Ok((options, all)) } else { Err(Error::SYNTAX) }
}
