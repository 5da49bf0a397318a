//! Channels: who hears what is published.
//!
//! A message is put together once, as the bytes that every subscriber gets: the two versions of the protocol differ in
//! its first byte alone. Subscribers are reached through their [`Client`], whose own thread sends what was pushed.
//!
//! Locks are taken after those of the keyspace (events are published while stripes are held) and before those of a
//! client's pushes. No two of them are held at once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::codec::glob::glob_match;
use crate::slot::Slot;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::{Mutex, RwLock};

use super::Client;

/// A name space of subscriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelKind {
    /// `SUBSCRIBE`.
    Channel,
    /// `PSUBSCRIBE`.
    Pattern,
    /// `SSUBSCRIBE`.
    Shard,
}

/// What a subscriber in the same process hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel that it was published on.
    pub channel: Vec<u8>,
    /// The pattern that matched, if it was that which was subscribed to.
    pub pattern: Option<Vec<u8>>,
    /// What was published.
    pub payload: Vec<u8>,
}

/// Who hears a channel.
#[derive(Clone)]
pub(crate) enum Subscriber {
    /// A session.
    Client(Arc<Client>),
    /// A subscription in Rust, by its number.
    Local(u64, Arc<Inbox>),
}

/// Messages that a subscription in Rust has yet to take.
#[derive(Default)]
pub(crate) struct Inbox {
    messages: Mutex<VecDeque<Message>>,
    /// Where whoever wants the next one waits.
    pub(crate) slot: Slot<()>,
}

impl Inbox {
    fn put(&self, message: Message) {
        self.messages.lock().push_back(message);
        self.slot.wake();
    }

    /// The next message, if there is one.
    pub(crate) fn take(&self) -> Option<Message> {
        self.messages.lock().pop_front()
    }
}

impl Subscriber {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client(a), Self::Client(b)) => Arc::ptr_eq(a, b),
            (Self::Local(a, _), Self::Local(b, _)) => a == b,
            _ => false,
        }
    }
}

type Names = HashMap<Box<[u8]>, Vec<Subscriber>>;

/// All subscriptions of an engine.
#[derive(Default)]
pub struct Channels {
    channels: RwLock<Names>,
    shards: RwLock<Names>,
    patterns: RwLock<Names>,
    /// Patterns that are subscribed to: most often none, and then nobody looks for them.
    pattern_count: AtomicUsize,
    last_local: AtomicUsize,
}

impl Channels {
    fn names(&self, kind: ChannelKind) -> &RwLock<Names> {
        match kind {
            ChannelKind::Channel => &self.channels,
            ChannelKind::Pattern => &self.patterns,
            ChannelKind::Shard => &self.shards,
        }
    }

    /// Makes somebody hear a channel; they do not yet. O(1).
    pub(crate) fn subscribe(&self, kind: ChannelKind, name: &[u8], who: Subscriber) {
        let mut names = self.names(kind).write();
        names.entry(name.into()).or_default().push(who);
        if kind == ChannelKind::Pattern {
            self.pattern_count.store(names.len(), Relaxed);
        }
    }

    /// Ends that. O(subscribers of the channel).
    pub(crate) fn unsubscribe(&self, kind: ChannelKind, name: &[u8], who: &Subscriber) {
        let mut names = self.names(kind).write();
        if let Some(subscribers) = names.get_mut(name) {
            subscribers.retain(|s| !s.is(who));
            if subscribers.is_empty() {
                names.remove(name);
            }
        }
        if kind == ChannelKind::Pattern {
            self.pattern_count.store(names.len(), Relaxed);
        }
    }

    /// A number for a subscription in Rust.
    pub(crate) fn next_local(&self) -> u64 {
        self.last_local.fetch_add(1, Relaxed) as u64
    }

    /// Sends a message to all who hear the channel, and returns to how many. O(subscribers + patterns).
    pub fn publish(&self, kind: ChannelKind, channel: &[u8], payload: &[u8]) -> usize {
        let mut receivers = 0;
        if let Some(subscribers) = self.names(kind).read().get(channel) {
            let word: &[u8] = if kind == ChannelKind::Shard { b"smessage" } else { b"message" };
            let bytes = pushed(&[word, channel, payload]);
            let message = || Message { channel: channel.to_vec(), pattern: None, payload: payload.to_vec() };
            deliver(subscribers, &bytes, message);
            receivers += subscribers.len();
        }
        if kind == ChannelKind::Channel && self.pattern_count.load(Relaxed) > 0 {
            receivers += self.publish_to_patterns(channel, payload);
        }
        receivers
    }

