//! The program around the engine: what only it can do or tell.

use crate::error::{Error, Result};

/// How a program is asked to end (`SHUTDOWN`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ShutdownOptions {
    /// `SAVE` or `NOSAVE`; `None` for what the configuration says.
    pub save: Option<bool>,
    /// `NOW`: without waiting for replicas that lag behind.
    pub now: bool,
    /// `FORCE`: even if something goes wrong on the way.
    pub force: bool,
    /// `SAFE`: not while the node is responsible for others.
    pub safe: bool,
    /// `FAILOVER`: hand over to a replica first.
    pub failover: bool,
}

/// What the program around an engine offers to commands. Set once, by [`Core::set_host`](super::Core::set_host).
pub trait Host: Send + Sync {
    /// Ends the program. If it is going to end, nobody is answered any more.
    ///
    /// # Errors
    /// If it cannot or may not end.
    fn shutdown(&self, how: ShutdownOptions) -> Result<()>;

    /// Whether [`shutdown`](Self::shutdown) can end the program.
    fn may_shutdown(&self) -> bool {
        true
    }

    /// Calls off an end that is under way.
    ///
    /// # Errors
    /// If none is.
    fn abort_shutdown(&self) -> Result<()> {
        Err(Error::new("ERR No shutdown in progress."))
    }

    /// Brings the configuration file to what is in force (`CONFIG REWRITE`).
    ///
    /// # Errors
    /// If there is none, or it cannot be written.
    fn rewrite_config(&self) -> Result<()> {
        Err(Error::no_config_file())
    }

    /// Adds lines to a section of `INFO`, each ended by `\r\n`. Sections are named in lower case.
    fn info(&self, _section: &str, _out: &mut String) {}

    /// Called now and then while a script runs, on its thread. If others have waited for long enough (`slow`), this is the
    /// time to tell them; nothing that is done here gets a view. False if the program is to end, and the script with it.
    fn while_busy(&self, _slow: bool) -> bool {
        true
    }

    /// Gives memory that is free back to the system (`MEMORY PURGE`).
    fn purge_memory(&self) {}

    /// What the allocator says of itself (`MEMORY MALLOC-STATS`).
    fn allocator_stats(&self) -> Option<String> {
        None
    }
}

/// A program that offers nothing.
pub(super) struct Embedded;

impl Host for Embedded {
    fn may_shutdown(&self) -> bool {
        false
    }

    fn shutdown(&self, _how: ShutdownOptions) -> Result<()> {
        Err(Error::new("ERR SHUTDOWN is refused: the engine is part of another program, which decides when to end"))
    }
}
