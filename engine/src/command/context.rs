//! What a command can see beside the keyspace: its caller, and the engine's core.

use std::io;
use std::sync::{Arc, OnceLock};

use super::blocking::Blocked;
use super::directory::Directory;
use super::host::Embedded;
use super::loading::Loading;
use super::monitor::Monitors;
use super::notify::Notifier;
use super::peers::Peers;
use super::persistence::Saves;
#[cfg(feature = "lua")]
use super::scripting::Scripts;
use super::tracking::{Tracking, TrackingFigures};
use super::transactions::Transaction;
use super::{
    AppendLog, Auth, Channels, Client, Clients, CommandLogs, EngineStats, Host, LatencyMonitor, Origin, Rates,
    Registry, Reply, Subscriptions,
};
use crate::aof::StoreKind;
use crate::background::Background;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::keyspace::{Access, DbSize, Keyspace, Listener, LogPosition, Reads, View, Walk};
use crate::sync::Mutex;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sys;

/// What all sessions of an engine share.
pub struct Core {
    /// The thread that looks after the keys. First, so that it has ended when the rest goes.
    #[allow(dead_code, reason = "held for its end")]
    pub(crate) background: Background,
    /// The keys.
    pub keyspace: Arc<Keyspace>,
    /// The commands.
    pub registry: Registry,
    /// The directives.
    pub config: Arc<Config>,
    /// The sessions.
    pub clients: Arc<Clients>,
    /// Who hears what is published.
    pub channels: Arc<Channels>,
    /// What is published of events.
    pub(crate) notifier: Arc<Notifier>,
    /// Who keeps what they have read.
    pub(crate) tracking: Arc<Tracking>,
    /// Who is shown commands.
    pub(crate) monitors: Monitors,
    /// What is known of the file.
    pub(crate) saves: Saves,
    /// The append-only log.
    pub(crate) aof: Arc<AppendLog>,
    /// What is known while keys are read.
    pub(crate) loading: Loading,
    /// The directory of its files.
    pub(crate) directory: Arc<Directory>,
    /// What segments of the log are kept in, if that is not for a directive to say.
    pub(crate) log_store: OnceLock<StoreKind>,
    /// Connections to other servers.
    pub(crate) peers: Peers,
    /// Scripts and functions.
    #[cfg(feature = "lua")]
    pub(crate) scripts: Arc<Scripts>,
    /// Who may come in.
    pub auth: Auth,
    /// Commands that were slow or large.
    pub logs: CommandLogs,
    /// Events that took long.
    pub latency: LatencyMonitor,
    /// Figures of the whole.
    pub stats: Arc<EngineStats>,
    /// Which run of the engine this is.
    pub run: RunId,
    host: OnceLock<Arc<dyn Host>>,
    embedded: OnceLock<Arc<Client>>,
}

/// Which run of the engine this is, and since when.
#[derive(Debug)]
pub struct RunId {
    /// 40 hexadecimal digits.
    pub id: String,
    /// When the engine was opened, in milliseconds.
    pub since: u64,
    /// The id of the replication history.
    pub(crate) replication: Mutex<String>,
}

impl RunId {
    fn new(since: u64) -> Self {
        Self { id: sys::random_hex(20), since, replication: Mutex::new(sys::random_hex(20)) }
    }
}