    fn publish_to_patterns(&self, channel: &[u8], payload: &[u8]) -> usize {
        let mut receivers = 0;
        for (pattern, subscribers) in self.patterns.read().iter() {
            if glob_match(pattern, channel, false) {
                let bytes = pushed(&[b"pmessage", pattern, channel, payload]);
                deliver(subscribers, &bytes, || Message {
                    channel: channel.to_vec(),
                    pattern: Some(pattern.to_vec()),
                    payload: payload.to_vec(),
                });
                receivers += subscribers.len();
            }
        }
        receivers
    }

    /// Whether nobody could hear a message on an ordinary channel.
    pub fn is_silent(&self) -> bool {
        self.pattern_count.load(Relaxed) == 0 && self.channels.read().is_empty()
    }

    /// How many channels, patterns or shard channels somebody hears. O(1).
    pub fn count(&self, kind: ChannelKind) -> usize {
        self.names(kind).read().len()
    }

    /// How many hear a channel. O(1).
    pub fn subscribers(&self, kind: ChannelKind, name: &[u8]) -> usize {
        self.names(kind).read().get(name).map_or(0, Vec::len)
    }

    /// The channels that somebody hears, those that match a pattern. O(channels).
    pub fn list(&self, kind: ChannelKind, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let names = self.names(kind).read();
        names.keys().filter(|name| pattern.is_none_or(|p| glob_match(p, name, false))).cloned().collect()
    }
}

fn deliver(subscribers: &[Subscriber], bytes: &[u8], message: impl Fn() -> Message) {
    for subscriber in subscribers {
        match subscriber {
            Subscriber::Client(client) => client.push(bytes),
            Subscriber::Local(_, inbox) => inbox.put(message()),
        }
    }
}

/// A push of some strings as RESP3 has it; see [`Client::push`].
pub(crate) fn pushed(words: &[&[u8]]) -> Vec<u8> {
    let mut number = itoa::Buffer::new();
    let mut bytes = Vec::with_capacity(words.iter().map(|w| w.len() + 16).sum::<usize>() + 8);
    bytes.push(b'>');
    bytes.extend_from_slice(number.format(words.len()).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for word in words {
        bytes.push(b'$');
        bytes.extend_from_slice(number.format(word.len()).as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Clients, Origin};

    fn subscriber(client: &Arc<Client>) -> Subscriber {
        Subscriber::Client(client.clone())
    }

    #[test]
    fn publish_reaches_who_subscribed_and_nobody_else() {
        let (channels, clients) = (Channels::default(), Clients::default());
        let [a, b] = [(); 2].map(|()| clients.add(Origin::default(), 0, None));
        assert!(channels.is_silent());
        channels.subscribe(ChannelKind::Channel, b"news", subscriber(&a));
        channels.subscribe(ChannelKind::Pattern, b"n*", subscriber(&b));
        channels.subscribe(ChannelKind::Shard, b"news", subscriber(&b));
        assert_eq!(channels.publish(ChannelKind::Channel, b"news", b"hello"), 2);
        assert_eq!(channels.publish(ChannelKind::Channel, b"other", b"hello"), 0);
        assert_eq!(a.take_pushes(), b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
        assert_eq!(b.take_pushes(), b"*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
        b.resp.store(3, Relaxed);
        assert_eq!(channels.publish(ChannelKind::Shard, b"news", b"x"), 1);
        assert_eq!(b.take_pushes(), b">3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
        channels.unsubscribe(ChannelKind::Channel, b"news", &subscriber(&a));
        channels.unsubscribe(ChannelKind::Pattern, b"n*", &subscriber(&b));
        assert_eq!(channels.publish(ChannelKind::Channel, b"news", b"hello"), 0);
        assert!(channels.is_silent() && channels.list(ChannelKind::Channel, None).is_empty());
    }
}
