//! SORT.

use super::string::reply_string;
use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::command::spec::{Begin, Find};
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::sort::{self, SortOptions};

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const CATEGORIES: Categories =
    Categories::LIST.union(Categories::SET).union(Categories::SORTEDSET).union(Categories::DANGEROUS);

/// Keys that only the options say.
const fn unknown(flags: KeyFlags) -> KeySpec {
    KeySpec { flags, begin: Begin::Unknown, find: Find::Unknown }
}

const SYNTAX: &str = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]";

pub(super) const COMMANDS: &[Spec] = &[
    Spec::new("sort", -2, Group::Generic, Run::Everything(&sort))
        .flags(Flags::WRITE.union(Flags::DENYOOM))
        .categories(CATEGORIES)
        .keys(&[KeySpec::at(1, READS), unknown(READS), unknown(KeyFlags::OW.union(KeyFlags::UPDATE))])
        .docs(
            "1.0.0",
            "Sorts the elements of a list, a set or a sorted set, and gives or stores them.",
            "O(N*log(N)) where N is the number of elements.",
            "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]",
        ),
    Spec::new("sort_ro", -2, Group::Generic, Run::Everything(&sort_ro))
        .flags(Flags::READONLY)
        .categories(CATEGORIES)
        .keys(&[KeySpec::at(1, READS), unknown(READS)])
        .docs(
            "7.0.0",
            "Sorts the elements of a list, a set or a sorted set, and gives them.",
            "O(N*log(N)) where N is the number of elements.",
            SYNTAX,
        ),
];

/// The options, and where to store.
fn options<'a>(args: &Args<'a>, may_store: bool) -> Result<(SortOptions<'a>, Option<&'a [u8]>)> {
    let (mut options, mut store) = (SortOptions::new(), None);
    let mut words = args.from(2);
    while let [word, rest @ ..] = words {
        let word = word.to_ascii_lowercase();
        (options, words) = match (word.as_slice(), rest) {
            (b"asc", _) => (options.ascending(), rest),
            (b"desc", _) => (options.descending(), rest),
            (b"alpha", _) => (options.alpha(), rest),
            (b"limit", [offset, count, rest @ ..]) => {
                let int = |text: &[u8]| crate::codec::num::parse_i64(text).ok_or(Error::NOT_INTEGER);
                (options.limit(int(offset)?, int(count)?), rest)
            }
            (b"by", [pattern, rest @ ..]) => (options.by(*pattern), rest),
            (b"get", [pattern, rest @ ..]) => (options.get(*pattern), rest),
            (b"store", [key, rest @ ..]) if may_store => {
                store = Some(*key);
                (options, rest)
            }
            _ => return Err(Error::SYNTAX),
        };
    }
    Ok((options, store))
}

fn reply_sorted(view: &View<'_>, args: &Args<'_>, options: &SortOptions<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let sorted = sort::sort(view, &args.key(1), options)?;
    reply.array(sorted.len());
    sorted.for_each(|value| reply_string(reply, value));
    Ok(())
}

fn sort(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (options, store) = options(args, true)?;
    match store {
        Some(destination) => {
            reply.count(sort::sort_and_store(view, &args.key(1), &view.key(destination), &options)?);
            Ok(())
        }
        None => reply_sorted(view, args, &options, reply),
    }
}

fn sort_ro(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let (options, _) = options(args, false)?;
    reply_sorted(view, args, &options, reply)
}
