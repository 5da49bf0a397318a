//! From the pointers of C to what Rust knows.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};

use crate::error::{Failure, Result};

/// As Redis has it for requests.
const MOST_ARGUMENTS: usize = 1024 * 1024;

#[inline]
fn check(what: &str, is_null: bool, len: usize) -> Result<()> {
    if is_null && len > 0 {
        return Err(Failure::new(format!("ERR {what} is NULL")));
    }
    if len > isize::MAX.unsigned_abs() {
        return Err(Failure::new(format!("ERR {what} is longer than memory can be")));
    }
    Ok(())
}

/// Some bytes.
///
/// # Safety
/// `len` bytes at `data` can be read and do not change for as long as what is returned is used.
#[inline]
pub(super) unsafe fn bytes<'a>(what: &str, data: *const c_void, len: usize) -> Result<&'a [u8]> {
    check(what, data.is_null(), len)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: as the caller promises; not NULL, and no longer than slices may be.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// Room for some bytes.
///
/// # Safety
/// `len` bytes at `data` can be written, and nobody else looks at them for as long as what is returned is used.
pub(super) unsafe fn room<'a>(what: &str, data: *mut c_void, len: usize) -> Result<&'a mut [u8]> {
    check(what, data.is_null(), len)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as the caller promises; not NULL, and no longer than slices may be. Bytes may be written whatever they were,
    // and are not read before.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), len) })
}

/// A string that ends with a 0; `None` for NULL.
///
/// # Safety
/// If it is not NULL, it points to a string that ends with a 0 and does not change.
pub(super) unsafe fn string<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: as the caller promises.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

/// A text that has to be there.
///
/// # Safety
/// As for [`string`].
pub(super) unsafe fn text<'a>(what: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: as the caller promises.
    let text = unsafe { string(text) }.ok_or_else(|| Failure::new(format!("ERR {what} is NULL")))?;
    text.to_str().map_err(|_| Failure::new(format!("ERR {what} is not UTF-8")))
}

/// `n` values.
///
/// # Safety
/// As for [`bytes`], for `n` values.
unsafe fn values<'a, T>(what: &str, first: *const T, n: usize) -> Result<&'a [T]> {
    check(what, first.is_null(), n.saturating_mul(size_of::<T>()))?;
    if n == 0 {
        return Ok(&[]);
    }
    if !first.is_aligned() {
        return Err(Failure::new(format!("ERR {what} is not aligned")));
    }
    // SAFETY: as the caller promises; not NULL, aligned, and no longer than slices may be.
    Ok(unsafe { std::slice::from_raw_parts(first, n) })
}

/// Pairs of texts.
///
/// # Safety
/// `2 * n` strings are at `first`, as for [`string`].
pub(super) unsafe fn pairs<'a>(first: *const *const c_char, n: usize) -> Result<Vec<(&'a str, &'a str)>> {
    let n = n.checked_mul(2).ok_or_else(|| Failure::new("ERR there are too many options"))?;
    // SAFETY: as the caller promises.
    let strings = unsafe { values("options", first, n) }?;
    let (pairs, _) = strings.as_chunks::<2>();
    // SAFETY: as the caller promises.
    pairs.iter().map(|[name, value]| unsafe { Ok((text("an option", *name)?, text("an option", *value)?)) }).collect()
}

/// The arguments of a command. They are filled in where they are used: it is a good deal to move about.
pub(super) type Arguments<'a> = smallvec::SmallVec<[&'a [u8]; 16]>;

/// Adds the arguments of a command.
///
/// # Safety
/// `argc` pointers are at `argv`, and as many lengths at `lengths` unless that is NULL; each argument is as long as that
/// says, or a string that ends with a 0, and does not change.
#[inline]
pub(super) unsafe fn arguments<'a>(
    argc: usize,
    argv: *const *const c_char,
    lengths: *const usize,
    into: &mut Arguments<'a>,
) -> Result<()> {
    if argc == 0 || argc > MOST_ARGUMENTS {
        let why = if argc == 0 { "ERR a command needs a name" } else { "ERR a command has too many arguments" };
        return Err(Failure::new(why));
    }
    // SAFETY: as the caller promises.
    let argv = unsafe { values("argv", argv, argc) }?;
    if lengths.is_null() {
        for &arg in argv {
            // SAFETY: as the caller promises.
            let arg = unsafe { string(arg) }.ok_or_else(|| Failure::new("ERR an argument is NULL"))?;
            into.push(arg.to_bytes());
        }
        return Ok(());
    }
    // SAFETY: as the caller promises.
    let lengths = unsafe { values("lengths", lengths, argc) }?;
    for (&arg, &len) in argv.iter().zip(lengths) {
        // SAFETY: as the caller promises.
        into.push(unsafe { bytes("an argument", arg.cast(), len) }?);
    }
    Ok(())
}
