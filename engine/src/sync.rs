//! The only door to locks and atomics, so that a model checker can stand in for them (`--cfg shuttle`).

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic;
#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic;

pub(crate) use crossbeam_utils::CachePadded;
/// An atomic that lies in memory just as a `u32` does, which those of a model checker do not.
pub(crate) use std::sync::atomic::AtomicU32 as PlainAtomicU32;

#[cfg(not(shuttle))]
mod imp {
    pub(crate) type ReadGuard<'a, T> = parking_lot::RwLockReadGuard<'a, T>;
    pub(crate) type WriteGuard<'a, T> = parking_lot::RwLockWriteGuard<'a, T>;
    pub(crate) use parking_lot::{Mutex, MutexGuard, RwLock};

    /// Waits for a lock, but not for longer than that.
    pub(crate) fn read_within<T>(lock: &RwLock<T>, patience: std::time::Duration) -> Option<ReadGuard<'_, T>> {
        lock.try_read_for(patience)
    }

    /// As [`read_within`], for writing.
    pub(crate) fn write_within<T>(lock: &RwLock<T>, patience: std::time::Duration) -> Option<WriteGuard<'_, T>> {
        lock.try_write_for(patience)
    }

    /// Lets a lock go to whoever waits for it, even if the caller is going to ask for it again at once.
    pub(crate) fn unlock_fair<T>(guard: WriteGuard<'_, T>) {
        parking_lot::RwLockWriteGuard::unlock_fair(guard);
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(parking_lot::Condvar::new())
        }
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
        /// Waits to be notified, or until then.
        pub(crate) fn wait<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            until: Option<std::time::Instant>,
        ) -> MutexGuard<'a, T> {
            match until {
                Some(until) => drop(self.0.wait_until(&mut guard, until)),
                None => self.0.wait(&mut guard),
            }
            guard
        }
    }
}

#[cfg(shuttle)]
mod imp {
    //! The same few methods on shuttle's locks.
    use std::sync::PoisonError;

    pub(crate) type ReadGuard<'a, T> = shuttle::sync::RwLockReadGuard<'a, T>;
    pub(crate) type WriteGuard<'a, T> = shuttle::sync::RwLockWriteGuard<'a, T>;
    pub(crate) type MutexGuard<'a, T> = shuttle::sync::MutexGuard<'a, T>;

    pub(crate) fn unlock_fair<T>(guard: WriteGuard<'_, T>) {
        drop(guard);
    }

    /// There is no time here: it waits.
    pub(crate) fn read_within<T>(lock: &RwLock<T>, _: std::time::Duration) -> Option<ReadGuard<'_, T>> {
        Some(lock.read())
    }

    pub(crate) fn write_within<T>(lock: &RwLock<T>, _: std::time::Duration) -> Option<WriteGuard<'_, T>> {
        Some(lock.write())
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::RwLock::new(value))
        }
        pub(crate) fn read(&self) -> ReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }
        pub(crate) fn write(&self) -> WriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
        pub(crate) fn try_read(&self) -> Option<ReadGuard<'_, T>> {
            self.0.try_read().ok()
        }
        pub(crate) fn try_write(&self) -> Option<WriteGuard<'_, T>> {
            self.0.try_write().ok()
        }
    }

    #[derive(Debug)]
    pub(crate) struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        pub(crate) fn new() -> Self {
            Self(shuttle::sync::Condvar::new())
        }
        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
        /// There is no time here: a test gives up in another way.
        pub(crate) fn wait<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _until: Option<std::time::Instant>,
        ) -> MutexGuard<'a, T> {
            self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

pub(crate) use imp::*;

/// A thread-local variable that a model checker sees as one per simulated thread.
#[cfg(not(shuttle))]
macro_rules! per_thread {
    ($($tt:tt)*) => { std::thread_local! { $($tt)* } };
}
#[cfg(shuttle)]
macro_rules! per_thread {
    ($($tt:tt)*) => { shuttle::thread_local! { $($tt)* } };
}
pub(crate) use per_thread;
