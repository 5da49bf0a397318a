//! Handles: numbers that C sees as pointers. A handle names a slot and the generation of what lies in it, so one that was
//! closed, or never was one, is found out; nobody ever follows it.
//!
//! Slots are made in chunks and stay for good, so looking one up takes no lock. What is in a slot is of two parts: one
//! for whoever holds it, one call at a time, and one that is shared with everybody.
//!
//! Invariant: a slot is free or of one generation; the generation grows when that ends, which exactly one caller does.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, MutexGuard};

use crate::error::{Failure, Result};
use crate::fork;

/// Slots of the first chunk; each further one has twice as many.
const FIRST: usize = 16;
const CHUNKS: usize = 20;
/// Half of a handle is the generation. The lowest two bits of the other half say of which kind it is.
const HALF: u32 = usize::BITS / 2;
const KIND_BITS: u32 = 2;
const MOST: usize = 1 << (HALF - KIND_BITS);
/// A slot whose generation has come this far is used no more.
const LAST_GENERATION: u32 = u32::MAX >> (32 - HALF);

/// What a handle is of. No kind is 0, so no handle is NULL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Engine = 1,
    Session = 2,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Session => "session",
        }
    }
}

struct Slot<T, S> {
    generation: AtomicU32,
    /// The process that it was filled in.
    epoch: AtomicU32,
    held: Mutex<Option<T>>,
    shared: Mutex<Option<Arc<S>>>,
}

type Chunk<T, S> = OnceLock<Box<[Slot<T, S>]>>;

/// All handles of a kind.
pub(crate) struct Table<T, S> {
    kind: Kind,
    chunks: [Chunk<T, S>; CHUNKS],
    /// Only ever locked with the process [alone](fork::alone).
    free: Mutex<Free>,
}

struct Free {
    /// Free slots below `made`, of this process.
    slots: Vec<usize>,
    made: usize,
    epoch: u32,
}

impl<T, S> Table<T, S> {
    pub(crate) const fn new(kind: Kind) -> Self {
        let free = Free { slots: Vec::new(), made: 0, epoch: 0 };
        Self { kind, chunks: [const { OnceLock::new() }; CHUNKS], free: Mutex::new(free) }
    }

    /// Puts something into a slot and returns its handle.
    pub(crate) fn insert(&self, held: T, shared: Arc<S>) -> Result<usize> {
        let index = self.take_free().ok_or_else(|| Failure::new("ERR there are too many handles"))?;
        let slot = self.slot(index).ok_or_else(|| self.none())?;
        *slot.held.lock() = Some(held);
        *slot.shared.lock() = Some(shared);
        slot.epoch.store(fork::epoch(), Relaxed);
        let generation = slot.generation.load(Acquire);
        Ok((generation as usize) << HALF | index << KIND_BITS | self.kind as usize)
    }

    /// Holds what a handle is of.
    #[inline]
    pub(crate) fn hold(&self, handle: usize) -> Result<Held<'_, T>> {
        let slot = self.find(handle)?;
        // First of all, or a stale handle would be in the way of whoever has the slot now.
        if !self.is_current(slot, handle) {
            return Err(self.over());
        }
        let Some(guard) = slot.held.try_lock() else {
            return Err(if self.is_current(slot, handle) { self.in_use() } else { self.over() });
        };
        if !self.is_current(slot, handle) || guard.is_none() {
            return Err(self.over());
        }
        Ok(Held(guard))
    }

    /// What everybody may have of it.
    pub(crate) fn shared(&self, handle: usize) -> Result<Arc<S>> {
        let slot = self.find(handle)?;
        let shared = slot.shared.lock().clone();
        // In this order: it is replaced only after the generation has grown.
        if self.is_current(slot, handle) { shared.ok_or_else(|| self.over()) } else { Err(self.over()) }
    }

    /// Ends a handle. `wake` is told before whoever holds it is waited for; what was held comes back.
    pub(crate) fn remove(&self, handle: usize, wake: impl FnOnce(&S)) -> Result<(Option<T>, Arc<S>)> {
        let slot = self.find(handle)?;
        let shared = self.shared(handle)?;
        let generation = generation_of(handle);
        if slot.generation.compare_exchange(generation, generation + 1, AcqRel, Relaxed).is_err() {
            return Err(self.over());
        }
        wake(&shared);
        let held = slot.held.lock().take();
        *slot.shared.lock() = None;
        if generation + 1 < LAST_GENERATION {
            let index = index_of(handle);
            fork::alone(|| self.free.lock().slots.push(index));
        }
        Ok((held, shared))
    }

    fn take_free(&self) -> Option<usize> {
        fork::alone(|| {
            let mut free = self.free.lock();
            if free.epoch != fork::epoch() {
                // Locks of slots of the process that this is a copy of may be held for ever.
                free.epoch = fork::epoch();
                free.slots.clear();
            }
            if let Some(index) = free.slots.pop() {
                return Some(index);
            }
            let index = free.made;
            let (chunk, _) = place(index);
            if index >= MOST {
                return None;
            }
            self.chunks.get(chunk)?.get_or_init(|| (0..FIRST << chunk).map(|_| Slot::new()).collect());
            free.made += 1;
            Some(index)
        })
    }

    #[inline]
    fn slot(&self, index: usize) -> Option<&Slot<T, S>> {
        let (chunk, at) = place(index);
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// The slot that a handle names, if it is of this kind and process.
    #[inline]
    fn find(&self, handle: usize) -> Result<&Slot<T, S>> {
        if handle & ((1 << KIND_BITS) - 1) != self.kind as usize {
            return Err(self.none());
        }
        let slot = self.slot(index_of(handle)).ok_or_else(|| self.none())?;
        if slot.epoch.load(Relaxed) != fork::epoch() {
            return Err(Failure::new("ERR the engine was opened by another process: open one after fork"));
        }
        if generation_of(handle) > slot.generation.load(Relaxed) {
            return Err(self.none());
        }
        Ok(slot)
    }

    #[inline]
    fn is_current(&self, slot: &Slot<T, S>, handle: usize) -> bool {
        slot.generation.load(Acquire) == generation_of(handle)
    }

    #[cold]
    fn none(&self) -> Failure {
        Failure::new(format!("ERR this is no {}", self.kind.name()))
    }

    #[cold]
    fn over(&self) -> Failure {
        Failure::new(format!("ERR the {} has been closed", self.kind.name()))
    }

    #[cold]
    fn in_use(&self) -> Failure {
        Failure::new(format!("ERR the {} is in use by another thread", self.kind.name()))
    }
}

impl<T, S> Slot<T, S> {
    fn new() -> Self {
        Self {
            generation: AtomicU32::new(0),
            epoch: AtomicU32::new(fork::epoch()),
            held: Mutex::new(None),
            shared: Mutex::new(None),
        }
    }
}

/// What a handle is of, while a call works with it.
pub(crate) struct Held<'t, T>(MutexGuard<'t, Option<T>>);

impl<T> Held<'_, T> {
    #[inline]
    pub(crate) fn get(&mut self) -> Result<&mut T> {
        self.0.as_mut().ok_or_else(|| Failure::new("ERR it has been closed"))
    }
}

/// The chunk of a slot, and its place there.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let n = index / FIRST + 1;
    let chunk = n.ilog2() as usize;
    (chunk, index - FIRST * ((1 << chunk) - 1))
}

#[inline]
fn index_of(handle: usize) -> usize {
    (handle & ((1 << HALF) - 1)) >> KIND_BITS
}

#[inline]
fn generation_of(handle: usize) -> u32 {
    (handle >> HALF) as u32
}
