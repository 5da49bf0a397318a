//! XCLAIM, XAUTOCLAIM and XPENDING.

use std::ops::Bound;

use super::{parse, reply_entry, reply_id};
use crate::codec::num;
use crate::command::{Args, Reply};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::stream::{self, AutoClaim, DeliveredAt, XClaimOptions};
use crate::value::stream::{Group, Stream, StreamId};

/// The most that XAUTOCLAIM may be asked for: ten times as many are looked at, and each has an id.
const MAX_COUNT: i64 = i64::MAX / 16;

/// A number, or an error that says which.
fn number(text: &[u8], what: &str) -> Result<i64> {
    num::parse_i64(text).ok_or_else(|| Error::new(format!("ERR Invalid {what}")))
}

fn min_idle(text: &[u8], command: &str) -> Result<u64> {
    let idle = number(text, &format!("min-idle-time argument for {command}"))?;
    Ok(u64::try_from(idle).unwrap_or(0))
}

pub(super) fn xclaim(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (key, group) = (args.key(1), args.get(2));
    // That there is a group is judged before the other arguments.
    stream::group(view, &key, group)?;
    let min_idle = min_idle(args.get(4), "XCLAIM")?;
    let ids = args.from(5).iter().map_while(|word| parse::id(word).ok()).collect::<Vec<StreamId>>();
    let (options, just_id) = claim_options(args, 5 + ids.len())?;
    let begun = reply.begin_array();
    let mut claimed = 0;
    stream::claim(view, &key, group, args.get(3), min_idle, &ids, &options, |entry| {
        match just_id {
            true => reply_id(reply, entry.id),
            false => reply_entry(reply, entry),
        }
        claimed += 1;
    })?;
    reply.end(&begun, claimed);
    Ok(())
}

fn claim_options(args: &Args<'_>, from: usize) -> Result<(XClaimOptions, bool)> {
    let (mut options, mut just_id) = (XClaimOptions::new(), false);
    let mut i = from;
    while i < args.len() {
        let has_more = i + 1 < args.len();
        let option = |name: &str| number(args.get(i + 1), &format!("{name} option argument for XCLAIM"));
        if args.is(i, "FORCE") {
            options = options.force();
        } else if args.is(i, "JUSTID") {
            (options, just_id) = (options.just_id(), true);
        } else if args.is(i, "IDLE") && has_more {
            options = options.delivered(DeliveredAt::Idle(option("IDLE")?));
            i += 1;
        } else if args.is(i, "TIME") && has_more {
            options = options.delivered(DeliveredAt::Time(option("TIME")?));
            i += 1;
        } else if args.is(i, "RETRYCOUNT") && has_more {
            // A negative one is none.
            if let Ok(count) = u64::try_from(option("RETRYCOUNT")?) {
                options = options.retry_count(count);
            }
            i += 1;
        } else if args.is(i, "LASTID") && has_more {
            options = options.last_id(parse::id(args.get(i + 1))?);
            i += 1;
        } else {
            return Err(Error::quoting("ERR Unrecognized XCLAIM option '", args.get(i), "'"));
        }
        i += 1;
    }
    Ok((options, just_id))
}

pub(super) fn xautoclaim(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let min_idle = min_idle(args.get(4), "XAUTOCLAIM")?;
    let start = parse::start(args.get(5))?;
    let (mut count, mut just_id) = (100, false);
    let mut i = 6;
    while i < args.len() {
        if args.is(i, "COUNT") && i + 1 < args.len() {
            let n = num::parse_i64(args.get(i + 1)).filter(|n| (1..=MAX_COUNT).contains(n));
            count = n.ok_or_else(|| Error::new("ERR COUNT must be > 0"))?.unsigned_abs();
            i += 2;
        } else if args.is(i, "JUSTID") {
            just_id = true;
            i += 1;
        } else {
            return Err(Error::SYNTAX);
        }
    }
    let (key, group) = (args.key(1), args.get(2));
    stream::group(view, &key, group)?;
    let options = AutoClaim { group, consumer: args.get(3), min_idle, start, count, just_id };
    let done = stream::auto_claim(view, &key, &options)?;
    let entries = stream::peek(view, &key)?.map(Stream::entries);
    reply.array(3);
    reply_id(reply, done.next);
    reply.array(done.claimed.len());
    for id in done.claimed {
        match entries.and_then(|entries| entries.get(id)).filter(|_| !just_id) {
            Some(entry) => reply_entry(reply, &entry),
            None => reply_id(reply, id),
        }
    }
    reply.array(done.gone.len());
    for id in done.gone {
        reply_id(reply, id);
    }
    Ok(())
}

/// What XPENDING is asked for beyond a summary.
struct Wanted<'a> {
    min_idle: u64,
    start: StreamId,
    end: StreamId,
    count: u64,
    consumer: Option<&'a [u8]>,
}

pub(super) fn xpending(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let wanted = match args.len() {
        3 => None,
        6..=9 => Some(wanted(args)?),
        _ => return Err(Error::SYNTAX),
    };
    let now = view.now();
    let (_, group) = stream::group(view, &args.key(1), args.get(2))?;
    match wanted {
        None => summary(group, reply),
        Some(wanted) => list(group, &wanted, now, reply),
    }
    Ok(())
}

fn wanted<'a>(args: &Args<'a>) -> Result<Wanted<'a>> {
    let (mut min_idle, mut at) = (0, 3);
    if args.is(3, "IDLE") {
        min_idle = u64::try_from(args.int(4)?).unwrap_or(0);
        if args.len() < 8 {
            return Err(Error::SYNTAX);
        }
        at = 5;
    }
    let count = u64::try_from(args.int(at + 2)?).unwrap_or(0);
    let (start, end) = (parse::start(args.get(at))?, parse::end(args.get(at + 1))?);
    let consumer = (at + 3 < args.len()).then(|| args.get(at + 3));
    Ok(Wanted { min_idle, start, end, count, consumer })
}

fn summary(group: &Group, reply: &mut Reply<'_>) {
    let pending = group.pending();
    reply.array(4);
    reply.count(pending.len());
    let (Some((first, _)), Some((last, _))) = (pending.first_key_value(), pending.last_key_value()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    reply_id(reply, *first);
    reply_id(reply, *last);
    let busy = || group.consumers().filter_map(|(_, consumer)| consumer).filter(|c| !c.pending().is_empty());
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_int(consumer.pending().len() as i64);
    }
}

fn list(group: &Group, wanted: &Wanted<'_>, now: u64, reply: &mut Reply<'_>) {
    let consumer = wanted.consumer.map(|name| group.find(name));
    let begun = reply.begin_array();
    let mut given = 0;
    if wanted.start <= wanted.end && consumer != Some(None) && wanted.count > 0 {
        let range = (Bound::Included(wanted.start), Bound::Included(wanted.end));
        let mut write = |id: StreamId| {
            let Some(pending) = group.pending().get(&id) else { return true };
            let idle = now.saturating_sub(pending.delivered);
            if wanted.min_idle > 0 && idle < wanted.min_idle {
                return true;
            }
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(group.get(pending.consumer).map_or(b"", |consumer| consumer.name()));
            reply.int(idle as i64);
            reply.int(pending.deliveries as i64);
            given += 1;
            given as u64 != wanted.count
        };
        match consumer.flatten().and_then(|id| group.get(id)) {
            Some(consumer) => consumer.pending().range(range).all(|id| write(*id)),
            None => group.pending().range(range).all(|(id, _)| write(*id)),
        };
    }
    reply.end(&begun, given);
}
