//! Reading segments: which part of one is whole, what is to be thought of the rest, and the commands in it.
//!
//! A file is looked through whole before any of its commands runs, so that nothing is applied of a record that turns out
//! to be torn.

use super::record::{self, MARK};

/// What a look through a segment has found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspection {
    /// Up to here everything is whole.
    pub valid: usize,
    /// What is to be thought of what lies behind that.
    pub verdict: Verdict,
    /// Commands in the valid part.
    pub commands: u64,
    /// Up to where some record states that the file was on the disk.
    pub synced: Option<u64>,
    /// The last time that is written down, in seconds since 1970.
    pub time: Option<u64>,
    /// Who has written the end of the valid part.
    pub ends: Ends,
}

/// Who has written the end of what is valid of a segment, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ends {
    /// Another server, or nobody: there is nothing.
    Foreign,
    /// We, without a word that it is the end: what another server appended would be taken for a torn record of ours.
    Open,
    /// We, in good order.
    Closed,
}

/// What is to be thought of the bytes behind the valid part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There are none, but for zeros: space that was reserved.
    Whole,
    /// They are what a crash has left of changes that nobody was told to be safe, and may be cut off.
    Torn {
        /// Where something was found that should not be.
        at: usize,
        /// What should be there.
        what: &'static str,
    },
    /// The file is damaged where it was safe, or where nothing tells whether it was.
    Damaged {
        /// Where something was found that should not be.
        at: usize,
        /// What should be there.
        what: &'static str,
    },
}

/// Why a command could not be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// The file ends within it.
    Ends,
    /// It is none.
    Wrong,
    /// It is later than what is of interest.
    Later,
}

/// Looks through a segment from `from` on, where an RDB file in front of the commands ends. O(length).
pub fn inspect(file: &[u8], from: usize) -> Inspection {
    inspect_with(file, from, |_| {})
}

/// As [`inspect`], with the halves of a large file looked through at the same time. The second begins behind the end of some
/// record, and counts if the first turns out to end there, as a file does: then nothing else was to be known from it.
pub fn inspect_halves(file: &[u8], from: usize) -> Inspection {
    let len = file.len().saturating_sub(from);
    let middle = (len > WORTH_HALVING).then(|| record_end_after(file, from + len / 2)).flatten();
    let halves = middle.and_then(|middle| {
        std::thread::scope(|scope| {
            let second = scope.spawn(move || {
                let mut look = Look::new(file, middle, u64::MAX);
                look.ours = true;
                let flaw = look.go(&mut |_| {});
                look.judge(flaw)
            });
            let first = inspect(&file[..middle], from);
            let second = second.join().ok()?;
            (first.valid == middle && first.ends == Ends::Open).then_some((first, second))
        })
    });
    let Some((first, second)) = halves else { return inspect(file, from) };
    Inspection {
        commands: first.commands + second.commands,
        synced: first.synced.max(second.synced),
        time: second.time.or(first.time),
        ends: if second.valid == first.valid { first.ends } else { second.ends },
        ..second
    }
}

/// Files smaller than this are looked through by one thread.
const WORTH_HALVING: usize = if cfg!(test) { 64 } else { 16 << 20 };

/// Where the first record ends whose end stands behind `at`, by its looks.
fn record_end_after(file: &[u8], at: usize) -> Option<usize> {
    let found = memchr(file, at, MARK)?;
    let end = file.get(found..)?.iter().take(256).position(|&b| b == b'\n')? + 1;
    let statement = record::parse_end(file, found, file.get(found..found + end)?)?.ok()?;
    (!statement.closed).then_some(found + end)
}

/// As [`inspect`], for those who want to know how far it has come.
pub fn inspect_with(file: &[u8], from: usize, mut progress: impl FnMut(usize)) -> Inspection {
    let mut look = Look::new(file, from, u64::MAX);
    let flaw = look.go(&mut progress);
    look.judge(flaw)
}

/// Where in the valid part of a segment, which is between two places, the first record begins that says it was written
/// later than `seconds` since 1970. O(length).
pub fn first_after(file: &[u8], from: usize, valid: usize, seconds: u64) -> Option<usize> {
    let mut look = Look::new(file.get(..valid).unwrap_or(file), from, seconds);
    let flaw = look.go(&mut |_| {});
    matches!(flaw, Some((Flaw::Later, _))).then_some(look.found.valid)
}

