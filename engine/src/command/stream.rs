//! Streams.

mod claim;
mod group;
mod info;
mod parse;
mod read;

use smallvec::SmallVec;

use super::{Args, Begin, Categories, Find, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::stream;
use crate::value::stream::{Entry, Stream, StreamId};

const READ: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const UPDATE: KeyFlags = KeyFlags::RW.union(KeyFlags::UPDATE);
const DELETE: KeyFlags = KeyFlags::RW.union(KeyFlags::DELETE);

const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const FAST_GROWS: Flags = FAST_WRITE.union(Flags::DENYOOM);

const RANDOM: &[&str] = &["nondeterministic_output"];

/// The first half of what follows the word STREAMS.
const fn streams(from: i32) -> KeySpec {
    KeySpec { flags: READ, begin: Begin::Keyword("STREAMS", from), find: Find::Range { last: -1, step: 1, limit: 2 } }
}

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Stream, run).categories(Categories::STREAM)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("xack", -4, Run::Keys(&group::xack)).flags(FAST_WRITE).keys(&[KeySpec::at(1, UPDATE)]).docs(
        "5.0.0",
        "Says of entries that were delivered to a group that they are done.",
        "O(1) for each id.",
        "key group id [id ...]",
    ),
    spec("xadd", -5, Run::Keys(&xadd)).flags(FAST_GROWS).keys(&[KeySpec::at(1, UPDATE)]).tips(RANDOM).docs(
        "5.0.0",
        "Adds an entry to a stream, which is made if it is not there.",
        "O(1), and O(N) for N entries that are trimmed.",
        "key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count:integer]] <* | id> field value \
         [field value ...]",
    ),
    spec("xautoclaim", -6, Run::Keys(&claim::xautoclaim))
        .flags(FAST_WRITE)
        .keys(&[KeySpec::at(1, DELETE)])
        .tips(RANDOM)
        .docs(
            "6.2.0",
            "Gives a consumer what others have had pending for some time.",
            "O(1) if the count is small.",
            "key group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
        ),
    spec("xclaim", -6, Run::Keys(&claim::xclaim)).flags(FAST_WRITE).keys(&[KeySpec::at(1, UPDATE)]).tips(RANDOM).docs(
        "5.0.0",
        "Gives a consumer pending entries that have not been delivered for some time.",
        "O(log N) for each id, with N pending entries.",
        "key group consumer min-idle-time id [id ...] [IDLE ms:integer] [TIME unix-time-milliseconds:unix-time] \
         [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID lastid]",
    ),
    spec("xdel", -3, Run::Keys(&xdel)).flags(FAST_WRITE).keys(&[KeySpec::at(1, DELETE)]).docs(
        "5.0.0",
        "Deletes entries.",
        "O(1) for each entry.",
        "key id [id ...]",
    ),
    Spec::new("xgroup", -2, Group::Stream, Run::Container)
        .docs("5.0.0", "A container of commands for consumer groups.", "Depends on subcommand.", "")
        .subcommands(group::SUBCOMMANDS),
    Spec::new("xinfo", -2, Group::Stream, Run::Container)
        .docs("5.0.0", "A container of commands that tell about streams.", "Depends on subcommand.", "")
        .subcommands(info::SUBCOMMANDS),
    spec("xlen", 2, Run::Keys(&xlen))
        .flags(Flags::READONLY.union(Flags::FAST))
        .keys(&[KeySpec::at(1, KeyFlags::RO)])
        .docs("5.0.0", "Says how many entries a stream has.", "O(1)", "key"),
    spec("xpending", -3, Run::Keys(&claim::xpending))
        .flags(Flags::READONLY)
        .keys(&[KeySpec::at(1, READ)])
        .tips(RANDOM)
        .docs(
            "5.0.0",
            "Tells what was delivered to a group and is not done yet.",
            "O(N) for N entries told about; O(N) for N consumers without a range.",
            "key group [[IDLE min-idle-time:integer] start end count:integer [consumer]]",
        ),
    spec("xrange", -4, Run::Keys(&read::xrange)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READ)]).docs(
        "5.0.0",
        "Gives the entries from one id to another.",
        "O(N) for N entries given.",
        "key start end [COUNT count:integer]",
    ),
    spec("xread", -4, Run::Blocking(&read::xread))
        .flags(Flags::READONLY.union(Flags::BLOCKING))
        .keys(&[streams(1)])
        .docs(
            "5.0.0",
            "Gives the entries of streams behind an id of each; waits for some if it is told to.",
            "O(N) for N entries given.",
            "[COUNT count:integer] [BLOCK milliseconds:integer] STREAMS key [key ...] id [id ...]",
        ),
    spec("xreadgroup", -7, Run::Blocking(&read::xreadgroup))
        .flags(Flags::WRITE.union(Flags::BLOCKING))
        .keys(&[streams(4)])
        .docs(
            "5.0.0",
            "Gives a consumer entries that its group has not been given, or what it has pending.",
            "O(N) for N entries given.",
            "GROUP <group consumer> [COUNT count:integer] [BLOCK milliseconds:integer] [NOACK] STREAMS key [key ...] \
             id [id ...]",
        ),
    spec("xrevrange", -4, Run::Keys(&read::xrevrange)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READ)]).docs(
        "5.0.0",
        "Gives the entries from one id back to another.",
        "O(N) for N entries given.",
        "key end start [COUNT count:integer]",
    ),
    spec("xsetid", -3, Run::Keys(&xsetid)).flags(FAST_GROWS).keys(&[KeySpec::at(1, UPDATE)]).docs(
        "5.0.0",
        "Sets the last id of a stream.",
        "O(1)",
        "key last-id [ENTRIESADDED entries-added:integer] [MAXDELETEDID max-deleted-id]",
    ),
    spec("xtrim", -4, Run::Keys(&xtrim)).flags(Flags::WRITE).keys(&[KeySpec::at(1, DELETE)]).tips(RANDOM).docs(
        "5.0.0",
        "Removes entries from the beginning of a stream.",
        "O(N) for N entries removed.",
        "key <MAXLEN | MINID> [= | ~] threshold [LIMIT count:integer]",
    ),
];

