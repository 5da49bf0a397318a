//! Where a segment's bytes go: one small interface, so that a mapped file and a written one can be measured against each
//! other, and so that tests can have a disk that fails.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::mapped::{Mapped, Prepared};
use super::written::Written;

/// Which kind of store segments have.
#[derive(Clone, Default)]
pub enum StoreKind {
    /// A memory map over space that was reserved on the disk.
    #[default]
    Mapped,
    /// A file that is written to with each record.
    Written,
    /// What somebody else makes of a path and of the length of what is there already.
    Custom(Arc<OpenStore>),
}

/// Opens a store.
pub type OpenStore = dyn Fn(&Path, u64) -> io::Result<Box<dyn Store>> + Send + Sync;

/// The end of a file, to which bytes are appended.
///
/// What `append` has taken survives the end of the process; what has been [synced](Disk::sync), the end of the machine.
pub trait Store: Send {
    /// Appends bytes, all of them or none.
    ///
    /// # Errors
    /// The disk is full, or does not work.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// How long the file is, without space that is reserved.
    fn len(&self) -> u64;

    /// Whether nothing was ever appended.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What brings to the disk all that was appended so far, without holding up those who append.
    fn disk(&self) -> Arc<dyn Disk>;

    /// What reserves the space that will be needed next, if it is time to: it takes a while, and is called while others
    /// append.
    fn wants_room(&self) -> Option<Reserve> {
        None
    }

    /// Whether it is time to reserve space.
    fn is_low(&self) -> bool {
        false
    }

    /// Takes over the space that was reserved.
    fn give_room(&mut self, _room: Room) {}

    /// Cuts the file to its true length, for other readers. Nothing is appended afterwards.
    ///
    /// # Errors
    /// Those of the system.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What brings a file's bytes to the disk.
pub trait Disk: Send + Sync {
    /// Returns when all that was appended before is on the disk.
    ///
    /// # Errors
    /// Those of the disk: then nothing is known of what was not there before.
    fn sync(&self) -> io::Result<()>;
}

impl Disk for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Space that was made ready.
pub struct Room(pub(super) Prepared);

/// Makes space ready.
pub type Reserve = Box<dyn FnOnce() -> io::Result<Room> + Send>;

/// Opens a file to append to, made if it is not there, whose content ends at `len`: what is behind that is cut off.
pub(super) fn open(kind: &StoreKind, path: &Path, len: u64) -> io::Result<Box<dyn Store>> {
    if let StoreKind::Custom(open) = kind {
        return open(path, len);
    }
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
    file.set_len(len)?;
    Ok(match kind {
        StoreKind::Written => Box::new(Written::new(file, len)),
        _ => Box::new(Mapped::new(file, len)?),
    })
}

impl std::fmt::Debug for StoreKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mapped => "Mapped",
            Self::Written => "Written",
            Self::Custom(_) => "Custom",
        })
    }
}
