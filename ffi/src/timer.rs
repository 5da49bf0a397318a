//! Rings bells when time has passed, or when something has changed that nobody announces: the deadline of a request that
//! waits, the end of a pause, what has come to the disk.
//!
//! One thread for each engine, which starts when it is first needed: a program that waits in calls never needs it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::bell::Bell;

/// How late the end of a pause is noticed.
pub(crate) const PAUSE_TICK: Duration = Duration::from_millis(1);

/// The bells of an engine that are to ring by themselves.
#[derive(Default)]
pub(crate) struct Timer {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
    last: AtomicU64,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By time. A bell that has since been given another alarm, or none, does not ring.
    alarms: BinaryHeap<Reverse<Alarm>>,
    stop: bool,
}

struct Alarm {
    at: Instant,
    number: u64,
    bell: Weak<Bell>,
    /// As long as this is true it is too early, and is looked at again soon.
    early: Option<Box<dyn Fn() -> bool + Send>>,
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Timer {
    /// Has a bell rung at a time, and not at the one that was said before.
    pub(crate) fn set(&self, bell: &Arc<Bell>, at: Instant) {
        self.add(bell, at, None);
    }

    /// Has a bell rung as soon as something is not so any more, which is looked at from `at` on.
    pub(crate) fn set_unless(&self, bell: &Arc<Bell>, at: Instant, early: impl Fn() -> bool + Send + 'static) {
        self.add(bell, at, Some(Box::new(early)));
    }

    fn add(&self, bell: &Arc<Bell>, at: Instant, early: Option<Box<dyn Fn() -> bool + Send>>) {
        let number = self.last.fetch_add(1, Relaxed) + 1;
        bell.alarm.store(number, Release);
        let mut state = self.inner.state.lock();
        if state.stop {
            return;
        }
        let is_first = state.alarms.peek().is_none_or(|Reverse(first)| at < first.at);
        state.alarms.push(Reverse(Alarm { at, number, bell: Arc::downgrade(bell), early }));
        drop(state);
        if is_first {
            self.inner.changed.notify_all();
        }
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let inner = self.inner.clone();
            // Without a thread, deadlines are noticed when the session is next looked at.
            *thread = std::thread::Builder::new().name("carnelian-timer".into()).spawn(move || inner.run()).ok();
        }
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.inner.state.lock().stop = true;
        self.inner.changed.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic there has been reported already.
            let _ = thread.join();
        }
    }
}

impl Inner {
    fn run(&self) {
        let mut state = self.state.lock();
        while !state.stop {
            let now = Instant::now();
            match state.alarms.peek().map(|Reverse(alarm)| alarm.at) {
                None => self.changed.wait(&mut state),
                Some(at) if at > now => drop(self.changed.wait_until(&mut state, at)),
                Some(_) => {
                    let Some(Reverse(mut alarm)) = state.alarms.pop() else { continue };
                    drop(state);
                    let wanted = |bell: &Arc<Bell>| bell.alarm.load(Acquire) == alarm.number;
                    let bell = alarm.bell.upgrade().filter(wanted);
                    let early = bell.is_some() && alarm.early.as_ref().is_some_and(|early| early());
                    if let (Some(bell), false) = (bell, early) {
                        bell.ring();
                    }
                    state = self.state.lock();
                    if early {
                        alarm.at = now + PAUSE_TICK;
                        state.alarms.push(Reverse(alarm));
                    }
                }
            }
        }
    }
}

/// Those who wait for changes to be on the disk.
#[derive(Default)]
pub(crate) struct Unsynced {
    bells: Mutex<Vec<Weak<Bell>>>,
    some: AtomicBool,
}

impl Unsynced {
    /// Has a bell rung when more is on the disk. Whoever asks looks once more afterwards: it may be so already.
    pub(crate) fn add(&self, bell: &Arc<Bell>) {
        let mut bells = self.bells.lock();
        if !bells.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(bell))) {
            bells.push(Arc::downgrade(bell));
        }
        // The strongest order, on both sides: either this is seen there, or what is on the disk is seen here next.
        self.some.swap(true, SeqCst);
    }

    /// More is on the disk.
    pub(crate) fn synced(&self) {
        if self.some.swap(false, SeqCst) {
            let bells = std::mem::take(&mut *self.bells.lock());
            for bell in bells.iter().filter_map(Weak::upgrade) {
                bell.ring();
            }
        }
    }
}
