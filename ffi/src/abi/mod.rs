//! The exported functions, as the header has them: what C gives becomes slices, strings and handles here, and is checked
//! as far as it can be.
//!
//! What cannot be checked is that pointers to memory point to as much of it as the caller says; that is C's to promise.
#![allow(non_camel_case_types, reason = "the names of C")]

mod handles;
mod pointers;

pub mod engine;
pub mod reply;
pub mod session;

pub use handles::{carnelian_engine, carnelian_session};
