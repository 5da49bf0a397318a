//! Batches: asking for the memory of many keys before the first of them is used.
//!
//! A look-up waits for two cache lines, one after the other. For many keys at once the waiting is shared: all buckets
//! are asked for, then all entries, and by the time a command runs its memory is there.

use smallvec::SmallVec;

use super::stripe::{Probe, Stripe};
use super::{Keyspace, View};
use crate::sync::ReadGuard;
use crate::value::ElementProbe;

/// Keys brought closer at a time.
const AT_ONCE: usize = 64;

impl Keyspace {
    /// Brings the entries of some keys closer. Never waits: busy stripes are skipped.
    pub fn prefetch(&self, db: u32, hashes: &[u64]) {
        for hashes in hashes.chunks(AT_ONCE) {
            let idle = Idle::lock(self, hashes.iter().copied());
            let mut probes = Probes::new();
            for &hash in hashes {
                if let Some(table) = idle.stripe(self.stripe_of(hash)).and_then(|stripe| stripe.table(db)) {
                    probes.push(table.probe(hash));
                }
            }
            fetch(&probes);
        }
    }
}

impl Keyspace {
    /// Brings the places closer in which some keys are going to be put that are most likely not there. Never waits: busy
    /// stripes are skipped.
    pub fn prefetch_places(&self, db: u32, hashes: &[u64]) {
        for hashes in hashes.chunks(AT_ONCE) {
            let idle = Idle::lock(self, hashes.iter().copied());
            for &hash in hashes {
                if let Some(table) = idle.stripe(self.stripe_of(hash)).and_then(|stripe| stripe.table(db)) {
                    table.prefetch_place(hash);
                }
            }
        }
    }
}

/// An element that is going to be looked up in the collection of a key: the hashes of both.
#[derive(Clone, Copy, Debug)]
pub struct ElementOf {
    /// The key's hash.
    pub key: u64,
    /// The element's hash.
    pub element: u64,
}

impl Keyspace {
    /// Brings elements of big collections closer whose keys have been [prefetched](Self::prefetch). Never waits: busy
    /// stripes are skipped.
    pub fn prefetch_elements(&self, db: u32, elements: &[ElementOf]) {
        for elements in elements.chunks(AT_ONCE) {
            let idle = Idle::lock(self, elements.iter().map(|e| e.key));
            let mut probes = SmallVec::<[ElementProbe<'_>; AT_ONCE]>::new();
            for &ElementOf { key, element } in elements {
                if let Some(table) = idle.stripe(self.stripe_of(key)).and_then(|stripe| stripe.table(db))
                    && let Some(entry) = table.guess(key)
                    && let Some(probe) = entry.value().probe(element)
                {
                    probes.push(probe);
                }
            }
            probes.iter().for_each(ElementProbe::fetch);
        }
    }
}

impl View<'_> {
    /// Brings the entries of some keys closer, all in the chosen database and in stripes that the view holds.
    pub fn prefetch(&self, hashes: impl Iterator<Item = u64>) {
        let mut probes = Probes::new();
        for hash in hashes {
            if let Some(table) = self.table_of(hash) {
                probes.push(table.probe(hash));
            }
            if probes.len() == AT_ONCE {
                fetch(&probes);
                probes.clear();
            }
        }
        fetch(&probes);
    }
}

/// Look-ups that have all been started before the first of them is waited for.
type Probes<'t> = SmallVec<[Probe<'t>; AT_ONCE]>;

#[inline]
fn fetch(probes: &[Probe<'_>]) {
    for probe in probes {
        probe.fetch();
    }
}

/// The stripes of some keys that could be locked without waiting, each once.
struct Idle<'k> {
    guards: SmallVec<[(usize, ReadGuard<'k, Stripe>); AT_ONCE]>,
    /// Where the guard of a stripe is, by the last bits of its number; one more than the index.
    at: [u8; AT_ONCE],
}

impl<'k> Idle<'k> {
    fn lock(space: &'k Keyspace, hashes: impl Iterator<Item = u64>) -> Self {
        let mut idle = Self { guards: SmallVec::new(), at: [0; AT_ONCE] };
        for hash in hashes {
            let stripe = space.stripe_of(hash);
            if idle.stripe(stripe).is_none()
                && let Some(guard) = space.stripes[stripe].lock.try_read()
            {
                idle.guards.push((stripe, guard));
                idle.at[stripe % AT_ONCE] = idle.guards.len() as u8;
            }
        }
        idle
    }

    #[inline]
    fn stripe(&self, stripe: usize) -> Option<&Stripe> {
        let at = usize::from(self.at[stripe % AT_ONCE]).checked_sub(1)?;
        self.guards.get(at).filter(|g| g.0 == stripe).map(|g| &*g.1)
    }
}
