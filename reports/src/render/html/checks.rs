//! Every check of the gate.

use maud::{Markup, html};

use crate::{
    GateReport,
    gate::{Judgement, Outcome, Verdict},
};

/// Checks listed; the worst come first.
const LISTED: usize = 150;

pub(super) fn section(gate: &GateReport) -> Markup {
    let judgements = &gate.judgements;
    html! {
        section id="checks" {
            h2 { "Checks" }
            details open[gate.outcome() != Outcome::Pass] {
                summary { (tally(gate)) }
                div.scroll role="region" tabindex="0" aria-label="Checks" {
                    table.checks {
                        thead { tr {
                            th scope="col" { "verdict" } th scope="col" { "scenario" } th scope="col" { "target" }
                            th scope="col" { "asked" } th scope="col" { "found" }
                        } }
                        tbody { @for judgement in judgements.iter().take(LISTED) { (line(judgement)) } }
                    }
                }
                @if judgements.len() > LISTED { p.note { "and " (judgements.len() - LISTED) " more." } }
            }
        }
    }
}

fn tally(gate: &GateReport) -> String {
    let verdicts = [
        Verdict::Fail,
        Verdict::NoVerdict,
        Verdict::Pass,
        Verdict::NotApplicable,
    ];
    let counts = verdicts.map(|verdict| (gate.with(verdict).count(), verdict));
    let present = counts.into_iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = present
        .map(|(count, verdict)| format!("{count} × {verdict}"))
        .collect();
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}

fn line(judgement: &Judgement) -> Markup {
    let class = match judgement.verdict {
        Verdict::Fail => "bad",
        Verdict::NoVerdict => "open",
        Verdict::Pass => "good",
        Verdict::NotApplicable => "faint",
    };
    html! {
        tr {
            td class=(class) { (judgement.verdict) }
            td { (judgement.scenario) }
            td { (judgement.target) }
            td { code { (judgement.asked()) } }
            td { (judgement.sentence) }
        }
    }
}
