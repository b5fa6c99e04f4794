//! The matrix for terminals, pull requests and CI systems.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Cell, Matrix, Outcome, Row};

/// The matrix as text: cases by targets, then what is not explained with its traces, then the sums.
#[must_use]
pub fn table(matrix: &Matrix) -> String {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let title = format!("{} mode", matrix.mode);
    let first = width(&mut matrix.rows.iter().map(|row| name(row).chars().count()))
        .max(title.chars().count());
    let column = width(&mut matrix.targets.iter().map(|target| target.chars().count()))
        .max(Outcome::Disconnects.word().len());
    let mut out = format!("{title:first$}");
    for target in &matrix.targets {
        let _ = write!(out, "  {target:column$}");
    }
    out.truncate(out.trim_end().len());
    let rule = "─".repeat(first + matrix.targets.len() * (column + 2));
    let _ = writeln!(out, "\n{rule}");
    for row in &matrix.rows {
        let _ = write!(out, "{:first$}", name(row));
        for cell in &row.cells {
            let _ = write!(out, "  {:column$}", cell.outcome.word());
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    unexplained(matrix, &mut out);
    reliance(matrix, &mut out);
    for entry in &matrix.unneeded {
        let _ = writeln!(out, "\nledger: {entry} was not needed; remove it");
    }
    let _ = writeln!(out, "{rule}");
    for line in sums(matrix) {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// What recorded sessions would lose, as a list that is Markdown too.
fn reliance(matrix: &Matrix, out: &mut String) {
    for row in matrix.rows.iter().filter(|row| !row.relies_on.is_empty()) {
        let _ = writeln!(
            out,
            "\n{} relies on what transaction pooling does not promise:\n",
            name(row)
        );
        for sentence in &row.relies_on {
            let _ = writeln!(out, "- {sentence}");
        }
    }
}

fn unexplained(matrix: &Matrix, out: &mut String) {
    for row in &matrix.rows {
        for (target, cell) in matrix.targets.iter().zip(&row.cells) {
            if !cell.outcome.is_explained() {
                let (word, why) = (cell.outcome.word(), &cell.why);
                let _ = writeln!(out, "\n{}, {target} {word}: {why}", name(row));
                let _ = writeln!(out, "{}\n{}", row.about, cell.trace);
            }
        }
    }
}

/// One sentence a target.
pub(crate) fn sums(matrix: &Matrix) -> impl Iterator<Item = String> {
    matrix.targets.iter().enumerate().map(|(index, target)| {
        let counts = Outcome::ALL.iter().filter_map(|outcome| {
            let count = matrix.count(index, *outcome);
            (count > 0).then(|| format!("{count} {}", outcome.word()))
        });
        let counts: Vec<String> = counts.collect();
        format!("{target}: {}", counts.join(", "))
    })
}

pub(crate) fn name(row: &Row) -> String {
    if row.area.is_empty() {
        row.case.clone()
    } else {
        format!("{}/{}", row.area, row.case)
    }
}

/// The matrix for a pull request, with the traces folded away.
#[must_use]
pub fn markdown(matrix: &Matrix) -> String {
    let mut out = format!(
        "### Differential test, {} mode, oracle {}\n\n| case | {} |\n|---|{}\n",
        matrix.mode,
        matrix.oracle,
        matrix.targets.join(" | "),
        "---|".repeat(matrix.targets.len()),
    );
    for row in &matrix.rows {
        let cells: Vec<String> = row.cells.iter().map(markdown_cell).collect();
        let _ = writeln!(out, "| {} | {} |", name(row), cells.join(" | "));
    }
    out.push('\n');
    for line in sums(matrix) {
        let _ = writeln!(out, "- {line}");
    }
    reliance(matrix, &mut out);
    for row in &matrix.rows {
        for (target, cell) in matrix.targets.iter().zip(&row.cells) {
            if !cell.outcome.is_explained() {
                let _ = writeln!(
                    out,
                    "\n<details><summary>{}, {target}: {}</summary>\n\n```\n{}\n```\n\n</details>",
                    name(row),
                    cell.why,
                    cell.trace
                );
            }
        }
    }
    out
}

fn markdown_cell(cell: &Cell) -> String {
    let word = cell.outcome.word();
    match cell.outcome {
        Outcome::Same => word.to_owned(),
        Outcome::ByDesign | Outcome::Unsupported => {
            format!("{word}: {}", cell.why.replace('|', "\\|"))
        }
        Outcome::Differs | Outcome::Disconnects | Outcome::Hangs => format!("**{word}**"),
    }
}

/// One suite a target, one test case a case.
#[must_use]
pub fn junit(matrix: &Matrix) -> String {
    let mut report = Report::new("poolproof diff");
    for (index, target) in matrix.targets.iter().enumerate() {
        let mut suite = TestSuite::new(target.as_str());
        for row in &matrix.rows {
            if let Some(cell) = row.cells.get(index) {
                suite.add_test_case(TestCase::new(name(row), status(cell)));
            }
        }
        report.add_test_suite(suite);
    }
    let mut suite = TestSuite::new("ledger");
    for entry in &matrix.unneeded {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message("this entry of the ledger was not needed");
        suite.add_test_case(TestCase::new(entry.as_str(), status));
    }
    report.add_test_suite(suite);
    let mut xml = Vec::new();
    #[expect(
        clippy::expect_used,
        reason = "writing to memory does not fail, and all names are XML-safe by type"
    )]
    report.serialize(&mut xml).expect("XML in memory");
    String::from_utf8_lossy(&xml).into_owned()
}

fn status(cell: &Cell) -> TestCaseStatus {
    match cell.outcome {
        Outcome::Same => TestCaseStatus::success(),
        Outcome::ByDesign | Outcome::Unsupported => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(cell.why.as_str());
            status
        }
        outcome @ (Outcome::Differs | Outcome::Disconnects | Outcome::Hangs) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(outcome.word())
                .set_message(cell.why.as_str())
                .set_description(cell.trace.as_str());
            status
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn matrix() -> Matrix {
        let cell = |outcome, why: &str, trace: &str| Cell {
            outcome,
            why: why.to_owned(),
            trace: trace.to_owned(),
        };
        Matrix {
            oracle: "PostgreSQL 15".into(),
            mode: "transaction".into(),
            targets: vec!["proxy".into(), "pgbouncer".into()],
            rows: vec![Row {
                area: "copy".into(),
                case: "fails".into(),
                about: "A COPY that fails ends once.".into(),
                relies_on: vec!["A, step 1: the setting a is relied on".into()],
                cells: vec![
                    cell(Outcome::ByDesign, "so it is", ""),
                    cell(Outcome::Hangs, "no answer to step 3", "A │ B"),
                ],
            }],
            unneeded: vec!["proxy transaction copy/gone".into()],
        }
    }

    #[test]
    fn the_table_ends_with_sums_and_shows_what_nobody_explains() {
        expect![[r#"
            transaction mode  proxy        pgbouncer
            ──────────────────────────────────────────
            copy/fails        by design    hangs

            copy/fails, pgbouncer hangs: no answer to step 3
            A COPY that fails ends once.
            A │ B

            copy/fails relies on what transaction pooling does not promise:

            - A, step 1: the setting a is relied on

            ledger: proxy transaction copy/gone was not needed; remove it
            ──────────────────────────────────────────
            proxy: 1 by design
            pgbouncer: 1 hangs
        "#]]
        .assert_eq(&table(&matrix()));
    }

    #[test]
    fn a_matrix_is_clean_when_all_is_explained() {
        let mut matrix = matrix();
        assert!(!matrix.is_clean());
        matrix.rows[0].cells.pop();
        assert!(!matrix.is_clean(), "an entry was not needed");
        matrix.unneeded.clear();
        assert!(matrix.is_clean());
    }

    #[test]
    fn ci_sees_a_failure_for_each_unexplained_cell() {
        let xml = junit(&matrix());
        assert!(xml.contains(r#"failures="2""#), "{xml}");
        assert!(markdown(&matrix()).contains("| copy/fails | by design: so it is | **hangs** |"));
    }
}
