//! Interleavings of waiting with pushing, giving up and being unblocked: nobody is forgotten, and nobody is served twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use shuttle::thread;

use super::{Access, START, keyspace};
use crate::keyspace::{Key, Keyspace, LogPosition, View, Wait, WaitEnd, Waiter, Waits, Wanted};
use crate::operation::list::{self, Side};
use crate::slot::Slot;

const SCHEDULES: usize = 2_000;

/// Takes an element of the key that is ready, or moves it on.
struct Take {
    slot: Arc<Slot<Vec<u8>>>,
    to: Option<String>,
    served: Arc<AtomicUsize>,
}

fn take(view: &mut View<'_>, key: &Key<'_>, to: Option<&str>) -> Option<Vec<u8>> {
    match to {
        Some(to) => {
            let to = view.key(to.as_bytes());
            list::move_between(view, key, &to, Side::Left, Side::Right, |element| element.item().to_vec()).unwrap()
        }
        None => list::pop(view, key, Side::Left, 1, |_, mut part| part.next().map(|e| e.item().to_vec())).unwrap()?,
    }
}

impl Waits for Take {
    fn serve(&self, view: &mut View<'_>, key: &Key<'_>) {
        self.served.fetch_add(1, SeqCst);
        self.slot.put(take(view, key, self.to.as_deref()).unwrap());
    }

    fn deliver(&self, _: LogPosition) {}

    fn wake(&self) {
        self.slot.wake();
    }
}

/// Somebody who wants an element.
struct Taker {
    wait: Option<Wait>,
    slot: Arc<Slot<Vec<u8>>>,
    served: Arc<AtomicUsize>,
    at_once: Option<Vec<u8>>,
}

impl Taker {
    /// Takes what is there, or begins to wait for it.
    fn begin(space: &Arc<Keyspace>, keys: &[&str], to: Option<&str>) -> Self {
        let keys: Vec<Key<'_>> = keys.iter().map(|key| space.key(key.as_bytes())).collect();
        let further = to.map(|to| space.key(to.as_bytes()).hash);
        let hashes = keys.iter().map(|key| key.hash).chain(further);
        let mut view = View::some(space, 0, START, Access::Write, hashes).unwrap();
        let (slot, served) = (Arc::<Slot<Vec<u8>>>::default(), Arc::<AtomicUsize>::default());
        let at_once = keys.iter().find_map(|key| take(&mut view, key, to));
        let wait = at_once.is_none().then(|| {
            let waits = Take { slot: slot.clone(), to: to.map(str::to_owned), served: served.clone() };
            let waiter = Waiter::new(0, Wanted::List, keys.into_iter(), Box::new(waits));
            view.wait(space, further.into_iter().fold(waiter, Waiter::further))
        });
        view.close();
        Self { wait, slot, served, at_once }
    }

    /// Waits to the end, however that comes.
    fn end(mut self) -> Option<Vec<u8>> {
        let Some(wait) = self.wait.take() else { return self.at_once };
        loop {
            match wait.ended(None) {
                Some(WaitEnd::Served) => {
                    if let Some(element) = self.slot.take() {
                        assert_eq!(self.served.load(SeqCst), 1);
                        return Some(element);
                    }
                }
                Some(_) => {
                    assert_eq!(self.served.load(SeqCst), 0);
                    return None;
                }
                None => {}
            }
            self.slot.sleep(None);
        }
    }
}

fn push(space: &Keyspace, key: &str, elements: &[&str]) {
    let key = space.key(key.as_bytes());
    let mut view = View::one(space, 0, START, Access::Write, key.hash).unwrap();
    list::push(&mut view, &key, Side::Right, elements.iter().map(|e| e.as_bytes()), false).unwrap();
    view.close();
}

fn len(space: &Keyspace, key: &str) -> usize {
    let key = space.key(key.as_bytes());
    list::len(&View::one(space, 0, START, Access::Read, key.hash).unwrap(), &key).unwrap()
}

