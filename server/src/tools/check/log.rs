//! `check` for logs: what each file holds, what is to be thought of its end, and cutting that off.
//!
//! Invariants: all that is to be cut is known before anything is; files are cut from the last to the first, so that what
//! is torn stays there to show it until all behind it is gone; what is cut off is kept.

use std::path::{Path, PathBuf};

use carnelian::aof::{self, Ends, Inspection, Plan, Verdict};
use carnelian::map::Map;

use super::super::progress::Progress;
use super::super::source::{Log, Piece, Place};
use super::{Found, Wishes, begins_as_rdb, read};

/// A file, looked through.
struct Looked {
    path: PathBuf,
    bytes: Map,
    /// Where its commands begin.
    from: usize,
    look: Inspection,
}

/// Checks a log, and does about it what is wished. Adds what it found to `lines`; false if the log is not good.
pub(super) fn check(place: &Place, wishes: &Wishes, lines: &mut Vec<String>) -> Result<bool, String> {
    let log = place.open(wishes.is_to_change())?;
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for piece in &log.files {
        match look_at(piece, wishes, lines)? {
            Ok(looked) => files.push(looked),
            Err(problem) => problems.push(problem),
        }
        lines.push(String::new());
    }
    if !problems.is_empty() {
        lines.append(&mut problems);
        if wishes.is_to_change() {
            lines.push("That cannot be repaired: nothing was changed.".into());
        }
        return Ok(false);
    }
    let mut ends: Vec<usize> = files.iter().map(|file| file.look.valid).collect();
    let is_good = judge(&log, &files, wishes, &mut ends, lines);
    if !is_good || !wishes.is_to_change() {
        return Ok(is_good);
    }
    if let Some(folder) = &log.part_of {
        let folder = folder.display();
        return Err(format!(
            "Nothing was changed: the file is one of the log in {folder}, which is repaired as a whole"
        ));
    }
    if let Some(seconds) = wishes.until {
        cut_at_time(&files, seconds, &mut ends, lines)?;
    }
    apply(&files, &ends, lines)?;
    Ok(true)
}

/// Looks through a file. If nothing can be made of it, says why.
fn look_at(piece: &Piece, wishes: &Wishes, lines: &mut Vec<String>) -> Result<Result<Looked, String>, String> {
    let path = piece.path.display();
    let bytes = match Map::open(&piece.path) {
        Ok(bytes) => bytes,
        Err(e) => {
            lines.push(format!("{path} ({}): {e}", piece.title));
            return Ok(Err(format!("The log is not whole: {path} cannot be read ({e}).")));
        }
    };
    lines.push(format!("{path} ({}): {} bytes", piece.title, bytes.len()));
    let mut from = 0;
    if begins_as_rdb(&bytes) {
        let (found, result) = read(&bytes);
        lines.extend(found.lines());
        match result {
            Ok(end) => from = end,
            Err(damaged) => {
                let (at, what) = (damaged.at, damaged.what);
                return Ok(Err(format!("{path} is damaged at byte {at} (0x{at:x}): what should be there is {what}.")));
            }
        }
        refuse_if_later(&found, wishes)?;
    }
    let mut progress = Progress::through(bytes.len());
    let look = aof::inspect_with(&bytes, from, |at| progress.at(at));
    lines.extend(about(&look, &bytes, from));
    Ok(Ok(Looked { path: piece.path.clone(), bytes, from, look }))
}

/// A keyspace of a moment has no earlier one in it.
fn refuse_if_later(found: &Found, wishes: &Wishes) -> Result<(), String> {
    let written = found.writer.iter().find(|(name, _)| name == b"ctime").map(|(_, value)| value);
    let written = written.and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
    match (written, wishes.until) {
        (Some(written), Some(until)) if written > until => {
            Err(format!("Nothing was changed: the base of the log is of second {written}, which is later than {until}"))
        }
        _ => Ok(()),
    }
}

/// What is to be told of the commands in a file.
fn about(look: &Inspection, bytes: &[u8], from: usize) -> Vec<String> {
    if from == bytes.len() && from > 0 {
        return Vec::new();
    }
    let mut lines = vec![format!("commands: {}, up to byte {}", look.commands, look.valid)];
    lines.extend(look.synced.map(|synced| format!("certainly on the disk: up to byte {synced}")));
    lines.extend(look.time.map(|time| format!("last time: {time}")));
    let rest = bytes.len() - look.valid;
    if look.verdict == Verdict::Whole && rest > 0 {
        lines.push(format!("reserved space: {rest} bytes"));
    }
    match look.ends {
        Ends::Foreign => {}
        Ends::Closed => lines.push("ended: in good order".into()),
        Ends::Open => lines.push("ended: without a word".into()),
    }
    lines
}

