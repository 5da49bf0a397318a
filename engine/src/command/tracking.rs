//! CLIENT TRACKING: clients that keep what they have read, and are told when it is no longer so.
//!
//! A client's keys are remembered before its command looks at them, so that no change slips in between; at worst it is
//! told of one that its reply shows already. Changes come from the keyspace while their stripes are still locked: whoever
//! reads afterwards is remembered anew. While nobody tracks, changed keys are not even noted.
//!
//! Locks are taken after those of the keyspace, and before those of a client's pushes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Args, Caller, Client, Clients, Command, Context, Core, Flags};
use crate::error::{Error, Result};
use crate::keyspace::{Keyspace, Listener, Wants};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, per_thread};

/// The channel on which clients of RESP2 hear of invalid keys.
const CHANNEL: &str = "__redis__:invalidate";

per_thread! {
    /// The client whose command this thread runs, 0 for none.
    static AUTHOR: Cell<u64> = const { Cell::new(0) };
}

/// Who tracks what; tells clients of changed keys.
pub(crate) struct Tracking {
    clients: Arc<Clients>,
    /// Whether anybody tracks.
    on: AtomicBool,
    inner: Mutex<Inner>,
    /// Most keys to remember (`tracking-table-max-keys`), 0 for no limit.
    max_keys: AtomicU64,
}

#[derive(Default)]
struct Inner {
    /// Who has read a key, by the clients' ids. Of clients that are gone, ids stay until the key changes.
    keys: HashMap<Box<[u8]>, SmallVec<[u64; 2]>>,
    /// The sum of the lengths of those lists.
    items: usize,
    /// Who wants to hear of all keys with a prefix.
    prefixes: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
    /// Everybody who tracks.
    clients: BTreeSet<u64>,
}

/// Figures of client-side caching.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrackingFigures {
    /// Clients that track.
    pub clients: usize,
    /// Keys that somebody keeps.
    pub keys: usize,
    /// Pairs of such a key and a client that keeps it.
    pub items: usize,
    /// Prefixes that somebody wants to hear of.
    pub prefixes: usize,
}

/// What `CLIENT TRACKING ON` asks for.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// The client that is told instead, 0 for none.
    pub(crate) redirect: u64,
    /// As flags of a [`Client`].
    pub(crate) flags: u32,
    pub(crate) prefixes: Vec<&'a [u8]>,
}

impl Tracking {
    pub(crate) fn new(clients: Arc<Clients>) -> Self {
        Self { clients, on: AtomicBool::new(false), inner: Mutex::default(), max_keys: AtomicU64::new(0) }
    }

    /// Whether anybody tracks: what costs all others one look.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    pub(crate) fn figures(&self) -> TrackingFigures {
        let inner = self.inner.lock();
        TrackingFigures {
            clients: inner.clients.len(),
            keys: inner.keys.len(),
            items: inner.items,
            prefixes: inner.prefixes.len(),
        }
    }

    /// The prefixes of a client, in order.
    pub(crate) fn prefixes_of(&self, id: u64) -> Vec<Box<[u8]>> {
        let inner = self.inner.lock();
        inner.prefixes.iter().filter(|(_, ids)| ids.contains(&id)).map(|(prefix, _)| prefix.clone()).collect()
    }

    pub(crate) fn set_max_keys(&self, most: u64) {
        self.max_keys.store(most, Relaxed);
    }

    /// Changes who tracks, and begins to be told of changed keys with the first client and ends it with the last.
    fn change(&self, keyspace: &Keyspace, change: impl FnOnce(&mut Inner) -> Result<()>) -> Result<()> {
        let mut inner = self.inner.lock();
        change(&mut inner)?;
        let on = !inner.clients.is_empty();
        if !on {
            inner.keys.clear();
            inner.items = 0;
        }
        let turned = self.on.swap(on, Relaxed) != on;
        // Listeners are called with their lock held, and take this one.
        drop(inner);
        if turned {
            keyspace.ask_listeners();
        }
        Ok(())
    }
}

