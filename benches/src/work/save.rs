//! A snapshot in the background: how long it takes, the memory it takes, and what requests notice of it.
//!
//! The server may use both cores, as it has something to do beside its requests, and shares them with the load. Memory
//! and latencies are measured in a save each: to ask for a process's memory is work that requests would notice.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::dataset::{Dataset, VALUE};
use crate::paced::{Pace, Paced};
use crate::proc;
use crate::row::{Figure, Target, Unit, Work};
use crate::server::{Folder, On, Server};
use crate::wire::Wire;

const MIB: f64 = 1024.0 * 1024.0;

/// `BGSAVE` of the data set: without a load, and twice under one.
pub fn in_background() -> Work {
    Box::new(move |lab, peer| {
        let data = Dataset::of(lab);
        let server = Server::start_in(lab, peer, &Folder::new(lab)?, On::AllCores, &[])?;
        data.load(&server)?;
        let pace = Pace { port: server.port, keys: data.keys, sets_of_100: 50 };
        // Before any save: the disk is busy with the last one's file for a while.
        let ((), without) = pace.during(|| {
            sleep(Duration::from_secs(2));
            Ok(())
        })?;
        let alone = save(&server, || Ok(()))?;
        let memory = memory(&server, pace)?;
        let (under_load, with) = pace.during(|| save(&server, || Ok(())))?;
        let mut figures = data.figures();
        figures.push(Figure::judged("wall", alone.as_secs_f64()));
        figures.push(Figure::noted("wall, under the load", under_load.as_secs_f64()));
        let file = server.folder().snapshot().map_or(0, |(_, len)| len);
        figures.push(Figure::noted("file", file as f64 / MIB).unit(Unit::Mebibytes));
        figures.extend(memory);
        figures.extend(latencies(&without, &with));
        Ok(figures)
    })
}

/// Saves in the background, and calls `meanwhile` every few milliseconds. Returns how long it is until the file is there.
pub fn save(server: &Server, mut meanwhile: impl FnMut() -> Result<()>) -> Result<Duration> {
    let deadline = Instant::now() + Duration::from_secs(300);
    let before = server.folder().snapshot();
    let mut wire = Wire::connect(server.port)?;
    let began = Instant::now();
    wire.call(&["BGSAVE"])?;
    while server.folder().snapshot() == before {
        if Instant::now() > deadline {
            bail!("the snapshot does not get ready");
        }
        meanwhile()?;
        sleep(Duration::from_millis(2));
    }
    let took = began.elapsed();
    // Not every server notices at once that it is done.
    while server.info("rdb_bgsave_in_progress")? == Some(1.0) {
        sleep(Duration::from_millis(20));
    }
    Ok(took)
}

/// The memory of a save under the load, over that of the server under the load alone.
fn memory(server: &Server, pace: Pace) -> Result<Vec<Figure>> {
    let ((idle, peak), load) = pace.during(|| {
        let idle = proc::resident_with_children(server.pid())?;
        let mut peak = idle;
        save(server, || {
            peak = peak.max(proc::resident_with_children(server.pid())?);
            Ok(())
        })?;
        Ok((idle, peak))
    })?;
    let (idle, over, overwritten) = (idle as f64, (peak - idle) as f64, (load.sets * VALUE as u64) as f64);
    let part = (over - overwritten).max(0.0) / idle;
    Ok(vec![
        Figure::noted("RSS before", idle / MIB).unit(Unit::Mebibytes),
        Figure::noted("peak RSS above that", over / MIB).unit(Unit::Mebibytes),
        Figure::noted("values overwritten meanwhile", overwritten / MIB).unit(Unit::Mebibytes),
        Figure::judged("(peak - overwritten) / before", part).unit(Unit::Times).target(Target::limit(0.05)),
    ])
}

fn latencies(without: &Paced, with: &Paced) -> Vec<Figure> {
    let [before, during] = [without, with].map(|load| load.within(0.999));
    vec![
        Figure::noted("99.9 % of requests, without", before).unit(Unit::Millis),
        Figure::noted("99.9 % of requests, during", during).unit(Unit::Millis),
        Figure::judged("99.9 %, during / without", during / before).unit(Unit::Times).target(Target::limit(2.0)),
        Figure::noted("longest, without", without.longest()).unit(Unit::Millis),
        Figure::noted("longest, during", with.longest()).unit(Unit::Millis),
        with.waits(),
    ]
}
