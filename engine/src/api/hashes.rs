//! Hashes, with types.
