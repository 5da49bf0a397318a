//! Interpreters, each with what is compiled in it.
//!
//! A run takes a machine from the pool and gives it back. While scripts take all stripes, one machine does everything, and
//! what a library keeps in variables of its own is kept there. Runs at the same time (of scripts that only read, or under
//! `script-keys-declared`) have a machine each, and each its own such variables.
//!
//! Invariant: a machine runs only what the cache and the libraries have at that moment; what they have let go it forgets
//! with the next prune.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use ahash::RandomState;

use super::cache::{Known, Sha};
use super::libraries::{Library, LibraryId};
use crate::error::{Error, Result};
use crate::lua::{Dialect, Host, Interpreter, LoadedFunction, Script};

/// How many scripts may be compiled until those are looked for that are not known any more.
const PRUNE_AFTER: usize = 1_000;

/// See the module.
pub(super) struct Machine {
    /// For EVAL.
    pub(super) scripts: Interpreter,
    compiled: HashMap<Sha, (Weak<Known>, Script), RandomState>,
    /// How many are compiled when it is next looked which of them are still known.
    prune_at: usize,
    /// For FCALL, when there was a first function.
    pub(super) functions: Option<Interpreter>,
    libraries: HashMap<String, Loaded>,
}

/// A library in the interpreter for functions.
struct Loaded {
    id: LibraryId,
    functions: Vec<LoadedFunction>,
}

impl Machine {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            scripts: Interpreter::new(Dialect::Scripts)?,
            compiled: HashMap::with_hasher(RandomState::new()),
            prune_at: PRUNE_AFTER,
            functions: None,
            libraries: HashMap::new(),
        })
    }

    /// Compiles a script, unless that has been done.
    ///
    /// # Errors
    /// If it is not Lua.
    pub(super) fn compile(&mut self, sha: &Sha, known: &Arc<Known>) -> Result<()> {
        if let Some((old, _)) = self.compiled.get(sha)
            && old.strong_count() > 0
        {
            return Ok(());
        }
        if self.compiled.len() >= self.prune_at {
            self.prune();
        }
        let script = self.scripts.compile(known.code())?;
        if let Some((_, old)) = self.compiled.insert(*sha, (Arc::downgrade(known), script)) {
            self.scripts.forget(old);
        }
        Ok(())
    }

    /// A script that has been compiled, with its interpreter.
    pub(super) fn script(&mut self, sha: &Sha) -> Option<(&mut Interpreter, &Script)> {
        let (_, script) = self.compiled.get(sha)?;
        Some((&mut self.scripts, script))
    }

    /// Forgets the scripts that nobody knows any more. O(compiled).
    pub(super) fn prune(&mut self) {
        let gone: Vec<Sha> =
            self.compiled.iter().filter(|(_, (known, _))| known.strong_count() == 0).map(|(sha, _)| *sha).collect();
        for sha in gone {
            if let Some((_, script)) = self.compiled.remove(&sha) {
                self.scripts.forget(script);
            }
        }
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

    /// A function of a library, which is loaded unless it is here, with its interpreter.
    ///
    /// # Errors
    /// The library cannot be loaded any more.
    pub(super) fn function(
        &mut self,
        library: &Library,
        name: &str,
        host: &mut dyn Host,
    ) -> Result<Option<(&mut Interpreter, &Script)>> {
        if self.libraries.get(&library.name).is_none_or(|loaded| loaded.id != library.id) {
            let functions = self.try_library(library.code(), host)?;
            self.keep_library(library, functions);
        }
        let function = self.libraries.get(&library.name).and_then(|l| l.functions.iter().find(|f| f.name == name));
        Ok(self.functions.as_mut().zip(function.map(|f| &f.script)))
    }

    /// Forgets libraries that are gone.
    pub(super) fn keep_only(&mut self, is_there: impl Fn(&str, LibraryId) -> bool) {
        let gone = self.libraries.iter().filter(|(name, loaded)| !is_there(name, loaded.id));
        let gone: Vec<String> = gone.map(|(name, _)| name.clone()).collect();
        for name in gone {
            let library = self.libraries.remove(&name);
            self.forget(library);
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
