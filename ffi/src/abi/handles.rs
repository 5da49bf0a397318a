//! The types of handles.

/// An engine. Opaque: its value is never followed.
#[derive(Debug)]
pub struct carnelian_engine;

/// A session. Opaque: its value is never followed.
#[derive(Debug)]
pub struct carnelian_session;
