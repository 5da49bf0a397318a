//! The generic commands and their typed methods, the thread that expires keys, and what memory limits refuse.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use carnelian::api::{CopyOptions, ExpireCondition, KeyType, Ttl};
use carnelian::keyspace::Policy;
use carnelian::{Engine, Error};
use common::{Client, START, engine};

#[test]
fn keyspace_typed_methods_do_what_the_commands_do() {
    let (engine, clock) = engine(1);
    let mut client = Client::new(&engine);
    let (db, other) = (engine.db(0).unwrap(), engine.db(3).unwrap());
    client.run("SET a 1");
    assert_eq!(db.ttl("a").unwrap(), Ttl::Never);
    assert!(db.expire("a", Duration::from_secs(100)).unwrap());
    assert!(!db.expire_if("a", Duration::from_secs(10), ExpireCondition::IfLater).unwrap());
    assert!(db.expire_if("a", Duration::from_secs(10), ExpireCondition::IfEarlier).unwrap());
    assert_eq!(client.text("PEXPIRETIME a"), (START + 10_000).to_string());
    assert_eq!(db.ttl("a").unwrap().left(), Some(Duration::from_secs(10)));
    assert_eq!(db.expire("a", Duration::MAX), Err(Error::invalid_expire("pexpire")));
    assert!(db.copy("a", "b").unwrap());
    assert!(!db.copy("a", "b").unwrap());
    assert!(db.copy_with("a", "b", CopyOptions::new().replace()).unwrap());
    assert!(db.copy_with("a", "a", CopyOptions::new().db(3)).unwrap());
    assert_eq!(other.ttl("a").unwrap(), Ttl::In(Duration::from_secs(10)));
    assert_eq!(db.copy_with("a", "a", CopyOptions::new().db(99)), Err(Error::DB_INDEX));
    assert!(!db.move_to("a", 3).unwrap());
    assert!(db.move_to("b", 3).unwrap());
    assert!(db.move_to("a", 0).is_err());
    assert_eq!((db.size().unwrap(), other.size().unwrap()), (1, 2));
    assert!(db.persist("a").unwrap() && !db.persist("a").unwrap());
    clock.advance(Duration::from_millis(10_001));
    assert!(db.exists("a").unwrap() && !other.exists("a").unwrap());
    db.rename("a", "c").unwrap();
    assert_eq!(db.rename("a", "c"), Err(Error::NO_SUCH_KEY));
    assert!(!db.renamenx("c", "c").unwrap());
    assert_eq!(db.key_type("c").unwrap(), Some(KeyType::String));
    assert_eq!(db.object_encoding("c").unwrap(), Some("int"));
    assert!(db.touch("c").unwrap());
    db.swap(3).unwrap();
    assert_eq!(other.get("c").unwrap(), Some(b"1".to_vec()));
    assert_eq!(other.del_all(["c", "c", "d"]).unwrap(), 1);
    client.run("SET x 1");
    db.flush().unwrap();
    assert_eq!(db.random_key().unwrap(), None);
    assert_eq!(db.swap(16), Err(Error::DB_INDEX));
}

#[test]
fn keyspace_moves_and_copies_long_strings_with_their_deadlines() {
    let (engine, clock) = engine(2);
    let mut client = Client::new(&engine);
    let long = "x".repeat(100_000);
    client.argv(&["SET", "long", &long]);
    client.run("PEXPIRE long 500");
    let one = engine.core().keyspace.data_bytes();
    for line in ["RENAME long renamed", "COPY renamed copied", "MOVE copied 1"] {
        client.run(line);
    }
    // Both are counted in full, shared or not: either may outlive the other.
    assert!(engine.core().keyspace.data_bytes() > one + 100_000);
    let moved = engine.db(1).unwrap();
    assert_eq!(moved.get("copied").unwrap(), Some(long.into_bytes()));
    assert_eq!(moved.ttl("copied").unwrap(), Ttl::In(Duration::from_millis(500)));
    clock.advance(Duration::from_millis(501));
    assert_eq!(moved.get("copied").unwrap(), None);
    assert_eq!(client.text("EXISTS long renamed"), "0");
}

