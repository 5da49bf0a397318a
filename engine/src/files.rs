//! Files that are there whole or not at all, and directories that are one process's own.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::sys;

/// Writes a file aside and puts it in the place of `path` once all of it is on the disk: whatever happens meanwhile, what
/// was there before stays as it was.
///
/// # Errors
/// Those of `write` and of the system; the file aside is then gone.
pub fn replace<T>(path: &Path, write: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    replace_if(path, "", write, || Ok(()))
}

/// As [`replace`], if `may` still says so when the file is there. What it returns is held until the file is in its place.
/// `mark` tells the file aside from those of others who write one for the same place at the same time.
///
/// # Errors
/// Those of `write`, of `may` and of the system; the file aside is then gone.
pub(crate) fn replace_if<T, G>(
    path: &Path,
    mark: &str,
    write: impl FnOnce(&File) -> io::Result<T>,
    may: impl FnOnce() -> io::Result<G>,
) -> io::Result<T> {
    let folder = folder_of(path);
    let name = path.file_name().unwrap_or_default().display();
    let aside = folder.join(format!("temp-{}{mark}-{name}", std::process::id()));
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

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder if it is not there, so that it stays: what is synced in it later is of no use without it.
///
/// # Errors
/// Those of the system.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    File::open(folder_of(path))?.sync_all()
}

/// Moves a file to another folder of the same file system, so that it stays there.
///
/// # Errors
/// Those of the system.
pub(crate) fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    [to, from].iter().try_for_each(|path| File::open(folder_of(path))?.sync_all())
}

/// The file that tells whose a directory is.
pub const LOCK: &str = "carnelian.lock";

/// Takes a directory for this process, until the file is dropped.
///
/// # Errors
/// If another process has it.
pub fn lock(folder: &Path) -> Result<File> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK))
        .map_err(|e| cannot_lock(folder, &e))?;
    refuse_if_taken(file.try_lock(), folder, &mut file)?;
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", sys::pid()));
    written.map_err(|e| cannot_lock(folder, &e))?;
    Ok(file)
}

/// Has nobody take a directory until the file is dropped, and changes nothing in it. `None` if nobody has ever taken it.
///
/// # Errors
/// If another process has it.
pub fn share(folder: &Path) -> Result<Option<File>> {
    let mut file = match File::open(folder.join(LOCK)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(cannot_lock(folder, &e)),
    };
    refuse_if_taken(file.try_lock_shared(), folder, &mut file)?;
    Ok(Some(file))
}

fn cannot_lock(folder: &Path, e: &io::Error) -> Error {
    Error::new(format!("ERR cannot lock {}: {e}", folder.display()))
}

fn refuse_if_taken(taken: Result<(), TryLockError>, folder: &Path, file: &mut File) -> Result<()> {
    match taken {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // It says whose it is only for people.
            let _ = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut pid));
            let who = if pid.trim().is_empty() { String::new() } else { format!(" (pid {})", pid.trim()) };
            let folder = folder.display();
            Err(Error::new(format!("ERR the directory {folder} is in use by another process{who}")))
        }
        Err(TryLockError::Error(e)) => Err(cannot_lock(folder, &e)),
    }
}
