//! The directory of an engine's files, which is one process's own as soon as something is written there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files;

/// Where the files are, by the directive `dir`.
pub(crate) struct Directory {
    config: Arc<Config>,
    /// What keeps other processes out.
    lock: OnceLock<File>,
}

impl Directory {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { config, lock: OnceLock::new() }
    }

    /// Where a file is whose name a directive tells.
    ///
    /// # Errors
    /// If the engine has no directory.
    pub(crate) fn path_of(&self, directive: &str) -> Result<PathBuf> {
        match self.config.get("dir") {
            dir if dir.is_empty() => Err(Error::new("ERR this engine has no directory to save to")),
            dir => Ok(Path::new(&dir).join(self.config.get(directive))),
        }
    }

    /// Takes the directory for this process, for as long as the engine is open.
    ///
    /// # Errors
    /// If another process has it.
    pub(crate) fn own(&self) -> Result<()> {
        if self.lock.get().is_none() {
            let dir = self.config.get("dir");
            let lock = files::lock(Path::new(if dir.is_empty() { "." } else { &dir }))?;
            // Whoever else has just taken it is of this process.
            let _ = self.lock.set(lock);
        }
        Ok(())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.get() {
            // Closing the file is not enough where a child of this process has a copy of it.
            let _ = lock.unlock();
        }
    }
}
