//! The set type: different strings, in no order.
//!
//! A few integers are an intset, a few short strings a listpack, anything else a table. A set turns into the next larger
//! form when [`Limits`] are passed, and never back.

mod members;
#[cfg(test)]
mod tests;

pub use super::listpack::Item;
pub use members::Members;

use super::compact::{Compact3, Form3, Form3Mut};
use super::hasher;
use super::pieces::{WholeKind, in_pieces};
use super::probe::ElementProbe;
use super::{Intset, Listpack};
use crate::codec::num::parse_i64;

/// How large the small forms may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `set-max-intset-entries`.
    pub intset_entries: usize,
    /// `set-max-listpack-entries`.
    pub listpack_entries: usize,
    /// `set-max-listpack-value`.
    pub listpack_value: usize,
}

/// A set in one word.
#[derive(Clone)]
#[repr(transparent)]
pub struct Set(Compact3<Intset, Listpack, Members>);

impl Default for Set {
    fn default() -> Self {
        Self(Compact3::first(Intset::new()))
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut set = f.debug_set();
        self.for_each(|item| {
            set.entry(&String::from_utf8_lossy(item.bytes(&mut itoa::Buffer::new())));
        });
        set.finish()
    }
}

/// The integer that a member is the canonical text of.
#[inline]
fn as_int(member: &[u8]) -> Option<i64> {
    if member.len() <= 20 { parse_i64(member) } else { None }
}

impl Set {
    in_pieces!(Form3Mut::Large(members), Form3::Large(members), members, WholeKind::Set);

