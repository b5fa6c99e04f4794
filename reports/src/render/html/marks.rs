//! What the charts over time name: the stages of the load, and the faults.

use std::time::Duration;

use maud::{Markup, html};
use poolproof_scenarios::load::Load;

use super::chart::{ACROSS, Axis, UP, round};
use crate::{format, happenings::faults, overview::ScenarioView};

/// A moment or a stretch of time that a chart names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// Where it begins, in the figures of the x axis.
    pub(super) from: f64,
    /// Where it ends.
    pub(super) to: f64,
    /// Its name; left out where it does not fit.
    pub(super) name: String,
    pub(super) kind: MarkKind,
}

/// What is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// A stage of the load, named above the chart.
    Stage,
    /// A fault, named in it.
    Fault,
}

/// Width of a character of a mark's name.
const CHARACTER: f64 = 7.0;
/// Marks of one chart: more of them hide what they are to explain.
const MOST: usize = 16;

impl Mark {
    /// The begin of what is marked as a line, its length as a bar at the top, and its name above.
    pub(super) fn draw(&self, x: &Axis) -> Markup {
        let (from, to) = (x.scale.place(self.from), x.scale.place(self.to));
        let length = CHARACTER * self.name.chars().count() as f64;
        let fits = to - from >= length;
        // A fault's name stands in the chart, on the side of its line that has room.
        let (name_x, name_y) = match self.kind {
            MarkKind::Stage => (from + 2.0, UP.1 - 7.0),
            MarkKind::Fault if from + length > ACROSS.1 => (from - length, UP.1 + 14.0),
            MarkKind::Fault => (from + 4.0, UP.1 + 14.0),
        };
        let class = match self.kind {
            MarkKind::Stage => "stage",
            MarkKind::Fault => "fault",
        };
        let (left, width) = (round(from), round(to - from));
        html! {
            g class=(class) {
                title { (self.name) }
                rect x=(left) y=(UP.1 - 3.0) width=(width) height="3" {}
                line x1=(left) x2=(left) y1=(UP.1) y2=(UP.0) {}
                @if fits || self.kind == MarkKind::Fault {
                    text x=(round(name_x)) y=(round(name_y)) { (self.name) }
                }
            }
        }
    }
}

/// What happened when in the windows of a scenario, in seconds since each began.
pub(super) fn marks(view: &ScenarioView<'_>) -> Vec<Mark> {
    let mut marks = stages(&view.run.scenario.load);
    marks.extend(faults_of(view));
    marks.truncate(MOST);
    marks
}

/// The faults of the first target that has any: they come at the same times to all.
fn faults_of(view: &ScenarioView<'_>) -> Vec<Mark> {
    let all = view
        .columns
        .iter()
        .map(|column| faults(column.figures.cell));
    let first = all.into_iter().find(|faults| !faults.is_empty());
    first
        .unwrap_or_default()
        .into_iter()
        .map(|fault| Mark {
            from: fault.at.as_secs_f64(),
            to: fault.until.as_secs_f64(),
            name: fault.name,
            kind: MarkKind::Fault,
        })
        .collect()
}

/// The stages of a load that has them; one alone needs no mark.
fn stages(load: &Load) -> Vec<Mark> {
    let stages: Vec<(Duration, u32)> = match load {
        Load::Closed { stages, .. } => stages
            .iter()
            .map(|stage| (stage.lasts, stage.clients))
            .collect(),
        Load::Open { stages, .. } => stages
            .iter()
            .map(|stage| (stage.lasts, stage.rate))
            .collect(),
        Load::Connections { .. } | Load::Knee { .. } | Load::Hold { .. } => Vec::new(),
    };
    if stages.len() < 2 {
        return Vec::new();
    }
    let unit = if matches!(load, Load::Open { .. }) {
        "/s"
    } else {
        " clients"
    };
    let (mut from, mut before) = (0.0, 0);
    stages
        .into_iter()
        .map(|(lasts, reached)| {
            let to = from + lasts.as_secs_f64();
            let goal = format::count(u64::from(reached));
            let name = if reached == before {
                format!("{goal}{unit}")
            } else {
                format!("→ {goal}{unit}")
            };
            let mark = Mark {
                from,
                to,
                name,
                kind: MarkKind::Stage,
            };
            (from, before) = (to, reached);
            mark
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use poolproof_scenarios::catalog;

    use super::*;

    #[test]
    fn stages_follow_each_other_and_say_where_they_lead() {
        let load = serde_json::from_value(serde_json::json!({
            "shape": "closed",
            "stages": [
                { "clients": 20, "for": "500ms" },
                { "clients": 20, "for": "2s" },
                { "clients": 5, "for": "1s" },
            ],
        }));
        let told: Vec<String> = stages(&load.expect("a load"))
            .iter()
            .map(|mark| format!("{}–{} {}", mark.from, mark.to, mark.name))
            .collect();
        let expected = [
            "0–0.5 → 20 clients",
            "0.5–2.5 20 clients",
            "2.5–3.5 → 5 clients",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_load_without_stages_has_no_marks() {
        let scenario = catalog::find("stress-1000").expect("in the catalog");
        assert_eq!(stages(&scenario.load), []);
    }
}
