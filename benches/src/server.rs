//! A server process: started for one measurement, in a folder of its own, and stopped with it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::Lab;
use crate::peer::Peer;
use crate::proc;
use crate::wire::{Reply, Wire};

/// A running server; it is killed when this goes, and its folder removed unless somebody else has it too.
pub struct Server {
    /// Where it listens, on this machine.
    pub port: u16,
    /// How long it took from its start to its first answer: to load what is in its folder.
    pub took: Duration,
    child: Child,
    folder: Rc<Folder>,
}

/// A folder of servers, one after the other, on a disk; it is removed when this goes.
pub struct Folder(PathBuf);

/// The cores of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// One that is its own.
    OneCore,
    /// All there are: what it does beside its requests need not wait for those.
    AllCores,
}

impl Folder {
    /// An empty one.
    pub fn new(lab: &Lab) -> Result<Rc<Self>> {
        let dir = lab.data().join(format!("side-by-side-{}-{}", std::process::id(), lab.free_port()?));
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(Rc::new(Self(dir)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Which file the snapshot is, and its size in bytes; another file when it is replaced.
    pub fn snapshot(&self) -> Option<(u64, u64)> {
        fs::metadata(self.0.join("dump.rdb")).ok().map(|file| (file.ino(), file.len()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Server {
    /// Starts an empty server that writes nothing to disk, on a core of its own, and waits until it answers.
    pub fn start(lab: &Lab, peer: &Peer) -> Result<Self> {
        Self::start_in(lab, peer, &Folder::new(lab)?, On::OneCore, &[])
    }

    /// Starts a server on what is in `folder`, with further arguments, and waits until it has loaded that and answers.
    pub fn start_in(lab: &Lab, peer: &Peer, folder: &Rc<Folder>, on: On, args: &[&str]) -> Result<Self> {
        let port = lab.free_port()?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(&peer.program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.arg(folder.path()).args(args).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let began = Instant::now();
        let child = match on {
            On::OneCore => lab.on_server_core(|| command.spawn()),
            On::AllCores => lab.on_all_cores(|| command.spawn()),
        };
        let child = child?.with_context(|| format!("starting {}", peer.program.display()))?;
        let mut server = Self { port, took: Duration::ZERO, child, folder: Rc::clone(folder) };
        server.wait_until_up()?;
        server.took = began.elapsed();
        Ok(server)
    }

    /// Asks it to end, and waits until it has, its log complete.
    pub fn shut_down(mut self) -> Result<()> {
        // Who ends does not reply.
        let _ = Wire::connect(self.port)?.call(&["SHUTDOWN"]);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("the server does not end{}", self.last_words());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// A number among what INFO tells; `None` if it is not told.
    pub fn info(&self, field: &str) -> Result<Option<f64>> {
        let Reply::Text(text) = Wire::connect(self.port)?.call(&["INFO", "persistence"])? else {
            bail!("INFO is not text");
        };
        let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(value.and_then(|value| value.trim().parse().ok()))
    }

    /// The CPU time it has used so far.
    pub fn cpu_time(&self) -> Result<Duration> {
        // The scheduler settles a thread's account when it stops running: let the last requests' work end first.
        sleep(Duration::from_millis(20));
        proc::cpu_time(self.child.id())
    }

    /// How long it has stood ready to run without a core.
    pub fn waited(&self) -> Duration {
        proc::waited(self.child.id())
    }

    /// Its resident memory once that no longer changes: servers finish growing their tables and give freed memory back
    /// in the background.
    pub fn settled_memory(&self) -> Result<u64> {
        const STEP: Duration = Duration::from_millis(250);
        const CALM_STEPS: usize = 6;
        const PATIENCE: usize = 60;
        let mut resident = proc::resident(self.child.id())?;
        let mut calm = 0;
        for _ in 0..PATIENCE {
            sleep(STEP);
            let now = proc::resident(self.child.id())?;
            calm = if now.abs_diff(resident) * 1000 <= resident { calm + 1 } else { 0 };
            resident = now;
            if calm == CALM_STEPS {
                break;
            }
        }
        Ok(resident)
    }

    /// An error unless the server holds exactly `keys` keys.
    pub fn expect_keys(&self, keys: u64) -> Result<()> {
        self.expect(&["DBSIZE"], keys)
    }

    /// An error unless the server answers `items` to a command that counts.
    pub fn expect(&self, count: &[&str], items: u64) -> Result<()> {
        match Wire::connect(self.port)?.call(count)? {
            Reply::Text(held) if held == items.to_string() => Ok(()),
            other => bail!("{items} were loaded, {} says {other:?}", count.join(" ")),
        }
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Asked first: something else may answer on the port after the server failed to take it.
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at once ({status}){}", self.last_words());
            }
            // While it loads, its answer is an error.
            let answer = Wire::connect(self.port).and_then(|mut wire| wire.call(&["PING"]));
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("the server does not answer{}", self.last_words())));
                }
                Err(_) => sleep(Duration::from_millis(2)),
            }
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.trim().lines().last().map(|line| format!(": {line}")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, not asked to end: nothing is to be saved, and freeing gigabytes politely takes seconds.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to load or to end.
const PATIENCE: Duration = Duration::from_secs(300);
