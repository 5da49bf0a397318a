//! What two correct servers may answer differently, and so is not compared as it stands: one table, each line with its
//! reason. Everything that is not in [`TABLE`] is compared byte for byte, and so is every error.

use std::collections::BTreeMap;

use crate::commands;
use crate::generate::directives;
use crate::resp::Reply;

/// One line of the table.
pub struct Rule {
    /// The command, or `container|subcommand`, in lower case; `container|` is the container alone.
    pub command: &'static str,
    /// What is compared instead of the reply.
    pub how: How,
    /// Why the reply is left open.
    pub why: &'static str,
}

/// How replies are made comparable. Errors never are.
#[derive(Clone, Copy)]
pub enum How {
    /// Only the kind of the reply, and of the elements of an array or set.
    Kind,
    /// The elements, in no order, at every depth.
    Unordered,
    /// Integers, not negative, which may differ by this much.
    Near(i64),
    /// As `Near`, for the integers of an array.
    NearEach(i64),
    /// As `Near`, or Redis's is the greater one.
    NearOrMore(i64),
    /// Chosen at random: the driver has looked whether it could be, and put [`CHOSEN`] and figures in its place.
    Chosen(Choice),
    /// Names with their values, in no order: pairs, also in a flat array.
    UnorderedPairs,
    /// An encoding, of which Redis 7.0 has fewer. See [`LATER_ENCODINGS`].
    Encoding,
    /// `encoding:` and such an encoding, among other words.
    EncodingField,
    /// An id made from the clock counts as one such.
    AutoId,
    /// As `Scores`; but a command of four words, of which Redis 7.0 takes three, is not compared.
    RankWithScore,
    /// As `Kind`; but cursors that only Redis 7.0 takes are not compared.
    Cursor,
    /// As it is; but where a count is the least integer there is, which later versions refuse, it is not compared.
    NotTheLeast,
    /// A help text: only its first line, which says how to ask.
    Help,
    /// `name=value` words of which only these are compared.
    Fields(&'static [&'static str]),
    /// Pairs of name and value, in no order, of the directives that streams use.
    Directives,
    /// Pairs of name and value; the values of these names are masked.
    Masked(&'static [&'static str]),
    /// What is told about streams, without times, what only later versions tell, and what they count otherwise.
    StreamTimes,
    /// Names, in no order, of the commands that both must have.
    CommandNames,
    /// As it is; but a call of three words, of which Redis 7.0 asks for four, is not compared.
    CalledKeys,
    /// As `CalledKeys`, in no order.
    KeysAndFlags,
    /// As it is; but where there are several ids and Redis 7.0 refuses them, it is not compared.
    LaterIds,
    /// Numbers with a fraction by their values, however they are printed.
    Scores,
    /// COMMAND INFO's entries: their facts, sets in no order, without what later versions changed.
    CommandFacts,
}

/// What a random reply is chosen from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The keys.
    Key,
    /// The members of a set.
    Member,
    /// The fields of a hash.
    Field,
    /// The members of a sorted set.
    Scored,
    /// The members of a set, which are then no longer there.
    Removed,
}

/// What the driver puts in place of an element that could be chosen.
pub const CHOSEN: &[u8] = b"(one that is there)";

/// Type, encoding, and what Redis 7.0 says where its successors and we say that.
pub const LATER_ENCODINGS: &[(&[u8], &[u8], &[u8])] = &[
    // Since 7.2 a list that fits into one listpack is one.
    (b"list", b"listpack", b"quicklist"),
    // Since 7.2 small sets of anything are listpacks.
    (b"set", b"listpack", b"hashtable"),
    // And what SADD names counts against the limit of intsets, whether or not it is there already.
    (b"set", b"hashtable", b"intset"),
];

/// Whether an encoding of ours is one that Redis 7.0 does not have for a type, or for any where none is given.
#[must_use]
pub fn is_later_encoding(kind: Option<&[u8]>, ours: &[u8], theirs: &[u8]) -> bool {
    LATER_ENCODINGS.iter().any(|line| kind.is_none_or(|kind| kind == line.0) && (line.1, line.2) == (ours, theirs))
}

