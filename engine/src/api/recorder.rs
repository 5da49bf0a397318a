//! For tests: remembers all that a keyspace tells.

use std::sync::Arc;

use crate::Engine;
use crate::keyspace::{Effect, Event, Listener, LogPosition};
use crate::sync::Mutex;

/// All effects and events since it began to listen.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) effects: Mutex<Vec<Effect>>,
    /// How many times there were effects: what came at once is one entry of a log.
    pub(super) entries: Mutex<usize>,
    /// Each as `name key`.
    pub(super) events: Mutex<Vec<String>>,
}

impl Recorder {
    /// One that listens to an engine.
    pub(super) fn of(engine: &Engine) -> Arc<Self> {
        let recorder = Arc::new(Self::default());
        engine.core().keyspace.listen(recorder.clone()).expect("a keyspace takes a few listeners");
        recorder
    }

    /// The effects as text, which are then forgotten.
    pub(super) fn take_effects(&self) -> Vec<String> {
        let text = |effect: Effect| String::from_utf8_lossy(&effect.argv().join(&b' ')).into_owned();
        self.effects.lock().drain(..).map(text).collect()
    }

    /// The events, which are then forgotten.
    pub(super) fn take_events(&self) -> Vec<String> {
        std::mem::take(&mut *self.events.lock())
    }
}

impl Listener for Recorder {
    fn effects(&self, effects: &[Effect]) -> LogPosition {
        let mut all = self.effects.lock();
        all.extend_from_slice(effects);
        *self.entries.lock() += usize::from(!effects.is_empty());
        all.len() as u64
    }

    fn event(&self, _db: u32, event: Event, key: &[u8]) {
        self.events.lock().push(format!("{} {}", event.name, String::from_utf8_lossy(key)));
    }
}
