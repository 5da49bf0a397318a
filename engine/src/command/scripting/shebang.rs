//! The first line of scripts and libraries, when it begins with `#!`: which engine they are for, and what they promise.

use crate::error::{Error, Result};
use crate::lua::FunctionFlags;

/// What a script or function promises, or asks for.
pub(super) type Promises = FunctionFlags;

/// What the first line of a script says, and where the line ends. Without such a line, nothing and 0.
///
/// # Errors
/// In Redis's words, if the line cannot be understood.
pub(super) fn of_script(source: &[u8]) -> Result<(Option<Promises>, usize)> {
    let Some(line) = first_line(source) else { return Ok((None, 0)) };
    let line = line.ok_or_else(|| Error::new("ERR Invalid script shebang"))?;
    let words = split_args(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Error::new("ERR Invalid engine in script shebang"))?;
    let mut words = words.iter().map(Vec::as_slice);
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(Error::quoting("ERR Unexpected engine in script shebang: ", engine, ""));
    }
    let mut promises = Promises::empty();
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return Err(Error::quoting("ERR Unknown lua shebang option: ", word, ""));
        };
        for flag in flags.split(|&b| b == b',').filter(|flag| !flag.is_empty()) {
            let known = Promises::by_name(flag).filter(|_| !flag.iter().any(u8::is_ascii_uppercase));
            promises |= known.ok_or_else(|| Error::quoting("ERR Unexpected flag in script shebang: ", flag, ""))?;
        }
    }
    Ok((Some(promises), line.len()))
}

/// The name that the first line of a library gives, and where the line ends.
///
/// # Errors
/// In Redis's words, if the line cannot be understood.
pub(super) fn of_library(source: &[u8]) -> Result<(String, usize)> {
    let line = first_line(source).ok_or_else(|| Error::new("ERR Missing library metadata"))?;
    let line = line.ok_or_else(|| Error::new("ERR Invalid library metadata"))?;
    let words = split_args(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Error::new("ERR Invalid library metadata"))?;
    let (engine, rest) = words.split_first().map_or((&b""[..], &words[..]), |(engine, rest)| (&engine[..], rest));
    let engine = &engine[2.min(engine.len())..];
    let mut name = None;
    for word in rest {
        let Some(given) = word.strip_prefix(b"name=") else {
            return Err(Error::quoting("ERR Invalid metadata value given: ", word, ""));
        };
        if name.replace(given).is_some() {
            return Err(Error::new("ERR Invalid metadata value, name argument was given multiple times"));
        }
    }
    let name = name.ok_or_else(|| Error::new("ERR Library name was not given"))?;
    if name.is_empty() || !name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err(Error::new(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character \
             long",
        ));
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(Error::quoting("ERR Engine '", engine, "' not found"));
    }
    Ok((String::from_utf8_lossy(name).into_owned(), line.len()))
}

/// The first line, if it begins with `#!`; of `Some(None)` the end is missing.
fn first_line(source: &[u8]) -> Option<Option<&[u8]>> {
    source.starts_with(b"#!").then(|| source.iter().position(|&b| b == b'\n').map(|end| &source[..end]))
}

/// Splits a line into words as Redis splits those of its configuration: at spaces, with quotes. `None` if quotes do not fit
/// together.
fn split_args(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut words, mut rest) = (Vec::new(), line);
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        let mut quote = None;
        loop {
            let Some((&byte, after)) = rest.split_first() else {
                if quote.is_some() {
                    return None;
                }
                break;
            };
            rest = after;
            match (quote, byte) {
                (None, b' ' | b'\n' | b'\r' | b'\t' | 0) => break,
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(q), _) if q == byte => {
                    // The closing quote ends the word.
                    if rest.first().is_some_and(|b| !b.is_ascii_whitespace()) {
                        return None;
                    }
                    break;
                }
                (Some(_), b'\\') => {
                    let (&escaped, after) = rest.split_first()?;
                    rest = after;
                    word.push(match escaped {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        other => other,
                    });
                }
                (_, byte) => word.push(byte),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_script() {
        let flags = |line: &str| of_script(line.as_bytes()).map_err(|e| e.text().into_owned());
        assert_eq!(flags("return 1"), Ok((None, 0)));
        assert_eq!(flags("#!lua\nreturn 1"), Ok((Some(Promises::empty()), 5)));
        let both = Promises::NO_WRITES | Promises::ALLOW_STALE;
        assert_eq!(flags("#!lua  flags=no-writes,,allow-stale\n"), Ok((Some(both), 35)));
        assert_eq!(flags("#!lua"), Err("ERR Invalid script shebang".into()));
        assert_eq!(flags("#!js\n"), Err("ERR Unexpected engine in script shebang: #!js".into()));
        assert_eq!(flags("#!lua x=1\n"), Err("ERR Unknown lua shebang option: x=1".into()));
        assert_eq!(flags("#!lua flags=x\n"), Err("ERR Unexpected flag in script shebang: x".into()));
    }

    #[test]
    fn the_first_line_of_a_library() {
        let name = |line: &str| of_library(line.as_bytes()).map_err(|e| e.text().into_owned());
        assert_eq!(name("#!lua name=mylib\n"), Ok(("mylib".into(), 16)));
        assert_eq!(name("#!LUA name='my_lib'\n"), Ok(("my_lib".into(), 19)));
        assert_eq!(name("return 1"), Err("ERR Missing library metadata".into()));
        assert_eq!(name("#!lua\n"), Err("ERR Library name was not given".into()));
        assert_eq!(name("#!js name=a\n"), Err("ERR Engine 'js' not found".into()));
    }
}