impl Caller {
    /// Tracks from now on, or otherwise than before.
    ///
    /// # Errors
    /// Redis's reasons: modes that exclude each other or what is on already, and prefixes that overlap.
    pub(crate) fn track(&mut self, core: &Core, options: &Options<'_>) -> Result<()> {
        let client = &self.client;
        let asked = |flag: u32| options.flags & flag != 0;
        if !options.prefixes.is_empty() && !asked(Client::BCAST) {
            return Err(Error::new("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        let tracks = client.has_flag(Client::TRACKING);
        let switches = |flag: u32| asked(flag) != client.has_flag(flag);
        if tracks && switches(Client::BCAST) {
            return Err(Error::new(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling \
                 it with a different mode.",
            ));
        }
        if asked(Client::BCAST) && (asked(Client::OPTIN) || asked(Client::OPTOUT)) {
            return Err(Error::new("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if asked(Client::OPTIN) && asked(Client::OPTOUT) {
            return Err(Error::new("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let other = |a: u32, b: u32| asked(a) && client.has_flag(b);
        if other(Client::OPTIN, Client::OPTOUT) || other(Client::OPTOUT, Client::OPTIN) {
            return Err(Error::new(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling \
                 it with a different mode.",
            ));
        }
        core.tracking.change(&core.keyspace, |inner| {
            check_prefixes(inner, client.id, &options.prefixes)?;
            inner.clients.insert(client.id);
            if asked(Client::BCAST) {
                let everything: &[&[u8]] = &[b""];
                let prefixes = if options.prefixes.is_empty() { everything } else { &options.prefixes };
                for &prefix in prefixes {
                    inner.prefixes.entry(prefix.into()).or_default().insert(client.id);
                }
            }
            Ok(())
        })?;
        let modes = Client::BCAST | Client::OPTIN | Client::OPTOUT | Client::NOLOOP;
        let other_flags = client.flags.load(Relaxed) & !(modes | Client::BROKEN_REDIRECT | Client::CACHING);
        client.flags.store(other_flags | Client::TRACKING | options.flags, Relaxed);
        client.redirect.store(options.redirect, Relaxed);
        Ok(())
    }

    /// Tracks no more. What was remembered of it is forgotten when it changes.
    pub(crate) fn track_nothing(&mut self, core: &Core) {
        let client = &self.client;
        if !client.has_flag(Client::TRACKING) {
            return;
        }
        client.flags.fetch_and(!Client::ALL_OF_TRACKING, Relaxed);
        client.redirect.store(0, Relaxed);
        let done = core.tracking.change(&core.keyspace, |inner| {
            inner.clients.remove(&client.id);
            inner.prefixes.retain(|_, ids| {
                ids.remove(&client.id);
                !ids.is_empty()
            });
            Ok(())
        });
        debug_assert!(done.is_ok(), "nothing refuses");
    }
}

fn check_prefixes(inner: &Inner, id: u64, prefixes: &[&[u8]]) -> Result<()> {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    let refuse = |a: &[u8], which: &str, b: &[u8]| {
        let (a, b) = (String::from_utf8_lossy(a), String::from_utf8_lossy(b));
        Err(Error::new(format!(
            "ERR Prefix '{a}' overlaps with {which} prefix '{b}'. Prefixes for a single client must not overlap."
        )))
    };
    for (i, prefix) in prefixes.iter().enumerate() {
        let own = inner.prefixes.iter().filter(|(_, ids)| ids.contains(&id)).map(|(prefix, _)| prefix);
        if let Some(other) = own.into_iter().find(|other| overlap(prefix, other)) {
            return refuse(prefix, "an existing", other);
        }
        if let Some(other) = prefixes.iter().skip(i + 1).find(|other| overlap(prefix, other)) {
            return refuse(prefix, "another provided", other);
        }
    }
    Ok(())
}

/// Before a command runs, if anybody tracks: what it is going to read is remembered, and whose command it is.
#[cold]
pub(super) fn begin(core: &Core, caller: &Caller, command: &Command, args: &Args<'_>) {
    AUTHOR.with(|author| author.set(caller.client.id));
    remember(core, caller, command, args);
}

/// Remembers what a command is going to read, if its caller tracks.
#[cold]
pub(super) fn remember(core: &Core, caller: &Caller, command: &Command, args: &Args<'_>) {
    let client = &*caller.client;
    let caching = client.has_flag(Client::CACHING);
    let skips = client.has_flag(Client::BCAST)
        || client.has_flag(Client::OPTIN) && !caching
        || client.has_flag(Client::OPTOUT) && caching;
    if !client.has_flag(Client::TRACKING) || skips || !command.flags.contains(Flags::READONLY) {
        return;
    }
    let tracking = &core.tracking;
    let mut inner = tracking.inner.lock();
    for key in args.keys() {
        let ids = inner.keys.entry(key.bytes.into()).or_default();
        if !ids.contains(&client.id) {
            ids.push(client.id);
            inner.items += 1;
        }
    }
    let most = usize::try_from(tracking.max_keys.load(Relaxed)).unwrap_or(usize::MAX);
    while most > 0 && inner.keys.len() > most {
        // No key is worth more than another: any of them goes.
        let Some(key) = inner.keys.keys().next().cloned() else { break };
        inner.invalidate(&core.clients, &key, 0);
    }
}

/// After a command that [`begin`] stood before.
#[cold]
pub(super) fn end(caller: &Caller, command: &Command) {
    AUTHOR.with(|author| author.set(0));
    // CLIENT CACHING is for the next command, or for the whole of a transaction.
    if !caller.is_queueing() && !command.full_name.starts_with("client") {
        caller.client.set_flag(Client::CACHING, false);
    }
}

impl Inner {
    /// Tells those who have read a key, but not the author of the change if it does not want to hear of its own.
    fn invalidate(&mut self, clients: &Clients, key: &[u8], author: u64) {
        let Some(ids) = self.keys.remove(key) else { return };
        self.items -= ids.len();
        for client in ids.iter().filter_map(|&id| clients.get(id)) {
            let own = client.id == author && client.has_flag(Client::NOLOOP);
            if client.has_flag(Client::TRACKING) && !client.has_flag(Client::BCAST) && !own {
                tell(clients, &client, &list_of(&[key]));
            }
        }
    }

    /// Tells those who want to hear of prefixes.
    fn broadcast(&self, clients: &Clients, keys: &[&[u8]], author: u64) {
        for (prefix, ids) in &self.prefixes {
            let changed: Vec<&[u8]> = keys.iter().filter(|key| key.starts_with(prefix)).copied().collect();
            if changed.is_empty() {
                continue;
            }
            let list = list_of(&changed);
            for client in ids.iter().filter_map(|&id| clients.get(id)) {
                if client.id != author || !client.has_flag(Client::NOLOOP) {
                    tell(clients, &client, &list);
                }
            }
        }
    }
}

/// The keys as an array of RESP.
fn list_of(keys: &[&[u8]]) -> Vec<u8> {
    let mut list = format!("*{}\r\n", keys.len()).into_bytes();
    for key in keys {
        list.extend_from_slice(format!("${}\r\n", key.len()).as_bytes());
        list.extend_from_slice(key);
        list.extend_from_slice(b"\r\n");
    }
    list
}

/// Sends a client, or the one that it redirects to, what has become invalid.
fn tell(clients: &Clients, client: &Arc<Client>, what: &[u8]) {
    let invalidate = || [b">2\r\n$10\r\ninvalidate\r\n", what].concat();
    let resp3 = |client: &Client| client.resp.load(Relaxed) > 2;
    match client.redirect.load(Relaxed) {
        0 if resp3(client) => client.push(&invalidate()),
        // RESP2 has no place for what was not asked for.
        0 => {}
        id => match clients.get(id) {
            Some(other) if resp3(&other) => other.push(&invalidate()),
            Some(other) if other.is_subscriber() => {
                let head = format!(">3\r\n$7\r\nmessage\r\n${}\r\n{CHANNEL}\r\n", CHANNEL.len());
                other.push(&[head.as_bytes(), what].concat());
            }
            Some(_) => {}
            None => {
                client.set_flag(Client::BROKEN_REDIRECT, true);
                if resp3(client) {
                    client.push(format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n").as_bytes());
                }
            }
        },
    }
}

impl Listener for Tracking {
    fn wants(&self) -> Wants {
        if self.is_on() { Wants::KEYS } else { Wants::empty() }
    }

    fn changed(&self, keys: &[Box<[u8]>]) {
        let author = AUTHOR.with(Cell::get);
        let mut inner = self.inner.lock();
        if !inner.keys.is_empty() {
            for key in keys {
                inner.invalidate(&self.clients, key, author);
            }
        }
        if !inner.prefixes.is_empty() {
            let mut keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
            keys.sort_unstable();
            keys.dedup();
            inner.broadcast(&self.clients, &keys, author);
        }
    }

    fn flushed(&self) {
        let mut inner = self.inner.lock();
        inner.keys.clear();
        inner.items = 0;
        for client in inner.clients.iter().filter_map(|&id| self.clients.get(id)) {
            let null: &[u8] = if client.resp.load(Relaxed) > 2 { b"_\r\n" } else { b"$-1\r\n" };
            tell(&self.clients, &client, null);
        }
    }
}

impl Context<'_> {
    /// The flags of the caller's tracking that are on, as `CLIENT TRACKINGINFO` names them.
    pub(super) fn tracking_flags(&self) -> Vec<&'static str> {
        let client = &self.caller.client;
        let is = |flag: u32| client.has_flag(flag);
        if !is(Client::TRACKING) {
            return vec!["off"];
        }
        let caching = is(Client::CACHING);
        let all = [
            (true, "on"),
            (is(Client::BCAST), "bcast"),
            (is(Client::OPTIN), "optin"),
            (is(Client::OPTIN) && caching, "caching-yes"),
            (is(Client::OPTOUT), "optout"),
            (is(Client::OPTOUT) && caching, "caching-no"),
            (is(Client::NOLOOP), "noloop"),
            (is(Client::BROKEN_REDIRECT), "broken_redirect"),
        ];
        all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect()
    }
}
