//! The server's directives of redis.conf: each either works, or is accepted without effect and says so, or is refused
//! where doing nothing would do harm.
//!
//! `docs/configuration.md` lists them; a test compares it with the tables.

pub mod output_limits;
pub mod rewrite;
mod table;

use carnelian::Options;
use carnelian::config::{Config, Directive};

pub use table::TABLE;

/// How many words a directive takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Words {
    /// One.
    One,
    /// Any number, joined by spaces; a later line replaces an earlier one.
    Many,
    /// Any number; later lines add to earlier ones.
    Repeated,
}

/// What comes of a directive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It does what it does in Redis.
    Works,
    /// It is accepted and does nothing. Why, or what is done instead.
    Nothing(&'static str),
    /// Any value but the default is refused, because ignoring it would do harm.
    Refused,
}

/// What is said of a directive that is [`Effect::Refused`].
pub const REFUSAL: &str = "not supported yet, and doing without it would do harm";

/// A directive of the server.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What the engine's `CONFIG` knows of it.
    pub directive: Directive,
    /// How many words it takes.
    pub words: Words,
    /// What comes of it.
    pub effect: Effect,
}

/// Adds the server's directives to an engine that is about to be opened, so that `CONFIG` knows them.
pub fn register(options: Options) -> Options {
    TABLE.iter().copied().flatten().fold(options, |options, entry| options.directive(entry.directive))
}

/// The server's entry for a directive, by its canonical name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    TABLE.iter().copied().flatten().find(|e| e.directive.name == name)
}

/// The value of a directive; its default if the engine was opened without the server's directives.
pub fn value(config: &Config, name: &str) -> String {
    match config.directive(name) {
        Some(_) => config.get(name),
        None => entry(name).map(|e| e.directive.default.to_owned()).unwrap_or_default(),
    }
}

/// The value of a numeric directive; its default if the engine was opened without the server's directives.
pub fn int(config: &Config, name: &str) -> i64 {
    value(config, name).parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
