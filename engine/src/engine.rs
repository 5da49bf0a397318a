//! The engine: everything put together, behind one handle that can be cloned and sent to any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::Clock;
use crate::command::{self, Core, Registry};
use crate::keyspace::Keyspace;
use crate::session::Session;
use crate::table::KeyHasher;

/// An engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
    next_id: Arc<AtomicU64>,
}

impl Engine {
    /// Opens an empty engine.
    pub fn open() -> Self {
        let stripes = std::thread::available_parallelism().map_or(4, |n| n.get() * 4).max(16);
        let core = Core {
            keyspace: Keyspace::new(16, stripes, KeyHasher::random(), Clock::System),
            registry: Registry::new(command::ENGINE.iter().copied().flatten()),
        };
        Self { core: Arc::new(core), next_id: Arc::new(AtomicU64::new(1)) }
    }

    /// A new session.
    pub fn session(&self) -> Session {
        Session::new(self.core.clone(), self.next_id.fetch_add(1, Relaxed))
    }
}
