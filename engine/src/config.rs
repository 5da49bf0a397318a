//! Configuration: redis.conf's directives, declared once in tables, for the engine and whoever adds to it.
//!
//! A directive's value is kept as the text that `CONFIG GET` shows. What is read on a hot path is also kept as an
//! atomic somewhere else, which the directive's `apply` writes.

use std::collections::BTreeMap;

use crate::codec::num;
use crate::command::Core;
use crate::sync::RwLock;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What values a directive takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A number.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number of bytes, with a unit if wanted.
    Memory {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// One of some words.
    Enum(&'static [&'static str]),
    /// Any text.
    Text,
}

/// Does what a new value asks for; the text is in the canonical form. An error is Redis's own explanation.
pub type Apply = fn(&Core, &str) -> Result<(), String>;

/// A directive of redis.conf.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Its name.
    pub name: &'static str,
    /// Another name for it, or "".
    pub alias: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is unless it is set, as `CONFIG GET` shows it.
    pub default: &'static str,
    /// Whether it can be changed while running.
    pub mutable: bool,
    /// Called with each new value, at the start and by `CONFIG SET`.
    pub apply: Option<Apply>,
}

impl Directive {
    /// A directive that can be changed while running and whose value is looked up where it is needed.
    pub const fn new(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self { name, alias: "", kind, default, mutable: true, apply: None }
    }

    /// Makes it one that is fixed at the start.
    #[must_use]
    pub const fn fixed(mut self) -> Self {
        self.mutable = false;
        self
    }

    /// Gives it another name.
    #[must_use]
    pub const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = alias;
        self
    }

    /// Gives it something to do.
    #[must_use]
    pub const fn apply(mut self, apply: Apply) -> Self {
        self.apply = Some(apply);
        self
    }

    /// A value in canonical form, or Redis's explanation why it is none.
    pub fn parse(&self, text: &str) -> Result<String, String> {
        match self.kind {
            Kind::Text => Ok(text.to_owned()),
            Kind::Bool => match text.to_ascii_lowercase().as_str() {
                word @ ("yes" | "no") => Ok(word.to_owned()),
                _ => Err("argument must be 'yes' or 'no'".into()),
            },
            Kind::Enum(words) => match words.iter().find(|w| w.eq_ignore_ascii_case(text)) {
                Some(word) => Ok((*word).to_owned()),
                None => Err(format!("argument(s) must be one of the following: {}", words.join(", "))),
            },
            Kind::Int { min, max } => {
                let n = num::parse_i64(text.as_bytes()).ok_or("argument couldn't be parsed into an integer")?;
                within(n, min, max)
            }
            Kind::Memory { min, max } => {
                let n = num::parse_memory(text.as_bytes()).ok_or("argument must be a memory value")?;
                within(i64::try_from(n).unwrap_or(i64::MAX), min, max)
            }
        }
    }
}

fn within(n: i64, min: i64, max: i64) -> Result<String, String> {
    if (min..=max).contains(&n) {
        Ok(n.to_string())
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

/// The directives of an engine and their values.
pub struct Config {
    directives: Vec<Directive>,
    values: RwLock<BTreeMap<&'static str, String>>,
    /// Grows with every change, so that others know when to look again.
    generation: AtomicU64,
}

impl Config {
    /// All directives at their defaults.
    pub fn new<'a>(tables: impl Iterator<Item = &'a Directive>) -> Self {
        let directives: Vec<Directive> = tables.copied().collect();
        let values = directives.iter().map(|d| (d.name, d.default.to_owned())).collect();
        Self { directives, values: RwLock::new(values), generation: AtomicU64::new(0) }
    }

    /// All directives, in the order in which they were declared.
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// The directive of a name or alias, in any case.
    pub fn directive(&self, name: &str) -> Option<&Directive> {
        let is = |n: &str| !n.is_empty() && n.eq_ignore_ascii_case(name);
        self.directives.iter().find(|d| is(d.name) || is(d.alias))
    }

    /// The value of a directive by its name, "" if there is none.
    pub fn get(&self, name: &str) -> String {
        self.values.read().get(name).cloned().unwrap_or_default()
    }

    /// The value of a numeric directive, 0 if it has none.
    pub fn int(&self, name: &str) -> i64 {
        self.values.read().get(name).and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// Whether a directive is `yes`.
    pub fn is(&self, name: &str) -> bool {
        self.values.read().get(name).is_some_and(|v| v == "yes")
    }

    /// Stores a value in canonical form; `apply` is the caller's to call.
    pub fn store(&self, directive: &Directive, value: String) {
        self.values.write().insert(directive.name, value);
        self.generation.fetch_add(1, Relaxed);
    }

    /// A number that grows with every change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }
}
