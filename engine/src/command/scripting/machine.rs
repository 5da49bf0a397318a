//! Interpreters, each with what is compiled in it.
//!
//! Runs at the same time (of scripts that only read, or under `script-keys-declared`) have a machine each, and each its
//! own variables of libraries.
//!
//! Invariant: a machine runs only what the cache and the libraries have at that moment; what they have let go it forgets
//! with the next prune.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::cache::{Known, Life, Sha};
use super::libraries::{Libraries, Library, LibraryId};
use super::shebang::Promises;
use crate::command::Output;
use crate::command::dispatch::BatchKeys;
use crate::error::{Error, Result};
use crate::lua::{Dialect, Host, Interpreter, LoadedFunction, Script};

/// How many scripts may be compiled until those are looked for that are not known any more.
const PRUNE_AFTER: usize = 1_000;

/// See the module.
pub(super) struct Machine {
    /// Which one it is: 0 for the first that was made.
    pub(super) number: usize,
    /// For EVAL.
    scripts: Interpreter,
    compiled: HashMap<Sha, Compiled, RandomState>,
    /// How many are compiled when it is next looked which of them are still known.
    prune_at: usize,
    /// For FCALL, when there was a first function.
    functions: Option<Interpreter>,
    libraries: HashMap<String, Loaded, RandomState>,
    /// The libraries as a run has last seen them.
    pub(super) seen: Seen,
    /// For the run that has the machine.
    pub(super) buffers: Buffers,
}

/// A script in the interpreter for scripts.
struct Compiled {
    script: Script,
    promises: Option<Promises>,
    life: Arc<Life>,
}

/// A library in the interpreter for functions.
struct Loaded {
    id: LibraryId,
    /// In the order in which the library declares them.
    functions: Vec<LoadedFunction>,
}

/// The libraries of some moment.
#[derive(Default)]
pub(super) struct Seen {
    /// Tells moments apart.
    pub(super) generation: u64,
    pub(super) libraries: Arc<Libraries>,
}

/// What calls of commands need, used again and again.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) output: Output,
    pub(super) keys: BatchKeys,
}

impl Machine {
    pub(super) fn new(number: usize) -> Result<Self> {
        Ok(Self {
            number,
            scripts: Interpreter::new(Dialect::Scripts)?,
            compiled: HashMap::with_hasher(RandomState::new()),
            prune_at: PRUNE_AFTER,
            functions: None,
            libraries: HashMap::with_hasher(RandomState::new()),
            seen: Seen::default(),
            buffers: Buffers::default(),
        })
    }

    /// What a script promises that is compiled and still known; notes its use.
    pub(super) fn promises(&self, sha: &Sha) -> Option<Option<Promises>> {
        self.compiled.get(sha).filter(|compiled| compiled.life.use_it()).map(|compiled| compiled.promises)
    }

    /// Compiles a script, unless that has been done.
    ///
    /// # Errors
    /// If it is not Lua.
    pub(super) fn compile(&mut self, sha: &Sha, known: &Known) -> Result<()> {
        if let Some(old) = self.compiled.get_mut(sha) {
            // The same text, which may have been forgotten meanwhile.
            if !Arc::ptr_eq(&old.life, &known.life) {
                old.life = known.life.clone();
            }
            return Ok(());
        }
        if self.compiled.len() >= self.prune_at {
            self.prune();
        }
        let script = self.scripts.compile(known.code())?;
        self.compiled.insert(*sha, Compiled { script, promises: known.promises, life: known.life.clone() });
        Ok(())
    }

    /// A script that has been compiled, with its interpreter.
    pub(super) fn script(&mut self, sha: &Sha) -> Option<(&mut Interpreter, &Script)> {
        Some((&mut self.scripts, &self.compiled.get(sha)?.script))
    }

    /// Forgets the scripts that nobody knows any more. O(compiled).
    pub(super) fn prune(&mut self) {
        let Self { compiled, scripts, .. } = self;
        compiled.extract_if(|_, compiled| compiled.life.has_ended()).for_each(|(_, gone)| scripts.forget(gone.script));
        self.scripts.collect();
        self.prune_at = self.compiled.len() + PRUNE_AFTER;
    }

    /// The interpreter for functions.
    ///
    /// # Errors
    /// It could not be made.
    pub(super) fn for_functions(&mut self) -> Result<&mut Interpreter> {
        if self.functions.is_none() {
            self.functions = Some(Interpreter::new(Dialect::Functions)?);
        }
        self.functions.as_mut().ok_or_else(|| Error::new("ERR no interpreter"))
    }

    /// Loads a library and gives what it registers, without making it known.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn try_library(&mut self, code: &[u8], host: &mut dyn Host) -> Result<Vec<LoadedFunction>> {
        let mut functions = Vec::new();
        self.for_functions()?.load_library(code, host, &mut |function| functions.push(function))?;
        Ok(functions)
    }

    /// Makes a library known that was loaded, in place of one of the same name.
    pub(super) fn keep_library(&mut self, library: &Library, functions: Vec<LoadedFunction>) {
        let old = self.libraries.insert(library.name.clone(), Loaded { id: library.id, functions });
        self.forget(old);
    }

    /// Lets go of functions.
    pub(super) fn forget_functions(&mut self, functions: Vec<LoadedFunction>) {
        if let Some(interpreter) = &mut self.functions {
            functions.into_iter().for_each(|function| interpreter.forget(function.script));
        }
    }

    fn forget(&mut self, library: Option<Loaded>) {
        self.forget_functions(library.map(|library| library.functions).unwrap_or_default());
    }

    /// The function of a library at some place in it, with its interpreter. The library is loaded unless it is here.
    ///
    /// # Errors
    /// The library cannot be loaded any more.
    pub(super) fn function(
        &mut self,
        library: &Library,
        place: usize,
        host: &mut dyn Host,
    ) -> Result<Option<(&mut Interpreter, &Script)>> {
        if self.libraries.get(&library.name).is_none_or(|loaded| loaded.id != library.id) {
            let functions = self.try_library(library.code(), host)?;
            self.keep_library(library, functions);
        }
        let function = self.libraries.get(&library.name).and_then(|loaded| loaded.functions.get(place));
        Ok(self.functions.as_mut().zip(function.map(|function| &function.script)))
    }

    /// Forgets libraries that are gone.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&str, LibraryId) -> bool) {
        let gone: Vec<Loaded> =
            self.libraries.extract_if(|name, loaded| !is_there(name, loaded.id)).map(|(_, loaded)| loaded).collect();
        for library in gone {
            self.forget(Some(library));
        }
        if let Some(interpreter) = &mut self.functions {
            interpreter.collect();
        }
    }

    /// Bytes that Lua has for scripts, and for functions.
    pub(super) fn memory(&self) -> (usize, usize) {
        (self.scripts.memory(), self.functions.as_ref().map_or(0, Interpreter::memory))
    }
}
