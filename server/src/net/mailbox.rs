//! How other threads reach a loop: a channel and something that wakes it.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire, SeqCst};

use crossbeam_channel::{Receiver, Sender, unbounded};
use mio::{Poll, Token, Waker};

use super::stream::Stream;

/// The token of a loop's waker.
pub(crate) const WAKER: Token = Token(usize::MAX);

thread_local! {
    /// The mailbox of the loop that runs on this thread, by its address; 0 if there is none.
    static MINE: Cell<usize> = const { Cell::new(0) };
}

/// What a loop is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A new connection is its to own.
    Adopt(Stream),
    /// Somebody has changed the flags of the client of this connection. The connection may have ended since, and
    /// another taken its key: looking at that one does no harm.
    Look(usize),
}

/// A loop's mailbox, shared with everybody who may want to reach it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    sender: Sender<Message>,
    waker: Waker,
    /// Whether the loop has been woken and has not looked yet: one wake-up serves many messages.
    woken: AtomicBool,
    /// The loop wants to know when changes are on the disk.
    awaits_sync: AtomicBool,
}

impl Mailbox {
    /// A mailbox that wakes `poll`, and the end that its loop keeps.
    pub(crate) fn new(poll: &Poll) -> io::Result<(Arc<Self>, Receiver<Message>)> {
        let (sender, receiver) = unbounded();
        let waker = Waker::new(poll.registry(), WAKER)?;
        Ok((
            Arc::new(Self { sender, waker, woken: AtomicBool::new(false), awaits_sync: AtomicBool::new(false) }),
            receiver,
        ))
    }

    /// Sends a message; lost if the loop has ended.
    pub(crate) fn send(&self, message: Message) {
        if self.sender.send(message).is_ok() {
            self.wake();
        }
    }

    /// Says that this is the mailbox of the loop that runs on this thread.
    pub(crate) fn own(&self) {
        MINE.set(std::ptr::from_ref(self).addr());
    }

    /// Makes the loop look around. On its own thread it [will](Self::is_woken) before it sleeps.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, AcqRel)
            && MINE.get() != std::ptr::from_ref(self).addr()
            && let Err(e) = self.waker.wake()
        {
            tracing::warn!("Cannot wake an I/O thread: {e}");
        }
    }

    /// Has the loop woken when changes are on the disk.
    pub(crate) fn await_sync(&self) {
        self.awaits_sync.store(true, SeqCst);
    }

    /// Changes are on the disk.
    pub(crate) fn synced(&self) {
        if self.awaits_sync.swap(false, SeqCst) {
            self.wake();
        }
    }

    /// Whether there is something to look at.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Acquire)
    }

    /// Called by the loop before it looks. Messages sent before are there to be received then: a sender that finds the
    /// flag set has put its message there before this swap.
    pub(crate) fn awake(&self) {
        self.woken.swap(false, AcqRel);
    }
}
