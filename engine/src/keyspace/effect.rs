//! Effects and events: what a change leaves for the log, the replicas and those who watch.

use crate::codec::resp;

/// A change as a deterministic command: replaying the effects in order gives the same keyspace.
///
/// `SET k v PXAT ms` instead of `SETEX k 10 v`, `DEL k` for an expired key, and so on. It is kept as it goes into the
/// log, encoded once.
#[derive(Clone, PartialEq, Eq)]
pub struct Effect {
    /// The database that the command applies to.
    pub db: u32,
    /// How many arguments there are, the name included.
    len: usize,
    /// The arguments as RESP has them, each a length and bytes.
    encoded: Vec<u8>,
}

impl Effect {
    /// An effect with a command's name; the view puts in the database.
    #[inline]
    pub fn new(name: &str) -> Self {
        // Most effects are short: one allocation is enough for them.
        Self { db: 0, len: 0, encoded: Vec::with_capacity(160) }.arg(name)
    }

    /// Adds an argument.
    // In line, so that the effect is put together where it is.
    #[inline]
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.push(arg.as_ref());
        self
    }

    fn push(&mut self, arg: &[u8]) {
        resp::push_bulk(&mut self.encoded, arg);
        self.len += 1;
    }

    /// Adds a number as an argument.
    #[must_use]
    pub fn int(self, n: impl itoa::Integer) -> Self {
        self.arg(itoa::Buffer::new().format(n))
    }

    /// Appends the command to `out` as a request in RESP.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        resp::push_header(out, b'*', self.len);
        out.extend_from_slice(&self.encoded);
    }

    /// Name and arguments. O(length).
    pub fn argv(&self) -> Vec<&[u8]> {
        let mut rest = &self.encoded[..];
        let next = || {
            let line = rest.iter().position(|&b| b == b'\n')?;
            let len = std::str::from_utf8(rest.get(1..line - 1)?).ok()?.parse::<usize>().ok()?;
            let arg = rest.get(line + 1..line + 1 + len)?;
            rest = rest.get(line + 3 + len..)?;
            Some(arg)
        };
        std::iter::from_fn(next).collect()
    }
}

impl std::fmt::Debug for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self.argv().into_iter().map(String::from_utf8_lossy).collect();
        f.debug_struct("Effect").field("db", &self.db).field("argv", &words).finish()
    }
}

/// The class of a keyspace event, by its letter in `notify-keyspace-events`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are Redis's own")]
pub enum EventClass {
    Generic = b'g',
    String = b'$',
    List = b'l',
    Set = b's',
    Hash = b'h',
    SortedSet = b'z',
    Stream = b't',
    Expired = b'x',
    Evicted = b'e',
    KeyMiss = b'm',
    New = b'n',
}

/// Something that happened to a key, as keyspace notifications name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The class that listeners choose by.
    pub class: EventClass,
    /// The name of the event: `set`, `expire`, `del`, ...
    pub name: &'static str,
}

impl Event {
    /// An event of the generic class.
    pub const fn generic(name: &'static str) -> Self {
        Self { class: EventClass::Generic, name }
    }

    /// An event of a class.
    pub const fn new(class: EventClass, name: &'static str) -> Self {
        Self { class, name }
    }

    /// An event of the string class.
    pub const fn string(name: &'static str) -> Self {
        Self { class: EventClass::String, name }
    }
}

/// A position in the log: all effects before it have been appended. 0 before the first.
pub type LogPosition = u64;

bitflags::bitflags! {
    /// What a listener wants to hear of.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Wants: u8 {
        /// Changes, as commands that make them again.
        const EFFECTS = 1;
        /// What has happened to keys, but for the events of the classes below.
        const EVENTS = 1 << 1;
        /// The names of keys that are not what they were.
        const KEYS = 1 << 2;
        /// Events of keys that were read and are not there ([`EventClass::KeyMiss`]).
        const MISSES = 1 << 3;
        /// Events of keys that were not there before ([`EventClass::New`]).
        const NEW = 1 << 4;
        /// Nothing, but readers are to be told up to which position of the log what they see rests on it.
        const POSITIONS = 1 << 5;
    }
}

/// Somebody who wants to hear of every change, in the order in which they happened.
///
/// Called while the changed stripes are still locked, so it must be quick and must not call the engine.
pub trait Listener: Send + Sync {
    /// What it wants to hear of. The rest is not put together on its account, but may come all the same. Asked when it
    /// begins to listen, and by [`ask_listeners`](super::Keyspace::ask_listeners).
    fn wants(&self) -> Wants {
        Wants::EFFECTS | Wants::EVENTS | Wants::KEYS
    }
    /// Takes the effects of one command and returns the position after them.
    fn effects(&self, _effects: &[Effect]) -> LogPosition {
        0
    }
    /// Has everything that it has taken brought to the disk at once, and says up to which position that is; `None` if it
    /// keeps nothing.
    fn hurry(&self) -> Option<LogPosition> {
        None
    }
    /// Takes the names of keys that one command has changed, in the order in which it did. A name may come twice.
    fn changed(&self, _keys: &[Box<[u8]>]) {}
    /// Hears that all keys of some database are gone.
    fn flushed(&self) {}
    /// Takes an event.
    fn event(&self, _db: u32, _event: Event, _key: &[u8]) {}
}
