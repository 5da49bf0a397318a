//! Scripts and functions in Lua: EVAL, SCRIPT, FCALL, FUNCTION.
//!
//! | file | what |
//! |---|---|
//! | `eval`, `functions` | the commands |
//! | `cache`, `libraries` | what is known: scripts by their SHA1, functions by their names |
//! | `shebang` | what the first line of a script or library says |
//! | `machine`, `pool` | interpreters, with what is compiled in them; those that run nothing |
//! | `run` | one run: its locks, the commands that it calls, its reply |
//! | `running` | runs that take long |

mod cache;
pub(super) mod eval;
pub(super) mod functions;
mod libraries;
mod machine;
mod pool;
mod run;
mod running;
mod shebang;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::script_figures::ScriptFigures;
use crate::error::{Error, Result};
use crate::lua::{Host, LogLevel};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use cache::Cache;
use libraries::{Libraries, LibraryId};
use machine::{Machine, Seen};
use pool::Pool;
use running::AllRunning;

/// How long a library may take to load.
const LOAD_TIME: Duration = Duration::from_millis(500);

/// All that is known of scripts.
#[derive(Default)]
pub(crate) struct Scripts {
    cache: Mutex<Cache>,
    /// Replaced as a whole, so that whoever looks at them has all of one moment.
    libraries: Mutex<Arc<Libraries>>,
    /// How often they were replaced.
    generation: AtomicU64,
    machines: Pool,
    running: AllRunning,
    ids: AtomicU64,
    keys_declared: AtomicBool,
}

impl Scripts {
    /// Says after how many milliseconds a script makes others be told that the engine is busy; 0 or less for never.
    pub(crate) fn set_threshold(&self, millis: i64) {
        self.running.threshold.store(millis, Relaxed);
    }

    /// Says whether scripts lock the stripes of their declared keys only, and may touch no other keys.
    pub(crate) fn set_keys_declared(&self, declared: bool) {
        self.keys_declared.store(declared, Relaxed);
    }

    pub(super) fn keys_are_declared(&self) -> bool {
        self.keys_declared.load(Relaxed)
    }

    /// What is told to whoever cannot be served while a script is slow.
    #[cold]
    pub(super) fn busy(&self) -> Option<Error> {
        self.running.busy()
    }

    /// Figures about scripts. O(interpreters).
    pub(crate) fn figures(&self) -> ScriptFigures {
        let (libraries, functions) = self.libraries().len();
        let function_bytes = self.libraries().bytes();
        let (mut lua_for_scripts, mut lua_for_functions) = (0, 0);
        self.machines.each(|machine| {
            let (scripts, functions) = machine.memory();
            lua_for_scripts += scripts;
            lua_for_functions += functions;
        });
        let cache = self.cache.lock();
        ScriptFigures {
            scripts: cache.len(),
            evicted: cache.evicted,
            libraries,
            functions,
            script_bytes: cache.bytes(),
            function_bytes,
            lua_for_scripts,
            lua_for_functions,
        }
    }

    /// The sources of all libraries, for a snapshot.
    pub(crate) fn library_sources(&self) -> Vec<Arc<[u8]>> {
        self.libraries().all().map(|library| library.source.clone()).collect()
    }

    /// Loads a library that a file has, in place of one of the same name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn load_from_file(&self, source: &[u8]) -> Result<()> {
        let mut libraries = Libraries::clone(&self.libraries());
        self.load(&mut libraries, source, true)?;
        self.set_libraries(libraries);
        Ok(())
    }

    fn libraries(&self) -> Arc<Libraries> {
        self.libraries.lock().clone()
    }

    /// The libraries, for who has seen them before: no lock that all threads would meet at, unless they were replaced.
    fn look(&self, seen: Seen) -> Seen {
        // What is read here is no older than what the caller has been told of.
        if seen.generation == self.generation.load(Acquire) {
            return seen;
        }
        let libraries = self.libraries.lock();
        Seen { generation: self.generation.load(Relaxed), libraries: libraries.clone() }
    }

    /// Replaces the libraries; the caller holds all stripes, or loads a file.
    fn set_libraries(&self, libraries: Libraries) {
        let libraries = Arc::new(libraries);
        let mut shared = self.libraries.lock();
        *shared = libraries.clone();
        self.generation.fetch_add(1, Release);
        drop(shared);
        self.machines.each(|machine| machine.keep_only(|name, id| libraries.has(name, id)));
    }

    fn next_id(&self) -> LibraryId {
        self.ids.fetch_add(1, Relaxed)
    }

    /// Has a machine run or compile something.
    fn with_machine<R>(&self, run: impl FnOnce(&mut Machine) -> Result<R>) -> Result<R> {
        self.machines.with(self.keys_are_declared(), run)
    }

    /// Forgets all scripts.
    fn forget_scripts(&self) {
        self.cache.lock().clear();
        self.machines.each(Machine::prune);
    }
}

/// The host of a library that is loaded: it can call nothing, and has little time.
struct Load {
    since: Instant,
}

impl Load {
    fn new() -> Self {
        Self { since: Instant::now() }
    }
}

impl Host for Load {
    fn call(&mut self, _: &[&[u8]], _: bool) -> Result<&[u8], Error> {
        Err(Error::new("ERR commands cannot be called while a library is loaded"))
    }

    fn log(&mut self, _: LogLevel, message: &[u8]) {
        tracing::info!("{}", String::from_utf8_lossy(message));
    }

    fn set_repl(&mut self, _: bool, _: bool) {}

    fn acl_check(&mut self, _: &[&[u8]]) -> Result<bool, Error> {
        Err(Error::new("ERR commands cannot be called while a library is loaded"))
    }

    fn interrupted(&mut self) -> Option<Error> {
        (self.since.elapsed() > LOAD_TIME).then(|| Error::new("ERR FUNCTION LOAD timeout"))
    }
}
