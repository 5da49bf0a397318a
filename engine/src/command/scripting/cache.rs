//! The scripts that are known by the SHA1 of their source.
//!
//! Those that SCRIPT LOAD was given are kept until SCRIPT FLUSH. Of those that were only ever run by EVAL the last few
//! hundred are kept, as Redis does since 7.4 and Valkey since 8.0: programs that put their arguments into the source do
//! not fill the memory.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ahash::RandomState;

use super::shebang::{self, Promises};
use crate::error::Result;
use crate::lua::script_sha;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

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
    /// All of it.
    pub(super) source: Box<[u8]>,
    /// Where the part begins that is Lua: behind what the first line says to Redis.
    pub(super) code_from: usize,
    /// What the first line promises; `None` for a script without such a line, of which nothing is known.
    pub(super) promises: Option<Promises>,
    /// What machines keep of it.
    pub(super) life: Arc<Life>,
}

/// Whether a script is still known, for machines that have compiled it: they need not ask the cache, which all threads
/// would have to lock.
#[derive(Debug, Default)]
pub(super) struct Life {
    has_ended: AtomicBool,
    /// It was used since the cache last looked for one that may go.
    was_used: AtomicBool,
}

impl Life {
    /// Notes a use. False if the script is not known any more.
    pub(super) fn use_it(&self) -> bool {
        // Seldom written, so that the cores that run it share the line.
        if !self.was_used.load(Relaxed) {
            self.was_used.store(true, Relaxed);
        }
        !self.has_ended()
    }

    /// Whether the script is not known any more.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Relaxed)
    }
}

impl Known {
    /// A script of a source, whose first line is looked at.
    ///
    /// # Errors
    /// If the first line cannot be understood.
    pub(super) fn new(source: &[u8]) -> Result<Self> {
        let (promises, code_from) = shebang::of_script(source)?;
        Ok(Self { source: source.into(), code_from, promises, life: Arc::default() })
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
}

/// See the module.
pub(super) struct Cache {
    by_sha: HashMap<Sha, Slot, RandomState>,
    /// Those that were never loaded, and some that were since: the first one goes next, unless it was used.
    queue: VecDeque<Sha>,
    /// How many were never loaded.
    unloaded: usize,
    /// Bytes of all sources.
    bytes: usize,
    /// How many have been let go for others.
    pub(super) evicted: u64,
}

impl Default for Cache {
    fn default() -> Self {
        let by_sha = HashMap::with_hasher(RandomState::new());
        Self { by_sha, queue: VecDeque::new(), unloaded: 0, bytes: 0, evicted: 0 }
    }
}

impl Cache {
    /// The script of a SHA1, which is used. O(1).
    pub(super) fn get(&self, sha: &Sha) -> Option<Arc<Known>> {
        let known = &self.by_sha.get(sha)?.known;
        known.life.use_it();
        Some(known.clone())
    }

    /// Adds a script, or notes that one is to stay. Returns the one that is known. O(1), more or less: one may have to
    /// go for it.
    pub(super) fn add(&mut self, sha: Sha, known: Arc<Known>, loaded: bool) -> Arc<Known> {
        if let Some(slot) = self.by_sha.get_mut(&sha) {
            self.unloaded -= usize::from(loaded && !slot.is_loaded);
            slot.is_loaded |= loaded;
            return slot.known.clone();
        }
        if !loaded {
            self.unloaded += 1;
            self.evict();
            self.queue.push_back(sha);
        }
        self.bytes += known.source.len();
        self.by_sha.insert(sha, Slot { known: known.clone(), is_loaded: loaded });
        known
    }

    fn evict(&mut self) {
        while self.unloaded > KEPT
            && let Some(sha) = self.queue.pop_front()
        {
            let Some(slot) = self.by_sha.get(&sha).filter(|slot| !slot.is_loaded) else { continue };
            if slot.known.life.was_used.swap(false, Relaxed) {
                self.queue.push_back(sha);
            } else if let Some(slot) = self.by_sha.remove(&sha) {
                slot.known.life.has_ended.store(true, Relaxed);
                self.bytes -= slot.known.source.len();
                self.unloaded -= 1;
                self.evicted += 1;
            }
        }
    }

    /// Forgets all scripts.
    pub(super) fn clear(&mut self) {
        self.by_sha.values().for_each(|slot| slot.known.life.has_ended.store(true, Relaxed));
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
        cache.add(sha, Arc::new(Known::new(source.as_bytes()).expect("it has no first line")), loaded);
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
