//! How many members a negative count draws, the same one perhaps several times.
//!
//! Of everything that is read only these replies may be larger than what is stored, and by any factor, while a lock is
//! held. Where Redis goes on until it has no memory left, such a count is refused.

use crate::error::{Error, Result};

/// Members drawn at once, at most.
const MAX: i64 = 1 << 24;

/// The error for a count that is not within these.
fn out_of_range(min: i64, max: i64) -> Error {
    Error::new(format!("ERR value is out of range, value must between {min} and {max}"))
}

/// Refuses the one count without an absolute value, which Redis does before it looks at the key.
pub fn check(count: i64) -> Result<()> {
    if count == i64::MIN { Err(out_of_range(-i64::MAX, i64::MAX)) } else { Ok(()) }
}

/// How many members are drawn for a count below zero.
///
/// # Errors
/// If they are more than 2^24.
pub fn repeated(count: i64) -> Result<usize> {
    let draws = usize::try_from(count.unsigned_abs()).ok().filter(|_| count >= -MAX);
    draws.ok_or_else(|| out_of_range(-MAX, i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_refused_rather_than_all_memory_used() {
        assert_eq!((repeated(-1), repeated(-MAX)), (Ok(1), Ok(1 << 24)));
        let error = "ERR value is out of range, value must between -16777216 and 9223372036854775807";
        for count in [-MAX - 1, -i64::MAX, i64::MIN] {
            assert_eq!(repeated(count), Err(Error::new(error)));
        }
        assert_eq!((check(-i64::MAX), check(i64::MAX)), (Ok(()), Ok(())));
        assert!(check(i64::MIN).is_err());
    }
}
