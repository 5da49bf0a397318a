//! Batches: asking for the memory of many keys before the first of them is used.
//!
//! A look-up waits for two cache lines, one after the other. For many keys at once the waiting is shared: all buckets
//! are asked for, then all entries, and by the time a command runs its memory is there.

use smallvec::SmallVec;

use super::stripe::{Probe, Stripe};
use super::{Keyspace, View};
use crate::sync::ReadGuard;

/// Keys brought closer at a time.
const AT_ONCE: usize = 64;

impl Keyspace {
    /// Brings the entries of some keys closer. Never waits: busy stripes are skipped.
    pub fn prefetch(&self, db: u32, hashes: &[u64]) {
        for hashes in hashes.chunks(AT_ONCE) {
            let idle = Idle::lock(self, hashes);
            let probe = |&hash: &u64| Some(idle.stripe(self.stripe_of(hash))?.table(db)?.probe(hash));
            fetch(hashes.iter().filter_map(probe));
        }
    }
}

impl View<'_> {
    /// Brings the entries of some keys closer, all in the chosen database and in stripes that the view holds.
    pub fn prefetch(&self, hashes: impl Iterator<Item = u64>) {
        let mut hashes = hashes.peekable();
        while hashes.peek().is_some() {
            let part = hashes.by_ref().take(AT_ONCE);
            fetch(part.filter_map(|hash| Some(self.stripe(hash).table(self.db())?.probe(hash))));
        }
    }
}

/// Starts all look-ups before it waits for the first of them.
fn fetch<'t>(probes: impl Iterator<Item = Probe<'t>>) {
    let probes: SmallVec<[_; AT_ONCE]> = probes.collect();
    for probe in &probes {
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
    fn lock(space: &'k Keyspace, hashes: &[u64]) -> Self {
        let mut idle = Self { guards: SmallVec::new(), at: [0; AT_ONCE] };
        for &hash in hashes {
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
