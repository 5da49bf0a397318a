//! The arguments of a command, with the hashes of its keys.

use smallvec::SmallVec;

use super::flags::KeyFlags;
use super::spec::{Begin, Find, KeySpec, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::Key;
use crate::table::KeyHasher;

/// The positions of keys among the arguments.
pub type Positions = SmallVec<[usize; 4]>;

/// A command's name and arguments.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    argv: &'a [&'a [u8]],
    positions: &'a [usize],
    hashes: &'a [u64],
    hasher: &'a KeyHasher,
    of_log: bool,
}

impl<'a> Args<'a> {
    /// Arguments whose keys, at `positions`, have these hashes.
    pub fn new(argv: &'a [&'a [u8]], positions: &'a [usize], hashes: &'a [u64], hasher: &'a KeyHasher) -> Self {
        Self { argv, positions, hashes, hasher, of_log: false }
    }

    /// The same as they stand in a log: somebody has run them before.
    #[must_use]
    pub(crate) fn of_log(self) -> Self {
        Self { of_log: true, ..self }
    }

    /// Whether they stand in a log.
    pub(crate) fn are_of_log(&self) -> bool {
        self.of_log
    }

    /// How many there are, the name included.
    #[allow(clippy::len_without_is_empty, reason = "there is always a name")]
    pub fn len(&self) -> usize {
        self.argv.len()
    }

    /// Name and arguments.
    pub fn all(&self) -> &'a [&'a [u8]] {
        self.argv
    }

    /// The arguments from the `i`th on; none if there are fewer.
    pub fn from(&self, i: usize) -> &'a [&'a [u8]] {
        self.argv.get(i..).unwrap_or(&[])
    }

    /// The `i`th argument, the name being the 0th; empty if the arity allows for it to be missing and it is.
    #[inline]
    pub fn get(&self, i: usize) -> &'a [u8] {
        self.argv.get(i).copied().unwrap_or(b"")
    }

    /// The `i`th argument as a key.
    #[inline]
    pub fn key(&self, i: usize) -> Key<'a> {
        let bytes = self.get(i);
        if self.positions.first() == Some(&i) {
            return Key { bytes, hash: self.hashes[0] };
        }
        match self.positions.binary_search(&i) {
            Ok(n) => Key { bytes, hash: self.hashes[n] },
            Err(_) => Key { bytes, hash: self.hasher.hash(bytes) },
        }
    }

    /// All keys, in the order of the arguments.
    pub fn keys(&self) -> impl Iterator<Item = Key<'a>> + Clone + use<'a> {
        let argv = self.argv;
        let hashed = self.positions.iter().zip(self.hashes);
        hashed.map(move |(&i, &hash)| Key { bytes: argv.get(i).copied().unwrap_or(b""), hash })
    }

    /// The `i`th argument as a 64-bit integer.
    pub fn int(&self, i: usize) -> Result<i64> {
        num::parse_i64(self.get(i)).ok_or(Error::NOT_INTEGER)
    }

    /// Whether the `i`th argument is this word, in any case.
    pub fn is(&self, i: usize, word: &str) -> bool {
        self.get(i).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// The positions of a command's keys, in ascending order where the specs are.
///
/// # Errors
/// If a number of keys is no number, or more than there are arguments.
pub fn key_positions(spec: &Spec, argv: &[&[u8]]) -> Result<Positions> {
    if let Some(found) = found_by_command(spec, argv) {
        return Ok(found);
    }
    let mut positions = Positions::new();
    for rule in spec.keys {
        positions.extend(rule_positions(rule, argv)?);
    }
    Ok(positions)
}

/// The positions of the arguments to be locked: those of [`key_positions`], or more where a word that announces keys
/// occurs again. A group may have that word for a name, and only the command itself can tell which one is meant.
///
/// # Errors
/// As for [`key_positions`].
pub(super) fn positions_to_lock(spec: &Spec, argv: &[&[u8]]) -> Result<Positions> {
    if let Some(found) = found_by_command(spec, argv) {
        return Ok(found);
    }
    let mut positions = Positions::new();
    for rule in spec.keys {
        let (Begin::Keyword(word, from @ 0..), Find::Range { limit: 2.., .. }) = (rule.begin, rule.find) else {
            positions.extend(rule_positions(rule, argv)?);
            continue;
        };
        let is_word = |i: usize| argv[i].eq_ignore_ascii_case(word.as_bytes());
        let Some(begin) = (from as usize + 1..argv.len()).find(|i| is_word(i - 1)) else { continue };
        if (begin..argv.len()).any(is_word) {
            positions.extend(begin..argv.len());
        } else {
            positions.extend(positions_from(begin, rule.find, argv)?);
        }
    }
    Ok(positions)
}

/// What a command itself has to say about where its keys are.
fn found_by_command(spec: &Spec, argv: &[&[u8]]) -> Option<Positions> {
    let (from, to) = spec.find_keys?(argv);
    Some((from..to.min(argv.len())).collect())
}

/// The positions that one rule finds, with what the command does to those keys.
pub fn key_flags<'a>(spec: &'a Spec, argv: &'a [&'a [u8]]) -> impl Iterator<Item = Result<(usize, KeyFlags)>> + 'a {
    let known = found_by_command(spec, argv);
    // All of one kind, so the first rule says what happens to them.
    let rules = if known.is_some() { spec.keys.get(..1).unwrap_or_default() } else { spec.keys };
    rules.iter().flat_map(move |rule| {
        let (found, error) = match known.clone().map_or_else(|| rule_positions(rule, argv), Ok) {
            Ok(found) => (found, None),
            Err(error) => (Positions::new(), Some(Err(error))),
        };
        found.into_iter().map(|p| Ok((p, rule.flags))).chain(error)
    })
}

