//! Collections by their type: reading one, and changing one in place.
//!
//! An [`Edit`] is a collection of the view that is open for changes. When it ends, the bytes are counted, a new
//! collection that was filled gets its key, and a key whose collection has been emptied goes.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::interest::Interest;
use super::stripe::{KeyTable, Making};
use super::view::Marks;
use super::{Effect, Event, EventClass, Key, Keyspace, NewValue, ValueMut, ValueRef, View};
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::{Hash, List, Set, SortedSet, Stream, Value};

/// A data type whose values are changed in place.
pub trait Collection: Default + Into<Value> {
    /// The value as one of this type, if it is.
    fn of(value: ValueRef<'_>) -> Option<&Self>;
    /// The value as one of this type, if it is, to be changed.
    fn of_mut(value: ValueMut<'_>) -> Option<&mut Self>;
    /// Bytes of all allocations, rounded to size classes. O(1).
    fn bytes(&self) -> usize;
    /// Whether its key does not stay: a collection without elements, except for streams.
    fn is_void(&self) -> bool;
    /// A time before which nothing in it is due, `Millis::MAX` if nothing in it ever expires.
    fn earliest(&self) -> Millis;
}

macro_rules! collections {
    ($($type:ident: $is_void:expr, $earliest:expr;)*) => { $(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$type(value)
            }
        }

        impl Collection for $type {
            fn of(value: ValueRef<'_>) -> Option<&Self> {
                if let ValueRef::$type(this) = value { Some(this) } else { None }
            }

            fn of_mut(value: ValueMut<'_>) -> Option<&mut Self> {
                if let ValueMut::$type(this) = value { Some(this) } else { None }
            }

            fn bytes(&self) -> usize {
                self.bytes()
            }

            fn is_void(&self) -> bool {
                let is_void: fn(&Self) -> bool = $is_void;
                is_void(self)
            }

            #[inline]
            fn earliest(&self) -> Millis {
                let earliest: fn(&Self) -> Millis = $earliest;
                earliest(self)
            }
        }
    )* };
}

collections! {
    List: Self::is_empty, |_| Millis::MAX;
    Set: Self::is_empty, |_| Millis::MAX;
    Hash: Self::is_empty, Self::earliest;
    SortedSet: Self::is_empty, |_| Millis::MAX;
    Stream: |_| false, |_| Millis::MAX;
}

/// A collection that is open for changes. See [`View::edit`].
pub struct Edit<'v, T: Collection> {
    table: &'v mut KeyTable,
    space: &'v Keyspace,
    interest: &'v Interest,
    db: u32,
    marks: &'v mut Marks,
    key: Key<'v>,
    making: Making<'v>,
    state: State<T>,
    changed: bool,
}

enum State<T> {
    /// In an entry of the table, with the bytes that it took before.
    InPlace(NonNull<T>, usize),
    /// Not in the keyspace yet.
    New(T),
}

impl<T: Collection> Edit<'_, T> {
    /// Says that the value is not what it was. The caller records the effect.
    pub fn mark_changed(&mut self) {
        self.changed = true;
    }

    /// Puts another value in the place of this one, as a whole: that is not to be done through a reference.
    pub fn replace(&mut self, value: T) {
        match &mut self.state {
            State::InPlace(at, _) => {
                // SAFETY: as in `deref_mut`.
                let old = std::mem::replace(unsafe { at.as_mut() }, value);
                self.table.retire_value(&self.key, old.into());
            }
            State::New(new) => *new = value,
        }
    }

    /// Whether the key was not there.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::New(_))
    }
}

impl<T: Collection> Deref for Edit<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.state {
            // SAFETY: the value lies in an entry of the table, which is borrowed for as long as `self` is there and
            // changes through nobody else.
            State::InPlace(value, _) => unsafe { value.as_ref() },
            State::New(value) => value,
        }
    }
}

impl<T: Collection> DerefMut for Edit<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.state {
            // SAFETY: as above.
            State::InPlace(value, _) => unsafe { value.as_mut() },
            State::New(value) => value,
        }
    }
}

impl<T: Collection> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        if self.changed {
            self.interest.changed(self.db, &self.key, self.marks);
        }
        let (bytes, is_void, earliest) = (self.bytes(), self.is_void(), self.earliest());
        match &mut self.state {
            State::InPlace(_, before) => {
                self.table.end_edit(*before, bytes);
                if earliest != Millis::MAX {
                    self.table.note_deadline(&self.key, earliest);
                }
                if is_void && let Some(Some(garbage)) = self.table.remove(&self.key, self.space.hasher()) {
                    self.space.reclaimer.value(garbage);
                }
            }
            State::New(value) if self.changed && !is_void => {
                let value = NewValue::Owned(std::mem::take(value).into());
                self.marks.note_new(self.db, &self.key);
                self.table.put(&self.key, value, None, self.making);
            }
            State::New(_) => {}
        }
    }
}