fn check_nobody_waits(space: &Keyspace) {
    let waiting = space.waiting();
    for counter in [&waiting.waiters, &waiting.keys, &waiting.keys_on_loss] {
        assert_eq!(counter.load(crate::sync::atomic::Ordering::SeqCst), 0);
    }
    for cell in &space.stripes {
        assert!(cell.lock.read().interest.get().is_none(), "somebody is still in a queue");
    }
}

#[test]
fn interleave_waiting_with_pushes() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let takers: Vec<_> = (0..3)
                .map(|_| {
                    let space = space.clone();
                    thread::spawn(move || Taker::begin(&space, &["key:0", "key:1", "key:2"], None).end().unwrap())
                })
                .collect();
            let pusher = {
                let space = space.clone();
                thread::spawn(move || {
                    push(&space, "key:0", &["a"]);
                    push(&space, "key:2", &["b"]);
                })
            };
            push(&space, "key:1", &["c", "d"]);
            let mut taken: Vec<_> = takers.into_iter().map(|t| t.join().unwrap()).collect();
            pusher.join().unwrap();
            taken.sort();
            taken.dedup();
            assert_eq!(taken.len(), 3, "each of its own");
            assert_eq!(["key:0", "key:1", "key:2"].map(|key| len(&space, key)).iter().sum::<usize>(), 1);
            check_nobody_waits(&space);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_serving_with_giving_up_and_unblocking() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(2).0);
            let taker = Taker::begin(&space, &["key:0", "key:1"], None);
            let waiter = taker.wait.as_ref().unwrap().waiter().clone();
            let pusher = {
                let space = space.clone();
                thread::spawn(move || push(&space, "key:1", &["a"]))
            };
            let unblocker = {
                let waiter = waiter.clone();
                thread::spawn(move || waiter.unblock(WaitEnd::Unblocked))
            };
            let gave_up = waiter.end(WaitEnd::GivenUp);
            let unblocked = unblocker.join().unwrap();
            let taken = taker.end();
            pusher.join().unwrap();
            let ends = [gave_up, unblocked, taken.is_some()];
            assert_eq!(ends.iter().filter(|&&is| is).count(), 1, "it ends in one way: {ends:?}");
            assert_eq!(len(&space, "key:1"), usize::from(taken.is_none()), "nothing is lost");
            check_nobody_waits(&space);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_moves_from_list_to_list() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(4).0);
            // In a circle of stripes, which must not become a circle of locks.
            let movers: Vec<_> = [("key:0", "key:1"), ("key:1", "key:2"), ("key:2", "key:3")]
                .into_iter()
                .map(|(from, to)| {
                    let space = space.clone();
                    thread::spawn(move || Taker::begin(&space, &[from], Some(to)).end().unwrap())
                })
                .collect();
            let last = {
                let space = space.clone();
                thread::spawn(move || Taker::begin(&space, &["key:3"], None).end().unwrap())
            };
            push(&space, "key:0", &["x"]);
            for mover in movers {
                assert_eq!(mover.join().unwrap(), b"x");
            }
            assert_eq!(last.join().unwrap(), b"x");
            check_nobody_waits(&space);
        },
        SCHEDULES,
    );
}

#[test]
fn interleave_moves_in_a_circle_with_pushes_at_every_key() {
    shuttle::check_random(
        || {
            let space = Arc::new(keyspace(4).0);
            let threads: Vec<_> = [("key:0", "key:1"), ("key:1", "key:0"), ("key:2", "key:0")]
                .into_iter()
                .map(|(from, to)| {
                    let space = space.clone();
                    thread::spawn(move || {
                        let taker = Taker::begin(&space, &[from], Some(to));
                        push(&space, from, &[from]);
                        taker.end().unwrap()
                    })
                })
                .collect();
            threads.into_iter().for_each(|t| drop(t.join().unwrap()));
            let all = ["key:0", "key:1", "key:2"].map(|key| len(&space, key)).iter().sum::<usize>();
            assert_eq!(all, 3);
            check_nobody_waits(&space);
        },
        SCHEDULES,
    );
}
