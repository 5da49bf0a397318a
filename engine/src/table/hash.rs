//! The one hash function of the engine.

use ahash::RandomState;

/// Hashes keys, fields and members. Seeded per engine, so that nobody can choose keys that collide.
#[derive(Clone)]
pub struct KeyHasher(RandomState);

impl KeyHasher {
    /// A hasher with a seed from the operating system.
    pub fn random() -> Self {
        Self(RandomState::new())
    }

    /// A hasher with a chosen seed, for tests that want to be repeatable.
    pub fn seeded(seed: u64) -> Self {
        Self(RandomState::with_seeds(seed, !seed, seed.rotate_left(17), seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The hash of some bytes. All its bits are used: the top ones choose the stripe, the next the page, the next the
    /// bucket, the lowest eight are the fingerprint.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.0.hash_one(bytes)
    }
}
