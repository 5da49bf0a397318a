//! Sets: different strings, in no order.

mod algebra;

pub use algebra::{Algebra, combine, inter_card, store};

use crate::codec::glob::glob_match;
use crate::error::Result;
use crate::keyspace::{Effect, Event, EventClass, Key, Settings, View, random};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::Set;
use crate::value::set::Limits;

pub use crate::value::set::Item;

const fn event(name: &'static str) -> Event {
    Event::new(EventClass::Set, name)
}

pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        intset_entries: settings.set_max_intset_entries.load(Relaxed).min(1 << 30) as usize,
        listpack_entries: settings.set_max_listpack_entries.load(Relaxed) as usize,
        listpack_value: settings.set_max_listpack_value.load(Relaxed) as usize,
    }
}

/// SADD: how many members were not there. O(members).
///
/// # Errors
/// [`WRONG_TYPE`](crate::Error::WRONG_TYPE), so for all of these.
pub fn add<'a>(view: &mut View<'_>, key: &Key<'_>, members: impl Iterator<Item = &'a [u8]> + Clone) -> Result<usize> {
    let limits = limits(view.space().settings());
    let mut set = view.edit_or_create::<Set>(key)?;
    let many = members.clone().count();
    if !set.is_new() {
        set.expect(many, limits);
    } else if let Some(first) = members.clone().next() {
        set.replace(Set::beginning_with(first, many, limits));
    }
    let added = members.clone().filter(|member| set.insert(member, limits)).count();
    if added > 0 {
        set.mark_changed();
    }
    drop(set);
    if added > 0 {
        view.record(key, event("sadd"), || members.fold(Effect::new("SADD").arg(key.bytes), Effect::arg));
    }
    Ok(added)
}

/// SREM: how many members were there. O(members).
///
/// # Errors
/// As for [`add`].
pub fn remove<'a>(
    view: &mut View<'_>,
    key: &Key<'_>,
    members: impl Iterator<Item = &'a [u8]> + Clone,
) -> Result<usize> {
    let Some(mut set) = view.edit::<Set>(key)? else { return Ok(0) };
    let removed = members.clone().filter(|member| set.remove(member)).count();
    let is_gone = set.is_empty();
    if removed > 0 {
        set.mark_changed();
    }
    drop(set);
    if removed > 0 {
        view.record(key, event("srem"), || members.fold(Effect::new("SREM").arg(key.bytes), Effect::arg));
        announce_end(view, key, is_gone);
    }
    Ok(removed)
}

/// Announces that a key went with its last member.
fn announce_end(view: &mut View<'_>, key: &Key<'_>, is_gone: bool) {
    if is_gone {
        view.announce(key, Event::generic("del"));
    }
}

/// SCARD. O(1).
///
/// # Errors
/// As for [`add`].
pub fn len(view: &View<'_>, key: &Key<'_>) -> Result<usize> {
    Ok(view.read::<Set>(key)?.map_or(0, Set::len))
}

/// SISMEMBER. O(1) but for the few members of a listpack.
///
/// # Errors
/// As for [`add`].
pub fn contains(view: &View<'_>, key: &Key<'_>, member: &[u8]) -> Result<bool> {
    Ok(view.read::<Set>(key)?.is_some_and(|set| set.contains(member)))
}

/// The set at a key, to be read: for SMEMBERS, SMISMEMBER, SRANDMEMBER. O(1).
///
/// # Errors
/// As for [`add`].
pub fn get<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<&'v Set>> {
    view.read(key)
}

/// SRANDMEMBER without a count: any member. O(1) but for the few members of a listpack.
///
/// # Errors
/// As for [`add`].
pub fn random_member<'v>(view: &'v View<'_>, key: &Key<'_>) -> Result<Option<Item<'v>>> {
    Ok(view.read::<Set>(key)?.and_then(|set| set.random(random)))
}

/// SRANDMEMBER with a count: so many different members, each combination with the same probability. O(count), O(n) if
/// that is most of them.
///
/// # Errors
/// As for [`add`].
pub fn random_members<'v>(view: &'v View<'_>, key: &Key<'_>, count: usize) -> Result<Vec<Item<'v>>> {
    Ok(view.read::<Set>(key)?.map_or_else(Vec::new, |set| set.sample(count, random)))
}

/// Strings one behind the other in one allocation.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Packed {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The strings, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.bytes.get(start..end).unwrap_or_default())
    }
}

