//! Consumer groups: who has been given what, and has not said yet that it is done.
//!
//! An entry that was delivered and not acknowledged is *pending*: in the group's list, with the consumer that has it,
//! and in that consumer's own list. Both are in the order of ids.
//!
//! Invariant: an id is in a consumer's list if and only if the group's list has it with that consumer.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::ops::{Deref, DerefMut};

use super::entries::Place;
use super::{Entries, Entry, StreamId, Walk};
use crate::value::size_class;

/// What a pending entry takes in the two lists, whose nodes are between half full and full.
const PENDING_BYTES: usize = (2 * size_of::<StreamId>() + size_of::<Pending>()) * 3 / 2;

/// A consumer within its group, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerId(u32);

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Who has it.
    pub consumer: ConsumerId,
    /// When it was last delivered, in milliseconds.
    pub delivered: u64,
    /// How often it has been delivered.
    pub deliveries: u64,
}

/// A reader of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last tried to do something, in milliseconds.
    pub seen: u64,
    /// When it last got something.
    pub active: Option<u64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The ids of what it has not acknowledged.
    pub fn pending(&self) -> &BTreeSet<StreamId> {
        &self.pending
    }
}

/// A group of consumers, who share the entries of a stream.
#[derive(Clone, Debug)]
pub struct Group {
    last_id: StreamId,
    /// Where the last entry was that was delivered.
    place: Option<Place>,
    entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    /// By number; the number of one that is gone is given to the next.
    consumers: Vec<Option<Consumer>>,
    /// Numbers in the order of the names.
    by_name: Vec<u32>,
    name_bytes: usize,
}

impl Group {
    fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Self {
            last_id,
            place: None,
            entries_read,
            pending: BTreeMap::new(),
            consumers: Vec::new(),
            by_name: Vec::new(),
            name_bytes: 0,
        }
    }

    /// The last id that was delivered.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// How many entries of the stream the group has read, if that is known.
    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// Sets what was delivered last, and how many entries that makes.
    pub fn set_last_id(&mut self, last_id: StreamId, entries_read: Option<u64>) {
        self.last_id = last_id;
        self.entries_read = entries_read;
    }

    /// How many entries the group has still to read, if that can be told.
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        if entries.added() == 0 {
            return Some(0);
        }
        let read = self.entries_read.filter(|_| !entries.has_gaps_after(self.last_id));
        let read = read.or_else(|| entries.added_up_to(self.last_id))?;
        Some((entries.added() as i64).wrapping_sub(read as i64))
    }

    /// The entries that nobody has been given. O(1) to begin, as a rule.
    pub fn unread<'e>(&self, entries: &'e Entries) -> Option<Walk<'e>> {
        entries.walk_on(self.last_id, self.place)
    }

    /// Notes that an entry, the next behind the last one, is delivered.
    pub fn advance(&mut self, entry: &Entry<'_>, entries: &Entries) {
        let id = entry.id;
        if id <= self.last_id {
            return;
        }
        // Later versions than 7.0 count on only if nothing between the two entries can have gone.
        let goes_on = self.last_id >= entries.first_id() && !entries.has_gaps_after(self.last_id);
        self.entries_read = match self.entries_read {
            Some(read) if goes_on => Some(read.wrapping_add(1)),
            read if entries.added() == 0 => read,
            _ => entries.added_up_to(id),
        };
        self.last_id = id;
        self.place = Some(entries.place(entry));
    }

    /// What is pending, in the order of ids.
    pub fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    fn index(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|&n| self.get(ConsumerId(n)).map_or(&b""[..], Consumer::name).cmp(name))
    }

    /// The consumer of a name.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.index(name).ok().and_then(|at| self.by_name.get(at)).map(|&n| ConsumerId(n))
    }

    /// A consumer.
    pub fn get(&self, consumer: ConsumerId) -> Option<&Consumer> {
        self.consumers.get(consumer.0 as usize)?.as_ref()
    }

    /// A consumer, to note when it was seen.
    pub fn get_mut(&mut self, consumer: ConsumerId) -> Option<&mut Consumer> {
        self.consumers.get_mut(consumer.0 as usize)?.as_mut()
    }

    /// All consumers, in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (ConsumerId, Option<&Consumer>)> {
        self.by_name.iter().map(|&n| (ConsumerId(n), self.get(ConsumerId(n))))
    }

    /// The consumer of a name, and whether it is new.
    pub fn find_or_add(&mut self, name: &[u8], now: u64) -> (ConsumerId, bool) {
        let at = match self.index(name) {
            Ok(at) => return (ConsumerId(self.by_name.get(at).copied().unwrap_or_default()), false),
            Err(at) => at,
        };
        let consumer = Consumer { name: name.into(), seen: now, active: None, pending: BTreeSet::new() };
        let number = match self.consumers.iter().position(Option::is_none) {
            Some(free) if self.by_name.len() < self.consumers.len() => free,
            _ => {
                self.consumers.push(None);
                self.consumers.len() - 1
            }
        };
        if let Some(place) = self.consumers.get_mut(number) {
            *place = Some(consumer);
        }
        self.name_bytes += size_class(name.len());
        self.by_name.insert(at, number as u32);
        (ConsumerId(number as u32), true)
    }

    /// Removes a consumer with all that it had pending, and says how much that was.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let at = self.index(name).ok()?;
        let number = self.by_name.remove(at);
        let consumer = self.consumers.get_mut(number as usize)?.take()?;
        self.name_bytes -= size_class(name.len());
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Gives an entry to a consumer, be it pending or not.
    pub fn give(&mut self, id: StreamId, consumer: ConsumerId, delivered: u64, deliveries: u64) {
        let new = Pending { consumer, delivered, deliveries };
        match self.pending.entry(id) {
            btree_map::Entry::Vacant(place) => {
                place.insert(new);
            }
            btree_map::Entry::Occupied(mut place) => {
                let old = place.insert(new);
                if old.consumer == consumer {
                    return;
                }
                if let Some(Some(old)) = self.consumers.get_mut(old.consumer.0 as usize) {
                    old.pending.remove(&id);
                }
            }
        }
        if let Some(consumer) = self.get_mut(consumer) {
            consumer.pending.insert(id);
        }
    }

    /// Notes that what a consumer has pending was delivered to it once more.
    pub fn redeliver(&mut self, id: StreamId, now: u64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered = now;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// Forgets a pending entry; false if it is not pending.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        if let Some(consumer) = self.get_mut(pending.consumer) {
            consumer.pending.remove(&id);
        }
        true
    }

    /// Bytes of all allocations, those of the lists by what such lists take as a rule. O(1).
    fn bytes(&self) -> usize {
        size_class(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + size_class(self.by_name.capacity() * size_of::<u32>())
            + self.name_bytes
            + self.pending.len() * PENDING_BYTES
    }
}

