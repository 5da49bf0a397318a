//! A segment that is written to with each record: a system call each.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::store::{Disk, Store};
use crate::sys;

pub(super) struct Written {
    file: Arc<File>,
    len: u64,
}

impl Written {
    pub(super) fn new(file: File, len: u64) -> Self {
        Self { file: Arc::new(file), len }
    }
}

impl Store for Written {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // What a failed write has left is overwritten by the next one.
        sys::write_at(&self.file, bytes, self.len)?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn disk(&self) -> Arc<dyn Disk> {
        self.file.clone()
    }

    fn close(&mut self) -> io::Result<()> {
        self.file.set_len(self.len)
    }
}
