//! The start of a server that has much to load: the time from its start to the first answer that is no refusal.
//!
//! It may use both cores. The files have just been written, so that they are in memory: what is measured is the reading
//! of them by the server and not by the disk.

use std::fs;
use std::path::Path;
use std::rc::Rc;

use anyhow::Result;

use crate::dataset::Dataset;
use crate::lab::Lab;
use crate::peer::Peer;
use crate::row::{Figure, Unit, Work};
use crate::server::{Folder, On, Server};
use crate::work::log;
use crate::work::save::save;

/// From a snapshot of the data set.
pub fn from_snapshot() -> Work {
    Box::new(|lab, peer| {
        let (data, folder) = (Dataset::of(lab), Folder::new(lab)?);
        let server = Server::start_in(lab, peer, &folder, On::AllCores, &[])?;
        data.load(&server)?;
        save(&server, || Ok(()))?;
        server.shut_down()?;
        let file = folder.snapshot().map_or(0, |(_, len)| len);
        start(lab, peer, &folder, &[], data, file)
    })
}

/// From a log of the commands that made the data set.
pub fn from_log() -> Work {
    Box::new(|lab, peer| {
        let (data, folder, args) = (Dataset::of(lab), Folder::new(lab)?, log::args("everysec"));
        let server = Server::start_in(lab, peer, &folder, On::AllCores, &args)?;
        data.load(&server)?;
        server.shut_down()?;
        let files = size_of(&folder.path().join("appendonlydir"))?;
        start(lab, peer, &folder, &args, data, files)
    })
}

fn start(lab: &Lab, peer: &Peer, folder: &Rc<Folder>, args: &[&str], data: Dataset, bytes: u64) -> Result<Vec<Figure>> {
    let server = Server::start_in(lab, peer, folder, On::AllCores, args)?;
    let spent = server.cpu_time()?;
    data.expect(&server)?;
    let mut figures = data.figures();
    figures.push(Figure::judged("from start to answer", server.took.as_secs_f64()));
    figures.push(Figure::noted("CPU time of both cores", spent.as_secs_f64()));
    figures.push(Figure::noted("files", bytes as f64 / (1024.0 * 1024.0)).unit(Unit::Mebibytes));
    Ok(figures)
}

fn size_of(folder: &Path) -> Result<u64> {
    fs::read_dir(folder)?.map(|file| Ok(file?.metadata()?.len())).sum()
}
