//! What the tests of the whole system share: starting servers, speaking to them, generating commands for them,
//! and comparing what they answer.

pub mod bytes;
pub mod commands;
pub mod differential;
pub mod fill;
pub mod generate;
pub mod normalise;
pub mod raw;
pub mod recorded;
pub mod resp;
pub mod server;
mod share;

pub use share::share;
