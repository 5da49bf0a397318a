//! Streams: adding, removing and reading entries.

mod add;
mod claim;
mod group;
mod read;

pub use add::{NewId, StreamTrim, XAddOptions, add, delete, set_id, trim};
pub use claim::{AutoClaim, AutoClaimed, DeliveredAt, XClaimOptions, auto_claim, claim};
pub use group::{
    GroupStart, acknowledge, check_group, check_key, create_consumer, create_group, delete_consumer, destroy_group,
    group, group_of, set_group,
};
pub use read::{
    ReadFrom, Reader, check_reader, find_start, has_after, has_new, peek, range, read_after, read_history, read_new,
    stream,
};

use crate::keyspace::{Event, EventClass, View};
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::stream::BlockLimits;

/// An event of the stream class.
const fn event(name: &'static str) -> Event {
    Event::new(EventClass::Stream, name)
}

fn block_limits(view: &View<'_>) -> BlockLimits {
    let settings = view.space().settings();
    BlockLimits {
        bytes: settings.stream_node_max_bytes.load(Relaxed),
        entries: settings.stream_node_max_entries.load(Relaxed),
    }
}
