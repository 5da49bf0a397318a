//! Streams, with types.
