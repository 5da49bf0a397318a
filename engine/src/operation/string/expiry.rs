//! When a key expires, as commands say it.

use crate::clock::Millis;
use crate::error::{Error, Result};

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// In some seconds (`EX`).
    Ex(i64),
    /// In some milliseconds (`PX`).
    Px(i64),
    /// At a time in seconds since 1970 (`EXAT`).
    ExAt(i64),
    /// At a time in milliseconds since 1970 (`PXAT`).
    PxAt(i64),
}

impl Expiry {
    /// The deadline, counted from `now` if it is relative; `command` is named if it is refused.
    ///
    /// # Errors
    /// [`Error::invalid_expire`] if it is not positive or too far away for a count of milliseconds.
    pub fn deadline(self, now: Millis, command: &str) -> Result<Millis> {
        let (given, scale, base) = match self {
            Self::Ex(n) => (n, 1000, now),
            Self::Px(n) => (n, 1, now),
            Self::ExAt(n) => (n, 1000, 0),
            Self::PxAt(n) => (n, 1, 0),
        };
        let at = Some(given)
            .filter(|&n| n > 0)
            .and_then(|n| n.checked_mul(scale))
            .and_then(|n| n.checked_add(i64::try_from(base).ok()?));
        at.map(i64::unsigned_abs).ok_or_else(|| Error::invalid_expire(command))
    }
}

/// What SET does about the deadline of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SetExpiry {
    /// The key has none afterwards.
    #[default]
    Clear,
    /// The key keeps the one it has (`KEEPTTL`).
    Keep,
    /// The key gets this one.
    At(Expiry),
}

/// What GETEX does about the deadline of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GetExpiry {
    /// Nothing.
    #[default]
    Keep,
    /// Takes it away (`PERSIST`).
    Persist,
    /// The key gets this one.
    At(Expiry),
}

/// What SET does about the deadline, worked out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deadline {
    None,
    Keep,
    At(Millis),
}

impl SetExpiry {
    pub(super) fn resolve(self, now: Millis, command: &str) -> Result<Deadline> {
        Ok(match self {
            Self::Clear => Deadline::None,
            Self::Keep => Deadline::Keep,
            Self::At(expiry) => Deadline::At(expiry.deadline(now, command)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_fit_or_are_refused() {
        let now = 1_700_000_000_000;
        assert_eq!(Expiry::Ex(2).deadline(now, "set"), Ok(now + 2000));
        assert_eq!(Expiry::Px(2).deadline(now, "set"), Ok(now + 2));
        assert_eq!(Expiry::ExAt(2).deadline(now, "set"), Ok(2000));
        assert_eq!(Expiry::PxAt(i64::MAX).deadline(now, "set"), Ok(i64::MAX as u64));
        let most = (i64::MAX - now as i64) / 1000;
        assert!(Expiry::Ex(most).deadline(now, "set").is_ok());
        for bad in [
            Expiry::Ex(0),
            Expiry::Ex(most + 1),
            Expiry::Ex(i64::MAX),
            Expiry::Px(i64::MAX),
            Expiry::Px(-1),
            Expiry::ExAt(i64::MAX / 1000 + 1),
            Expiry::PxAt(i64::MIN),
        ] {
            assert_eq!(bad.deadline(now, "setex"), Err(Error::invalid_expire("setex")), "{bad:?}");
        }
    }
}
