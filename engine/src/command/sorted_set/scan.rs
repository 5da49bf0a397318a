//! ZSCAN and ZRANDMEMBER.

use super::{Args, Form, KeySpec, READ, READS, Reply, Run, Spec, reply_member, spec};
use crate::codec::num;
use crate::error::{Error, Result};
use crate::keyspace::View;
use crate::operation::{draws, sorted_set};

pub(super) const ZSCAN: Spec = spec("zscan", -3, Run::Keys(&zscan))
    .flags(READ)
    .keys(&[KeySpec::at(1, READS)])
    .tips(&["nondeterministic_output"])
    .docs(
        "2.8.0",
        "Lists members with their scores bit by bit: each member that stays is given exactly once.",
        "O(1) for each call, O(N) for all N members",
        "key cursor [MATCH pattern] [COUNT count]",
    );

pub(super) const ZRANDMEMBER: Spec = spec("zrandmember", -2, Run::Keys(&zrandmember))
    .flags(READ)
    .keys(&[KeySpec::at(1, READS)])
    .tips(&["nondeterministic_output"])
    .docs(
        "6.2.0",
        "Gives any members.",
        "O(N*log(M)) where N is the number of members given and M that of all.",
        "key [<count [WITHSCORES]>]",
    );

/// The lowest bits of a position, always zero, that a cursor leaves out: clients keep cursors in doubles.
const CURSOR_SHIFT: u32 = 16;

fn zscan(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let cursor = num::parse_cursor(args.get(2)).ok_or_else(|| Error::new("ERR invalid cursor"))?;
    let key = args.key(1);
    let (mut pattern, mut count) = (None, 10);
    // A key that is not there has no members, whatever else is asked.
    if sorted_set::check(view, &key)? {
        let mut i = 3;
        while i < args.len() {
            if args.is(i, "count") && i + 1 < args.len() {
                count = usize::try_from(args.int(i + 1)?).ok().filter(|&n| n > 0).ok_or(Error::SYNTAX)?;
            } else if args.is(i, "match") && i + 1 < args.len() {
                pattern = Some(args.get(i + 1));
            } else {
                return Err(Error::SYNTAX);
            }
            i += 2;
        }
    }
    let mut found: Vec<(Vec<u8>, f64)> = Vec::new();
    let mut next = None;
    // A cursor that no call of ours has given lies behind the last member.
    if cursor >> (64 - CURSOR_SHIFT) == 0 {
        next = sorted_set::scan(view, &key, cursor << CURSOR_SHIFT, pattern, count, |member, score| {
            found.push((member.to_vec(), score));
        })?;
    }
    reply.array(2);
    reply.bulk(itoa::Buffer::new().format(next.map_or(0, |at| at >> CURSOR_SHIFT)).as_bytes());
    reply.array(found.len() * 2);
    let mut text = Vec::new();
    for (member, score) in &found {
        reply.bulk(member);
        // Strings, whatever the protocol.
        text.clear();
        num::write_f64(&mut text, *score);
        reply.bulk(&text);
    }
    Ok(())
}

fn zrandmember(view: &mut View<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    let key = args.key(1);
    if args.len() == 2 {
        match sorted_set::random(view, &key)? {
            Some((member, _)) => reply_member(reply, member),
            None => reply.null(),
        }
        return Ok(());
    }
    let count = args.int(2)?;
    draws::check(count)?;
    let scores = match args.len() {
        3 => false,
        4 if args.is(3, "withscores") => true,
        _ => return Err(Error::SYNTAX),
    };
    if scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::new("ERR value is out of range"));
    }
    let form = Form::of(reply, scores);
    let begin = |members| {
        form.begin(reply, members);
        reply
    };
    sorted_set::random_members(view, &key, count, begin, |reply, member, score| form.member(reply, member, score))?;
    Ok(())
}