impl Core {
    /// Puts a core together, and starts its thread.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn new(keyspace: Arc<Keyspace>, registry: Registry, config: Config) -> io::Result<Self> {
        let run = RunId::new(keyspace.clock().millis());
        let config = Arc::new(config);
        let directory = Arc::new(Directory::new(config.clone()));
        let saves = Saves::new(keyspace.clone(), config.clone(), directory.clone(), run.since);
        #[cfg(feature = "lua")]
        let scripts = Arc::<Scripts>::default();
        #[cfg(feature = "lua")]
        saves.with_functions({
            let scripts = scripts.clone();
            move || scripts.library_sources()
        });
        let (clients, stats) = (Arc::<Clients>::default(), Arc::<EngineStats>::default());
        let aof = Arc::new(AppendLog::new(&keyspace, saves.share()));
        let background = {
            // Not the core itself: that waits for the thread's end.
            let (space, clients, stats, aof) = (keyspace.clone(), clients.clone(), stats.clone(), aof.clone());
            let saves = saves.share();
            Background::start(keyspace.clone(), move || {
                sample(&space, &clients, &stats);
                saves.tick();
                aof.tick(&space);
            })?
        };
        let channels = Arc::<Channels>::default();
        let (notifier, tracking) =
            (Arc::new(Notifier::new(channels.clone())), Arc::new(Tracking::new(clients.clone())));
        // They want nothing until somebody asks for it.
        for listener in [aof.log.clone() as Arc<dyn Listener>, notifier.clone(), tracking.clone()] {
            keyspace.listen(listener).map_err(io::Error::other)?;
        }
        Ok(Self {
            background,
            keyspace,
            registry,
            config,
            clients,
            channels,
            notifier,
            tracking,
            monitors: Monitors::default(),
            saves,
            aof,
            loading: Loading::default(),
            directory,
            log_store: OnceLock::new(),
            peers: Peers::default(),
            #[cfg(feature = "lua")]
            scripts,
            auth: Auth::default(),
            logs: CommandLogs::default(),
            latency: LatencyMonitor::default(),
            stats,
            run,
            host: OnceLock::new(),
            embedded: OnceLock::new(),
        })
    }

    /// Says what the program around the engine offers. Only the first call counts; false for any other.
    pub fn set_host(&self, host: Arc<dyn Host>) -> bool {
        self.host.set(host).is_ok()
    }

    /// The program around the engine.
    pub fn host(&self) -> &dyn Host {
        self.host.get().map_or(&Embedded, |h| &**h)
    }

    /// Returns when the log is on the disk up to a position that something rests on which the caller is about to see.
    ///
    /// # Errors
    /// What is wrong with the disk.
    #[inline]
    pub(crate) fn settle(&self, position: LogPosition) -> Result<()> {
        if position == 0 { Ok(()) } else { self.aof.log.wait(position).map_err(Error::disk) }
    }

    /// Whether scripts hold all keys. If they hold only those that they declare, whoever has others goes on.
    #[cold]
    pub(crate) fn is_held_whole(&self) -> bool {
        #[cfg(feature = "lua")]
        return !self.scripts.keys_are_declared();
        #[cfg(not(feature = "lua"))]
        true
    }

    /// What is told to whoever cannot be served because somebody holds the keys for long.
    #[cold]
    pub(crate) fn busy(&self) -> Error {
        #[cfg(feature = "lua")]
        if let Some(error) = self.scripts.busy() {
            return error;
        }
        Error::BUSY
    }

    /// Why nothing may be changed, if that is so: it could not be kept.
    #[inline]
    pub(crate) fn refuses_writes(&self) -> Option<Error> {
        if self.saves.refuses_writes() { Some(Error::MISCONFIGURED) } else { self.aof.refusal() }
    }

    /// Refuses to change anything that could not be kept.
    ///
    /// # Errors
    /// What is wrong.
    #[inline]
    pub(crate) fn may_change(&self) -> Result<()> {
        self.refuses_writes().map_or(Ok(()), Err)
    }

    /// The client that stands for all callers in this process who keep no state.
    pub(crate) fn embedded(&self) -> &Arc<Client> {
        self.embedded.get_or_init(|| self.clients.add(Origin::default(), self.keyspace.clock().millis(), None))
    }

    /// Looks at the figures that change with time, rates and the most memory in use, as the engine's thread does with
    /// each of its ticks.
    pub fn sample(&self) -> Rates {
        sample(&self.keyspace, &self.clients, &self.stats)
    }

    /// How many clients keep what they have read, and how much.
    pub fn tracking_figures(&self) -> TrackingFigures {
        self.tracking.figures()
    }

    /// Starts all statistics anew (`CONFIG RESETSTAT`).
    pub fn reset_stats(&self) {
        self.keyspace.reset_counters();
        self.clients.reset_counters();
        self.stats.reset();
        self.registry.all_and_sub().for_each(|command| command.stats.reset());
    }
}

