//! XRANGE, XREVRANGE, XREAD and XREADGROUP.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::{parse, reply_entry, reply_id};
use crate::clock::Millis;
use crate::command::{Args, Begun, Block, Reply, blocking};
use crate::error::{Error, Result};
use crate::keyspace::{Key, View, Wanted};
use crate::operation::stream::{self, ReadFrom, Reader};
use crate::value::stream::StreamId;

pub(super) fn xrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    range(view, args, reply, false)
}

pub(super) fn xrevrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    range(view, args, reply, true)
}

fn range(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, backwards: bool) -> Result<()> {
    let (first, last) = if backwards { (3, 2) } else { (2, 3) };
    let (start, end) = (parse::start(args.get(first))?, parse::end(args.get(last))?);
    let mut count = None;
    let mut i = 4;
    while i < args.len() {
        if !args.is(i, "COUNT") || i + 1 == args.len() {
            return Err(Error::SYNTAX);
        }
        count = Some(args.int(i + 1)?.max(0));
        i += 2;
    }
    let Some(entries) = stream::range(view, &args.key(1), start, end, backwards)? else {
        reply.array(0);
        return Ok(());
    };
    // Asking for none is answered with no list at all.
    if count == Some(0) {
        reply.null_array();
        return Ok(());
    }
    let most = count.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let begun = reply.begin_array();
    let mut given = 0;
    for entry in entries.take(most) {
        reply_entry(reply, &entry);
        given += 1;
    }
    reply.end(&begun, given);
    Ok(())
}

/// The options of XREAD and XREADGROUP, and where the keys are.
struct Options<'a> {
    count: u64,
    /// For how long to wait, if it may; see [`blocking::millis`].
    block: Option<Option<Duration>>,
    reader: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
    /// The first key.
    first: usize,
    /// How many there are, and as many ids behind them.
    streams: usize,
}

fn options<'a>(args: &Args<'a>, for_group: bool, now: Millis) -> Result<Options<'a>> {
    let only_group = |option: &str| match for_group {
        true => Ok(()),
        false => {
            let text = format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.");
            Err(Error::new(text))
        }
    };
    let mut options = Options { count: u64::MAX, block: None, reader: None, no_ack: false, first: 0, streams: 0 };
    let mut i = 1;
    while i < args.len() {
        let more = args.len() - i - 1;
        if args.is(i, "BLOCK") && more > 0 {
            options.block = Some(blocking::millis(args.get(i + 1), now)?);
            i += 2;
        } else if args.is(i, "COUNT") && more > 0 {
            let count = u64::try_from(args.int(i + 1)?).unwrap_or(0);
            options.count = if count == 0 { u64::MAX } else { count };
            i += 2;
        } else if args.is(i, "STREAMS") && more > 0 {
            if more % 2 == 1 {
                // Redis says this of both commands.
                let what = "for each stream key an ID or '$' must be specified.";
                return Err(Error::new(format!("ERR Unbalanced XREAD list of streams: {what}")));
            }
            (options.first, options.streams) = (i + 1, more / 2);
            break;
        } else if args.is(i, "GROUP") && more >= 2 {
            only_group("GROUP")?;
            options.reader = Some((args.get(i + 1), args.get(i + 2)));
            i += 3;
        } else if args.is(i, "NOACK") {
            only_group("NOACK")?;
            options.no_ack = true;
            i += 1;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    if options.streams == 0 {
        return Err(Error::SYNTAX);
    }
    Ok(options)
}

/// The reply of XREAD and XREADGROUP: a map of keys to lists of entries, pairs in RESP2; nothing if there are none.
struct Served {
    all: Option<Begun>,
    streams: usize,
    one: Option<Begun>,
    entries: usize,
}

impl Served {
    const fn new() -> Self {
        Self { all: None, streams: 0, one: None, entries: 0 }
    }

    /// Begins the list of a key, if it has not begun.
    fn begin(&mut self, reply: &mut Reply<'_>, key: &[u8]) {
        if self.one.is_some() {
            return;
        }
        let is_resp3 = reply.is_resp3();
        self.all.get_or_insert_with(|| if is_resp3 { reply.begin_map() } else { reply.begin_array() });
        if !is_resp3 {
            reply.array(2);
        }
        reply.bulk(key);
        self.one = Some(reply.begin_array());
        (self.entries, self.streams) = (0, self.streams + 1);
    }

    /// Ends the list of a key, if it has begun.
    fn end(&mut self, reply: &mut Reply<'_>) {
        if let Some(begun) = self.one.take() {
            reply.end(&begun, self.entries);
        }
    }

    /// Ends the reply. If there was nothing to give and the caller wants to wait, how long.
    fn finish_or_wait(self, block: Option<Option<Duration>>, reply: &mut Reply<'_>) -> Option<Option<Duration>> {
        if self.finish(reply) {
            return None;
        }
        if block.is_none() {
            reply.null_array();
        }
        block
    }

    /// Whether there was anything to give.
    fn finish(self, reply: &mut Reply<'_>) -> bool {
        let Some(begun) = self.all else { return false };
        reply.end(&begun, self.streams);
        true
    }
}

pub(super) fn xread<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let options = options(args, false, view.now())?;
    let (first, streams) = (options.first, options.streams);
    let mut starts = SmallVec::<[StreamId; 8]>::new();
    for i in first..first + streams {
        let key = args.key(i);
        let from = match args.get(i + streams) {
            b"$" => Ok(ReadFrom::End),
            b"+" => Ok(ReadFrom::LastEntry),
            b">" => Err(Error::new(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            )),
            text => parse::id(text).map(ReadFrom::After),
        };
        // The type is judged before the id; that of a single stream when it is read.
        starts.push(match from {
            Ok(ReadFrom::After(id)) if streams == 1 => id,
            Ok(from) => stream::find_start(view, &key, from)?,
            Err(error) => stream::find_start(view, &key, ReadFrom::End).and(Err(error))?,
        });
    }
    let most = usize::try_from(options.count).unwrap_or(usize::MAX);
    let mut served = Served::new();
    for (i, &start) in (first..).zip(&starts) {
        read_one(view, &args.key(i), start, most, &mut served, reply)?;
    }
    let Some(timeout) = served.finish_or_wait(options.block, reply) else { return Ok(None) };
    let keys = (first..first + streams).map(|i| args.key(i));
    let starts: Starts = keys.clone().zip(starts).map(|(key, start)| (Box::from(key.bytes), start)).collect();
    let starts = Arc::new(starts);
    let start_of = |starts: &Starts, key: &Key<'_>| starts.iter().find(|(k, _)| **k == *key.bytes).map(|(_, id)| *id);
    let known = starts.clone();
    let serve = move |view: &mut View<'_>, key: &Key<'_>, reply: &mut Reply<'_>| {
        let mut served = Served::new();
        read_one(view, key, start_of(&known, key).unwrap_or_default(), most, &mut served, reply)?;
        served.finish(reply);
        Ok(())
    };
    let is_ready = move |view: &View<'_>, key: &Key<'_>| {
        let start = start_of(&starts, key).unwrap_or_default();
        stream::has_after(view, key, start)
    };
    Ok(Some(Block::new(Wanted::Stream, keys, timeout, serve).ready_if(is_ready)))
}

