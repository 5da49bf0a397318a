//! What a reply leaves open is settled by asking: whether what was chosen at random could be chosen. And what the
//! servers removed at random is put right, so that both hold the same again.

use super::Outcome;
use super::pair::{Pair, Side};
use crate::generate::{Command, Reading, Step};
use crate::normalise::{CHOSEN, Choice, choice_of};
use crate::resp::Reply;

/// Follows up the replies of a step, which have all been read.
pub(super) fn up(step: &Step, pair: &mut Pair, ours: &mut [Outcome], theirs: &mut [Outcome]) {
    if step.reading != Reading::Each {
        return;
    }
    for ((command, our), their) in step.commands.iter().zip(ours).zip(theirs) {
        if let Outcome::Reply(Reply::Error(text)) = &*our
            && text.starts_with(b"INVALIDOBJ")
        {
            // Redis may have added some elements to a spoilt HyperLogLog before it came to where it is spoilt.
            let del = vec![b"DEL".to_vec(), command[1..].first().cloned().unwrap_or_default()];
            pair.ours.ask(&del);
            pair.theirs.ask(&del);
        }
        let Some(choice) = choice_of(command) else { continue };
        let (Outcome::Reply(a), Outcome::Reply(b)) = (&*our, &*their) else { continue };
        if choice == Choice::Removed {
            if let (Some(popped), Some(kept)) = (elements(a), elements(b)) {
                let a = resynchronised(command, &mut pair.ours, &popped, &kept, a);
                let b = resynchronised(command, &mut pair.theirs, &kept, &kept, b);
                (*our, *their) = (Outcome::Reply(a), Outcome::Reply(b));
            }
            continue;
        }
        let (a, b) = (checked(command, choice, &mut pair.ours, a), checked(command, choice, &mut pair.theirs, b));
        (*our, *their) = (Outcome::Reply(a), Outcome::Reply(b));
    }
}

/// The strings of a reply, or the one that it is.
fn elements(reply: &Reply) -> Option<Vec<Vec<u8>>> {
    match reply {
        Reply::Array(items) | Reply::Set(items) => items.iter().map(|item| Some(item.text()?.to_vec())).collect(),
        Reply::Bulk(text) => Some(vec![text.clone()]),
        _ => None,
    }
}

/// What was removed is put back and what the real server removed is taken out: by both, so that they do alike with
/// encodings. The reply says whether all that was there to be removed, and leaves it open which it was.
fn resynchronised(command: &Command, side: &mut Side, popped: &[Vec<u8>], wanted: &[Vec<u8>], reply: &Reply) -> Reply {
    let key = command[1].clone();
    let with = |name: &str, members: &[Vec<u8>]| [&[name.into(), key.clone()], members].concat();
    if popped.is_empty() {
        return reply.clone();
    }
    // A set that is gone stays gone: both gave the same, and a deadline would not come back.
    if side.ask(&vec![b"EXISTS".to_vec(), key.clone()]) != Some(Reply::Integer(1)) {
        let mut sorted = popped.to_vec();
        sorted.sort();
        return Reply::Array(sorted.into_iter().map(Reply::Bulk).collect());
    }
    let answers = [side.ask(&with("SADD", popped)), side.ask(&with("SREM", wanted))];
    let [added, removed] = answers.map(|answer| answer.unwrap_or(Reply::Null));
    Reply::Array(vec![Reply::Simple(reply.kind().into()), Reply::Integer(popped.len() as i64), added, removed])
}

/// The reply with a word in place of each element that could be chosen, and how many of them differ where none may
/// be given twice.
fn checked(command: &Command, choice: Choice, side: &mut Side, reply: &Reply) -> Reply {
    let key = command[1..].first().cloned().unwrap_or_default();
    match (choice, reply) {
        (Choice::Key, Reply::Bulk(name)) => {
            let exists = vec![b"EXISTS".to_vec(), name.clone()];
            if side.ask(&exists) == Some(Reply::Integer(1)) { Reply::Bulk(CHOSEN.to_vec()) } else { reply.clone() }
        }
        (Choice::Member | Choice::Field | Choice::Scored, Reply::Bulk(name)) => {
            match is_there(side, choice, &key, name, None) {
                true => Reply::Bulk(CHOSEN.to_vec()),
                false => reply.clone(),
            }
        }
        (Choice::Member | Choice::Field | Choice::Scored, Reply::Array(items)) => {
            let with_more = command.get(3).is_some_and(|word| word.to_ascii_lowercase().starts_with(b"with"));
            let chosen = if with_more { paired(items) } else { items.iter().map(|item| (item, None)).collect() };
            let mut names: Vec<&[u8]> = Vec::new();
            for (name, more) in chosen {
                match name.text() {
                    Some(text) if is_there(side, choice, &key, text, more) => names.push(text),
                    _ => return reply.clone(),
                }
            }
            let count = names.len() as i64;
            let is_distinct = !command.get(2).is_some_and(|word| word.starts_with(b"-"));
            if is_distinct {
                names.sort_unstable();
                names.dedup();
            }
            let shape = Reply::Simple(items.first().map(Reply::kind).unwrap_or_default().into());
            let distinct = if is_distinct { names.len() as i64 } else { count };
            Reply::Array(vec![Reply::Integer(count), Reply::Integer(distinct), shape])
        }
        _ => reply.clone(),
    }
}

/// Elements with their values or scores: RESP3 gives pairs, RESP2 a flat array.
fn paired(items: &[Reply]) -> Vec<(&Reply, Option<&Reply>)> {
    match items.first() {
        Some(Reply::Array(_)) => items
            .iter()
            .filter_map(|item| match item {
                Reply::Array(pair) => Some((pair.first()?, pair.get(1))),
                _ => None,
            })
            .collect(),
        _ => items.chunks(2).map(|pair| (&pair[0], pair.get(1))).collect(),
    }
}

/// Whether a collection has an element, with this value or score if one is given.
fn is_there(side: &mut Side, choice: Choice, key: &[u8], name: &[u8], more: Option<&Reply>) -> bool {
    let question = match choice {
        Choice::Member => "SISMEMBER",
        Choice::Field => "HGET",
        _ => "ZSCORE",
    };
    let found = side.ask(&vec![question.into(), key.to_vec(), name.to_vec()]);
    match (choice, more) {
        (Choice::Member, _) => found == Some(Reply::Integer(1)),
        (_, None) => found.is_some_and(|reply| !matches!(reply, Reply::Null | Reply::NullBulk)),
        (_, Some(more)) => found.as_ref() == Some(more),
    }
}
