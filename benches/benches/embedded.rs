//! The engine in the caller's own process: GET and SET of random keys, one by one, in batches and through a session,
//! beside DashMap with the same hash function.
//!
//! A million keys of 16 bytes with values of 64: far beyond the caches, so this measures how memory is waited for.

use std::hint::black_box;
use std::time::{Duration, Instant};

use carnelian::command::{Origin, Output};
use carnelian::{Db, Engine, Options};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;

const KEYS: u64 = 1_000_000;
const VALUE: [u8; 64] = [b'v'; 64];
const BATCH: usize = 16;

/// Keys in an order that no prefetcher guesses.
struct RandomKeys(u64);

impl RandomKeys {
    fn next(&mut self) -> [u8; 16] {
        key(self.number() % KEYS)
    }

    /// A key that no other thread has, of two that are numbered so.
    fn next_of(&mut self, thread: u64) -> [u8; 16] {
        key(self.number() % (KEYS / 2) * 2 + thread)
    }

    fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn key(n: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let (mut n, mut at) = (n, 16);
    while n > 0 {
        at -= 1;
        key[at] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    key
}

fn filled_db() -> (Engine, Db) {
    filled_with(Options::new())
}

fn filled_with(options: Options) -> (Engine, Db) {
    let engine = Engine::open(options).expect("an engine in memory always opens");
    let db = engine.db(0).expect("there is a database 0");
    for n in 0..KEYS {
        db.set(key(n), VALUE).expect("there is no memory limit");
    }
    (engine, db)
}

fn one_by_one(c: &mut Criterion) {
    let mut group = c.benchmark_group("get");
    group.throughput(Throughput::Elements(1));
    {
        let map: DashMap<Box<[u8]>, Box<[u8]>, ahash::RandomState> = DashMap::default();
        for n in 0..KEYS {
            map.insert(Box::new(key(n)), Box::new(VALUE));
        }
        let mut keys = RandomKeys(1);
        group.bench_function("dashmap", |b| {
            b.iter(|| map.get(&keys.next()[..]).map(|v| black_box(v.to_vec())));
        });
    }
    let (_engine, db) = filled_db();
    let mut keys = RandomKeys(1);
    group.bench_function("carnelian", |b| b.iter(|| black_box(db.get(keys.next()))));
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("carnelian mget of 16", |b| {
        b.iter(|| {
            let batch: [[u8; 16]; BATCH] = std::array::from_fn(|_| keys.next());
            black_box(db.mget(&batch))
        });
    });
    group.finish();
}

/// Time for `each` calls by each of some threads at once.
fn threads(db: &Db, threads: u64, each: u64, call: impl Fn(&Db, [u8; 16]) + Sync) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let call = &call;
            scope.spawn(move || {
                let mut keys = RandomKeys(thread + 1);
                for _ in 0..each {
                    call(db, keys.next());
                }
            });
        }
    });
    start.elapsed()
}

fn two_threads(c: &mut Criterion) {
    let (_engine, db) = filled_db();
    for (name, call) in [
        ("get", (|db, key| drop(black_box(db.get(key)))) as fn(&Db, [u8; 16])),
        ("set", |db, key| drop(black_box(db.set(key, VALUE)))),
    ] {
        let mut group = c.benchmark_group(format!("{name} by threads"));
        for n in [1, 2] {
            group.throughput(Throughput::Elements(n));
            group.bench_function(n.to_string(), |b| b.iter_custom(|each| threads(&db, n, each, call)));
        }
        group.finish();
    }
}

fn session(c: &mut Criterion) {
    let (engine, _db) = filled_db();
    let mut session = engine.session(Origin::default(), None);
    let mut output = Output::default();
    let mut keys = RandomKeys(1);
    let mut group = c.benchmark_group("session, pipeline of 32");
    group.throughput(Throughput::Elements(32));
    for name in ["GET", "SET"] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut input = Vec::with_capacity(4096);
                for _ in 0..32 {
                    let count = if name == "GET" { 2 } else { 3 };
                    input.extend_from_slice(format!("*{count}\r\n$3\r\n{name}\r\n$16\r\n").as_bytes());
                    input.extend_from_slice(&keys.next());
                    input.extend_from_slice(b"\r\n");
                    if name == "SET" {
                        input.extend_from_slice(b"$64\r\n");
                        input.extend_from_slice(&VALUE);
                        input.extend_from_slice(b"\r\n");
                    }
                }
                session.feed(&input, &mut output);
                output.clear();
            });
        });
    }
    group.finish();
}

/// A script that reads a key and writes it, on one thread and on two that have different keys: with the stripes of their
/// declared keys alone, they run at once.
fn scripts(c: &mut Criterion) {
    let mut group = c.benchmark_group("script");
    for (name, declared) in [("declared keys", "yes"), ("all keys", "no")] {
        let (engine, db) = filled_with(Options::new().config("script-keys-declared", declared));
        let script = engine.script("local v = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return v");
        let script = script.expect("it is Lua");
        for threads in [1, 2_u64] {
            group.throughput(Throughput::Elements(threads));
            group.bench_function(format!("{name}, {threads} threads"), |b| {
                b.iter_custom(|runs| {
                    let began = Instant::now();
                    std::thread::scope(|scope| {
                        for thread in 0..threads {
                            let (db, script) = (&db, &script);
                            scope.spawn(move || {
                                let mut keys = RandomKeys(thread + 1);
                                for _ in 0..runs {
                                    let value =
                                        script.key(keys.next_of(thread)).arg(&VALUE[..]).call::<Option<Vec<u8>>>(db);
                                    black_box(value.expect("it is a string"));
                                }
                            });
                        }
                    });
                    began.elapsed()
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = one_by_one, two_threads, session, scripts
}
criterion_main!(benches);
