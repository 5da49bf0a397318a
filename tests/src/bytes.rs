//! Bytes as people read them: escaped, and cut where they get long.

use std::fmt;

/// How much of a long string a report shows. The seed replays the rest.
const SHOWN: usize = 160;

/// Shows bytes as an escaped string in quotes; long ones are cut and their length is given.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() { write!(f, "...({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A whole command, each argument escaped.
#[must_use]
pub fn command_text(argv: &[Vec<u8>]) -> String {
    argv.iter().map(|a| Escaped(a).to_string()).collect::<Vec<_>>().join(" ")
}
