//! The exported functions, as the header has them: what C gives becomes slices, strings and handles here, and is checked
//! as far as it can be.
//!
//! What cannot be checked is that pointers to memory point to as much of it as the caller says; that is C's to promise.
#![allow(non_camel_case_types, reason = "the names of C")]

pub mod engine;
pub mod reply;
pub mod session;

mod pointers;

/// An engine. Opaque: its value is never followed.
#[derive(Debug)]
pub struct carnelian_engine;

/// A session. Opaque: its value is never followed.
#[derive(Debug)]
pub struct carnelian_session;
