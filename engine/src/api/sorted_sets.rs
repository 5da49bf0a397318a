//! Sorted sets, with types.
