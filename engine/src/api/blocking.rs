//! The calls that wait, with types.

#[cfg(test)]
mod tests;

use std::sync::OnceLock;
use std::time::Duration;

use super::pending::{Job, Pending, Terms};
use super::{Db, Scored, StreamEntry};
use crate::error::Result;
use crate::keyspace::{Key, View, Wanted};
use crate::operation::list::{self, Side};
use crate::operation::sorted_set::{self, AddOptions, ZEnd};
use crate::operation::stream::{self, ReadFrom, Reader};
use crate::value::stream::StreamId;

/// A key, and elements of its list.
type Elements = (Vec<u8>, Vec<Vec<u8>>);
/// A key, and members of its sorted set.
type Members = (Vec<u8>, Vec<Scored>);

/// Calls that wait until there is something to take or to read. Each returns a [`Pending`], which a thread waits for or a
/// task awaits; see there for timeouts and for what happens when it is dropped.
impl Db {
    /// Takes the first element of the first of some lists that has any, with the key of that list. O(keys).
    ///
    /// # Errors
    /// When waited for, [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if a key in front of that list holds something else; so for all
    /// that wait for lists.
    pub fn blpop<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Vec<u8>)> {
        Pending::new(self, Terms::new(Wanted::List, keys), timeout, PopOne(Pop { side: Side::Left, count: 1 }))
    }

    /// As [`blpop`](Self::blpop), the last element. O(keys).
    pub fn brpop<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Vec<u8>)> {
        Pending::new(self, Terms::new(Wanted::List, keys), timeout, PopOne(Pop { side: Side::Right, count: 1 }))
    }

    /// Takes up to `count` elements from an end of the first of some lists that has any. O(keys + count).
    pub fn blmpop<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        side: Side,
        count: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Vec<Vec<u8>>)> {
        Pending::new(self, Terms::new(Wanted::List, keys), timeout, Pop { side, count: count.max(1) })
    }

    /// Takes an element from an end of one list and adds it at an end of another, or of the same, and returns it. O(1).
    ///
    /// # Errors
    /// When waited for, [`WRONG_TYPE`](crate::Error::WRONG_TYPE) for either key, [`OUT_OF_MEMORY`](crate::Error::OUT_OF_MEMORY).
    pub fn blmove(
        &self,
        source: impl AsRef<[u8]>,
        destination: impl AsRef<[u8]>,
        from: Side,
        to: Side,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<Vec<u8>> {
        let destination = destination.as_ref().to_vec();
        let terms = Terms { further: Some(destination.clone()), ..Terms::new(Wanted::List, [source]) };
        Pending::new(self, terms, timeout, Move { destination, from, to })
    }

    /// Takes the member with the lowest score out of the first of some sorted sets that has any. O(keys + log n).
    ///
    /// # Errors
    /// When waited for, [`WRONG_TYPE`](crate::Error::WRONG_TYPE) if a key in front of that set holds something else; so for all
    /// that wait for sorted sets.
    pub fn bzpop_min<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Scored)> {
        let job = PopMember(PopMembers { end: ZEnd::Min, count: 1 });
        Pending::new(self, Terms::new(Wanted::SortedSet, keys), timeout, job)
    }

    /// As [`bzpop_min`](Self::bzpop_min), the member with the highest score. O(keys + log n).
    pub fn bzpop_max<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Scored)> {
        let job = PopMember(PopMembers { end: ZEnd::Max, count: 1 });
        Pending::new(self, Terms::new(Wanted::SortedSet, keys), timeout, job)
    }

    /// Takes up to `count` members from one end of the first of some sorted sets that has any. O(keys), and O(log n) for
    /// each member.
    pub fn bzmpop<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        end: ZEnd,
        count: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<(Vec<u8>, Vec<Scored>)> {
        Pending::new(self, Terms::new(Wanted::SortedSet, keys), timeout, PopMembers { end, count: count.max(1) })
    }

    /// As [`xread`](Self::xread): waits until one of the streams has entries behind its id. [`ReadFrom::End`] stands for
    /// what is added from when the wait begins. O(entries).
    ///
    /// # Errors
    /// When waited for, [`WRONG_TYPE`](crate::Error::WRONG_TYPE).
    pub fn xread_blocking(
        &self,
        streams: &[(impl AsRef<[u8]>, ReadFrom)],
        count: usize,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<Vec<(usize, Vec<StreamEntry>)>> {
        let terms = Terms::new(Wanted::Stream, streams.iter().map(|(key, _)| key));
        let froms = streams.iter().map(|(_, from)| *from).collect();
        let job = Read { keys: terms.keys.clone(), froms, starts: OnceLock::new(), count: count.max(1) };
        Pending::new(self, terms, timeout, job)
    }

    /// As [`xreadgroup`](Self::xreadgroup): waits until there are entries that the group has not been given. O(entries).
    ///
    /// # Errors
    /// When waited for, [`WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if stream or group does not exist, or is gone.
    pub fn xreadgroup_blocking(
        &self,
        key: impl AsRef<[u8]>,
        group: impl AsRef<[u8]>,
        consumer: impl AsRef<[u8]>,
        count: u64,
        timeout: impl Into<Option<Duration>>,
    ) -> Pending<Vec<StreamEntry>> {
        let terms = Terms { on_loss: true, ..Terms::new(Wanted::Stream, [key]) };
        let (group, consumer) = (group.as_ref().to_vec(), consumer.as_ref().to_vec());
        Pending::new(self, terms, timeout, ReadGroup { group, consumer, count: count.max(1) })
    }
}

struct Pop {
    side: Side,
    count: usize,
}

