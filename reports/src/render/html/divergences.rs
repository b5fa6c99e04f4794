//! The matrix of a differential run beside the figures: where targets answer otherwise than PostgreSQL.

use maud::{Markup, html};

use crate::{
    format,
    matrix::{Cell, Matrix, Row, name, sums},
};

/// Cases that are listed; the matrix's own page has all, with their traces.
const LISTED: usize = 80;
/// Characters of a reason.
const LONGEST: usize = 160;

/// What each target came to, and the cases in which not all are the same.
pub(super) fn section(matrix: &Matrix) -> Markup {
    let (class, word) = if matrix.is_clean() {
        ("good", "explained")
    } else {
        ("bad", "not all explained")
    };
    let other = |row: &&Row| row.cells.iter().any(|cell| !cell.why.is_empty());
    let rows: Vec<&Row> = matrix.rows.iter().filter(other).collect();
    html! {
        section id="divergences" {
            h2 { "Answers, held against PostgreSQL's" }
            p { (matrix.oracle) ", " (matrix.mode) " mode: " strong class=(class) { (word) } "." }
            ul { @for line in sums(matrix) { li { (line) } } }
            @if !rows.is_empty() {
                div.scroll role="region" tabindex="0" aria-label="Cases with other answers" {
                    table.matrix {
                        thead { tr {
                            th scope="col" { "case" }
                            @for target in &matrix.targets { th scope="col" { (target) } }
                        } }
                        tbody { @for row in rows.iter().take(LISTED) { (case(row)) } }
                    }
                }
            }
            @if rows.len() > LISTED { p.note { "and " (rows.len() - LISTED) " more." } }
        }
    }
}

fn case(row: &Row) -> Markup {
    html! {
        tr {
            th scope="row" { (name(row)) }
            @for cell in &row.cells { td { (answer(cell)) } }
        }
    }
}

fn answer(cell: &Cell) -> Markup {
    let class = if cell.outcome.is_explained() {
        "plain"
    } else {
        "bad"
    };
    html! {
        span class=(class) { (cell.outcome.word()) }
        @if !cell.why.is_empty() { p.note { (format::one_line(&cell.why, LONGEST)) } }
    }
}