    /// Starts to bring the member of this hash closer. `None` for a small set.
    pub(crate) fn probe(&self, member: u64) -> Option<ElementProbe<'_>> {
        match self.0.form() {
            Form3::First(_) | Form3::Second(_) => None,
            Form3::Large(members) => Some(ElementProbe::Member(members.probe(member))),
        }
    }

    /// An empty set in the form in which Redis begins one that gets `expected` members, of which this is the first.
    pub fn beginning_with(first: &[u8], expected: usize, limits: Limits) -> Self {
        if expected <= limits.intset_entries && as_int(first).is_some() {
            Self::default()
        } else if expected <= limits.listpack_entries {
            Self(Compact3::second(Listpack::new()))
        } else {
            Self(Compact3::large(Box::new(Members::with_room(expected))))
        }
    }

    /// A set of members that are all different.
    pub fn of_distinct(items: &[Item<'_>], limits: Limits) -> Self {
        let ints = items.iter().map(|item| item.as_int());
        if items.len() <= limits.intset_entries
            && let Some(mut ints) = ints.collect::<Option<Vec<i64>>>()
        {
            ints.sort_unstable();
            let mut set = Intset::new();
            ints.into_iter().for_each(|n| {
                set.insert(n);
            });
            return Self(Compact3::first(set));
        }
        let fits = |item: &Item<'_>| item.len() <= limits.listpack_value;
        if items.len() <= limits.listpack_entries && items.iter().all(fits) {
            let mut list = Listpack::new();
            items.iter().for_each(|item| list.push_back_item(*item));
            return Self(Compact3::second(list));
        }
        let mut members = Members::new();
        let mut buffer = itoa::Buffer::new();
        for item in items {
            let text = item.bytes(&mut buffer);
            members.insert_new(hasher().hash(text), text);
        }
        Self(Compact3::large(Box::new(members)))
    }

    /// How many members it has. O(1).
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form3::First(ints) => ints.len(),
            Form3::Second(list) => list.len(),
            Form3::Large(members) => members.len(),
        }
    }

    /// Whether it has none. O(1).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        match self.0.form() {
            Form3::First(ints) => ints.bytes(),
            Form3::Second(list) => list.bytes(),
            Form3::Large(members) => members.bytes(),
        }
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form3::First(_) => "intset",
            Form3::Second(_) => "listpack",
            Form3::Large(_) => "hashtable",
        }
    }

    /// A small set out of an intset.
    pub fn from_intset(ints: Intset) -> Self {
        Self(Compact3::first(ints))
    }

    /// A small set out of a listpack of members that are all different.
    pub fn from_listpack(pack: Listpack) -> Self {
        Self(Compact3::second(pack))
    }

    /// The intset that it is, if it is one.
    pub fn as_intset(&self) -> Option<&Intset> {
        if let Form3::First(ints) = self.0.form() { Some(ints) } else { None }
    }

    /// The listpack that it is, if it is one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        if let Form3::Second(pack) = self.0.form() { Some(pack) } else { None }
    }

    /// Whether it is a table, whose members come in pieces when it is scanned.
    pub fn is_table(&self) -> bool {
        matches!(self.0.form(), Form3::Large(_))
    }

    /// Whether it has a member. O(1) for a table, O(log n) for integers, O(n) for the few of a listpack.
    #[inline]
    pub fn contains(&self, member: &[u8]) -> bool {
        self.has(&Wanted::new(Item::Bytes(member), &mut itoa::Buffer::new()))
    }

    /// As [`contains`](Self::contains), for a member that several sets are asked for.
    #[inline]
    pub fn has(&self, wanted: &Wanted<'_>) -> bool {
        match self.0.form() {
            Form3::First(ints) => wanted.int().is_some_and(|n| ints.contains(n)),
            Form3::Second(list) => list.first().is_some_and(|at| list.find(at, wanted.text, 0).is_some()),
            Form3::Large(members) => members.contains(wanted.hash(), wanted.text),
        }
    }

    /// Adds a member; false if it is there. As [`contains`](Self::contains), and O(n) when the form changes.
    pub fn insert(&mut self, member: &[u8], limits: Limits) -> bool {
        match self.0.form_mut() {
            Form3Mut::First(ints) => {
                if let Some(n) = as_int(member) {
                    let is_new = ints.insert(n);
                    if ints.len() > limits.intset_entries {
                        self.make_table(None);
                    }
                    return is_new;
                }
                let digits = |n: Option<i64>| n.map_or(0, |n| Item::Int(n).len());
                let longest = digits(ints.min()).max(digits(ints.max())).max(member.len());
                let list_fits = ints.len() < limits.listpack_entries && longest <= limits.listpack_value;
                if list_fits {
                    let mut list = Listpack::new();
                    ints.iter().for_each(|n| list.push_back_int(n));
                    list.push_back(member);
                    self.0 = Compact3::second(list);
                } else {
                    self.make_table(Some(member));
                }
                true
            }
            Form3Mut::Second(list) => {
                if list.first().is_some_and(|at| list.find(at, member, 0).is_some()) {
                    return false;
                }
                if list.len() < limits.listpack_entries
                    && member.len() <= limits.listpack_value
                    && list.fits(Listpack::entry_size(member))
                {
                    list.push_back(member);
                } else {
                    self.make_table(Some(member));
                }
                true
            }
            Form3Mut::Large(members) => members.insert(member),
        }
    }

    /// Prepares for `more` members: as in Redis, more than the form may hold make it a table at once.
    pub fn expect(&mut self, more: usize, limits: Limits) {
        let too_many = match self.0.form() {
            Form3::First(_) => more > limits.intset_entries,
            Form3::Second(_) => more > limits.listpack_entries,
            Form3::Large(_) => false,
        };
        if too_many {
            self.make_table(None);
        }
    }

    /// Makes it a table, with one more member, which is not there.
    fn make_table(&mut self, member: Option<&[u8]>) {
        let mut members = Members::new();
        let mut buffer = itoa::Buffer::new();
        self.for_each(|item| {
            let text = item.bytes(&mut buffer);
            members.insert_new(hasher().hash(text), text);
        });
        if let Some(member) = member {
            members.insert_new(hasher().hash(member), member);
        }
        self.0 = Compact3::large(Box::new(members));
    }

    /// Removes a member; false if it is not there. As [`contains`](Self::contains).
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.0.form_mut() {
            Form3Mut::First(ints) => as_int(member).is_some_and(|n| ints.remove(n)),
            Form3Mut::Second(list) => {
                let found = list.first().and_then(|at| list.find(at, member, 0));
                if let Some(at) = found {
                    list.remove(at);
                }
                found.is_some()
            }
            Form3Mut::Large(members) => members.remove(member),
        }
    }

    /// Visits all members, in no particular order. O(n).
    #[inline]
    pub fn for_each<'a>(&'a self, mut visit: impl FnMut(Item<'a>)) {
        match self.0.form() {
            Form3::First(ints) => ints.iter().for_each(|n| visit(Item::Int(n))),
            Form3::Second(list) => list.iter().for_each(visit),
            Form3::Large(members) => members.for_each(|text| visit(Item::Bytes(text))),
        }
    }

    /// All members, in no particular order. O(n).
    pub fn items(&self) -> Vec<Item<'_>> {
        let mut items = Vec::with_capacity(self.len());
        self.for_each(|item| items.push(item));
        items
    }

    /// One step of a walk: visits members from `position` on and returns the position to go on from, `None` at the end.
    /// What is there from the first step to the last is visited exactly once, unless a small form becomes a table in
    /// between: small forms come whole, in one step.
    pub fn scan<'a>(&'a self, position: u64, mut visit: impl FnMut(Item<'a>)) -> Option<u64> {
        match self.0.form() {
            Form3::Large(members) => members.scan(position, |text| visit(Item::Bytes(text))),
            _ => {
                self.for_each(visit);
                None
            }
        }
    }

    /// Any member, each with the same probability; `random` gives 64 random bits. O(1), O(n) for a listpack.
    pub fn random(&self, mut random: impl FnMut() -> u64) -> Option<Item<'_>> {
        match self.0.form() {
            Form3::First(ints) => ints.get(below(ints.len(), random())).map(Item::Int),
            Form3::Second(list) => list.seek(below(list.len(), random()) as isize).map(|at| list.get(at)),
            Form3::Large(members) => members.random(random).map(Item::Bytes),
        }
    }

    /// `count` different members, each combination with the same probability; all if there are no more. O(count), O(n) if
    /// that is most of them or the set is no table.
    pub fn sample(&self, count: usize, mut random: impl FnMut() -> u64) -> Vec<Item<'_>> {
        let len = self.len();
        if count < len / 4
            && let Form3::Large(members) = self.0.form()
        {
            let mut seen = std::collections::HashSet::with_capacity(count);
            let mut drawn = Vec::with_capacity(count);
            while drawn.len() < count
                && let Some(text) = members.random(&mut random)
            {
                if seen.insert(text.as_ptr()) {
                    drawn.push(Item::Bytes(text));
                }
            }
            return drawn;
        }
        let mut items = self.items();
        for i in 0..count.min(len) {
            items.swap(i, i + below(len - i, random()));
        }
        items.truncate(count);
        items
    }
}

/// A number below `n`, out of 64 random bits; 0 if `n` is.
fn below(n: usize, random: u64) -> usize {
    ((u128::from(random) * n as u128) >> 64) as usize
}

/// A member that several sets are asked for: what a form needs to know of it is found out once.
pub struct Wanted<'a> {
    text: &'a [u8],
    hash: std::cell::OnceCell<u64>,
    int: std::cell::OnceCell<Option<i64>>,
}

impl<'a> Wanted<'a> {
    /// A member to ask for; the text of an integer is written into `buffer`.
    #[inline]
    pub fn new(item: Item<'a>, buffer: &'a mut itoa::Buffer) -> Self {
        let int = std::cell::OnceCell::new();
        if let Item::Int(n) = item {
            let _ = int.set(Some(n));
        }
        Self { text: item.bytes(buffer), hash: std::cell::OnceCell::new(), int }
    }

    fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| hasher().hash(self.text))
    }

    fn int(&self) -> Option<i64> {
        *self.int.get_or_init(|| as_int(self.text))
    }
}
