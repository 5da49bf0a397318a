//! redis.conf and the command line, as lines of words.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use carnelian::codec::glob::glob_match;
use carnelian::codec::resp::split_words;

/// How deep files may include each other.
const INCLUDE_DEPTH: usize = 16;

/// A directive as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// The file, or something else that people understand.
    pub(crate) source: String,
    /// The number of the line, if there are several.
    pub(crate) number: Option<usize>,
    /// The line.
    pub(crate) text: String,
    /// The directive's name, in lower case.
    pub(crate) name: String,
    /// Its words.
    pub(crate) values: Vec<String>,
}

/// Why a configuration was refused.
#[derive(Debug)]
pub(crate) enum ConfError {
    /// A file could not be read.
    File(PathBuf, std::io::Error),
    /// A line is wrong.
    Line { source: String, number: Option<usize>, text: String, reason: String },
}

impl Line {
    /// The error that this line is wrong.
    pub(crate) fn error(&self, reason: impl Into<String>) -> ConfError {
        ConfError::Line {
            source: self.source.clone(),
            number: self.number,
            text: self.text.clone(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, e) => {
                // Without Rust's "(os error 2)".
                let text = e.to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                write!(f, "Fatal error, can't open config file '{}': {text}", path.display())
            }
            Self::Line { source, number, text, reason } => {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Carnelian {}) ***", env!("CARGO_PKG_VERSION"))?;
                match number {
                    Some(number) => writeln!(f, "Reading the configuration file '{source}', at line {number}")?,
                    None => writeln!(f, "Reading {source}")?,
                }
                writeln!(f, ">>> '{text}'")?;
                write!(f, "{reason}")
            }
        }
    }
}

/// Reads a file, and those it includes.
pub(crate) fn read_file(path: &Path) -> Result<Vec<Line>, ConfError> {
    let mut lines = Vec::new();
    include(path, INCLUDE_DEPTH, &mut lines)?;
    Ok(lines)
}

/// Reads the standard input.
pub(crate) fn read_stdin() -> Result<Vec<Line>, ConfError> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text).map_err(|e| ConfError::File("-".into(), e))?;
    let mut lines = Vec::new();
    parse(&text, "-", INCLUDE_DEPTH, &mut lines)?;
    Ok(lines)
}

fn include(path: &Path, depth: usize, lines: &mut Vec<Line>) -> Result<(), ConfError> {
    let text = std::fs::read(path).map_err(|e| ConfError::File(path.to_owned(), e))?;
    parse(&text, &path.display().to_string(), depth, lines)
}

fn parse(text: &[u8], source: &str, depth: usize, lines: &mut Vec<Line>) -> Result<(), ConfError> {
    for (i, raw) in text.split(|&b| b == b'\n').enumerate() {
        let raw = raw.trim_ascii();
        if raw.is_empty() || raw.starts_with(b"#") {
            continue;
        }
        let mut line = Line {
            source: source.to_owned(),
            number: Some(i + 1),
            text: String::from_utf8_lossy(raw).into_owned(),
            name: String::new(),
            values: Vec::new(),
        };
        let words = split_words(raw).ok_or_else(|| line.error("Unbalanced quotes in configuration line"))?;
        let words: Result<Vec<String>, _> = words.into_iter().map(String::from_utf8).collect();
        let mut words = words.map_err(|_| line.error("not UTF-8"))?.into_iter();
        let Some(name) = words.next() else { continue };
        line.name = name.to_ascii_lowercase();
        line.values = words.collect();
        match (&*line.name, &line.values[..]) {
            ("include", [pattern]) => {
                let depth = depth.checked_sub(1).ok_or_else(|| line.error("files include each other too deeply"))?;
                for path in matching(Path::new(pattern)) {
                    include(&path, depth, lines)?;
                }
            }
            _ => lines.push(line),
        }
    }
    Ok(())
}

/// The files that a path with a pattern as its last part stands for, in order; the path itself if it has none.
fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains(['*', '?', '[']) {
        return vec![path.to_owned()];
    }
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| glob_match(name.as_bytes(), e.file_name().to_string_lossy().as_bytes(), false))
        .map(|e| e.path())
        .collect();
    found.sort();
    found
}

/// Reads `--directive value...` from the command line.
pub(crate) fn read_options(words: &[String]) -> Result<Vec<Line>, ConfError> {
    let mut lines: Vec<Line> = Vec::new();
    for word in words {
        match (word.strip_prefix("--"), lines.last_mut()) {
            (Some(name), _) => lines.push(Line {
                source: "the command line".into(),
                number: None,
                text: name.to_owned(),
                name: name.to_ascii_lowercase(),
                values: Vec::new(),
            }),
            (None, Some(line)) => {
                line.text.push_str(&format!(" \"{}\"", word.escape_default()));
                line.values.push(word.clone());
            }
            (None, None) => {
                return Err(ConfError::Line {
                    source: "the command line".into(),
                    number: None,
                    text: word.clone(),
                    reason: "Bad directive or wrong number of arguments".into(),
                });
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<(String, Vec<String>)>, ConfError> {
        let mut lines = Vec::new();
        parse(text.as_bytes(), "x.conf", INCLUDE_DEPTH, &mut lines)?;
        Ok(lines.into_iter().map(|l| (l.name, l.values)).collect())
    }

    #[test]
    fn comments_quotes_and_spaces() {
        let read = lines("# a comment\r\n\n  PORT 7000\r\nsave \"\"\nlogfile 'a b'\nbind a b\n   # another\n").unwrap();
        let expected: [(&str, &[&str]); 4] =
            [("port", &["7000"]), ("save", &[""]), ("logfile", &["a b"]), ("bind", &["a", "b"])];
        assert_eq!(read, expected.map(|(n, v)| (n.into(), v.iter().map(|&v| v.into()).collect())));
    }

    #[test]
    fn errors_tell_where() {
        let text = lines("port 1\nlogfile \"x\n").unwrap_err().to_string();
        let end = "Reading the configuration file 'x.conf', at line 2\n>>> 'logfile \"x'\n\
                   Unbalanced quotes in configuration line";
        assert!(text.starts_with("\n*** FATAL CONFIG FILE ERROR (Carnelian ") && text.ends_with(end), "{text}");
        let text = lines("include /nonexistent/x.conf").unwrap_err().to_string();
        assert_eq!(text, "Fatal error, can't open config file '/nonexistent/x.conf': No such file or directory");
    }

    #[test]
    fn options_of_the_command_line() {
        let words = ["--port", "7000", "--bind", "127.0.0.1", "::1", "--save", ""].map(String::from);
        let read = read_options(&words).unwrap();
        let names: Vec<_> = read.iter().map(|l| &*l.name).collect();
        assert_eq!(names, ["port", "bind", "save"]);
        assert_eq!(read[1].values, ["127.0.0.1", "::1"]);
        assert_eq!(read[2].values, [""]);
        assert!(read_options(&["x".into()]).is_err());
    }
}