fn rule_positions(rule: &KeySpec, argv: &[&[u8]]) -> Result<Positions> {
    if rule.flags.contains(KeyFlags::NOT_KEY) {
        return Ok(Positions::new());
    }
    if let (Begin::Keyword(word, from @ 0..), Find::Range { last: 0, .. }) = (rule.begin, rule.find) {
        // The word may come several times, and which of them counts is for the command to say.
        let behind = |i: usize| (i + 1 < argv.len() && argv[i].eq_ignore_ascii_case(word.as_bytes())).then_some(i + 1);
        return Ok((from as usize..argv.len()).filter_map(behind).collect());
    }
    let Some(begin) = begin(rule.begin, argv) else { return Ok(Positions::new()) };
    if let (Begin::Keyword(word, 0..), Find::Range { last: 0, .. }) = (rule.begin, rule.find) {
        // An option with one key may be given again, and then the last counts: none must be missing.
        let is_behind = |&i: &usize| argv[i - 1].eq_ignore_ascii_case(word.as_bytes());
        return Ok((begin..argv.len()).filter(is_behind).collect());
    }
    positions_from(begin, rule.find, argv)
}

fn positions_from(begin: usize, find: Find, argv: &[&[u8]]) -> Result<Positions> {
    match find {
        Find::Unknown => Ok(Positions::new()),
        Find::Range { last, step, limit } => {
            let last = match (last, limit) {
                (0.., _) => begin + last as usize,
                (_, 0 | 1) => argv.len().saturating_sub(last.unsigned_abs() as usize),
                (_, limit) => begin + (argv.len() - begin) / limit - 1,
            };
            Ok((begin..=last.min(argv.len() - 1)).step_by(step.max(1)).collect())
        }
        Find::KeyNum { number, first, step } => {
            let count = argv.get(begin + number).and_then(|n| num::parse_i64(n)).and_then(|n| usize::try_from(n).ok());
            let first = begin + first;
            let count = count.filter(|&n| n > 0).ok_or(Error::NOT_INTEGER)?;
            let last = count.checked_sub(1).and_then(|n| n.checked_mul(step)).and_then(|n| n.checked_add(first));
            let last = last.filter(|&l| l < argv.len()).ok_or(Error::SYNTAX)?;
            Ok((first..=last).step_by(step.max(1)).collect())
        }
    }
}

fn begin(begin: Begin, argv: &[&[u8]]) -> Option<usize> {
    match begin {
        Begin::Index(i) => (i < argv.len()).then_some(i),
        Begin::Keyword(word, from) => {
            let is = |i: &usize| argv[*i].eq_ignore_ascii_case(word.as_bytes());
            let found = if from >= 0 {
                (from as usize..argv.len()).find(is)
            } else {
                (1..=argv.len().saturating_sub(from.unsigned_abs() as usize)).rev().find(is)
            };
            found.map(|i| i + 1).filter(|&i| i < argv.len())
        }
        Begin::Unknown => None,
    }
}
