#![allow(clippy::unwrap_used, clippy::panic)]

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::{Db, Engine, GroupStart, Options, Pending, ReadFrom, Side, StreamId, Value, XAddOptions, ZEnd};

fn db() -> Db {
    Engine::open(Options::new().stripes(16).seed(7)).unwrap().db(0).unwrap()
}

/// A waker that unparks a thread and counts, which is all that a runtime needs.
struct Unpark(std::thread::Thread, AtomicUsize);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.unpark();
    }
}

fn waker() -> (Arc<Unpark>, Waker) {
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicUsize::new(0)));
    (unpark.clone(), unpark.into())
}

/// The smallest runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let (_, waker) = waker();
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Polls a future that has to wait.
fn begin<R: Send + 'static>(pending: Pending<R>) -> Pending<R> {
    let mut pending = pending;
    let (_, waker) = waker();
    let poll = std::pin::Pin::new(&mut pending).poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    pending
}

fn waiters(db: &Db) -> (usize, usize) {
    let waiting = db.core().keyspace.waiting();
    (waiting.waiters.load(Ordering::Relaxed), waiting.keys.load(Ordering::Relaxed))
}

fn bytes(text: &str) -> Vec<u8> {
    text.into()
}

#[test]
fn calls_that_find_something_do_not_wait() {
    let db = db();
    db.rpush("l", ["a", "b", "c", "d", "e"]).unwrap();
    let never = Duration::ZERO;
    assert_eq!(db.blpop(["none", "l"], None).wait(), Ok(Some((bytes("l"), bytes("a")))));
    assert_eq!(db.brpop(["l"], never).wait(), Ok(Some((bytes("l"), bytes("e")))));
    assert_eq!(db.blmpop(["l"], Side::Left, 2, never).wait(), Ok(Some((bytes("l"), vec![bytes("b"), bytes("c")]))));
    assert_eq!(db.blmove("l", "m", Side::Left, Side::Left, None).wait(), Ok(Some(bytes("d"))));
    db.zadd("z", &[(1.0, "a"), (2.0, "b"), (3.0, "c"), (4.0, "d")]).unwrap();
    assert_eq!(db.bzpop_min(["z"], None).wait(), Ok(Some((bytes("z"), (bytes("a"), 1.0)))));
    assert_eq!(db.bzpop_max(["none", "z"], None).wait(), Ok(Some((bytes("z"), (bytes("d"), 4.0)))));
    let both = vec![(bytes("b"), 2.0), (bytes("c"), 3.0)];
    assert_eq!(db.bzmpop(["z"], ZEnd::Min, 5, None).wait(), Ok(Some((bytes("z"), both))));
    assert_eq!(db.bzmpop(["z"], ZEnd::Min, 5, never).wait(), Ok(None), "zero does not wait");
    assert_eq!(db.blpop(["m"], never).wait().unwrap().unwrap().1, b"d");
    db.set("text", "").unwrap();
    assert_eq!(db.blpop(["none", "text"], None).wait(), Err(crate::Error::WRONG_TYPE));
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn a_timeout_is_kept_asleep_and_awaited() {
    let db = db();
    let time = Duration::from_millis(20);
    let began = Instant::now();
    assert_eq!(db.blpop(["l"], time).wait(), Ok(None));
    assert!(began.elapsed() >= time);
    let began = Instant::now();
    assert_eq!(block_on(db.blpop(["l", "k"], time)), Ok(None));
    assert!(began.elapsed() >= time);
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn alarms_go_off_in_their_order_and_those_dropped_never() {
    let db = db();
    let futures: Vec<_> = [40, 10, 30, 20].map(|ms| begin(db.blpop(["l"], Duration::from_millis(ms)))).into();
    drop(begin(db.blpop(["l"], Duration::from_millis(1))));
    assert_eq!(waiters(&db), (4, 1));
    let began = Instant::now();
    for future in futures {
        assert_eq!(block_on(future), Ok(None));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn threads_wait_for_one_another() {
    let db = db();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let db = db.clone();
            std::thread::spawn(move || db.blpop(["jobs"], None).wait().unwrap().unwrap().1)
        })
        .collect();
    let mut served = Vec::new();
    for i in 0..4 {
        db.rpush("jobs", [i.to_string()]).unwrap();
    }
    served.extend(waiting.into_iter().map(|thread| thread.join().unwrap()));
    served.sort();
    assert_eq!(served, ["0", "1", "2", "3"].map(bytes));
    assert_eq!((waiters(&db), db.llen("jobs")), ((0, 0), Ok(0)));
}

#[test]
fn threads_and_tasks_hand_over() {
    let db = db();
    let answering = {
        let db = db.clone();
        std::thread::spawn(move || {
            for _ in 0..200 {
                let (_, request) = block_on(db.blpop(["requests"], None)).unwrap().unwrap();
                db.rpush("replies", [request]).unwrap();
            }
        })
    };
    for i in 0..200 {
        let text = i.to_string();
        db.rpush("requests", [&text]).unwrap();
        assert_eq!(db.blpop(["replies"], None).wait(), Ok(Some((bytes("replies"), bytes(&text)))));
    }
    answering.join().unwrap();
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn a_future_that_is_dropped_loses_nothing() {
    let db = db();
    drop(db.blpop(["l"], None));
    // Dropped while it waits: it is served no more.
    drop(begin(db.blpop(["l", "m"], None)));
    assert_eq!(waiters(&db), (0, 0));
    db.rpush("l", ["a", "b", "c"]).unwrap();
    assert_eq!(db.llen("l"), Ok(3));
    db.lpop_many("l", 3).unwrap();
    // Dropped when it has been served, and nobody has seen it: put back where it was.
    let left = begin(db.blmpop(["l"], Side::Left, 2, None));
    let right = begin(db.brpop(["l"], None));
    db.rpush("l", ["a", "b", "c", "d"]).unwrap();
    assert_eq!(db.lrange("l", 0, -1), Ok(vec![bytes("c")]));
    drop((left, right));
    assert_eq!(db.lrange("l", 0, -1), Ok(["a", "b", "c", "d"].map(bytes).into()));
    let member = begin(db.bzpop_max(["z"], None));
    db.zadd("z", &[(1.0, "a"), (2.0, "b")]).unwrap();
    assert_eq!(db.zcard("z"), Ok(1));
    drop(member);
    assert_eq!(db.zscore("z", "b"), Ok(Some(2.0)));
    // Put back, it serves the next one.
    let (first, second) = (begin(db.blpop(["k"], None)), begin(db.blpop(["k"], None)));
    db.rpush("k", ["x"]).unwrap();
    drop(first);
    assert_eq!(block_on(second), Ok(Some((bytes("k"), bytes("x")))));
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn a_task_is_woken_once_and_may_be_polled_early() {
    let db = db();
    let mut pending = db.blpop(["l"], None);
    let (count, waker) = waker();
    let mut context = Context::from_waker(&waker);
    let mut poll = |pending: &mut Pending<_>| std::pin::Pin::new(pending).poll(&mut context);
    for _ in 0..3 {
        assert!(poll(&mut pending).is_pending());
    }
    assert_eq!(waiters(&db), (1, 1));
    db.rpush("l", ["a"]).unwrap();
    assert_eq!(count.1.load(Ordering::SeqCst), 1);
    assert_eq!(poll(&mut pending), Poll::Ready(Ok(Some((bytes("l"), bytes("a"))))));
    assert_eq!(poll(&mut pending), Poll::Ready(Ok(None)), "a future that is over is over");
}

#[test]
fn streams_are_read_as_they_grow() {
    let db = db();
    let at = |id: (u64, u64)| XAddOptions::new().id(id);
    db.xadd_with("s", &[("n", "1")], &at((1, 0))).unwrap();
    let new = begin(db.xread_blocking(&[("none", ReadFrom::End), ("s", ReadFrom::End)], 10, None));
    let far = begin(db.xread_blocking(&[("s", ReadFrom::After(StreamId::new(2, 0)))], 10, None));
    db.xadd_with("s", &[("n", "2")], &at((2, 0))).unwrap();
    let found = block_on(new).unwrap().unwrap();
    assert_eq!((found[0].0, found[0].1.len(), found[0].1[0].id), (1, 1, StreamId::new(2, 0)));
    db.xadd_with("s", &[("n", "3")], &at((3, 0))).unwrap();
    assert_eq!(block_on(far).unwrap().unwrap()[0].1[0].id, StreamId::new(3, 0));
    db.xgroup_create("s", "g", GroupStart::End).unwrap();
    let [one, two] = ["one", "two"].map(|name| begin(db.xreadgroup_blocking("s", "g", name, 1, None)));
    db.xadd_with("s", &[("n", "4")], &at((4, 0))).unwrap();
    assert_eq!(block_on(one).unwrap().unwrap()[0].id, StreamId::new(4, 0));
    db.del("s").unwrap();
    assert_eq!(block_on(two).unwrap_err().code(), "NOGROUP");
    assert_eq!(waiters(&db), (0, 0));
}

#[test]
fn a_waker_may_enter_the_engine_at_once() {
    struct Enter(Db);
    impl Wake for Enter {
        fn wake(self: Arc<Self>) {
            self.0.incr("woken").unwrap();
        }
    }
    let db = db();
    let mut pending = db.blpop(["l"], None);
    let waker: Waker = Arc::new(Enter(db.clone())).into();
    assert!(std::pin::Pin::new(&mut pending).poll(&mut Context::from_waker(&waker)).is_pending());
    db.rpush("l", ["a"]).unwrap();
    assert_eq!(db.get("woken").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn the_engine_may_end_in_an_alarm() {
    type Popped = Pending<(Vec<u8>, Vec<u8>)>;
    /// The task itself, which holds the last that there is of the engine.
    struct Task(std::sync::Mutex<Option<Popped>>, std::sync::mpsc::Sender<()>);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            self.1.send(()).unwrap();
        }
    }
    let (sender, ended) = std::sync::mpsc::channel();
    let task = Arc::new(Task(std::sync::Mutex::new(Some(db().blpop(["l"], Duration::from_millis(5)))), sender));
    let waker: Waker = task.clone().into();
    let poll = std::pin::Pin::new(task.0.lock().unwrap().as_mut().unwrap()).poll(&mut Context::from_waker(&waker));
    assert!(poll.is_pending());
    drop((task, waker));
    ended.recv().unwrap();
}

#[test]
fn threads_that_push_move_and_pop_lose_nothing_and_never_lock_each_other_out() {
    const EACH: usize = 1000;
    let engine = Engine::open(Options::new().stripes(16).seed(7)).unwrap();
    let db = engine.db(0).unwrap();
    let key = |i: usize| format!("key:{}", i % 5);
    let popped = std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..2)
            .map(|p| {
                let db = db.clone();
                scope.spawn(move || {
                    for i in 0..EACH {
                        db.rpush(key(i * (p + 1)), [format!("{p}:{i}")]).unwrap();
                    }
                })
            })
            .collect();
        let movers: Vec<_> = (0..3)
            .map(|m| {
                let db = db.clone();
                scope.spawn(move || {
                    // In circles, with timeouts that race with being served.
                    for i in 0..EACH {
                        let timeout = Duration::from_micros(i as u64 % 7 * 20);
                        let pending = db.blmove(key(i + m), key(i * 2 + m + 1), Side::Left, Side::Right, timeout);
                        pending.wait().unwrap();
                    }
                })
            })
            .collect();
        let poppers: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                scope.spawn(move || {
                    let mut popped = Vec::new();
                    let mut connection = engine.connect();
                    while let Value::Array(mut pair) =
                        connection.execute(&["BLPOP", "key:0", "key:1", "key:2", "key:3", "key:4", "0.5"]).unwrap()
                    {
                        popped.push(pair.pop().unwrap());
                    }
                    popped
                })
            })
            .collect();
        pushers.into_iter().chain(movers).for_each(|thread| thread.join().unwrap());
        poppers.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut texts: Vec<String> = popped.iter().map(|value| format!("{value:?}")).collect();
    texts.sort();
    texts.dedup();
    assert_eq!((popped.len(), texts.len()), (2 * EACH, 2 * EACH));
    assert_eq!(waiters(&db), (0, 0));
    assert_eq!(engine.core().keyspace.db_size(0).unwrap().keys, 0);
}
