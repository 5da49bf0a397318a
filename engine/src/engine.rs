//! The engine: everything put together, behind one handle that can be cloned and sent to any thread.

use std::sync::Arc;

use crate::api::Db;
use crate::background::Background;
use crate::clock::Clock;
use crate::command::{self, Clients, Core, Origin, Registry, Spec};
use crate::config::{Config, Directive};
use crate::error::{Error, Result};
use crate::keyspace::Keyspace;
use crate::session::Session;
use crate::table::KeyHasher;

/// An engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
}

/// How an engine is opened.
#[derive(Default)]
pub struct Options {
    databases: Option<u32>,
    stripes: Option<usize>,
    clock: Clock,
    seed: Option<u64>,
    commands: Vec<Spec>,
    directives: Vec<Directive>,
}

impl Options {
    /// The defaults: 16 databases, the system's clock, a random seed.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many databases there are; 16 by default.
    #[must_use]
    pub fn databases(mut self, databases: u32) -> Self {
        self.databases = Some(databases);
        self
    }

    /// How many locks the keys are spread over; four for each core, and at least 16, by default.
    #[must_use]
    pub fn stripes(mut self, stripes: usize) -> Self {
        self.stripes = Some(stripes);
        self
    }

    /// The clock that deadlines are measured by.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// A fixed seed for the hash of keys, which makes their order repeatable. For tests: with a seed that others know,
    /// they can choose keys that collide.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds a command; one of the same name as an existing command replaces it.
    #[must_use]
    pub fn command(mut self, spec: Spec) -> Self {
        self.commands.push(spec);
        self
    }

    /// Adds a directive for `CONFIG`.
    #[must_use]
    pub fn directive(mut self, directive: Directive) -> Self {
        self.directives.push(directive);
        self
    }
}

impl Engine {
    /// Opens an engine.
    ///
    /// # Errors
    /// If an option cannot be met.
    pub fn open(options: Options) -> Result<Self> {
        let stripes =
            options.stripes.unwrap_or_else(|| std::thread::available_parallelism().map_or(16, |n| n.get() * 4).max(16));
        let hasher = options.seed.map_or_else(KeyHasher::random, KeyHasher::seeded);
        let keyspace = Arc::new(Keyspace::new(options.databases.unwrap_or(16), stripes, hasher, options.clock));
        let core = Core {
            background: Background::start(keyspace.clone())
                .map_err(|e| Error::new(format!("ERR cannot start a thread: {e}")))?,
            keyspace,
            registry: Registry::new(command::ENGINE.iter().copied().flatten().chain(&options.commands)),
            config: Config::new(options.directives.iter()),
            clients: Clients::default(),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// One of the databases.
    ///
    /// # Errors
    /// [`Error::DB_INDEX`](crate::Error::DB_INDEX) if there are not that many.
    pub fn db(&self, index: u32) -> Result<Db> {
        if index < self.core.keyspace.databases() {
            Ok(Db::new(self.core.clone(), index))
        } else {
            Err(Error::DB_INDEX)
        }
    }

    /// What all sessions share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// A new session, for bytes in RESP. `wake` makes the thread that owns it look at its client's flags.
    pub fn session(&self, origin: Origin, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Session {
        Session::new(self.core.clone(), origin, wake)
    }
}
