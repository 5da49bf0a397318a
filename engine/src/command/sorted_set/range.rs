//! Ranges by rank, by score and by member.

use super::{Args, DELETES, Flags, Form, GROWS, KeySpec, READ, READS, REPLACES, Reply, Run, Spec, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::sorted_set::{self, RangeBy, ZRange};
use crate::value::sorted_set::{LexBound, LexRange, ScoreBound, ScoreRange};

const COST: &str = "O(log(N)+M) with N being the number of members and M the number of those in the range.";
const REMOVE_COST: &str = "O(M*log(N)) with N being the number of members and M the number of those in the range.";

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, READS)];
const CUT_KEY: &[KeySpec] = &[KeySpec::at(1, DELETES)];

const fn reads(name: &'static str, run: Run) -> Spec {
    spec(name, -4, run).flags(READ).keys(READ_KEY)
}

const fn removes(name: &'static str, run: Run) -> Spec {
    spec(name, 4, run).flags(Flags::WRITE).keys(CUT_KEY)
}

pub(super) const ZRANGE: Spec = reads("zrange", Run::Keys(&zrange)).docs(
    "1.2.0",
    "Gives the members in a range: of ranks, of scores or of bytes.",
    COST,
    "key start:string stop:string [BYSCORE | BYLEX] [REV] [LIMIT <offset:integer count:integer>] [WITHSCORES]",
);

pub(super) const ZREVRANGE: Spec = reads("zrevrange", Run::Keys(&zrevrange)).docs(
    "1.2.0",
    "Gives the members in a range of ranks, from the highest score on.",
    COST,
    "key start:integer stop:integer [WITHSCORES]",
);

pub(super) const ZRANGEBYSCORE: Spec = reads("zrangebyscore", Run::Keys(&zrangebyscore)).docs(
    "1.0.5",
    "Gives the members whose scores are in a range.",
    COST,
    "key min:double max:double [WITHSCORES] [LIMIT <offset:integer count:integer>]",
);

pub(super) const ZREVRANGEBYSCORE: Spec = reads("zrevrangebyscore", Run::Keys(&zrevrangebyscore)).docs(
    "2.2.0",
    "Gives the members whose scores are in a range, from the highest score on.",
    COST,
    "key max:double min:double [WITHSCORES] [LIMIT <offset:integer count:integer>]",
);

pub(super) const ZRANGEBYLEX: Spec = reads("zrangebylex", Run::Keys(&zrangebylex)).docs(
    "2.8.9",
    "Gives the members in a range of bytes, where all scores are alike.",
    COST,
    "key min max [LIMIT <offset:integer count:integer>]",
);

pub(super) const ZREVRANGEBYLEX: Spec = reads("zrevrangebylex", Run::Keys(&zrevrangebylex)).docs(
    "2.8.9",
    "Gives the members in a range of bytes, from the greatest on, where all scores are alike.",
    COST,
    "key max min [LIMIT <offset:integer count:integer>]",
);

pub(super) const ZRANGESTORE: Spec = spec("zrangestore", -5, Run::Keys(&zrangestore))
    .flags(GROWS)
    .keys(&[KeySpec::at(1, REPLACES), KeySpec::at(2, READS)])
    .docs(
        "6.2.0",
        "Stores the members in a range as another sorted set.",
        COST,
        "dst:key src:key min:string max:string [BYSCORE | BYLEX] [REV] [LIMIT <offset:integer count:integer>]",
    );

pub(super) const ZREMRANGEBYRANK: Spec = removes("zremrangebyrank", Run::Keys(&zremrangebyrank)).docs(
    "2.0.0",
    "Removes the members in a range of ranks.",
    REMOVE_COST,
    "key start:integer stop:integer",
);

pub(super) const ZREMRANGEBYSCORE: Spec = removes("zremrangebyscore", Run::Keys(&zremrangebyscore)).docs(
    "1.2.0",
    "Removes the members whose scores are in a range.",
    REMOVE_COST,
    "key min:double max:double",
);

pub(super) const ZREMRANGEBYLEX: Spec = removes("zremrangebylex", Run::Keys(&zremrangebylex)).docs(
    "2.8.9",
    "Removes the members in a range of bytes, where all scores are alike.",
    REMOVE_COST,
    "key min max",
);

/// What says which members are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What the name of a command says already.
#[derive(Clone, Copy)]
struct Fixed {
    by: Option<By>,
    reversed: Option<bool>,
    /// The argument that is the key.
    key: usize,
}

/// A range of scores as it is written: `1.5`, `(1.5`, `-inf`.
pub(super) fn score_range(min: &[u8], max: &[u8]) -> Result<ScoreRange> {
    match (score_bound(min), score_bound(max)) {
        (Some(min), Some(max)) => Ok(ScoreRange { min, max }),
        _ => Err(Error::new("ERR min or max is not a float")),
    }
}

