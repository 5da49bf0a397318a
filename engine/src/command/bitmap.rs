//! Bitmaps.

use super::{Args, Categories, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::{Key, View};
use crate::operation::bitmap::{self, BIT_OPS, BitRange, BitUnit, FieldOp, bad_offset, check_offset};
use crate::operation::string;
use crate::value::bits::{Field, Overflow};

const READS: KeyFlags = KeyFlags::RO.union(KeyFlags::ACCESS);
const CHANGES: KeyFlags = KeyFlags::RW.union(KeyFlags::ACCESS).union(KeyFlags::UPDATE);
const GROWS: Flags = Flags::WRITE.union(Flags::DENYOOM);
const FAST_READ: Flags = Flags::READONLY.union(Flags::FAST);

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Bitmap, run).categories(Categories::BITMAP)
}

pub(super) const COMMANDS: &[Spec] = &[
    spec("bitcount", -2, Run::Keys(&bitcount)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "2.6.0",
        "Counts the bits of a string that are set.",
        "O(N) where N is the length of the part that is looked at.",
        "key [start [end [BYTE | BIT]]]",
    ),
    spec("bitfield", -2, Run::Keys(&bitfield))
        .flags(GROWS)
        .keys(&[KeySpec::at(1, CHANGES.union(KeyFlags::VARIABLE_FLAGS))])
        .docs(
            "3.2.0",
            "Reads, sets and adds to integers of any width within a string.",
            "O(1) for each step.",
            "key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | \
             INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] \
             <SET encoding offset value | INCRBY encoding offset increment> ...]]",
        ),
    spec("bitfield_ro", -2, Run::Keys(&bitfield_ro)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "6.0.0",
        "Reads integers of any width within a string.",
        "O(1) for each step.",
        "key [GET encoding offset [GET encoding offset ...]]",
    ),
    spec("bitop", -4, Run::Keys(&bitop))
        .flags(GROWS)
        .keys(&[KeySpec::at(2, KeyFlags::OW.union(KeyFlags::UPDATE)), KeySpec::range(3, -1, 1, READS)])
        .docs(
            "2.6.0",
            "Combines strings bit by bit and stores the result.",
            "O(N) where N is the length of the longest string.",
            "<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
        ),
    spec("bitpos", -3, Run::Keys(&bitpos)).flags(Flags::READONLY).keys(&[KeySpec::at(1, READS)]).docs(
        "2.8.7",
        "Finds the first bit of a string that is set, or that is clear.",
        "O(N) where N is the length of the part that is looked at.",
        "key bit [start [end [BYTE | BIT]]]",
    ),
    spec("getbit", 3, Run::Keys(&getbit)).flags(FAST_READ).keys(&[KeySpec::at(1, READS)]).docs(
        "2.2.0",
        "Gives a bit of a string.",
        "O(1)",
        "key offset",
    ),
    spec("setbit", 4, Run::Keys(&setbit)).flags(GROWS).keys(&[KeySpec::at(1, CHANGES)]).docs(
        "2.2.0",
        "Sets or clears a bit of a string and gives what it was.",
        "O(1)",
        "key offset value",
    ),
];

/// A bit's place. `#n` is the `n`th field of a width; as in Redis the product may wrap around.
fn offset(view: &View<'_>, text: &[u8], width: Option<u8>) -> Result<u64> {
    let (number, scale) = match (width, text) {
        (Some(width), [b'#', number @ ..]) => (number, i64::from(width)),
        _ => (text, 1),
    };
    let n = num::parse_i64(number).ok_or_else(bad_offset)?.wrapping_mul(scale);
    check_offset(view, u64::try_from(n).map_err(|_| bad_offset())?)
}

fn getbit(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let bit = offset(view, args.get(2), None)?;
    reply.int(bitmap::get_bit(view, &args.key(1), bit)?.into());
    Ok(())
}

fn setbit(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let bit = offset(view, args.get(2), None)?;
    let on = match args.int(3) {
        Ok(0) => false,
        Ok(1) => true,
        _ => return Err(Error::new("ERR bit is not an integer or out of range")),
    };
    reply.int(bitmap::set_bit(view, &args.key(1), bit, on)?.into());
    Ok(())
}

/// Whether a key is there; the commands that look at a part of a string answer for a missing key, and refuse another
/// type, before they read their numbers.
fn is_there(view: &View<'_>, key: &Key<'_>) -> Result<bool> {
    Ok(string::peek(view, key)?.is_some())
}

