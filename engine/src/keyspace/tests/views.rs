//! Views: entering twice, databases, listeners.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Access, START, check_accounts, keyspace, on, set};
use crate::error::Error;
use crate::keyspace::{Effect, Event, Listener, LogPosition, View};
use crate::operation::generic::{self, ExpireCondition};

#[test]
fn keyspace_entered_twice_is_an_error_and_no_deadlock() {
    let (space, _) = keyspace(4);
    let (other, _) = keyspace(4);
    let hash = space.key(b"a").hash;
    for access in [Access::Read, Access::Write] {
        let first = View::one(&space, 0, START, access, hash).unwrap();
        let reentered = |result: Result<View<'_>, Error>| assert_eq!(result.err(), Some(Error::REENTERED));
        reentered(View::one(&space, 0, START, Access::Read, hash));
        reentered(View::some(&space, 1, START, Access::Write, [hash, !hash].into_iter()));
        reentered(View::all(&space, 0, START, Access::Read));
        assert_eq!(space.db_size(0), Err(Error::REENTERED));
        space.settings().maxmemory.store(1, super::Relaxed);
        space.settings().set_policy(super::Policy::AllKeysLru);
        assert!(space.make_room(START), "eviction waits for stripes that are held");
        space.settings().maxmemory.store(0, super::Relaxed);
        assert!(!space.expire_due(Duration::from_secs(9)).complete);
        // Another keyspace may be entered meanwhile, but the first not from within that one either.
        let second = View::one(&other, 0, START, access, hash).unwrap();
        reentered(View::one(&space, 0, START, Access::Read, !hash));
        reentered(View::one(&other, 0, START, Access::Read, !hash));
        drop(first);
        // In whatever order views end.
        drop(View::one(&space, 0, START, access, hash).unwrap());
        reentered(View::one(&other, 0, START, Access::Read, !hash));
        drop(second);
        drop(View::all(&space, 0, START, Access::Write).unwrap());
        drop(View::all(&other, 0, START, Access::Write).unwrap());
    }
}

#[test]
fn keyspace_counts_hits_and_misses_of_readers() {
    let (space, clock) = keyspace(4);
    set(&space, 0, b"a", b"1", Some(START + 10));
    let look = |f: &dyn Fn(&View<'_>)| on(&space, 0, b"a", Access::Read, |view| f(view));
    look(&|view| assert!(view.get(&view.key(b"a")).is_some()));
    look(&|view| assert!(view.look(&view.key(b"a")).is_some()));
    look(&|view| assert!(view.peek(&view.key(b"a")).is_some()));
    assert_eq!(space.hits_and_misses(), (2, 0));
    clock.advance(Duration::from_millis(10));
    look(&|view| assert!(view.get(&view.key(b"a")).is_some()));
    clock.advance(Duration::from_millis(1));
    look(&|view| assert!(view.get(&view.key(b"a")).is_none()));
    assert_eq!(space.hits_and_misses(), (3, 1));
}

#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Listener for Recorder {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        for effect in effects {
            let words: Vec<_> = effect.argv().iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
            self.0.lock().unwrap().push(format!("{}: {}", effect.db, words.join(" ")));
        }
        self.0.lock().unwrap().len() as u64
    }

    fn event(&self, db: u32, event: Event, key: &[u8]) {
        self.0.lock().unwrap().push(format!("{db}: {} <{}>", event.name, String::from_utf8_lossy(key)));
    }
}

