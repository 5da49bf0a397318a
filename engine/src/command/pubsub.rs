//! Publishing, and hearing of what is published.

use std::collections::HashSet;

use super::introspection::help;
use super::{Args, Caller, ChannelKind, Context, Core, Flags, Group, KeyFlags, KeySpec, Reply, Run, Spec, Subscriber};
use crate::error::Result;
use crate::sync::atomic::Ordering::Relaxed;

const HEAR: Flags = Flags::PUBSUB.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE);
const ASK: Flags = Flags::PUBSUB.union(Flags::LOADING).union(Flags::STALE);
const SAY: Flags = ASK.union(Flags::FAST);
/// Shard channels are routed as keys are, but nothing is stored under them.
const SHARD: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::NOT_KEY)];

const fn spec(name: &'static str, arity: i32, flags: Flags, run: Run) -> Spec {
    Spec::new(name, arity, Group::PubSub, run).flags(flags)
}

const SUBCOMMANDS: &[Spec] = &[
    spec("channels", -2, ASK, Run::Context(&channels)).docs(
        "2.8.0",
        "Lists the channels that somebody hears.",
        "O(N) where N is the number of channels.",
        "[pattern]",
    ),
    spec("help", 2, Flags::LOADING.union(Flags::STALE), Run::Context(&help)).docs(
        "6.2.0",
        "Lists the subcommands.",
        "O(1)",
        "",
    ),
    spec("numpat", 2, ASK, Run::Context(&numpat)).docs("2.8.0", "Counts the patterns that somebody hears.", "O(1)", ""),
    spec("numsub", -2, ASK, Run::Context(&numsub)).docs(
        "2.8.0",
        "Counts the subscribers of channels.",
        "O(N) where N is the number of channels asked for.",
        "[channel [channel ...]]",
    ),
    spec("shardchannels", -2, ASK, Run::Context(&shardchannels)).docs(
        "7.0.0",
        "Lists the shard channels that somebody hears.",
        "O(N) where N is the number of shard channels.",
        "[pattern]",
    ),
    spec("shardnumsub", -2, ASK, Run::Context(&shardnumsub)).docs(
        "7.0.0",
        "Counts the subscribers of shard channels.",
        "O(N) where N is the number of shard channels asked for.",
        "[shardchannel [shardchannel ...]]",
    ),
];

pub(super) const COMMANDS: &[Spec] = &[
    spec("psubscribe", -2, HEAR, Run::Context(&psubscribe)).docs(
        "2.0.0",
        "Hears all channels whose names match a pattern.",
        "O(N) where N is the number of patterns.",
        "pattern [pattern ...]",
    ),
    spec("publish", 3, SAY, Run::Context(&publish)).docs(
        "2.0.0",
        "Sends a message to all who hear a channel.",
        "O(N+M) where N is the number of subscribers of the channel and M that of all patterns.",
        "channel message",
    ),
    spec("pubsub", -2, Flags::empty(), Run::Container)
        .docs("2.8.0", "Commands about channels.", "That of the subcommand", "")
        .subcommands(SUBCOMMANDS),
    spec("punsubscribe", -1, HEAR, Run::Context(&punsubscribe)).docs(
        "2.0.0",
        "Ends subscriptions to patterns, or to all of them.",
        "O(N) where N is the number of patterns.",
        "[pattern [pattern ...]]",
    ),
    spec("spublish", 3, SAY, Run::Context(&spublish)).keys(&[KeySpec::at(1, KeyFlags::NOT_KEY)]).docs(
        "7.0.0",
        "Sends a message to all who hear a shard channel.",
        "O(N) where N is the number of subscribers.",
        "shardchannel message",
    ),
    spec("ssubscribe", -2, HEAR, Run::Context(&ssubscribe)).keys(SHARD).docs(
        "7.0.0",
        "Hears shard channels.",
        "O(N) where N is the number of shard channels.",
        "shardchannel [shardchannel ...]",
    ),
    spec("subscribe", -2, HEAR, Run::Context(&subscribe)).docs(
        "2.0.0",
        "Hears channels.",
        "O(N) where N is the number of channels.",
        "channel [channel ...]",
    ),
    spec("sunsubscribe", -1, HEAR, Run::Context(&sunsubscribe)).keys(SHARD).docs(
        "7.0.0",
        "Ends subscriptions to shard channels, or to all of them.",
        "O(N) where N is the number of shard channels.",
        "[shardchannel [shardchannel ...]]",
    ),
    spec("unsubscribe", -1, HEAR, Run::Context(&unsubscribe)).docs(
        "2.0.0",
        "Ends subscriptions to channels, or to all of them.",
        "O(N) where N is the number of channels.",
        "[channel [channel ...]]",
    ),
];

/// What a session hears, by kind.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: [HashSet<Box<[u8]>>; 3],
}

impl Subscriptions {
    fn of(&mut self, kind: ChannelKind) -> &mut HashSet<Box<[u8]>> {
        &mut self.names[kind as usize]
    }

    fn count(&self, kind: ChannelKind) -> usize {
        self.names[kind as usize].len()
    }

