//! What is saved and loaded in the measurements of files: many small keys, and some collections that are large enough
//! to be written in parts.

use anyhow::Result;

use crate::collections::hashes_of_1000;
use crate::lab::Lab;
use crate::loader::{self, Shape};
use crate::row::{Figure, Unit};
use crate::server::Server;

/// Bytes of every value.
pub const VALUE: usize = 64;

/// How a value is written.
pub const SHAPE: Shape = Shape { value_len: VALUE, ttl: false };

/// The size of the data.
#[derive(Clone, Copy, Debug)]
pub struct Dataset {
    /// Keys of 16 bytes with a value of 64.
    pub keys: u64,
    /// Hashes of a thousand fields.
    pub hashes: u64,
}

impl Dataset {
    /// Five million keys and a thousand hashes, or the share of them that is asked for.
    pub fn of(lab: &Lab) -> Self {
        Self { keys: lab.scaled(5_000_000), hashes: lab.scaled(1_000) }
    }

    /// Writes it into an empty server.
    pub fn load(&self, server: &Server) -> Result<()> {
        loader::load(server.port, SHAPE, 0..self.keys)?;
        (hashes_of_1000(self.hashes).load)(server.port, self.hashes)?;
        self.expect(server)
    }

    /// An error unless the server holds all of it.
    pub fn expect(&self, server: &Server) -> Result<()> {
        server.expect_keys(self.keys + self.hashes)
    }

    /// Its size, beside the figures that it led to.
    pub fn figures(&self) -> Vec<Figure> {
        vec![
            Figure::noted("keys of 16 B + 64 B", self.keys as f64).unit(Unit::Count),
            Figure::noted("hashes of 1,000 fields", self.hashes as f64).unit(Unit::Count),
        ]
    }
}
