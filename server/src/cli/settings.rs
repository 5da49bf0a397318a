//! From lines of redis.conf to the directives of an engine.

use std::collections::HashSet;

use carnelian::command::Core;
use carnelian::config::{Directive, Kind};
use carnelian::{Engine, Options};

use super::conf::{ConfError, Line};
use crate::directives::output_limits::OutputLimits;
use crate::directives::{self, Effect, Words};

const BAD: &str = "Bad directive or wrong number of arguments";

/// Opens an engine that is configured as the lines say. What has no effect is returned as warnings.
pub(crate) fn open(lines: &[Line]) -> Result<(Engine, Vec<String>), ConfError> {
    let mut options = directives::register(Options::new()).recover_later();
    if let Some(databases) = databases(lines)? {
        options = options.databases(databases);
    }
    let engine = Engine::open(options).map_err(|e| ConfError::Line {
        source: "the configuration".into(),
        number: None,
        text: String::new(),
        reason: e.to_string(),
    })?;
    let mut seen = HashSet::new();
    let mut warnings = Vec::new();
    for line in lines {
        set(engine.core(), line, &mut seen, &mut warnings)?;
    }
    Ok((engine, warnings))
}

/// The number of databases has to be known before there is an engine.
fn databases(lines: &[Line]) -> Result<Option<u32>, ConfError> {
    let Some(line) = lines.iter().rfind(|l| l.name == "databases") else { return Ok(None) };
    let directive = Directive::new("databases", Kind::Int { min: 1, max: i32::MAX.into() }, "16");
    let text = directive.parse(&one(line)?).map_err(|e| line.error(e))?;
    Ok(text.parse().ok())
}

fn one(line: &Line) -> Result<String, ConfError> {
    match &line.values[..] {
        [value] => Ok(value.clone()),
        _ => Err(line.error("wrong number of arguments")),
    }
}

fn set(
    core: &Core,
    line: &Line,
    seen: &mut HashSet<&'static str>,
    warnings: &mut Vec<String>,
) -> Result<(), ConfError> {
    if let "rename-command" | "user" | "loadmodule" = &*line.name {
        return Err(line.error(directives::REFUSAL));
    }
    let Some(&directive) = core.config.directive(&line.name) else {
        return if line.name == "databases" { Ok(()) } else { Err(line.error(BAD)) };
    };
    let entry = directives::entry(directive.name);
    let words = match (entry, directive.kind) {
        (Some(entry), _) => entry.words,
        // Whether an engine's directive takes several words it tells by itself, when it gets them.
        (None, Kind::Text | Kind::Custom(_)) => Words::Many,
        (None, _) => Words::One,
    };
    let again = !seen.insert(directive.name);
    let text = match words {
        Words::One => one(line)?,
        _ if line.values.is_empty() && directive.name != "save" => return Err(line.error("wrong number of arguments")),
        // One empty word is no words at all.
        Words::Many if again && directive.name == "save" && line.values != [""] => {
            format!("{} {}", core.config.get("save"), line.values.join(" ")).trim().to_owned()
        }
        Words::Many => line.values.join(" "),
        Words::Repeated => {
            let limits = OutputLimits::parse(&core.config.get(directive.name)).unwrap_or_default();
            limits.changed(&line.values.join(" ")).map_err(|e| line.error(e))?.text()
        }
    };
    let value = directive.parse(&text).map_err(|e| line.error(e))?;
    if value != directive.default {
        match entry.map(|e| e.effect) {
            Some(Effect::Refused) => {
                return Err(line.error(directives::REFUSAL));
            }
            Some(Effect::Nothing(why)) => {
                warnings.push(format!("'{}' has no effect: {why}", directive.name));
            }
            Some(Effect::Works) | None => {}
        }
    }
    if let Some(apply) = directive.apply {
        apply(core, &value).map_err(|e| line.error(e))?;
    }
    core.config.store(&directive, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::conf::read_options;

    fn opened(words: &[&str]) -> Result<(Engine, Vec<String>), String> {
        let words: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
        read_options(&words).and_then(|lines| open(&lines)).map_err(|e| e.to_string())
    }

    #[test]
    fn values_reach_the_engine() {
        let (engine, warnings) = opened(&[
            "--port",
            "7000",
            "--bind",
            "127.0.0.1",
            "::1",
            "--TIMEOUT",
            "5",
            "--client-output-buffer-limit",
            "normal",
            "1kb",
            "0",
            "0",
            "--client-output-buffer-limit",
            "pubsub",
            "0",
            "0",
            "0",
            "--databases",
            "3",
            "--save",
            "",
        ])
        .unwrap();
        let config = &engine.core().config;
        assert_eq!((config.int("port"), config.int("timeout")), (7000, 5));
        assert_eq!(config.get("bind"), "127.0.0.1 ::1");
        let limits = "normal 1024 0 0 slave 268435456 67108864 60 pubsub 0 0 0";
        assert_eq!(config.get("client-output-buffer-limit"), limits);
        assert_eq!(engine.core().keyspace.databases(), 3);
        assert_eq!((config.get("save"), warnings), (String::new(), Vec::new()));
    }

    #[test]
    fn refusals_are_in_the_words_of_redis() {
        for (words, reason) in [
            (&["--port", "abc"][..], "argument couldn't be parsed into an integer"),
            (&["--port", "1", "2"], "wrong number of arguments"),
            (&["--port", "65536"], "argument must be between 0 and 65535 inclusive"),
            (&["--timeout", "-1"], "argument must be between 0 and 2147483647 inclusive"),
            (&["--loglevel", "foo"], "argument(s) must be one of the following: debug, verbose, notice, warning"),
            (&["--daemonize", "maybe"], "argument must be 'yes' or 'no'"),
            (&["--unixsocketperm", "9"], "argument couldn't be parsed as an octal number"),
            (&["--nonsense", "1"], BAD),
            (&["--databases", "0"], "argument must be between 1 and 2147483647 inclusive"),
            (&["--tls-port", "6380"], "not supported yet, and doing without it would do harm"),
        ] {
            let error = opened(words).err().unwrap_or_default();
            assert!(error.ends_with(reason), "{words:?}: {error}");
        }
        let error = opened(&["--client-output-buffer-limit", "normal", "1"]).err().unwrap_or_default();
        assert!(error.contains("Reading the command line\n>>> 'client-output-buffer-limit \"normal\" \"1\"'\nWrong"));
    }
}
