//! Redis as a library.
