//! BITFIELD: integers of any width anywhere in a string.

use std::collections::BTreeMap;

use super::super::string::{StringRef, change_bytes, encoding};
use super::{bad_offset, check_offset, read};
use crate::error::Result;
use crate::keyspace::{Effect, Entry, Event, Key, View};
use crate::value::bits::{Field, Overflow};

/// One step of BITFIELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldOp {
    /// Reads a field.
    Get {
        /// The field.
        field: Field,
        /// Its first bit.
        bit: u64,
    },
    /// Stores a value and gives the old one.
    Set {
        /// The field.
        field: Field,
        /// Its first bit.
        bit: u64,
        /// What is stored.
        value: i64,
        /// What happens if it does not fit.
        overflow: Overflow,
    },
    /// Adds to a value and gives the sum.
    IncrBy {
        /// The field.
        field: Field,
        /// Its first bit.
        bit: u64,
        /// What is added.
        by: i64,
        /// What happens if the sum does not fit.
        overflow: Overflow,
    },
}

impl FieldOp {
    /// Reads a field.
    pub fn get(field: Field, bit: u64) -> Self {
        Self::Get { field, bit }
    }

    /// Stores a value, which wraps if it does not fit.
    pub fn set(field: Field, bit: u64, value: i64) -> Self {
        Self::Set { field, bit, value, overflow: Overflow::Wrap }
    }

    /// Adds to a value, which wraps if the sum does not fit.
    pub fn incr_by(field: Field, bit: u64, by: i64) -> Self {
        Self::IncrBy { field, bit, by, overflow: Overflow::Wrap }
    }

    /// The same, but for what happens to a value that does not fit.
    #[must_use]
    pub fn overflow(mut self, to: Overflow) -> Self {
        match &mut self {
            Self::Get { .. } => {}
            Self::Set { overflow, .. } | Self::IncrBy { overflow, .. } => *overflow = to,
        }
        self
    }

    fn place(self) -> (Field, u64) {
        match self {
            Self::Get { field, bit } | Self::Set { field, bit, .. } | Self::IncrBy { field, bit, .. } => (field, bit),
        }
    }

    fn writes(self) -> bool {
        !matches!(self, Self::Get { .. })
    }
}

/// Whether all steps only read, so that [`get_fields`] will do.
fn only_reads(ops: &[FieldOp]) -> bool {
    !ops.iter().any(|op| op.writes())
}

/// BITFIELD_RO: reads fields. O(1) for each.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE), [`bad_offset`].
pub fn get_fields(view: &View<'_>, key: &Key<'_>, fields: impl Iterator<Item = (Field, u64)>) -> Result<Vec<i64>> {
    let fields = fields.map(|(field, bit)| Ok((field, check_offset(view, bit)?))).collect::<Result<Vec<_>>>()?;
    read(view, key, |bytes| fields.into_iter().map(|(field, bit)| field.get(bytes, bit)).collect())
}

/// BITFIELD: takes the steps in order and gives what each yields, nothing for one that fails by overflow. The string
/// grows to hold all fields that are written, even by steps that fail. O(1) for each step, once the string is a long one.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE), [`bad_offset`].
pub fn bitfield(view: &mut View<'_>, key: &Key<'_>, ops: &[FieldOp]) -> Result<Vec<Option<i64>>> {
    if only_reads(ops) {
        let values = get_fields(view, key, ops.iter().map(|op| op.place()))?;
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut needed = 0;
    for op in ops {
        let (field, bit) = op.place();
        check_offset(view, bit)?;
        if op.writes() {
            needed = needed.max(field.bytes_needed(bit).ok_or_else(bad_offset)?);
        }
    }
    let needed = usize::try_from(needed).map_err(|_| bad_offset())?;
    let entry = view.get_for_change(key);
    let string = entry.map_or(Ok(StringRef::Bytes(b"")), Entry::string)?;
    let mut buffer = itoa::Buffer::new();
    let base = string.bytes(&mut buffer);
    let grows = needed > base.len() || entry.is_none();
    let is_raw = entry.is_none_or(|e| encoding(e) == "raw");
    let mut draft = Draft { base, written: BTreeMap::new() };
    let mut changes = false;
    let results = ops.iter().map(|op| draft.step(*op, &mut changes)).collect();
    // As in Redis, only values that differ count as a change, or all that are stored if the string had to grow.
    let stored = changes || grows && !draft.written.is_empty();
    let written = draft.written;
    if stored || grows || !is_raw {
        change_bytes(view, key, needed, |bytes| {
            for (at, byte) in written {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        });
        view.record_effect(|| effect(key, ops));
        if stored {
            view.announce(key, Event::string("setbit"));
        }
    }
    Ok(results)
}

/// A string with changes that are not in it yet, so that what changes nothing need not touch it.
struct Draft<'b> {
    base: &'b [u8],
    written: BTreeMap<usize, u8>,
}

/// No field touches more bytes than this.
const WINDOW: usize = 9;

impl Draft<'_> {
    fn step(&mut self, op: FieldOp, changes: &mut bool) -> Option<i64> {
        let (field, bit) = op.place();
        let at = usize::try_from(bit / 8).ok()?;
        let bit = bit % 8;
        let mut window = self.window(at);
        let old = field.get(&window, bit);
        let result = match op {
            FieldOp::Get { .. } => return Some(old),
            FieldOp::Set { value, overflow, .. } => field.set(&mut window, bit, value, overflow),
            FieldOp::IncrBy { by, overflow, .. } => field.incr_by(&mut window, bit, by, overflow),
        };
        if result.is_some() {
            *changes |= field.get(&window, bit) != old;
            let bytes = (bit as usize + usize::from(field.width())).div_ceil(8);
            self.written.extend((at..).zip(window).take(bytes));
        }
        result
    }

    fn window(&self, at: usize) -> [u8; WINDOW] {
        let mut window = [0; WINDOW];
        let there = self.base.get(at..).unwrap_or_default();
        window.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
        for (&place, &byte) in self.written.range(at..at.saturating_add(WINDOW)) {
            if let Some(to) = window.get_mut(place - at) {
                *to = byte;
            }
        }
        window
    }
}

/// The steps that write, as a command.
fn effect(key: &Key<'_>, ops: &[FieldOp]) -> Effect {
    let mut effect = Effect::new("BITFIELD").arg(key.bytes);
    let mut mode = Overflow::Wrap;
    for op in ops {
        let (name, field, bit, value, overflow) = match *op {
            FieldOp::Get { .. } => continue,
            FieldOp::Set { field, bit, value, overflow } => ("SET", field, bit, value, overflow),
            FieldOp::IncrBy { field, bit, by, overflow } => ("INCRBY", field, bit, by, overflow),
        };
        if mode != overflow {
            mode = overflow;
            effect = effect.arg("OVERFLOW").arg(match mode {
                Overflow::Wrap => "WRAP",
                Overflow::Sat => "SAT",
                Overflow::Fail => "FAIL",
            });
        }
        effect = effect.arg(name).arg(field.to_string()).int(bit).int(value);
    }
    effect
}
