//! Unions, intersections and differences.

use super::{Args, Form, GROWS, KeySpec, READ, READS, REPLACES, Reply, Run, Spec, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::operation::sorted_set::{self, Aggregate, Combination};
use crate::value::listpack::Item;

const COST: &str = "O(N)+O(M log(M)) with N being the members of all inputs and M those of the result.";
const INTER_COST: &str = "O(N*K)+O(M*log(M)) with N being the members of the smallest input, K the number of inputs and \
                          M the members of the result.";
const DIFF_COST: &str = "O(N*K)+O(M*log(M)) with N being the members of the first input, K the number of inputs and M \
                         the members of the result.";

const COUNTED: &[KeySpec] = &[KeySpec::counted(1, 1, READS)];
const DEST_AND_COUNTED: &[KeySpec] = &[KeySpec::at(1, REPLACES), KeySpec::counted(2, 1, READS)];

const fn reads(name: &'static str, run: Run) -> Spec {
    spec(name, -3, run).flags(READ).keys(COUNTED)
}

const fn stores(name: &'static str, run: Run) -> Spec {
    spec(name, -4, run).flags(GROWS).keys(DEST_AND_COUNTED)
}

pub(super) const ZUNION: Spec = reads("zunion", Run::Keys(&zunion)).docs(
    "6.2.0",
    "Gives the members that are in any of some sorted sets.",
    COST,
    "numkeys key [key ...] [WEIGHTS weight:integer [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
);

pub(super) const ZINTER: Spec = reads("zinter", Run::Keys(&zinter)).docs(
    "6.2.0",
    "Gives the members that are in all of some sorted sets.",
    INTER_COST,
    "numkeys key [key ...] [WEIGHTS weight:integer [weight ...]] [AGGREGATE <SUM | MIN | MAX>] [WITHSCORES]",
);

pub(super) const ZDIFF: Spec = reads("zdiff", Run::Keys(&zdiff)).docs(
    "6.2.0",
    "Gives the members of a sorted set that are in none of some others.",
    DIFF_COST,
    "numkeys key [key ...] [WITHSCORES]",
);

pub(super) const ZINTERCARD: Spec = reads("zintercard", Run::Keys(&zintercard)).docs(
    "7.0.0",
    "Counts the members that are in all of some sorted sets.",
    INTER_COST,
    "numkeys key [key ...] [LIMIT limit:integer]",
);

pub(super) const ZUNIONSTORE: Spec = stores("zunionstore", Run::Keys(&zunionstore)).docs(
    "2.0.0",
    "Stores the members that are in any of some sorted sets as another one.",
    COST,
    "destination:key numkeys key [key ...] [WEIGHTS weight:integer [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
);

pub(super) const ZINTERSTORE: Spec = stores("zinterstore", Run::Keys(&zinterstore)).docs(
    "2.0.0",
    "Stores the members that are in all of some sorted sets as another one.",
    INTER_COST,
    "destination:key numkeys key [key ...] [WEIGHTS weight:integer [weight ...]] [AGGREGATE <SUM | MIN | MAX>]",
);

pub(super) const ZDIFFSTORE: Spec = stores("zdiffstore", Run::Keys(&zdiffstore)).docs(
    "6.2.0",
    "Stores the members of a sorted set that are in none of some others as another one.",
    DIFF_COST,
    "destination:key numkeys key [key ...]",
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Union,
    Inter,
    Diff,
    InterCard,
}

/// What one of these commands asks for.
struct Request<'a> {
    keys: Vec<Key<'a>>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    scores: bool,
    limit: usize,
}

impl<'a> Request<'a> {
    /// Reads the arguments from the number of keys on. The types of the keys are judged before what follows them.
    fn parse(view: &View<'_>, args: &Args<'a>, kind: Kind, number: usize, name: &str) -> Result<Self> {
        let count = args.int(number)?;
        let count = usize::try_from(count)
            .ok()
            .filter(|&n| n > 0)
            .ok_or_else(|| Error::new(format!("ERR at least 1 input key is needed for '{name}' command")))?;
        if count > args.len() - number - 1 {
            return Err(Error::SYNTAX);
        }
        let mut i = number + 1 + count;
        let keys: Vec<Key<'_>> = (number + 1..i).map(|i| args.key(i)).collect();
        sorted_set::check_inputs(view, &keys)?;
        let (mut weights, mut aggregate) = (Vec::new(), Aggregate::Sum);
        let (mut scores, mut limit) = (false, 0);
        let combines = matches!(kind, Kind::Union | Kind::Inter);
        let stores = number == 2;
        while i < args.len() {
            let left = args.len() - i;
            if combines && left > count && args.is(i, "weights") {
                let words = args.from(i + 1).iter().take(count);
                let parsed: Option<Vec<f64>> = words.map(|word| num::parse_f64(word)).collect();
                weights = parsed.ok_or_else(|| Error::new("ERR weight value is not a float"))?;
                i += count;
            } else if combines && left >= 2 && args.is(i, "aggregate") {
                i += 1;
                let named = Aggregate::NAMES.iter().find(|(name, _)| args.is(i, name));
                aggregate = named.ok_or(Error::SYNTAX)?.1;
            } else if !stores && kind != Kind::InterCard && args.is(i, "withscores") {
                scores = true;
            } else if kind == Kind::InterCard && left >= 2 && args.is(i, "limit") {
                i += 1;
                let number = num::parse_i64(args.get(i)).and_then(|n| usize::try_from(n).ok());
                limit = number.ok_or_else(|| Error::new("ERR LIMIT can't be negative"))?;
            } else {
                return Err(Error::SYNTAX);
            }
            i += 1;
        }
        Ok(Self { keys, weights, aggregate, scores, limit })
    }

    fn how(&self, kind: Kind) -> Combination<'_> {
        match kind {
            Kind::Union => Combination::Union(&self.weights, self.aggregate),
            Kind::Inter | Kind::InterCard => Combination::Inter(&self.weights, self.aggregate),
            Kind::Diff => Combination::Diff,
        }
    }
}

fn reply_combined(view: &View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind, name: &str) -> Result<()> {
    let request = Request::parse(view, args, kind, 1, name)?;
    let mut built = sorted_set::combine(view, &request.keys, request.how(kind))?;
    let form = Form::of(reply, request.scores);
    form.begin(reply, built.len());
    built.for_each_sorted(|member, score| form.member(reply, Item::Bytes(member), score));
    Ok(())
}

fn store(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind, name: &str) -> Result<()> {
    let request = Request::parse(view, args, kind, 2, name)?;
    reply.count(sorted_set::combine_store(view, &args.key(1), &request.keys, request.how(kind))?);
    Ok(())
}

fn zunion(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_combined(view, args, reply, Kind::Union, "zunion")
}

fn zinter(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_combined(view, args, reply, Kind::Inter, "zinter")
}

fn zdiff(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply_combined(view, args, reply, Kind::Diff, "zdiff")
}

fn zunionstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Kind::Union, "zunionstore")
}

fn zinterstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Kind::Inter, "zinterstore")
}

fn zdiffstore(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    store(view, args, reply, Kind::Diff, "zdiffstore")
}

fn zintercard(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let request = Request::parse(view, args, Kind::InterCard, 1, "zintercard")?;
    reply.count(sorted_set::inter_card(view, &request.keys, request.limit)?);
    Ok(())
}