fn sample(keyspace: &Keyspace, clients: &Clients, stats: &EngineStats) -> Rates {
    stats.note_memory(keyspace.used_bytes() as u64);
    stats.sample(keyspace.clock().millis(), clients.totals())
}

/// Which replies a client wants to have (`CLIENT REPLY`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    /// All of them.
    #[default]
    On,
    /// None.
    Off,
    /// Not this one and not the next.
    SkipNext,
    /// Not this one.
    Skip,
}

/// Who calls: the state of a session that commands read and change.
pub struct Caller {
    /// What others may know of the session.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: u32,
    /// Whether it speaks RESP3.
    pub resp3: bool,
    /// Whether it has given a password, or needs none.
    pub authenticated: bool,
    /// Whether it is in this process, and needs no password for an engine of its own.
    pub(crate) trusted: bool,
    /// Whether it is in this process, gets replies as trees and nothing that it has not asked for just now.
    pub(crate) in_process: bool,
    /// Whether it runs the commands of a log again: nothing is refused, nothing has expired.
    pub(crate) replays: bool,
    /// Which replies it wants.
    pub reply_mode: ReplyMode,
    /// Reads leave access clocks alone.
    pub no_touch: bool,
    /// The connection ends when the reply is out.
    pub close: bool,
    /// What it hears, if it has ever subscribed.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// What it waits for, if it does.
    pub(crate) blocked: Option<Box<Blocked>>,
    /// What it has queued and watches, if it does.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// Look-ups of its last commands, not yet among the keyspace's figures.
    pub(crate) reads: Reads,
}

impl Caller {
    /// A caller that has just come.
    pub fn new(core: &Core, client: Arc<Client>) -> Self {
        Self {
            client,
            db: 0,
            resp3: false,
            authenticated: !core.auth.is_required(),
            trusted: false,
            in_process: false,
            replays: false,
            reply_mode: ReplyMode::On,
            no_touch: false,
            close: false,
            subscriptions: None,
            blocked: None,
            transaction: None,
            reads: Reads::default(),
        }
    }

    /// A caller in this process who gets replies as trees.
    pub(crate) fn in_process(core: &Core, client: Arc<Client>) -> Self {
        let mut new = Self { resp3: true, in_process: true, ..Self::new(core, client) };
        new.trust();
        new
    }

    /// Makes it one that needs no password.
    pub(crate) fn trust(&mut self) {
        (self.authenticated, self.trusted) = (true, true);
    }

    /// A caller that runs the commands of a log again.
    pub(crate) fn replaying(core: &Core, client: Arc<Client>) -> Self {
        Self { replays: true, ..Self::in_process(core, client) }
    }

    /// Refuses what would send messages to a caller who never looks for them.
    pub(crate) fn must_hear(&self) -> Result<()> {
        if self.in_process {
            Err(Error::new("ERR a caller in the same process gets no messages here; see Engine::subscribe"))
        } else {
            Ok(())
        }
    }

    /// Forgets what it hears, has queued, watches and tracks: what others hold on its account.
    pub(crate) fn let_go(&mut self, core: &Core) {
        self.hear_nothing(core);
        self.end_transaction(core);
        self.track_nothing(core);
        self.monitor_nothing(core);
    }

    /// Hands the look-ups over: after a command, or after several of a kind.
    pub(crate) fn count_reads(&mut self, core: &Core) {
        core.keyspace.count_reads(self.client.id, std::mem::take(&mut self.reads));
    }

    /// Selects a database; the caller has checked that it exists.
    pub fn select(&mut self, db: u32) {
        self.db = db;
        self.client.db.store(db, Relaxed);
    }

    /// Chooses the version of the protocol.
    pub fn speak(&mut self, resp3: bool) {
        self.resp3 = resp3;
        self.client.resp.store(if resp3 { 3 } else { 2 }, Relaxed);
    }

