//! `import`: a dump.rdb out of lines of JSON. It is written aside, and takes its place when all lines are right.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use carnelian::files;
use carnelian::rdb::{FileWriter, Format};

use super::export::put;
use super::progress::Progress;
use super::{about_this, json, limits, now, shown, told};

/// Makes a dump.rdb in a directory, which has to be empty or not be there unless `force` is given.
pub(super) fn run(lines: &Path, directory: &Path, force: bool, format: Format) -> Result<ExitCode, String> {
    let input = File::open(lines).map_err(|e| format!("Cannot read {}: {e}", lines.display()))?;
    let is_new = prepare(directory, force)?;
    // Nobody else writes one meanwhile, or begins a log.
    let _lock = files::lock(directory).map_err(told)?;
    let written = files::replace(&directory.join("dump.rdb"), |file| write(&input, file, format));
    let keys = written.map_err(|e| {
        if is_new {
            // It is as empty as it was made.
            let _ = std::fs::remove_file(directory.join(files::LOCK)).and_then(|()| std::fs::remove_dir(directory));
        }
        format!("Cannot import {}: {e}", lines.display())
    })?;
    eprintln!("{keys} keys are in {}", directory.join("dump.rdb").display());
    Ok(ExitCode::SUCCESS)
}

/// Sees to a directory that may be written to; true if there was none.
fn prepare(directory: &Path, force: bool) -> Result<bool, String> {
    let error = |e: io::Error| format!("Cannot write to {}: {e}", directory.display());
    if !directory.exists() {
        return std::fs::create_dir(directory).map(|()| true).map_err(error);
    }
    let is_log = |name: &str| directory.join(name).exists();
    if let Some(log) = ["appendonlydir", "appendonly.aof"].into_iter().find(|name| is_log(name)) {
        let directory = directory.display();
        return Err(format!(
            "{directory} has a log ({log}), beside which a dump.rdb would not be read: move it away first"
        ));
    }
    let mut names = std::fs::read_dir(directory).map_err(error)?.map(|entry| Ok(entry?.file_name()));
    // What tells whose a directory is says nothing of what is in it.
    let is_empty = names.all(|name: io::Result<_>| name.is_ok_and(|name| name == files::LOCK));
    if is_empty || force {
        return Ok(false);
    }
    Err(format!("{} is not empty; with --force its dump.rdb is replaced", directory.display()))
}

fn write(input: &File, out: &File, format: Format) -> io::Result<u64> {
    let mut file = FileWriter::begin(BufWriter::new(out), format, &about_this())?;
    let len = input.metadata().map_or(0, |about| usize::try_from(about.len()).unwrap_or(0));
    let (mut input, mut progress) = (BufReader::new(input), Progress::through(len));
    let (mut seen, mut current, mut line) = (Seen::default(), None, Vec::new());
    let (limits, now) = (limits(), now());
    let (mut keys, mut position) = (0, 0);
    for number in 1_u64.. {
        line.clear();
        position += input.read_until(b'\n', &mut line)?;
        progress.at(position);
        if line.is_empty() {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let error = |what| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {what}"));
        let key = json::read(&line, &limits, now).map_err(error)?;
        if !seen.add(key.db, &key.key) {
            return Err(error(format!("the key {} is there twice", shown(&key.key))));
        }
        put(&mut file, &mut current, key.db, &key.key, &key.value, key.about)?;
        keys += 1;
    }
    file.finish()?.into_inner()?;
    Ok(keys)
}

/// Keys that were there already, by 128 bits of hash each: real servers refuse a file with a key twice.
#[derive(Default)]
struct Seen {
    hashers: [RandomState; 2],
    hashes: HashSet<u128>,
}

impl Seen {
    /// False if it was there.
    fn add(&mut self, db: u32, key: &[u8]) -> bool {
        let [high, low] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one((db, key))));
        self.hashes.insert(high << 64 | low)
    }
}