/// Says what is to be thought of the whole, and notes where files are to be cut. False if that may not be, or nobody wishes
/// it.
fn judge(log: &Log, files: &[Looked], wishes: &Wishes, ends: &mut [usize], lines: &mut Vec<String>) -> bool {
    let (i, is_torn) = match aof::plan(log.has_base, files.iter().map(|file| &file.look)) {
        Plan::Read => {
            let has_reserved = files.iter().any(|file| file.look.valid < file.bytes.len());
            let is_open = files.last().is_some_and(|last| last.look.ends == Ends::Open);
            lines.push("The log is good.".into());
            if (has_reserved || is_open) && !wishes.is_to_change() {
                lines.push("Its server has not ended it: before others read it, they need what --fix does.".into());
            }
            return true;
        }
        Plan::Cut(i) => (i, true),
        Plan::Refuse(i) => (i, false),
    };
    let (path, look) = (files[i].path.display(), &files[i].look);
    if let Verdict::Torn { at, what } | Verdict::Damaged { at, what } = look.verdict {
        let how = if is_torn { "torn, as a crash leaves it," } else { "damaged" };
        lines.push(format!("{path} is {how} at byte {at} (0x{at:x}): what should be there is {what}."));
    }
    if !(wishes.fix && (is_torn || wishes.accept_loss)) {
        let valid = look.valid;
        lines.push(match is_torn {
            true => format!("Nobody was told that anything from byte {valid} on was safe: --fix cuts it off."),
            false => format!("From byte {valid} on something may have been safe: --fix --accept-loss cuts it off."),
        });
        return false;
    }
    ends[i + 1..].fill(0);
    true
}

/// Notes where files are to be cut so that nothing later than a time is left.
fn cut_at_time(files: &[Looked], seconds: u64, ends: &mut [usize], lines: &mut Vec<String>) -> Result<(), String> {
    if files.iter().all(|file| file.look.time.is_none()) {
        return Err("Nothing was changed: no time is written in the log (see aof-timestamp-enabled)".into());
    }
    let first = files.iter().zip(&*ends).enumerate().find_map(|(i, (file, &end))| {
        Some((i, aof::first_after(&file.bytes, file.from, end.max(file.from), seconds)?))
    });
    match first {
        Some((i, at)) => {
            lines.push(format!("What is later than {seconds} begins at byte {at} of {}.", files[i].path.display()));
            ends[i] = at;
            ends[i + 1..].fill(0);
        }
        None => lines.push(format!("Nothing in the log is later than {seconds}.")),
    }
    Ok(())
}

/// Who has written the end of a file that is cut at `end`.
fn ends_at(file: &Looked, end: usize) -> Ends {
    if end == file.look.valid { file.look.ends } else { aof::inspect(&file.bytes[..end], file.from.min(end)).ends }
}

/// Cuts the files, and ends the last one.
fn apply(files: &[Looked], ends: &[usize], lines: &mut Vec<String>) -> Result<(), String> {
    let error = |path: &Path, e| format!("Cannot change {}: {e}", path.display());
    let before = lines.len();
    for (file, &end) in files.iter().zip(ends).rev().filter(|(file, end)| **end < file.bytes.len()) {
        let path = file.path.display();
        lines.push(match aof::cut(&file.path, &file.bytes, end).map_err(|e| error(&file.path, e))? {
            Some(cut) => {
                format!("{path} was cut at byte {end}; {} bytes are now in {}", cut.bytes, cut.aside.display())
            }
            None => format!("{path} was cut at byte {end}, behind which there was only reserved space"),
        });
    }
    if let (Some(last), Some(&end)) = (files.last(), ends.last())
        && ends_at(last, end) == Ends::Open
    {
        aof::close(&last.path).map_err(|e| error(&last.path, e))?;
        lines.push(format!("{} was ended in good order", last.path.display()));
    }
    if lines.len() == before {
        lines.push("Nothing had to be changed.".into());
    }
    Ok(())
}
