//! MIGRATE: keys that move to another server.
//!
//! The stripes of the keys are held from the look at them to their deletion, so that nobody sees a key change on the
//! way; other keys go on. A key is deleted only once the other side has acknowledged it.

use std::io;
use std::time::Duration;

use super::super::peers::{Address, Answer, Peer, is_timeout};
use super::super::{Args, Categories, Context, Flags, KeyFlags, KeySpec, Reply, Run, Spec};
use super::{MOVED, command};
use crate::command::spec::{Begin, Find};
use crate::error::{Error, Result};
use crate::keyspace::{Access, Key, View};
use crate::operation::generic;
use crate::rdb;

pub(super) const MIGRATE: Spec = command("migrate", -6, Run::Context(&migrate))
    .flags(Flags::WRITE)
    .categories(Categories::DANGEROUS.union(Categories::KEYSPACE))
    .keys(&[
        KeySpec::at(3, MOVED),
        KeySpec {
            flags: MOVED.union(KeyFlags::INCOMPLETE),
            begin: Begin::Keyword("KEYS", -2),
            find: Find::Range { last: -1, step: 1, limit: 0 },
        },
    ])
    .find_keys(key_range)
    .tips(&["nondeterministic_output"])
    .docs(
        "2.6.0",
        "Moves keys to another server.",
        "O(N) for N bytes of the values, and what RESTORE costs there",
        "host port <key | \"\"> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS \
         key [key ...]]",
    );

/// A timeout that makes no sense is this one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Bytes from which commands are sent without waiting for more of them.
const TOGETHER: usize = 64 * 1024;

/// Which arguments are keys: what stands behind `KEYS`, where that is an option, and otherwise the one. Both are none:
/// the call will be refused.
fn key_range(argv: &[&[u8]]) -> (usize, usize) {
    let is = |i: usize, word: &str| argv.get(i).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    let mut i = 6;
    while i < argv.len() {
        match () {
            () if is(i, "keys") && argv.get(3).is_some_and(|key| key.is_empty()) => return (i + 1, argv.len()),
            () if is(i, "keys") => return (0, 0),
            () if is(i, "auth") => i += 2,
            () if is(i, "auth2") => i += 3,
            () => i += 1,
        }
    }
    (3, 4)
}

/// What is wanted.
struct Request<'a> {
    address: Address,
    db: i64,
    timeout: Duration,
    copy: bool,
    replace: bool,
    /// The arguments of AUTH.
    auth: Option<&'a [&'a [u8]]>,
}

