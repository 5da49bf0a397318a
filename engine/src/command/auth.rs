//! Who may come in: one user so far, `default`, with the password of `requirepass` or with none.

use crate::sync::RwLock;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The name of the only user.
pub const DEFAULT_USER: &str = "default";

/// The password that callers have to give.
#[derive(Default)]
pub struct Auth {
    required: AtomicBool,
    password: RwLock<Vec<u8>>,
}

impl Auth {
    /// Demands a password from sessions that have not given one yet; an empty one demands nothing.
    pub fn require(&self, password: &[u8]) {
        let mut current = self.password.write();
        current.clear();
        current.extend_from_slice(password);
        self.required.store(!password.is_empty(), Relaxed);
    }

    /// Whether a password is demanded.
    pub fn is_required(&self) -> bool {
        self.required.load(Relaxed)
    }

    /// Whether a user is who they say. Without a demand any password will do.
    pub fn accepts(&self, user: &[u8], password: &[u8]) -> bool {
        if user != DEFAULT_USER.as_bytes() {
            return false;
        }
        let wanted = self.password.read();
        wanted.is_empty() || same(&wanted, password)
    }
}

/// Compares without telling by its time where the first difference is.
fn same(wanted: &[u8], given: &[u8]) -> bool {
    let mut difference = wanted.len() ^ given.len();
    for (i, byte) in given.iter().enumerate() {
        // An empty password is never wanted here, so the index is in range.
        let other = wanted.get(i % wanted.len().max(1)).copied().unwrap_or_default();
        difference |= usize::from(byte ^ other);
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_opens() {
        let auth = Auth::default();
        assert!(!auth.is_required());
        assert!(auth.accepts(b"default", b"anything"));
        assert!(!auth.accepts(b"other", b"anything"));
        auth.require(b"secret");
        assert!(auth.is_required());
        assert!(auth.accepts(b"default", b"secret"));
        for wrong in [&b""[..], b"secre", b"secretx", b"secretsecret", b"Secret", b"s\0cret"] {
            assert!(!auth.accepts(b"default", wrong), "{}", wrong.escape_ascii());
        }
        auth.require(b"");
        assert!(!auth.is_required());
    }
}
