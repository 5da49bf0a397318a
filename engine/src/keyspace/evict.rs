//! Eviction: making room when `maxmemory` is reached, before a command takes its locks.
//!
//! Candidates are sampled in hash order from a random place, a whole page neighbourhood at a time: the hash is
//! uniform, so neighbours in it are as random as any others, and they cost one look-up together.

use std::time::{Duration, Instant};

use super::{Access, Effect, Entry, Event, EventClass, Keyspace, Policy, Settings, View};
use crate::clock::Millis;
use crate::sync::atomic::Ordering::Relaxed;

/// The frequency that new keys start with, so that they are not the first to go.
const LFU_START: u32 = 5;

/// The access clock in seconds, 24 bits of it.
pub(super) fn lru_clock(now: Millis) -> u32 {
    (now / 1000) as u32 & 0xff_ffff
}

/// Seconds since a key was used, by its access clock.
pub(super) fn lru_idle_secs(now: Millis, clock: u32) -> u32 {
    lru_clock(now).wrapping_sub(clock) & 0xff_ffff
}

fn lfu_minutes(now: Millis) -> u32 {
    (now / 60_000) as u32 & 0xffff
}

/// The frequency of a key, with the time it was not used taken off.
pub(super) fn lfu_frequency(settings: &Settings, now: Millis, clock: u32) -> u32 {
    let (since, counter) = (clock >> 8, clock & 0xff);
    let decay = settings.lfu_decay_time.load(Relaxed);
    if decay == 0 {
        return counter;
    }
    let minutes = lfu_minutes(now).wrapping_sub(since) & 0xffff;
    counter.saturating_sub(minutes / decay)
}

/// The access clock of a key used now: 16 bits of minutes, 8 bits of a counter that grows ever more slowly.
pub(super) fn lfu_touch(settings: &Settings, now: Millis, old: Option<u32>) -> u32 {
    let Some(old) = old else { return lfu_minutes(now) << 8 | LFU_START };
    let counter = lfu_frequency(settings, now, old);
    let above = f64::from(counter.saturating_sub(LFU_START));
    let chance = 1.0 / (above * f64::from(settings.lfu_log_factor.load(Relaxed)) + 1.0);
    let grown = if counter < 255 && random_unit() < chance { counter + 1 } else { counter };
    lfu_minutes(now) << 8 | grown
}

