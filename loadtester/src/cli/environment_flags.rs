//! Flags of every command that starts targets: where they come from.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ImageChoice, PortChoice};
use crate::environment::{Choices, EnvironmentChoice, docker, local};

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
    /// How containers are reached
    #[arg(long, value_enum, default_value_t, value_name = "NETWORK")]
    pub container_network: docker::NetworkChoice,
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
    #[must_use]
    pub fn choices(&self) -> Choices {
        Choices {
            kind: self.kind(),
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
                network: self.container_network,
                limits: docker::Limits {
                    cpus: self.container_cpus,
                    memory: self.container_memory,
                },
            },
        }
    }

    /// Who names a program means this machine's, and who names an image means containers.
    fn kind(&self) -> EnvironmentChoice {
        match self.env {
            EnvFlag::Local => EnvironmentChoice::Local,
            EnvFlag::Docker => EnvironmentChoice::Docker,
            EnvFlag::Auto if self.pg_bin.is_some() || self.pgbouncer_bin.is_some() => {
                EnvironmentChoice::Local
            }
            EnvFlag::Auto if !self.image.is_empty() => EnvironmentChoice::Docker,
            EnvFlag::Auto => EnvironmentChoice::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: EnvironmentFlags,
    }

    #[test]
    fn what_is_named_says_where_it_is_to_be_found() {
        for (line, expected) in [
            ("", EnvironmentChoice::Auto),
            ("--env docker", EnvironmentChoice::Docker),
            ("--pg-bin /usr/bin", EnvironmentChoice::Local),
            ("--image direct=postgres:17", EnvironmentChoice::Docker),
            (
                "--env local --image direct=postgres:17",
                EnvironmentChoice::Local,
            ),
        ] {
            let words = ["poolproof"].into_iter().chain(line.split_whitespace());
            let flags = Line::try_parse_from(words).expect("flags").flags;
            assert_eq!(flags.choices().kind, expected, "{line}");
        }
    }
}
