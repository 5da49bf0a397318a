//! The measurements: each file measures one kind of thing and yields figures for a row.

pub mod clients;
pub mod cpu;
pub mod growth;
pub mod log;
pub mod memory;
pub mod restart;
pub mod save;
pub mod scripts;
