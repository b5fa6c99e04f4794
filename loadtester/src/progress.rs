//! What a waiting user sees, on standard error: a bar and a live line or board on a terminal, one line
//! for each window elsewhere, or nothing.

mod board;
mod line;
mod place;
mod servers;

use std::{
    fmt,
    io::{IsTerminal, stderr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use poolproof_reports::record::Window;

use crate::{
    cli::OutputFlags,
    engine::{Live, Watch},
    output::tell,
};
use board::Board;
use line::{Moment, live, live_whole, measured};
pub use place::Place;
use servers::servers;

/// Pause between two looks at the live figures.
const REFRESH: Duration = Duration::from_millis(200);
/// The same where each look becomes a line.
const REFRESH_OF_LINES: Duration = Duration::from_secs(2);
/// Columns of a terminal that does not tell.
const USUAL_WIDTH: u16 = 80;
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
    /// The bar with every target below it.
    Board(ProgressBar, Mutex<Board>),
    /// A line for each event.
    Lines,
    /// The same, and lines with the live figures.
    LiveLines,
    /// Notices alone.
    Notices,
    /// Not at all.
    Silent,
}

impl Progress {
    /// Progress over `windows` windows of `targets`; with `live`, of all of them side by side.
    #[must_use]
    pub fn new(flags: OutputFlags, windows: u64, targets: &[&str], live: bool) -> Self {
        let manner = match flags {
            OutputFlags { quiet: true, .. } => Manner::Silent,
            OutputFlags {
                no_progress: true, ..
            } => Manner::Notices,
            _ => match (stderr().is_terminal(), live) {
                (true, true) => {
                    Manner::Board(bar(windows, "{msg}"), Mutex::new(Board::new(targets)))
                }
                (true, false) => Manner::Bar(bar(windows, "{wide_msg}")),
                (false, true) => Manner::LiveLines,
                (false, false) => Manner::Lines,
            },
        };
        Self { manner }
    }

    /// Says something that the user should know.
    pub fn notice(&self, text: &str) {
        match &self.manner {
            Manner::Bar(bar) | Manner::Board(bar, _) => bar.println(text),
            Manner::Lines | Manner::LiveLines | Manner::Notices => tell(text),
            Manner::Silent => {}
        }
    }

    /// Says what is being done between windows.
    pub fn doing(&self, what: &str) {
        match &self.manner {
            Manner::Bar(bar) => bar.set_message(what.to_owned()),
            Manner::Lines | Manner::LiveLines => tell(what),
            // The board says it in its rows.
            Manner::Board(..) | Manner::Notices | Manner::Silent => {}
        }
    }

    /// Runs `window` on this thread and shows its live figures meanwhile, with the servers of the
    /// PostgreSQL that `processes` name.
    pub fn watch<T>(
        &self,
        place: &Place<'_>,
        processes: &Watch,
        window: impl FnOnce(&Live) -> T,
    ) -> T {
        let figures = Live::default();
        let pause = match &self.manner {
            Manner::Bar(_) | Manner::Board(..) => REFRESH,
            Manner::LiveLines => REFRESH_OF_LINES,
            Manner::Lines | Manner::Notices | Manner::Silent => return window(&figures),
        };
        thread::scope(|scope| {
            let (finished, ended) = sync_channel::<()>(0);
            let figures = &figures;
            scope.spawn(move || {
                let mut before = Moment::begin(Instant::now());
                while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    let now = before.next(Instant::now(), figures.figures());
                    self.show(place, processes, &now);
                    before = now;
                }
            });
            let outcome = window(figures);
            drop(finished);
            outcome
        })
    }

    fn show(&self, place: &Place<'_>, processes: &Watch, now: &Moment) {
        match &self.manner {
            Manner::Bar(bar) => bar.set_message(live(place, now)),
            Manner::Board(bar, board) => {
                let mut board = locked(board);
                board.look(place, now, servers(&processes.postgres));
                redraw(bar, &board);
            }
            Manner::LiveLines => tell(&live_whole(place, now, servers(&processes.postgres))),
            Manner::Lines | Manner::Notices | Manner::Silent => {}
        }
    }

    /// Counts a window that has ended.
    pub fn measured(&self, place: &Place<'_>, window: &Window) {
        match &self.manner {
            Manner::Bar(bar) => bar.inc(1),
            Manner::Board(bar, board) => {
                let mut board = locked(board);
                board.ended(place, window);
                redraw(bar, &board);
                bar.inc(1);
            }
            Manner::Lines | Manner::LiveLines => tell(&measured(place, window)),
            Manner::Notices | Manner::Silent => {}
        }
    }

    /// Counts a window that will not be.
    pub fn skipped(&self) {
        if let Manner::Bar(bar) | Manner::Board(bar, _) = &self.manner {
            bar.inc(1);
        }
    }

    /// Clears the terminal for the result.
    pub fn finish(&self) {
        if let Manner::Bar(bar) | Manner::Board(bar, _) = &self.manner {
            bar.finish_and_clear();
        }
    }
}

/// A board is whole whoever wrote on it last.
fn locked(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

fn redraw(bar: &ProgressBar, board: &Board) {
    let width = terminal_size::terminal_size_of(stderr()).map_or(USUAL_WIDTH, |(width, _)| width.0);
    bar.set_message(board.text(usize::from(width)));
}

/// How long it will still take. Nobody knows before the first window has ended.
fn left(ended: u64, estimate: Duration) -> String {
    match ended {
        0 => String::new(),
        _ => format!(", {:#} to go", HumanDuration(estimate)),
    }
}

fn bar(windows: u64, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!(
        "{{bar:32.cyan/dim}} {{pos}}/{{len}} windows  {{elapsed}} gone{{left}}\n{message}",
    ))
    .map(|style| {
        style.with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            // A line that cannot be drawn is drawn again.
            let _ = out.write_str(&left(state.pos(), state.eta()));
        })
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_window_has_ended_nobody_knows_how_long_it_takes() {
        assert_eq!(left(0, Duration::ZERO), "");
        assert_eq!(left(1, Duration::from_secs(8)), ", 8s to go");
    }
}