#[test]
fn keyspace_reads_do_not_count_as_access_where_redis_does_not() {
    let (engine, clock) = engine(4);
    let mut client = Client::new(&engine);
    client.run("SET a 1");
    clock.advance(Duration::from_secs(100));
    for line in ["EXISTS a", "TYPE a", "TTL a", "PTTL a", "OBJECT ENCODING a", "SCAN 0", "KEYS *", "RANDOMKEY"] {
        client.run(line);
        assert_eq!(client.text("OBJECT IDLETIME a"), "100", "{line}");
    }
    for line in ["TOUCH a", "SET a 2", "GET a", "EXPIRE a 1000", "PERSIST a"] {
        clock.advance(Duration::from_secs(7));
        assert_ne!(client.text("OBJECT IDLETIME a"), "0");
        client.run(line);
        assert_eq!(client.text("OBJECT IDLETIME a"), "0", "{line}");
    }
    clock.advance(Duration::from_secs(7));
    client.run("RENAME a b");
    client.run("COPY b c");
    assert_eq!(client.text("OBJECT IDLETIME c"), "0");
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn keyspace_is_expired_in_the_background_when_allowed() {
    let (engine, clock) = engine(6);
    let settings = engine.core().keyspace.settings();
    settings.hz.store(100, Relaxed);
    let mut client = Client::new(&engine);
    for i in 0..5_000 {
        client.argv(&["SET", &format!("k{i}"), "v"]);
        client.argv(&["PEXPIRE", &format!("k{i}"), "50"]);
    }
    let db = engine.db(0).unwrap();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(db.size().unwrap(), 5_000, "the engine's clock stands still");
    clock.advance(Duration::from_millis(51));
    wait_until("expired keys are deleted", || db.size().unwrap() == 0);
    assert_eq!(engine.core().keyspace.counters().expired.load(Relaxed), 5_000);

    settings.active_expire.store(false, Relaxed);
    std::thread::sleep(Duration::from_millis(60));
    client.run("SET a 1");
    client.run("PEXPIRE a 50");
    clock.advance(Duration::from_millis(51));
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!((db.size().unwrap(), db.get("a").unwrap()), (1, None));
}

#[test]
fn keyspace_and_its_thread_end_with_the_last_handle() {
    let engine = Engine::open(carnelian::Options::new()).unwrap();
    let space = std::sync::Arc::downgrade(&engine.core().keyspace);
    let db = engine.db(0).unwrap();
    drop(engine);
    assert!(db.size().is_ok() && space.upgrade().is_some());
    drop(db);
    assert!(space.upgrade().is_none(), "somebody still holds the keys");
}

#[test]
fn keyspace_without_memory_refuses_what_needs_some() {
    let (engine, _) = engine(8);
    let mut client = Client::new(&engine);
    for i in 0..100 {
        client.argv(&["SET", &format!("k{i}"), &"v".repeat(100)]);
    }
    let settings = engine.core().keyspace.settings();
    settings.maxmemory.store(1_000, Relaxed);
    settings.set_policy(Policy::NoEviction);
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    for line in ["SET x y", "COPY k0 k1 REPLACE", "COPY nothing x"] {
        assert_eq!(client.text(line), oom, "{line}");
    }
    let allowed = [
        ("GET k0", "v"),
        ("EXPIRE k0 100", "1"),
        ("PERSIST k0", "1"),
        ("RENAME k0 k1", "OK"),
        ("MOVE k1 1", "1"),
        ("EXISTS k2", "1"),
        ("TTL k2", "-1"),
        ("UNLINK k2", "1"),
        ("DEL k3", "1"),
    ];
    for (line, reply) in allowed {
        assert!(client.text(line).starts_with(reply), "{line}");
    }
    let db = engine.db(0).unwrap();
    assert_eq!(db.copy("k4", "x"), Err(Error::OUT_OF_MEMORY));
    assert!(db.del("k4").unwrap() && db.expire("k5", Duration::from_secs(9)).unwrap());
    for policy in [Policy::AllKeysLru, Policy::AllKeysLfu, Policy::AllKeysRandom] {
        settings.maxmemory.store(engine.core().keyspace.used_bytes() as u64 - 500, Relaxed);
        settings.set_policy(policy);
        assert_eq!(client.text("SET x y"), "OK", "{policy:?}");
    }
    // Nothing has a deadline but one key, which does not make enough room.
    settings.maxmemory.store(2_000, Relaxed);
    settings.set_policy(Policy::VolatileTtl);
    assert_eq!(client.text("SET x y"), oom);
    assert_eq!(client.text("EXISTS k5"), "0");
}
