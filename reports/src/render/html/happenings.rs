//! Faults and invariants of a scenario: what was done, what came of it, what had to hold.

use maud::{Markup, html};

use crate::{
    format,
    happenings::{Fault, faults, invariants, looks},
    overview::ScenarioView,
    record::InvariantCheck,
};

/// Lines of each table.
const LISTED: usize = 40;
/// Characters of what others wrote.
const LONGEST: usize = 200;

/// Both tables, each only where there is something to tell.
pub(super) fn section(view: &ScenarioView<'_>) -> Markup {
    let each = || view.columns.iter();
    let faults: Vec<(&str, Fault)> = each()
        .flat_map(|column| {
            let all = faults(column.figures.cell);
            all.into_iter().map(|fault| (column.name(), fault))
        })
        .collect();
    let checks: Vec<(&str, InvariantCheck)> = each()
        .flat_map(|column| {
            let all = invariants(column.figures.cell);
            all.into_iter().map(|check| (column.name(), check))
        })
        .collect();
    html! {
        @if !faults.is_empty() { (faults_table(&faults)) }
        @if !checks.is_empty() { (invariants_table(&checks)) }
    }
}

fn faults_table(faults: &[(&str, Fault)]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label="Faults" {
            table.faults {
                caption { "Faults, and how each target came through them" }
                thead { tr { @for title in ["target", "fault", "begins at", "effect", "failed", "served as before"] {
                    th scope="col" { (title) }
                } } }
                tbody {
                    @for (target, fault) in faults.iter().take(LISTED) {
                        tr {
                            td { (target) }
                            td { (fault.name) }
                            td { (format::duration(fault.at)) }
                            td { (format::one_line(&fault.effect, LONGEST)) }
                            td { (format::count(fault.failed)) }
                            td class=(if fault.unrecovered > 0 { "bad" } else { "plain" }) { (fault.recovery()) }
                        }
                    }
                }
            }
        }
    }
}

fn invariants_table(checks: &[(&str, InvariantCheck)]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label="Invariants" {
            table.invariants {
                caption { "Invariants: what had to hold meanwhile and afterwards" }
                thead { tr { @for title in ["target", "invariant", "what was found"] { th scope="col" { (title) } } } }
                tbody {
                    @for (target, check) in checks.iter().take(LISTED) {
                        tr {
                            td { (target) }
                            td { (check.name) }
                            td class=(if check.violations > 0 { "bad" } else { "plain" }) {
                                (format::one_line(&looks(check), LONGEST))
                            }
                        }
                    }
                }
            }
        }
    }
}
