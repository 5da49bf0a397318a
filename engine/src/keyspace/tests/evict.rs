//! Eviction: memory stays within its limit, and what goes is what should go.

use std::collections::HashSet;
use std::time::Duration;

use super::{Access, Policy, Relaxed, START, check_accounts, keyspace, on, set};
use crate::clock::ManualClock;
use crate::keyspace::{Keyspace, View};

const KEYS: usize = 10_000;

fn name(i: usize) -> Vec<u8> {
    format!("key:{i:08}").into_bytes()
}

/// A keyspace whose evictions take the time that they need.
fn evicting(policy: Policy) -> (Keyspace, ManualClock) {
    let (space, clock) = keyspace(16);
    space.settings().set_policy(policy);
    space.settings().maxmemory_eviction_tenacity.store(100, Relaxed);
    (space, clock)
}

fn alive(space: &Keyspace, db: u32) -> HashSet<Vec<u8>> {
    let view = View::all(space, db, space.clock().millis(), Access::Read).unwrap();
    let mut all = HashSet::new();
    for table in view.tables() {
        table.for_each(|entry| assert!(all.insert(entry.key().to_vec())));
    }
    all
}

fn fill(space: &Keyspace, mut deadline: impl FnMut(usize) -> Option<u64>) {
    for i in 0..KEYS {
        set(space, 0, &name(i), &[b'v'; 64], deadline(i));
    }
}

/// Makes an access clock for each key.
fn set_clocks(space: &Keyspace, clock: impl Fn(usize) -> u32) {
    for i in 0..KEYS {
        on(space, 0, &name(i), Access::Read, |view| view.peek(&view.key(&name(i))).unwrap().set_clock(clock(i)));
    }
}

/// Lowers the limit until `share` of the keys must go, and returns the numbers of those that went.
fn evict(space: &Keyspace, share: f64) -> Vec<usize> {
    let per_key = (space.data_bytes() as f64 / KEYS as f64 * share * KEYS as f64) as u64;
    space.settings().maxmemory.store(space.used_bytes() as u64 - per_key, Relaxed);
    assert!(space.make_room(space.clock().millis()));
    assert!(space.used_bytes() as u64 <= space.settings().maxmemory.load(Relaxed));
    check_accounts(space);
    let alive = alive(space, 0);
    let gone: Vec<usize> = (0..KEYS).filter(|&i| !alive.contains(&name(i))).collect();
    assert_eq!(space.counters().evicted.load(Relaxed), gone.len() as u64);
    gone
}

/// Of `gone`, the share that a perfect choice would have taken too, if keys should go in the order of their numbers.
fn quality(gone: &[usize]) -> f64 {
    gone.iter().filter(|&&i| i < gone.len()).count() as f64 / gone.len() as f64
}

#[test]
fn keyspace_stays_within_maxmemory_under_load() {
    for policy in [Policy::AllKeysLru, Policy::AllKeysLfu, Policy::AllKeysRandom] {
        let (space, clock) = evicting(policy);
        space.settings().maxmemory.store(1_000_000, Relaxed);
        for i in 0..30_000 {
            assert!(space.make_room(space.clock().millis()), "{policy:?}");
            assert!(space.used_bytes() <= 1_000_000, "{policy:?}");
            // Some with a deadline, some in another database, some large ones.
            let len = if i % 1_000 == 0 { 40_000 } else { i % 200 };
            set(&space, (i % 3 / 2) as u32, &name(i), &vec![b'v'; len], (i % 4 == 0).then_some(START + 10_000_000));
            if i % 50 == 0 {
                clock.advance(Duration::from_secs(1));
            }
        }
        check_accounts(&space);
        assert!(alive(&space, 0).len() > 1_000, "{policy:?} evicts too much");
        assert!(!alive(&space, 1).is_empty(), "{policy:?} empties one database");
    }
}

#[test]
fn keyspace_under_volatile_policies_loses_only_keys_with_deadlines() {
    for policy in [Policy::VolatileLru, Policy::VolatileLfu, Policy::VolatileRandom, Policy::VolatileTtl] {
        for every in [2, 50, 2_000] {
            let (space, _) = evicting(policy);
            fill(&space, |i| (i % every == 0).then_some(START + 10_000_000 + i as u64));
            let used = space.used_bytes() as u64;
            space.settings().maxmemory.store(used - 300, Relaxed);
            assert!(space.make_room(START), "{policy:?}");
            let left = alive(&space, 0);
            assert!(left.len() < KEYS && left.len() > KEYS - 50);
            assert!((0..KEYS).all(|i| i % every == 0 || left.contains(&name(i))), "{policy:?}");
            // When none of them is left, there is no more room to make.
            space.settings().maxmemory.store(10_000, Relaxed);
            assert!(!space.make_room(START), "{policy:?}");
            let left = alive(&space, 0);
            assert_eq!(left.len(), KEYS - KEYS.div_ceil(every), "{policy:?}");
            check_accounts(&space);
        }
    }
}

