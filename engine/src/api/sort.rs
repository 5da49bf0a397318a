//! SORT, with types.
