//! The side-by-side harness: the same work given to Carnelian and to the servers it is measured against.
//!
//! Read it in this order: [`rows`] is the list of what is measured and what each figure has to reach, [`row`] is what a
//! row is made of, [`work`] holds the measurements themselves, and the rest are their tools. To add a row, add an entry
//! to [`rows::all`]; to measure something of a new kind, add a file to `work`.
//!
//! Only Linux is supported: the figures come from `/proc`. Benches of the engine as a library (no server, no socket)
//! belong to `benches/benches/`, next to this crate's `src/`.

pub mod collections;
pub mod dataset;
pub mod feed;
pub mod generator;
pub mod lab;
pub mod loader;
pub mod paced;
pub mod peer;
pub mod proc;
pub mod pump;
pub mod report;
pub mod row;
pub mod rows;
pub mod runner;
pub mod server;
pub mod wire;
pub mod work;
