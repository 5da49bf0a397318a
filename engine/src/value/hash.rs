//! The hash type: fields with values, each with a deadline or without.
//!
//! A small hash is a listpack of field, value, field, value; a large one, and any with deadlines, is a table. It never
//! becomes small again. A field whose deadline has passed is there until somebody removes it: readers say what time it
//! is, and do not see it.

mod field;
mod fields;
mod sample;
#[cfg(test)]
mod tests;

use super::compact::{Compact, Form, FormMut};
use super::listpack::{Item, Listpack};
use super::pieces::{WholeKind, in_pieces};
use super::probe::ElementProbe;
use crate::clock::Millis;

pub(super) use field::FieldPtr;
pub use fields::FieldDeadline;
use fields::Fields;

/// A hash in one word.
#[derive(Clone)]
#[repr(transparent)]
pub struct Hash(Compact<Listpack, Fields>);

/// Up to where a hash is small.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// Most fields (`hash-max-listpack-entries`).
    pub entries: usize,
    /// The longest field or value (`hash-max-listpack-value`).
    pub value: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Self(Compact::small(Listpack::new()))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash of {} fields ({})", self.len(), self.encoding())
    }
}

/// Whether a deadline has passed.
fn is_past(deadline: Option<Millis>, now: Millis) -> bool {
    deadline.is_some_and(|d| now > d)
}

