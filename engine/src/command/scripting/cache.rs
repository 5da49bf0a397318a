//! The scripts that are known by the SHA1 of their source.
//!
//! Those that SCRIPT LOAD was given are kept until SCRIPT FLUSH. Of those that were only ever run by EVAL the last few
//! hundred are kept, as Redis does since 7.4 and Valkey since 8.0: programs that put their arguments into the source do
//! not fill the memory.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::shebang::{self, Promises};
use crate::error::Result;
use crate::lua::script_sha;

/// Scripts of EVAL that are kept.
const KEPT: usize = 500;

/// A SHA1 in lower-case hexadecimal.
pub(super) type Sha = [u8; 40];

/// The SHA1 that an argument gives, in any case.
pub(super) fn sha_of(text: &[u8]) -> Option<Sha> {
    let mut sha: Sha = text.try_into().ok()?;
    sha.make_ascii_lowercase();
    Some(sha)
}

/// A script.
#[derive(Debug)]
pub(super) struct Known {
    /// Its name, in errors too.
    pub(super) sha: String,
    /// All of it.
    pub(super) source: Box<[u8]>,
    /// Where the part begins that is Lua: behind what the first line says to Redis.
    pub(super) code_from: usize,
    /// What the first line promises; `None` for a script without such a line, of which nothing is known.
    pub(super) promises: Option<Promises>,
}

impl Known {
    /// A script of a source, whose first line is looked at.
    ///
    /// # Errors
    /// If the first line cannot be understood.
    pub(super) fn new(sha: &Sha, source: &[u8]) -> Result<Self> {
        let (promises, code_from) = shebang::of_script(source)?;
        Ok(Self { sha: String::from_utf8_lossy(sha).into_owned(), source: source.into(), code_from, promises })
    }

    /// The part that is Lua, from the end of the first line on, so that errors name the right lines.
    pub(super) fn code(&self) -> &[u8] {
        self.source.get(self.code_from..).unwrap_or_default()
    }
}

struct Slot {
    known: Arc<Known>,
    /// SCRIPT LOAD has been given it.
    is_loaded: bool,
    /// When it was last used, as a count of uses.
    used: u64,
}

/// See the module.
pub(super) struct Cache {
    by_sha: HashMap<Sha, Slot, RandomState>,
    /// How many were never loaded.
    unloaded: usize,
    uses: u64,
    /// Bytes of all sources.
    bytes: usize,
    /// How many have been let go for others.
    pub(super) evicted: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { by_sha: HashMap::with_hasher(RandomState::new()), unloaded: 0, uses: 0, bytes: 0, evicted: 0 }
    }
}

impl Cache {
    /// The script of a SHA1. O(1).
    pub(super) fn get(&mut self, sha: &Sha) -> Option<Arc<Known>> {
        self.uses += 1;
        let slot = self.by_sha.get_mut(sha)?;
        slot.used = self.uses;
        Some(slot.known.clone())
    }

    /// Adds a script, or notes that one is to stay. O(1), O(kept) when one has to go for it.
    pub(super) fn add(&mut self, sha: Sha, known: Arc<Known>, loaded: bool) {
        self.uses += 1;
        if let Some(slot) = self.by_sha.get_mut(&sha) {
            self.unloaded -= usize::from(loaded && !slot.is_loaded);
            slot.is_loaded |= loaded;
            return;
        }
        if !loaded {
            self.unloaded += 1;
            self.evict();
        }
        self.bytes += known.source.len();
        self.by_sha.insert(sha, Slot { known, is_loaded: loaded, used: self.uses });
    }

    fn evict(&mut self) {
        if self.unloaded <= KEPT {
            return;
        }
        let oldest = self.by_sha.iter().filter(|(_, slot)| !slot.is_loaded).min_by_key(|(_, slot)| slot.used);
        if let Some(sha) = oldest.map(|(sha, _)| *sha)
            && let Some(slot) = self.by_sha.remove(&sha)
        {
            self.bytes -= slot.known.source.len();
            self.unloaded -= 1;
            self.evicted += 1;
        }
    }

    /// Forgets all scripts.
    pub(super) fn clear(&mut self) {
        *self = Self { evicted: self.evicted, ..Self::default() };
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_sha.len()
    }

    /// Bytes that they take, more or less.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.by_sha.capacity() * (size_of::<Sha>() + size_of::<Slot>() + size_of::<Known>())
    }
}

/// The SHA1 of a source.
pub(super) fn sha_of_source(source: &[u8]) -> Sha {
    script_sha(source).as_bytes().try_into().unwrap_or([0; 40])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(cache: &mut Cache, source: &str, loaded: bool) -> Sha {
        let sha = sha_of_source(source.as_bytes());
        cache.add(sha, Arc::new(Known::new(&sha, source.as_bytes()).expect("it has no first line")), loaded);
        sha
    }

    #[test]
    fn scripts_that_were_not_used_for_longest_go_first_and_loaded_ones_stay() {
        let mut cache = Cache::default();
        let loaded = add(&mut cache, "return 'loaded'", true);
        let later_loaded = add(&mut cache, "return 'later'", false);
        add(&mut cache, "return 'later'", true);
        let (first, second) = (add(&mut cache, "return 1", false), add(&mut cache, "return 2", false));
        for n in 3..=KEPT {
            add(&mut cache, &format!("return {n}"), false);
        }
        assert_eq!((cache.len(), cache.evicted), (KEPT + 2, 0));
        assert!(cache.get(&first).is_some());
        add(&mut cache, "return 'one more'", false);
        assert!(cache.get(&second).is_none(), "the one that was not used for longest");
        assert!([first, loaded, later_loaded].iter().all(|sha| cache.get(sha).is_some()));
        for n in 0..10_000 {
            add(&mut cache, &format!("return 'number {n}'"), false);
        }
        assert_eq!(cache.len(), KEPT + 2);
        assert!(cache.bytes() < 1 << 20, "{} bytes", cache.bytes());
        cache.clear();
        assert_eq!((cache.len(), cache.get(&loaded).is_none()), (0, true));
    }
}
