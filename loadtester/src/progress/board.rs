//! The live view: every target of the scenario side by side. Pure: figures in, text out.

use std::fmt::Write as _;

use poolproof_reports::{format, record::Window};

use super::{line::Moment, place::Place, servers::Servers};

/// Figures of every target under the scenario that is running.
#[derive(Clone, Debug)]
pub(super) struct Board {
    scenario: String,
    rows: Vec<Row>,
}

/// One target.
#[derive(Clone, Debug)]
struct Row {
    target: String,
    state: String,
    /// One for each of [`TITLES`].
    figures: [String; TITLES.len()],
}

const TITLES: [&str; 7] = [
    "tx/s", "p50", "p99", "success", "failed", "clients", "servers",
];
/// Columns that each of them takes.
const WIDTH: usize = 10;
/// Columns of a state such as `warming up`.
const STATE: usize = 11;

impl Board {
    /// A board on which every target waits.
    pub(super) fn new(targets: &[&str]) -> Self {
        let row = |target: &&str| Row {
            target: (*target).to_owned(),
            state: "waiting".to_owned(),
            figures: [const { String::new() }; TITLES.len()],
        };
        Self {
            scenario: String::new(),
            rows: targets.iter().map(row).collect(),
        }
    }

    /// A look at a window that is running.
    pub(super) fn look(&mut self, place: &Place<'_>, now: &Moment, servers: Option<Servers>) {
        self.turn_to(place.scenario);
        let state = match place.block {
            Some((block, of)) => format!("▸ {block} of {of}"),
            None => "warming up".to_owned(),
        };
        self.put(place.target, state, now.shown(servers));
    }

    /// The figures of a window that has ended, until its target has the next one.
    pub(super) fn ended(&mut self, place: &Place<'_>, window: &Window) {
        self.turn_to(place.scenario);
        let state = place
            .block
            .map_or_else(String::new, |(block, of)| format!("✓ {block} of {of}"));
        self.put(place.target, state, shown(window));
    }

    /// All rows anew when another scenario begins.
    fn turn_to(&mut self, scenario: &str) {
        if self.scenario != scenario {
            let targets: Vec<&str> = self.rows.iter().map(|row| &*row.target).collect();
            *self = Self {
                scenario: scenario.to_owned(),
                ..Self::new(&targets)
            };
        }
    }

    fn put(&mut self, target: &str, state: String, figures: [String; TITLES.len()]) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.target == target) {
            row.state = state;
            row.figures = figures;
        }
    }

    /// The board on a terminal with `width` columns: figures that find no room are left out from the
    /// right.
    pub(super) fn text(&self, width: usize) -> String {
        let names = self.rows.iter().map(|row| row.target.chars().count());
        let name = names.chain([self.scenario.chars().count()]).max();
        let name = name.unwrap_or(0).min(width / 3);
        let fit = width.saturating_sub(name + STATE + 3) / WIDTH;
        let line = |first: &str, state: &str, figures: &[&str]| {
            let mut line = format!("{:name$}  {state:STATE$}", format::one_line(first, name));
            for figure in figures.iter().take(fit) {
                let _ = write!(line, "{figure:>WIDTH$}");
            }
            line.truncate(line.trim_end().len());
            line + "\n"
        };
        let mut text = line(&self.scenario, "", &TITLES);
        for row in &self.rows {
            let figures = row.figures.each_ref().map(String::as_str);
            text += &line(&row.target, &row.state, &figures);
        }
        text
    }
}

/// The figures of an ended window.
fn shown(window: &Window) -> [String; TITLES.len()] {
    let seconds = window.duration_us as f64 / 1e6;
    let rate = window.succeeded as f64 / seconds.max(f64::MIN_POSITIVE);
    let percentile = |percent| {
        let time = window.latency.percentile(percent);
        time.map_or_else(|| "–".to_owned(), format::duration)
    };
    [
        format!("{rate:.0}"),
        percentile(50.0),
        percentile(99.0),
        super::line::share(window.succeeded, window.attempted),
        window
            .attempted
            .saturating_sub(window.succeeded)
            .to_string(),
        String::new(),
        String::new(),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use expect_test::expect;

    use super::*;
    use crate::engine::LiveFigures;

    fn running() -> Board {
        let mut board = Board::new(&["direct", "proxy", "pgbouncer"]);
        let place = |target, block| Place {
            scenario: "ramp",
            target,
            block,
        };
        let window = Window {
            duration_us: 2_000_000,
            attempted: 2_000,
            succeeded: 1_990,
            ..Window::default()
        };
        board.ended(&place("direct", Some((2, 6))), &window);
        let begin = Instant::now();
        let figures = LiveFigures {
            attempted: 501,
            succeeded: 500,
            failed: 0,
            clients: 20,
            p50_us: 316,
            p99_us: 1_250,
        };
        let now = Moment::begin(begin).next(begin + Duration::from_secs(1), figures);
        let servers = Servers { open: 20, busy: 18 };
        board.look(&place("proxy", Some((2, 6))), &now, Some(servers));
        board
    }

    #[test]
    fn all_targets_stand_side_by_side() {
        expect![[r#"
            ramp                        tx/s       p50       p99   success    failed   clients   servers
            direct     ✓ 2 of 6          995         –         –   99.50 %        10
            proxy      ▸ 2 of 6          500    316 µs   1.25 ms  100.00 %         0        20  18 of 20
            pgbouncer  waiting
        "#]]
        .assert_eq(&running().text(100));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [100, 60, 40, 20] {
            let text = running().text(width);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(
                widest <= Some(width.max(20)),
                "{widest:?} of {width}\n{text}"
            );
        }
    }

    #[test]
    fn another_scenario_begins_anew() {
        let mut board = running();
        let place = Place {
            scenario: "stress-1000",
            target: "direct",
            block: None,
        };
        board.look(&place, &Moment::begin(Instant::now()), None);
        let text = board.text(100);
        assert!(!text.contains("2 of 6"), "{text}");
        assert!(text.contains("warming up"), "{text}");
    }
}
