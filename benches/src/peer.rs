//! The servers that can be compared, and where their programs are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// The server whose figures are judged.
pub const SUBJECT: &str = "carnelian";

/// The server it is judged against.
pub const REFERENCE: &str = "valkey";

/// Every server the harness knows: the name it goes by and the name of its program.
pub const KNOWN: [(&str, &str); 4] = [
    (SUBJECT, "carnelian-server"),
    ("redis", "redis-server"),
    ("redis8", "redis8-server"),
    (REFERENCE, "valkey-server"),
];

/// A server that was found on this machine.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The name it goes by in tables.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
    /// What it says its version is; empty if it does not.
    pub version: String,
}

/// Where programs are looked for.
#[derive(Debug)]
pub struct Places {
    /// Carnelian's program, if named by the user.
    pub carnelian: Option<PathBuf>,
    /// The folder that `scripts/get-peers` filled.
    pub peers: Option<PathBuf>,
}

impl Places {
    /// Finds the server called `name`: `None` if it is not on this machine, an error if there is no such server.
    pub fn find(&self, name: &str) -> Result<Option<Peer>> {
        let Some(&(name, program)) = KNOWN.iter().find(|known| known.0 == name) else {
            let names: Vec<_> = KNOWN.iter().map(|known| known.0).collect();
            bail!("there is no server {name:?}; the servers are {}", names.join(", "));
        };
        let found = if name == SUBJECT { self.carnelian(program) } else { self.program(program) };
        Ok(found.map(|program| Peer { name, version: version(&program), program }))
    }

    /// Finds a program on `PATH` or in the peers' folder.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).chain(self.peers.clone()).map(|dir| dir.join(name)).find(|program| program.is_file())
    }

    /// The release build, whichever way this harness was built: a debug server must not be measured by accident.
    fn carnelian(&self, program: &str) -> Option<PathBuf> {
        self.carnelian.clone().or_else(|| {
            let harness = env::current_exe().ok()?;
            let target = harness.parent()?.parent()?;
            Some(target.join("release").join(program)).filter(|program| program.is_file())
        })
    }
}

/// The folder `scripts/get-peers` fills unless told otherwise.
pub fn default_peers_dir() -> Option<PathBuf> {
    env::var_os("HOME").map(|home| Path::new(&home).join(".cache/peers/bin"))
}

fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}
