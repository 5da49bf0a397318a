//! How far a tool is, for those who wait: a bar on the standard error, if that is a terminal and the file large.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Smaller files are read before anybody has looked.
const LARGE: usize = 64 << 20;
/// Bytes between two looks at the clock.
const STEP: usize = 1 << 20;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    next: usize,
}

impl Progress {
    /// Through so many bytes.
    pub(super) fn through(len: usize) -> Self {
        let bar = (len >= LARGE).then(|| {
            let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
            let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, next: STEP }
    }

    /// So many bytes have been read.
    pub(super) fn at(&mut self, position: usize) {
        if let Some(bar) = self.bar.as_ref().filter(|_| position >= self.next) {
            bar.set_position(position as u64);
            self.next = position.saturating_add(STEP);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
