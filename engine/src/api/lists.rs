//! Lists, with types.
