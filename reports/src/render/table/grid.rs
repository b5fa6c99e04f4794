//! The side-by-side figures, as wide as the terminal allows.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentLineStyle, LineStyle, Table,
    TableStyle as Borders,
};

use super::{
    super::rows::{Entry, Row, Tone, contrast_tone, rows},
    TableStyle,
};
use crate::{format, overview::ScenarioView};

/// What is shown of a ratio; less of it where the terminal is narrow.
#[derive(Clone, Copy)]
enum Detail {
    /// Median and interval.
    Intervals,
    /// The median.
    Medians,
    /// Nothing.
    Values,
}

/// One line below the names of the columns, and no others.
const BORDERS: Borders = Borders::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// The table of a scenario. Targets that do not fit beside the others come in tables below; only where
/// one alone does not fit is something left out, the interval first, then the ratio.
pub(super) fn grid(view: &ScenarioView<'_>, reference: Option<&str>, style: TableStyle) -> String {
    let rows = rows(view);
    let plan = |columns: &[usize], detail| Plan {
        view,
        rows: &rows,
        reference,
        columns: columns.to_vec(),
        detail,
    };
    let fits = |plan: &Plan<'_>| plan.width() <= usize::from(style.width);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for column in 0..view.columns.len() {
        match groups.last_mut() {
            Some(group) if fits(&plan(&[&group[..], &[column]].concat(), Detail::Intervals)) => {
                group.push(column);
            }
            _ => groups.push(vec![column]),
        }
    }
    let tables = groups.iter().map(|group| {
        [Detail::Intervals, Detail::Medians]
            .map(|detail| plan(group, detail))
            .into_iter()
            .find(fits)
            .unwrap_or_else(|| plan(group, Detail::Values))
            .draw(style.color)
    });
    tables.collect::<Vec<_>>().join("\n\n")
}

/// A table that may or may not fit.
struct Plan<'a> {
    view: &'a ScenarioView<'a>,
    rows: &'a [Row<'a>],
    reference: Option<&'a str>,
    /// Places of the columns that are shown.
    columns: Vec<usize>,
    detail: Detail,
}

impl Plan<'_> {
    fn width(&self) -> usize {
        let text = self.draw(false);
        text.lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0)
    }

    fn draw(&self, color: bool) -> String {
        let mut table = Table::new();
        table.load_style(BORDERS).force_no_tty();
        if color {
            table.enforce_styling().style_text_only();
        }
        table.set_header(self.header());
        for row in self.rows {
            table.add_row(self.line(row));
        }
        table.trim_fmt()
    }

    /// Whether a column has ratios beside its figures.
    fn has_ratios(&self, column: usize) -> bool {
        let shown = !matches!(self.detail, Detail::Values);
        shown && !self.view.columns[column].contrasts.is_empty()
    }

    fn header(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::new("")];
        for &column in &self.columns {
            let name = self.view.columns[column].name();
            cells.push(right(name).add_attribute(Attribute::Bold));
            if self.has_ratios(column) {
                let reference = self.reference.unwrap_or_default();
                cells.push(Cell::new(format!("÷ {reference}")).add_attribute(Attribute::Dim));
            }
        }
        cells
    }

    fn line(&self, row: &Row<'_>) -> Vec<Cell> {
        let mut cells = vec![Cell::new(&row.label)];
        for &column in &self.columns {
            let entry = &row.entries[column];
            cells.push(toned(right(&entry.value), entry.tone));
            if self.has_ratios(column) {
                cells.push(self.ratio(entry));
            }
        }
        cells
    }

    fn ratio(&self, entry: &Entry<'_>) -> Cell {
        let Some(contrast) = entry.contrast else {
            return Cell::new("");
        };
        let text = match self.detail {
            Detail::Intervals => format::ratio(&contrast.ratio),
            Detail::Medians | Detail::Values => format::factor(contrast.ratio.median),
        };
        toned(Cell::new(text), contrast_tone(contrast))
    }
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn toned(cell: Cell, tone: Tone) -> Cell {
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
    }
}