/// SPOP: takes out `count` members, each combination with the same probability. O(count), O(n) if that is most of them.
///
/// # Errors
/// As for [`add`].
pub fn pop(view: &mut View<'_>, key: &Key<'_>, count: usize) -> Result<Packed> {
    let limits = limits(view.space().settings());
    let Some(mut set) = view.edit::<Set>(key)? else { return Ok(Packed::default()) };
    let mut popped = Packed::default();
    let mut buffer = itoa::Buffer::new();
    let len = set.len();
    if count == 1 {
        if let Some(item) = set.random(random) {
            popped.push(item.bytes(&mut buffer));
        }
    } else {
        set.sample(count, random).into_iter().for_each(|item| popped.push(item.bytes(&mut buffer)));
    }
    let is_gone = popped.len() == len;
    if is_gone {
        set.replace(Set::default());
    } else {
        popped.iter().for_each(|member| {
            set.remove(member);
        });
        // Where few are left of many, Redis makes a new set of them, which begins as a listpack even of integers.
        if set.is_table() && count > 1 && set.len() * 5 <= count {
            let mut rest = Set::beginning_with(b"", 0, limits);
            set.for_each(|item| {
                rest.insert(item.bytes(&mut buffer), limits);
            });
            set.replace(rest);
        }
    }
    if popped.is_empty() {
        return Ok(popped);
    }
    set.mark_changed();
    drop(set);
    view.record(key, event("spop"), || {
        if is_gone {
            return Effect::new("DEL").arg(key.bytes);
        }
        popped.iter().fold(Effect::new("SREM").arg(key.bytes), Effect::arg)
    });
    announce_end(view, key, is_gone);
    Ok(popped)
}

/// SMOVE: moves a member from one set to another; false if it is not there. O(1) but for the few members of a listpack.
///
/// # Errors
/// As for [`add`].
pub fn move_member(view: &mut View<'_>, from: &Key<'_>, to: &Key<'_>, member: &[u8]) -> Result<bool> {
    let limits = limits(view.space().settings());
    view.drop_expired(from);
    view.drop_expired(to);
    let Some(set) = view.peek_as::<Set>(from)? else { return Ok(false) };
    let is_there = set.contains(member);
    let was_there = view.peek_as::<Set>(to)?.is_some_and(|set| set.contains(member));
    if !is_there || from.bytes == to.bytes {
        return Ok(is_there);
    }
    let Some(mut set) = view.edit::<Set>(from)? else { return Ok(false) };
    set.remove(member);
    set.mark_changed();
    let is_gone = set.is_empty();
    drop(set);
    view.record(from, event("srem"), || Effect::new("SMOVE").arg(from.bytes).arg(to.bytes).arg(member));
    announce_end(view, from, is_gone);
    if !was_there {
        let mut set = view.edit_or_create::<Set>(to)?;
        if set.is_new() {
            set.replace(Set::beginning_with(member, 1, limits));
        }
        set.insert(member, limits);
        set.mark_changed();
        drop(set);
        view.announce(to, event("sadd"));
    }
    Ok(true)
}

/// Which members an SSCAN gives, and how much it does in one call.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions<'a> {
    /// Members that match this pattern only.
    pub pattern: Option<&'a [u8]>,
    /// How many members are looked at, more or less.
    pub count: usize,
}

impl Default for ScanOptions<'_> {
    fn default() -> Self {
        Self { pattern: None, count: 10 }
    }
}

/// Empty buckets cost little.
const FREE_BUCKETS: usize = 1024;

/// SSCAN: members from `position` on, and the position to go on from, `None` at the end. A small set comes whole.
///
/// What is there from the first call to the last is given exactly once, whatever changes in between; the lowest 16 bits of
/// a position are zero. O(count).
pub fn scan<'s>(set: &'s Set, position: u64, options: &ScanOptions<'_>) -> (Vec<Item<'s>>, Option<u64>) {
    let pattern = options.pattern.filter(|p| *p != b"*");
    let (mut found, mut seen, mut buckets) = (Vec::new(), 0, 0);
    let most_buckets = options.count.saturating_mul(10).max(FREE_BUCKETS);
    let mut position = Some(position);
    while let Some(at) = position
        && seen < options.count
        && buckets < most_buckets
    {
        buckets += 1;
        position = set.scan(at, |item| {
            seen += 1;
            if pattern.is_none_or(|p| glob_match(p, item.bytes(&mut itoa::Buffer::new()), false)) {
                found.push(item);
            }
        });
    }
    (found, position)
}
