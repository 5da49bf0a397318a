#![allow(clippy::panic, clippy::unwrap_used, reason = "a test may")]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::api::recorder::Recorder;
use crate::{Engine, Error, Options};

const ACCOUNTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn engine() -> Engine {
    Engine::open(Options::new().stripes(8)).unwrap()
}

#[test]
fn threads_see_no_part_of_a_transaction() {
    let engine = engine();
    let db = engine.db(0).unwrap();
    for account in ACCOUNTS {
        db.set(account, "1000").unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let movers: Vec<_> = (0..4u32)
            .map(|mover| {
                let db = db.clone();
                scope.spawn(move || {
                    for i in 0..2000 {
                        let from = ACCOUNTS[((i * 7 + mover) % 6) as usize];
                        let to = ACCOUNTS[((i * 5 + mover * 3 + 1) % 6) as usize];
                        if mover % 2 == 0 {
                            db.transaction([from, to], |tx| {
                                tx.decr_by(from, 3)?;
                                tx.incr_by(to, 3)
                            })
                            .unwrap();
                        } else {
                            db.optimistic(
                                &[from, to],
                                |db| {
                                    let number = |key| {
                                        let text = String::from_utf8(db.get(key)?.unwrap()).unwrap();
                                        Ok::<i64, Error>(text.parse().unwrap())
                                    };
                                    Ok((number(from)?, number(to)?))
                                },
                                |tx, (from_has, to_has)| {
                                    if from != to {
                                        tx.set(from, (from_has - 3).to_string())?;
                                        tx.set(to, (to_has + 3).to_string())?;
                                    }
                                    Ok(())
                                },
                            )
                            .unwrap();
                        }
                    }
                })
            })
            .collect();
        let (db, done) = (&db, &done);
        let reader = scope.spawn(move || {
            let mut looks = 0;
            while !done.load(Relaxed) || looks == 0 {
                let all = db.mget(&ACCOUNTS).unwrap();
                let sum: i64 = all
                    .iter()
                    .map(|v| std::str::from_utf8(v.as_ref().unwrap()).unwrap())
                    .map(|t| t.parse::<i64>().unwrap())
                    .sum();
                assert_eq!(sum, 6000);
                looks += 1;
            }
        });
        movers.into_iter().for_each(|mover| mover.join().unwrap());
        done.store(true, Relaxed);
        reader.join().unwrap();
    });
}

#[test]
fn a_transaction_is_one_entry_of_the_log() {
    let engine = engine();
    let recorder = Recorder::of(&engine);
    let db = engine.db(0).unwrap();
    db.transaction(["x", "y"], |tx| {
        tx.set("x", "1")?;
        tx.rpush("y", ["a"])
    })
    .unwrap();
    assert_eq!((recorder.take_effects().join(", "), *recorder.entries.lock()), ("SET x 1, RPUSH y a".to_owned(), 1));
}

#[test]
fn what_is_not_declared_is_refused_and_what_was_changed_stays() {
    let engine = engine();
    let db = engine.db(0).unwrap();
    let failed = db.transaction(["x"], |tx| {
        tx.set("x", "1")?;
        assert_eq!(tx.get("y"), Err(Error::new("ERR a transaction used a key that it has not declared")));
        assert_eq!(db.get("x"), Err(Error::REENTERED), "the engine itself is out of reach");
        assert_eq!(tx.rename("x", "y").unwrap_err().code(), "ERR");
        tx.rpush("x", ["a"]).map(|_| ())
    });
    assert_eq!(failed, Err(Error::WRONG_TYPE));
    assert_eq!(db.get("x").unwrap().as_deref(), Some(&b"1"[..]));
    // Whatever stripes the view holds.
    let all = (0..100).filter(|i| db.transaction(["x"], |tx| tx.get(format!("other {i}"))).is_ok()).count();
    assert_eq!(all, 0);
    assert_eq!(db.transaction([""; 0], |_| Ok(5)), Ok(5));
}

#[test]
fn a_transaction_that_panics_lets_its_keys_go() {
    let engine = engine();
    let db = engine.db(0).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = db.transaction(["x"], |tx| -> crate::Result<()> {
            tx.set("x", "1")?;
            std::panic::resume_unwind(Box::new("on purpose"));
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(db.get("x").unwrap().as_deref(), Some(&b"1"[..]));
}

#[test]
fn preparing_is_repeated_while_others_are_faster() {
    let engine = engine();
    let db = engine.db(0).unwrap();
    db.set("x", "0").unwrap();
    let tries = AtomicU32::new(0);
    let result = db.optimistic(
        &["x", "x", "gone"],
        |before| {
            assert_eq!(
                before.set("x", "y").unwrap_err(),
                Error::new("ERR only reading is allowed ahead of a transaction")
            );
            let seen = before.get("x")?;
            match tries.fetch_add(1, Relaxed) {
                0 => drop(db.incr("x")),
                1 => drop(engine.execute(&["FLUSHALL"])),
                2 => drop(engine.execute(&["RPUSH", "gone", "a"])),
                3 => drop(db.del("gone")),
                _ => {}
            }
            Ok(seen)
        },
        |tx, seen| tx.set("x", seen.unwrap_or_else(|| b"none".to_vec())),
    );
    assert_eq!((result, tries.load(Relaxed)), (Ok(()), 5));
    assert_eq!(db.get("x").unwrap().as_deref(), Some(&b"none"[..]));
    // Nothing is left of the watches: a change tells nobody.
    let failed = db.optimistic(&["x"], |_| Err::<(), _>(Error::WRONG_TYPE), |_, ()| Ok(()));
    assert_eq!(failed, Err(Error::WRONG_TYPE));
    assert_eq!(db.space().watched_keys(), 0);
}

#[test]
fn waiters_are_served_at_the_end_of_a_transaction() {
    let engine = engine();
    let db = engine.db(0).unwrap();
    let other = db.clone();
    let waiting = thread::spawn(move || other.blpop(["list"], Duration::from_secs(20)).wait());
    while db.space().waiting().waiters.load(Relaxed) == 0 {
        thread::yield_now();
    }
    db.transaction(["list"], |tx| {
        tx.rpush("list", ["a"])?;
        tx.rpush("list", ["b"])?;
        assert_eq!(tx.lpop("list")?.as_deref(), Some(&b"a"[..]));
        Ok(())
    })
    .unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(Some((b"list".to_vec(), b"b".to_vec()))));
}
