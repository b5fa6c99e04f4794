//! CSV for spreadsheets: plain numbers, the unit in the name of each column (RFC 4180).

use poolproof_scenarios::threshold::Metric;

use crate::{
    GateReport, RunRecord,
    figures::Summary,
    gate::Verdict,
    overview::{Column, METRICS, Overview, ScenarioView, effect_name},
};

/// One line for each scenario and target, all its windows merged.
#[must_use]
pub fn csv(record: &RunRecord, gate: &GateReport) -> String {
    let overview = Overview::of(record);
    let reference = overview.reference.unwrap_or_default();
    let mut lines = vec![header()];
    for view in &overview.scenarios {
        lines.extend(
            view.columns
                .iter()
                .map(|column| line(view, column, reference, gate)),
        );
    }
    join(&lines)
}

/// One line for each window, so that blocks can be studied elsewhere.
#[must_use]
pub(super) fn windows(record: &RunRecord) -> String {
    let mut head = ["scenario", "target", "block", "started_ms", "duration_us"]
        .map(str::to_owned)
        .to_vec();
    head.extend(counts_header());
    head.extend(METRICS.map(column_name));
    let mut lines = vec![head];
    for run in &record.scenarios {
        for cell in &run.cells {
            for window in &cell.windows {
                let summary = Summary::of([window]);
                let mut line = vec![
                    run.scenario.name.clone(),
                    cell.target.clone(),
                    window.block.to_string(),
                    window.started_ms.to_string(),
                    window.duration_us.to_string(),
                ];
                line.extend(counts(&summary));
                line.extend(METRICS.map(|metric| value(&summary, metric)));
                lines.push(line);
            }
        }
    }
    join(&lines)
}

fn header() -> Vec<String> {
    let mut names = ["scenario", "driver", "target", "status", "blocks"]
        .map(str::to_owned)
        .to_vec();
    names.extend(counts_header());
    for metric in METRICS {
        names.push(column_name(metric));
    }
    names.push("reference".to_owned());
    for metric in METRICS
        .into_iter()
        .filter(|metric| *metric != Metric::SuccessRate)
    {
        let name = metric.to_string().replace('.', "_");
        names.extend(
            ["ratio", "ratio_low", "ratio_high", "effect"].map(|part| format!("{name}_{part}")),
        );
    }
    names.extend(["checks_failed", "checks_without_verdict"].map(str::to_owned));
    names
}

fn line(
    view: &ScenarioView<'_>,
    column: &Column<'_>,
    reference: &str,
    gate: &GateReport,
) -> Vec<String> {
    let name = &view.run.scenario.name;
    let total = &column.figures.total;
    let mut fields = vec![
        name.clone(),
        view.run.driver.clone(),
        column.name().to_owned(),
        column
            .unmeasured()
            .map_or("measured", |(status, _)| status)
            .to_owned(),
        column.figures.blocks.len().to_string(),
    ];
    fields.extend(counts(total));
    fields.extend(METRICS.map(|metric| value(total, metric)));
    fields.push(reference.to_owned());
    for metric in METRICS
        .into_iter()
        .filter(|metric| *metric != Metric::SuccessRate)
    {
        fields.extend(contrast(column, metric));
    }
    let judged = |verdict| {
        let mine = gate
            .with(verdict)
            .filter(|one| one.scenario == *name && one.target == column.name());
        mine.count().to_string()
    };
    fields.extend([judged(Verdict::Fail), judged(Verdict::NoVerdict)]);
    fields
}

fn counts_header() -> [String; 4] {
    [
        "attempted",
        "succeeded",
        "failed",
        "generator_bound_windows",
    ]
    .map(str::to_owned)
}

fn counts(summary: &Summary) -> [String; 4] {
    [
        summary.attempted,
        summary.succeeded,
        summary.failed(),
        u64::from(summary.generator_bound_windows),
    ]
    .map(|count| count.to_string())
}

fn column_name(metric: Metric) -> String {
    let name = metric.to_string().replace('.', "_");
    let unit = match metric {
        Metric::SuccessRate => "percent",
        Metric::Throughput => "per_s",
        Metric::Latency(_) | Metric::LatencyMax | Metric::Service(_) | Metric::Recovery => "us",
        Metric::Cpu => "us_per_transaction",
        Metric::Memory => "bytes",
    };
    format!("{name}_{unit}")
}

fn value(summary: &Summary, metric: Metric) -> String {
    let scale = match metric {
        Metric::Latency(_)
        | Metric::LatencyMax
        | Metric::Service(_)
        | Metric::Recovery
        | Metric::Cpu => 1e6,
        Metric::SuccessRate | Metric::Throughput | Metric::Memory => 1.0,
    };
    let figure = summary.figure(metric);
    figure.map_or_else(String::new, |figure| decimal(figure.value() * scale))
}

fn contrast(column: &Column<'_>, metric: Metric) -> [String; 4] {
    let Some(contrast) = column.contrast(metric) else {
        return Default::default();
    };
    let interval = contrast.ratio.interval;
    let end = |end: Option<f64>| end.map_or_else(String::new, decimal);
    [
        decimal(contrast.ratio.median),
        end(interval.map(|interval| interval.low)),
        end(interval.map(|interval| interval.high)),
        contrast.effect.map_or("not judged", effect_name).to_owned(),
    ]
}

/// Six decimals without trailing zeros.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn join(lines: &[Vec<String>]) -> String {
    let line = |fields: &Vec<String>| {
        let fields: Vec<String> = fields.iter().map(|field| quote(field)).collect();
        fields.join(",") + "\r\n"
    };
    lines.iter().map(line).collect()
}

fn quote(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
