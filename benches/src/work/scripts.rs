//! CPU time the server spends on scripts: the short ones that queues, locks and limiters are made of.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::dataset::SHAPE;
use crate::feed::{Batch, feed};
use crate::loader::{self, scrambled};
use crate::paced::Pace;
use crate::row::{Figure, Unit, Work};
use crate::server::{Folder, On, Server};
use crate::wire::{Reply, Wire};

/// Reads a key and writes it.
const GET_AND_SET: &str = "local value = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], ARGV[1]) return value";

/// A token bucket in a hash: so many tokens at most, so many more a second, at this time.
const TOKEN_BUCKET: &str = "\
local capacity, rate, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens, time = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - time) * rate)
local allowed = tokens >= 1
if allowed then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'time', now)
redis.call('EXPIRE', KEYS[1], math.ceil(capacity / rate) * 2)
return {allowed and 1 or 0, tostring(tokens)}";

/// Redlock's unlock: deletes a lock if it is the caller's. Here it never is, so that every call finds the same.
const UNLOCK: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

const KEYS: u64 = 100_000;

/// How many calls of a script are under way at once beside other requests.
const AT_ONCE: u64 = 64;

/// What a load of short requests feels of scripts that run all the time beside it.
pub fn beside_others(count: u64) -> Work {
    Box::new(move |lab, peer| {
        let (keys, count) = (lab.scaled(KEYS), lab.scaled(count));
        let server = Server::start_in(lab, peer, &Folder::new(lab)?, On::AllCores, &[])?;
        loader::load(server.port, SHAPE, 0..keys)?;
        let pace = Pace { port: server.port, keys, sets_of_100: 50 };
        let ((), without) = pace.during(|| {
            sleep(Duration::from_secs(2));
            Ok(())
        })?;
        let mut wire = Wire::connect(server.port)?;
        let Reply::Text(sha) = wire.call(&["SCRIPT", "LOAD", TOKEN_BUCKET])? else { bail!("a script has no name") };
        let (took, with) = pace.during(|| {
            let began = Instant::now();
            for round in 0..count / AT_ONCE {
                feed(server.port, AT_ONCE, |number, batch| {
                    let key = format!("bucket:{:012}", scrambled(round * AT_ONCE + number) % keys);
                    batch.command(7).words(["EVALSHA", &sha, "1", &key, "10", "5", "1700000000"]);
                })?;
            }
            Ok(began.elapsed())
        })?;
        let mut figures = Vec::new();
        for (name, load) in [("without scripts", &without), ("beside scripts", &with)] {
            figures.push(Figure::noted(format!("99 % of requests, {name}"), load.within(0.99)));
            figures.push(Figure::noted(format!("99.9 % of requests, {name}"), load.within(0.999)));
            figures.push(Figure::noted(format!("longest, {name}"), load.longest()));
        }
        let rate = count as f64 / took.as_secs_f64();
        figures.push(Figure::noted("scripts a second meanwhile", rate).unit(Unit::Count));
        figures.push(with.waits());
        Ok(figures)
    })
}

/// Each of them by EVALSHA and as a function, over keys of 64 bytes.
pub fn calls(count: u64) -> Work {
    Box::new(move |lab, peer| {
        let (keys, count) = (lab.scaled(KEYS), lab.scaled(count));
        let server = Server::start(lab, peer)?;
        loader::load(server.port, SHAPE, 0..keys)?;
        let mut wire = Wire::connect(server.port)?;
        let mut figures = Vec::new();
        let value = "x".repeat(64);
        let scripts: [(&str, &str, &str, &[&str]); 3] = [
            ("GET and SET", GET_AND_SET, "key:", &[&value]),
            ("token bucket", TOKEN_BUCKET, "bucket:", &["10", "5", "1700000000"]),
            ("unlock", UNLOCK, "key:", &["somebody"]),
        ];
        for (i, (label, source, prefix, args)) in scripts.into_iter().enumerate() {
            let Reply::Text(sha) = wire.call(&["SCRIPT", "LOAD", source])? else {
                bail!("a script has no name");
            };
            // Functions of a library are given keys and arguments by parameters of those names.
            let library = format!(
                "#!lua name=bench{i}\nredis.register_function('bench{i}', function(KEYS, ARGV)\n{source}\nend)"
            );
            wire.call(&["FUNCTION", "LOAD", &library]).context("a library")?;
            for (command, name) in [("EVALSHA", sha), ("FCALL", format!("bench{i}"))] {
                let write = |number: u64, batch: &mut Batch| {
                    let key = format!("{prefix}{:012}", scrambled(number) % keys);
                    batch.command(4 + args.len()).words([command, &name, "1", &key]).words(args);
                };
                let drive = |count| feed(server.port, count, write);
                drive(count / 10)?;
                let before: Duration = server.cpu_time()?;
                drive(count)?;
                let spent = server.cpu_time()? - before;
                figures.push(Figure::judged(format!("{command}, {label}"), spent.as_secs_f64() * 1e6 / count as f64));
            }
        }
        Ok(figures)
    })
}
