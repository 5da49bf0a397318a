//! The logs of commands that were slow, had a large request or made a large reply.

use std::collections::VecDeque;

use super::{Args, Caller};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Arguments beyond this many are only counted.
const MAX_ARGS: usize = 32;
/// Bytes of an argument beyond this many are only counted.
const MAX_ARG_BYTES: usize = 128;

/// A command that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Never used twice in a log, not even after a reset.
    pub id: u64,
    /// Seconds since 1970.
    pub time: u64,
    /// Microseconds or bytes.
    pub value: u64,
    /// Name and arguments, shortened.
    pub argv: Vec<Vec<u8>>,
    /// The caller's address.
    pub addr: String,
    /// What the caller calls itself.
    pub name: Vec<u8>,
}

/// A log of limited length.
#[derive(Debug, Default)]
pub struct CommandLog {
    threshold: AtomicI64,
    max_len: AtomicU64,
    last_id: AtomicU64,
    entries: Mutex<VecDeque<LogEntry>>,
}

impl CommandLog {
    /// What has to be exceeded or reached to be noted; everything with 0, nothing if negative.
    pub fn set_threshold(&self, threshold: i64) {
        self.threshold.store(threshold, Relaxed);
    }

    /// How many entries are kept.
    pub fn set_max_len(&self, len: u64) {
        self.max_len.store(len, Relaxed);
    }

    /// The threshold, beyond all values if the log is off.
    fn limit(&self) -> u64 {
        u64::try_from(self.threshold.load(Relaxed)).unwrap_or(u64::MAX)
    }

    /// The newest entries first.
    pub fn newest(&self, count: usize) -> Vec<LogEntry> {
        self.entries.lock().iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries.
    pub fn reset(&self) {
        self.entries.lock().clear();
    }

    fn push(&self, now: u64, value: u64, caller: &Caller, args: &Args<'_>) {
        let max_len = usize::try_from(self.max_len.load(Relaxed)).unwrap_or(usize::MAX);
        let entry = LogEntry {
            id: self.last_id.fetch_add(1, Relaxed),
            time: now / 1000,
            value,
            argv: shortened(&redacted(args)),
            addr: caller.client.origin.addr.clone(),
            name: caller.client.names.lock().name.clone(),
        };
        let mut entries = self.entries.lock();
        entries.push_front(entry);
        entries.truncate(max_len);
    }
}

/// The three logs.
#[derive(Debug, Default)]
pub struct CommandLogs {
    /// By duration, in microseconds.
    pub slow: CommandLog,
    /// By the request's bytes.
    pub large_request: CommandLog,
    /// By the reply's bytes.
    pub large_reply: CommandLog,
}

/// What was measured of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How long it took.
    pub nanos: u64,
    /// Bytes of the request.
    pub request: usize,
    /// Bytes of the reply.
    pub reply: usize,
}

impl Measured {
    /// Whether any figure reaches that of `limits`: then somebody wants to note the call.
    #[inline]
    pub fn reaches(&self, limits: &Measured) -> bool {
        self.nanos >= limits.nanos || self.request >= limits.request || self.reply >= limits.reply
    }
}

impl CommandLogs {
    /// From which figures on calls have to be noted. Looked up once for a batch.
    pub fn limits(&self) -> Measured {
        let bytes = |log: &CommandLog| usize::try_from(log.limit()).unwrap_or(usize::MAX);
        Measured {
            nanos: self.slow.limit().saturating_mul(1000),
            request: bytes(&self.large_request),
            reply: bytes(&self.large_reply),
        }
    }

    /// Notes a call wherever its figures ask for it.
    pub fn note(&self, now: u64, measured: Measured, caller: &Caller, args: &Args<'_>) {
        let limits = self.limits();
        if measured.nanos >= limits.nanos {
            self.slow.push(now, measured.nanos / 1000, caller, args);
        }
        if measured.request >= limits.request {
            self.large_request.push(now, measured.request as u64, caller, args);
        }
        if measured.reply >= limits.reply {
            self.large_reply.push(now, measured.reply as u64, caller, args);
        }
    }
}

