//! HyperLogLogs: strings that say how many different elements they have seen, roughly.

use super::string::{StringRef, change_bytes, encoding, put_raw};
use crate::error::{Error, Result};
use crate::keyspace::{Effect, Entry, Event, Key, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::hyperloglog::{self as hll, Corrupted, Encoding, Ranks};

fn invalid() -> Error {
    Error::new("WRONGTYPE Key is not a valid HyperLogLog string value.")
}

impl From<Corrupted> for Error {
    fn from(_: Corrupted) -> Self {
        Self::new("INVALIDOBJ Corrupted HLL object detected")
    }
}

/// An entry's bytes, which have to be a HyperLogLog by their header.
fn checked(entry: Entry<'_>) -> Result<&[u8]> {
    match entry.string()? {
        StringRef::Bytes(bytes) if hll::encoding(bytes).is_some() => Ok(bytes),
        StringRef::Shared(bytes) if hll::encoding(bytes).is_some() => Ok(bytes),
        _ => Err(invalid()),
    }
}

/// The HyperLogLog at a key, to be changed; and whether `OBJECT ENCODING` calls it `raw`, as it does once Redis has opened
/// it for a change.
fn open<'v>(view: &'v mut View<'_>, key: &Key<'_>) -> Result<Option<(&'v [u8], bool)>> {
    let Some(entry) = view.get_for_change(key) else { return Ok(None) };
    Ok(Some((checked(entry)?, encoding(entry) == "raw")))
}

/// Stores what a change has made of the bytes, with the deadline that the key had.
fn store(view: &mut View<'_>, key: &Key<'_>, bytes: Vec<u8>) {
    let deadline = view.peek(key).and_then(Entry::deadline);
    put_raw(view, key, bytes, deadline);
}

/// PFADD: true if the estimate may have changed, or the key was made. O(elements), and the length of a sparse one.
///
/// # Errors
/// [`Error::WRONG_TYPE`], errors of a HyperLogLog's own.
pub fn add<'a>(view: &mut View<'_>, key: &Key<'_>, elements: impl Iterator<Item = &'a [u8]> + Clone) -> Result<bool> {
    let sparse_max = view.space().settings().hll_sparse_max_bytes.load(Relaxed) as usize;
    let (old, is_raw) = match open(view, key)? {
        Some((bytes, is_raw)) => (Some(bytes), is_raw),
        None => (None, true),
    };
    let is_new = old.is_none();
    let mut sights = elements.clone().map(hll::observe);
    let changed = if let Some(bytes) = old
        && hll::encoding(bytes) == Some(Encoding::Dense)
    {
        let changed = sights.clone().any(|s| hll::rank(bytes, s.register).is_ok_and(|rank| rank < s.rank));
        if changed || !is_raw {
            change_bytes(view, key, 0, |bytes| {
                sights.for_each(|sight| {
                    hll::see_dense(bytes, sight);
                });
                if changed {
                    hll::forget_count(bytes);
                }
            });
        }
        changed
    } else {
        let mut bytes = old.map_or_else(hll::empty, <[u8]>::to_vec);
        let changed =
            sights.try_fold(is_new, |changed, s| Ok::<_, Corrupted>(hll::see(&mut bytes, s, sparse_max)? | changed))?;
        if changed {
            hll::forget_count(&mut bytes);
        }
        if changed || !is_raw {
            store(view, key, bytes);
        }
        changed
    };
    let effect = || elements.fold(Effect::new("PFADD").arg(key.bytes), Effect::arg);
    if changed {
        view.record(key, Event::string("pfadd"), effect);
    } else if !is_raw {
        view.record_effect(effect);
    }
    Ok(changed)
}

/// PFCOUNT: the estimate of how many different elements one or several HyperLogLogs have seen. That of a single one is
/// kept with it. O(1) if it was kept, else O(registers) for each.
///
/// # Errors
/// [`Error::WRONG_TYPE`], errors of a HyperLogLog's own.
pub fn count(view: &mut View<'_>, keys: &[Key<'_>]) -> Result<u64> {
    let [key] = keys else {
        let mut ranks = Ranks::default();
        for key in keys {
            if let Some(entry) = view.get(key) {
                ranks.merge(checked(entry)?)?;
            }
        }
        return Ok(ranks.count());
    };
    let Some(entry) = view.get(key) else { return Ok(0) };
    let (bytes, is_raw) = (checked(entry)?, encoding(entry) == "raw");
    let kept = hll::kept_count(bytes);
    let count = kept.map_or_else(|| hll::count(bytes), Ok)?;
    if kept.is_none() || !is_raw {
        change_bytes(view, key, 0, |bytes| hll::keep_count(bytes, count));
        view.record_effect(|| Effect::new("PFCOUNT").arg(key.bytes));
    }
    Ok(count)
}

