//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Writes a file aside and puts it in the place of `path` once all of it is on the disk, if `may` still says so: whatever
/// happens meanwhile, what was there before stays as it was. What `may` returns is held until the file is in its place.
/// `mark` tells the file aside from those of others who write to the same folder at the same time.
///
/// # Errors
/// Those of `write`, of `may` and of the system; the file aside is then gone.
pub(crate) fn replace_if<T, G>(
    path: &Path,
    mark: &str,
    write: impl FnOnce(&File) -> io::Result<T>,
    may: impl FnOnce() -> io::Result<G>,
) -> io::Result<T> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = folder.join(format!("temp-{}{mark}.rdb", std::process::id()));
    let written = File::create(&aside).and_then(|file| {
        let result = write(&file)?;
        file.sync_all()?;
        let _right = may()?;
        fs::rename(&aside, path)?;
        Ok(result)
    });
    if written.is_err() {
        // It may never have come to be.
        let _ = fs::remove_file(&aside);
    }
    let written = written?;
    File::open(folder)?.sync_all()?;
    Ok(written)
}
