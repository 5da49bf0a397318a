//! The data types as plain structures: no keys, no locks, no RESP.

pub mod bits;
pub mod lcs;
pub mod size_class;
