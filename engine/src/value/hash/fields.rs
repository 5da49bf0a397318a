//! The large form of a hash: fields in a table.
//!
//! Invariant: `bytes` is the sum of the fields' `bytes()`, `deadlines` the number of fields that have one.
#![allow(unsafe_code)]

use std::ops::ControlFlow;

use super::field::{Field, FieldPtr};
use crate::clock::Millis;
use crate::table::{Probe, Slot, Table};
use crate::value::pieces::Pieces;
use crate::value::{Elements, hasher, size_class};

/// What a field holds: its value and its deadline.
type Content = (Vec<u8>, Option<Millis>);

/// Fields found by their hash.
pub(super) struct Fields {
    table: Table<FieldPtr>,
    bytes: usize,
    deadlines: usize,
    /// Values and deadlines that have changed, while it is given in pieces.
    pub(super) pieces: Option<Box<Pieces<Content>>>,
}

/// What a change does about a field's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldDeadline {
    /// The field has none afterwards.
    Clear,
    /// The field keeps the one it has.
    Keep,
    /// The field gets this one.
    At(Millis),
}

impl Default for Fields {
    fn default() -> Self {
        Self::with_room(0)
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        // SAFETY: the table owns its fields; nobody can reach them once it is being dropped.
        self.table.for_each(|p| unsafe { p.free() });
    }
}

impl Clone for Fields {
    fn clone(&self) -> Self {
        let mut copy = Self::with_room(self.len());
        self.for_each(|field| copy.insert(field.name(), field.value(), field.deadline()));
        copy
    }
}

impl Fields {
    /// With room for so many fields.
    pub(super) fn with_room(expected: usize) -> Self {
        Self { table: Table::with_room(0, expected), bytes: 0, deadlines: 0, pieces: None }
    }