fn reply_id(reply: &mut Reply<'_>, id: StreamId) {
    reply.bulk(id.text().as_bytes());
}

/// Writes an entry, straight from where it is stored.
fn reply_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id);
    let fields = entry.fields();
    reply.array(fields.len() * 2);
    let mut buffer = itoa::Buffer::new();
    for (field, value) in fields {
        reply.bulk(field.bytes(&mut buffer));
        reply.bulk(value.bytes(&mut buffer));
    }
}

/// Refuses a key that holds another type, before the other arguments are looked at. False if there is no key.
fn is_there(view: &View<'_>, args: &Args<'_>) -> Result<bool> {
    Ok(stream::peek(view, &args.key(1))?.is_some())
}

fn ids(words: &[&[u8]]) -> Result<SmallVec<[StreamId; 8]>> {
    words.iter().map(|word| parse::id(word)).collect()
}

fn xadd(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (options, fields) = parse::add(args)?;
    let words = args.from(fields);
    if words.is_empty() || words.len() % 2 == 1 {
        return Err(Error::arity("xadd"));
    }
    match stream::add(view, &args.key(1), words, &options)? {
        Some(id) => reply_id(reply, id),
        None => reply.null(),
    }
    Ok(())
}

fn xtrim(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let trim = parse::trim(args)?;
    reply.int(stream::trim(view, &args.key(1), &trim)? as i64);
    Ok(())
}

fn xlen(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(stream::stream(view, &args.key(1))?.map_or(0, Stream::len));
    Ok(())
}

fn xdel(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let deleted = if is_there(view, args)? { stream::delete(view, &args.key(1), &ids(args.from(2))?)? } else { 0 };
    reply.count(deleted);
    Ok(())
}

fn xsetid(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let last = parse::id(args.get(2))?;
    let (mut added, mut max_deleted) = (None, None);
    let mut i = 3;
    while i < args.len() {
        let has_more = i + 1 < args.len();
        if args.is(i, "ENTRIESADDED") && has_more {
            let n = num::parse_i64(args.get(i + 1)).ok_or(Error::NOT_INTEGER)?;
            added = Some(u64::try_from(n).map_err(|_| Error::new("ERR entries_added must be positive"))?);
        } else if args.is(i, "MAXDELETEDID") && has_more {
            let id = parse::id(args.get(i + 1))?;
            if last < id {
                let text = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
                return Err(Error::new(text));
            }
            max_deleted = Some(id);
        } else {
            return Err(Error::SYNTAX);
        }
        i += 2;
    }
    stream::set_id(view, &args.key(1), last, added, max_deleted)?;
    reply.ok();
    Ok(())
}
