//! The engine: everything put together, behind one handle that can be cloned and sent to any thread.

use std::path::PathBuf;
use std::sync::Arc;

use crate::aof::StoreKind;
use crate::api::Db;
use crate::clock::Clock;
use crate::command::{self, Core, Host, Origin, Registry, Spec, Value};
use crate::config::{Config, Directive};
use crate::directives;
use crate::error::{Error, Result};
use crate::keyspace::Keyspace;
use crate::recovery;
use crate::session::{self, Connection, Session};
use crate::table::KeyHasher;

/// An engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
}

/// When changes are on the disk, in an engine with a [directory](Options::dir). They survive the end of the process, even
/// a sudden one, in each case; the question is what survives the end of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// All that anybody has been told of.
    Always,
    /// All but the last second.
    #[default]
    EverySecond,
    /// What the system has happened to write.
    Os,
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
    config: Vec<(String, String)>,
    dir: Option<PathBuf>,
    recovers_later: bool,
    log_store: Option<StoreKind>,
    host: Option<Arc<dyn Host>>,
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

    /// The directory that keeps the keys: they are loaded from it when the engine is opened, and changes are logged there,
    /// brought to the disk as [`durability`](Self::durability) says. It is made if it is not there, and is this
    /// process's alone while the engine is open.
    ///
    /// With the directive `appendonly` set to `no` changes are not logged; then [`Engine::snapshot`] alone keeps keys.
    #[must_use]
    pub fn dir(mut self, path: impl AsRef<std::path::Path>) -> Self {
        self.dir = Some(path.as_ref().to_path_buf());
        self
    }

    /// When changes are on the disk; every second by default.
    ///
    /// ```
    /// use carnelian::{Durability, Engine, Options};
    /// # let dir = std::env::temp_dir().join(format!("carnelian-doc-{}", std::process::id()));
    /// let options = || Options::new().dir(&dir).durability(Durability::Always);
    /// let engine = Engine::open(options())?;
    /// engine.db(0)?.set("greeting", "hello")?;
    /// drop(engine);
    /// let engine = Engine::open(options())?;
    /// assert_eq!(engine.db(0)?.get("greeting")?.as_deref(), Some(&b"hello"[..]));
    /// # drop(engine);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        let word = match durability {
            Durability::Always => "always",
            Durability::EverySecond => "everysec",
            Durability::Os => "no",
        };
        self.config.push(("appendfsync".into(), word.into()));
        self
    }

    /// What segments of the log are kept in: for tests that want a disk which fails.
    #[must_use]
    #[doc(hidden)]
    pub fn log_store(mut self, store: StoreKind) -> Self {
        self.log_store = Some(store);
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

    /// Sets a directive, by its name in redis.conf; also one that cannot be changed later.
    ///
    /// ```
    /// use carnelian::{Engine, Options};
    /// let engine = Engine::open(Options::new().config("maxmemory", "100mb"))?;
    /// assert_eq!(engine.core().config.get("maxmemory"), "104857600");
    /// assert!(Engine::open(Options::new().config("maxmemory", "much")).is_err());
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }

    /// The directory is named by directives after the engine has been opened, and whoever opens it calls
    /// [`Engine::recover`] then: until that, turning the log on is only noted.
    #[must_use]
    pub fn recover_later(mut self) -> Self {
        self.recovers_later = true;
        self
    }

    /// What the program around the engine offers to commands such as `SHUTDOWN` and `INFO`.
    #[must_use]
    pub fn host(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }
}