/// The arguments, with what must stay secret taken out.
pub(super) fn redacted<'a>(args: &Args<'a>) -> Vec<&'a [u8]> {
    let mut argv = args.all().to_vec();
    let is = |i: usize, word: &str| args.is(i, word);
    let secret: Vec<usize> = if is(0, "auth") {
        (1..argv.len()).collect()
    } else if is(0, "hello") {
        (2..argv.len()).find(|&i| is(i, "auth")).map_or_else(Vec::new, |i| vec![i + 1, i + 2])
    } else if is(0, "migrate") {
        secrets_of_migrate(args)
    } else if is(0, "config") && is(1, "set") {
        let names = (2..argv.len()).step_by(2);
        names
            .filter(|&i| ["requirepass", "masterauth", "primaryauth"].iter().any(|s| is(i, s)))
            .map(|i| i + 1)
            .collect()
    } else {
        Vec::new()
    };
    for i in secret {
        if let Some(arg) = argv.get_mut(i) {
            *arg = b"(redacted)";
        }
    }
    argv
}

fn secrets_of_migrate(args: &Args<'_>) -> Vec<usize> {
    let (mut secret, mut i) = (Vec::new(), 6);
    while i < args.len() && !args.is(i, "keys") {
        let words = if args.is(i, "auth") { 1 } else { 2 * usize::from(args.is(i, "auth2")) };
        secret.extend(i + 1..=i + words);
        i += 1 + words;
    }
    secret
}

fn shortened(argv: &[&[u8]]) -> Vec<Vec<u8>> {
    let kept = if argv.len() > MAX_ARGS { MAX_ARGS - 1 } else { argv.len() };
    let mut short: Vec<Vec<u8>> = argv.iter().take(kept).map(|arg| shortened_arg(arg)).collect();
    if kept < argv.len() {
        short.push(format!("... ({} more arguments)", argv.len() - kept).into_bytes());
    }
    short
}

fn shortened_arg(arg: &[u8]) -> Vec<u8> {
    let Some((kept, rest)) = arg.split_at_checked(MAX_ARG_BYTES).filter(|(_, rest)| !rest.is_empty()) else {
        return arg.to_vec();
    };
    [kept, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::KeyHasher;

    fn redact(argv: &[&str]) -> Vec<String> {
        let hasher = KeyHasher::seeded(1);
        let argv: Vec<&[u8]> = argv.iter().map(|a| a.as_bytes()).collect();
        let args = Args::new(&argv, &[], &[], &hasher);
        redacted(&args).iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect()
    }

    #[test]
    fn secrets_are_not_noted() {
        assert_eq!(redact(&["AUTH", "u", "p"]), ["AUTH", "(redacted)", "(redacted)"]);
        let hello = ["HELLO", "3", "AUTH", "u", "p", "SETNAME", "n"];
        assert_eq!(redact(&hello), ["HELLO", "3", "AUTH", "(redacted)", "(redacted)", "SETNAME", "n"]);
        let set = ["CONFIG", "SET", "hz", "1", "requirepass", "p"];
        assert_eq!(redact(&set), ["CONFIG", "SET", "hz", "1", "requirepass", "(redacted)"]);
        assert_eq!(redact(&["GET", "auth"]), ["GET", "auth"]);
        let migrate = ["MIGRATE", "h", "1", "", "0", "9", "COPY", "AUTH2", "auth", "p", "KEYS", "auth", "k"];
        let shown = [&migrate[..8], &["(redacted)"; 2], &migrate[10..]].concat();
        assert_eq!(redact(&migrate), shown);
    }

    #[test]
    fn long_commands_are_shortened() {
        let long = [b'x'; 130];
        let argv: Vec<&[u8]> = std::iter::once(&long[..]).chain([&b"a"[..]; 40]).collect();
        let short = shortened(&argv);
        assert_eq!(short.len(), 32);
        assert_eq!(short[0], [&[b'x'; 128][..], b"... (2 more bytes)"].concat());
        assert_eq!(short[31], b"... (10 more arguments)");
        assert_eq!(shortened(&[&b"a"[..]; 32]), vec![b"a".to_vec(); 32]);
        assert_eq!(shortened_arg(&[b'y'; 128]), vec![b'y'; 128]);
    }

    #[test]
    fn a_log_that_is_off_is_beyond_every_figure() {
        let logs = CommandLogs::default();
        logs.slow.set_threshold(-1);
        logs.large_request.set_threshold(-1);
        logs.large_reply.set_threshold(100);
        let limits = logs.limits();
        assert!(!Measured { nanos: u64::MAX - 1, request: 1 << 40, reply: 99 }.reaches(&limits));
        assert!(Measured { reply: 100, ..Measured::default() }.reaches(&limits));
    }
}