    fn field(&self, p: FieldPtr) -> Field<'_> {
        // SAFETY: fields live as long as they are in the table, and change only through `&mut self`.
        unsafe { p.get() }
    }

    fn is(name: &[u8]) -> impl Fn(FieldPtr) -> bool + '_ {
        // SAFETY: the table calls this for fields that it holds.
        move |p| unsafe { p.get() }.name() == name
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn bytes(&self) -> usize {
        size_class(size_of::<Self>()) + self.table.bytes() + self.bytes
    }

    pub(super) fn deadlines(&self) -> usize {
        self.deadlines
    }

    /// A time before which no field is due.
    pub(super) fn earliest(&self) -> Millis {
        if self.deadlines == 0 { Millis::MAX } else { self.table.earliest() }
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<Field<'_>> {
        self.table.find(hasher().hash(name), Self::is(name)).map(|p| self.field(p))
    }

    pub(super) fn probe(&self, hash: u64) -> Probe<'_, FieldPtr> {
        self.table.probe(hash)
    }

    /// Adds a field that is not there.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8], deadline: Option<Millis>) {
        self.insert_hashed(hasher().hash(name), name, value, deadline);
    }

    /// Notes a field that is about to change, or to come, if it is being given.
    #[inline]
    fn note(&mut self, hash: u64, name: &[u8], old: Option<FieldPtr>) {
        if let Some(pieces) = &mut self.pieces {
            // SAFETY: the caller has found it in the table, which is ours alone.
            let field = old.map(|p| unsafe { p.get() });
            pieces.note(hash, name, || field.map(|f| ((f.value().to_vec(), f.deadline()), f.value().len())));
        }
    }

    fn insert_hashed(&mut self, hash: u64, name: &[u8], value: &[u8], deadline: Option<Millis>) {
        self.note(hash, name, None);
        let new = FieldPtr::new(name, value, deadline);
        self.bytes += self.field(new).bytes();
        self.deadlines += usize::from(deadline.is_some());
        self.table.insert(hash, new, hasher());
    }

    /// Sets a field, and says whether it is new.
    pub(super) fn set(&mut self, name: &[u8], value: &[u8], deadline: FieldDeadline) -> bool {
        let hash = hasher().hash(name);
        let found = self.table.find_slot(hash, Self::is(name));
        let deadline = match (deadline, &found) {
            (FieldDeadline::At(at), _) => Some(at),
            (FieldDeadline::Keep, Some((_, p))) => self.field(*p).deadline(),
            _ => None,
        };
        if let Some((slot, old)) = found {
            self.change(hash, &slot, old, value, deadline);
            return false;
        }
        self.insert_hashed(hash, name, value, deadline);
        true
    }

    /// Gives a field a deadline or takes it away. False if the field is not there.
    pub(super) fn set_deadline(&mut self, name: &[u8], deadline: Option<Millis>) -> bool {
        let hash = hasher().hash(name);
        let Some((slot, old)) = self.table.find_slot(hash, Self::is(name)) else { return false };
        if self.field(old).deadline() != deadline {
            let value = self.field(old).value().to_vec();
            self.change(hash, &slot, old, &value, deadline);
        }
        true
    }

    /// Gives a field that is there another value and deadline.
    fn change(&mut self, hash: u64, slot: &Slot, old: FieldPtr, value: &[u8], deadline: Option<Millis>) {
        let had = self.field(old).deadline();
        if self.pieces.is_some() {
            let name = self.field(old).name().to_vec();
            self.note(hash, &name, Some(old));
        }
        // SAFETY: the field is in the table, and `&mut self` makes us the only one.
        if unsafe { old.overwrite(value, deadline) } {
            if let Some(at) = deadline
                && had != deadline
            {
                self.table.note_deadline(hash, at);
            }
            return;
        }
        let new = FieldPtr::new(self.field(old).name(), value, deadline);
        self.bytes = self.bytes - self.field(old).bytes() + self.field(new).bytes();
        self.deadlines = self.deadlines + usize::from(deadline.is_some()) - usize::from(had.is_some());
        self.table.replace(slot, new);
        // SAFETY: it is out of the table.
        unsafe { old.free() };
    }

    /// Removes a field. False if it is not there.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        self.take_out(hasher().hash(name), Self::is(name))
    }

    fn take_out(&mut self, hash: u64, is: impl FnMut(FieldPtr) -> bool) -> bool {
        let Some((slot, old)) = self.table.find_slot(hash, is) else { return false };
        if self.pieces.is_some() {
            let name = self.field(old).name().to_vec();
            self.note(hash, &name, Some(old));
        }
        self.table.remove(slot, hasher());
        self.bytes -= self.field(old).bytes();
        self.deadlines -= usize::from(self.field(old).deadline().is_some());
        // SAFETY: it is out of the table.
        unsafe { old.free() };
        true
    }

    /// Removes fields whose deadline is at most `until`, a page at a time until there are `most` or more, and gives
    /// their names. False if there may be others. O(removed), and the pages that hold nothing that is due are skipped.
    pub(super) fn remove_due(&mut self, until: Millis, most: usize, mut removed: impl FnMut(&[u8])) -> bool {
        let (mut position, mut count) = (Some(0), 0);
        let mut due = Vec::new();
        while let Some(at) = position {
            if count >= most {
                return false;
            }
            position = self.table.due(at, until, &mut due);
            count += due.len();
            for p in due.drain(..) {
                let name = self.field(p).name();
                removed(name);
                let hash = hasher().hash(name);
                self.take_out(hash, |other| other == p);
            }
        }
        true
    }

    /// Visits all fields, in no particular order. O(n).
    pub(super) fn for_each<'a>(&'a self, mut visit: impl FnMut(Field<'a>)) {
        self.table.for_each(|p| visit(self.field(p)));
    }

    /// One step of a walk in hash order; see [`Table::scan`].
    pub(super) fn scan<'a>(&'a self, position: u64, mut visit: impl FnMut(u64, Field<'a>)) -> Option<u64> {
        self.table.scan(position, hasher(), |p| visit(hasher().hash(self.field(p).name()), self.field(p)))
    }

    /// See [`Pieces`].
    pub(super) fn piece(&mut self, out: &mut Elements) -> ControlFlow<usize> {
        let Some(mut pieces) = self.pieces.take() else { return ControlFlow::Break(0) };
        let next = self.scan(pieces.position(), |hash, field| {
            if !pieces.has(hash, field.name()) {
                out.push(field.name(), field.value(), field.deadline().unwrap_or(u64::MAX));
            }
        });
        let flow = pieces.end(next, |name, (value, deadline)| {
            out.push(name, &value, deadline.unwrap_or(u64::MAX));
        });
        self.pieces = flow.is_continue().then_some(pieces);
        flow
    }
}