const fn rule(command: &'static str, how: How, why: &'static str) -> Rule {
    Rule { command, how, why }
}

/// Everything that is normalised.
pub const TABLE: &[Rule] = &[
    rule("randomkey", How::Chosen(Choice::Key), "any key will do, as long as it is there"),
    rule("srandmember", How::Chosen(Choice::Member), "any member will do, as long as it is there"),
    rule("hrandfield", How::Chosen(Choice::Field), "any field will do, as long as it is there"),
    rule("zrandmember", How::Chosen(Choice::Scored), "any member will do, as long as it is there"),
    rule("spop", How::Chosen(Choice::Removed), "any member will do; the driver makes the sets alike again"),
    rule("keys", How::Unordered, "the order of a keyspace is the server's own"),
    rule(
        "scan",
        How::Kind,
        "one call's cursor and elements are the server's own; whole iterations are compared as sets",
    ),
    rule("sscan", How::Cursor, "as for SCAN; \"\" and \"-1\" were cursors once"),
    rule("hscan", How::Cursor, "as for SCAN; \"\" and \"-1\" were cursors once"),
    rule("zscan", How::Cursor, "as for SCAN; \"\" and \"-1\" were cursors once"),
    rule("lpos", How::NotTheLeast, "later versions refuse a rank without an opposite"),
    rule("lrem", How::NotTheLeast, "later versions refuse a count without an opposite"),
    rule("zrank", How::RankWithScore, "WITHSCORE came later"),
    rule("zrevrank", How::RankWithScore, "WITHSCORE came later"),
    rule("zscore", How::Scores, "since 7.2 scores are printed with the fewest digits that read back the same"),
    rule("zadd", How::Scores, "as for ZSCORE"),
    rule("zincrby", How::Scores, "as for ZSCORE"),
    rule("zmscore", How::Scores, "as for ZSCORE"),
    rule("zrange", How::Scores, "as for ZSCORE"),
    rule("zrevrange", How::Scores, "as for ZSCORE"),
    rule("zrangebyscore", How::Scores, "as for ZSCORE"),
    rule("zrevrangebyscore", How::Scores, "as for ZSCORE"),
    rule("zpopmin", How::Scores, "as for ZSCORE"),
    rule("zpopmax", How::Scores, "as for ZSCORE"),
    rule("zmpop", How::Scores, "as for ZSCORE"),
    rule("zunion", How::Scores, "as for ZSCORE"),
    rule("zinter", How::Scores, "as for ZSCORE"),
    rule("zdiff", How::Scores, "as for ZSCORE"),
    rule("smembers", How::Unordered, "the order of a set is the server's own"),
    rule("sunion", How::Unordered, "the order of a set is the server's own"),
    rule("sinter", How::Unordered, "the order of a set is the server's own"),
    rule("sdiff", How::Unordered, "the order of a set is the server's own"),
    rule("hkeys", How::Unordered, "the order of a hash is the server's own"),
    rule("hvals", How::Unordered, "the order of a hash is the server's own"),
    rule("hgetall", How::UnorderedPairs, "the order of a hash is the server's own"),
    rule("xadd", How::AutoId, "an id of the clock, of which the two servers read their own"),
    rule("ttl", How::Near(2), "the two servers run the command at different moments"),
    rule("pttl", How::Near(2000), "the two servers run the command at different moments"),
    rule("expiretime", How::Near(2), "a relative deadline counts from when each server got it"),
    rule("pexpiretime", How::Near(2000), "a relative deadline counts from when each server got it"),
    rule("httl", How::NearEach(2), "as for TTL"),
    rule("hpttl", How::NearEach(2000), "as for PTTL"),
    rule("hexpiretime", How::NearEach(2), "as for EXPIRETIME"),
    rule("hpexpiretime", How::NearEach(2000), "as for PEXPIRETIME"),
    rule("time", How::Kind, "the clock"),
    rule("object|freq", How::Kind, "the counter is probabilistic, and which commands touch it is internal"),
    rule(
        "object|idletime",
        How::NearOrMore(2),
        "the clock; a small integer is one object for all keys of Redis, so that its clock is not the key's",
    ),
    rule("object|refcount", How::Kind, "how values are shared between keys is internal"),
    rule("object|encoding", How::Encoding, "7.0 has fewer encodings; the keyspace is compared type by type"),
    rule("object|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("client|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("config|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("command|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("memory|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("slowlog|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("latency|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("debug|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("xpending", How::StreamTimes, "the two servers run the command at different moments"),
    rule(
        "xinfo|stream",
        How::StreamTimes,
        "times of the clock; later versions tell more; the tree is the server's own; groups as for XINFO GROUPS",
    ),
    rule(
        "xinfo|groups",
        How::StreamTimes,
        "how many entries a group has read, and has still to read, later versions count anew where entries were trimmed \
         unread and 7.0 counts on; recorded answers tell",
    ),
    rule("xinfo|consumers", How::StreamTimes, "times of the clock; later versions tell more"),
    rule("xinfo|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule("xgroup|help", How::Help, "later versions have more subcommands, and the words are our own"),
    rule(
        "hello",
        How::Masked(&["server", "version", "id", "modules"]),
        "the server's own name and the connection's number",
    ),
    rule("client|id", How::Kind, "counts connections, of which the two servers had different ones"),
    rule("client|list", How::Kind, "shows other connections, addresses and ages"),
    rule(
        "client|info",
        How::Fields(&["name", "flags", "db", "sub", "psub", "ssub", "multi", "cmd", "user", "redir", "resp"]),
        "addresses, ages and buffer sizes; later versions have more fields; 7.0 forgets NO-EVICT when it resets, so flag e \
         is left out",
    ),
    rule(
        "config|get",
        How::Directives,
        "the order is the server's own, and a pattern may match directives that one lacks",
    ),
    rule("command|list", How::CommandNames, "later versions have more commands, others have less; the order is open"),
    rule(
        "command|info",
        How::CommandFacts,
        "sets come in any order; tips, notes and some flags are later versions' own",
    ),
    rule("command|", How::CommandFacts, "all commands, in no order; as for COMMAND INFO"),
    rule("command|getkeys", How::CalledKeys, "7.0 asks for a word more than it needs"),
    rule("client|kill", How::LaterIds, "later versions take several ids, and look at each of them"),
    rule("command|getkeysandflags", How::KeysAndFlags, "flags are a set; 7.0 asks for a word more than it needs"),
    rule("command|docs", How::Kind, "the words are our own"),
    rule("info", How::Kind, "figures of a process"),
    rule("lolwut", How::Kind, "art"),
    rule("memory|usage", How::Kind, "memory is what each server makes of it"),
    rule("memory|stats", How::Kind, "memory is what each server makes of it"),
    rule("memory|doctor", How::Kind, "memory is what each server makes of it"),
    rule("latency|doctor", How::Kind, "an opinion in words"),
    rule("latency|histogram", How::Kind, "times of a process"),
    rule("debug|object", How::EncodingField, "addresses, sizes when serialised, and access clocks"),
];

/// Whether a command has two numbers in a row behind the word ID.
fn has_several_ids(command: &[Vec<u8>]) -> bool {
    let is_number = |word: &[u8]| std::str::from_utf8(word).is_ok_and(|text| text.parse::<i64>().is_ok());
    let several = |words: &[Vec<u8>]| words[0].eq_ignore_ascii_case(b"id") && words[1..].iter().all(|w| is_number(w));
    command.windows(3).any(several)
}

/// Whether the two replies to a command agree.
#[must_use]
pub fn agree(command: &[Vec<u8>], ours: &Reply, theirs: &Reply) -> bool {
    if ours == theirs {
        return true;
    }
    let Some(rule) = rule_of(command) else { return false };
    match (rule.how, ours, theirs) {
        (How::CalledKeys | How::KeysAndFlags, _, Reply::Error(text)) if command.len() == 3 => {
            text.starts_with(b"ERR wrong number of arguments for 'command|getkeys")
        }
        (How::LaterIds, _, Reply::Error(text)) if text == b"ERR syntax error" => has_several_ids(command),
        (How::RankWithScore, _, Reply::Error(text)) if command.len() == 4 => {
            text.starts_with(b"ERR wrong number of arguments for 'z")
        }
        (How::Cursor, Reply::Error(text), _) if text == b"ERR invalid cursor" => {
            command.get(2).is_some_and(|cursor| cursor.is_empty() || cursor.starts_with(b"-"))
        }
        (How::NotTheLeast, Reply::Error(text), _) if text.starts_with(b"ERR value is out of range") => {
            command.iter().any(|word| word == i64::MIN.to_string().as_bytes())
        }
        (_, a, b) if a.is_error() || b.is_error() => false,
        (How::Near(far), a, b) => are_near(far, a, b),
        (How::NearEach(far), Reply::Array(a), Reply::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || are_near(far, a, b))
        }
        (How::NearOrMore(far), Reply::Integer(a), Reply::Integer(b)) => *a >= 0 && *a <= b.saturating_add(far),
        (How::Encoding, Reply::Bulk(a), Reply::Bulk(b)) => is_later_encoding(None, a, b),
        (How::EncodingField, a, b) => match (encoding_field(a), encoding_field(b)) {
            (Some(a), Some(b)) => a == b || is_later_encoding(None, a, b),
            _ => false,
        },
        (how, a, b) => canonical(how, a) == canonical(how, b),
    }
}

/// A reply whose elements come in no order, in some order.
#[must_use]
pub fn sorted(command: &[Vec<u8>], reply: &Reply) -> Reply {
    match rule_of(command).map(|rule| rule.how) {
        Some(how @ (How::Unordered | How::UnorderedPairs)) if !reply.is_error() => canonical(how, reply),
        _ => reply.clone(),
    }
}

fn are_near(far: i64, a: &Reply, b: &Reply) -> bool {
    match (a, b) {
        (Reply::Integer(a), Reply::Integer(b)) => *a >= 0 && *b >= 0 && a.abs_diff(*b) <= far.unsigned_abs(),
        _ => false,
    }
}

/// Whether two replies that agree come from servers that no longer hold the same.
#[must_use]
pub fn parts_them(command: &[Vec<u8>], ours: &Reply, theirs: &Reply) -> bool {
    ours != theirs && rule_of(command).is_some_and(|rule| matches!(rule.how, How::NotTheLeast))
}

/// What a command chooses from at random, if it does.
#[must_use]
pub fn choice_of(command: &[Vec<u8>]) -> Option<Choice> {
    match rule_of(command)?.how {
        How::Chosen(choice) => Some(choice),
        _ => None,
    }
}

fn rule_of(command: &[Vec<u8>]) -> Option<&'static Rule> {
    let word = |n: usize| command.get(n).map(|w| String::from_utf8_lossy(w).to_ascii_lowercase());
    let name = word(0)?;
    let full = format!("{name}|{}", word(1).unwrap_or_default());
    TABLE.iter().find(|rule| rule.command == name || rule.command == full)
}

fn canonical(how: How, reply: &Reply) -> Reply {
    match how {
        How::Kind | How::Cursor => kind(reply),
        How::RankWithScore => scores(reply),
        How::NotTheLeast => reply.clone(),
        How::Unordered | How::KeysAndFlags => unordered(reply),
        How::Near(_) | How::NearEach(_) | How::NearOrMore(_) | How::Chosen(_) | How::CalledKeys | How::LaterIds => {
            reply.clone()
        }
        How::Encoding | How::EncodingField => reply.clone(),
        How::Scores => scores(reply),
        How::UnorderedPairs => unordered_pairs(reply),
        How::AutoId => auto_id(reply),
        How::Help => help(reply),
        How::Fields(names) => fields(reply, names),
        How::Directives => directives_only(reply),
        How::Masked(names) => masked(reply, names),
        How::StreamTimes => stream_times(reply),
        How::CommandNames => command_names(reply),
        How::CommandFacts => command_facts(reply),
    }
}

/// Numbers printed in one way.
fn scores(reply: &Reply) -> Reply {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    match reply {
        Reply::Bulk(text) => number(text).map_or_else(|| reply.clone(), |n| Reply::Bulk(format!("{n:e}").into())),
        Reply::Double(text) => number(text).map_or_else(|| reply.clone(), |n| Reply::Double(format!("{n:e}").into())),
        Reply::Array(items) => Reply::Array(items.iter().map(scores).collect()),
        other => other.clone(),
    }
}

fn word(text: impl Into<Vec<u8>>) -> Reply {
    Reply::Simple(text.into())
}

fn kind(reply: &Reply) -> Reply {
    match reply {
        // Arrays of a fixed shape, as TIME's and SCAN's, show what is in them; longer ones do not.
        Reply::Array(items) if items.len() <= 2 => Reply::Array(items.iter().map(|item| word(item.kind())).collect()),
        other => word(other.kind()),
    }
}

fn unordered(reply: &Reply) -> Reply {
    let sorted = |items: &[Reply]| {
        let mut items: Vec<_> = items.iter().map(unordered).collect();
        items.sort();
        items
    };
    match reply {
        Reply::Array(items) => Reply::Array(sorted(items)),
        Reply::Set(items) => Reply::Set(sorted(items)),
        Reply::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(k, v)| (unordered(k), unordered(v))).collect();
            pairs.sort();
            Reply::Map(pairs)
        }
        other => other.clone(),
    }
}

fn unordered_pairs(reply: &Reply) -> Reply {
    match reply {
        Reply::Array(items) => {
            let mut pairs: Vec<_> = items.chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect();
            pairs.sort();
            Reply::Array(pairs)
        }
        other => unordered(other),
    }
}

/// The word after `encoding:`.
fn encoding_field(reply: &Reply) -> Option<&[u8]> {
    reply.text()?.split(|&b| b == b' ').find_map(|word| word.strip_prefix(b"encoding:"))
}

/// The milliseconds of the year 2020: what is above is from the clock, and streams of commands stay below.
const CLOCK: i64 = 1_577_836_800_000;

fn auto_id(reply: &Reply) -> Reply {
    let milliseconds = |text: &[u8]| std::str::from_utf8(text.split(|&b| b == b'-').next()?).ok()?.parse::<i64>().ok();
    match reply {
        Reply::Bulk(id) if milliseconds(id).is_some_and(|ms| ms > CLOCK && ms < 2 * CLOCK) => {
            word("(an id of the clock)")
        }
        other => other.clone(),
    }
}

fn help(reply: &Reply) -> Reply {
    match reply {
        Reply::Array(lines) => Reply::Array(lines.iter().take(1).cloned().collect()),
        other => other.clone(),
    }
}

/// The listed fields of a text of `name=value` words, with the kind of reply that the text came in.
fn fields(reply: &Reply, names: &[&str]) -> Reply {
    let Some(text) = reply.text() else { return reply.clone() };
    let text = String::from_utf8_lossy(text).replace("flags=e ", "flags=N ");
    let kept = text.split([' ', '\n']).filter(|w| w.split_once('=').is_some_and(|(name, _)| names.contains(&name)));
    let mut kept: Vec<Reply> = kept.map(word).collect();
    kept.sort();
    Reply::Array([vec![word(reply.kind())], kept].concat())
}

/// The pairs of a map, also of one that RESP2 sends as a flat array.
fn pairs(reply: &Reply) -> Option<Vec<(Reply, Reply)>> {
    match reply {
        Reply::Map(pairs) => Some(pairs.clone()),
        Reply::Array(items) if items.len() % 2 == 0 => {
            Some(items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        }
        _ => None,
    }
}

fn name_of(reply: &Reply) -> String {
    reply.text().map(|t| String::from_utf8_lossy(t).into_owned()).unwrap_or_default()
}

fn directives_only(reply: &Reply) -> Reply {
    let Some(pairs) = pairs(reply) else { return reply.clone() };
    let known = |name: &str| name == "requirepass" || directives().any(|(directive, _)| directive == name);
    let kept: BTreeMap<_, _> = pairs.into_iter().filter(|(name, _)| known(&name_of(name))).collect();
    Reply::Array(vec![word(reply.kind()), Reply::Map(kept.into_iter().collect())])
}

fn masked(reply: &Reply, names: &[&str]) -> Reply {
    let Some(pairs) = pairs(reply) else { return reply.clone() };
    let mask = |(name, value): (Reply, Reply)| {
        let shown = if names.contains(&name_of(&name).as_str()) { word(value.kind()) } else { value };
        (name, shown)
    };
    Reply::Array(vec![word(reply.kind()), Reply::Map(pairs.into_iter().map(mask).collect())])
}

/// A pending entry is `id, consumer, time, deliveries`, or among those of its consumer `id, time, deliveries`; other
/// times have names.
fn stream_times(reply: &Reply) -> Reply {
    const MASKED: [&[u8]; 3] = [b"idle", b"seen-time", b"radix-tree-nodes"];
    /// Which may be null.
    const COUNTED: [&[u8]; 2] = [b"entries-read", b"lag"];
    const LATER: [&[u8]; 2] = [b"inactive", b"active-time"];
    let is = |name: &Reply, names: &[&[u8]]| matches!(name, Reply::Bulk(text) if names.contains(&&text[..]));
    let pair = |name: &Reply, value: &Reply| {
        let value = match () {
            () if is(name, &COUNTED) => word("counted"),
            () if is(name, &MASKED) => word(value.kind()),
            () => stream_times(value),
        };
        (name.clone(), value)
    };
    match reply {
        Reply::Map(pairs) => {
            let kept = pairs.iter().filter(|(name, _)| !is(name, &LATER));
            Reply::Map(kept.map(|(name, value)| pair(name, value)).collect())
        }
        Reply::Array(items) => match &items[..] {
            [id, consumer @ Reply::Bulk(_), Reply::Integer(_), count @ Reply::Integer(_)] => {
                Reply::Array(vec![id.clone(), consumer.clone(), word("time"), count.clone()])
            }
            [id @ Reply::Bulk(_), Reply::Integer(_), count @ Reply::Integer(_)] => {
                Reply::Array(vec![id.clone(), word("time"), count.clone()])
            }
            [name, _, ..] if items.len() % 2 == 0 && is(name, &[b"name", b"length"]) => {
                let kept = items.chunks(2).filter(|chunk| !is(&chunk[0], &LATER));
                let pairs = kept.map(|chunk| pair(&chunk[0], &chunk[1]));
                Reply::Array(pairs.flat_map(|(name, value)| [name, value]).collect())
            }
            items => Reply::Array(items.iter().map(stream_times).collect()),
        },
        other => other.clone(),
    }
}

fn command_names(reply: &Reply) -> Reply {
    let Reply::Array(names) = reply else { return reply.clone() };
    let mut names: Vec<_> =
        names.iter().filter(|n| commands::all().any(|(known, _)| known == name_of(n))).cloned().collect();
    names.sort();
    Reply::Array(names)
}

/// An answer with at least this many entries is that to COMMAND INFO without names: all commands, in no order.
const ALL_COMMANDS: usize = 20;

/// Flags that later versions gave to commands that had been there before.
const LATER_FLAGS: [&str; 3] = ["allow_busy", "loading", "no_multi"];

/// Commands whose arity or key specs later versions changed.
const LATER_FACTS: [&str; 5] = ["zrank", "zrevrank", "sinterstore", "georadius", "georadiusbymember"];

/// Of each entry: name, arity, flags, first key, last key, step, categories; and the key specs without their notes.
/// Tips and subcommands are compared by kind.
fn command_facts(reply: &Reply) -> Reply {
    let Reply::Array(entries) = reply else { return reply.clone() };
    let facts = |entry: &Reply| match entry {
        Reply::Array(parts) if parts.first().is_some_and(|name| LATER_FACTS.contains(&name_of(name).as_str())) => {
            Reply::Array(vec![parts[0].clone()])
        }
        Reply::Array(parts) if parts.len() == 10 => {
            let plain = parts[..7].iter().map(|part| unordered(&without_later_flags(part)));
            let shapes = parts[7..].iter().map(|part| word(part.kind()));
            Reply::Array(plain.chain(shapes).chain([unordered(&without_notes(&parts[8]))]).collect())
        }
        other => other.clone(),
    };
    if entries.len() < ALL_COMMANDS {
        return Reply::Array(entries.iter().map(facts).collect());
    }
    let name = |entry: &Reply| match entry {
        Reply::Array(parts) => parts.first().map(name_of).unwrap_or_default(),
        _ => String::new(),
    };
    let mut known: Vec<_> = entries.iter().filter(|e| commands::all().any(|(n, _)| n == name(e))).map(facts).collect();
    known.sort();
    Reply::Array(known)
}

fn without_later_flags(reply: &Reply) -> Reply {
    let kept =
        |flags: &[Reply]| flags.iter().filter(|f| !LATER_FLAGS.contains(&name_of(f).as_str())).cloned().collect();
    match reply {
        Reply::Set(flags) => Reply::Set(kept(flags)),
        Reply::Array(flags) => Reply::Array(kept(flags)),
        other => other.clone(),
    }
}

/// Key specs without the sentence that explains some of them, which is in each server's own words.
fn without_notes(specs: &Reply) -> Reply {
    let one = |spec: &Reply| {
        let Some(mut pairs) = pairs(spec) else { return spec.clone() };
        pairs.retain(|(name, _)| name_of(name) != "notes");
        Reply::Array(vec![word(spec.kind()), Reply::Map(pairs)])
    };
    match specs {
        Reply::Set(items) => Reply::Set(items.iter().map(one).collect()),
        Reply::Array(items) => Reply::Array(items.iter().map(one).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{TABLE, agree};
    use crate::resp::Reply;

    fn argv(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|w| w.as_bytes().to_vec()).collect()
    }

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.into())
    }

    #[test]
    fn what_is_not_listed_is_compared_byte_for_byte() {
        assert!(agree(&argv("GET a"), &bulk("1"), &bulk("1")));
        assert!(!agree(&argv("GET a"), &bulk("1"), &bulk("2")));
        assert!(!agree(&argv("GET a"), &Reply::NullBulk, &Reply::Null));
        assert!(!agree(&argv("GET a"), &Reply::Simple(b"1".to_vec()), &bulk("1")));
    }

    #[test]
    fn errors_are_never_normalised() {
        let (one, other) = (Reply::Error(b"ERR one".to_vec()), Reply::Error(b"ERR other".to_vec()));
        for rule in TABLE {
            let command = argv(&rule.command.replace('|', " "));
            assert!(!agree(&command, &one, &other), "{}", rule.command);
            assert!(!agree(&command, &one, &Reply::Integer(1)), "{}", rule.command);
        }
    }

    #[test]
    fn a_deadline_is_near_or_it_is_not() {
        let reply = Reply::Integer;
        assert!(agree(&argv("ttl a"), &reply(100), &reply(101)));
        assert!(!agree(&argv("ttl a"), &reply(100), &reply(110)));
        assert!(!agree(&argv("ttl a"), &reply(-1), &reply(1)), "no deadline is not a near deadline");
        assert!(!agree(&argv("ttl a"), &reply(-1), &reply(-2)));
    }

    #[test]
    fn order_is_open_and_content_is_not() {
        let keys = |names: &[&str]| Reply::Array(names.iter().map(|n| bulk(n)).collect());
        assert!(agree(&argv("KEYS *"), &keys(&["a", "b"]), &keys(&["b", "a"])));
        assert!(!agree(&argv("KEYS *"), &keys(&["a", "b"]), &keys(&["a", "a"])));
        assert!(!agree(&argv("MGET a b"), &keys(&["a", "b"]), &keys(&["b", "a"])));
    }

    #[test]
    fn listed_fields_are_compared() {
        let info = |text: &str| bulk(text);
        let command = argv("CLIENT INFO");
        assert!(agree(&command, &info("id=3 name=x db=1"), &info("id=4 name=x db=1 new=2")));
        assert!(!agree(&command, &info("id=3 name=x db=1"), &info("id=3 name=x db=2")));
    }
}