/// Keys with the ids behind which they are read.
type Starts = SmallVec<[(Box<[u8]>, StreamId); 1]>;

fn read_one(
    view: &View<'_>,
    key: &Key<'_>,
    start: StreamId,
    most: usize,
    served: &mut Served,
    reply: &mut Reply<'_>,
) -> Result<()> {
    for entry in stream::read_after(view, key, start)?.into_iter().flatten().take(most) {
        served.begin(reply, key.bytes);
        reply_entry(reply, &entry);
        served.entries += 1;
    }
    served.end(reply);
    Ok(())
}

pub(super) fn xreadgroup<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let options = options(args, true, view.now())?;
    let (group, consumer) = options.reader.ok_or_else(|| Error::new("ERR Missing GROUP option for XREADGROUP"))?;
    let (first, streams) = (options.first, options.streams);
    let mut starts = SmallVec::<[StreamId; 8]>::new();
    for i in first..first + streams {
        let start = match args.get(i + streams) {
            b">" => Ok(StreamId::MAX),
            mark @ (b"$" | b"+") => Err(meaningless(mark)),
            text => parse::id(text),
        };
        // A single one will be checked when it is read for new entries.
        if streams > 1 || start != Ok(StreamId::MAX) {
            stream::check_reader(view, &args.key(i), group)?;
        }
        starts.push(start?);
    }
    let reader = Reader { group, consumer, count: options.count, no_ack: options.no_ack };
    let mut served = Served::new();
    for (i, start) in (first..).zip(starts) {
        let key = args.key(i);
        // The last id that there can be stands for new entries too, as in Redis.
        if start == StreamId::MAX {
            read_new(view, &key, &reader, &mut served, reply)?;
        } else {
            served.begin(reply, key.bytes);
            stream::read_history(view, &key, &reader, start, |id, entry| {
                match entry {
                    Some(entry) => reply_entry(reply, entry),
                    None => {
                        reply.array(2);
                        reply_id(reply, id);
                        reply.null_array();
                    }
                }
                served.entries += 1;
            })?;
        }
        served.end(reply);
    }
    let Some(timeout) = served.finish_or_wait(options.block, reply) else { return Ok(None) };
    // History is always answered, so all keys are read for new entries.
    let keys = (first..first + streams).map(|i| args.key(i));
    let (group, consumer): (Box<[u8]>, Box<[u8]>) = (group.into(), consumer.into());
    let (wanted, count, no_ack) = (group.clone(), options.count, options.no_ack);
    let serve = move |view: &mut View<'_>, key: &Key<'_>, reply: &mut Reply<'_>| {
        if !stream::peek(view, key).is_ok_and(|stream| stream.is_some()) {
            return Err(Error::new("UNBLOCKED the stream key no longer exists"));
        }
        let reader = Reader { group: &group, consumer: &consumer, count, no_ack };
        let gone = |_| Error::new("NOGROUP the consumer group this client was blocked on no longer exists");
        stream::check_reader(view, key, &group).map_err(gone)?;
        let mut served = Served::new();
        read_new(view, key, &reader, &mut served, reply)?;
        served.end(reply);
        served.finish(reply);
        Ok(())
    };
    let is_ready = move |view: &View<'_>, key: &Key<'_>| stream::has_new(view, key, &wanted).unwrap_or(true);
    Ok(Some(Block::new(Wanted::Stream, keys, timeout, serve).ready_if(is_ready).on_loss()))
}

fn read_new(
    view: &mut View<'_>,
    key: &Key<'_>,
    reader: &Reader<'_>,
    served: &mut Served,
    reply: &mut Reply<'_>,
) -> Result<()> {
    stream::read_new(view, key, reader, |entry| {
        served.begin(reply, key.bytes);
        reply_entry(reply, entry);
        served.entries += 1;
    })?;
    Ok(())
}

fn meaningless(mark: &[u8]) -> Error {
    let mark = String::from_utf8_lossy(mark);
    Error::new(format!(
        "ERR The {mark} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
         specifying a proper ID, or use the > ID to get new messages. The {mark} ID would just return an empty result set."
    ))
}
