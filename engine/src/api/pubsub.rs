//! Publishing, and hearing of what is published, in the same process.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;

use crate::command::{ChannelKind, Core, Inbox, Message, Subscriber};
use crate::engine::Engine;

/// What was subscribed to, and the messages that have come. Ends with its last use.
///
/// Messages wait in memory until they are taken. As an iterator it waits for each next message and never ends; so it does
/// as a stream, under any runtime.
///
/// ```
/// use carnelian::{Engine, Options};
///
/// let engine = Engine::open(Options::new())?;
/// let news = engine.subscribe(&["news"]);
/// assert_eq!(engine.publish("news", "hello"), 1);
/// let message = news.try_next().expect("one has come");
/// assert_eq!((&message.channel[..], &message.payload[..]), (&b"news"[..], &b"hello"[..]));
/// drop(news);
/// assert_eq!(engine.publish("news", "anybody?"), 0);
/// # Ok::<(), carnelian::Error>(())
/// ```
pub struct Subscription {
    core: Arc<Core>,
    kind: ChannelKind,
    names: Vec<Vec<u8>>,
    who: Subscriber,
    inbox: Arc<Inbox>,
}

impl Subscription {
    fn new(core: Arc<Core>, kind: ChannelKind, names: &[impl AsRef<[u8]>]) -> Self {
        let inbox = Arc::<Inbox>::default();
        let who = Subscriber::Local(core.channels.next_local(), inbox.clone());
        let mut names: Vec<Vec<u8>> = names.iter().map(|name| name.as_ref().to_vec()).collect();
        // Once each, however often they were named.
        names.sort();
        names.dedup();
        for name in &names {
            core.channels.subscribe(kind, name, who.clone());
        }
        Self { core, kind, names, who, inbox }
    }

    /// The next message, if one has come. Under `appendfsync always` it is given when all that may be known from it is on the
    /// disk; if the disk fails it is lost, as messages may be.
    pub fn try_next(&self) -> Option<Message> {
        while let Some(message) = self.inbox.take() {
            if self.core.settle(self.core.log().visible()).is_ok() {
                return Some(message);
            }
        }
        None
    }

    /// The next message; `None` if none comes within `timeout`.
    pub fn next_timeout(&self, timeout: Duration) -> Option<Message> {
        self.wait(Instant::now().checked_add(timeout))
    }

    fn wait(&self, until: Option<Instant>) -> Option<Message> {
        loop {
            if let Some(message) = self.try_next() {
                return Some(message);
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return None;
            }
            self.inbox.slot.sleep(until);
        }
    }
}

impl Iterator for Subscription {
    type Item = Message;

    /// Waits for the next message.
    fn next(&mut self) -> Option<Message> {
        self.wait(None)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Message>> {
        // First, so that a message that comes after the look wakes the task.
        self.inbox.slot.register(context);
        self.try_next().map_or(Poll::Pending, |message| Poll::Ready(Some(message)))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        for name in &self.names {
            self.core.channels.unsubscribe(self.kind, name, &self.who);
        }
    }
}

impl Engine {
    /// PUBLISH: sends a message to all who hear the channel, sessions and subscriptions in Rust alike, and returns to
    /// how many. O(subscribers + patterns).
    pub fn publish(&self, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> usize {
        self.core().channels.publish(ChannelKind::Channel, channel.as_ref(), message.as_ref())
    }

    /// SPUBLISH: as [`publish`](Self::publish), for shard channels. O(subscribers).
    pub fn publish_to_shard(&self, channel: impl AsRef<[u8]>, message: impl AsRef<[u8]>) -> usize {
        self.core().channels.publish(ChannelKind::Shard, channel.as_ref(), message.as_ref())
    }

    /// SUBSCRIBE: hears channels from now on.
    pub fn subscribe(&self, channels: &[impl AsRef<[u8]>]) -> Subscription {
        Subscription::new(self.core().clone(), ChannelKind::Channel, channels)
    }

    /// PSUBSCRIBE: hears all channels whose names match a pattern. A message that several match comes once for each.
    ///
    /// ```
    /// # let engine = carnelian::Engine::open(carnelian::Options::new())?;
    /// let all = engine.subscribe_to_patterns(&["room:*"]);
    /// engine.publish("room:7", "hello");
    /// assert_eq!(all.try_next().and_then(|m| m.pattern).as_deref(), Some(&b"room:*"[..]));
    /// # Ok::<(), carnelian::Error>(())
    /// ```
    pub fn subscribe_to_patterns(&self, patterns: &[impl AsRef<[u8]>]) -> Subscription {
        Subscription::new(self.core().clone(), ChannelKind::Pattern, patterns)
    }

    /// SSUBSCRIBE: hears shard channels from now on.
    pub fn subscribe_to_shards(&self, channels: &[impl AsRef<[u8]>]) -> Subscription {
        Subscription::new(self.core().clone(), ChannelKind::Shard, channels)
    }
}
