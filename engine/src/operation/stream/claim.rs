//! Taking over what others have pending: XCLAIM and XAUTOCLAIM.

use std::ops::Bound;

use smallvec::SmallVec;

use super::group::{ack_effect, must_have, position_effect, record_consumer};
use crate::error::Result;
use crate::keyspace::{Effect, Key, View};
use crate::value::stream::{Entry, Stream, StreamId};

/// How many pending entries XAUTOCLAIM looks at for each that it may claim.
const ATTEMPTS: u64 = 10;

/// What is noted as the time of the last delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveredAt {
    /// So many milliseconds ago.
    Idle(i64),
    /// This time in milliseconds.
    Time(i64),
}

/// Options of XCLAIM.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct XClaimOptions {
    delivered: Option<DeliveredAt>,
    retry_count: Option<u64>,
    force: bool,
    just_id: bool,
    last_id: Option<StreamId>,
}

impl XClaimOptions {
    /// Claims count as deliveries of this moment.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what is noted as the time of the delivery; a time in the future is now.
    #[must_use]
    pub fn delivered(mut self, at: DeliveredAt) -> Self {
        self.delivered = Some(at);
        self
    }

    /// Sets the number of deliveries, instead of adding one.
    #[must_use]
    pub fn retry_count(mut self, count: u64) -> Self {
        self.retry_count = Some(count);
        self
    }

    /// Claims entries too that nobody has pending, as long as they are there.
    #[must_use]
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }

    /// Does not count as a delivery, and does not give the entries themselves.
    #[must_use]
    pub fn just_id(mut self) -> Self {
        self.just_id = true;
        self
    }

    /// Sets what the group was delivered last, if that is later than what it knows.
    #[must_use]
    pub fn last_id(mut self, id: impl Into<StreamId>) -> Self {
        self.last_id = Some(id.into());
        self
    }

    fn time(&self, now: u64) -> u64 {
        let signed = i64::try_from(now).unwrap_or(i64::MAX);
        let time = match self.delivered {
            Some(DeliveredAt::Time(time)) => time,
            Some(DeliveredAt::Idle(idle)) => signed.wrapping_sub(idle),
            None => signed,
        };
        u64::try_from(time).ok().filter(|&time| time <= now).unwrap_or(now)
    }
}

/// What a claim has changed, to be told as effects.
#[derive(Default)]
struct Done {
    is_new: bool,
    claimed: SmallVec<[(StreamId, u64); 16]>,
    gone: Vec<StreamId>,
    moved: bool,
}

impl Done {
    fn is_anything(&self) -> bool {
        self.is_new || self.moved || !self.claimed.is_empty() || !self.gone.is_empty()
    }

    /// One effect for each entry: they differ in how often they were delivered.
    fn record(&self, view: &mut View<'_>, key: &Key<'_>, group: &[u8], consumer: &[u8], time: u64) {
        if self.is_new {
            record_consumer(view, key, group, consumer);
        }
        if !self.gone.is_empty() {
            view.record_effect(|| ack_effect(key, group, &self.gone));
        }
        for (id, deliveries) in &self.claimed {
            view.record_effect(|| {
                let effect = Effect::new("XCLAIM").arg(key.bytes).arg(group).arg(consumer).int(0).arg(id.text());
                effect.arg("TIME").int(time).arg("RETRYCOUNT").int(*deliveries).arg("FORCE").arg("JUSTID")
            });
        }
    }
}

