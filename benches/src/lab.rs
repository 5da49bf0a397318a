//! The conditions all the work is done under: which cores, which ports, how much of it.

use std::cell::Cell;
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The conditions of a run.
///
/// Servers get one core and the load another, so that neither steals time from the other and a figure does not depend
/// on where the kernel put whom.
pub struct Lab {
    /// The program that makes the load: `redis-benchmark` or one that takes the same options.
    pub generator: PathBuf,
    /// How much of the full work is done.
    share: f64,
    /// Where servers keep their files.
    data: PathBuf,
    cores: Option<Cores>,
    priority: Option<Raised>,
    next_port: Cell<u16>,
}

#[derive(Clone, Copy)]
struct Cores {
    server: usize,
    load: usize,
}

/// Priority over the machine's other work, which keeps that work's time slices out of the latencies.
struct Raised {
    /// The priority the session had before.
    session: Option<String>,
}

impl Lab {
    /// Sets the conditions up and takes the load's core for this process, which whatever it starts inherits.
    pub fn open(generator: PathBuf, first_port: u16, share: f64) -> Result<Self> {
        let allowed = sched_getaffinity(None).context("asking for the cores of this process")?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let cores = match (usable.next(), usable.next()) {
            (Some(server), Some(load)) => Some(Cores { server, load }),
            _ => None,
        };
        let lab = Self {
            generator,
            share,
            data: folder_on_disk()?,
            cores,
            priority: Raised::ask(),
            next_port: Cell::new(first_port),
        };
        lab.pin(|cores| cores.load)?;
        Ok(lab)
    }

    /// `amount`, or a part of it if not all of the work is to be done.
    pub fn scaled(&self, amount: u64) -> u64 {
        ((amount as f64 * self.share).round() as u64).max(1)
    }

    /// How much of the full work is done: 1 for all of it.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// A folder on a disk, for the servers' own folders.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Whether the run has priority over the machine's other work.
    pub fn is_raised(&self) -> bool {
        self.priority.is_some()
    }

    /// Whether servers and load have a core each.
    pub fn is_pinned(&self) -> bool {
        self.cores.is_some()
    }

    /// Runs `start`, which spawns a process, so that the process runs on the servers' core only.
    ///
    /// A child inherits the affinity of the thread that spawns it: no window in which it runs, or starts threads,
    /// elsewhere.
    pub fn on_server_core<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        self.pin(|cores| cores.server)?;
        let started = start();
        self.pin(|cores| cores.load)?;
        Ok(started)
    }

    /// Runs `start`, which spawns a process, so that the process may run on every core, for what a server does beside
    /// its requests: to save and to load.
    pub fn on_all_cores<T>(&self, start: impl FnOnce() -> T) -> Result<T> {
        if let Some(cores) = self.cores {
            let mut set = CpuSet::new();
            set.set(cores.server);
            set.set(cores.load);
            sched_setaffinity(None, &set).context("taking both cores")?;
        }
        let started = start();
        self.pin(|cores| cores.load)?;
        Ok(started)
    }

    /// A port nobody listens on; another one each time, so that a server that failed to stop is never measured.
    pub fn free_port(&self) -> Result<u16> {
        for port in self.next_port.get()..u16::MAX {
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                self.next_port.set(port + 1);
                return Ok(port);
            }
        }
        bail!("no free port left")
    }

    fn pin(&self, which: impl FnOnce(Cores) -> usize) -> Result<()> {
        let Some(cores) = self.cores else { return Ok(()) };
        let mut set = CpuSet::new();
        set.set(which(cores));
        sched_setaffinity(None, &set).context("pinning to a core")
    }
}

/// The temporary folder if that is on a disk, or else the one this program is in: memory that poses as a disk would be
/// measured in its stead.
fn folder_on_disk() -> Result<PathBuf> {
    const TMPFS: i64 = 0x0102_1994;
    let temporary = env::temp_dir();
    let kind = rustix::fs::statfs(&temporary).with_context(|| format!("looking at {}", temporary.display()))?.f_type;
    if kind as i64 != TMPFS {
        return Ok(temporary);
    }
    Ok(env::current_exe()?.parent().context("this program is nowhere")?.to_owned())
}

impl Raised {
    const NICE: i32 = -15;

    /// Only root may raise it, and it is a refinement, so a refusal is no error.
    fn ask() -> Option<Self> {
        setpriority_process(None, Self::NICE).ok()?;
        // Where the kernel groups processes by session, a process's own priority counts within its session only, and
        // the session has one of its own. It outlives this process, so it is put back.
        let group = fs::read_to_string(SESSION_PRIORITY).ok();
        let session = group.as_deref().and_then(|text| text.trim().rsplit(' ').next()).map(str::to_owned);
        if session.is_some() {
            fs::write(SESSION_PRIORITY, Self::NICE.to_string()).ok()?;
        }
        Some(Self { session })
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(before) = &self.session {
            let _ = fs::write(SESSION_PRIORITY, before);
        }
    }
}

/// The priority of this session among sessions: a line such as `/autogroup-7 nice 0`; only the number is written.
const SESSION_PRIORITY: &str = "/proc/self/autogroup";