#[test]
fn keyspace_tells_effects_and_events_in_order() {
    let (space, clock) = keyspace(4);
    let recorder = Arc::new(Recorder::default());
    space.listen(recorder.clone()).unwrap();
    let told = |f: &dyn Fn(&mut View<'_>)| {
        let mut view = View::all(&space, 0, space.clock().millis(), Access::Write).unwrap();
        f(&mut view);
        view.close();
        std::mem::take(&mut *recorder.0.lock().unwrap())
    };
    let (a, b) = (space.key(b"a"), space.key(b"b"));
    let put = |view: &mut View<'_>| crate::operation::string::set(view, &a, b"1", None);
    assert_eq!(told(&put), ["0: SET a 1", "0: set <a>"]);
    let expire = |view: &mut View<'_>| {
        assert!(generic::expire_at(view, &a, START as i64 + 5, ExpireCondition::Always));
    };
    assert_eq!(told(&expire), ["0: PEXPIREAT a 1700000000005", "0: expire <a>"]);
    assert_eq!(
        told(&|view| assert!(generic::copy(view, &a, &b, 2, false).unwrap())),
        ["0: COPY a b DB 2 REPLACE", "2: copy_to <b>"]
    );
    clock.advance(Duration::from_millis(6));
    // What has expired is deleted first, in whichever database.
    assert_eq!(told(&|view| assert!(!generic::move_to(view, &a, 2).unwrap())), ["0: DEL a", "0: expired <a>"]);
    assert_eq!(told(&|view| assert!(!generic::exists(view, &b))), [""; 0]);
    let put = |view: &mut View<'_>| crate::operation::string::set(view, &b, b"2", None);
    assert_eq!(told(&put), ["0: SET b 2", "0: set <b>"]);
    assert_eq!(
        told(&|view| assert!(generic::move_to(view, &b, 2).unwrap())),
        ["2: DEL b", "0: MOVE b 2", "2: expired <b>", "0: move_from <b>", "2: move_to <b>"]
    );
    assert_eq!(told(&|view| generic::flush(view, Some(1), false)), [""; 0]);
    assert_eq!(told(&|view| generic::swap(view, 1, 2).unwrap()), ["0: SWAPDB 1 2"]);
    assert_eq!(told(&|view| generic::flush(view, Some(1), true)), ["1: FLUSHDB"]);
    assert_eq!(told(&|view| generic::flush(view, None, true)), [""; 0]);
    check_accounts(&space);
}

#[test]
fn keyspace_expires_what_is_due_and_nothing_else() {
    let (space, clock) = keyspace(4);
    for i in 0..20_000_u64 {
        set(&space, (i % 3) as u32, format!("key:{i}").as_bytes(), b"v", (i % 5 != 0).then_some(START + i));
    }
    assert_eq!(space.expire_due(Duration::from_secs(9)).expired, 0);
    for now in [5_000, 5_001, 19_999, 30_000] {
        clock.advance(Duration::from_millis(START + now - space.clock().millis()));
        let round = space.expire_due(Duration::from_secs(9));
        assert!(round.complete);
        check_accounts(&space);
        let left: usize = space.db_sizes().iter().map(|(_, size)| size.keys).sum();
        // A key lives through the millisecond of its deadline.
        let gone = (0..20_000).filter(|i| i % 5 != 0 && *i < now).count();
        assert_eq!(left, 20_000 - gone);
        assert_eq!(space.counters().expired.load(super::Relaxed), gone as u64);
    }
    // While they are held, expired keys stay, and are found again afterwards.
    set(&space, 0, b"late", b"v", Some(START + 40_000));
    clock.advance(Duration::from_secs(60));
    space.hold_expired(true);
    assert_eq!(space.expire_due(Duration::from_secs(9)).expired, 0);
    on(&space, 0, b"late", Access::Write, |view| assert!(view.get_for_change(&view.key(b"late")).is_none()));
    space.hold_expired(false);
    assert_eq!(space.expire_due(Duration::from_secs(9)).expired, 1);
}

#[test]
fn keyspace_expiry_stops_when_time_is_up_and_goes_on_later() {
    let (space, clock) = keyspace(4);
    for i in 0..30_000 {
        set(&space, 0, format!("key:{i}").as_bytes(), b"v", Some(START + 1));
    }
    clock.advance(Duration::from_millis(2));
    let first = space.expire_due(Duration::ZERO);
    assert!(!first.complete && first.expired < 30_000, "{first:?}");
    let mut rounds = 1;
    while !space.expire_due(Duration::from_micros(100)).complete {
        rounds += 1;
        assert!(rounds < 30_000, "no progress");
    }
    assert_eq!(space.db_size(0).unwrap().keys, 0);
    check_accounts(&space);
}
