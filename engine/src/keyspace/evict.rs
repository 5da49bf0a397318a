//! Eviction: making room when `maxmemory` is reached, before a command takes its locks.
//!
//! Candidates are sampled in hash order from a random place, a whole page neighbourhood at a time: the hash is
//! uniform, so neighbours in it are as random as any others, and they cost one look-up together.

use std::time::{Duration, Instant};

use super::view;
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

/// Buckets that are looked at for one sample while there is a candidate already: where few keys have a deadline, a
/// whole stripe might have to be searched for as many as were asked for.
const MOST_BUCKETS: usize = 512;

/// How many candidates are remembered from one eviction to the next.
const POOL: usize = 16;

/// A key that may be evicted; the one with the highest `worth` goes first.
struct Candidate {
    worth: u64,
    db: u32,
    key: Vec<u8>,
}

/// The best candidates that were seen and not yet evicted: with few samples each time, they make the choice nearly as
/// good as if all keys had been compared.
#[derive(Default)]
pub(super) struct Pool {
    /// What the candidates were judged by.
    policy: Policy,
    /// In ascending order of worth.
    candidates: Vec<Candidate>,
}

impl Pool {
    /// The worth that a candidate needs at least to find a place.
    fn threshold(&mut self, policy: Policy) -> u64 {
        if self.policy != policy {
            self.candidates.clear();
            self.policy = policy;
        }
        if self.candidates.len() < POOL { 0 } else { self.candidates.first().map_or(0, |c| c.worth) }
    }

    fn add(&mut self, new: Candidate) {
        let at = self.candidates.partition_point(|c| c.worth < new.worth);
        let alike = self.candidates[at..].iter().take_while(|c| c.worth == new.worth);
        if alike.clone().any(|c| c.key == new.key && c.db == new.db) {
            return;
        }
        self.candidates.insert(at, new);
        if self.candidates.len() > POOL {
            self.candidates.remove(0);
        }
    }
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
        if self.holds_expired() {
            // While keys are loaded none are thrown out again.
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
        if view::is_inside(self) {
            // Sampling would wait for stripes that this thread holds; what comes next will say that it is an error.
            return true;
        }
        let start = Instant::now();
        while self.used_bytes() as u64 > limit {
            let Some(victim) = self.victim(now, policy) else { return false };
            self.evict(&victim, now, policy);
            if budget.is_some_and(|b| start.elapsed() > b) {
                // Memory goes on being freed with the next command; this one may pass.
                return true;
            }
        }
        true
    }

    fn evict(&self, victim: &Candidate, now: Millis, policy: Policy) {
        let key = self.key(&victim.key);
        let Ok(mut view) = View::one(self, victim.db, now, Access::Write, key.hash) else { return };
        if view.drop_expired(&key) {
            return;
        }
        // It may have been used, replaced or deleted since it was seen.
        let worth = view.peek(&key).and_then(|entry| worth(&self.settings, entry, now, policy));
        let stale = worth.is_none_or(|worth| worth < victim.worth && !policy.is_random());
        if !stale && view.remove(&key) {
            self.counters.evicted.fetch_add(1, Relaxed);
            let event = Event { class: EventClass::Evicted, name: "evicted" };
            view.record(&key, event, || Effect::new("DEL").arg(key.bytes));
        }
    }

    /// The best of some candidates around a random place and of those that were seen before.
    fn victim(&self, now: Millis, policy: Policy) -> Option<Candidate> {
        if policy.is_random() {
            return self.sample(now, policy, 1, 0).into_iter().max_by_key(|c| c.worth);
        }
        let samples = (self.settings.maxmemory_samples.load(Relaxed) as usize).max(1);
        let threshold = self.eviction_pool.lock().threshold(policy);
        let sampled = self.sample(now, policy, samples, threshold);
        let mut pool = self.eviction_pool.lock();
        if pool.policy == policy {
            sampled.into_iter().for_each(|candidate| pool.add(candidate));
        }
        pool.candidates.pop()
    }

    /// Some keys around a random place that are worth `threshold` at least.
    fn sample(&self, now: Millis, policy: Policy, samples: usize, threshold: u64) -> Vec<Candidate> {
        let hold = self.holds_expired();
        let mut sample = Sample { now, policy, hold, wanted: samples, threshold, seen: 0, found: Vec::new() };
        let mut position = random();
        // Once around all stripes, and no further.
        for _ in 0..=self.stripes() {
            self.sample_stripe(position, &mut sample);
            if sample.seen >= samples {
                break;
            }
            position = self.next_stripe(position).unwrap_or(0);
        }
        sample.found
    }

    fn sample_stripe(&self, position: u64, sample: &mut Sample) {
        let stripe = self.stripes[self.stripe_of(position)].lock.read();
        for db in stripe.ids() {
            let Some(table) = stripe.table(db) else { continue };
            if table.is_empty() || sample.policy.is_volatile() && table.deadlines() == 0 {
                continue;
            }
            let (mut at, mut here, mut buckets) = (Some(position), 0, 0);
            while let Some(mut from) = at
                && here < sample.wanted
                && (buckets < MOST_BUCKETS || here + sample.seen == 0)
            {
                buckets += 1;
                if sample.policy.is_volatile() {
                    let Some(skipped) = table.skip_to_deadline(from) else { break };
                    from = skipped;
                }
                at = table.scan(from, &self.hasher, |entry| {
                    here += usize::from(sample.look_at(&self.settings, db, entry));
                });
            }
            sample.seen += here;
        }
    }
}

/// Keys on their way into the pool.
struct Sample {
    now: Millis,
    policy: Policy,
    /// Whether expired keys must stay.
    hold: bool,
    wanted: usize,
    threshold: u64,
    seen: usize,
    found: Vec<Candidate>,
}

impl Sample {
    /// False if the policy does not let the entry be evicted.
    fn look_at(&mut self, settings: &Settings, db: u32, entry: Entry<'_>) -> bool {
        if self.hold && entry.deadline().is_some_and(|d| d < self.now) {
            return false;
        }
        let Some(worth) = worth(settings, entry, self.now, self.policy) else { return false };
        if worth >= self.threshold {
            self.found.push(Candidate { worth, db, key: entry.key().to_vec() });
        }
        true
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
        u64::from(lru_idle_secs(self.wall(), entry.clock()))
    }

    /// Gives an entry the past that another engine knows of: seconds since it was used, or how often it is, whichever the
    /// policy looks at.
    pub fn set_usage(&self, entry: Entry<'_>, idle_secs: Option<u64>, frequency: Option<u8>) {
        let is_lfu = self.space().settings().policy().is_lfu();
        match (idle_secs, frequency) {
            (Some(idle), _) if !is_lfu => {
                let used = lru_clock(self.wall()).wrapping_sub(u32::try_from(idle).unwrap_or(u32::MAX).min(0xff_ffff));
                entry.set_clock(used & 0xff_ffff);
            }
            (_, Some(frequency)) if is_lfu => entry.set_clock(lfu_minutes(self.wall()) << 8 | u32::from(frequency)),
            _ => {}
        }
    }

    /// The entry's access frequency, under a policy that counts.
    pub fn frequency(&self, entry: Entry<'_>) -> u64 {
        u64::from(lfu_frequency(self.space().settings(), self.wall(), entry.clock()))
    }
}
