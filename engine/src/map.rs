//! Files as memory: what is looked at is loaded, and the system takes it back when it needs room.
//!
//! Invariant: a map is read and never written, and so is its file while it is mapped: files of an engine are replaced as
//! a whole, which leaves a map of the old one as it is. If another program cuts a mapped file short, reading beyond its
//! new end ends the process (SIGBUS).

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

/// A file, read through a memory map.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps a file. It is going to be read from its start to its end.
    ///
    /// # Errors
    /// Those of the system; what is no file cannot be mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the bytes are only read, and the invariant above says why they stay what they are.
        let map = unsafe { memmap2::Mmap::map(&file)? };
        #[cfg(unix)]
        // Only advice: if the system does not take it, reading is slower.
        let _ = map.advise(memmap2::Advice::Sequential);
        Ok(Self(map))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn any_file_can_be_mapped_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("carnelian-map-{}", std::process::id()));
        for text in ["", "x", &"long ".repeat(10_000)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(&*Map::open(&path).unwrap(), text.as_bytes());
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Map::open(&path).is_err());
        assert!(Map::open(&std::env::temp_dir()).is_err());
    }
}
