//! A program to start from: an engine in your own process, no server anywhere.
//!
//! `cargo run -p carnelian --example hello`

use std::thread;
use std::time::Duration;

use carnelian::{Clock, Engine, ManualClock, Options, Result, SetOptions};

fn main() -> Result<()> {
    let engine = Engine::open(Options::new())?;
    let db = engine.db(0)?;

    // Methods are named after the commands.
    db.set("greeting", "hello")?;
    db.append("greeting", ", world")?;
    println!("greeting: {}", String::from_utf8_lossy(&db.get("greeting")?.unwrap_or_default()));

    // Options have builders.
    let first = db.set_with("lock", "me", &SetOptions::new().nx().ex(30))?;
    let second = db.set_with("lock", "you", &SetOptions::new().nx().ex(30))?;
    println!("the lock was taken by the first ({first}) and refused to the second ({second})");

    // An engine can be cloned into any number of threads.
    thread::scope(|scope| {
        for _ in 0..4 {
            let db = db.clone();
            scope.spawn(move || (0..1000).try_for_each(|_| db.incr("hits").map(drop)));
        }
    });
    println!("hits: {}", String::from_utf8_lossy(&db.get("hits")?.unwrap_or_default()));

    // Any command, as a client would send it.
    println!("MEMORY USAGE greeting: {:?}", engine.execute(&["MEMORY", "USAGE", "greeting"])?);

    // Tests turn the clock instead of sleeping.
    let clock = ManualClock::new(Duration::from_secs(1_700_000_000));
    let tested = Engine::open(Options::new().clock(Clock::Manual(clock.clone())))?.db(0)?;
    tested.set_with("session", "open", &SetOptions::new().ex(60))?;
    clock.advance(Duration::from_secs(61));
    println!("a minute later the session is {:?}", tested.get("session")?);
    Ok(())
}
