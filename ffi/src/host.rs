//! What the engine's commands may ask of this program: what its servers tell, and never to end it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use carnelian::command::{Host, ShutdownOptions};
use carnelian::{Error, Result};
use parking_lot::RwLock;

/// The program around an engine.
#[derive(Default)]
pub(crate) struct ProgramHost {
    servers: RwLock<Vec<Arc<dyn Host>>>,
    ending: AtomicBool,
}

impl ProgramHost {
    /// One more server is in front of the engine.
    pub(crate) fn add(&self, server: Arc<dyn Host>) {
        self.servers.write().push(server);
    }

    /// The engine is about to be closed: scripts that run are ended.
    pub(crate) fn end(&self) {
        self.ending.store(true, Relaxed);
    }
}

impl Host for ProgramHost {
    fn may_shutdown(&self) -> bool {
        false
    }

    fn shutdown(&self, _: ShutdownOptions) -> Result<()> {
        Err(Error::new("ERR SHUTDOWN is refused: the engine is part of another program, which decides when to end"))
    }

    fn info(&self, section: &str, out: &mut String) {
        // The lines of a section stand there once: those of the first server.
        if let Some(server) = self.servers.read().first() {
            server.info(section, out);
        }
    }

    fn while_busy(&self, slow: bool) -> bool {
        // On a thread that serves nobody this looks after nobody.
        let servers = self.servers.read().clone();
        let goes_on = servers.iter().all(|server| server.while_busy(slow));
        goes_on && !self.ending.load(Relaxed)
    }
}
