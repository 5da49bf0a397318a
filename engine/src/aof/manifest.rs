//! The manifest: which files make up the log. Its format is Redis's, a line for each file.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::codec::resp;
use crate::files;

/// What a file is to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// All keys at some moment.
    Base,
    /// What has changed since.
    Increment,
    /// No longer needed, about to be deleted.
    History,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::Increment => 'i',
            Self::History => 'h',
        }
    }
}

/// A file of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Its name in the directory.
    pub name: String,
    /// Its number, counted for each kind.
    pub seq: u64,
    /// What it is.
    pub kind: Kind,
}

/// Which files there are: at most one base, then increments in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Manifest {
    /// All files, those that are history included.
    pub pieces: Vec<Piece>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// A text that says what is wrong with which line.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut manifest = Self::default();
        for (i, line) in text.split(|&b| b == b'\n').enumerate() {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let piece = parse_line(line).ok_or_else(|| format!("line {} of the manifest is not one", i + 1))?;
            manifest.check_next(&piece).map_err(|what| format!("line {} of the manifest: {what}", i + 1))?;
            manifest.pieces.push(piece);
        }
        if manifest.pieces.is_empty() { Err("the manifest names no file".into()) } else { Ok(manifest) }
    }

    fn check_next(&self, piece: &Piece) -> Result<(), &'static str> {
        match piece.kind {
            Kind::Base if self.base().is_some() => Err("a second base"),
            Kind::Increment if self.increments().last().is_some_and(|last| last.seq >= piece.seq) => {
                Err("increments out of order")
            }
            _ => Ok(()),
        }
    }

    /// Reads the manifest of a directory; `None` if there is none.
    ///
    /// # Errors
    /// Those of the system, and if it is no manifest.
    pub fn read(folder: &Path, base_name: &str) -> io::Result<Option<Self>> {
        match fs::read(Self::path(folder, base_name)) {
            Ok(text) => Self::parse(&text).map(Some).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Puts the manifest into its place, on the disk.
    ///
    /// # Errors
    /// Those of the system; then the old one is still there.
    pub fn write(&self, folder: &Path, base_name: &str) -> io::Result<()> {
        use io::Write;
        files::replace(&Self::path(folder, base_name), |mut file| file.write_all(self.to_text().as_bytes()))
    }

    fn path(folder: &Path, base_name: &str) -> PathBuf {
        folder.join(format!("{base_name}.manifest"))
    }

    fn to_text(&self) -> String {
        let line = |p: &Piece| format!("file {} seq {} type {}\n", quoted(&p.name), p.seq, p.kind.letter());
        self.pieces.iter().map(line).collect()
    }

    /// The base, if there is one.
    pub fn base(&self) -> Option<&Piece> {
        self.pieces.iter().find(|p| p.kind == Kind::Base)
    }

    /// The increments, in order.
    pub fn increments(&self) -> impl DoubleEndedIterator<Item = &Piece> {
        self.pieces.iter().filter(|p| p.kind == Kind::Increment)
    }

    /// The next increment, which the caller adds.
    pub fn next_increment(&self, base_name: &str) -> Piece {
        let seq = self.next_seq(|kind| kind != Kind::Base, "incr");
        Piece { name: format!("{base_name}.{seq}.incr.aof"), seq, kind: Kind::Increment }
    }

    /// The next base, an RDB file.
    pub fn next_base(&self, base_name: &str) -> Piece {
        let seq = self.next_seq(|kind| kind != Kind::Increment, "base");
        Piece { name: format!("{base_name}.{seq}.base.rdb"), seq, kind: Kind::Base }
    }

    /// The manifest with a new base and the last increment, which follows it; all else is history.
    #[must_use]
    pub fn rebased(&self, base: Piece) -> Self {
        let last = self.increments().next_back();
        let history = |p: &Piece| Piece { kind: Kind::History, ..p.clone() };
        let history = self.pieces.iter().filter(|p| Some(*p) != last).map(history);
        Self { pieces: std::iter::once(base).chain(history).chain(last.cloned()).collect() }
    }

    /// Files that are history keep their numbers, which must not be used again while they may be there.
    fn next_seq(&self, counts: impl Fn(Kind) -> bool, word: &str) -> u64 {
        let word = format!(".{word}.");
        let counts = |p: &&Piece| counts(p.kind) && (p.kind != Kind::History || p.name.contains(&word));
        self.pieces.iter().filter(counts).map(|p| p.seq).max().unwrap_or(0).saturating_add(1)
    }
}

fn parse_line(line: &[u8]) -> Option<Piece> {
    let words = resp::inline_args(line)?;
    let (mut name, mut seq, mut kind) = (None, None, None);
    for pair in words.chunks(2) {
        let [key, value] = pair else { return None };
        match &key[..] {
            b"file" => name = Some(String::from_utf8(value.clone()).ok()?),
            b"seq" => seq = std::str::from_utf8(value).ok()?.parse::<u64>().ok(),
            b"type" => {
                kind = Some(match &value[..] {
                    b"b" => Kind::Base,
                    b"i" => Kind::Increment,
                    b"h" => Kind::History,
                    _ => return None,
                });
            }
            // Later versions may say more.
            _ => {}
        }
    }
    // A name leads to no other directory.
    let name = name.filter(|n| !n.is_empty() && !n.contains('/') && n != "." && n != "..")?;
    Some(Piece { name, seq: seq.filter(|&s| s > 0)?, kind: kind? })
}

/// A name as Redis writes it: in quotes where it would be read as something else.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\');
    if name.chars().all(plain) {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const TEXT: &str = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                        file appendonly.aof.1.incr.aof seq 1 type h\n\
                        file appendonly.aof.3.incr.aof seq 3 type i\n\
                        file \"a b\\x01\\\"c\" seq 4 type i\n";

    #[test]
    fn what_is_written_is_read() {
        let manifest = Manifest::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(manifest.to_text(), TEXT);
        assert_eq!(manifest.base().unwrap().seq, 2);
        assert_eq!(
            manifest.increments().map(|p| &p.name[..]).collect::<Vec<_>>(),
            ["appendonly.aof.3.incr.aof", "a b\u{1}\"c"]
        );
        assert_eq!(manifest.next_increment("x").name, "x.5.incr.aof");
        assert_eq!(manifest.next_base("x").name, "x.3.base.rdb");
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_line() {
        for (text, said) in [
            ("", "no file"),
            ("file a seq 1 type b\nfile b seq 2 type b\n", "line 2 of the manifest: a second base"),
            ("file a seq 2 type i\nfile b seq 2 type i\n", "line 2 of the manifest: increments out of order"),
            ("file ../a seq 1 type b\n", "line 1"),
            ("file a seq x type b\n", "line 1"),
            ("file a seq 0 type i\n", "line 1"),
            ("file a seq 1 type q\n", "line 1"),
            ("file a seq 1 type\n", "line 1"),
            ("file \"a seq 1 type i\n", "line 1"),
        ] {
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
