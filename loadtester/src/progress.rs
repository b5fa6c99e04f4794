//! What a waiting user sees, on standard error: a bar and a live line on a terminal, one line for
//! each window elsewhere, or nothing.

mod line;

use std::{
    io::{IsTerminal, stderr},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use poolproof_reports::record::Window;

use crate::{cli::OutputFlags, engine::Live, output::tell};
use line::{Moment, live, measured};

/// Pause between two looks at the live figures.
const REFRESH: Duration = Duration::from_millis(200);
/// Times a second that a terminal is redrawn at most.
const REDRAWS: u8 = 10;

/// The progress of one run.
#[derive(Debug)]
pub struct Progress {
    manner: Manner,
}

/// How progress is shown.
#[derive(Debug)]
enum Manner {
    /// A bar, redrawn in place.
    Bar(ProgressBar),
    /// A line for each event.
    Lines,
    /// Notices alone.
    Notices,
    /// Not at all.
    Silent,
}

impl Progress {
    /// Progress over `windows` windows.
    #[must_use]
    pub fn new(flags: OutputFlags, windows: u64) -> Self {
        let manner = match flags {
            OutputFlags { quiet: true, .. } => Manner::Silent,
            OutputFlags {
                no_progress: true, ..
            } => Manner::Notices,
            _ if stderr().is_terminal() => Manner::Bar(bar(windows)),
            _ => Manner::Lines,
        };
        Self { manner }
    }

    /// Says something that the user should know.
    pub fn notice(&self, text: &str) {
        match &self.manner {
            Manner::Bar(bar) => bar.println(text),
            Manner::Lines | Manner::Notices => tell(text),
            Manner::Silent => {}
        }
    }

    /// Says what is being done between windows.
    pub fn doing(&self, what: &str) {
        match &self.manner {
            Manner::Bar(bar) => bar.set_message(what.to_owned()),
            Manner::Lines => tell(what),
            Manner::Notices | Manner::Silent => {}
        }
    }

    /// Runs `window` on this thread and shows its live figures meanwhile.
    pub fn watch<T>(&self, label: &str, window: impl FnOnce(&Live) -> T) -> T {
        let figures = Live::default();
        let Manner::Bar(bar) = &self.manner else {
            return window(&figures);
        };
        thread::scope(|scope| {
            let (finished, ended) = sync_channel::<()>(0);
            let figures = &figures;
            scope.spawn(move || {
                let mut before = Moment::begin(Instant::now());
                while ended.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
                    let now = before.next(Instant::now(), figures.figures());
                    bar.set_message(live(label, &now));
                    before = now;
                }
            });
            let outcome = window(figures);
            drop(finished);
            outcome
        })
    }

    /// Counts a window that has ended.
    pub fn measured(&self, label: &str, window: &Window) {
        match &self.manner {
            Manner::Bar(bar) => bar.inc(1),
            Manner::Lines => tell(&measured(label, window)),
            Manner::Notices | Manner::Silent => {}
        }
    }

    /// Counts a window that will not be.
    pub fn skipped(&self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.inc(1);
        }
    }

    /// Clears the terminal for the result.
    pub fn finish(&self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.finish_and_clear();
        }
    }
}

fn bar(windows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:32.cyan/dim} {pos}/{len} windows  {elapsed} gone, {eta} to go\n{wide_msg}",
    );
    let bar =
        ProgressBar::with_draw_target(Some(windows), ProgressDrawTarget::stderr_with_hz(REDRAWS));
    // A template that did not parse would leave indicatif's own, which shows the same bar.
    let bar = match style {
        Ok(style) => bar.with_style(style.progress_chars("━╸─")),
        Err(_) => bar,
    };
    bar.enable_steady_tick(Duration::from_secs(1));
    bar
}