crate::sync::per_thread! {
    static RANDOM: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A number that is random enough for sampling; nothing secret depends on it.
pub(crate) fn random() -> u64 {
    RANDOM.with(|state| {
        let mut x = state.get();
        if x == 0 {
            x = ahash::RandomState::new().hash_one(0_u8) | 1;
        }
        // xorshift64*
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

fn random_unit() -> f64 {
    (random() >> 11) as f64 / (1_u64 << 53) as f64
}

/// A key that may be evicted; the one with the highest `worth` goes first.
struct Candidate {
    worth: u64,
    db: u32,
    key: Vec<u8>,
}

impl Keyspace {
    /// Evicts keys until memory is within `maxmemory`. False if it is not, because the policy forbids it or nothing is
    /// left to evict: commands that need memory are refused then.
    pub fn make_room(&self, now: Millis) -> bool {
        let limit = self.settings.maxmemory.load(Relaxed);
        if limit == 0 || self.used_bytes() as u64 <= limit {
            if self.counters.exceeded_since.load(Relaxed) != 0 {
                let since = self.counters.exceeded_since.swap(0, Relaxed);
                self.counters.exceeded_total.fetch_add(now.saturating_sub(since), Relaxed);
            }
            return true;
        }
        let _ = self.counters.exceeded_since.compare_exchange(0, now, Relaxed, Relaxed);
        let policy = self.settings.policy();
        policy != Policy::NoEviction && self.evict_down_to(limit, now, policy)
    }

    #[cold]
    fn evict_down_to(&self, limit: u64, now: Millis, policy: Policy) -> bool {
        let budget = match self.settings.maxmemory_eviction_tenacity.load(Relaxed) {
            t @ 0..=10 => Some(Duration::from_micros(50 * u64::from(t))),
            t @ 11..100 => Some(Duration::from_micros((500.0 * 1.15_f64.powi(t as i32 - 10)) as u64)),
            _ => None,
        };
        let start = Instant::now();
        while self.used_bytes() as u64 > limit {
            let Some(victim) = self.victim(now, policy) else { return false };
            self.evict(&victim, now);
            if budget.is_some_and(|b| start.elapsed() > b) {
                // Memory goes on being freed with the next command; this one may pass.
                return true;
            }
        }
        true
    }

    fn evict(&self, victim: &Candidate, now: Millis) {
        let key = self.key(&victim.key);
        let Ok(mut view) = View::one(self, victim.db, now, Access::Write, key.hash) else { return };
        if view.remove(&key) {
            self.counters.evicted.fetch_add(1, Relaxed);
            let event = Event { class: EventClass::Evicted, name: "evicted" };
            view.record(&key, event, || Effect::new("DEL").arg(key.bytes));
        }
    }

    /// The best of some candidates around a random place.
    fn victim(&self, now: Millis, policy: Policy) -> Option<Candidate> {
        let samples = (self.settings.maxmemory_samples.load(Relaxed) as usize).max(1);
        let samples = if matches!(policy, Policy::AllKeysRandom | Policy::VolatileRandom) { 1 } else { samples };
        let (mut best, mut seen) = (None, 0);
        let mut position = random();
        // Once around all stripes, and no further.
        for _ in 0..=self.stripes() {
            self.sample_stripe(position, now, policy, samples, &mut seen, &mut best);
            if seen >= samples {
                break;
            }
            let width = 1_u64 << (64 - self.stripe_bits);
            position = (position & !(width - 1)).wrapping_add(width);
        }
        best
    }

    fn sample_stripe(
        &self,
        position: u64,
        now: Millis,
        policy: Policy,
        samples: usize,
        seen: &mut usize,
        best: &mut Option<Candidate>,
    ) {
        let stripe = self.stripes[self.stripe_of(position)].lock.read();
        for db in stripe.ids() {
            let Some(table) = stripe.table(db) else { continue };
            if table.is_empty() || policy.is_volatile() && table.deadlines() == 0 {
                continue;
            }
            let (mut at, mut here) = (Some(position), 0);
            while let Some(from) = at.filter(|_| here < samples) {
                at = table.scan(from, &self.hasher, |entry| {
                    let Some(worth) = worth(&self.settings, entry, now, policy) else { return };
                    here += 1;
                    if best.as_ref().is_none_or(|b| worth > b.worth) {
                        *best = Some(Candidate { worth, db, key: entry.key().to_vec() });
                    }
                });
            }
            *seen += here;
        }
    }
}

/// How much an entry deserves to be evicted, or `None` if it may not be.
fn worth(settings: &Settings, entry: Entry<'_>, now: Millis, policy: Policy) -> Option<u64> {
    let deadline = entry.deadline();
    if policy.is_volatile() && deadline.is_none() {
        return None;
    }
    Some(match policy {
        Policy::NoEviction => return None,
        Policy::AllKeysLru | Policy::VolatileLru => u64::from(lru_idle_secs(now, entry.clock())),
        Policy::AllKeysLfu | Policy::VolatileLfu => {
            u64::from(255 - lfu_frequency(settings, now, entry.clock()).min(255))
        }
        Policy::AllKeysRandom | Policy::VolatileRandom => random(),
        Policy::VolatileTtl => u64::MAX - deadline.unwrap_or(u64::MAX),
    })
}

impl View<'_> {
    /// Seconds since the entry was used, under a policy that keeps time.
    pub fn idle_secs(&self, entry: Entry<'_>) -> u64 {
        u64::from(lru_idle_secs(self.now(), entry.clock()))
    }

    /// The entry's access frequency, under a policy that counts.
    pub fn frequency(&self, entry: Entry<'_>) -> u64 {
        u64::from(lfu_frequency(self.space().settings(), self.now(), entry.clock()))
    }
}
