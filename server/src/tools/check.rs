//! `check`: what a file holds, or where it is damaged.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use carnelian::rdb::{self, Damaged, Loaded, Part};
use carnelian::value::Value;

use super::progress::Progress;
use super::source::{Source, map};
use super::{limits, now, shown};

mod log;

/// What is to be done about what is found.
pub(super) struct Wishes {
    /// Repair what a crash has left.
    pub(super) fix: bool,
    /// Also what nobody knows to be of no worth.
    pub(super) accept_loss: bool,
    /// Leave nothing of a log that is later than this, in seconds since 1970.
    pub(super) until: Option<u64>,
}

impl Wishes {
    fn is_to_change(&self) -> bool {
        self.fix || self.until.is_some()
    }
}

/// Checks what is at a path, and says on the standard output what it found. The exit code is 1 if that is damaged.
pub(super) fn run(path: &Path, wishes: &Wishes) -> Result<ExitCode, String> {
    let mut lines = Vec::new();
    let is_good = match Source::at(path)? {
        Source::Rdb(_) if wishes.until.is_some() => return Err("An RDB file is of one moment, and has no times".into()),
        Source::Rdb(file) => check_rdb(&file, wishes.fix, &mut lines),
        Source::Log(place) => log::check(&place, wishes, &mut lines),
    };
    // What was found is of use whatever comes of it.
    lines.push(String::new());
    let written = io::stdout().write_all(lines.join("\n").as_bytes());
    let is_good = is_good?;
    written.map_err(|e| format!("Cannot say what was found: {e}"))?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_rdb(path: &Path, fix: bool, lines: &mut Vec<String>) -> Result<bool, String> {
    let bytes = map(path)?;
    let (found, result) = read(&bytes);
    lines.push(format!("{}: {} bytes", path.display(), bytes.len()));
    lines.extend(found.lines());
    let result = result.and_then(|end| match bytes.len() {
        len if len == end => Ok(()),
        _ => Err(Damaged { at: end, what: "the end of the file" }),
    });
    match result {
        Ok(()) => {
            lines.push(format!("checksum: {}", if has_checksum(&bytes) { "right" } else { "none" }));
            lines.push("The file is good.".to_owned());
        }
        Err(damaged) => lines.extend(about_damage(&found, damaged, fix)),
    }
    Ok(result.is_ok())
}

/// Whether an RDB file is there, or at the start of something else.
pub(super) fn begins_as_rdb(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

fn about_damage(found: &Found, damaged: Damaged, fix: bool) -> Vec<String> {
    let Damaged { at, what } = damaged;
    let mut lines = vec![format!("The file is damaged at byte {at} (0x{at:x}): what should be there is {what}.")];
    lines.push(match &found.last {
        None => "No key could be read.".to_owned(),
        Some((db, key, end)) => {
            format!("The last key that could be read is {} of database {db}, up to byte {end}.", shown(key))
        }
    });
    if fix {
        lines.push("An RDB file cannot be repaired: nothing was changed.".to_owned());
    }
    lines
}

/// A file of a version that has a checksum, unless that was switched off, ends with it.
fn has_checksum(bytes: &[u8]) -> bool {
    let version =
        bytes.get(..9).map(|header| header.iter().filter(|b| b.is_ascii_digit()).copied().collect::<Vec<_>>());
    let version = version.and_then(|digits| String::from_utf8(digits).ok()?.parse::<u16>().ok());
    version.is_some_and(|version| version >= 5) && bytes.last_chunk::<8>().is_some_and(|sum| *sum != [0; 8])
}

/// What a file holds.
#[derive(Default)]
struct Found {
    version: String,
    writer: Vec<(Vec<u8>, Vec<u8>)>,
    databases: BTreeMap<u64, Keys>,
    types: BTreeMap<&'static str, u64>,
    empty: u64,
    functions: u64,
    modules: u64,
    /// The last key, with its database and where it ends.
    last: Option<(u64, Vec<u8>, usize)>,
}

/// Those of a database.
#[derive(Default)]
struct Keys {
    all: u64,
    with_deadline: u64,
    expired: u64,
}

/// Reads a file to its end, and says where that is.
fn read(bytes: &[u8]) -> (Found, Result<usize, Damaged>) {
    let header = bytes.get(..9).unwrap_or(bytes);
    let mut found = Found { version: header.escape_ascii().to_string(), ..Found::default() };
    let mut progress = Progress::through(bytes.len());
    let now = now();
    let result = rdb::walk(bytes, &limits(), |end, part| {
        progress.at(end);
        found.add(end, &part, now);
        Ok(())
    });
    (found, result)
}

impl Found {
    fn add(&mut self, end: usize, part: &Part<'_>, now: u64) {
        match part {
            Part::About(name, value) => self.writer.push((name.to_vec(), value.to_vec())),
            Part::Size(..) => {}
            Part::Function(_) => self.functions += 1,
            Part::Module => self.modules += 1,
            Part::Key(db, key, value, about) => {
                let keys = self.databases.entry(*db).or_default();
                keys.all += 1;
                keys.with_deadline += u64::from(about.deadline.is_some());
                keys.expired += u64::from(about.deadline.is_some_and(|at| at < now));
                match value {
                    Some(value) => *self.types.entry(name_of(value)).or_default() += 1,
                    None => self.empty += 1,
                }
                let last = self.last.get_or_insert_default();
                last.1.clear();
                last.1.extend_from_slice(key);
                (last.0, last.2) = (*db, end);
            }
        }
    }
}

/// The name of a value's type, as TYPE gives it.
pub(super) fn name_of(value: &Loaded<'_>) -> &'static str {
    match value {
        Loaded::String(_) | Loaded::Value(Value::String(_)) => "string",
        Loaded::Value(Value::List(_)) => "list",
        Loaded::Value(Value::Set(_)) => "set",
        Loaded::Value(Value::Hash(_)) => "hash",
        Loaded::Value(Value::SortedSet(_)) => "zset",
        Loaded::Value(Value::Stream(_)) => "stream",
    }
}

impl Found {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("version: {}", self.version)];
        let writer = self.writer.iter();
        lines.extend(writer.map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii())));
        let databases = self.databases.iter();
        lines.extend(databases.map(|(db, Keys { all, with_deadline, expired })| {
            format!("database {db}: {all} keys, {with_deadline} with a deadline, {expired} of them past")
        }));
        lines.extend(self.types.iter().map(|(name, count)| format!("type {name}: {count} keys")));
        let rest = [
            ("collections without elements", self.empty),
            ("libraries of functions", self.functions),
            ("parts of modules", self.modules),
        ];
        lines.extend(rest.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what}: {count}")));
        lines
    }
}
