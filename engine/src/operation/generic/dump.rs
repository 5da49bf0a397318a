//! DUMP and RESTORE: a value as RDB writes it, to be put into another engine or back into this one.

use super::delete;
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Event, Key, NewValue, Settings, View};
use crate::operation::{hash, list, set, sorted_set, string};
use crate::rdb::{self, Dialect, Format, Limits, Loaded, Reader};
use crate::sync::atomic::Ordering::Relaxed;

/// How RESTORE puts a value back.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    /// In place of what the key holds.
    pub replace: bool,
    /// When it expires, in milliseconds since 1970.
    pub deadline: Option<u64>,
    /// Seconds since it was last used, if the policy looks at that.
    pub idle: Option<u64>,
    /// Its access frequency, if the policy looks at that.
    pub frequency: Option<u8>,
}

/// How values are written, by the settings.
pub fn format(settings: &Settings) -> Format {
    Format {
        version: if settings.rdb_version.load(Relaxed) == 10 { 10 } else { 11 },
        dialect: if settings.rdb_for_valkey.load(Relaxed) { Dialect::Valkey } else { Dialect::Redis },
        compress: settings.rdb_compression.load(Relaxed),
    }
}

/// Up to where values are small, by the settings.
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        list: list::limits(settings),
        set: set::limits(settings),
        hash: hash::limits(settings),
        sorted_set: sorted_set::limits(settings),
    }
}

/// DUMP: the payload of a key's value. O(length).
pub fn dump(view: &View<'_>, key: &Key<'_>) -> Option<Vec<u8>> {
    let format = format(view.space().settings());
    view.get(key).map(|entry| rdb::seal(entry.value(), format))
}

/// RESTORE: gives a key the value of a payload. Nothing is changed unless all of the payload is right. O(length).
///
/// # Errors
/// `BUSYKEY` if the key is there and not to be replaced, and Redis's words for payloads that are not what they should be.
pub fn restore(view: &mut View<'_>, key: &Key<'_>, payload: &[u8], options: &RestoreOptions) -> Result<()> {
    view.drop_expired(key);
    check_free(view, key, options.replace)?;
    let bad_format = || Error::new("ERR Bad data format");
    let (kind, body) = rdb::open(payload).map_err(|_| Error::new("ERR DUMP payload version or checksum are wrong"))?;
    let mut reader = Reader::new(body);
    let loaded = rdb::load(kind, &mut reader, &limits(view.space().settings())).map_err(|damaged| {
        tracing::debug!("RESTORE refused: no {} at byte {} of the value", damaged.what, damaged.at);
        bad_format()
    })?;
    let loaded = loaded.filter(|_| reader.left() == 0).ok_or_else(bad_format)?;
    let now = view.now();
    if options.deadline.is_some_and(|at| at <= now) {
        // It would be gone at once, and so is what it was to replace.
        delete(view, key);
        return Ok(());
    }
    view.remove(key);
    match loaded {
        Loaded::String(text) => view.put(key, string::encode(&text), options.deadline),
        Loaded::Value(value) => view.put(key, NewValue::Owned(value), options.deadline),
    }
    if let Some(entry) = view.peek(key) {
        view.set_usage(entry, options.idle, options.frequency);
    }
    view.record(key, Event::generic("restore"), || {
        let effect = Effect::new("RESTORE").arg(key.bytes).int(options.deadline.unwrap_or(0)).arg(payload);
        effect.arg("ABSTTL").arg("REPLACE")
    });
    Ok(())
}

/// Refuses a key that is taken.
///
/// # Errors
/// `BUSYKEY`.
pub fn check_free(view: &View<'_>, key: &Key<'_>, replace: bool) -> Result<()> {
    if !replace && view.peek(key).is_some() {
        return Err(Error::new("BUSYKEY Target key name already exists."));
    }
    Ok(())
}
