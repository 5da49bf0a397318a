//! Tests of entries, stripes and views.
#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(not(shuttle))]
mod entry;
#[cfg(not(shuttle))]
mod evict;
#[cfg(shuttle)]
mod interleave;
#[cfg(shuttle)]
mod interleave_snapshot;
#[cfg(shuttle)]
mod interleave_waiting;
#[cfg(shuttle)]
mod interleave_watching;
#[cfg(not(shuttle))]
mod model;
#[cfg(not(shuttle))]
mod threads;
#[cfg(not(shuttle))]
mod views;

use std::time::Duration;

use super::{Access, Keyspace};
#[cfg(not(shuttle))]
use super::{Policy, View};
use crate::clock::{Clock, ManualClock};
use crate::sync::atomic::Ordering::Relaxed;
use crate::table::KeyHasher;

/// The time at which the tests' clocks start.
const START: u64 = 1_700_000_000_000;

fn keyspace(stripes: usize) -> (Keyspace, ManualClock) {
    let clock = ManualClock::new(Duration::from_millis(START));
    (Keyspace::new(4, stripes, KeyHasher::seeded(7), Clock::Manual(clock.clone())), clock)
}

/// Runs `f` on a view of one key, now.
#[cfg(not(shuttle))]
fn on<R>(space: &Keyspace, db: u32, key: &[u8], access: Access, f: impl FnOnce(&mut View<'_>) -> R) -> R {
    let mut view = View::one(space, db, space.clock().millis(), access, space.key(key).hash).unwrap();
    let result = f(&mut view);
    view.close();
    result
}

/// Sets a string, as SET does.
#[cfg(not(shuttle))]
fn set(space: &Keyspace, db: u32, key: &[u8], value: &[u8], deadline: Option<u64>) {
    on(space, db, key, Access::Write, |view| {
        let key = view.key(key);
        crate::operation::string::set(view, &key, value, deadline);
    });
}

/// Checks what is counted against what is there: bytes, deadlines, keys.
pub(crate) fn check_accounts(space: &Keyspace) {
    let mut all_bytes = 0;
    let mut sizes = std::collections::BTreeMap::<u32, super::DbSize>::new();
    for (i, cell) in space.stripes.iter().enumerate() {
        let stripe = cell.lock.read();
        let mut bytes = 0;
        for id in stripe.ids() {
            let table = stripe.table(id).unwrap();
            let (mut keys, mut deadlines, mut entry_bytes) = (0, 0, 0);
            table.for_each(|entry| {
                keys += 1;
                deadlines += usize::from(entry.deadline().is_some());
                entry_bytes += entry.bytes();
                assert!(space.snapshot_runs() || entry.epoch() == stripe.epoch, "an entry left behind by a snapshot");
                assert!(space.snapshot_runs() || !entry.value().is_in_pieces(), "a collection that goes on noting");
                assert_eq!(space.stripe_of(space.hasher.hash(entry.key())), i, "a key in a foreign stripe");
                assert!(entry.deadline().is_none_or(|d| table.earliest() <= d), "a deadline before the earliest");
            });
            assert_eq!(table.len(), keys);
            assert_eq!(table.deadlines(), deadlines);
            assert_eq!(table.entry_bytes(), entry_bytes);
            bytes += entry_bytes + table.table_bytes();
            let size = sizes.entry(id).or_default();
            size.keys += keys;
            size.deadlines += deadlines;
        }
        assert_eq!(cell.bytes.load(Relaxed), bytes, "stripe {i}");
        assert!(space.snapshot_runs() || !stripe.is_captured(), "a table that no snapshot will release");
        all_bytes += bytes;
    }
    assert_eq!(space.data_bytes(), all_bytes);
    assert!(space.snapshot_runs() || space.kept_for_snapshot().now() == 0);
    let sizes: Vec<_> = sizes.into_iter().filter(|(_, size)| size.keys > 0).collect();
    assert_eq!(space.db_sizes(), sizes);
}
