//! What there is to read at a path.

use std::path::{Path, PathBuf};

use carnelian::map::Map;

/// Something that keys can be read from.
pub(super) enum Source {
    /// An RDB file.
    Rdb(PathBuf),
    /// The directory of a log.
    Log(PathBuf),
}

impl Source {
    /// Finds out what is at a path: a file, or a directory that a server has for its own.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        let about = std::fs::metadata(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))?;
        if !about.is_dir() {
            return Ok(Self::Rdb(path.to_owned()));
        }
        let (log, dump) = (log_in(path), path.join("dump.rdb"));
        match () {
            // A server that has a log reads nothing else.
            () if log.is_dir() => Ok(Self::Log(log)),
            () if dump.is_file() => Ok(Self::Rdb(dump)),
            () => Err(format!("There is no dump.rdb in {}", path.display())),
        }
    }
}

/// Where the log of a directory is, if it has one.
pub(super) fn log_in(directory: &Path) -> PathBuf {
    directory.join("appendonlydir")
}

/// What a tool says that cannot read logs.
pub(super) fn no_logs(path: &Path) -> String {
    format!("{} is the directory of a log, which cannot be read yet", path.display())
}

/// A file as memory.
pub(super) fn map(path: &Path) -> Result<Map, String> {
    Map::open(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))
}
