//! `poolproof report`: draws the reports of a run again.

use std::path::PathBuf;

use poolproof_reports::{GateReport, RunRecord, gate::judge, render, store};

use super::{gate::unreadable, write};
use crate::{
    cli::{OutputFlags, ReportArgs},
    exit::Exit,
    output,
    problem::Problem,
};

/// Draws one form of the report.
type Renderer = fn(&RunRecord, &GateReport) -> String;

/// Runs the command.
pub(super) fn run(args: &ReportArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let ReportArgs {
        runs,
        html,
        markdown,
        junit,
        csv,
    } = args;
    let wanted: [(&Option<PathBuf>, Renderer); 4] = [
        (html, render::html),
        (markdown, render::markdown),
        (junit, render::junit),
        (csv, render::csv),
    ];
    let files: Vec<(&PathBuf, Renderer)> = wanted
        .into_iter()
        .filter_map(|(path, renderer)| Some((path.as_ref()?, renderer)))
        .collect();
    if runs.len() > 1 && !files.is_empty() {
        return Err(Problem::usage(
            format!(
                "expected one RUN with --html, --markdown, --junit or --csv, got {}",
                runs.len()
            ),
            "Render them one by one; without these flags several runs are printed one below the \
             other.",
        ));
    }
    for run in runs {
        let record = store::read(run).map_err(|error| unreadable(&error))?;
        let gate = judge(&record, &[]);
        for (path, renderer) in &files {
            write(path, &renderer(&record, &gate))?;
        }
        if files.is_empty() {
            output::print(&output::render(&record, &gate, flags.format)?)?;
        }
    }
    Ok(Exit::Ok)
}
