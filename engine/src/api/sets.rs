//! Sets, with types.