/// PFMERGE: a HyperLogLog that has seen what it and the sources have seen. O(sources x registers).
///
/// # Errors
/// [`Error::WRONG_TYPE`], errors of a HyperLogLog's own.
pub fn merge(view: &mut View<'_>, dest: &Key<'_>, sources: &[Key<'_>]) -> Result<()> {
    let sparse_max = view.space().settings().hll_sparse_max_bytes.load(Relaxed) as usize;
    // The effect reads the sources again, so one that has expired has to be gone by then.
    for key in sources {
        view.drop_expired(key);
    }
    view.drop_expired(dest);
    let (mut ranks, mut any_dense) = (Ranks::default(), false);
    for key in std::iter::once(dest).chain(sources) {
        let Some(entry) = view.get(key) else { continue };
        let bytes = checked(entry)?;
        any_dense |= hll::encoding(bytes) == Some(Encoding::Dense);
        ranks.merge(bytes)?;
    }
    let mut bytes = match view.peek(dest) {
        Some(entry) => checked(entry)?.to_vec(),
        None => hll::empty(),
    };
    if any_dense {
        hll::make_dense(&mut bytes)?;
    }
    for sight in ranks.sights() {
        hll::see(&mut bytes, sight, sparse_max)?;
    }
    hll::forget_count(&mut bytes);
    store(view, dest, bytes);
    view.record(dest, Event::string("pfadd"), || {
        sources.iter().fold(Effect::new("PFMERGE").arg(dest.bytes), |effect, key| effect.arg(key.bytes))
    });
    Ok(())
}

/// What [`debug`] looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Debug {
    /// All registers, of a HyperLogLog that is made dense for it.
    Registers,
    /// The runs of a sparse one.
    Decode,
    /// How it is encoded.
    Encoding,
    /// Makes it dense; whether it was not.
    ToDense,
}

/// What [`debug`] has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Seen {
    Registers(Vec<u8>),
    Decode(String),
    Encoding(Encoding),
    ToDense(bool),
}

/// PFDEBUG. O(registers).
///
/// # Errors
/// [`Error::WRONG_TYPE`], errors of a HyperLogLog's own; an error if there is no such key.
pub fn debug(view: &mut View<'_>, key: &Key<'_>, what: impl FnOnce() -> Result<Debug>) -> Result<Seen> {
    let missing = || Error::new("ERR The specified key does not exist");
    let (bytes, _) = open(view, key)?.ok_or_else(missing)?;
    let what = what()?;
    let mut dense = None;
    if matches!(what, Debug::Registers | Debug::ToDense) && hll::encoding(bytes) == Some(Encoding::Sparse) {
        let mut bytes = bytes.to_vec();
        hll::make_dense(&mut bytes)?;
        dense = Some(bytes);
    }
    let seen = match what {
        Debug::Registers => Seen::Registers(Ranks::of(dense.as_deref().unwrap_or(bytes))?.all().to_vec()),
        Debug::Decode => match hll::describe(bytes) {
            Some(text) => Seen::Decode(text?),
            None => return Err(Error::new("ERR HLL encoding is not sparse")),
        },
        Debug::Encoding => Seen::Encoding(hll::encoding(bytes).ok_or_else(invalid)?),
        Debug::ToDense => Seen::ToDense(dense.is_some()),
    };
    if let Some(dense) = dense {
        store(view, key, dense);
        view.record_effect(|| Effect::new("PFDEBUG").arg("TODENSE").arg(key.bytes));
    }
    Ok(seen)
}

/// PFSELFTEST: estimates of known numbers of elements, dense and sparse, are no further off than they may be.
///
/// # Errors
/// An error that says what went wrong.
pub fn self_test() -> Result<()> {
    let failed = |what: &str| Error::new(format!("ERR TESTFAILED {what}"));
    let (mut sparse, mut dense) = (hll::empty(), hll::empty());
    hll::make_dense(&mut dense)?;
    for n in 1..=100_000u64 {
        let sight = hll::observe(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        hll::see(&mut sparse, sight, 3000)?;
        hll::see_dense(&mut dense, sight);
        if n.to_string().trim_end_matches('0') == "1" {
            let estimate = hll::count(&dense)?;
            if hll::count(&sparse)? != estimate {
                return Err(failed("dense and sparse registers disagree"));
            }
            // Four times the standard error of 1.04 / sqrt(16384), and one for the smallest.
            if estimate.abs_diff(n) as f64 > n as f64 * 0.0325 + 1.0 {
                return Err(failed(&format!("{estimate} is no estimate of {n}")));
            }
        }
    }
    Ok(())
}
