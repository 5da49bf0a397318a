//! The libraries of functions, as FUNCTION LOAD was given them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ahash::RandomState;

use super::shebang::Promises;
use crate::error::{Error, Result};

/// Tells libraries of one name apart, that came one after the other.
pub(super) type LibraryId = u64;

/// A function, as FUNCTION LIST shows it.
#[derive(Debug, Clone)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) promises: Promises,
    pub(super) description: Option<Vec<u8>>,
}

/// A library.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) id: LibraryId,
    pub(super) name: String,
    /// All of it.
    pub(super) source: Arc<[u8]>,
    /// Where the part begins that is Lua.
    pub(super) code_from: usize,
    pub(super) functions: Vec<Declared>,
}

impl Library {
    /// The part that is Lua, from the end of the first line on.
    pub(super) fn code(&self) -> &[u8] {
        self.source.get(self.code_from..).unwrap_or_default()
    }
}

/// All of them. A copy is cheap, and is how several are changed at once or not at all.
#[derive(Debug, Clone)]
pub(super) struct Libraries {
    by_name: BTreeMap<String, Arc<Library>>,
    /// The library of each function, by its name.
    functions: HashMap<Box<[u8]>, (Arc<Library>, usize), RandomState>,
}

impl Default for Libraries {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), functions: HashMap::with_hasher(RandomState::new()) }
    }
}

impl Libraries {
    /// The library of a function, the function's place in it, and the function. O(1).
    pub(super) fn function(&self, name: &[u8]) -> Option<(&Library, usize, &Declared)> {
        let (library, place) = self.functions.get(name)?;
        Some((library, *place, library.functions.get(*place)?))
    }

    /// Whether there is this very library.
    pub(super) fn has(&self, name: &str, id: LibraryId) -> bool {
        self.by_name.get(name).is_some_and(|library| library.id == id)
    }

    /// A library by its name.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<Library>> {
        self.by_name.get(std::str::from_utf8(name).ok()?)
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.by_name.values()
    }

    /// How many there are, and how many functions.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_name.len(), self.functions.len())
    }

    /// Adds a library, in place of one of the same name if that may be.
    ///
    /// # Errors
    /// If there is one of that name that is not to be replaced, or another one has a function of the same name.
    pub(super) fn add(&mut self, library: Arc<Library>, replace: bool) -> Result<()> {
        let old = self.by_name.get(&library.name).cloned();
        if old.is_some() && !replace {
            return Err(Error::new(format!("ERR Library '{}' already exists", library.name)));
        }
        let is_others = |name: &str| {
            self.functions
                .get(name.as_bytes())
                .is_some_and(|(owner, _)| old.as_ref().is_none_or(|old| !Arc::ptr_eq(owner, old)))
        };
        if let Some(twice) = library.functions.iter().find(|function| is_others(&function.name)) {
            return Err(Error::new(format!("ERR Function {} already exists", twice.name)));
        }
        if let Some(old) = old {
            self.remove(old.name.as_bytes());
        }
        for (i, function) in library.functions.iter().enumerate() {
            self.functions.insert(function.name.as_bytes().into(), (library.clone(), i));
        }
        self.by_name.insert(library.name.clone(), library);
        Ok(())
    }

    /// Takes a library away; false if there is none of that name.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = std::str::from_utf8(name).ok().and_then(|name| self.by_name.remove(name)) else {
            return false;
        };
        library.functions.iter().for_each(|function| drop(self.functions.remove(function.name.as_bytes())));
        true
    }

    /// Bytes that they take, more or less.
    pub(super) fn bytes(&self) -> usize {
        let functions = self.functions.len() * 2 * size_of::<(String, Declared)>();
        self.by_name.values().map(|library| size_of::<Library>() + library.source.len()).sum::<usize>() + functions
    }
}
