//! What a crash has left of a log, and cutting it off.
//!
//! Invariant: nothing is deleted. What is cut off a segment is on the disk, in a file beside it, before the segment is
//! cut; only zeros go, which are space that was reserved.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::inspect::{Inspection, Verdict};
use super::record;

/// What is to be done about the files of a log before they can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    /// Nothing.
    Read,
    /// The file of this index is torn as a crash leaves it: it is cut where its valid part ends, and those behind it at
    /// their start. Nothing of that was ever told to be safe.
    Cut(usize),
    /// The file of this index is damaged, or some of what is behind its valid part was safe.
    Refuse(usize),
}

/// Decides what is to be done about files in the order in which they are read. The first may be a base.
pub fn plan<'i>(has_base: bool, looks: impl IntoIterator<Item = &'i Inspection>) -> Plan {
    let mut looks = looks.into_iter().enumerate();
    let Some((i, look)) = looks.find(|(_, look)| look.verdict != Verdict::Whole) else { return Plan::Read };
    let is_base = has_base && i == 0;
    // Segments are brought to the disk in order: if part of a later one was, all of this one was. And a base was there
    // before anything was appended to what is behind it, and so was what others have written.
    let was_safe = |later: &Inspection| {
        later.synced.is_some_and(|synced| synced > 0)
            || later.commands > 0 && (is_base || later.synced.is_none())
            || matches!(later.verdict, Verdict::Damaged { .. })
    };
    match look.verdict {
        Verdict::Torn { .. } if !looks.any(|(_, later)| was_safe(later)) => Plan::Cut(i),
        _ => Plan::Refuse(i),
    }
}

/// What was cut off a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// How many bytes, without reserved space.
    pub bytes: usize,
    /// Where they are now.
    pub aside: PathBuf,
}

/// Cuts a file, which holds `bytes`, where its valid part ends. `None` if there were only zeros behind that.
///
/// # Errors
/// Those of the system; then the file is as it was.
pub fn cut(path: &Path, bytes: &[u8], valid: usize) -> io::Result<Option<Cut>> {
    let rest = bytes.get(valid..).unwrap_or_default();
    let used = rest.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    let kept = if used > 0 { Some(Cut { bytes: used, aside: keep(path, valid, &rest[..used])? }) } else { None };
    let file = File::options().write(true).open(path)?;
    file.set_len(valid as u64)?;
    file.sync_all()?;
    Ok(kept)
}

/// Writes what is cut off to a new file.
fn keep(path: &Path, valid: usize, rest: &[u8]) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".cut-at-{valid}"));
    for again in 1.. {
        let mut aside = name.clone();
        if again > 1 {
            aside.push(format!(".{again}"));
        }
        match File::create_new(&aside) {
            // The same file has been cut at the same place before.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            file => {
                let mut file = file?;
                file.write_all(rest)?;
                file.sync_all()?;
                if let Some(folder) = path.parent() {
                    File::open(folder)?.sync_all()?;
                }
                return Ok(aside.into());
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Ends a segment of ours whose writer has gone without a word, so that whatever another server appends counts as its
/// own. The file is as long as its content.
///
/// # Errors
/// Those of the system.
pub fn close(path: &Path) -> io::Result<()> {
    let mut file = File::options().append(true).open(path)?;
    // What it says to have been on the disk is there.
    file.sync_all()?;
    let mut last = Vec::new();
    record::end(&mut last, 0, Some(file.metadata()?.len()), true);
    file.write_all(&last)?;
    file.sync_all()
}