impl View<'_> {
    /// Reads a collection: counts a hit or a miss, and an access. An expired key is not seen.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    #[inline]
    pub fn read<T: Collection>(&self, key: &Key<'_>) -> Result<Option<&T>> {
        self.get(key).map(|entry| T::of(entry.value()).ok_or(Error::WRONG_TYPE)).transpose()
    }

    /// As [`read`](Self::read), without counting anything.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn peek_as<T: Collection>(&self, key: &Key<'_>) -> Result<Option<&T>> {
        self.peek(key).map(|entry| T::of(entry.value()).ok_or(Error::WRONG_TYPE)).transpose()
    }

    /// Opens a collection for changes: an expired key is deleted first. `None` if the key is not there. The caller
    /// says with [`Edit::mark_changed`] whether it has changed the value, and records the effect when the edit has
    /// ended.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn edit<'v, T: Collection>(&'v mut self, key: &Key<'v>) -> Result<Option<Edit<'v, T>>> {
        let edit = self.open::<T>(key)?;
        Ok((!edit.is_new()).then_some(edit))
    }

    /// As [`edit`](Self::edit); where there is no key, a new collection that gets its key if it is changed.
    ///
    /// # Errors
    /// [`Error::WRONG_TYPE`].
    pub fn edit_or_create<'v, T: Collection>(&'v mut self, key: &Key<'v>) -> Result<Edit<'v, T>> {
        self.open(key)
    }

    fn open<'v, T: Collection>(&'v mut self, key: &Key<'v>) -> Result<Edit<'v, T>> {
        self.drop_expired(key);
        let touches = self.touches();
        let mut state = self.find_to_edit::<T>(key, touches)?;
        if let State::InPlace(value, _) = &state
            // SAFETY: it lies in an entry of a stripe that is held, which nobody has changed since.
            && unsafe { value.as_ref() }.earliest() < self.now()
            && !self.space().holds_expired()
        {
            self.expire_fields(key, usize::MAX);
            state = self.find_to_edit(key, false)?;
        }
        Ok(self.edit_of(key, state, false))
    }

    fn edit_of<'v, T: Collection>(&'v mut self, key: &Key<'v>, state: State<T>, changed: bool) -> Edit<'v, T> {
        let (making, space, db) = (self.making(key.hash), self.space(), self.db());
        let (table, interest, marks) = self.open_table(key.hash);
        Edit { table, space, interest, db, marks, key: *key, making, state, changed }
    }

    fn find_to_edit<T: Collection>(&mut self, key: &Key<'_>, touches: bool) -> Result<State<T>> {
        let making = self.making(key.hash);
        let (space, now) = (self.space(), self.now());
        let (table, ..) = self.open_table(key.hash);
        let Some((entry, before)) = table.begin_edit(key, making.epoch) else { return Ok(State::New(T::default())) };
        if touches {
            entry.read().set_clock(space.access_clock(now, Some(entry.read().clock())));
        }
        let value = T::of_mut(entry.into_value()).ok_or(Error::WRONG_TYPE)?;
        Ok(State::InPlace(NonNull::from(value), before))
    }

    /// Deletes fields that are due, `most` or a few more, and the key if that was all it had. It is a change of its
    /// own and comes before the one that found them. False if there may be others.
    pub(super) fn expire_fields(&mut self, key: &Key<'_>, most: usize) -> bool {
        let now = self.now();
        let Ok(State::InPlace(mut value, before)) = self.find_to_edit::<Hash>(key, false) else { return true };
        // SAFETY: it lies in an entry of a stripe that is held for writing, and is used through the edit alone.
        let hash = unsafe { value.as_mut() };
        let mut names = Vec::new();
        let complete = hash.remove_due(now, most, |name| names.push(name.to_vec()));
        let is_gone = hash.is_empty();
        let state = State::<Hash>::InPlace(value, before);
        drop(self.edit_of(key, state, !names.is_empty()));
        if names.is_empty() {
            return complete;
        }
        self.space().counters().expired_fields.fetch_add(names.len() as u64, Relaxed);
        self.record(key, Event::new(EventClass::Hash, "hexpired"), || {
            names.iter().fold(Effect::new("HDEL").arg(key.bytes), Effect::arg)
        });
        if is_gone {
            self.announce(key, Event::generic("del"));
        }
        complete
    }
}
