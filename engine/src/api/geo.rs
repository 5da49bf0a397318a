//! Places on the earth, with types.
