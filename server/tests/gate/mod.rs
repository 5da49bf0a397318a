//! A disk for tests that want to know who waits for it.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use carnelian::aof::{Disk, Store};

/// A disk whose syncs wait while the gate is shut.
#[derive(Default)]
pub(crate) struct Gate {
    is_shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn shut(&self, is_shut: bool) {
        *self.is_shut.lock().unwrap() = is_shut;
        self.opened.notify_all();
    }
}

impl Disk for Gate {
    fn sync(&self) -> io::Result<()> {
        let is_shut = self.is_shut.lock().unwrap();
        drop(self.opened.wait_while(is_shut, |is_shut| *is_shut).unwrap());
        Ok(())
    }
}

pub(crate) struct Gated {
    pub(crate) gate: Arc<Gate>,
    pub(crate) len: u64,
}

impl Store for Gated {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.gate.clone()
    }
}
