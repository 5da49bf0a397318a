//! Places on the earth, kept in sorted sets.
