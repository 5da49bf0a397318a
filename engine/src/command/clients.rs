//! All clients of an engine: what others may know of a session, and how they reach it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Output;
use crate::clock::Millis;
use crate::keyspace::{LogPosition, WaitEnd, Waiter};
use crate::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
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
    /// Bytes that its buffers for the two take.
    pub buffer_bytes: AtomicUsize,
    /// Bytes of the commands that it has queued.
    pub queued_bytes: AtomicUsize,
    /// Bytes received, ever.
    pub total_in: AtomicU64,
    /// Bytes sent, ever.
    pub total_out: AtomicU64,
    /// Commands run, ever.
    pub total_commands: AtomicU64,
    /// The last command, by its number in the registry; see [`Registry::by_number`](super::Registry::by_number).
    pub last_command: AtomicU32,
    /// The client that is told of invalid keys in its place, 0 for none.
    pub redirect: AtomicU64,
    /// What it calls itself.
    pub(crate) names: Mutex<Names>,
    /// Set by somebody who wants it gone; its thread ends it when woken.
    pub killed: AtomicBool,
    /// How many channels, patterns and shard channels it hears.
    pub subscriptions: [AtomicU32; 3],
    /// How many commands it has queued; -1 outside of MULTI.
    pub queued: AtomicI32,
    /// How many keys it watches.
    pub watched: AtomicU32,
    /// The waits that it is blocked in, and whether each ends by itself: one, but for the client that stands for all who
    /// keep no state.
    blocked: Mutex<Vec<(Arc<Waiter>, bool)>>,
    /// Pushes, and replies that were waited for, that its own thread has yet to send, in RESP.
    pushes: Mutex<Vec<u8>>,
    /// Up to where the log has to be synced before they may be.
    pushes_position: AtomicU64,
    /// Whether there are some.
    pushed: AtomicBool,
    /// Wakes the thread that owns the session.
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Client {
    /// `CLIENT NO-EVICT on`.
    pub const NO_EVICT: u32 = 1;
    /// `CLIENT NO-TOUCH on`.
    pub const NO_TOUCH: u32 = 2;
    /// `CLIENT CAPA redirect`.
    pub const CAPA_REDIRECT: u32 = 4;
    /// `CLIENT TRACKING on`, and with what options.
    pub const TRACKING: u32 = 8;
    /// `BCAST`.
    pub const BCAST: u32 = 1 << 4;
    /// `NOLOOP`.
    pub const NOLOOP: u32 = 1 << 5;
    /// `OPTIN`.
    pub const OPTIN: u32 = 1 << 6;
    /// `OPTOUT`.
    pub const OPTOUT: u32 = 1 << 7;
    /// The client that it redirects to is gone.
    pub const BROKEN_REDIRECT: u32 = 1 << 8;
    /// `CLIENT CACHING` has been said, for the next command.
    pub const CACHING: u32 = 1 << 9;
    /// It is shown every command.
    pub const MONITOR: u32 = 1 << 10;
    /// All flags that have to do with tracking.
    pub const ALL_OF_TRACKING: u32 = 0b11_1111_1000;
    /// What [`last_command`](Self::last_command) is as long as there was none.
    pub const NO_COMMAND: u32 = u32::MAX;

    /// Ends the client, from any thread. Its own thread does it when it next looks.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.unblock(WaitEnd::Unblocked);
        self.wake();
    }

    /// Makes the thread that owns the session look at it.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Whether it waits for something.
    pub fn is_blocked(&self) -> bool {
        self.blocked.lock().iter().any(|(waiter, _)| waiter.ended().is_none())
    }

    /// How many of its waits end by themselves, when their time has come.
    pub fn timeouts(&self) -> usize {
        self.blocked.lock().iter().filter(|(waiter, timed)| *timed && waiter.ended().is_none()).count()
    }

    /// Ends its wait. False if it waits for nothing.
    pub fn unblock(&self, how: WaitEnd) -> bool {
        // Not under the lock: whoever is woken may take it.
        let waiters = self.blocked.lock().clone();
        waiters.iter().any(|(waiter, _)| waiter.unblock(how))
    }

    pub(crate) fn begin_block(&self, waiter: &Arc<Waiter>, timed: bool) {
        self.blocked.lock().push((waiter.clone(), timed));
    }

    pub(crate) fn end_block(&self, waiter: &Arc<Waiter>) {
        self.blocked.lock().retain(|(other, _)| !Arc::ptr_eq(other, waiter));
    }

    /// Adds the reply to a command that has waited, in the client's own version of the protocol. Whoever does so wakes
    /// the client.
    pub(crate) fn answer(&self, bytes: &[u8], position: LogPosition) {
        let mut pushes = self.pushes.lock();
        pushes.extend_from_slice(bytes);
        self.pushes_position.fetch_max(position, Relaxed);
        self.pushed.store(true, Relaxed);
    }

    /// Whether somebody wants it gone.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// Sends something that the client has not asked for just now: a push of RESP3, whose first byte is changed for
    /// clients that speak RESP2. Its own thread is woken to send it.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mark = if self.resp.load(Relaxed) < 3 { b'*' } else { b'>' };
        self.push_parts(&[mark], bytes.get(1..).unwrap_or_default());
    }

    /// Sends something that is the same in both versions of the protocol.
    pub(crate) fn push_raw(&self, bytes: &[u8]) {
        self.push_parts(&[], bytes);
    }

    fn push_parts(&self, mark: &[u8], bytes: &[u8]) {
        let mut pushes = self.pushes.lock();
        let first = pushes.is_empty();
        pushes.extend_from_slice(mark);
        pushes.extend_from_slice(bytes);
        self.pushed.store(true, Relaxed);
        drop(pushes);
        if first {
            self.wake();
        }
    }

    /// Whether pushes wait to be sent.
    #[inline]
    pub fn has_pushes(&self) -> bool {
        self.pushed.load(Relaxed)
    }

    /// Takes the pushes that wait. For the client's own thread.
    pub fn take_pushes(&self) -> Vec<u8> {
        let mut pushes = self.pushes.lock();
        self.pushed.store(false, Relaxed);
        std::mem::take(&mut *pushes)
    }

    /// Writes what waits to be sent. For the client's own thread.
    pub(crate) fn send_pushes(&self, output: &mut Output) {
        output.raw(&self.take_pushes());
        output.depends_on(self.pushes_position.load(Relaxed));
    }

    /// Bytes that are held on its account.
    pub fn memory(&self) -> usize {
        let names = self.names.lock().name.len();
        size_of::<Self>() + names + self.buffer_bytes.load(Relaxed) + self.queued_bytes.load(Relaxed)
    }

    /// Whether it hears channels, which puts it into another class of clients.
    pub fn is_subscriber(&self) -> bool {
        self.subscriptions.iter().any(|n| n.load(Relaxed) > 0)
    }

    /// Whether a flag is set.
    pub fn has_flag(&self, flag: u32) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    /// Counts commands and bytes. For the client's own thread, which is the only one to write these figures.
    #[inline]
    pub fn count(&self, commands: u64, bytes_in: usize, bytes_out: usize) {
        let add = |counter: &AtomicU64, n: u64| counter.store(counter.load(Relaxed) + n, Relaxed);
        add(&self.total_commands, commands);
        add(&self.total_in, bytes_in as u64);
        add(&self.total_out, bytes_out as u64);
    }

    fn totals(&self) -> Totals {
        Totals {
            commands: self.total_commands.load(Relaxed),
            bytes_in: self.total_in.load(Relaxed),
            bytes_out: self.total_out.load(Relaxed),
        }
    }

    /// The name that it has given itself.
    pub fn name(&self) -> Vec<u8> {
        self.names.lock().name.clone()
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

/// What some clients have sent and were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commands run.
    pub commands: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}

