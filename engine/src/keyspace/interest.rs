//! Who has to hear when keys of a stripe change: those who watch them, and those who wait for them.
//!
//! Both stand behind one pointer, so a change costs one look where nobody is interested.

use super::Key;
use super::stripe::TableId;
use super::view::Marks;
use super::waiters::Waiters;
use super::watch::Watchers;

/// Everybody who is interested in keys of a stripe. Nothing, mostly.
#[derive(Default)]
pub(super) struct Interest(Option<Box<Interested>>);

#[derive(Default)]
pub(super) struct Interested {
    pub(super) watchers: Watchers,
    pub(super) waiters: Waiters,
}

impl Interest {
    /// Those who are interested, if there are any.
    #[inline]
    pub(super) fn get(&self) -> Option<&Interested> {
        self.0.as_deref()
    }

    /// As [`get`](Self::get), to be changed; [`tidy`](Self::tidy) follows where somebody may have left.
    pub(super) fn get_mut(&mut self) -> Option<&mut Interested> {
        self.0.as_deref_mut()
    }

    /// Room for one more.
    pub(super) fn get_or_begin(&mut self) -> &mut Interested {
        self.0.get_or_insert_default()
    }

    /// Goes back to nothing when the last has left.
    pub(super) fn tidy(&mut self) {
        if self.get().is_some_and(|all| all.watchers.is_empty() && all.waiters.is_empty()) {
            self.0 = None;
        }
    }

    /// A key is not what it was.
    #[inline]
    pub(super) fn changed(&self, id: TableId, key: &Key<'_>, marks: &mut Marks) {
        marks.note_change(key);
        if let Some(all) = &self.0 {
            all.changed(id, key, marks);
        }
    }
}

impl Interested {
    #[cold]
    fn changed(&self, id: TableId, key: &Key<'_>, marks: &mut Marks) {
        self.watchers.changed(id, key.bytes);
        if self.waiters.wait_for(id, key.bytes) {
            marks.note_ready(id, key);
        }
    }
}
