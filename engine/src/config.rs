//! Configuration: redis.conf's directives, declared once in tables, for the engine and whoever adds to it.
//!
//! A directive's value is kept as the text that `CONFIG GET` shows. What is read on a hot path is also kept as an
//! atomic somewhere else, which the directive's `apply` writes.

use std::collections::BTreeMap;

use crate::codec::glob::glob_match;
use crate::codec::num;
use crate::command::Core;
use crate::error::Error;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, RwLock};

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
    /// Whatever this function makes a canonical form of; its errors are Redis's explanations.
    Custom(fn(&str) -> Result<String, String>),
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
    /// What it does, for one that Redis does not have; "" for others.
    pub about: &'static str,
}

impl Directive {
    /// A directive that can be changed while running and whose value is looked up where it is needed.
    pub const fn new(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self { name, alias: "", kind, default, mutable: true, apply: None, about: "" }
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

    /// Says what it does, where Redis's documentation does not.
    #[must_use]
    pub const fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    /// A value in canonical form, or Redis's explanation why it is none.
    pub fn parse(&self, text: &str) -> Result<String, String> {
        match self.kind {
            Kind::Text => Ok(text.to_owned()),
            Kind::Custom(parse) => parse(text),
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

/// Why `CONFIG SET` failed: the directive that it was about, as the caller wrote it, and Redis's explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such directive.
    Unknown(String),
    /// Its value cannot be taken.
    Invalid(String, String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Unknown(name) => {
                Self::new(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
            }
            Refused::Invalid(name, why) => {
                Self::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
            }
        }
    }
}

/// The directives of an engine and their values.
pub struct Config {
    directives: Vec<Directive>,
    values: RwLock<BTreeMap<&'static str, String>>,
    /// Held while values change, so that two who set several of them do not mix.
    setting: Mutex<()>,
    /// Grows with every change, so that others know when to look again.
    generation: AtomicU64,
}

impl Config {
    /// All directives at their defaults; a later one replaces an earlier of the same name.
    pub fn new<'a>(tables: impl Iterator<Item = &'a Directive>) -> Self {
        let mut directives: Vec<Directive> = Vec::new();
        for directive in tables {
            match directives.iter_mut().find(|d| d.name == directive.name) {
                Some(old) => *old = *directive,
                None => directives.push(*directive),
            }
        }
        let values = directives.iter().map(|d| (d.name, d.default.to_owned())).collect();
        Self { directives, values: RwLock::new(values), setting: Mutex::default(), generation: AtomicU64::new(0) }
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

    /// Names, aliases included, and values of the directives that match one of some glob patterns, by name. A name
    /// without wildcards is answered in the case in which it was asked for, as Redis does.
    pub fn matching(&self, patterns: &[&[u8]]) -> BTreeMap<Vec<u8>, String> {
        let values = self.values.read();
        let mut found = BTreeMap::new();
        for directive in &self.directives {
            let value = values.get(directive.name).map_or("", String::as_str);
            for name in [directive.name, directive.alias].into_iter().filter(|n| !n.is_empty()) {
                let Some(pattern) = patterns.iter().find(|p| glob_match(p, name.as_bytes(), true)) else { continue };
                let literal = pattern.eq_ignore_ascii_case(name.as_bytes());
                let shown = if literal { pattern.to_vec() } else { name.as_bytes().to_vec() };
                found.insert(shown, value.to_owned());
            }
        }
        found
    }

    /// Sets a value before the engine runs, fixed directives included; nothing is applied yet.
    ///
    /// # Errors
    /// If there is no such directive, or it does not take the value.
    pub fn preset(&self, name: &str, text: &str) -> Result<(), Refused> {
        let directive = self.directive(name).ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        let value = directive.parse(text).map_err(|why| Refused::Invalid(name.to_owned(), why))?;
        self.store(directive, value);
        Ok(())
    }

    /// Applies all values, as is done once at the start.
    ///
    /// # Errors
    /// The first that cannot be applied.
    pub fn apply_all(&self, core: &Core) -> Result<(), Refused> {
        for directive in &self.directives {
            if let Some(apply) = directive.apply {
                apply(core, &self.get(directive.name)).map_err(|why| Refused::Invalid(directive.name.into(), why))?;
            }
        }
        Ok(())
    }

    /// Sets several directives, all of them or, if one is refused, none.
    ///
    /// # Errors
    /// The first that is unknown, fixed, given twice or does not take its value.
    pub fn set(&self, core: &Core, pairs: &[(&str, &str)]) -> Result<(), Refused> {
        let _alone = self.setting.lock();
        let chosen = self.choose(pairs)?;
        let mut values = Vec::with_capacity(pairs.len());
        for (directive, (name, text)) in chosen.iter().zip(pairs) {
            let value = directive.parse(text).map_err(|why| Refused::Invalid((*name).to_owned(), why))?;
            values.push(value);
        }
        let before: Vec<String> = chosen.iter().map(|d| self.get(d.name)).collect();
        for (i, (directive, value)) in chosen.iter().zip(values).enumerate() {
            let applied = directive.apply.map_or(Ok(()), |apply| apply(core, &value));
            self.store(directive, value);
            if let Err(why) = applied {
                self.take_back(core, &chosen[..=i], &before);
                return Err(Refused::Invalid(pairs[i].0.to_owned(), why));
            }
        }
        Ok(())
    }

    /// The directives that some names mean, if all of them may be set together.
    fn choose(&self, pairs: &[(&str, &str)]) -> Result<Vec<&Directive>, Refused> {
        let mut chosen = Vec::with_capacity(pairs.len());
        for (i, (name, _)) in pairs.iter().enumerate() {
            let invalid = |why: &str| Refused::Invalid((*name).to_owned(), why.to_owned());
            let directive = self.directive(name).ok_or_else(|| Refused::Unknown((*name).to_owned()))?;
            if !directive.mutable {
                return Err(invalid("can't set immutable config"));
            }
            if pairs[..i].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(invalid("duplicate parameter"));
            }
            chosen.push(directive);
        }
        Ok(chosen)
    }

    fn take_back(&self, core: &Core, chosen: &[&Directive], before: &[String]) {
        for (directive, value) in chosen.iter().zip(before).rev() {
            if let Some(apply) = directive.apply {
                // The value was in force a moment ago.
                let _ = apply(core, value);
            }
            self.store(directive, value.clone());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Engine, Options};

    fn refuse_odd(_: &Core, value: &str) -> Result<(), String> {
        if value.ends_with(['1', '3', '5', '7', '9']) { Err("odd".into()) } else { Ok(()) }
    }

    fn engine() -> Engine {
        let even = Directive::new("even", Kind::Int { min: 0, max: 100 }, "0").apply(refuse_odd);
        Engine::open(Options::new().directive(even)).expect("opens")
    }

    #[test]
    fn values_become_canonical_or_are_refused_in_the_words_of_redis() {
        let bool = Directive::new("b", Kind::Bool, "no");
        assert_eq!(bool.parse("YES"), Ok("yes".into()));
        assert_eq!(bool.parse("1"), Err("argument must be 'yes' or 'no'".into()));
        let int = Directive::new("i", Kind::Int { min: -1, max: 10 }, "0");
        assert_eq!(int.parse("-1"), Ok("-1".into()));
        assert_eq!(int.parse("11"), Err("argument must be between -1 and 10 inclusive".into()));
        assert_eq!(int.parse("1.5"), Err("argument couldn't be parsed into an integer".into()));
        let memory = Directive::new("m", Kind::Memory { min: 0, max: i64::MAX }, "0");
        assert_eq!(memory.parse("1kb"), Ok("1024".into()));
        assert_eq!(memory.parse("2m"), Ok("2000000".into()));
        assert_eq!(memory.parse("-1"), Err("argument must be a memory value".into()));
        let word = Directive::new("e", Kind::Enum(&["on", "off"]), "on");
        assert_eq!(word.parse("OFF"), Ok("off".into()));
        assert_eq!(word.parse("x"), Err("argument(s) must be one of the following: on, off".into()));
    }

    #[test]
    fn several_directives_are_set_together_or_not_at_all() {
        let engine = engine();
        let core = engine.core();
        let set = |pairs: &[(&str, &str)]| core.config.set(core, pairs).map_err(|e| Error::from(e).text().into_owned());
        assert_eq!(set(&[("maxmemory", "1mb"), ("even", "2")]), Ok(()));
        assert_eq!(core.keyspace.settings().maxmemory.load(Relaxed), 1 << 20);
        let failed = "ERR CONFIG SET failed (possibly related to argument 'even') - odd".to_owned();
        assert_eq!(set(&[("maxmemory", "2mb"), ("even", "3")]), Err(failed));
        assert_eq!(core.keyspace.settings().maxmemory.load(Relaxed), 1 << 20, "an applied value is taken back");
        assert_eq!((core.config.get("maxmemory").as_str(), core.config.get("even").as_str()), ("1048576", "2"));
        let failed = "ERR CONFIG SET failed (possibly related to argument 'EVEN') - duplicate parameter".to_owned();
        assert_eq!(set(&[("even", "4"), ("EVEN", "6")]), Err(failed));
        let failed = "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config";
        assert_eq!(set(&[("even", "x"), ("databases", "3"), ("nosuch", "1")]), Err(failed.to_owned()));
        let failed = "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'".to_owned();
        assert_eq!(set(&[("even", "4"), ("nosuch", "1")]), Err(failed));
        assert_eq!(core.config.get("even"), "2");
    }

    #[test]
    fn names_match_by_glob_with_their_aliases() {
        let engine = engine();
        let names = |patterns: &[&[u8]]| -> Vec<String> {
            let found = engine.core().config.matching(patterns);
            found.into_keys().map(|n| String::from_utf8_lossy(&n).into_owned()).collect()
        };
        assert_eq!(names(&[b"hash-max-*-value"]), ["hash-max-listpack-value", "hash-max-ziplist-value"]);
        assert_eq!(names(&[b"HZ", b"hz", b"nosuch"]), ["HZ"]);
    }
}