    /// The count that replies to (un)subscribing carry: shard channels are counted apart.
    fn count_beside(&self, kind: ChannelKind) -> usize {
        match kind {
            ChannelKind::Shard => self.count(kind),
            _ => self.count(ChannelKind::Channel) + self.count(ChannelKind::Pattern),
        }
    }
}

impl Caller {
    fn subscriptions(&mut self) -> &mut Subscriptions {
        self.subscriptions.get_or_insert_default()
    }

    fn note_subscriptions(&mut self, kind: ChannelKind) {
        let count = self.subscriptions().count(kind);
        self.client.subscriptions[kind as usize].store(count as u32, Relaxed);
    }

    /// Hears a channel; returns whether it did not before.
    fn hear(&mut self, core: &Core, kind: ChannelKind, name: &[u8]) -> bool {
        let new = self.subscriptions().of(kind).insert(name.into());
        if new {
            self.note_subscriptions(kind);
            core.channels.subscribe(kind, name, Subscriber::Client(self.client.clone()));
        }
        new
    }

    fn hear_no_more(&mut self, core: &Core, kind: ChannelKind, name: &[u8]) {
        if self.subscriptions().of(kind).remove(name) {
            core.channels.unsubscribe(kind, name, &Subscriber::Client(self.client.clone()));
            self.note_subscriptions(kind);
        }
    }

    /// Ends all subscriptions. O(subscriptions).
    pub(crate) fn hear_nothing(&mut self, core: &Core) {
        if self.subscriptions.is_none() {
            return;
        }
        for kind in [ChannelKind::Channel, ChannelKind::Pattern, ChannelKind::Shard] {
            for name in std::mem::take(self.subscriptions().of(kind)) {
                core.channels.unsubscribe(kind, &name, &Subscriber::Client(self.client.clone()));
            }
            self.note_subscriptions(kind);
        }
        self.subscriptions = None;
    }
}

/// One of the replies to (un)subscribing.
fn changed(context: &mut Context<'_>, reply: &mut Reply<'_>, kind: ChannelKind, word: &str, name: Option<&[u8]>) {
    reply.push(3);
    reply.bulk(word.as_bytes());
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.count(context.caller.subscriptions().count_beside(kind));
}

fn hear_all(
    context: &mut Context<'_>,
    args: &Args<'_>,
    reply: &mut Reply<'_>,
    kind: ChannelKind,
    word: &str,
) -> Result<()> {
    context.caller.must_hear()?;
    for name in args.from(1) {
        context.caller.hear(context.core, kind, name);
        changed(context, reply, kind, word, Some(name));
    }
    Ok(())
}

fn hear_no_more(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: ChannelKind, word: &str) {
    let all: Vec<Box<[u8]>> = match args.from(1) {
        [] => context.caller.subscriptions().of(kind).iter().cloned().collect(),
        some => some.iter().map(|&name| name.into()).collect(),
    };
    for name in &all {
        context.caller.hear_no_more(context.core, kind, name);
        changed(context, reply, kind, word, Some(name));
    }
    if all.is_empty() {
        changed(context, reply, kind, word, None);
    }
}

fn subscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_all(context, args, reply, ChannelKind::Channel, "subscribe")
}

fn psubscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_all(context, args, reply, ChannelKind::Pattern, "psubscribe")
}

fn ssubscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_all(context, args, reply, ChannelKind::Shard, "ssubscribe")
}

fn unsubscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_no_more(context, args, reply, ChannelKind::Channel, "unsubscribe");
    Ok(())
}

fn punsubscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_no_more(context, args, reply, ChannelKind::Pattern, "punsubscribe");
    Ok(())
}

fn sunsubscribe(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    hear_no_more(context, args, reply, ChannelKind::Shard, "sunsubscribe");
    Ok(())
}

fn publish(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.channels.publish(ChannelKind::Channel, args.get(1), args.get(2)));
    Ok(())
}

fn spublish(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.channels.publish(ChannelKind::Shard, args.get(1), args.get(2)));
    Ok(())
}

fn list(context: &Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: ChannelKind) -> Result<()> {
    let pattern = match *args.from(2) {
        [] => None,
        [pattern] => Some(pattern),
        _ => return Err(super::introspection::unknown_or_arity(args)),
    };
    let names = context.core.channels.list(kind, pattern);
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Ok(())
}

fn channels(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(context, args, reply, ChannelKind::Channel)
}

fn shardchannels(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    list(context, args, reply, ChannelKind::Shard)
}

fn numpat(context: &mut Context<'_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    reply.count(context.core.channels.count(ChannelKind::Pattern));
    Ok(())
}

fn count_subscribers(context: &Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: ChannelKind) {
    let names = args.from(2);
    reply.array(names.len() * 2);
    for name in names {
        reply.bulk(name);
        reply.count(context.core.channels.subscribers(kind, name));
    }
}

fn numsub(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    count_subscribers(context, args, reply, ChannelKind::Channel);
    Ok(())
}

fn shardnumsub(context: &mut Context<'_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Result<()> {
    count_subscribers(context, args, reply, ChannelKind::Shard);
    Ok(())
}
