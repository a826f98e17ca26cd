//! How the making of many certificates is shown: a bar on a terminal, plain lines elsewhere.

use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::batch::Progress;

/// Into how many plain lines a whole is divided.
const LINES: usize = 10;

/// Shows on standard error how many certificates are made.
pub(super) struct MakingView {
    total: usize,
    made: AtomicUsize,
    view: View,
}

enum View {
    Bar(ProgressBar),
    Lines,
    Nothing,
}

impl MakingView {
    /// The view of so many certificates.
    pub(super) fn new(total: usize, visible: bool, terminal: bool) -> Self {
        let view = match (visible, terminal) {
            (false, _) => View::Nothing,
            (true, false) => View::Lines,
            (true, true) => View::Bar(bar(total)),
        };
        Self { total, made: AtomicUsize::new(0), view }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let View::Bar(bar) = &self.view {
            bar.finish_and_clear();
        }
    }

    /// How many were made so far.
    pub(super) fn made_so_far(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }
}

impl Progress for MakingView {
    fn made(&self) {
        let made = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.view {
            View::Bar(bar) => bar.inc(1),
            View::Lines if made == self.total || made.is_multiple_of(self.total.div_ceil(LINES).max(1)) => {
                eprintln!("{made} of {} certificates made", self.total);
            }
            View::Lines | View::Nothing => {}
        }
    }
}

fn bar(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    // The template is ours; if it cannot be read, the usual look is as good.
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {pos}/{len} certificates made, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}
