//! Replies: they are read by pointers into a tree, so these are followed; NULL is found out, and freeing a part.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

use crate::error::{Failure, Result, guard};
pub use crate::reply::Reply;

/// What a reply is.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum carnelian_type {
    /// No value.
    CARNELIAN_NIL = 0,
    /// Bytes.
    CARNELIAN_STRING,
    /// A status, such as OK.
    CARNELIAN_STATUS,
    /// What went wrong; the first word is its code.
    CARNELIAN_ERROR,
    /// An integer.
    CARNELIAN_INTEGER,
    /// A floating-point number (RESP3).
    CARNELIAN_DOUBLE,
    /// A truth value (RESP3).
    CARNELIAN_BOOLEAN,
    /// A list.
    CARNELIAN_ARRAY,
    /// Keys and values (RESP3).
    CARNELIAN_MAP,
    /// A set (RESP3).
    CARNELIAN_SET,
    /// Something that was not asked for: the reply to SUBSCRIBE, for one (RESP3).
    CARNELIAN_PUSH,
    /// Text for people (RESP3).
    CARNELIAN_VERBATIM,
    /// An integer of any size, as text (RESP3).
    CARNELIAN_BIG_NUMBER,
}

/// # Safety
/// It is NULL, or a reply that has not been freed, or a part of one.
#[inline]
unsafe fn at<'a>(reply: *const Reply) -> Result<&'a Reply> {
    // SAFETY: as the caller promises.
    unsafe { reply.as_ref() }.ok_or_else(|| Failure::new("ERR the reply is NULL"))
}

fn wrong(what: &str) -> Failure {
    Failure::new(format!("ERR the reply has no {what}"))
}

/// Frees a reply, with all its elements. NULL is nothing to free. An element is not freed by itself.
///
/// # Safety
/// reply is NULL, or has been returned by carnelian_command and not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_free(reply: *mut Reply) {
    guard((), || {
        // SAFETY: as the caller promises.
        if !unsafe { reply.as_ref() }.is_none_or(Reply::is_root) {
            return Err(Failure::new("ERR an element is freed with its reply"));
        }
        if !reply.is_null() {
            // SAFETY: it has come from `Box::into_raw`, as only those do that are no elements.
            drop(unsafe { Box::from_raw(reply) });
        }
        Ok(())
    });
}

/// What it is: one of carnelian_type; -1 for NULL.
///
/// # Safety
/// reply is NULL, or a reply, or a part of one, that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_type(reply: *const Reply) -> c_int {
    // SAFETY: as the caller promises.
    guard(-1, || Ok(unsafe { at(reply) }?.kind() as c_int))
}

/// The number of an INTEGER; 0 or 1 of a BOOLEAN. 0 for others.
///
/// # Safety
/// As for carnelian_reply_type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_integer(reply: *const Reply) -> i64 {
    // SAFETY: as the caller promises.
    guard(0, || unsafe { at(reply) }?.integer().ok_or_else(|| wrong("integer")))
}

/// The number of a DOUBLE. 0 for others.
///
/// # Safety
/// As for carnelian_reply_type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_double(reply: *const Reply) -> f64 {
    // SAFETY: as the caller promises.
    guard(0.0, || unsafe { at(reply) }?.double().ok_or_else(|| wrong("double")))
}

/// The bytes of a STRING, STATUS, ERROR, VERBATIM or BIG_NUMBER, with a 0 behind them; how many goes to length, which may
/// be NULL. NULL for others.
///
/// # Safety
/// As for carnelian_reply_type; length is NULL or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_string(reply: *const Reply, length: *mut usize) -> *const c_char {
    guard(std::ptr::null(), || {
        // SAFETY: as the caller promises.
        let (reply, length) = unsafe { (at(reply), length.as_mut()) };
        let text = reply.and_then(|reply| reply.text().ok_or_else(|| wrong("string")));
        if let Some(length) = length {
            *length = text.as_ref().map_or(0, |text| text.len() - 1);
        }
        text.map(|text| text.as_ptr().cast())
    })
}

/// How many elements an ARRAY, SET or PUSH has; twice the pairs of a MAP, whose keys and values come in turn. 0 for others.
///
/// # Safety
/// As for carnelian_reply_type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_length(reply: *const Reply) -> usize {
    // SAFETY: as the caller promises.
    guard(0, || unsafe { at(reply) }?.elements().map(<[Reply]>::len).ok_or_else(|| wrong("elements")))
}

/// An element, which belongs to its reply; NULL if there are not that many.
///
/// # Safety
/// As for carnelian_reply_type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_reply_element(reply: *const Reply, index: usize) -> *const Reply {
    guard(std::ptr::null(), || {
        // SAFETY: as the caller promises.
        let elements = unsafe { at(reply) }?.elements().ok_or_else(|| wrong("elements"))?;
        Ok(std::ptr::from_ref(elements.get(index).ok_or_else(|| wrong("element of that index"))?))
    })
}