impl Job for Pop {
    type Output = Elements;

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Elements>> {
        let popped = list::pop(view, key, self.side, self.count, |_, part| {
            part.map(|element| element.item().to_vec()).collect::<Vec<_>>()
        })?;
        Ok(popped.filter(|popped| !popped.is_empty()).map(|popped| (key.bytes.to_vec(), popped)))
    }

    fn undo_at(&self, (key, _): &Elements) -> Option<Vec<u8>> {
        Some(key.clone())
    }

    fn undo(&self, view: &mut View<'_>, (key, elements): Elements) {
        let key = view.key(&key);
        // What has taken the list's place meanwhile cannot hold them.
        let _ = list::push(view, &key, self.side, elements.iter().rev().map(|e| &e[..]), false);
    }
}

struct PopOne(Pop);

impl Job for PopOne {
    type Output = (Vec<u8>, Vec<u8>);

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Self::Output>> {
        let popped = self.0.serve(view, key)?;
        Ok(popped.and_then(|(key, mut elements)| Some((key, elements.pop()?))))
    }

    fn undo_at(&self, (key, _): &Self::Output) -> Option<Vec<u8>> {
        Some(key.clone())
    }

    fn undo(&self, view: &mut View<'_>, (key, element): Self::Output) {
        self.0.undo(view, (key, vec![element]));
    }
}

struct Move {
    destination: Vec<u8>,
    from: Side,
    to: Side,
}

impl Job for Move {
    type Output = Vec<u8>;

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Vec<u8>>> {
        let destination = view.key(&self.destination);
        list::move_between(view, key, &destination, self.from, self.to, |element| element.item().to_vec())
    }
}

struct PopMembers {
    end: ZEnd,
    count: usize,
}

impl Job for PopMembers {
    type Output = Members;

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Members>> {
        let popped = sorted_set::pop(view, key, self.end, self.count)?;
        Ok((!popped.is_empty()).then(|| (key.bytes.to_vec(), popped)))
    }

    fn undo_at(&self, (key, _): &Members) -> Option<Vec<u8>> {
        Some(key.clone())
    }

    fn undo(&self, view: &mut View<'_>, (key, members): Members) {
        let key = view.key(&key);
        let pairs: Vec<(f64, &[u8])> = members.iter().map(|(member, score)| (*score, &member[..])).collect();
        // Whoever has set a score meanwhile knows better.
        let _ = sorted_set::add(view, &key, &pairs, AddOptions::new().nx());
    }
}

struct PopMember(PopMembers);

impl Job for PopMember {
    type Output = (Vec<u8>, Scored);

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Self::Output>> {
        let popped = self.0.serve(view, key)?;
        Ok(popped.and_then(|(key, mut members)| Some((key, members.pop()?))))
    }

    fn undo_at(&self, (key, _): &Self::Output) -> Option<Vec<u8>> {
        Some(key.clone())
    }

    fn undo(&self, view: &mut View<'_>, (key, member): Self::Output) {
        self.0.undo(view, (key, vec![member]));
    }
}

struct Read {
    keys: Vec<Vec<u8>>,
    froms: Vec<ReadFrom>,
    /// The ids that those stood for when the wait began.
    starts: OnceLock<Vec<StreamId>>,
    count: usize,
}

impl Read {
    fn read(&self, view: &View<'_>, key: &Key<'_>, start: StreamId) -> Result<Option<Vec<StreamEntry>>> {
        let walk = stream::read_after(view, key, start)?;
        Ok(walk.map(|walk| walk.take(self.count).map(|entry| StreamEntry::new(&entry)).collect()))
    }

    /// The place of a key, and from where it is read.
    fn place(&self, key: &Key<'_>) -> Option<(usize, StreamId)> {
        let place = self.keys.iter().position(|k| k == key.bytes)?;
        Some((place, *self.starts.get()?.get(place)?))
    }
}

impl Job for Read {
    type Output = Vec<(usize, Vec<StreamEntry>)>;

    fn attempt(&self, view: &mut View<'_>, keys: &[Key<'_>]) -> Result<Option<Self::Output>> {
        let starts = keys.iter().zip(&self.froms).map(|(key, from)| stream::find_start(view, key, *from));
        let starts = starts.collect::<Result<Vec<_>>>()?;
        let mut found = Vec::new();
        for (i, (key, start)) in keys.iter().zip(&starts).enumerate() {
            found.extend(self.read(view, key, *start)?.map(|entries| (i, entries)));
        }
        // A job begins once.
        let _ = self.starts.set(starts);
        Ok((!found.is_empty()).then_some(found))
    }

    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        self.place(key).is_some_and(|(_, start)| stream::has_after(view, key, start))
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Self::Output>> {
        let Some((place, start)) = self.place(key) else { return Ok(None) };
        Ok(self.read(view, key, start)?.map(|entries| vec![(place, entries)]))
    }
}

struct ReadGroup {
    group: Vec<u8>,
    consumer: Vec<u8>,
    count: u64,
}

impl Job for ReadGroup {
    type Output = Vec<StreamEntry>;

    fn is_ready(&self, view: &View<'_>, key: &Key<'_>) -> bool {
        // An error is something to tell.
        stream::has_new(view, key, &self.group).unwrap_or(true)
    }

    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) -> Result<Option<Vec<StreamEntry>>> {
        let reader = Reader { group: &self.group, consumer: &self.consumer, count: self.count, no_ack: false };
        let mut entries = Vec::new();
        stream::read_new(view, key, &reader, |entry| entries.push(StreamEntry::new(entry)))?;
        Ok((!entries.is_empty()).then_some(entries))
    }
}