/// Fields and values of a listpack.
fn pairs(listpack: &Listpack) -> impl Iterator<Item = (Item<'_>, Item<'_>)> {
    let mut items = listpack.iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

fn large_from(listpack: &Listpack) -> Fields {
    let mut fields = Fields::with_room(listpack.len() / 2);
    let (mut names, mut values) = (itoa::Buffer::new(), itoa::Buffer::new());
    for (name, value) in pairs(listpack) {
        // Only a listpack from outside may have a field twice.
        fields.set(name.bytes(&mut names), value.bytes(&mut values), FieldDeadline::Clear);
    }
    fields
}

impl Hash {
    /// A hash that is going to have so many fields, and has none so far.
    pub fn with_room(expected: usize, limits: HashLimits) -> Self {
        match expected <= limits.entries {
            true => Self::default(),
            false => Self(Compact::large(Box::new(Fields::with_room(expected)))),
        }
    }

    /// A small hash out of a listpack of field, value, field, value.
    pub fn from_listpack(listpack: Listpack) -> Self {
        Self(Compact::small(listpack))
    }

    in_pieces!(
        FormMut::Large(fields),
        Form::Large(fields),
        fields,
        WholeKind::Hash((fields.deadlines() > 0).then(|| fields.earliest()))
    );

    /// Starts to bring the field of this hash closer. `None` for a small hash.
    pub(crate) fn probe(&self, field: u64) -> Option<ElementProbe<'_>> {
        match self.0.form() {
            Form::Small(_) => None,
            Form::Large(fields) => Some(ElementProbe::Field(fields.probe(field))),
        }
    }

    /// The listpack of a small hash.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(listpack) => Some(listpack),
            Form::Large(_) => None,
        }
    }

    /// How many fields it has, those included whose deadline has passed. O(1).
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(listpack) => listpack.len() / 2,
            Form::Large(fields) => fields.len(),
        }
    }

    /// How many fields a reader sees. O(1), unless a deadline has passed: O(n).
    pub fn len_at(&self, now: Millis) -> usize {
        if !self.is_due(now) {
            return self.len();
        }
        let mut len = 0;
        self.for_each(now, |_, _| len += 1);
        len
    }

    /// Whether it has none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        match self.0.form() {
            Form::Small(listpack) => listpack.bytes(),
            Form::Large(fields) => fields.bytes(),
        }
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "hashtable",
        }
    }

    /// How many fields have a deadline. O(1).
    pub fn deadlines(&self) -> usize {
        match self.0.form() {
            Form::Small(_) => 0,
            Form::Large(fields) => fields.deadlines(),
        }
    }

    /// A time before which no field is due; `Millis::MAX` if none ever is. O(1).
    #[inline]
    pub fn earliest(&self) -> Millis {
        match self.0.form() {
            Form::Small(_) => Millis::MAX,
            Form::Large(fields) => fields.earliest(),
        }
    }

    /// Whether a deadline may have passed. O(1).
    #[inline]
    pub fn is_due(&self, now: Millis) -> bool {
        now > self.earliest()
    }

    /// The value of a field. O(1), or O(n) in a small hash.
    #[inline]
    pub fn get(&self, name: &[u8], now: Millis) -> Option<Item<'_>> {
        self.get_with_deadline(name, now).map(|(value, _)| value)
    }

    /// The value of a field and its deadline. O(1), or O(n) in a small hash.
    pub fn get_with_deadline(&self, name: &[u8], now: Millis) -> Option<(Item<'_>, Option<Millis>)> {
        match self.0.form() {
            Form::Small(listpack) => {
                let at = listpack.find(listpack.first()?, name, 1)?;
                Some((listpack.get(listpack.next(at)?), None))
            }
            Form::Large(fields) => {
                let field = fields.find(name)?;
                let deadline = field.deadline();
                (!is_past(deadline, now)).then(|| (Item::Bytes(field.value()), deadline))
            }
        }
    }

    fn make_large(&mut self) -> &mut Fields {
        self.0.make_large(large_from)
    }

    /// Makes it large if it has more than so many fields.
    pub fn keep_within(&mut self, limits: HashLimits) {
        if self.as_listpack().is_some_and(|listpack| listpack.len() / 2 > limits.entries) {
            self.make_large();
        }
    }

    /// Sets a field, and says whether it is new. O(1), or O(n) in a small hash.
    pub fn set(&mut self, name: &[u8], value: &[u8], deadline: FieldDeadline, limits: HashLimits) -> bool {
        if let FormMut::Small(listpack) = self.0.form_mut()
            && !matches!(deadline, FieldDeadline::At(_))
            && is_small(listpack, name, value, limits)
        {
            let is_new = set_small(listpack, name, value);
            // Also where nothing was added: the limit may be a lower one than it was.
            self.keep_within(limits);
            return is_new;
        }
        self.make_large().set(name, value, deadline)
    }

    /// Sets fields, which have no deadlines afterwards, and says how many are new. O(fields), also in a small hash if its own
    /// fields are others.
    pub fn set_all<'a>(
        &mut self,
        pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
        limits: HashLimits,
    ) -> usize {
        /// Fewer are found by looking as quickly.
        const MANY: usize = 8;
        let mut names = (pairs.clone().take(MANY).count() == MANY).then(|| self.as_listpack().map(Names::of)).flatten();
        let mut new = 0;
        for (name, value) in pairs {
            let is_other = names.as_mut().is_some_and(|names| names.add(name));
            new += usize::from(match self.0.form_mut() {
                FormMut::Small(listpack) if is_other && is_small(listpack, name, value, limits) => {
                    listpack.push_back(name);
                    listpack.push_back(value);
                    self.keep_within(limits);
                    true
                }
                _ => self.set(name, value, FieldDeadline::Clear, limits),
            });
        }
        new
    }

    /// Gives a field a deadline or takes it away. False if the field is not there. O(1), or O(n) in a small hash.
    pub fn set_deadline(&mut self, name: &[u8], deadline: Option<Millis>) -> bool {
        match self.0.form() {
            Form::Small(listpack) => {
                let is_there = listpack.first().is_some_and(|first| listpack.find(first, name, 1).is_some());
                if !is_there || deadline.is_none() {
                    return is_there;
                }
            }
            Form::Large(_) => {}
        }
        self.make_large().set_deadline(name, deadline)
    }

    /// Removes a field. False if it is not there. O(1), or O(n) in a small hash.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self.0.form_mut() {
            FormMut::Small(listpack) => {
                let Some(at) = listpack.first().and_then(|first| listpack.find(first, name, 1)) else { return false };
                listpack.remove_at(at, 2);
                true
            }
            FormMut::Large(fields) => fields.remove(name),
        }
    }

    /// Removes fields whose deadline has passed, in portions until there are `most` or more, and gives their names.
    /// False if there may be others. O(removed).
    pub fn remove_due(&mut self, now: Millis, most: usize, removed: impl FnMut(&[u8])) -> bool {
        match self.0.form_mut() {
            FormMut::Small(_) => true,
            // A field is past its deadline in the millisecond after it.
            FormMut::Large(fields) => match now.checked_sub(1) {
                Some(until) if fields.earliest() <= until => fields.remove_due(until, most, removed),
                _ => true,
            },
        }
    }

    /// Visits fields and values, in no particular order. O(n).
    pub fn for_each<'a>(&'a self, now: Millis, mut visit: impl FnMut(Item<'a>, Item<'a>)) {
        match self.0.form() {
            Form::Small(listpack) => pairs(listpack).for_each(|(name, value)| visit(name, value)),
            Form::Large(fields) => fields.for_each(|field| {
                if !is_past(field.deadline(), now) {
                    visit(Item::Bytes(field.name()), Item::Bytes(field.value()));
                }
            }),
        }
    }

    /// Visits all fields with values and deadlines, whatever the time, in no particular order. O(n).
    pub fn for_each_with_deadline<'a>(&'a self, mut visit: impl FnMut(Item<'a>, Item<'a>, Option<Millis>)) {
        match self.0.form() {
            Form::Small(listpack) => pairs(listpack).for_each(|(name, value)| visit(name, value, None)),
            Form::Large(fields) => fields.for_each(|field| {
                visit(Item::Bytes(field.name()), Item::Bytes(field.value()), field.deadline());
            }),
        }
    }

    /// One step of a walk: visits fields from `position` on, some at a time, and returns the position to go on from,
    /// `None` at the end. What is there from the first step to the last is visited exactly once. A small hash comes
    /// whole.
    pub fn scan<'a>(&'a self, position: u64, now: Millis, mut visit: impl FnMut(Item<'a>, Item<'a>)) -> Option<u64> {
        match self.0.form() {
            Form::Small(listpack) => {
                pairs(listpack).for_each(|(name, value)| visit(name, value));
                None
            }
            Form::Large(fields) => fields.scan(position, |_, field| {
                if !is_past(field.deadline(), now) {
                    visit(Item::Bytes(field.name()), Item::Bytes(field.value()));
                }
            }),
        }
    }
}