impl<'a> Request<'a> {
    fn parse(args: &Args<'a>) -> Result<Self> {
        let (mut copy, mut replace, mut auth) = (false, false, None);
        let mut i = 6;
        while i < args.len() {
            let more = args.len() - 1 - i;
            if args.is(i, "copy") {
                copy = true;
            } else if args.is(i, "replace") {
                replace = true;
            } else if args.is(i, "auth") && more >= 1 {
                auth = args.all().get(i + 1..i + 2);
                i += 1;
            } else if args.is(i, "auth2") && more >= 2 {
                auth = args.all().get(i + 1..i + 3);
                i += 2;
            } else if args.is(i, "keys") {
                if !args.get(3).is_empty() {
                    return Err(Error::new(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                break;
            } else {
                return Err(Error::SYNTAX);
            }
            i += 1;
        }
        let timeout = u64::try_from(args.int(5)?).ok().filter(|&ms| ms > 0).map(Duration::from_millis);
        Ok(Self {
            address: (args.get(1).to_vec(), args.get(2).to_vec()),
            db: args.int(4)?,
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            copy,
            replace,
            auth,
        })
    }
}

fn migrate(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let request = Request::parse(args)?;
    // A connection that was kept may have been closed meanwhile: the first failure is worth another try.
    let mut may_retry = true;
    loop {
        match attempt(context, &request, args)? {
            Attempt::NoKey => reply.simple("NOKEY"),
            Attempt::Over(result) => {
                result?;
                reply.ok();
            }
            Attempt::Broken(Broken { may_retry: true, .. }) if may_retry => {
                may_retry = false;
                continue;
            }
            Attempt::Broken(Broken { writing, .. }) => {
                return Err(broken(if writing { "writing" } else { "reading" }));
            }
        }
        return Ok(());
    }
}

/// What came of it.
enum Attempt {
    NoKey,
    /// The other side has answered.
    Over(Result<()>),
    Broken(Broken),
}

/// Connects, and then locks the keys and moves those that are there. Connecting takes as long as it takes, and needs no
/// lock.
fn attempt(context: &mut Context<'_>, request: &Request<'_>, args: &Args<'_>) -> Result<Attempt> {
    let (core, hashes) = (context.core, args.keys().map(|key| key.hash));
    let is_there = context.on_keys(Access::Read, hashes.clone(), |view| {
        let is_there = args.keys().any(|key| view.peek(&key).is_some());
        // Keys that are there are counted when they are moved.
        Ok(is_there || args.keys().any(|key| view.get(&key).is_some()))
    })?;
    if !is_there {
        return Ok(Attempt::NoKey);
    }
    let mut peer = match core.peers.take(&request.address) {
        Some(peer) => peer,
        None => connect(request)?,
    };
    let mut is_usable = true;
    let attempt = context.on_keys(Access::Write, hashes, |view| {
        let keys: Vec<Key<'_>> = args.keys().filter(|key| view.get(key).is_some()).collect();
        if keys.is_empty() {
            return Ok(Attempt::NoKey);
        }
        Ok(match (Move { request, keys: &keys, view }).over(&mut peer) {
            Ok((result, usable)) => {
                is_usable = usable;
                peer.db = result.is_ok().then_some(request.db);
                Attempt::Over(result)
            }
            Err(broken) => {
                is_usable = false;
                Attempt::Broken(broken)
            }
        })
    })?;
    if is_usable {
        core.peers.keep(request.address.clone(), peer, &core.background);
    }
    Ok(attempt)
}

fn connect(request: &Request<'_>) -> Result<Peer> {
    Peer::connect(&request.address, request.timeout).map_err(|e| match e.kind() {
        // Redis hears of that only when it writes.
        io::ErrorKind::ConnectionRefused => broken("writing"),
        _ => Error::new("IOERR error or timeout connecting to the client"),
    })
}

/// Keys on their way.
struct Move<'m, 'v> {
    request: &'m Request<'m>,
    keys: &'m [Key<'m>],
    view: &'m mut View<'v>,
}

/// Why a connection is of no more use.
struct Broken {
    /// While sending, instead of waiting for an answer.
    writing: bool,
    /// Nothing was acknowledged, and it was not time that had run out.
    may_retry: bool,
}

impl Broken {
    fn new(writing: bool, acknowledged: bool, error: &io::Error) -> Self {
        Self { writing, may_retry: !acknowledged && !is_timeout(error) }
    }
}

impl Move<'_, '_> {
    /// Sends everything, and then looks what became of it. Also says whether the connection is of any more use.
    fn over(&mut self, peer: &mut Peer) -> std::result::Result<(Result<()>, bool), Broken> {
        let Request { timeout, db, .. } = *self.request;
        let mut out = Vec::new();
        let mut answers_before = 0;
        if let Some(words) = self.request.auth {
            write(&mut out, &[&[&b"AUTH"[..]], words].concat());
            answers_before += 1;
        }
        if peer.db != Some(db) {
            write(&mut out, &[b"SELECT", db.to_string().as_bytes()]);
            answers_before += 1;
        }
        let mut sent = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            if self.restore(key, &mut out) {
                sent.push(*key);
            }
            // Not all at the end, so that there is hardly more than one payload in memory.
            if out.len() >= TOGETHER {
                peer.send(&out, timeout).map_err(|e| Broken::new(true, false, &e))?;
                out.clear();
            }
        }
        peer.send(&out, timeout).map_err(|e| Broken::new(true, false, &e))?;
        let mut refusal = None;
        for _ in 0..answers_before {
            let answer = peer.answer(timeout).map_err(|e| Broken::new(false, false, &e))?;
            refusal = refusal.or(failure(answer));
        }
        self.acknowledged(peer, &sent, refusal)
    }

    /// Reads the answers, and deletes what has arrived.
    fn acknowledged(
        &mut self,
        peer: &mut Peer,
        sent: &[Key<'_>],
        mut refusal: Option<Error>,
    ) -> std::result::Result<(Result<()>, bool), Broken> {
        // With the wrong user or database, what was taken there is not where it should be.
        let in_place = refusal.is_none();
        for (i, key) in sent.iter().enumerate() {
            match peer.answer(self.request.timeout) {
                Ok(Answer::Done) if in_place => {
                    if !self.request.copy {
                        generic::delete(self.view, key);
                    }
                }
                Ok(answer) => refusal = refusal.or(failure(answer)),
                // What the other side has said first is worth more than how it then fell silent.
                Err(e) => match refusal {
                    Some(refusal) => return Ok((Err(refusal), false)),
                    None => return Err(Broken::new(false, i > 0, &e)),
                },
            }
        }
        Ok((refusal.map_or(Ok(()), Err), true))
    }

    /// The command that makes a key there; false if its time has come.
    fn restore(&self, key: &Key<'_>, out: &mut Vec<u8>) -> bool {
        let Some(entry) = self.view.peek(key) else { return false };
        let ttl = match entry.deadline() {
            None => 0,
            Some(at) => match at.checked_sub(self.view.space().clock().millis()) {
                None => return false,
                Some(left) => left.max(1),
            },
        };
        let payload = rdb::seal(entry.value(), generic::format(self.view.space().settings()));
        let ttl = ttl.to_string();
        let words: [&[u8]; 5] = [b"RESTORE", key.bytes, ttl.as_bytes(), &payload, b"REPLACE"];
        write(out, if self.request.replace { &words } else { &words[..4] });
        true
    }
}

fn broken(at_what: &str) -> Error {
    Error::new(format!("IOERR error or timeout {at_what} to target instance"))
}

fn failure(answer: Answer) -> Option<Error> {
    match answer {
        Answer::Done => None,
        Answer::Failed(text) => Some(Error::quoting("ERR Target instance replied with error: ", &text, "")),
    }
}

/// Adds a command as it goes over the wire.
fn write(out: &mut Vec<u8>, words: &[&[u8]]) {
    let mut buffer = itoa::Buffer::new();
    let mut head = |out: &mut Vec<u8>, mark: u8, n: usize| {
        out.push(mark);
        out.extend_from_slice(buffer.format(n).as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    head(out, b'*', words.len());
    for word in words {
        head(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
