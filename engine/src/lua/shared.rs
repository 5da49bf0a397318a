//! What the functions that scripts call share with their interpreter: the host that was lent to it, and its settings.
//!
//! Invariant: a host is reachable only while [`Shared::lend`] is on the stack, which borrows it for that long, and by
//! one caller at a time: whoever uses it takes it out and puts it back.

#![allow(unsafe_code)]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use super::host::Host;
use super::library::Registered;
use super::random::Random;
use crate::error::Error;

/// Reached from Lua's functions through a pointer, so it stays where it is.
pub(super) struct Shared {
    host: Cell<Option<NonNull<dyn Host>>>,
    /// What `redis.setresp` chose: replies come as RESP3.
    pub(super) resp3: Cell<bool>,
    /// Why the script was ended, from the moment on when it was.
    pub(super) ended: RefCell<Option<Error>>,
    /// The host panicked; it goes on when the script is off the stack.
    pub(super) panic: Cell<Option<Box<dyn Any + Send>>>,
    /// The last error of the host, kept here while Lua copies it: Lua may jump away, and nothing would free it.
    pub(super) refusal: RefCell<Option<Error>>,
    pub(super) random: Cell<Random>,
    /// What the library that is being loaded has registered.
    pub(super) loading: RefCell<Option<Vec<Registered>>>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            host: Cell::new(None),
            resp3: Cell::new(false),
            ended: RefCell::new(None),
            panic: Cell::new(None),
            refusal: RefCell::new(None),
            random: Cell::new(Random::new()),
            loading: RefCell::new(None),
        }
    }

    /// Lends a host for the length of a call.
    pub(super) fn lend<R>(&self, host: &mut dyn Host, during: impl FnOnce() -> R) -> R {
        struct Returned<'s>(&'s Shared);
        impl Drop for Returned<'_> {
            fn drop(&mut self) {
                self.0.host.set(None);
            }
        }
        let short: NonNull<dyn Host + '_> = NonNull::from(host);
        // SAFETY: only the lifetime changes. `Returned` takes the pointer back before the borrow ends, however the
        // call ends, and nobody keeps what `with_host` gives.
        let long: NonNull<dyn Host> =
            unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(short) };
        self.host.set(Some(long));
        let _returned = Returned(self);
        during()
    }

    /// Uses the host. `None` if there is none, or if it panicked: then the script is to end.
    pub(super) fn with_host<R>(&self, run: impl FnOnce(&mut dyn Host) -> R) -> Option<R> {
        let mut lent = self.host.take()?;
        // SAFETY: `lend` is on the stack, so the host is alive and borrowed for it alone; it was taken out, so this is
        // the only reference.
        let host = unsafe { lent.as_mut() };
        // A panic must not unwind through Lua's frames.
        match catch_unwind(AssertUnwindSafe(|| run(host))) {
            Ok(result) => {
                self.host.set(Some(lent));
                Some(result)
            }
            Err(panic) => {
                self.panic.set(Some(panic));
                self.end(Error::new("ERR the script's host panicked"));
                None
            }
        }
    }

    /// Notes that the script was ended.
    pub(super) fn end(&self, why: Error) {
        *self.ended.borrow_mut() = Some(why);
    }
}