/// XCLAIM: gives pending entries that have been idle for at least `min_idle` milliseconds to a consumer, who is added
/// to the group if it is new. `read` gets every one that is claimed. Pending entries that have been deleted are
/// forgotten. O(log pending) for each id, and a search for the entry.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there is no such stream or group.
#[allow(clippy::too_many_arguments, reason = "so many are a claim's parts")]
pub fn claim(
    view: &mut View<'_>,
    key: &Key<'_>,
    name: &[u8],
    consumer_name: &[u8],
    min_idle: u64,
    ids: &[StreamId],
    options: &XClaimOptions,
    mut read: impl FnMut(&Entry<'_>),
) -> Result<()> {
    let now = view.wall();
    let time = options.time(now);
    let mut edit = must_have(view.edit::<Stream>(key)?, key, name)?;
    let (entries, groups) = edit.groups_mut();
    let mut group = must_have(groups.get_mut(name), key, name)?;
    let mut done = Done::default();
    if let Some(last) = options.last_id.filter(|&last| last > group.last_id()) {
        let read = group.entries_read();
        group.set_last_id(last, read);
        done.moved = true;
    }
    let (consumer, is_new) = group.find_or_add(consumer_name, now);
    done.is_new = is_new;
    for &id in ids {
        let pending = group.pending().get(&id).copied();
        let Some(entry) = entries.get(id) else {
            if group.acknowledge(id) {
                done.gone.push(id);
            }
            continue;
        };
        let deliveries = match pending {
            Some(pending) if min_idle > 0 && now.saturating_sub(pending.delivered) < min_idle => continue,
            Some(pending) => pending.deliveries,
            // Redis makes it pending as if it had been delivered, and then claims it.
            None if options.force => 1,
            None => continue,
        };
        let more = u64::from(!options.just_id);
        let deliveries = options.retry_count.unwrap_or(deliveries.wrapping_add(more));
        group.give(id, consumer, time, deliveries);
        read(&entry);
        done.claimed.push((id, deliveries));
    }
    if let Some(consumer) = group.get_mut(consumer) {
        consumer.seen = now;
        if !done.claimed.is_empty() {
            consumer.active = Some(now);
        }
    }
    let position = (group.last_id(), group.entries_read());
    drop(group);
    if done.is_anything() {
        edit.mark_changed();
    }
    drop(edit);
    done.record(view, key, name, consumer_name, time);
    if done.moved {
        view.record_effect(|| position_effect(key, name, position.0, position.1));
    }
    Ok(())
}

/// What XAUTOCLAIM is to do.
#[derive(Clone, Copy, Debug)]
pub struct AutoClaim<'a> {
    /// The group.
    pub group: &'a [u8],
    /// Who gets the entries.
    pub consumer: &'a [u8],
    /// For how many milliseconds at least entries must not have been delivered.
    pub min_idle: u64,
    /// The id to begin at.
    pub start: StreamId,
    /// The most entries to claim.
    pub count: u64,
    /// Whether it does not count as a delivery.
    pub just_id: bool,
}

/// What XAUTOCLAIM has done.
#[derive(Clone, Debug, Default)]
pub struct AutoClaimed {
    /// The id to go on at; `0-0` at the end.
    pub next: StreamId,
    /// What has been claimed.
    pub claimed: Vec<StreamId>,
    /// What was pending, has been deleted, and is forgotten now.
    pub gone: Vec<StreamId>,
}

/// XAUTOCLAIM: as [`claim`], of pending entries from an id on. O(log pending) for each entry that is looked at.
///
/// # Errors
/// [`Error::WRONG_TYPE`](crate::Error::WRONG_TYPE); an error if there is no such stream or group.
pub fn auto_claim(view: &mut View<'_>, key: &Key<'_>, options: &AutoClaim<'_>) -> Result<AutoClaimed> {
    let (now, name) = (view.wall(), options.group);
    let mut edit = must_have(view.edit::<Stream>(key)?, key, name)?;
    let (entries, groups) = edit.groups_mut();
    let mut group = must_have(groups.get_mut(name), key, name)?;
    let (consumer, is_new) = group.find_or_add(options.consumer, now);
    let mut done = Done { is_new, ..Done::default() };
    let mut left = options.count;
    let mut attempts = options.count.saturating_mul(ATTEMPTS);
    let mut from = Bound::Included(options.start);
    let mut next = StreamId::MIN;
    while let Some((&id, &pending)) = group.pending().range((from, Bound::Unbounded)).next() {
        if attempts == 0 || left == 0 {
            next = id;
            break;
        }
        attempts -= 1;
        from = Bound::Excluded(id);
        if entries.get(id).is_none() {
            group.acknowledge(id);
            done.gone.push(id);
            left -= 1;
            continue;
        }
        if options.min_idle > 0 && now.saturating_sub(pending.delivered) < options.min_idle {
            continue;
        }
        let deliveries = pending.deliveries.wrapping_add(u64::from(!options.just_id));
        group.give(id, consumer, now, deliveries);
        done.claimed.push((id, deliveries));
        left -= 1;
    }
    if let Some(consumer) = group.get_mut(consumer) {
        consumer.seen = now;
        if !done.claimed.is_empty() {
            consumer.active = Some(now);
        }
    }
    drop(group);
    if done.is_anything() {
        edit.mark_changed();
    }
    drop(edit);
    done.record(view, key, name, options.consumer, now);
    Ok(AutoClaimed { next, claimed: done.claimed.into_iter().map(|(id, _)| id).collect(), gone: done.gone })
}
