//! A big collection that is given in pieces as it was at one moment, while it goes on changing.
//!
//! Elements are given in the order of their hashes, from a table that others may change between two pieces. Whoever
//! changes, adds or removes an element that has yet to be given notes first what it was, or that it was not there. A piece
//! gives what is in its range of hashes and has not been noted, and what has been noted as it was.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::clock::Millis;

/// What a collection was when it began to be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whole {
    /// How many elements it had.
    pub len: usize,
    /// Of which type it is.
    pub kind: WholeKind,
}

/// The type of a collection that is given in pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WholeKind {
    /// Fields; a time before which none of them is due, if some have deadlines.
    Hash(Option<Millis>),
    /// Members.
    Set,
    /// Members with scores.
    SortedSet,
}

/// What was noted of an element: nothing if it was not there.
type Was<V> = (Box<[u8]>, Option<V>);

/// What is noted of a collection while it is given.
pub(super) struct Pieces<V> {
    /// Elements with lower hashes have been given.
    position: u64,
    noted: BTreeMap<u64, Vec<Was<V>>>,
    bytes: usize,
}

impl<V> Default for Pieces<V> {
    fn default() -> Self {
        Self { position: 0, noted: BTreeMap::new(), bytes: 0 }
    }
}

impl<V> Pieces<V> {
    /// Where the next piece begins.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Notes an element that is about to change: `was` says what it is, and how many bytes that takes, if it is there.
    #[cold]
    pub(super) fn note(&mut self, hash: u64, name: &[u8], was: impl FnOnce() -> Option<(V, usize)>) {
        if hash < self.position || self.has(hash, name) {
            return;
        }
        let (was, bytes) = was().map_or((None, 0), |(was, bytes)| (Some(was), bytes));
        self.bytes += bytes + name.len() + size_of::<Was<V>>();
        self.noted.entry(hash).or_default().push((name.into(), was));
    }

    /// Whether an element has been noted.
    #[inline]
    pub(super) fn has(&self, hash: u64, name: &[u8]) -> bool {
        !self.noted.is_empty() && self.noted.get(&hash).is_some_and(|all| all.iter().any(|(other, _)| **other == *name))
    }

    /// Ends a piece, whose range of hashes ends before `next`: gives what was noted in it. After the last, the bytes that
    /// were noted in all.
    pub(super) fn end(&mut self, next: Option<u64>, mut give: impl FnMut(&[u8], V)) -> ControlFlow<usize> {
        // One after the other: splitting the map would count all that is left.
        while let Some(first) = self.noted.first_entry()
            && next.is_none_or(|next| *first.key() < next)
        {
            for (name, was) in first.remove() {
                if let Some(was) = was {
                    give(&name, was);
                }
            }
        }
        match next {
            Some(next) => {
                self.position = next;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(self.bytes),
        }
    }
}

/// The methods of a collection whose large form has `pieces`, and a method `piece`.
macro_rules! in_pieces {
    ($mut:pat, $ref:pat, $large:ident, $kind:expr) => {
        /// Begins to be given in pieces, as it is now; says what that is. `None`, and nothing done, for a small form. O(1).
        pub fn begin_pieces(&mut self) -> Option<$crate::value::Whole> {
            let $mut = self.0.form_mut() else { return None };
            $large.pieces = Some(Box::default());
            Some($crate::value::Whole { len: $large.len(), kind: $kind })
        }

        /// Adds the next elements to `out`, a few at a time. With the last, it is given no more, and the bytes are returned
        /// that were noted while it was.
        pub fn piece(&mut self, out: &mut $crate::value::Elements) -> std::ops::ControlFlow<usize> {
            match self.0.form_mut() {
                $mut => $large.piece(out),
                _ => std::ops::ControlFlow::Break(0),
            }
        }

        /// Is given no more. O(elements that have changed meanwhile).
        pub fn end_pieces(&mut self) {
            if let $mut = self.0.form_mut() {
                $large.pieces = None;
            }
        }

        /// Whether it is being given in pieces.
        pub fn is_in_pieces(&self) -> bool {
            match self.0.form() {
                $ref => $large.pieces.is_some(),
                _ => false,
            }
        }
    };
}
pub(super) use in_pieces;

/// Copies of elements of one collection, one behind the other.
#[derive(Default, Debug)]
pub struct Elements {
    text: Vec<u8>,
    ends: Vec<(usize, usize, u64)>,
}

impl Elements {
    pub(super) fn push(&mut self, name: &[u8], value: &[u8], number: u64) {
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        self.text.extend_from_slice(value);
        self.ends.push((middle, self.text.len(), number));
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Name, value and number of each: of a field its deadline, `u64::MAX` for none; of a sorted set's member the bits of
    /// its score.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8], u64)> {
        let mut start = 0;
        self.ends.iter().map(move |&(middle, end, number)| {
            let whole = self.text.get(start..end).unwrap_or_default();
            let (name, value) = whole.split_at_checked(middle - start).unwrap_or_default();
            start = end;
            (name, value, number)
        })
    }
}
