//! All clients of an engine: what others may know of a session, and how they reach it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Millis;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use crate::sync::{Mutex, RwLock};

/// Where a session comes from. An embedded one has no addresses.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The peer's address, `ip:port` or the path of a Unix socket.
    pub addr: String,
    /// Our end's address.
    pub laddr: String,
    /// The socket's file descriptor, -1 if there is none.
    pub fd: i32,
    /// Whether it came through a Unix socket.
    pub unix: bool,
}

/// What a client calls itself.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// `CLIENT SETNAME`.
    pub name: Vec<u8>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub lib_name: Vec<u8>,
    /// `CLIENT SETINFO LIB-VER`.
    pub lib_ver: Vec<u8>,
}

/// The public side of a session. Its own thread writes the figures, relaxed; anybody may read them.
pub struct Client {
    /// Never used twice in an engine.
    pub id: u64,
    /// Where it comes from.
    pub origin: Origin,
    /// When it came.
    pub since: Millis,
    /// When it last sent something.
    pub active: AtomicU64,
    /// The selected database.
    pub db: AtomicU32,
    /// Version of the protocol.
    pub resp: AtomicU32,
    /// Flags that change: see the constants of this type.
    pub flags: AtomicU32,
    /// Bytes of requests that wait for their end.
    pub input_bytes: AtomicUsize,
    /// Bytes of replies that wait to be sent.
    pub output_bytes: AtomicUsize,
    /// Bytes received, ever.
    pub total_in: AtomicU64,
    /// Bytes sent, ever.
    pub total_out: AtomicU64,
    /// Commands run, ever.
    pub total_commands: AtomicU64,
    /// The last command, by full name.
    pub last_command: Mutex<String>,
    /// What it calls itself.
    pub names: Mutex<Names>,
    /// Set by somebody who wants it gone; its thread ends it when woken.
    pub killed: AtomicBool,
    /// Wakes the thread that owns the session.
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Client {
    /// `CLIENT NO-EVICT on`.
    pub const NO_EVICT: u32 = 1;
    /// `CLIENT NO-TOUCH on`.
    pub const NO_TOUCH: u32 = 2;

    /// Ends the client, from any thread. Its own thread does it when it next looks.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Sets or clears a flag.
    pub fn set_flag(&self, flag: u32, on: bool) {
        if on {
            self.flags.fetch_or(flag, Relaxed)
        } else {
            self.flags.fetch_and(!flag, Relaxed)
        };
    }
}

/// Until when clients are paused, and which commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// The end of the pause in milliseconds; 0 for none.
    pub until: Millis,
    /// Only commands that may write wait.
    pub writes_only: bool,
}

/// All clients.
#[derive(Default)]
pub struct Clients {
    all: RwLock<BTreeMap<u64, Arc<Client>>>,
    last_id: AtomicU64,
    /// Clients that have come, ever.
    pub accepted: AtomicU64,
    /// Clients that were turned away, ever.
    pub rejected: AtomicU64,
    /// Read with every command, so it is an atomic of its own beside the pause.
    pausing: AtomicBool,
    pause: Mutex<Pause>,
}

impl Clients {
    /// Adds a client. `wake` makes the thread that owns its session look at it.
    pub fn add(&self, origin: Origin, now: Millis, wake: Option<Box<dyn Fn() + Send + Sync>>) -> Arc<Client> {
        let client = Arc::new(Client {
            id: self.last_id.fetch_add(1, Relaxed) + 1,
            origin,
            since: now,
            active: AtomicU64::new(now),
            db: AtomicU32::new(0),
            resp: AtomicU32::new(2),
            flags: AtomicU32::new(0),
            input_bytes: AtomicUsize::new(0),
            output_bytes: AtomicUsize::new(0),
            total_in: AtomicU64::new(0),
            total_out: AtomicU64::new(0),
            total_commands: AtomicU64::new(0),
            last_command: Mutex::new(String::new()),
            names: Mutex::default(),
            killed: AtomicBool::new(false),
            wake,
        });
        self.accepted.fetch_add(1, Relaxed);
        self.all.write().insert(client.id, client.clone());
        client
    }

    /// Forgets a client.
    pub fn remove(&self, id: u64) {
        self.all.write().remove(&id);
    }

    /// All clients, by their ids.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.all.read().values().cloned().collect()
    }

    /// The client of an id.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.all.read().get(&id).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.read().len()
    }

    /// Pauses clients, or ends the pause with the default.
    pub fn pause(&self, pause: Pause) {
        *self.pause.lock() = pause;
        self.pausing.store(pause.until > 0, Relaxed);
    }

    /// The pause that is on at `now`, if one is.
    #[inline]
    pub fn paused(&self, now: Millis) -> Option<Pause> {
        if !self.pausing.load(Relaxed) {
            return None;
        }
        let pause = *self.pause.lock();
        if pause.until > now {
            return Some(pause);
        }
        self.pausing.store(false, Relaxed);
        None
    }
}