fn score_bound(text: &[u8]) -> Option<ScoreBound> {
    match text {
        [b'(', number @ ..] => lax_number(number).map(ScoreBound::Excluded),
        number => lax_number(number).map(ScoreBound::Included),
    }
}

/// A number as C's `strtod` takes it, which is less strict than a score has to be: blanks before it, nothing at all for
/// 0, and numbers that are too large or too small.
fn lax_number(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let number = text.trim_ascii_start();
    let magnitude = number.strip_prefix(b"-").or_else(|| number.strip_prefix(b"+")).unwrap_or(number);
    num::parse_f64(number).or_else(|| {
        let is_decimal = matches!(magnitude.first(), Some(b'0'..=b'9' | b'.'));
        std::str::from_utf8(number).ok().filter(|_| is_decimal)?.parse().ok()
    })
}

/// A range of members as it is written: `[a`, `(a`, `-`, `+`.
pub(super) fn lex_range<'a>(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>> {
    match (lex_bound(min), lex_bound(max)) {
        (Some(min), Some(max)) => Ok(LexRange { min, max }),
        _ => Err(Error::new("ERR min or max not valid string range item")),
    }
}

fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'[', member @ ..] => Some(LexBound::Included(member)),
        [b'(', member @ ..] => Some(LexBound::Excluded(member)),
        _ => None,
    }
}

fn range_by<'a>(args: &Args<'a>, by: By, min: usize, max: usize) -> Result<RangeBy<'a>> {
    match by {
        By::Rank => Ok(RangeBy::Rank(args.int(min)?, args.int(max)?)),
        By::Score => score_range(args.get(min), args.get(max)).map(RangeBy::Score),
        By::Lex => lex_range(args.get(min), args.get(max)).map(RangeBy::Lex),
    }
}

/// The range that a command asks for, and whether it wants the scores.
fn parse<'a>(args: &Args<'a>, fixed: Fixed, stores: bool) -> Result<(ZRange<'a>, bool)> {
    let (mut by, mut reversed, mut limit, mut scores) = (fixed.by, fixed.reversed, None, false);
    let (min, max) = (fixed.key + 1, fixed.key + 2);
    let mut i = max + 1;
    while i < args.len() {
        if !stores && args.is(i, "withscores") {
            scores = true;
        } else if args.is(i, "limit") && i + 2 < args.len() {
            limit = Some((args.int(i + 1)?, args.int(i + 2)?));
            i += 2;
        } else if reversed.is_none() && args.is(i, "rev") {
            reversed = Some(true);
        } else if by.is_none() && args.is(i, "bylex") {
            by = Some(By::Lex);
        } else if by.is_none() && args.is(i, "byscore") {
            by = Some(By::Score);
        } else {
            return Err(Error::SYNTAX);
        }
        i += 1;
    }
    let (by, reversed) = (by.unwrap_or(By::Rank), reversed.unwrap_or(false));
    if by == By::Rank && limit.is_some_and(|(_, count)| count != -1) {
        let text = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
        return Err(Error::new(text));
    }
    if by == By::Lex && scores {
        return Err(Error::new("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
    }
    // Of a reversed range the greater end comes first.
    let (min, max) = if reversed && by != By::Rank { (max, min) } else { (min, max) };
    Ok((ZRange { by: range_by(args, by, min, max)?, reversed, limit }, scores))
}

fn reply_range(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, fixed: Fixed) -> Result<()> {
    let (range, scores) = parse(args, fixed, false)?;
    let members = sorted_set::range(view, &args.key(fixed.key), &range)?;
    let form = Form::of(reply, scores);
    form.begin(reply, members.len());
    for (member, score) in members {
        form.member(reply, member, score);
    }
    Ok(())
}

const fn named(by: By, reversed: bool) -> Fixed {
    Fixed { by: Some(by), reversed: Some(reversed), key: 1 }
}

fn zrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, Fixed { by: None, reversed: None, key: 1 })
}

fn zrevrange(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, named(By::Rank, true))
}

fn zrangebyscore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, named(By::Score, false))
}

fn zrevrangebyscore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, named(By::Score, true))
}

fn zrangebylex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, named(By::Lex, false))
}

fn zrevrangebylex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_range(view, args, reply, named(By::Lex, true))
}

fn zrangestore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (range, _) = parse(args, Fixed { by: None, reversed: None, key: 2 }, true)?;
    reply.count(sorted_set::range_store(view, &args.key(1), &args.key(2), &range)?);
    Ok(())
}

fn remove(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, by: By) -> Result<()> {
    let range = range_by(args, by, 2, 3)?;
    reply.count(sorted_set::remove_range(view, &args.key(1), &range)?);
    Ok(())
}

fn zremrangebyrank(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    remove(view, args, reply, By::Rank)
}

fn zremrangebyscore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    remove(view, args, reply, By::Score)
}

fn zremrangebylex(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    remove(view, args, reply, By::Lex)
}