impl Totals {
    fn plus(self, other: Self) -> Self {
        Self {
            commands: self.commands + other.commands,
            bytes_in: self.bytes_in + other.bytes_in,
            bytes_out: self.bytes_out + other.bytes_out,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            commands: self.commands.saturating_sub(other.commands),
            bytes_in: self.bytes_in.saturating_sub(other.bytes_in),
            bytes_out: self.bytes_out.saturating_sub(other.bytes_out),
        }
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
    /// Totals of clients that have gone, and what all totals were at the last reset. Locked after `all`.
    gone: Mutex<(Totals, Totals)>,
    last_id: AtomicU64,
    /// Clients that have come, ever.
    pub accepted: AtomicU64,
    /// Clients that were turned away, ever.
    pub rejected: AtomicU64,
    /// Clients that had to go for the memory they took, ever.
    pub evicted: AtomicU64,
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
            buffer_bytes: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            total_in: AtomicU64::new(0),
            total_out: AtomicU64::new(0),
            total_commands: AtomicU64::new(0),
            redirect: AtomicU64::new(0),
            last_command: AtomicU32::new(Client::NO_COMMAND),
            names: Mutex::default(),
            killed: AtomicBool::new(false),
            subscriptions: Default::default(),
            queued: AtomicI32::new(-1),
            watched: AtomicU32::new(0),
            blocked: Mutex::default(),
            pushes: Mutex::default(),
            pushes_position: AtomicU64::new(0),
            pushed: AtomicBool::new(false),
            wake,
        });
        self.accepted.fetch_add(1, Relaxed);
        self.all.write().insert(client.id, client.clone());
        client
    }

    /// Forgets a client.
    pub fn remove(&self, id: u64) {
        let mut all = self.all.write();
        if let Some(client) = all.remove(&id) {
            let mut gone = self.gone.lock();
            gone.0 = gone.0.plus(client.totals());
        }
    }

    fn totals_ever(&self) -> Totals {
        let all = self.all.read();
        let gone = self.gone.lock().0;
        all.values().fold(gone, |sum, client| sum.plus(client.totals()))
    }

    /// What all clients have sent and were sent since the last reset. O(clients).
    pub fn totals(&self) -> Totals {
        let ever = self.totals_ever();
        ever.minus(self.gone.lock().1)
    }

    /// Starts all counters anew (`CONFIG RESETSTAT`).
    pub fn reset_counters(&self) {
        let ever = self.totals_ever();
        self.gone.lock().1 = ever;
        self.accepted.store(0, Relaxed);
        self.rejected.store(0, Relaxed);
        self.evicted.store(0, Relaxed);
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

    /// Ends the clients that take most memory, until all together take no more than `limit` bytes. Those with
    /// [`NO_EVICT`](Client::NO_EVICT) stay, and count for nothing, as those do that are about to end. Returns those that
    /// had to go. O(clients).
    pub fn evict(&self, limit: usize) -> Vec<Arc<Client>> {
        let counts = |client: &&Arc<Client>| !client.is_killed() && !client.has_flag(Client::NO_EVICT);
        let all = self.all.read();
        let mut sum: usize = all.values().filter(counts).map(|client| client.memory()).sum();
        if sum <= limit {
            return Vec::new();
        }
        let mut clients: Vec<(usize, Arc<Client>)> =
            all.values().filter(counts).map(|client| (client.memory(), client.clone())).collect();
        drop(all);
        clients.sort_unstable_by_key(|c| c.0);
        let mut gone = Vec::new();
        while sum > limit
            && let Some((memory, client)) = clients.pop()
        {
            sum = sum.saturating_sub(memory);
            self.evicted.fetch_add(1, Relaxed);
            client.kill();
            gone.push(client);
        }
        gone
    }

    /// Pauses clients. If they are paused already, the later end and the stricter kind hold.
    pub fn pause(&self, pause: Pause, now: Millis) {
        let mut current = self.pause.lock();
        *current = if current.until > now {
            Pause { until: current.until.max(pause.until), writes_only: current.writes_only && pause.writes_only }
        } else {
            pause
        };
        self.pausing.store(current.until > now, Relaxed);
    }

    /// Ends the pause.
    pub fn unpause(&self) {
        *self.pause.lock() = Pause::default();
        self.pausing.store(false, Relaxed);
    }

    /// The pause that is on at `now`, if one is.
    #[inline]
    pub fn paused(&self, now: Millis) -> Option<Pause> {
        if !self.pausing.load(Relaxed) {
            return None;
        }
        let pause = *self.pause.lock();
        // Whoever pauses next sets the mark again; that it stays until then costs a look at the lock.
        (pause.until > now).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_outlive_the_clients_and_a_reset_starts_them_anew() {
        let clients = Clients::default();
        let (a, b) = (clients.add(Origin::default(), 0, None), clients.add(Origin::default(), 0, None));
        a.count(3, 30, 300);
        b.count(1, 10, 100);
        clients.remove(a.id);
        clients.remove(a.id);
        assert_eq!(clients.totals(), Totals { commands: 4, bytes_in: 40, bytes_out: 400 });
        clients.reset_counters();
        b.count(2, 2, 2);
        clients.remove(b.id);
        assert_eq!(clients.totals(), Totals { commands: 2, bytes_in: 2, bytes_out: 2 });
    }

    #[test]
    fn the_largest_clients_are_evicted_until_the_rest_fits() {
        let clients = Clients::default();
        let all: Vec<_> = (0..5).map(|_| clients.add(Origin::default(), 0, None)).collect();
        for (client, bytes) in all.iter().zip([10_000, 50_000, 90_000, 0, 30_000]) {
            client.buffer_bytes.store(bytes, Relaxed);
        }
        all[2].set_flag(Client::NO_EVICT, true);
        all[3].queued_bytes.store(40_000, Relaxed);
        assert_eq!(clients.evict(200_000).len(), 0);
        let gone: Vec<u64> = clients.evict(50_000).iter().map(|c| c.id).collect();
        assert_eq!(gone, [all[1].id, all[3].id]);
        assert!(all[1].is_killed() && !all[2].is_killed() && !all[4].is_killed());
        assert_eq!(clients.evict(50_000).len(), 0, "those that are about to go do not count");
        assert_eq!(clients.evicted.load(Relaxed), 2);
    }

    #[test]
    fn the_longer_and_stricter_pause_holds() {
        let clients = Clients::default();
        assert_eq!(clients.paused(0), None);
        clients.pause(Pause { until: 100, writes_only: true }, 0);
        clients.pause(Pause { until: 50, writes_only: false }, 0);
        assert_eq!(clients.paused(99), Some(Pause { until: 100, writes_only: false }));
        assert_eq!(clients.paused(100), None);
        clients.pause(Pause { until: 150, writes_only: true }, 100);
        assert_eq!(clients.paused(100), Some(Pause { until: 150, writes_only: true }));
        clients.unpause();
        assert_eq!(clients.paused(100), None);
    }
}
