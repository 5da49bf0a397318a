//! A place for one result that a thread or a task waits for.

use std::task::{Context, Waker};
use std::time::Instant;

use crate::sync::{Condvar, Mutex};

/// Somebody puts a result in, or only wakes; somebody else waits for that, asleep or as a task.
pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    woken: Condvar,
}

struct State<T> {
    value: Option<T>,
    woken: bool,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { value: None, woken: false, waker: None }), woken: Condvar::new() }
    }
}

impl<T> Slot<T> {
    /// Puts the result in. Whoever waits is not woken yet.
    pub(crate) fn put(&self, value: T) {
        self.state.lock().value = Some(value);
    }

    /// Takes the result out, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        self.state.lock().value.take()
    }

    /// Wakes whoever waits, now or next.
    pub(crate) fn wake(&self) {
        let mut state = self.state.lock();
        state.woken = true;
        let waker = state.waker.take();
        drop(state);
        self.woken.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Sleeps until somebody wakes it, or `until`.
    pub(crate) fn sleep(&self, until: Option<Instant>) {
        let mut state = self.state.lock();
        while !state.woken {
            match until {
                Some(until) if Instant::now() >= until => break,
                _ => state = self.woken.wait(state, until),
            }
        }
        state.woken = false;
    }

    /// Has a task be woken instead of a thread.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let mut state = self.state.lock();
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
    }
}