#[test]
fn keyspace_without_eviction_makes_no_room() {
    let (space, _) = evicting(Policy::NoEviction);
    fill(&space, |_| Some(START + 5));
    space.settings().maxmemory.store(1_000, Relaxed);
    assert!(!space.make_room(START));
    assert_eq!(alive(&space, 0).len(), KEYS);
    space.settings().maxmemory.store(0, Relaxed);
    assert!(space.make_room(START));
}

/// Keys last used one second after the other: the first half should go.
#[test]
fn keyspace_evicts_what_has_not_been_used_for_longest() {
    let now = START + KEYS as u64 * 1000;
    let secs = |i: usize| ((START / 1000 + i as u64) & 0xff_ffff) as u32;
    let mut worst = 1.0_f64;
    for (policy, volatile) in [(Policy::AllKeysLru, false), (Policy::VolatileLru, true)] {
        let (space, clock) = evicting(policy);
        fill(&space, |_| volatile.then_some(now + 10_000_000));
        set_clocks(&space, secs);
        clock.advance(Duration::from_millis(now - START));
        let gone = evict(&space, 0.5);
        println!("{policy:?}: {} of {KEYS} evicted, {:.3} of them rightly", gone.len(), quality(&gone));
        worst = worst.min(quality(&gone));
        // The newest tenth loses next to nothing.
        let new = gone.iter().filter(|&&i| i >= KEYS * 9 / 10).count();
        assert!(new < KEYS / 1000, "{new} of the newest keys are gone");
    }
    assert!(worst > 0.85, "{worst}");
}

#[test]
fn keyspace_keeps_the_hot_keys_under_lru_through_real_accesses() {
    let (space, clock) = evicting(Policy::AllKeysLru);
    fill(&space, |_| None);
    // A fifth is read and a fifth is written again and again; the rest lies idle.
    for _ in 0..10 {
        clock.advance(Duration::from_secs(5));
        for i in (0..KEYS).step_by(5) {
            on(&space, 0, &name(i), Access::Read, |view| assert!(view.get(&view.key(&name(i))).is_some()));
            set(&space, 0, &name(i + 1), &[b'w'; 64], None);
        }
    }
    let gone = evict(&space, 0.4);
    let hot = gone.iter().filter(|&&i| i % 5 < 2).count();
    println!("lru: {hot} hot keys among {} evicted", gone.len());
    assert!(hot * 100 < gone.len(), "{hot} of {} evicted keys were hot", gone.len());
}

#[test]
fn keyspace_evicts_what_is_used_least_often() {
    for (policy, volatile) in [(Policy::AllKeysLfu, false), (Policy::VolatileLfu, true)] {
        let (space, _) = evicting(policy);
        fill(&space, |_| volatile.then_some(START + 10_000_000));
        // Frequencies from 0 to 249, in the order of the keys' numbers.
        let minutes = ((START / 60_000) & 0xffff) as u32;
        set_clocks(&space, |i| minutes << 8 | (i * 250 / KEYS) as u32);
        let gone = evict(&space, 0.5);
        println!("{policy:?}: {} of {KEYS} evicted, {:.3} of them rightly", gone.len(), quality(&gone));
        assert!(quality(&gone) > 0.85, "{}", quality(&gone));
    }
}

#[test]
fn keyspace_keeps_the_hot_keys_under_lfu_through_real_accesses() {
    let (space, clock) = evicting(Policy::AllKeysLfu);
    fill(&space, |_| None);
    for _ in 0..100 {
        for i in (0..KEYS).step_by(5) {
            on(&space, 0, &name(i), Access::Read, |view| assert!(view.get(&view.key(&name(i))).is_some()));
            set(&space, 0, &name(i + 1), &[b'w'; 64], None);
        }
    }
    // Idle keys have been read just now, but only once.
    clock.advance(Duration::from_secs(1));
    for i in (0..KEYS).filter(|i| i % 5 >= 2) {
        on(&space, 0, &name(i), Access::Read, |view| assert!(view.get(&view.key(&name(i))).is_some()));
    }
    let gone = evict(&space, 0.4);
    let hot = gone.iter().filter(|&&i| i % 5 < 2).count();
    println!("lfu: {hot} hot keys among {} evicted", gone.len());
    assert!(hot * 50 < gone.len(), "{hot} of {} evicted keys were hot", gone.len());
}

#[test]
fn keyspace_evicts_the_nearest_deadlines() {
    let (space, _) = evicting(Policy::VolatileTtl);
    fill(&space, |i| Some(START + 1_000_000 + i as u64));
    let gone = evict(&space, 0.3);
    println!("ttl: {} of {KEYS} evicted, {:.3} of them rightly", gone.len(), quality(&gone));
    assert!(quality(&gone) > 0.8, "{}", quality(&gone));
}

#[test]
fn keyspace_evicts_at_random_evenly() {
    let (space, _) = evicting(Policy::AllKeysRandom);
    fill(&space, |_| None);
    let gone = evict(&space, 0.5);
    let low = gone.iter().filter(|&&i| i < KEYS / 2).count() as f64 / gone.len() as f64;
    assert!((0.46..0.54).contains(&low), "{low}");
}
