//! Whole databases.

use crate::error::{Error, Result};
use crate::keyspace::{Effect, View};

/// DBSIZE: keys that have expired but are still there count. The view holds everything. O(stripes).
pub fn db_size(view: &View<'_>) -> usize {
    view.db_size().keys
}

/// FLUSHDB and, without a database, FLUSHALL. The view holds everything. With `background`, another thread frees what
/// was there. O(stripes x databases) then, O(keys) else.
pub fn flush(view: &mut View<'_>, db: Option<u32>, background: bool) {
    let here = view.db();
    match db {
        Some(db) => {
            if view.flush(db, background) > 0 && view.select(db).is_ok() {
                view.record_effect(|| Effect::new("FLUSHDB"));
                let _ = view.select(here);
            }
        }
        None => {
            let keys: usize = (0..view.space().databases()).map(|db| view.flush(db, background)).sum();
            if keys > 0 {
                view.record_effect(|| Effect::new("FLUSHALL"));
            }
        }
    }
}

/// SWAPDB. The view holds everything. O(stripes).
///
/// # Errors
/// [`Error::DB_INDEX`].
pub fn swap(view: &mut View<'_>, a: u32, b: u32) -> Result<()> {
    let databases = view.space().databases();
    if a >= databases || b >= databases {
        return Err(Error::DB_INDEX);
    }
    if a != b {
        view.swap(a, b);
        view.record_effect(|| Effect::new("SWAPDB").int(a).int(b));
    }
    Ok(())
}
