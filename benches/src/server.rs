//! A server process: started for one measurement, on its own core, in a folder of its own, and stopped with it.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lab::Lab;
use crate::peer::Peer;
use crate::proc;
use crate::wire::{Reply, Wire};

/// A running server; it is killed and its folder removed when this goes.
pub struct Server {
    /// Where it listens, on this machine.
    pub port: u16,
    child: Child,
    dir: PathBuf,
}

impl Server {
    /// Starts an empty server that writes nothing to disk, and waits until it answers.
    pub fn start(lab: &Lab, peer: &Peer) -> Result<Self> {
        let port = lab.free_port()?;
        let dir = std::env::temp_dir().join(format!("side-by-side-{}-{port}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        let log = File::create(dir.join("log"))?;
        let mut command = Command::new(&peer.program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(&dir).stdin(Stdio::null()).stderr(log.try_clone()?).stdout(log);
        let child =
            lab.on_server_core(|| command.spawn())?.with_context(|| format!("starting {}", peer.program.display()));
        let mut server = match child {
            Ok(child) => Self { port, child, dir },
            Err(error) => {
                let _ = fs::remove_dir_all(&dir);
                return Err(error);
            }
        };
        server.wait_until_up()?;
        Ok(server)
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
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            // Asked first: something else may answer on the port after the server failed to take it.
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at once ({status}){}", self.last_words());
            }
            let answer = Wire::connect(self.port).and_then(|mut wire| wire.call(&["PING"]));
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("the server does not answer{}", self.last_words())));
                }
                Err(_) => sleep(Duration::from_millis(20)),
            }
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        log.trim().lines().last().map(|line| format!(": {line}")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, not asked to end: nothing is to be saved, and freeing gigabytes politely takes seconds.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
