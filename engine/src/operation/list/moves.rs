//! Moving an element from one list to another, or from one end to the other.

use smallvec::SmallVec;

use super::{Element, Side, announce_emptied, event, limits};
use crate::error::Result;
use crate::keyspace::{Effect, Key, View};
use crate::value::List;

/// LMOVE and RPOPLPUSH: takes an element from an end of one list and adds it at an end of another, or of the same, once
/// `read` has seen it. `None` if there is no list to take from. O(1).
///
/// # Errors
/// As for [`push`](super::push), for both keys.
pub fn move_between<R>(
    view: &mut View<'_>,
    source: &Key<'_>,
    destination: &Key<'_>,
    from: Side,
    to: Side,
    read: impl FnOnce(Element<'_>) -> R,
) -> Result<Option<R>> {
    let limits = limits(view.space().settings());
    let Some(mut list) = view.edit::<List>(source)? else { return Ok(None) };
    let Some(element) = list.end(from) else { return Ok(None) };
    let text: SmallVec<[u8; 128]> = SmallVec::from_slice(element.item().bytes(&mut itoa::Buffer::new()));
    let emptied;
    if source.bytes == destination.bytes {
        list.mark_changed();
        let inner = &mut *list;
        inner.remove_end(from, 1);
        inner.grow(1, text.len(), limits);
        inner.push(to, &text, limits);
        emptied = false;
        drop(list);
    } else {
        drop(list);
        // Whether the destination can take it is known before anything changes.
        let mut list = view.edit_or_create::<List>(destination)?;
        list.mark_changed();
        list.grow(1, text.len(), limits);
        list.push(to, &text, limits);
        drop(list);
        let Some(mut list) = view.edit::<List>(source)? else { return Ok(None) };
        list.mark_changed();
        list.remove_end(from, 1);
        list.shrink(limits);
        emptied = list.is_empty();
        drop(list);
    }
    view.record_effect(|| {
        Effect::new("LMOVE").arg(source.bytes).arg(destination.bytes).arg(from.word()).arg(to.word())
    });
    view.announce(destination, event(to.push_event()));
    view.announce(source, event(from.pop_event()));
    announce_emptied(view, source, emptied);
    Ok(Some(read(Element::Bytes(&text))))
}