struct Look<'f> {
    file: &'f [u8],
    at: usize,
    /// Where the commands begin that no record's end has vouched for yet.
    run: usize,
    /// Where the last of them ends that is not within a transaction.
    whole: usize,
    in_transaction: bool,
    /// Records of ours come here: a command without a record's end behind it does not count.
    ours: bool,
    /// Commands that do not count yet.
    pending: u64,
    /// A time that does not count yet.
    time: Option<u64>,
    /// What is later than this is not looked at.
    until: u64,
    found: Inspection,
}

impl<'f> Look<'f> {
    fn new(file: &'f [u8], from: usize, until: u64) -> Self {
        Self {
            file,
            at: from,
            run: from,
            whole: from,
            in_transaction: false,
            ours: false,
            pending: 0,
            time: None,
            until,
            found: Inspection {
                valid: from,
                verdict: Verdict::Whole,
                commands: 0,
                synced: None,
                time: None,
                ends: Ends::Foreign,
            },
        }
    }

    fn go(&mut self, progress: &mut impl FnMut(usize)) -> Option<(Flaw, &'static str)> {
        loop {
            progress(self.at);
            match self.file.get(self.at) {
                None => return None,
                Some(b'#') => {
                    if let Err(flaw) = self.line() {
                        return Some(flaw);
                    }
                }
                Some(_) => match frame(self.file, self.at, |_| {}) {
                    Ok((end, name)) => self.command(end, name),
                    Err(flaw) => return Some(flaw),
                },
            }
        }
    }

    fn command(&mut self, end: usize, name: &[u8]) {
        if self.ours && self.at == self.run && name == b"SELECT" {
            // The first word of somebody else who has gone on with the file.
            self.ours = false;
        }
        match name.len() {
            5 if name.eq_ignore_ascii_case(b"multi") => self.in_transaction = true,
            4 if name.eq_ignore_ascii_case(b"exec") => self.in_transaction = false,
            _ => {}
        }
        self.pending += 1;
        self.at = end;
        if !self.in_transaction {
            self.whole = end;
            if !self.ours {
                self.accept();
                self.found.ends = Ends::Foreign;
            }
        }
    }

    fn line(&mut self) -> Result<(), (Flaw, &'static str)> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(256).position(|&b| b == b'\n').map(|i| i + 1);
        let end = end.ok_or((if rest.len() < 256 { Flaw::Ends } else { Flaw::Wrong }, "the end of a line"))?;
        let line = &rest[..end];
        if line.starts_with(MARK) {
            let statement = record::parse_end(self.file, self.at, line).ok_or((Flaw::Wrong, "the end of a record"))?;
            let statement = statement.map_err(|()| (Flaw::Wrong, "the checksum of the record"))?;
            let begins = self.at.saturating_sub(usize::try_from(statement.len).unwrap_or(usize::MAX));
            // What stands between them is somebody else's, or the end of a record of ours is not what it was.
            if begins < self.run || self.ours && begins > self.run {
                return Err((Flaw::Wrong, "a record that begins where the last one ends"));
            }
            self.at += end;
            self.in_transaction = false;
            self.whole = self.at;
            self.accept();
            self.run = self.at;
            self.ours = !statement.closed;
            self.found.ends = if statement.closed { Ends::Closed } else { Ends::Open };
            self.found.synced = self.found.synced.max(statement.synced);
            return Ok(());
        }
        if let Some(time) = record::parse_time(line) {
            if time > self.until {
                return Err((Flaw::Later, "an earlier time"));
            }
            self.time = Some(time);
        }
        self.at += end;
        Ok(())
    }

    fn accept(&mut self) {
        self.found.valid = self.whole;
        self.found.commands += std::mem::take(&mut self.pending);
        self.found.time = self.time.or(self.found.time);
    }

