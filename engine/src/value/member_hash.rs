//! The hasher of what stands in values: fields and members.
//!
//! Values know no keyspace, so they share one hasher, seeded once per process: nobody can choose fields that collide.

use std::sync::LazyLock;

use crate::table::KeyHasher;

static HASHER: LazyLock<KeyHasher> = LazyLock::new(KeyHasher::random);

/// The hasher of all fields and members.
#[inline]
pub fn hasher() -> &'static KeyHasher {
    &HASHER
}