impl Engine {
    /// Opens an engine.
    ///
    /// # Errors
    /// If an option cannot be met.
    pub fn open(options: Options) -> Result<Self> {
        let config = Config::new(directives::ENGINE.iter().chain(&options.directives));
        if let Some(databases) = options.databases {
            config.preset("databases", &databases.to_string())?;
        }
        if let Some(dir) = &options.dir {
            let dir = dir.to_str().ok_or_else(|| Error::new("ERR the path of the directory is not UTF-8"))?;
            config.preset("dir", dir)?;
            config.preset("appendonly", "yes")?;
            // The log has everything; who wants files beside it says so.
            config.preset("save", "")?;
        }
        for (name, value) in &options.config {
            config.preset(name, value)?;
        }
        let stripes =
            options.stripes.unwrap_or_else(|| std::thread::available_parallelism().map_or(16, |n| n.get() * 4).max(16));
        let hasher = options.seed.map_or_else(KeyHasher::random, KeyHasher::seeded);
        let databases = u32::try_from(config.int("databases")).unwrap_or(16);
        let keyspace = Arc::new(Keyspace::new(databases, stripes, hasher, options.clock));
        let registry = Registry::new(command::ENGINE.iter().copied().flatten().chain(&options.commands));
        let core =
            Core::new(keyspace, registry, config).map_err(|e| Error::new(format!("ERR cannot start a thread: {e}")))?;
        core.config.apply_all(&core)?;
        if let Some(host) = options.host {
            core.set_host(host);
        }
        if let Some(store) = options.log_store {
            let _ = core.log_store.set(store);
        }
        let engine = Self { core: Arc::new(core) };
        if let Some(dir) = &options.dir {
            std::fs::create_dir_all(dir)
                .map_err(|e| Error::new(format!("ERR cannot make the directory {}: {e}", dir.display())))?;
            engine.core.own_directory()?;
            engine.recover()?;
        }
        if !options.recovers_later {
            engine.core.aof.note_open();
        }
        Ok(engine)
    }

    /// Loads what is in the directory that the directive `dir` names, and begins to log changes if they are to be logged.
    /// Called for whoever opens an engine with [`Options::dir`]; a server calls it when its clients can be told that it is
    /// loading. O(keys).
    ///
    /// # Errors
    /// If another process has the directory of the log, or a file in it cannot be read or is damaged. The engine is then of
    /// no use.
    pub fn recover(&self) -> Result<()> {
        recovery::recover(&self.core)
    }

    /// Loads the files of a log, in order, of which the first may be a base, for somebody who wants to know what is in it:
    /// nothing of it is changed, what is torn is left out, and keys that have expired are there. Returns what is to be told
    /// about it. The engine is for nothing else; it has no directory. O(commands).
    ///
    /// # Errors
    /// If a file cannot be read or is damaged.
    pub fn read_log(&self, paths: Vec<PathBuf>, has_base: bool) -> Result<Vec<String>> {
        recovery::read_log(&self.core, paths, has_base)
    }

    /// Returns when all changes so far are on the disk, whatever the durability; at once if changes are not logged.
    ///
    /// # Errors
    /// What is wrong with the disk.
    pub fn sync(&self) -> Result<()> {
        let log = self.core.log();
        log.sync_to(log.position()).map_err(Error::disk)
    }

    /// Ends the engine in good order: brings all changes to the disk and ends the log. Other handles to the engine may
    /// still read; what they would change is refused. Dropping the last handle does the same, without telling of errors.
    ///
    /// # Errors
    /// What is wrong with the disk.
    pub fn close(self) -> Result<()> {
        self.core.aof.close()
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

    /// Writes all keys to the file in the engine's directory, as they are at one moment (`SAVE`); nobody else waits.
    /// O(keys).
    ///
    /// # Errors
    /// If the engine has no directory, or the file cannot be written: then it is as it was. If the file is being written
    /// in the background.
    pub fn snapshot(&self) -> Result<()> {
        self.core.save().map(drop)
    }

    /// What all sessions share.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Runs any command, in database 0, and returns its reply. What it changes of its caller (`SELECT`,
    /// `CLIENT SETNAME`, ...) is forgotten at once; see [`connect`](Self::connect).
    ///
    /// ```
    /// use carnelian::command::Value;
    /// use carnelian::{Engine, Options};
    /// let engine = Engine::open(Options::new())?;
    /// engine.execute(&["SET", "greeting", "hello"])?;
    /// assert_eq!(engine.execute(&["GET", "greeting"])?, Value::Bulk(b"hello".to_vec()));
    /// assert_eq!(engine.execute(&["GET"]).unwrap_err().code(), "ERR");
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    ///
    /// # Errors
    /// The command's own.
    pub fn execute(&self, argv: &[impl AsRef<[u8]>]) -> Result<Value> {
        session::execute_once(&self.core, argv)
    }

    /// A caller that keeps its state from one command to the next.
    pub fn connect(&self) -> Connection {
        Connection::new(self.core.clone())
    }

    /// A new session, for bytes in RESP. `wake` makes the thread that owns it look at its client's flags.
    pub fn session(&self, origin: Origin, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Session {
        Session::new(self.core.clone(), origin, wake)
    }
}
