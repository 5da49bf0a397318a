//! LCS: the longest common subsequence of two strings.

use std::borrow::Cow;

use super::{get, peek};
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::lcs::{self, Lcs};

/// Refuses keys that hold no strings, which Redis does before it looks at the options.
///
/// # Errors
/// An error of LCS's own.
pub fn check_lcs(view: &View<'_>, a: &Key<'_>, b: &Key<'_>) -> Result<()> {
    match (peek(view, a), peek(view, b)) {
        (Ok(_), Ok(_)) => Ok(()),
        _ => Err(Error::new("ERR The specified keys must contain string values")),
    }
}

/// LCS with LEN. O(n x m / 64).
///
/// # Errors
/// If a key holds no string, or the strings are too long for `proto-max-bulk-len`.
pub fn lcs_len(view: &View<'_>, a: &Key<'_>, b: &Key<'_>) -> Result<usize> {
    let (a, b) = operands(view, a, b)?;
    lcs::lcs_len(&a, &b).ok_or_else(no_memory)
}

/// LCS, with the stretches of at least `min_match_len` bytes. O(n x m / 64).
///
/// # Errors
/// As for [`lcs_len`].
pub fn lcs(view: &View<'_>, a: &Key<'_>, b: &Key<'_>, min_match_len: usize) -> Result<Lcs> {
    let (a, b) = operands(view, a, b)?;
    lcs::lcs(&a, &b, min_match_len).ok_or_else(no_memory)
}

type Bytes<'v> = Cow<'v, [u8]>;

fn operands<'v>(view: &'v View<'_>, a: &Key<'_>, b: &Key<'_>) -> Result<(Bytes<'v>, Bytes<'v>)> {
    check_lcs(view, a, b)?;
    let read = |key| get(view, key).map(|s| s.map_or(Cow::Borrowed(&b""[..]), |s| s.cow()));
    let (a, b) = (read(a)?, read(b)?);
    let max = u64::from(u32::MAX) - 1;
    if a.len() as u64 >= max || b.len() as u64 >= max {
        return Err(Error::new("ERR String too long for LCS"));
    }
    // Ours takes far less than Redis's table, but what is refused there is refused here.
    match lcs::table_bytes(a.len(), b.len()) {
        Some(bytes) if bytes <= view.space().settings().proto_max_bulk_len.load(Relaxed) => Ok((a, b)),
        Some(_) => Err(Error::new("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")),
        None => Err(no_memory()),
    }
}

fn no_memory() -> Error {
    Error::new("ERR Insufficient memory, failed allocating transient memory for LCS")
}
