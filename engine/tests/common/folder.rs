//! Folders for tests of what outlives an engine.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use carnelian::{Engine, Options, Result};

/// A folder of a test's own, gone at its end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!("carnelian-test-{}-{}", std::process::id(), LAST.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn options(&self) -> Options {
        Options::new().dir(&self.0).config("enable-debug-command", "yes")
    }

    pub fn open(&self) -> Result<Engine> {
        Engine::open(self.options())
    }

    pub fn log(&self) -> PathBuf {
        self.0.join("appendonlydir")
    }

    /// The names of the log's files, sorted.
    pub fn names(&self) -> Vec<String> {
        let files = fs::read_dir(self.log()).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = files.collect();
        names.sort();
        names
    }

    /// What a crash of the process would leave: a copy of all files as they are now.
    pub fn crash(&self) -> Self {
        let copy = Self::new();
        loop {
            fs::create_dir_all(copy.log()).unwrap();
            let before = fs::read(self.manifest()).unwrap();
            let is_whole =
                self.names().iter().all(|name| fs::copy(self.log().join(name), copy.log().join(name)).is_ok());
            // A file that goes meanwhile, or comes and is named, makes it a copy of no moment.
            if is_whole && fs::read(self.manifest()).unwrap() == before {
                return copy;
            }
            fs::remove_dir_all(copy.log()).unwrap();
        }
    }

    fn manifest(&self) -> PathBuf {
        self.log().join("appendonly.aof.manifest")
    }

    pub fn segment(&self, n: u32) -> PathBuf {
        self.log().join(format!("appendonly.aof.{n}.incr.aof"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
