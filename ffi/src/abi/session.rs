//! Sessions: commands as arguments, and bytes in RESP.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::time::Duration;

use super::{carnelian_engine, carnelian_session, pointers};
use crate::bell::Callback;
use crate::error::guard;
use crate::reply::Reply;
use crate::session::{self, Ended, Taken};
use crate::{command, engine};

/// What carnelian_take and carnelian_exchange return when the session has ended.
const OVER: i64 = -2;

/// Opens a session: what is a connection to a server. NULL, with carnelian_last_error, if that cannot be.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_connect(engine: *mut carnelian_engine) -> *mut carnelian_session {
    guard(std::ptr::null_mut(), || engine::connect(engine.addr()).map(std::ptr::without_provenance_mut))
}

/// Ends a session, and returns when no call of another thread is in it any more; a command that waits there is answered
/// with an error. Returns 0, or -1 with carnelian_last_error.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_disconnect(session: *mut carnelian_session) -> c_int {
    guard(-1, || session::end(session.addr(), Ended::Disconnected).map(|()| 0))
}

/// Runs a command and returns its reply, which is to be freed. What is wrong with the command is a reply of type
/// CARNELIAN_ERROR. A command that waits lets the calling thread wait. lengths may be NULL if the arguments are strings that
/// end with a 0. Replies are as the session's protocol has them: RESP2 until HELLO 3. Messages and invalidations do not
/// come here but are there to be taken. NULL, with carnelian_last_error, for misuse only.
///
/// # Safety
/// argc strings are at argv, and their lengths at lengths, unless that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_command(
    session: *mut carnelian_session,
    argc: usize,
    argv: *const *const c_char,
    lengths: *const usize,
) -> *mut Reply {
    guard(std::ptr::null_mut(), || {
        let mut arguments = pointers::Arguments::new();
        // SAFETY: as the caller promises.
        unsafe { pointers::arguments(argc, argv, lengths, &mut arguments) }?;
        command::run(session.addr(), &arguments).map(Box::into_raw)
    })
}

/// Runs the requests in some bytes; a part of a request is kept until the rest comes. Returns how many bytes of replies are
/// there to be taken now, or -1. A request that has to wait (BLPOP, WAIT, CLIENT PAUSE) does not let the caller wait: its
/// reply comes later, and the session is woken.
///
/// # Safety
/// length bytes can be read at bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_feed(session: *mut carnelian_session, bytes: *const c_void, length: usize) -> i64 {
    guard(-1, || {
        // SAFETY: as the caller promises.
        let bytes = unsafe { pointers::bytes("bytes", bytes, length) }?;
        session::feed(session.addr(), bytes).map(count)
    })
}

/// Takes up to room bytes of replies, and of messages and invalidations. Returns how many: 0 if there are none now, -1 on
/// error, -2 when the session has ended (QUIT, CLIENT KILL, an error of the protocol) and everything has been taken.
///
/// # Safety
/// room bytes can be written at buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_take(session: *mut carnelian_session, buffer: *mut c_void, room: usize) -> i64 {
    guard(-1, || {
        // SAFETY: as the caller promises.
        let buffer = unsafe { pointers::room("buffer", buffer, room) }?;
        session::take(session.addr(), buffer).map(taken)
    })
}

/// carnelian_feed, and then carnelian_take, in one call: the quickest way for a request and its reply. With nothing there to
/// be taken it waits for something, for up to timeout_ms; -1: without end.
///
/// # Safety
/// length bytes can be read at bytes, and room bytes be written at buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_exchange(
    session: *mut carnelian_session,
    bytes: *const c_void,
    length: usize,
    buffer: *mut c_void,
    room: usize,
    timeout_ms: i64,
) -> i64 {
    guard(-1, || {
        // SAFETY: as the caller promises.
        let (bytes, buffer) =
            unsafe { (pointers::bytes("bytes", bytes, length)?, pointers::room("buffer", buffer, room)?) };
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        session::exchange(session.addr(), bytes, buffer, timeout).map(taken)
    })
}

/// A descriptor that is readable while there may be something to be taken that no carnelian_feed has told of: a message, or
/// the reply of a request that waited. It is no longer readable when carnelian_take has taken everything. It belongs to the
/// session, and is made by the first call. -1 on error.
#[unsafe(no_mangle)]
pub extern "C" fn carnelian_wakeup_fd(session: *mut carnelian_session) -> c_int {
    guard(-1, || session::wakeup_fd(session.addr()))
}

/// Has something called when that descriptor would become readable, by whichever thread makes it so. It must be quick, and
/// may not call this library. NULL: nothing is called any more when this returns. Returns 0, or -1 with
/// carnelian_last_error.
///
/// # Safety
/// callback may be called with data, by any thread, until another one is set or the session has been ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn carnelian_on_wakeup(
    session: *mut carnelian_session,
    callback: Option<unsafe extern "C" fn(data: *mut c_void)>,
    data: *mut c_void,
) -> c_int {
    guard(-1, || {
        let callback = callback.map(|callback| -> Callback {
            let data = data.expose_provenance();
            // SAFETY: as the caller promises.
            Box::new(move || unsafe { callback(std::ptr::with_exposed_provenance_mut(data)) })
        });
        session::on_wakeup(session.addr(), callback).map(|()| 0)
    })
}

fn taken(taken: Taken) -> i64 {
    match taken {
        Taken::Bytes(n) => count(n),
        Taken::Over => OVER,
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