/// The consumer groups of a stream, by name.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    groups: BTreeMap<Box<[u8]>, Group>,
    bytes: usize,
}

impl Groups {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// A group.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// A group, to be changed.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<GroupMut<'_>> {
        let group = self.groups.get_mut(name)?;
        Some(GroupMut { before: group.bytes(), group, bytes: &mut self.bytes })
    }

    /// All groups, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, group))
    }

    /// Adds a group; false if the name is taken.
    pub fn add(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.groups.insert(name.into(), Group::new(last_id, entries_read));
        self.bytes += Self::own_bytes(name);
        true
    }

    /// Removes a group with all that is pending; false if it is not there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(group) = self.groups.remove(name) else { return false };
        self.bytes -= Self::own_bytes(name) + group.bytes();
        true
    }

    fn own_bytes(name: &[u8]) -> usize {
        size_class(name.len()) + (size_of::<Group>() + size_of::<Box<[u8]>>()) * 3 / 2
    }

    /// Bytes of all allocations. O(1).
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A group that is open for changes; when it ends, its bytes are counted.
pub struct GroupMut<'a> {
    group: &'a mut Group,
    bytes: &'a mut usize,
    before: usize,
}

impl Deref for GroupMut<'_> {
    type Target = Group;

    fn deref(&self) -> &Group {
        self.group
    }
}

impl DerefMut for GroupMut<'_> {
    fn deref_mut(&mut self) -> &mut Group {
        self.group
    }
}

impl Drop for GroupMut<'_> {
    fn drop(&mut self) {
        *self.bytes = *self.bytes - self.before + self.group.bytes();
    }
}
