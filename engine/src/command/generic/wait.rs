//! WAIT and WAITAOF: waiting until what was written is safe elsewhere.
//!
//! One node has no replicas, so there is nothing to wait for but the end of the time.

use crate::codec::num;
use crate::command::{Args, Block, Categories, Flags, Group, Reply, Run, Spec, blocking};
use crate::error::{Error, Result};
use crate::keyspace::View;

const TIPS: &[&str] = &["request_policy:all_shards", "response_policy:agg_min"];

const fn spec(name: &'static str, arity: i32, run: Run) -> Spec {
    Spec::new(name, arity, Group::Generic, run).flags(Flags::BLOCKING).categories(Categories::CONNECTION).tips(TIPS)
}

pub(super) const WAIT: Spec = spec("wait", 3, Run::Blocking(&wait)).docs(
    "3.0.0",
    "Waits until so many replicas have the connection's writes, and says how many have.",
    "O(1)",
    "numreplicas:integer timeout:integer",
);

pub(super) const WAITAOF: Spec = spec("waitaof", 4, Run::Blocking(&waitaof)).docs(
    "7.2.0",
    "Waits until the connection's writes are on disk here and at so many replicas, and says where they are.",
    "O(1)",
    "numlocal:integer numreplicas:integer timeout:integer",
);

fn wait<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let replicas = args.int(1)?;
    let timeout = blocking::millis(args.get(2), view.now())?;
    if replicas <= 0 {
        reply.int(0);
        return Ok(None);
    }
    Ok(Some(Block::idle(timeout, |reply| reply.int(0))))
}

fn waitaof<'a>(view: &mut View<'_>, args: &Args<'a>, reply: &mut Reply<'_>) -> Result<Option<Block<'a>>> {
    let number = |i: usize| num::parse_i64(args.get(i)).ok_or(Error::NOT_INTEGER);
    let local = number(1)?;
    if !(0..=1).contains(&local) {
        return Err(Error::new("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = number(2)?;
    if replicas < 0 {
        return Err(Error::new("ERR value is out of range, must be positive"));
    }
    let timeout = blocking::millis(args.get(3), view.now())?;
    let here = view.hurry_log();
    if local > 0 && here.is_none() {
        return Err(Error::new("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."));
    }
    // Replies are held until what they rest on is on the disk: nothing else has to wait for that.
    reply.depends_on(here.unwrap_or(0));
    let answer = if here.is_some() { only_here } else { neither };
    if replicas == 0 {
        answer(reply);
        return Ok(None);
    }
    Ok(Some(Block::idle(timeout, answer)))
}

/// On disk here, and at no replica.
fn only_here(reply: &mut Reply<'_>) {
    reply.array(2);
    reply.int(1);
    reply.int(0);
}

/// Not on disk here, nor at any replica.
fn neither(reply: &mut Reply<'_>) {
    reply.array(2);
    reply.int(0);
    reply.int(0);
}
