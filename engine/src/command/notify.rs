//! Keyspace notifications: events of keys, published on channels for those who asked for their class.
//!
//! While no class is asked for, the notifier wants nothing, and events are not even put together.

use std::sync::Arc;

use super::{ChannelKind, Channels};
use crate::keyspace::{Event, Keyspace, Listener, Wants};
use crate::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// `K`: on a channel for each key.
const KEYSPACE: u32 = 1;
/// `E`: on a channel for each event.
const KEYEVENT: u32 = 2;
/// The letters of `notify-keyspace-events` that `A` stands for, in the order in which Redis shows them.
const ALL: &str = "g$lshzxetd";
/// All others, in that order.
const OTHERS: &str = "nKEm";

/// Publishes events.
pub(crate) struct Notifier {
    channels: Arc<Channels>,
    /// The classes that are published, as [`class_bit`] has them, with [`KEYSPACE`] and [`KEYEVENT`]; 0 if none is on
    /// any channel.
    classes: AtomicU32,
}

const fn class_bit(letter: u8) -> u32 {
    match letter {
        b'K' => KEYSPACE,
        b'E' => KEYEVENT,
        b'$' => 1 << 2,
        // Letters from `a` to `z` have the bits from 3 on.
        _ => 1 << (letter - b'a' + 3),
    }
}

/// Brings letters into the form in which Redis shows them.
///
/// # Errors
/// Redis's explanation, if there is a letter that it does not know.
pub(crate) fn canonical(letters: &str) -> std::result::Result<String, String> {
    let has = |letter: char| letters.contains(letter) || (letters.contains('A') && ALL.contains(letter));
    if letters.chars().any(|letter| letter != 'A' && !ALL.contains(letter) && !OTHERS.contains(letter)) {
        return Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into());
    }
    let all = ALL.chars().all(has);
    let classes = if all { "A" } else { ALL };
    // Redis hides `n` behind `A`, and so forgets it with CONFIG REWRITE.
    Ok(classes.chars().chain(OTHERS.chars()).filter(|&letter| all && letter == 'A' || has(letter)).collect())
}

impl Notifier {
    pub(crate) fn new(channels: Arc<Channels>) -> Self {
        Self { channels, classes: AtomicU32::new(0) }
    }

    /// Publishes events of the classes that `letters`, in canonical form, stand for.
    pub(crate) fn set(&self, keyspace: &Keyspace, letters: &str) {
        let expanded = letters.replace('A', ALL);
        let classes = expanded.bytes().fold(0, |classes, letter| classes | class_bit(letter));
        let is_heard = classes & (KEYSPACE | KEYEVENT) != 0 && classes & !(KEYSPACE | KEYEVENT) != 0;
        self.classes.store(if is_heard { classes } else { 0 }, Relaxed);
        keyspace.ask_listeners();
    }
}

impl Listener for Notifier {
    fn wants(&self) -> Wants {
        let classes = self.classes.load(Relaxed);
        let of = |letters: &str| letters.bytes().fold(0, |bits, letter| bits | class_bit(letter));
        let wants = |bits: u32, wants: Wants| if classes & bits == 0 { Wants::empty() } else { wants };
        wants(of(ALL), Wants::EVENTS) | wants(of("m"), Wants::MISSES) | wants(of("n"), Wants::NEW)
    }

    fn event(&self, db: u32, event: Event, key: &[u8]) {
        let classes = self.classes.load(Relaxed);
        if classes & class_bit(event.class as u8) == 0 || self.channels.is_silent() {
            return;
        }
        let channel = |kind: &str, name: &[u8]| [format!("__{kind}@{db}__:").as_bytes(), name].concat();
        if classes & KEYSPACE != 0 {
            self.channels.publish(ChannelKind::Channel, &channel("keyspace", key), event.name.as_bytes());
        }
        if classes & KEYEVENT != 0 {
            self.channels.publish(ChannelKind::Channel, &channel("keyevent", event.name.as_bytes()), key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_classes_are_shown_as_redis_shows_them() {
        for (set, shown) in [
            ("", ""),
            ("mnKEA", "AnKEm"),
            ("nmdtexzhsl$gEK", "AnKEm"),
            ("mdtKn", "tdnKm"),
            ("An", "An"),
            ("Kn$K", "$nK"),
        ] {
            assert_eq!(canonical(set).as_deref(), Ok(shown));
        }
        let refused = canonical("Kq");
        assert_eq!(refused, Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()));
    }

    #[test]
    fn every_class_has_a_bit_of_its_own() {
        let bits: Vec<u32> = ALL.bytes().chain(OTHERS.bytes()).map(class_bit).collect();
        assert!(bits.iter().all(|b| b.count_ones() == 1));
        assert_eq!(bits.iter().fold(0, |all, b| all | b).count_ones() as usize, bits.len());
    }
}
