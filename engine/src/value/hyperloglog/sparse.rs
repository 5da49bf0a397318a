//! Sparse registers: runs of equal ones, a byte or two each.
//!
//! ```text
//! 00nnnnnn            n + 1 empty registers
//! 01nnnnnn nnnnnnnn   n + 1 empty registers
//! 1rrrrrnn            n + 1 registers of rank r + 1
//! ```
//!
//! Invariant of well-formed bytes: the runs cover the registers exactly. Which runs a series of changes leaves is part of
//! the format, as far as values are compared byte by byte: the changes here leave those that Redis leaves.

use std::fmt::Write as _;

use super::{Corrupted, REGISTERS, Sight};

/// The greatest rank that a run can hold.
const RANK_MAX: u8 = 32;
/// The longest run of a rank.
const RANKED_MAX: usize = 4;
/// The longest run of empty registers in one byte.
const ZEROS_MAX: usize = 64;
/// How many runs around a change are looked at to join equal ones.
const JOINED_RUNS: usize = 5;

/// Some registers of the same rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    /// 0 for empty ones.
    pub rank: u8,
    /// How many.
    pub len: usize,
    /// How many bytes it takes.
    size: usize,
}

impl Run {
    fn read(bytes: &[u8]) -> Result<Self, Corrupted> {
        let low = |byte: u8| usize::from(byte & 63);
        match *bytes {
            [first @ 0x80..=0xff, ..] => {
                Ok(Self { rank: (first >> 2 & 31) + 1, len: usize::from(first & 3) + 1, size: 1 })
            }
            [first @ 0..=0x3f, ..] => Ok(Self { rank: 0, len: low(first) + 1, size: 1 }),
            [first, second, ..] => Ok(Self { rank: 0, len: (low(first) << 8 | usize::from(second)) + 1, size: 2 }),
            _ => Err(Corrupted),
        }
    }

    fn ranked(rank: u8, len: usize) -> u8 {
        0x80 | (rank - 1) << 2 | (len as u8 - 1)
    }

    fn write(rank: u8, len: usize, out: &mut Vec<u8>) {
        match (rank, len) {
            (_, 0) => {}
            (0, ..=ZEROS_MAX) => out.push(len as u8 - 1),
            (0, _) => out.extend_from_slice(&(0x4000 | (len - 1) as u16).to_be_bytes()),
            _ => out.push(Self::ranked(rank, len)),
        }
    }
}

/// Appends `len` empty registers.
pub(super) fn zeros(len: usize, out: &mut Vec<u8>) {
    Run::write(0, len, out);
}

/// The runs, in order; the last item is an error if they do not cover the registers exactly.
pub(super) struct Runs<'a> {
    rest: &'a [u8],
    missing: usize,
    failed: bool,
}

impl<'a> Runs<'a> {
    pub(super) fn new(registers: &'a [u8]) -> Self {
        Self { rest: registers, missing: REGISTERS, failed: false }
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Run, Corrupted>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() && self.missing == 0 {
            return None;
        }
        let run = Run::read(self.rest).ok().filter(|run| run.len <= self.missing);
        let Some(run) = run else {
            self.failed = true;
            return Some(Err(Corrupted));
        };
        self.missing -= run.len;
        self.rest = self.rest.get(run.size..).unwrap_or_default();
        Some(Ok(run))
    }
}

/// Where a register stands.
struct Found {
    run: Run,
    /// The first register of the run.
    first: usize,
    /// The run's first byte, and that of the run before it.
    at: usize,
    before: usize,
}

fn find(registers: &[u8], register: usize) -> Result<Found, Corrupted> {
    let (mut first, mut at, mut before) = (0, 0, 0);
    for run in Runs::new(registers) {
        let run = run?;
        if register < first + run.len {
            return Ok(Found { run, first, at, before });
        }
        before = at;
        first += run.len;
        at += run.size;
    }
    Err(Corrupted)
}

pub(super) fn get(registers: &[u8], register: usize) -> Result<u8, Corrupted> {
    Ok(find(registers, register)?.run.rank)
}

/// What became of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Raised {
    /// It holds the rank or a greater one.
    Already,
    /// It holds the rank now.
    Done,
    /// Sparse registers cannot hold the rank, or not in so few bytes.
    NoRoom,
}

/// Sets a register if the rank is greater. `bytes` are the registers after `header` bytes of something else, and do not
/// become more than `max` if they have to grow.
pub(super) fn raise(bytes: &mut Vec<u8>, header: usize, sight: Sight, max: usize) -> Result<Raised, Corrupted> {
    let Sight { register, rank } = sight;
    if rank > RANK_MAX {
        return Ok(Raised::NoRoom);
    }
    let Found { run, first, at, before } = find(bytes.get(header..).unwrap_or_default(), register)?;
    if run.rank >= rank {
        return Ok(Raised::Already);
    }
    let at = header + at;
    let mut new = Vec::with_capacity(5);
    Run::write(run.rank, register - first, &mut new);
    Run::write(rank, 1, &mut new);
    Run::write(run.rank, first + run.len - 1 - register, &mut new);
    if new.len() > run.size && bytes.len() + new.len() - run.size > max {
        return Ok(Raised::NoRoom);
    }
    bytes.splice(at..at + run.size, new);
    join(bytes, header + before);
    Ok(Raised::Done)
}

/// Joins neighbours of equal rank, in the few runs from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_RUNS {
        let Ok(run) = Run::read(bytes.get(at..).unwrap_or_default()) else { return };
        let next = bytes.get(at + run.size..).map(Run::read);
        if run.rank > 0
            && let Some(Ok(next)) = next
            && next.rank == run.rank
            && run.len + next.len <= RANKED_MAX
        {
            bytes[at + 1] = Run::ranked(run.rank, run.len + next.len);
            bytes.remove(at);
            continue;
        }
        at += run.size;
    }
}

/// The runs in words: `z:` and `Z:` for short and long ones of empty registers, `v:rank,length` for others.
pub(super) fn describe(registers: &[u8]) -> Result<String, Corrupted> {
    let mut text = String::new();
    for run in Runs::new(registers) {
        let Run { rank, len, size } = run?;
        let space = if text.is_empty() { "" } else { " " };
        // Writing into a string cannot fail.
        let _ = match (rank, size) {
            (0, 1) => write!(text, "{space}z:{len}"),
            (0, _) => write!(text, "{space}Z:{len}"),
            _ => write!(text, "{space}v:{rank},{len}"),
        };
    }
    Ok(text)
}
