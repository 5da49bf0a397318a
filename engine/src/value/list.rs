//! Lists: a listpack while they are small, a quicklist of listpacks from then on.
//!
//! Both are told their [`Limits`] with each change; a list knows no settings. A list becomes a quicklist before what
//! would make its listpack too large is added, and one listpack again when it has shrunk to half of that.

mod elements;
mod limits;
mod quicklist;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

pub use self::elements::Elements;
pub use self::limits::Limits;
use self::quicklist::Quicklist;
use super::compact::{Compact, Form, FormMut};
use super::listpack::{Item, Listpack, Pos};
use super::size_class;

/// One of the two ends of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Where the element with index 0 is.
    Left,
    /// Where the last element is.
    Right,
}

/// An element of a list.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// One that looks like an integer.
    Int(i64),
    /// Its bytes.
    Bytes(&'a [u8]),
    /// A big one, which may be kept without copying.
    Shared(&'a Arc<Vec<u8>>),
}

impl<'a> From<Item<'a>> for Element<'a> {
    fn from(item: Item<'a>) -> Self {
        match item {
            Item::Int(n) => Self::Int(n),
            Item::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

impl<'a> Element<'a> {
    /// The same, as an entry of a listpack.
    pub fn item(self) -> Item<'a> {
        match self {
            Self::Int(n) => Item::Int(n),
            Self::Bytes(bytes) => Item::Bytes(bytes),
            Self::Shared(bytes) => Item::Bytes(bytes),
        }
    }
}

/// A string to compare elements with, looked at once.
#[derive(Clone, Copy, Debug)]
pub struct Needle<'a>(&'a [u8], Item<'a>);

impl<'a> Needle<'a> {
    /// A needle.
    pub fn new(text: &'a [u8]) -> Self {
        Self(text, Item::of(text))
    }

    /// Whether an element is this string.
    #[inline]
    pub fn is(self, element: Element<'_>) -> bool {
        match element.item() {
            Item::Int(n) => self.1 == Item::Int(n),
            Item::Bytes(bytes) => bytes == self.0,
        }
    }
}

/// A list in one word.
#[derive(Clone)]
#[repr(transparent)]
pub struct List(Compact<Listpack, Quicklist>);

impl Default for List {
    fn default() -> Self {
        Self(Compact::small(Listpack::new()))
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl List {
    /// How many elements it has. O(1).
    #[inline]
    pub fn len(&self) -> usize {
        match self.0.form() {
            Form::Small(pack) => pack.len(),
            Form::Large(list) => list.len(),
        }
    }

    /// Whether it has none. O(1).
    pub fn is_empty(&self) -> bool {
        match self.0.form() {
            Form::Small(pack) => pack.is_empty(),
            Form::Large(list) => list.len() == 0,
        }
    }

    /// Bytes of all allocations, rounded to size classes. O(1).
    pub fn bytes(&self) -> usize {
        match self.0.form() {
            Form::Small(pack) => pack.bytes(),
            Form::Large(list) => size_class(size_of::<Quicklist>()) + list.bytes(),
        }
    }

    /// What `OBJECT ENCODING` says.
    pub fn encoding(&self) -> &'static str {
        match self.0.form() {
            Form::Small(_) => "listpack",
            Form::Large(_) => "quicklist",
        }
    }

    /// The listpack that it is, if it is one.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.form() {
            Form::Small(pack) => Some(pack),
            Form::Large(_) => None,
        }
    }

    /// What its nodes hold, in order: listpacks, and the elements that are nodes of their own.
    pub fn nodes(&self) -> impl Iterator<Item = Result<&Listpack, &[u8]>> {
        let (one, many) = match self.0.form() {
            Form::Small(pack) => (Some(Ok(pack)), None),
            Form::Large(list) => (None, Some(list.nodes())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Gets ready for so many more elements of so many bytes together, as Redis does before it adds them.
    pub fn grow(&mut self, elements: usize, bytes: usize, limits: Limits) {
        if let Form::Small(pack) = self.0.form()
            && limits.exceeded(pack.size().saturating_add(bytes), pack.len().saturating_add(elements))
        {
            self.become_quicklist();
        }
    }

    /// Becomes a quicklist, whatever its size: for many elements whose sizes are not known yet.
    pub fn become_quicklist(&mut self) {
        if let FormMut::Small(pack) = self.0.form_mut() {
            let pack = std::mem::take(pack);
            self.0 = Compact::large(Box::new(Quicklist::from_listpack(pack)));
        }
    }

    /// Becomes one listpack again if it has shrunk enough, as Redis does after removing something.
    pub fn shrink(&mut self, limits: Limits) {
        if let FormMut::Large(list) = self.0.form_mut()
            && let Some(pack) = list.take_if_small(limits)
        {
            self.0 = Compact::small(pack);
        }
    }

    /// Adds an element at an end. O(1) on average. The list has been made to [`grow`](Self::grow).
    #[inline]
    pub fn push(&mut self, side: Side, text: &[u8], limits: Limits) {
        match (self.0.form_mut(), side) {
            (FormMut::Small(pack), Side::Left) => pack.push_front(text),
            (FormMut::Small(pack), Side::Right) => pack.push_back(text),
            (FormMut::Large(list), side) => list.push(side, text, limits),
        }
    }

    /// The element at an end. O(1).
    pub fn end(&self, side: Side) -> Option<Element<'_>> {
        self.walk(0, side).next()
    }

    /// The element with an index. O(nodes), which are hundreds of elements each.
    pub fn get(&self, index: usize) -> Option<Element<'_>> {
        self.walk(index, Side::Left).next()
    }

    /// All elements from the left.
    pub fn iter(&self) -> Elements<'_> {
        self.walk(0, Side::Left)
    }

    /// The elements from one side on, without the first `skip`.
    pub fn walk(&self, skip: usize, from: Side) -> Elements<'_> {
        match self.0.form() {
            Form::Small(pack) => Elements::of_pack(pack, skip, from),
            Form::Large(list) => list.walk(skip, from),
        }
    }

    /// Puts another string in the place of an element, which is there. O(nodes). The list has been made to
    /// [`grow`](Self::grow).
    pub fn set(&mut self, index: usize, text: &[u8], limits: Limits) {
        match self.0.form_mut() {
            FormMut::Small(pack) => {
                if let Some(pos) = isize::try_from(index).ok().and_then(|index| pack.seek(index)) {
                    pack.replace(pos, text);
                }
            }
            FormMut::Large(list) => list.set(index, text, limits),
        }
    }

    /// Adds an element in front of the first that is `pivot`, or behind it; false if there is no such. O(N). The list
    /// has been made to [`grow`](Self::grow).
    pub fn insert(&mut self, pivot: &[u8], behind: bool, text: &[u8], limits: Limits) -> bool {
        match self.0.form_mut() {
            FormMut::Small(pack) => {
                let Some(pos) = pack.first().and_then(|first| pack.find(first, pivot, 0)) else { return false };
                insert_at(pack, pos, behind, text);
                true
            }
            FormMut::Large(list) => list.insert(pivot, behind, text, limits),
        }
    }

    /// Removes up to `count` elements from an index on. O(nodes).
    pub fn remove_range(&mut self, index: usize, count: usize) {
        match self.0.form_mut() {
            FormMut::Small(pack) => pack.remove_range(index, count),
            FormMut::Large(list) => list.remove_range(index, count),
        }
    }

    /// Removes up to `count` elements at an end. O(count).
    #[inline]
    pub fn remove_end(&mut self, side: Side, count: usize) {
        let index = if side == Side::Left { 0 } else { self.len().saturating_sub(count) };
        self.remove_range(index, count);
    }

    /// Removes the first `most` elements that are this string, seen from a side, and says how many there were. O(N).
    pub fn remove(&mut self, text: &[u8], most: usize, from: Side) -> usize {
        match self.0.form_mut() {
            FormMut::Small(pack) => remove_from(pack, Needle::new(text), most, from),
            FormMut::Large(list) => list.remove(text, most, from),
        }
    }
}

fn insert_at(pack: &mut Listpack, pos: Pos, behind: bool, text: &[u8]) -> Pos {
    if behind { pack.insert_after(pos, text) } else { pack.insert(pos, text) }
}

fn remove_from(pack: &mut Listpack, needle: Needle<'_>, most: usize, from: Side) -> usize {
    let mut removed = 0;
    let mut next = if from == Side::Left { pack.first() } else { pack.last() };
    while removed < most
        && let Some(pos) = next
    {
        if from == Side::Left {
            let Some(found) = pack.find(pos, needle.0, 0) else { break };
            next = pack.remove(found);
            removed += 1;
        } else {
            next = pack.prev(pos);
            if needle.is(pack.get(pos).into()) {
                pack.remove(pos);
                removed += 1;
            }
        }
    }
    removed
}
