//! What an engine is opened with: the directives of redis.conf, by name, and what is for tests.
//!
//! A directive that would do harm if it did nothing is refused, as the server refuses it.

use std::path::Path;
use std::time::Duration;

use carnelian::config::Directive;
use carnelian::{Clock, ManualClock, Options};
use carnelian_server::directives::{self, Effect};

use crate::error::{Failure, Result};

/// The option that is no directive: a clock that stands still, and what it shows.
const MANUAL_CLOCK: &str = "manual-clock";

/// What an engine is opened with.
pub(crate) struct Opening {
    pub(crate) options: Options,
    pub(crate) clock: Option<ManualClock>,
}

/// Reads the options of an engine.
pub(crate) fn read(path: Option<&Path>, pairs: &[(&str, &str)]) -> Result<Opening> {
    let mut options = directives::register(Options::new());
    if let Some(entry) = directives::entry("maxclients") {
        // Descriptors are the program's own business.
        options = options.directive(Directive { apply: None, ..entry.directive });
    }
    options = match path {
        // The program may go to another directory.
        Some(path) => options.dir(std::path::absolute(path).map_err(|e| Failure::new(format!("ERR the path: {e}")))?),
        // Nowhere to save to.
        None => options.config("save", ""),
    };
    let mut clock = None;
    for &(name, value) in pairs {
        if name.eq_ignore_ascii_case(MANUAL_CLOCK) {
            let millis = value.parse().map_err(|_| refused(name, "it takes milliseconds since 1970"))?;
            let manual = ManualClock::new(Duration::from_millis(millis));
            options = options.clock(Clock::Manual(manual.clone()));
            clock = Some(manual);
            continue;
        }
        check(path, name, value)?;
        options = options.config(name, value);
    }
    Ok(Opening { options, clock })
}

fn check(path: Option<&Path>, name: &str, value: &str) -> Result<()> {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("dir") {
        return Err(refused(name, "the directory is an argument of its own"));
    }
    if path.is_none() && is("appendonly") && value.eq_ignore_ascii_case("yes") {
        return Err(refused(name, "the engine has no directory"));
    }
    let Some(entry) = directives::TABLE.iter().copied().flatten().find(|entry| is(entry.directive.name)) else {
        // The engine's own, or none at all, as the engine will say.
        return Ok(());
    };
    let value = entry.directive.parse(value).map_err(|why| refused(name, &why))?;
    if entry.effect == Effect::Refused && value != entry.directive.default {
        return Err(refused(name, directives::REFUSAL));
    }
    Ok(())
}

fn refused(name: &str, why: &str) -> Failure {
    Failure::new(format!("ERR option '{name}': {why}"))
}
