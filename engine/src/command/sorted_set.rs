//! Sorted sets.

mod add;
mod combine;
mod pop;
mod range;
mod scan;

use super::{Args, Block, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::sorted_set;
use crate::value::listpack::Item;

const LOOKS: KeyFlags = KeyFlags::RO;
const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const DELETES: KeyFlags = KeyFlags::RW.union(KeyFlags::DELETE);
const POPS: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::DELETE);
const REPLACES: KeyFlags = KeyFlags::OW.union(KeyFlags::UPDATE);

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.union(Flags::FAST);
const FAST_WRITE: Flags = Flags::WRITE.union(Flags::FAST);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);
const FAST_GROWS: Flags = GROWS.union(Flags::FAST);

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::SortedSet, run).categories(Categories::SORTEDSET)
}

pub(super) const COMMANDS: &[Spec] = &[
    pop::BZMPOP,
    pop::BZPOPMAX,
    pop::BZPOPMIN,
    add::ZADD,
    spec("zcard", 2, Run::Keys(&zcard)).flags(FAST_READ).keys(&[KeySpec::at(1, LOOKS)]).docs(
        "1.2.0",
        "Gives the number of members of a sorted set.",
        "O(1)",
        "key",
    ),
    spec("zcount", 4, Run::Keys(&zcount)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "2.0.0",
        "Counts the members whose scores are in a range.",
        "O(log(N)) with N being the number of members.",
        "key min:double max:double",
    ),
    combine::ZDIFF,
    combine::ZDIFFSTORE,
    add::ZINCRBY,
    combine::ZINTER,
    combine::ZINTERCARD,
    combine::ZINTERSTORE,
    spec("zlexcount", 4, Run::Keys(&zlexcount)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "2.8.9",
        "Counts the members in a range of bytes, where all scores are alike.",
        "O(log(N)) with N being the number of members.",
        "key min max",
    ),
    pop::ZMPOP,
    spec("zmscore", -3, Run::Keys(&zmscore)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).element(2).docs(
        "6.2.0",
        "Gives the scores of some members.",
        "O(N) where N is the number of members asked for.",
        "key member [member ...]",
    ),
    pop::ZPOPMAX,
    pop::ZPOPMIN,
    scan::ZRANDMEMBER,
    range::ZRANGE,
    range::ZRANGEBYLEX,
    range::ZRANGEBYSCORE,
    range::ZRANGESTORE,
    spec("zrank", -3, Run::Keys(&zrank)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).element(2).docs(
        "2.0.0",
        "Counts the members that come before a member.",
        "O(log(N))",
        "key member [WITHSCORE]",
    ),
    spec("zrem", -3, Run::Keys(&zrem)).flags(FAST_WRITE).keys(&[KeySpec::at(1, DELETES)]).element(2).docs(
        "1.2.0",
        "Removes members; the key goes with the last of them.",
        "O(M*log(N)) with N being the number of members and M the number of those to remove.",
        "key member [member ...]",
    ),
    range::ZREMRANGEBYLEX,
    range::ZREMRANGEBYRANK,
    range::ZREMRANGEBYSCORE,
    range::ZREVRANGE,
    range::ZREVRANGEBYLEX,
    range::ZREVRANGEBYSCORE,
    spec("zrevrank", -3, Run::Keys(&zrevrank)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).element(2).docs(
        "2.0.0",
        "Counts the members that come behind a member.",
        "O(log(N))",
        "key member [WITHSCORE]",
    ),
    scan::ZSCAN,
    spec("zscore", 3, Run::Keys(&zscore)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).element(2).docs(
        "1.2.0",
        "Gives the score of a member.",
        "O(1)",
        "key member",
    ),
    combine::ZUNION,
    combine::ZUNIONSTORE,
];

fn reply_member(reply: &mut Reply<'_>, member: Item<'_>) {
    match member {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Int(n) => reply.bulk_int(n),
    }
}

fn reply_score(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// How members are written in a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Members,
    /// With their scores: flat.
    Scores,
    /// With their scores: a list of two each.
    Pairs,
}

impl Form {
    /// With scores or without. RESP3 has pairs where RESP2 is flat.
    fn of(reply: &Reply<'_>, scores: bool) -> Self {
        match (scores, reply.is_resp3()) {
            (false, _) => Self::Members,
            (true, false) => Self::Scores,
            (true, true) => Self::Pairs,
        }
    }

    /// Begins a list of so many members.
    fn begin(self, reply: &mut Reply<'_>, members: usize) {
        reply.array(if self == Self::Scores { members.saturating_mul(2) } else { members });
    }

    #[inline]
    fn member(self, reply: &mut Reply<'_>, member: Item<'_>, score: f64) {
        if self == Self::Pairs {
            reply.array(2);
        }
        reply_member(reply, member);
        if self != Self::Members {
            reply.double(score);
        }
    }
}

fn zcard(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(sorted_set::card(view, &args.key(1))?);
    Ok(())
}

fn zcount(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let range = range::score_range(args.get(2), args.get(3))?;
    reply.count(sorted_set::count(view, &args.key(1), &range)?);
    Ok(())
}

fn zlexcount(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let range = range::lex_range(args.get(2), args.get(3))?;
    reply.count(sorted_set::lex_count(view, &args.key(1), &range)?);
    Ok(())
}

fn zscore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_score(reply, sorted_set::score(view, &args.key(1), args.get(2))?);
    Ok(())
}

fn zmscore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let members = args.from(2);
    // The type of the key is judged before the reply begins.
    sorted_set::check(view, &key)?;
    reply.array(members.len());
    sorted_set::scores(view, &key, members.iter().copied(), |score| reply_score(reply, score))
}

fn zrem(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(sorted_set::remove(view, &args.key(1), args.from(2).iter().copied())?);
    Ok(())
}

fn zrank(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    rank(view, args, reply, false)
}

fn zrevrank(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    rank(view, args, reply, true)
}

fn rank(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, reversed: bool) -> Result<()> {
    let with_score = match args.len() {
        ..=3 => false,
        4 if args.is(3, "withscore") => true,
        4 => return Err(Error::SYNTAX),
        _ => return Err(Error::arity(if reversed { "zrevrank" } else { "zrank" })),
    };
    match sorted_set::rank(view, &args.key(1), args.get(2), reversed)? {
        Some((rank, score)) if with_score => {
            reply.array(2);
            reply.count(rank);
            reply.double(score);
        }
        Some((rank, _)) => reply.count(rank),
        None if with_score => reply.null_array(),
        None => reply.null(),
    }
    Ok(())
}