/// Whether a field may stay among those of a small hash, or come to them.
fn is_small(listpack: &Listpack, name: &[u8], value: &[u8], limits: HashLimits) -> bool {
    name.len() <= limits.value
        && value.len() <= limits.value
        && listpack.fits(Listpack::entry_size(name) + Listpack::entry_size(value))
}

/// Which names a small hash may have: a bit for each of their hashes. While many fields are added to it, this says of most
/// that they are not there, and saves looking through all.
struct Names([u64; 64]);

impl Names {
    fn of(listpack: &Listpack) -> Self {
        let (mut names, mut buffer) = (Self([0; 64]), itoa::Buffer::new());
        for (name, _) in pairs(listpack) {
            names.add(name.bytes(&mut buffer));
        }
        names
    }

    /// Adds a name, and says whether it is certain that it was not there.
    fn add(&mut self, name: &[u8]) -> bool {
        let hash = super::hasher().hash(name);
        let (word, bit) = (&mut self.0[(hash >> 58) as usize], 1 << (hash >> 52 & 63));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

fn set_small(listpack: &mut Listpack, name: &[u8], value: &[u8]) -> bool {
    let found = listpack.first().and_then(|first| listpack.find(first, name, 1));
    if let Some(at) = found.and_then(|at| listpack.next(at)) {
        listpack.replace(at, value);
        return false;
    }
    listpack.push_back(name);
    listpack.push_back(value);
    true
}
