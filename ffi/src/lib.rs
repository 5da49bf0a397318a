//! The C ABI of the engine. This crate holds its place in the workspace; the ABI itself is not built yet.