fn unit(word: Option<&&[u8]>) -> Result<BitUnit> {
    match word {
        None => Ok(BitUnit::Byte),
        Some(word) if word.eq_ignore_ascii_case(b"BYTE") => Ok(BitUnit::Byte),
        Some(word) if word.eq_ignore_ascii_case(b"BIT") => Ok(BitUnit::Bit),
        Some(_) => Err(Error::SYNTAX),
    }
}

fn bitcount(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let mut range = BitRange::default();
    // A start without an end came when numbers were read before the key was looked at.
    if args.len() == 3 {
        args.int(2)?;
    }
    if is_there(view, &key)? {
        if args.len() > 5 {
            return Err(Error::SYNTAX);
        }
        if args.len() > 2 {
            range.start = args.int(2)?;
        }
        if args.len() > 3 {
            let end = args.int(3)?;
            range.end = Some(end);
            // Redis is content with such a part before it looks at the unit.
            if range.start >= 0 || end >= 0 || range.start <= end {
                range.unit = unit(args.from(4).first())?;
            }
        }
    }
    reply.int(bitmap::count(view, &key, range)? as i64);
    Ok(())
}

fn bitpos(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    let on = match args.int(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::new("ERR The bit argument must be 1 or 0.")),
    };
    let mut range = BitRange::default();
    if is_there(view, &key)? {
        if args.len() > 6 {
            return Err(Error::SYNTAX);
        }
        if args.len() > 3 {
            range.start = args.int(3)?;
        }
        range.unit = unit(args.from(5).first())?;
        if args.len() > 4 {
            range.end = Some(args.int(4)?);
        }
    }
    let found = bitmap::position(view, &key, on, range)?;
    reply.int(found.and_then(|bit| i64::try_from(bit).ok()).unwrap_or(-1));
    Ok(())
}

fn bitop(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let op = BIT_OPS.iter().find(|(name, _)| args.is(1, name)).map(|(_, op)| *op).ok_or(Error::SYNTAX)?;
    let sources: Vec<Key<'_>> = args.keys().skip(1).collect();
    reply.count(bitmap::bitop(view, op, &args.key(2), &sources)?);
    Ok(())
}

/// The steps of BITFIELD.
fn steps(view: &View<'_>, words: &[&[u8]]) -> Result<Vec<FieldOp>> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        rest = match after {
            [to, after @ ..] if is("OVERFLOW") => {
                overflow = overflow_of(to)?;
                after
            }
            [encoding, place, after @ ..] if is("GET") => {
                let (field, bit) = place_of(view, encoding, place)?;
                steps.push(FieldOp::get(field, bit));
                after
            }
            [encoding, place, value, after @ ..] if is("SET") || is("INCRBY") => {
                let (field, bit) = place_of(view, encoding, place)?;
                let value = num::parse_i64(value).ok_or(Error::NOT_INTEGER)?;
                let step = if is("SET") { FieldOp::set } else { FieldOp::incr_by };
                steps.push(step(field, bit, value).overflow(overflow));
                after
            }
            _ => return Err(Error::SYNTAX),
        };
    }
    Ok(steps)
}

fn overflow_of(word: &[u8]) -> Result<Overflow> {
    let modes = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Sat), ("FAIL", Overflow::Fail)];
    let found = modes.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, mode)| mode).ok_or_else(|| Error::new("ERR Invalid OVERFLOW type specified"))
}

fn place_of(view: &View<'_>, encoding: &[u8], place: &[u8]) -> Result<(Field, u64)> {
    let field = Field::parse(encoding).ok_or_else(|| {
        Error::new("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
    })?;
    Ok((field, offset(view, place, Some(field.width()))?))
}

fn bitfield(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let steps = steps(view, args.from(2))?;
    let results = bitmap::bitfield(view, &args.key(1), &steps)?;
    reply.array(results.len());
    for result in results {
        match result {
            Some(n) => reply.int(n),
            None => reply.null(),
        }
    }
    Ok(())
}

fn bitfield_ro(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let steps = steps(view, args.from(2))?;
    let fields = steps.iter().map(|step| match step {
        FieldOp::Get { field, bit } => Ok((*field, *bit)),
        _ => Err(Error::new("ERR BITFIELD_RO only supports the GET subcommand")),
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    let values = bitmap::get_fields(view, &args.key(1), fields.into_iter())?;
    reply.array(values.len());
    values.into_iter().for_each(|n| reply.int(n));
    Ok(())
}
