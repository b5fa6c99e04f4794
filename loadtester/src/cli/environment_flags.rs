//! Flags of every command that starts targets: where they come from.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ImageChoice, PortChoice};
use crate::{
    environment::{Choices, EnvironmentChoice, docker, local},
    problem::Problem,
};

/// Where targets come from, and from which programs or images.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Environment")]
pub struct EnvironmentFlags {
    /// Where targets come from
    #[arg(long, value_enum, default_value_t)]
    pub env: EnvFlag,
    /// Port of a target on 127.0.0.1; direct is PostgreSQL [default: free ones]
    #[arg(long, value_name = "TARGET=PORT")]
    pub port: Vec<PortChoice>,
    /// Folder of PostgreSQL's programs (initdb, postgres)
    #[arg(long, value_name = "FOLDER")]
    pub pg_bin: Option<PathBuf>,
    /// PgBouncer's program
    #[arg(long, value_name = "FILE")]
    pub pgbouncer_bin: Option<PathBuf>,
    /// Image of a target, in containers; direct is PostgreSQL [default: built on first use]
    #[arg(long, value_name = "TARGET=IMAGE")]
    pub image: Vec<ImageChoice>,
    /// How containers are reached [default: auto]
    #[arg(long, value_enum, value_name = "NETWORK")]
    pub container_network: Option<docker::NetworkChoice>,
    /// Processors of each pooler's container, such as 1.5 [default: as many as poolproof may use]
    #[arg(long, value_name = "N")]
    pub container_cpus: Option<docker::Cpus>,
    /// Memory of each pooler's container, such as 256m [default: all]
    #[arg(long, value_name = "SIZE")]
    pub container_memory: Option<docker::Memory>,
}

/// Where targets come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EnvFlag {
    /// The machine's own binaries if they are there, else containers
    #[default]
    Auto,
    /// The machine's own binaries
    Local,
    /// Containers
    Docker,
}

impl EnvironmentFlags {
    /// What they ask of the environment.
    ///
    /// # Errors
    ///
    /// When a flag of this machine's programs stands beside one of containers: one of them would be
    /// passed over.
    pub fn choices(&self) -> Result<Choices, Problem> {
        Ok(Choices {
            kind: self.kind()?,
            local: local::Choices {
                pg_bin: self.pg_bin.clone(),
                pgbouncer_bin: self.pgbouncer_bin.clone(),
                ports: self
                    .port
                    .iter()
                    .map(|choice| (choice.target, choice.port))
                    .collect(),
            },
            docker: docker::Choices {
                images: self
                    .image
                    .iter()
                    .map(|choice| (choice.target, choice.image.clone()))
                    .collect(),
                network: self.container_network.unwrap_or_default(),
                limits: docker::Limits {
                    cpus: self.container_cpus,
                    memory: self.container_memory,
                },
            },
        })
    }

    /// Who names a program means this machine's, and who names an image, or what a container may use,
    /// means containers.
    fn kind(&self) -> Result<EnvironmentChoice, Problem> {
        let local = self.of_this_machine();
        let docker = self.of_containers();
        match (self.env, local, docker) {
            (EnvFlag::Local, _, Some(flag)) => Err(passed_over(flag, "--env local")),
            (EnvFlag::Docker, Some(flag), _) => Err(passed_over(flag, "--env docker")),
            (EnvFlag::Auto, Some(local), Some(docker)) => Err(passed_over(docker, local)),
            (EnvFlag::Local, ..) | (EnvFlag::Auto, Some(_), None) => Ok(EnvironmentChoice::Local),
            (EnvFlag::Docker, ..) | (EnvFlag::Auto, None, Some(_)) => Ok(EnvironmentChoice::Docker),
            (EnvFlag::Auto, None, None) => Ok(EnvironmentChoice::Auto),
        }
    }

    /// The first flag that names a program of this machine.
    fn of_this_machine(&self) -> Option<&'static str> {
        let given = [
            ("--pg-bin", self.pg_bin.is_some()),
            ("--pgbouncer-bin", self.pgbouncer_bin.is_some()),
        ];
        first(&given)
    }

    /// The first flag that says something of containers.
    fn of_containers(&self) -> Option<&'static str> {
        let given = [
            ("--image", !self.image.is_empty()),
            ("--container-network", self.container_network.is_some()),
            ("--container-cpus", self.container_cpus.is_some()),
            ("--container-memory", self.container_memory.is_some()),
        ];
        first(&given)
    }
}

fn first(flags: &[(&'static str, bool)]) -> Option<&'static str> {
    let given = flags.iter().find(|(_, is_given)| *is_given);
    given.map(|(flag, _)| *flag)
}

fn passed_over(flag: &str, beside: &str) -> Problem {
    Problem::usage(
        format!("expected flags of one environment, got {flag} beside {beside}"),
        "--pg-bin and --pgbouncer-bin belong to this machine's programs (--env local), --image and \
         --container-… to containers (--env docker); leave one of them out.",
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::exit::Exit;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: EnvironmentFlags,
    }

    fn flags(line: &str) -> EnvironmentFlags {
        let words = ["poolproof"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).expect("flags").flags
    }

    #[test]
    fn what_is_named_says_where_it_is_to_be_found() {
        for (line, expected) in [
            ("", EnvironmentChoice::Auto),
            ("--env docker", EnvironmentChoice::Docker),
            ("--pg-bin /usr/bin", EnvironmentChoice::Local),
            ("--image direct=postgres:17", EnvironmentChoice::Docker),
            ("--container-cpus 0.5", EnvironmentChoice::Docker),
            ("--env local --pg-bin /usr/bin", EnvironmentChoice::Local),
        ] {
            let kind = flags(line).choices().map(|choices| choices.kind);
            assert_eq!(kind, Ok(expected), "{line}");
        }
    }

    #[test]
    fn a_flag_that_would_be_passed_over_is_refused() {
        for (line, flag) in [
            ("--env local --image direct=postgres:17", "--image"),
            ("--env local --container-cpus 0.5", "--container-cpus"),
            ("--env local --container-memory 64m", "--container-memory"),
            (
                "--env local --container-network host",
                "--container-network",
            ),
            ("--env docker --pg-bin /usr/bin", "--pg-bin"),
            ("--pgbouncer-bin /bin/p --image direct=p", "--image"),
        ] {
            let problem = flags(line).choices().expect_err(line);
            assert_eq!(problem.exit, Exit::Usage, "{line}");
            assert!(problem.what.contains(&format!("got {flag}")), "{problem}");
        }
    }
}
