//! `poolproof doctor`: what is installed, what can run, and how to mend what is missing.

mod containers;

use std::path::PathBuf;

use super::listing::Listing;
use crate::{
    cli::{DoctorArgs, Format, OutputFlags},
    environment::{
        EnvironmentError,
        facts::Machine,
        limits,
        local::{self, binaries},
    },
    exit::Exit,
    output,
    problem::Problem,
    targets::CatalogTarget,
};
use poolproof_scenarios::target::{Role, SELF};

/// Open files with which the largest scenario that a file may hold can run: ten thousand clients,
/// each with a descriptor, and some to spare.
const COMFORTABLE_FILES: u64 = 10_256;

/// The environment of containers.
const CONTAINERS: &str = "environment docker";

/// Runs the command. It ends with exit code 3 when no environment can run, or when not the one whose
/// programs were named.
pub(super) fn run(args: &DoctorArgs, flags: OutputFlags) -> Result<Exit, Problem> {
    let left = local::leftovers().map_err(|error| temporary(&error))?;
    let mut findings = vec![postgres(args)];
    findings.extend(poolers(args));
    findings.push(open_files()?);
    findings.push(machine());
    let can_run = findings
        .iter()
        .all(|finding| finding.state != State::Missing);
    findings.push(environment(can_run));
    // Containers before the folders that they see.
    let containers = containers::findings(args.clean)?;
    let named = args.pg_bin.is_some() || args.pgbouncer_bin.is_some();
    let can_contain = !named
        && containers
            .iter()
            .all(|each| each.what != CONTAINERS || each.state == State::Good);
    findings.extend(containers);
    findings.push(leftovers(&left, args.clean)?);
    output::print(&render(&findings, flags.format))?;
    Ok(if can_run || can_contain {
        Exit::Ok
    } else {
        Exit::Environment
    })
}

/// The diagnosis. On a terminal the remedies, which are sentences, stand below the table.
fn render(findings: &[Finding], format: Format) -> String {
    let mut table = Listing::new(&["state", "what", "found"]);
    let mut whole = Listing::new(&["state", "what", "found", "remedy"]);
    let mut remedies = String::new();
    for Finding {
        state,
        what,
        found,
        remedy,
    } in findings
    {
        table.row(&[state.word(), what, found]);
        whole.row(&[state.word(), what, found, remedy]);
        if !remedy.is_empty() {
            remedies += &format!("\n{what}: {remedy}\n");
        }
    }
    match format {
        Format::Table => table.render(format) + &remedies,
        Format::Json | Format::Markdown => whole.render(format),
    }
}

/// One line of the diagnosis.
#[derive(Debug)]
struct Finding {
    state: State,
    what: &'static str,
    found: String,
    remedy: String,
}

/// How a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Good,
    /// It works, and could be better.
    Poor,
    Missing,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Poor => "note",
            Self::Missing => "MISSING",
        }
    }
}

impl Finding {
    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self {
            state: State::Good,
            what,
            found: found.into(),
            remedy: String::new(),
        }
    }

    fn of_program(what: &'static str, found: Result<(String, PathBuf), EnvironmentError>) -> Self {
        match found {
            Ok((version, path)) => Self::good(what, format!("{version} in {}", path.display())),
            Err(error) => Self {
                state: State::Missing,
                what,
                found: error.to_string(),
                remedy: error.remedy(),
            },
        }
    }
}

fn postgres(args: &DoctorArgs) -> Finding {
    let found = binaries::postgres(args.pg_bin.as_deref());
    Finding::of_program(
        "PostgreSQL",
        found.map(|found| (found.version, found.postgres)),
    )
}

/// Every pooler of the catalog. Only those of the default comparison must be there.
fn poolers(args: &DoctorArgs) -> impl Iterator<Item = Finding> {
    let choices = local::Choices {
        pgbouncer_bin: args.pgbouncer_bin.clone(),
        ..local::Choices::default()
    };
    CatalogTarget::all()
        .filter(|target| target.file().role == Role::Pooler)
        .map(move |target| pooler(target, &choices))
}

fn pooler(target: CatalogTarget, choices: &local::Choices) -> Finding {
    if target.file().program == SELF {
        let found = concat!("poolproof ", env!("CARGO_PKG_VERSION"), ", in this program");
        return Finding::good(target.name(), found);
    }
    let found = binaries::program(target.file(), choices.program_of(target));
    let finding = Finding::of_program(
        target.name(),
        found.map(|found| (found.version, found.path)),
    );
    let needed = target == CatalogTarget::pgbouncer();
    match finding.state {
        State::Missing if !needed => Finding {
            state: State::Poor,
            found: "not installed".to_owned(),
            ..finding
        },
        _ => finding,
    }
}

fn open_files() -> Result<Finding, Problem> {
    let limits::OpenFiles { soft, hard } = limits::open_files()?;
    let found = format!("{hard} at most, {soft} now; a run raises it by itself");
    let finding = Finding::good("open files", found);
    if hard >= COMFORTABLE_FILES {
        return Ok(finding);
    }
    Ok(Finding {
        state: State::Poor,
        remedy: format!(
            "Scenarios with more than some {} clients need `ulimit -Hn {COMFORTABLE_FILES}` as root.",
            hard.saturating_sub(256)
        ),
        ..finding
    })
}

fn machine() -> Finding {
    let Machine {
        os,
        kernel,
        cpu_model,
        cores,
        memory_bytes,
    } = Machine::read();
    let found = format!(
        "{cores} cores ({cpu_model}), {} GiB, {os}, kernel {kernel}",
        memory_bytes >> 30
    );
    let finding = Finding::good("machine", found);
    if cores > 1 {
        return finding;
    }
    Finding {
        state: State::Poor,
        remedy: "With one core the generator and the target take turns; use two or more.".into(),
        ..finding
    }
}

fn environment(can_run: bool) -> Finding {
    if can_run {
        return Finding::good("environment local", "can run");
    }
    Finding {
        state: State::Missing,
        what: "environment local",
        found: "cannot run".to_owned(),
        remedy: "Install what is missing above, or use containers (--env docker).".to_owned(),
    }
}

fn leftovers(left: &[PathBuf], clean: bool) -> Result<Finding, Problem> {
    let what = "temporary folders";
    if left.is_empty() {
        return Ok(Finding::good(what, "nothing is left of earlier runs"));
    }
    let names: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(", ");
    if !clean {
        return Ok(Finding {
            state: State::Poor,
            what,
            found: format!("left by killed runs: {names}"),
            remedy: "Remove them with `poolproof doctor --clean`.".to_owned(),
        });
    }
    for folder in left {
        local::remove_leftover(folder).map_err(|error| temporary(&error))?;
    }
    Ok(Finding::good(what, format!("removed {names}")))
}

fn temporary(error: &std::io::Error) -> Problem {
    Problem::new(
        Exit::Environment,
        format!("cannot look through the temporary folder: {error}"),
        "Set TMPDIR to a folder that exists and that you may write.",
    )
}
