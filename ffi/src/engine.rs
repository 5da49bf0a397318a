//! An engine that is open: the engine itself, the servers in front of it, and who has to know that it ends.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use carnelian::command::Origin;
use carnelian::{Engine, ManualClock};
use carnelian_server::{Config, Server, directives};
use parking_lot::{Mutex, RwLock};

use crate::error::{Failure, Result};
use crate::handles::{Kind, Table};
use crate::host::ProgramHost;
use crate::options::Opening;
use crate::session::{self, Ended};
use crate::timer::{Timer, Unsynced};
use crate::{bell::Bell, fork, options};

/// All engines of this process. Nobody holds one: any number of threads may use it.
static ENGINES: Table<(), Shared> = Table::new(Kind::Engine);

/// An engine, as its sessions and servers know it.
pub(crate) struct Shared {
    /// `None` once it is closed; locked for writing only to do so.
    open: RwLock<Option<Open>>,
    pub(crate) timer: Timer,
    pub(crate) unsynced: Arc<Unsynced>,
    /// Handles of its sessions.
    sessions: Mutex<HashSet<usize>>,
}

struct Open {
    engine: Engine,
    clock: Option<ManualClock>,
    host: Arc<ProgramHost>,
    servers: Mutex<Vec<Server>>,
}

/// Opens an engine and returns its handle.
pub(crate) fn open(path: Option<&Path>, pairs: &[(&str, &str)]) -> Result<usize> {
    fork::watch();
    let host = Arc::<ProgramHost>::default();
    let Opening { options, clock } = options::read(path, pairs)?;
    let engine = Engine::open(options.host(host.clone()))?;
    insert(engine, clock, host)
}

/// Makes an engine that Rust has opened one that C has a handle of, as [`open`] does; its own host stays.
pub(crate) fn adopt(engine: Engine) -> Result<usize> {
    fork::watch();
    insert(engine, None, Arc::default())
}

fn insert(engine: Engine, clock: Option<ManualClock>, host: Arc<ProgramHost>) -> Result<usize> {
    let unsynced = Arc::<Unsynced>::default();
    let waiting = Arc::downgrade(&unsynced);
    engine.core().log().on_sync(move || {
        if let Some(waiting) = waiting.upgrade() {
            waiting.synced();
        }
    });
    let open = Open { engine, clock, host, servers: Mutex::default() };
    let shared =
        Shared { open: RwLock::new(Some(open)), timer: Timer::default(), unsynced, sessions: Mutex::default() };
    ENGINES.insert((), Arc::new(shared))
}

/// Ends an engine for all.
pub(crate) fn close(handle: usize) -> Result<()> {
    let (_, shared) = ENGINES.remove(handle, |_| ())?;
    // Whoever is opening a session or a server is done before, and nobody begins to afterwards.
    let open = shared.open.write().take();
    let Some(Open { engine, servers, host, .. }) = open else { return Ok(()) };
    host.end();
    let mut result = Ok(());
    for server in servers.into_inner() {
        result = result.and(server.stop().map_err(|e| Failure::new(format!("ERR a server has failed: {e}"))));
    }
    let sessions = std::mem::take(&mut *shared.sessions.lock());
    sessions.iter().for_each(|&session| session::announce_end(session, Ended::EngineClosed));
    for session in sessions {
        // Its owner may just have ended it.
        let _ = session::end(session, Ended::EngineClosed);
    }
    shared.timer.stop();
    result = result.and(engine.core().save_before_end(None).map_err(Failure::from));
    let closed = engine.clone().close().map_err(Failure::from);
    drop(engine);
    result.and(closed)
}

/// Serves clients; returns the port.
pub(crate) fn serve(handle: usize, place: Place<'_>) -> Result<u16> {
    with(handle, |_, open| {
        let config = match place {
            Place::Tcp(host, port) => Config::new().listen(host, port),
            Place::Unix(path) => Config::new().unix_socket(path, None),
        };
        let threads = directives::int(&open.engine.core().config, "io-threads");
        let config = config.io_threads(usize::try_from(threads).unwrap_or(0));
        let server = carnelian_server::serve(&open.engine, &config).map_err(|e| Failure::new(format!("ERR {e}")))?;
        let port = server.addresses().first().map_or(0, std::net::SocketAddr::port);
        open.host.add(server.host());
        open.servers.lock().push(server);
        Ok(port)
    })
}

/// Where a server listens.
pub(crate) enum Place<'a> {
    Tcp(&'a str, u16),
    Unix(PathBuf),
}

/// Turns the clock forward.
pub(crate) fn advance_clock(handle: usize, millis: u64) -> Result<()> {
    with(handle, |_, open| {
        let clock = open.clock.as_ref();
        let clock = clock.ok_or_else(|| Failure::new("ERR the engine was opened without manual-clock"))?;
        clock.advance(Duration::from_millis(millis));
        Ok(())
    })
}

/// Opens a session and returns its handle.
pub(crate) fn connect(handle: usize) -> Result<usize> {
    with(handle, |shared, open| {
        let bell = Arc::<Bell>::default();
        let ring = bell.clone();
        // As Redis has it for a client without a peer: clients who read MONITOR look for a colon.
        let nowhere = || "?:0".to_owned();
        let origin = Origin { addr: nowhere(), laddr: nowhere(), fd: -1, unix: false };
        let session = open.engine.session(origin, Some(Box::new(move || ring.ring()))).trusted();
        let session = session::insert(session, bell, shared.clone())?;
        shared.sessions.lock().insert(session);
        Ok(session)
    })
}

/// Does something with an engine that stays open meanwhile.
fn with<R>(handle: usize, work: impl FnOnce(&Arc<Shared>, &Open) -> Result<R>) -> Result<R> {
    let shared = ENGINES.shared(handle)?;
    let open = shared.open.read();
    let open = open.as_ref().ok_or_else(|| Failure::new("ERR the engine has been closed"))?;
    work(&shared, open)
}

impl Shared {
    /// A session has ended.
    pub(crate) fn forget(&self, session: usize) {
        self.sessions.lock().remove(&session);
    }
}
