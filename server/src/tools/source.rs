//! What there is to read at a path.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use carnelian::aof::{Kind, Manifest};
use carnelian::files;
use carnelian::map::Map;

use super::told;

/// Something that keys can be read from.
pub(super) enum Source {
    /// An RDB file.
    Rdb(PathBuf),
    /// A log.
    Log(Place),
}

/// Where a log is.
pub(super) struct Place {
    /// The directory that a server has for its own.
    owner: PathBuf,
    what: What,
}

enum What {
    /// The files that a manifest names.
    Manifest(PathBuf),
    /// One file.
    File(PathBuf),
}

/// A log that nobody writes to as long as this is there.
pub(super) struct Log {
    /// The files, in the order in which they are read.
    pub(super) files: Vec<Piece>,
    /// The first of them is a base.
    pub(super) has_base: bool,
    /// The directory that the manifest is in which names the file, if there is just one to be looked at.
    pub(super) part_of: Option<PathBuf>,
    _lock: Option<File>,
}

/// A file of a log.
pub(super) struct Piece {
    pub(super) path: PathBuf,
    /// What it is.
    pub(super) title: String,
}

impl Source {
    /// Finds out what is at a path: a file, or a directory that a server or its log has for its own.
    pub(super) fn at(path: &Path) -> Result<Self, String> {
        let unreadable = |e| format!("Cannot read {}: {e}", path.display());
        let is_directory = fs::metadata(path).map_err(unreadable)?.is_dir();
        // So that every directory has one that it is in.
        let whole = path.canonicalize().map_err(unreadable)?;
        if is_directory { Self::in_directory(path, &whole) } else { Self::of_file(path, &whole) }
    }

    fn in_directory(path: &Path, whole: &Path) -> Result<Self, String> {
        let (dump, single) = (path.join("dump.rdb"), path.join("appendonly.aof"));
        // A server that has a log reads nothing else.
        if let Some(manifest) = manifest_in(&log_in(path))? {
            return Ok(Self::Log(Place { owner: whole.to_owned(), what: What::Manifest(manifest) }));
        }
        if let Some(manifest) = manifest_in(path)? {
            return Ok(Self::Log(Place { owner: parent(whole), what: What::Manifest(manifest) }));
        }
        if single.is_file() {
            return Ok(Self::Log(Place { owner: whole.to_owned(), what: What::File(single) }));
        }
        if dump.is_file() {
            return Ok(Self::Rdb(dump));
        }
        Err(format!("There is no dump.rdb in {}, and no log", path.display()))
    }

    fn of_file(path: &Path, whole: &Path) -> Result<Self, String> {
        let folder = parent(whole);
        let ends = |end| path.extension().is_some_and(|extension| extension == end);
        if ends("manifest") {
            return Ok(Self::Log(Place { owner: parent(&folder), what: What::Manifest(path.to_owned()) }));
        }
        if !ends("aof") && !begins_as_log(path) {
            return Ok(Self::Rdb(path.to_owned()));
        }
        let owner = if manifest_in(&folder)?.is_some() { parent(&folder) } else { folder };
        Ok(Self::Log(Place { owner, what: What::File(path.to_owned()) }))
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// Whether a file begins with a command or with what a log says between commands.
fn begins_as_log(path: &Path) -> bool {
    let mut first = [0];
    File::open(path).and_then(|mut file| file.read_exact(&mut first)).is_ok() && matches!(first, [b'*' | b'#'])
}

/// The manifest in a directory, if it has one.
fn manifest_in(folder: &Path) -> Result<Option<PathBuf>, String> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(None) };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    // Not one that is still being written.
    let is_manifest = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".manifest") && !name.starts_with("temp-")
    };
    let mut found: Vec<_> = paths.filter(is_manifest).collect();
    match (found.pop(), found.pop()) {
        (Some(_), Some(_)) => Err(format!("There are several manifests in {}: name one of them", folder.display())),
        (manifest, _) => Ok(manifest),
    }
}

impl Place {
    /// Makes sure that nobody writes to the log, and finds its files. Whoever is going to change them takes the directory
    /// for himself; others change nothing, not even that.
    pub(super) fn open(&self, to_change: bool) -> Result<Log, String> {
        let lock = if to_change { files::lock(&self.owner).map(Some) } else { files::share(&self.owner) };
        let lock = lock.map_err(told)?;
        match &self.what {
            What::Manifest(path) => {
                let folder = path.parent().unwrap_or(Path::new("."));
                let files = pieces(folder, &read_manifest(path)?);
                Ok(Log { has_base: files.0, files: files.1, part_of: None, _lock: lock })
            }
            What::File(path) => {
                let (whole, name) = (path.canonicalize().unwrap_or_default(), path.file_name().unwrap_or_default());
                let folder = parent(&whole);
                let manifest = manifest_in(&folder)?.map(|manifest| read_manifest(&manifest)).transpose()?;
                let is_named = manifest.is_some_and(|manifest| manifest.pieces.iter().any(|p| *p.name == *name));
                let files = vec![Piece { path: path.clone(), title: "a file of a log".into() }];
                Ok(Log { files, has_base: false, part_of: is_named.then_some(folder), _lock: lock })
            }
        }
    }
}

fn read_manifest(path: &Path) -> Result<Manifest, String> {
    let error = |e: &dyn std::fmt::Display| format!("Cannot read {}: {e}", path.display());
    let text = fs::read(path).map_err(|e| error(&e))?;
    Manifest::parse(&text).map_err(|e| error(&e))
}

/// Whether there is a base, and all files.
fn pieces(folder: &Path, manifest: &Manifest) -> (bool, Vec<Piece>) {
    let piece = |piece: &carnelian::aof::Piece| {
        let kind = if piece.kind == Kind::Base { "base" } else { "increment" };
        Piece { path: folder.join(&piece.name), title: format!("{kind} {}", piece.seq) }
    };
    let files = manifest.base().into_iter().chain(manifest.increments()).map(piece);
    (manifest.base().is_some(), files.collect())
}

/// Where the log of a directory is, if it has one.
pub(super) fn log_in(directory: &Path) -> PathBuf {
    directory.join("appendonlydir")
}

/// A file as memory.
pub(super) fn map(path: &Path) -> Result<Map, String> {
    Map::open(path).map_err(|e| format!("Cannot read {}: {e}", path.display()))
}
