//! The append-only log: what it costs a request, and what its rewrite costs those that come meanwhile.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::dataset::{Dataset, SHAPE};
use crate::generator::Load;
use crate::lab::Lab;
use crate::loader;
use crate::paced::Pace;
use crate::peer::{Peer, SUBJECT};
use crate::pump::{pump, pumped};
use crate::row::{Figure, Target, Unit, Work};
use crate::server::{Folder, On, Server};
use crate::wire::Wire;

/// The log is on and grows: no rewrite in the middle of a measurement.
pub fn args(fsync: &'static str) -> [&'static str; 6] {
    ["--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"]
}

/// Pipelined `SET`s, without a log and with one that is synced every second.
pub fn every_second() -> Work {
    Box::new(|lab, peer| {
        let without = pipelined(lab, peer, &[])?;
        let with = pipelined(lab, peer, &args("everysec"))?;
        let (time, cpu) = (with.micros / without.micros, with.cpu_micros);
        Ok(vec![
            Figure::noted("no log, by the clock", without.micros).unit(Unit::Micros),
            Figure::noted("everysec, by the clock", with.micros).unit(Unit::Micros),
            // At least 0.85 of the throughput.
            Figure::judged("everysec / no log", time).unit(Unit::Times).target(Target::limit(1.0 / 0.85)),
            Figure::noted("no log, server CPU", without.cpu_micros),
            Figure::judged("everysec, server CPU", cpu),
        ])
    })
}

/// `SET`s from fifty clients, every one on the disk before its reply.
pub fn always() -> Work {
    Box::new(|lab, peer| {
        let synced = synced(lab, peer, &[])?;
        Ok(vec![
            Figure::judged("always", synced.micros),
            Figure::noted("syncs a request", synced.syncs).unit(Unit::Times),
        ])
    })
}

/// `SET`s at a fixed rate while the log is rewritten.
pub fn rewrite() -> Work {
    Box::new(|lab, peer| {
        let data = Dataset::of(lab);
        let server = Server::start_in(lab, peer, &Folder::new(lab)?, On::AllCores, &args("everysec"))?;
        data.load(&server)?;
        let pace = Pace { port: server.port, keys: data.keys, sets_of_100: 100 };
        let ((), without) = pace.during(|| {
            sleep(Duration::from_secs(2));
            Ok(())
        })?;
        let (took, with) = pace.during(|| rewrite_log(&server))?;
        let mut figures = data.figures();
        figures.extend([
            Figure::judged("99.99 % of requests", with.within(0.9999)),
            Figure::judged("longest", with.longest()),
            Figure::noted("99.99 %, without rewrite", without.within(0.9999)),
            Figure::noted("longest, without rewrite", without.longest()),
            Figure::noted("rewrite", took.as_secs_f64()).unit(Unit::Seconds),
            with.waits(),
        ]);
        Ok(figures)
    })
}

/// What segments of our log are kept in: mapped files beside written ones.
pub fn stores() -> Work {
    Box::new(|lab, peer| {
        let mut figures = Vec::new();
        // No other server has a choice.
        for store in ["mapped", "written"].into_iter().filter(|_| peer.name == SUBJECT) {
            let choice = ["--aof-store", store];
            let cost = pipelined(lab, peer, &[&args("everysec")[..], &choice].concat())?;
            let synced = synced(lab, peer, &choice)?;
            figures.extend([
                Figure::noted(format!("{store}, everysec, by the clock"), cost.micros).unit(Unit::Micros),
                Figure::noted(format!("{store}, everysec, server CPU"), cost.cpu_micros),
                Figure::noted(format!("{store}, always, by the clock"), synced.micros).unit(Unit::Micros),
                Figure::noted(format!("{store}, syncs a request"), synced.syncs).unit(Unit::Times),
            ]);
        }
        Ok(figures)
    })
}

/// What a request took.
struct Cost {
    micros: f64,
    cpu_micros: f64,
}

/// Over a million keys that are there.
fn pipelined(lab: &Lab, peer: &Peer, args: &[&str]) -> Result<Cost> {
    let (keys, requests) = (lab.scaled(1_000_000), pumped(lab.scaled(4_000_000)));
    let server = Server::start_in(lab, peer, &Folder::new(lab)?, On::OneCore, args)?;
    loader::load(server.port, SHAPE, 0..keys)?;
    server.expect_keys(keys)?;
    pump(server.port, keys, requests / 10)?;
    // What is written and synced up to a second later belongs to it, too.
    let settled = || {
        sleep(Duration::from_millis(1200));
        server.cpu_time()
    };
    let before = settled()?;
    let took = pump(server.port, keys, requests)?;
    let spent = settled()? - before;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / requests as f64;
    Ok(Cost { micros: micros(took), cpu_micros: micros(spent) })
}

/// What a request took whose reply waits for the disk.
struct Synced {
    micros: f64,
    /// Syncs of a request; not a number if the server does not tell them.
    syncs: f64,
}

fn synced(lab: &Lab, peer: &Peer, more: &[&str]) -> Result<Synced> {
    let (keys, requests) = (lab.scaled(1_000_000), lab.scaled(50_000));
    let args = [&args("always"), more].concat();
    let server = Server::start_in(lab, peer, &Folder::new(lab)?, On::OneCore, &args)?;
    let load = Load::new("SET", ["SET", "key:__rand_int__", &"x".repeat(64)]);
    load.check(server.port)?;
    load.drive(lab, server.port, requests / 10, keys)?;
    let syncs = || Ok::<_, anyhow::Error>(server.info("aof_fsyncs")?.unwrap_or(f64::NAN));
    let before = syncs()?;
    let began = Instant::now();
    load.drive(lab, server.port, requests, keys)?;
    let took = began.elapsed();
    Ok(Synced { micros: took.as_secs_f64() * 1e6 / requests as f64, syncs: (syncs()? - before) / requests as f64 })
}

/// Returns how long it took, as far as the server says.
fn rewrite_log(server: &Server) -> Result<Duration> {
    let began = Instant::now();
    Wire::connect(server.port)?.call(&["BGREWRITEAOF"])?;
    loop {
        sleep(Duration::from_millis(20));
        let [runs, waits] = ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].map(|field| server.info(field));
        if runs? == Some(0.0) && waits? == Some(0.0) {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < Duration::from_secs(300), "the rewrite does not end");
    }
}
