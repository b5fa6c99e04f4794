//! The matrix as one page that needs nothing else, with the traces behind each cell.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    Cell, Matrix, Outcome, Row,
    draw::{name, sums},
};

/// Colours, fonts and the layout, as in the report of a run, and what a matrix adds to them.
const STYLE: &str = concat!(
    include_str!("../render/html/style.css"),
    include_str!("page/style.css")
);

/// The matrix as a page.
#[must_use]
pub fn html(matrix: &Matrix) -> String {
    let (class, word) = match matrix.is_clean() {
        true => ("pass", "Pass"),
        false => ("fail", "Fail"),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Poolproof diff: " (word) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        p.brand { "Poolproof" span.note { " · " (matrix.oracle) " · " (matrix.mode) " mode" } }
                        h1 class=(class) { span.badge { (word) } " " (headline(matrix)) }
                        ul.summary { @for line in sums(matrix) { li { (line) } } }
                        (unneeded(matrix))
                    }
                    (reliance(matrix))
                    (cells(matrix))
                }
            }
        }
    };
    page.into_string()
}

fn headline(matrix: &Matrix) -> String {
    let cells = matrix.rows.iter().flat_map(|row| &row.cells);
    let unexplained = cells.filter(|cell| !cell.outcome.is_explained()).count();
    match (unexplained, matrix.unneeded.len()) {
        (0, 0) => "Every answer is PostgreSQL's, or explained.".to_owned(),
        (0, entries) => format!("{entries} entries of the ledger were not needed."),
        (1, _) => "One answer is otherwise, and nobody explains it.".to_owned(),
        (cells, _) => format!("{cells} answers are otherwise, and nobody explains them."),
    }
}

fn unneeded(matrix: &Matrix) -> Markup {
    html! {
        @for entry in &matrix.unneeded {
            p.warning { "Ledger: " (entry) " was not needed; remove it." }
        }
    }
}

fn reliance(matrix: &Matrix) -> Markup {
    html! {
        @for row in matrix.rows.iter().filter(|row| !row.relies_on.is_empty()) {
            section {
                h2 { (name(row)) " relies on what transaction pooling does not promise" }
                ul { @for sentence in &row.relies_on { li { (sentence) } } }
            }
        }
    }
}

/// One table, with a heading for each area; what is not explained stands open.
fn cells(matrix: &Matrix) -> Markup {
    html! {
        section {
            table.matrix {
                thead {
                    tr {
                        th scope="col" { "Case" }
                        @for target in &matrix.targets { th scope="col" { (target) } }
                    }
                }
                @for rows in matrix.rows.chunk_by(|one, next| one.area == next.area) {
                    tbody { @for row in rows { (case(row)) } }
                }
            }
        }
    }
}

fn case(row: &Row) -> Markup {
    html! {
        tr {
            th scope="row" { (name(row)) p.note { (row.about) } }
            @for cell in &row.cells { td class=(class(cell.outcome)) { (answer(cell)) } }
        }
    }
}

/// The word, and behind it the reason and the traces.
fn answer(cell: &Cell) -> Markup {
    let word = cell.outcome.word();
    html! {
        @if cell.why.is_empty() && cell.trace.is_empty() {
            (word)
        } @else {
            details open[!cell.outcome.is_explained()] {
                summary { (word) }
                @if !cell.why.is_empty() { p.note { (cell.why) } }
                @if !cell.trace.is_empty() { pre { (cell.trace) } }
            }
        }
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Same => "same",
        Outcome::ByDesign | Outcome::Unsupported => "explained",
        Outcome::Differs | Outcome::Disconnects | Outcome::Hangs => "otherwise",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(outcome: Outcome) -> String {
        html(&Matrix {
            oracle: "PostgreSQL 15".into(),
            mode: "transaction".into(),
            targets: vec!["proxy".into()],
            rows: vec![Row {
                area: "copy".into(),
                case: "fails".into(),
                about: "A COPY ends <once>.".into(),
                relies_on: vec!["A, step 1: LISTEN".into()],
                cells: vec![Cell {
                    outcome,
                    why: "so it is".into(),
                    trace: "A │ B".into(),
                }],
            }],
            unneeded: Vec::new(),
        })
    }

    #[test]
    fn each_cell_has_its_trace_behind_it() {
        for (outcome, verdict, details) in [
            (Outcome::ByDesign, "Pass", "<details>"),
            (Outcome::Hangs, "Fail", "<details open>"),
        ] {
            let page = page(outcome);
            assert!(page.contains(&format!("<title>Poolproof diff: {verdict}</title>")));
            let cell = format!(
                "{details}<summary>{}</summary><p class=\"note\">so it is</p><pre>A │ B</pre>",
                outcome.word()
            );
            assert!(page.contains(&cell), "{page}");
            assert!(page.contains("A COPY ends &lt;once&gt;."));
            assert!(page.contains("copy/fails relies on"));
        }
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page(Outcome::Same);
        for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
