//! `carnelian-server`.
fn main() {}
