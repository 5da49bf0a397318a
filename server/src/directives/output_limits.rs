//! `client-output-buffer-limit`: how much may wait for clients that do not read.

use carnelian::codec::num::parse_memory;

/// The limit of one class of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimit {
    /// Above this a client is closed at once.
    pub hard: usize,
    /// Above this a client is closed after a while.
    pub soft: usize,
    /// How long a client may stay above the soft limit, in milliseconds.
    pub soft_millis: u64,
}

impl OutputLimit {
    /// No limit, which is written as 0.
    pub const NONE: Self = Self { hard: usize::MAX, soft: usize::MAX, soft_millis: 0 };

    /// Whether there is a soft limit.
    pub fn has_soft(&self) -> bool {
        self.soft != usize::MAX
    }

    const fn new(hard: usize, soft: usize, seconds: u64) -> Self {
        Self { hard, soft, soft_millis: seconds * 1000 }
    }

    fn text(&self) -> String {
        let bytes = |n: usize| if n == usize::MAX { 0 } else { n };
        format!("{} {} {}", bytes(self.hard), bytes(self.soft), self.soft_millis / 1000)
    }
}

/// The limits of all classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutputLimits {
    /// Ordinary clients.
    pub normal: OutputLimit,
    /// Replicas.
    pub replica: OutputLimit,
    /// Subscribers.
    pub pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            normal: OutputLimit::NONE,
            replica: OutputLimit::new(256 << 20, 64 << 20, 60),
            pubsub: OutputLimit::new(32 << 20, 8 << 20, 60),
        }
    }
}

impl OutputLimits {
    /// The defaults, changed as a text says: any number of `class hard soft seconds`.
    ///
    /// # Errors
    /// Redis's explanation of what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::default().changed(text)
    }

    /// These limits, changed as a text says.
    ///
    /// # Errors
    /// Redis's explanation of what is wrong. Nothing is changed then.
    pub fn changed(mut self, text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        for group in words.chunks(4) {
            let [class, hard, soft, seconds] = group else {
                return Err("Wrong number of arguments in buffer limit configuration.".into());
            };
            let limit = Self::limit(hard, soft, seconds)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.");
            let place = match class.to_ascii_lowercase().as_str() {
                "normal" => &mut self.normal,
                "replica" | "slave" => &mut self.replica,
                "pubsub" => &mut self.pubsub,
                _ => return Err("Invalid client class specified in buffer limit configuration.".into()),
            };
            *place = limit?;
        }
        Ok(self)
    }

    fn limit(hard: &str, soft: &str, seconds: &str) -> Option<OutputLimit> {
        let bytes = |text: &str| {
            let n = usize::try_from(parse_memory(text.as_bytes())?).ok()?;
            Some(if n == 0 { usize::MAX } else { n })
        };
        let seconds: u32 = seconds.parse().ok()?;
        Some(OutputLimit { hard: bytes(hard)?, soft: bytes(soft)?, soft_millis: u64::from(seconds) * 1000 })
    }

    /// The limits as `CONFIG GET` shows them.
    pub fn text(&self) -> String {
        let Self { normal, replica, pubsub } = self;
        format!("normal {} slave {} pubsub {}", normal.text(), replica.text(), pubsub.text())
    }
}

#[cfg(test)]
mod tests {
    use super::{OutputLimit, OutputLimits};

    #[test]
    fn classes_are_changed_one_by_one() {
        let text = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(OutputLimits::default().text(), text);
        assert_eq!(OutputLimits::parse(text), Ok(OutputLimits::default()));
        let changed = OutputLimits::parse("Normal 1mb 2kb 3").unwrap();
        assert_eq!(changed.normal, OutputLimit { hard: 1 << 20, soft: 2048, soft_millis: 3000 });
        assert_eq!(changed.replica, OutputLimits::default().replica);
    }

    #[test]
    fn refusals_are_in_the_words_of_redis() {
        let refusal = |text| OutputLimits::parse(text).unwrap_err();
        assert_eq!(refusal("normal 1"), "Wrong number of arguments in buffer limit configuration.");
        assert_eq!(refusal("foo 1 2 3"), "Invalid client class specified in buffer limit configuration.");
        let error = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        for text in ["normal x 2 3", "normal 1 2 -3", "pubsub 1 2 x"] {
            assert_eq!(refusal(text), error);
        }
    }
}
