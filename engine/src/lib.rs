//! Redis as a library.

pub mod codec;
pub mod value;