    fn judge(mut self, flaw: Option<(Flaw, &'static str)>) -> Inspection {
        let rest = self.file.get(self.found.valid..).unwrap_or_default();
        if rest.iter().all(|&b| b == 0) {
            return self.found;
        }
        let (flaw, what) = flaw.unwrap_or((Flaw::Ends, "the end of a record, or of a transaction"));
        let at = self.at;
        let was_safe = self.states_more_than(self.found.valid);
        let is_hole = self.file.get(at) == Some(&0);
        self.found.verdict = match flaw {
            _ if was_safe => Verdict::Damaged { at, what },
            Flaw::Wrong if !self.ours && !is_hole => Verdict::Damaged { at, what },
            _ => Verdict::Torn { at, what },
        };
        self.found
    }

    /// Whether some record behind what is whole states that more than that was on the disk.
    fn states_more_than(&self, valid: usize) -> bool {
        let mut at = valid;
        while let Some(found) = memchr(self.file, at, MARK) {
            at = found + MARK.len();
            let rest = self.file.get(found..).unwrap_or_default();
            let end = rest.iter().take(256).position(|&b| b == b'\n').map_or(0, |i| i + 1);
            if let Some(Ok(statement)) = record::parse_end(self.file, found, &rest[..end])
                // Of what is behind itself nothing of ours says anything.
                && statement.synced.is_some_and(|synced| synced > valid as u64 && synced <= found as u64)
            {
                return true;
            }
        }
        false
    }
}

/// Where `mark` is next, from `at` on.
fn memchr(bytes: &[u8], at: usize, mark: &[u8]) -> Option<usize> {
    let rest = bytes.get(at..)?;
    rest.windows(mark.len()).position(|window| window == mark).map(|i| at + i)
}

/// Reads a command at `at`: gives its arguments, its end and its name.
fn frame<'f>(
    file: &'f [u8],
    at: usize,
    mut visit: impl FnMut(&'f [u8]),
) -> Result<(usize, &'f [u8]), (Flaw, &'static str)> {
    let (n, mut at) = number(file, at, b'*', "a command")?;
    if n == 0 {
        return Err((Flaw::Wrong, "a command with a name"));
    }
    let mut name: &[u8] = b"";
    for i in 0..n {
        let (len, begin) = number(file, at, b'$', "an argument")?;
        let end = begin.checked_add(len).ok_or((Flaw::Wrong, "a length"))?;
        match file.get(end..).and_then(|rest| rest.get(..2)) {
            Some(b"\r\n") => {}
            Some(_) => return Err((Flaw::Wrong, "the end of an argument")),
            None => return Err((Flaw::Ends, "the rest of an argument")),
        }
        let arg = &file[begin..end];
        if i == 0 {
            name = arg;
        }
        visit(arg);
        at = end + 2;
    }
    Ok((at, name))
}

/// Reads a line that is a mark and a number.
#[inline]
fn number(file: &[u8], at: usize, mark: u8, what: &'static str) -> Result<(usize, usize), (Flaw, &'static str)> {
    let rest = file.get(at..).unwrap_or_default();
    match rest.first() {
        Some(&b) if b == mark => {}
        Some(_) => return Err((Flaw::Wrong, what)),
        None => return Err((Flaw::Ends, what)),
    }
    let mut n = 0_usize;
    for (i, &b) in rest.iter().enumerate().skip(1).take(12) {
        match b {
            b'0'..=b'9' => n = n * 10 + usize::from(b - b'0'),
            b'\r' if i > 1 => {
                return match rest.get(i + 1) {
                    Some(b'\n') => Ok((n, at + i + 2)),
                    Some(_) => Err((Flaw::Wrong, what)),
                    None => Err((Flaw::Ends, what)),
                };
            }
            _ => return Err((Flaw::Wrong, what)),
        }
    }
    Err((if rest.len() > 12 { Flaw::Wrong } else { Flaw::Ends }, what))
}

/// The commands of the valid part of a segment, one after the other.
pub fn commands(file: &[u8], from: usize, to: usize) -> Commands<'_> {
    Commands { file: file.get(..to).unwrap_or(file), at: from }
}

/// See [`commands`].
#[derive(Debug)]
pub struct Commands<'f> {
    file: &'f [u8],
    at: usize,
}

impl<'f> Commands<'f> {
    /// Reads the next command into `argv`, and returns its bytes.
    pub fn next_into(&mut self, argv: &mut Vec<&'f [u8]>) -> Option<&'f [u8]> {
        while self.file.get(self.at) == Some(&b'#') {
            let rest = &self.file[self.at..];
            self.at += rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |i| i + 1);
        }
        argv.clear();
        let begin = self.at;
        let (end, _) = frame(self.file, begin, |arg| argv.push(arg)).ok()?;
        self.at = end;
        self.file.get(begin..end)
    }

    /// How far it has come.
    pub fn position(&self) -> usize {
        self.at
    }
}