    /// Makes reads leave access clocks alone, or not.
    pub fn set_no_touch(&mut self, on: bool) {
        self.no_touch = on;
        self.client.set_flag(Client::NO_TOUCH, on);
    }
}

/// A command's surroundings.
pub struct Context<'a> {
    /// What all sessions share.
    pub core: &'a Core,
    /// Who calls.
    pub caller: &'a mut Caller,
    /// The time of the batch that the command came in, in milliseconds.
    pub now: u64,
    /// The log position that the reply rests on.
    pub position: LogPosition,
    /// The view of the transaction that the command is part of: the thread cannot open another one.
    pub held: Option<&'a mut dyn Holding>,
}

/// A view that somebody holds, whatever it borrows from.
pub trait Holding {
    /// Runs `f` on the view.
    fn on(&mut self, f: &mut dyn FnMut(&mut View<'_>));
}

impl Holding for View<'_> {
    fn on(&mut self, f: &mut dyn FnMut(&mut View<'_>)) {
        f(self);
    }
}

impl Context<'_> {
    /// Runs `f` on a view of one key's stripe.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_key<R>(&mut self, access: Access, hash: u64, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        if self.held.is_some() {
            return self.on_held(f);
        }
        self.run(View::one(&self.core.keyspace, self.caller.db, self.now, access, hash)?, f)
    }

    /// Runs `f` on a view of the stripes of some keys.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_keys<R>(
        &mut self,
        access: Access,
        hashes: impl Iterator<Item = u64> + Clone,
        f: impl FnOnce(&mut View<'_>) -> Result<R>,
    ) -> Result<R> {
        if self.held.is_some() {
            return self.on_held(f);
        }
        self.run(View::of(&self.core.keyspace, self.caller.db, self.now, access, hashes)?, f)
    }

    /// Runs `f` on a view of everything.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_everything<R>(&mut self, access: Access, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        if self.held.is_some() {
            return self.on_held(f);
        }
        self.run(View::all(&self.core.keyspace, self.caller.db, self.now, access)?, f)
    }

    /// Runs `f` on a walk through the caller's database. What it finds may rest on all that has been logged until then.
    ///
    /// # Errors
    /// What `f` returns.
    pub fn on_walk<R>(&mut self, f: impl FnOnce(&Walk<'_, '_>) -> Result<R>) -> Result<R> {
        if self.held.is_some() {
            return self.on_held(|view| f(&Walk::Held(view)));
        }
        let result = f(&Walk::Free { space: &self.core.keyspace, db: self.caller.db, now: self.now });
        self.position = self.position.max(self.core.log().visible());
        result
    }

    /// The databases that have held a key, with their sizes, in order. O(stripes x databases).
    pub fn db_sizes(&mut self) -> Vec<(u32, DbSize)> {
        if self.held.is_none() {
            return self.core.keyspace.db_sizes();
        }
        let databases = self.core.keyspace.databases();
        let sizes = self.on_held(|view| {
            let mut sizes = Vec::new();
            for db in 0..databases {
                view.select(db)?;
                sizes.push((db, view.db_size()));
            }
            Ok(sizes)
        });
        sizes.unwrap_or_default().into_iter().filter(|(_, size)| size.keys > 0).collect()
    }

    fn on_held<R>(&mut self, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        let db = self.caller.db;
        let (mut f, mut result) = (Some(f), Err(Error::REENTERED));
        if let Some(held) = &mut self.held {
            held.on(&mut |view| {
                if let Some(f) = f.take() {
                    result = view.select(db).and_then(|_| f(view));
                }
            });
        }
        result
    }

    fn run<R>(&mut self, mut view: View<'_>, f: impl FnOnce(&mut View<'_>) -> Result<R>) -> Result<R> {
        if self.caller.no_touch {
            view.no_touch();
        }
        let result = f(&mut view);
        self.position = self.position.max(view.close());
        result
    }
}

impl Reply<'_> {
    /// Takes over the version that the caller has chosen in the meantime.
    pub fn follow(&mut self, caller: &Caller) {
        self.set_resp3(caller.resp3);
    }
}
