//! `poolproof report`: draws the reports of a run again.

use std::path::{Path, PathBuf};

use poolproof_reports::{GateReport, RunRecord, gate::judge, matrix::Matrix, render, store};

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
        matrix,
        markdown,
        junit,
        csv,
    } = args;
    let matrix = matrix.as_deref().map(read_matrix).transpose()?;
    let wanted: [(&Option<PathBuf>, Renderer); 3] = [
        (markdown, render::markdown),
        (junit, render::junit),
        (csv, render::csv),
    ];
    let files: Vec<(&PathBuf, Renderer)> = wanted
        .into_iter()
        .filter_map(|(path, renderer)| Some((path.as_ref()?, renderer)))
        .collect();
    let to_files = html.is_some() || !files.is_empty();
    if runs.len() > 1 && to_files {
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
        if let Some(path) = html {
            write(path, &render::html_with(&record, &gate, matrix.as_ref()))?;
        }
        for (path, renderer) in &files {
            write(path, &renderer(&record, &gate))?;
        }
        if !to_files {
            output::print(&output::render(&record, &gate, flags.format)?)?;
        }
    }
    Ok(Exit::Ok)
}

/// The matrix that `poolproof diff` wrote.
fn read_matrix(path: &Path) -> Result<Matrix, Problem> {
    let refused = |reason: String| {
        Problem::usage(
            format!("cannot read the matrix {}: {reason}", path.display()),
            "Name the matrix.json that `poolproof diff --out FOLDER` wrote.",
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}
