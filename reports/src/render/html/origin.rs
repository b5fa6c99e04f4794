//! Where the figures come from: the machine, the targets' configuration, how to run it again.

use maud::{Markup, html};

use crate::{
    RunRecord, format,
    record::{ConfigFile, CpuTime, EnvironmentKind, TargetInfo},
};

/// Characters of a configuration file that are shown, and of all of them together.
const LONGEST_FILE: usize = 8_000;
const LONGEST_FILES: usize = 60_000;
/// Targets whose configuration is shown.
const SHOWN: usize = 12;

pub(super) fn section(record: &RunRecord) -> Markup {
    let files: usize = record
        .targets
        .iter()
        .map(|target| target.config_files.len())
        .sum();
    let longest = LONGEST_FILE.min(LONGEST_FILES / files.max(1));
    html! {
        section id="origin" {
            h2 { "Environment and configuration" }
            (environment(record))
            @for target in record.targets.iter().take(SHOWN) { (target_details(target, longest)) }
            h2 { "Run it again" }
            pre { code { (command(record)) } }
            p.note {
                "Seed " (record.seed) ", poolproof " (record.tool.version)
                @if let Some(commit) = &record.tool.commit { ", commit " (commit) }
                ". The run took " (format::duration(std::time::Duration::from_millis(record.duration_ms)))
                "; all figures on this page come from run.json beside it."
            }
        }
    }
}

fn environment(record: &RunRecord) -> Markup {
    let environment = &record.environment;
    let kind = match environment.kind {
        EnvironmentKind::Local => "processes on one machine",
        EnvironmentKind::Docker => "containers",
    };
    let kind = match &environment.container_engine {
        Some(engine) => format!("{kind}: {engine}"),
        None => kind.to_owned(),
    };
    let cpu_time = match environment.cpu_time {
        Some(CpuTime::PerfEvents) => "perf events",
        Some(CpuTime::Scheduler) | None => {
            "the scheduler's sums, which flatter who sends much at once"
        }
    };
    let facts = [
        ("Targets run as", kind),
        ("Server", format::postgres(&environment.postgres_version)),
        (
            "Processor",
            format!("{} × {}", environment.cores, environment.cpu_model),
        ),
        ("Memory", format::bytes(environment.memory_bytes)),
        (
            "System",
            format!("{}, kernel {}", environment.os, environment.kernel),
        ),
        ("Processor time by", cpu_time.to_owned()),
    ];
    html! {
        dl.facts { @for (name, value) in &facts { dt { (name) } dd { (value) } } }
    }
}

fn target_details(target: &TargetInfo, longest: usize) -> Markup {
    html! {
        details {
            summary { strong { (target.name) } " " span.note { (target.version) } }
            p { "Started as " code { (target.started_as) } }
            @if let Some(image) = &target.image {
                p { "Image " code { (image.name) } " " code { (image.digest.as_deref().unwrap_or(&image.id)) } }
            }
            @for file in &target.config_files { (config_file(file, longest)) }
        }
    }
}

fn config_file(file: &ConfigFile, longest: usize) -> Markup {
    let shown: String = file.text.chars().take(longest).collect();
    html! {
        p { code { (file.name) } }
        pre { code { (shown) } }
        @if shown.len() < file.text.len() { p.note { "Cut here for length; run.json has all of it." } }
    }
}

/// The command line, with the seed that makes its choices the same.
fn command(record: &RunRecord) -> String {
    let mut words: Vec<String> = record
        .tool
        .command
        .iter()
        .map(|word| quoted(word))
        .collect();
    let has_seed = words.iter().any(|word| word.starts_with("--seed"));
    if !has_seed {
        words.push(format!("--seed {}", record.seed));
    }
    words.join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
