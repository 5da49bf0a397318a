//! A value between two keys: taken from one, about to be put under another.

use super::entry::{Entry, NewValue, ValueRef};
use crate::clock::Millis;
use crate::value::Value;

/// What a key held, with its deadline and its access clock.
#[derive(Debug)]
pub struct Taken {
    content: Content,
    deadline: Option<Millis>,
    clock: u32,
}

#[derive(Debug)]
enum Content {
    /// What lies inside of an entry cannot leave it but as a copy.
    Bytes {
        bytes: Vec<u8>,
        raw: bool,
    },
    Int(i64),
    Owned(Value),
}

impl Taken {
    /// A copy of an entry whose value lies in place; `None` if the value has an allocation of its own.
    pub(super) fn copied(entry: Entry<'_>) -> Option<Self> {
        let content = match entry.value() {
            ValueRef::Inline(bytes) => Content::Bytes { bytes: bytes.to_vec(), raw: entry.is_raw() },
            ValueRef::Int(n) => Content::Int(n),
            _ => return None,
        };
        Some(Self { content, deadline: entry.deadline(), clock: entry.clock() })
    }

    /// A value with an allocation of its own.
    pub(super) fn moved(value: Value, deadline: Option<Millis>, clock: u32) -> Self {
        Self { content: Content::Owned(value), deadline, clock }
    }

    /// When it expires, if ever.
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    pub(super) fn clock(&self) -> u32 {
        self.clock
    }

    /// Gives the value up.
    pub(super) fn with_value<R>(self, put: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self.content {
            Content::Bytes { bytes, raw } => put(NewValue::Bytes { bytes: &bytes, raw }),
            Content::Int(n) => put(NewValue::Int(n)),
            Content::Owned(value) => put(NewValue::Owned(value)),
        }
    }
}
