//! What goes wrong with a call: the last error of each thread, and the wall that no panic passes.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a call cannot be done, in words that begin with a code as Redis's do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(Vec<u8>);

/// What calls come to within this crate.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Self {
        Self(text.into())
    }
}

impl From<carnelian::Error> for Failure {
    fn from(error: carnelian::Error) -> Self {
        Self(error.bytes().to_vec())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
    /// This thread is in a callback of the program's.
    static IN_CALLBACK: Cell<bool> = const { Cell::new(false) };
}

/// Runs what an exported function does. Its failure, or panic, becomes the thread's last error and `failed`.
#[inline]
pub(crate) fn guard<R>(failed: R, work: impl FnOnce() -> Result<R>) -> R {
    // What a panic leaves behind is looked after by whoever owns it: see `session::Driver`.
    match catch_unwind(AssertUnwindSafe(|| {
        if IN_CALLBACK.get() {
            return Err(Failure::new("ERR a callback of carnelian_on_wakeup may not call the library"));
        }
        work()
    })) {
        Ok(Ok(done)) => done,
        Ok(Err(failure)) => {
            remember(&failure.0);
            failed
        }
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
            remember(format!("ERR a bug in the engine, please report it: {text}").as_bytes());
            // Dropping it may panic as well.
            std::mem::forget(panic);
            failed
        }
    }
}

#[cold]
fn remember(text: &[u8]) {
    let text: Vec<u8> = text.iter().copied().take_while(|&byte| byte != 0).collect();
    // A thread that is about to end remembers nothing.
    let _ = LAST.try_with(|last| *last.borrow_mut() = CString::new(text).unwrap_or_default());
}

/// The last error of this thread, which stays where it is until the next.
pub(crate) fn last() -> *const c_char {
    const NONE: &CStr = c"";
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(NONE.as_ptr())
}

/// Runs a callback of the program's, from which the library cannot be called: locks may be held.
pub(crate) fn in_callback(callback: impl FnOnce()) {
    let before = IN_CALLBACK.replace(true);
    callback();
    IN_CALLBACK.set(before);
}
