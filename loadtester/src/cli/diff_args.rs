//! `poolproof diff`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use poolproof_scenarios::{
    pool::PoolMode,
    session::{Header, Transport},
};

use super::EnvironmentFlags;
use crate::targets::TargetSpec;

/// `poolproof diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Cases of the catalog (area/name), areas, or files; without any, the whole catalog
    #[arg(value_name = "CASE")]
    pub cases: Vec<String>,
    /// Targets in the order of their columns; PostgreSQL itself is the oracle
    #[arg(long, value_delimiter = ',', default_value = "proxy,pgbouncer")]
    #[arg(value_name = "TARGET,…")]
    pub targets: Vec<TargetSpec>,
    /// Pool mode of the poolers
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeChoice,
    /// What connections go over, where a script does not say it
    #[arg(long, value_enum, default_value_t)]
    pub transport: TransportChoice,
    /// Version of the protocol that logins ask for, where a script does not say it
    #[arg(long, value_enum, default_value_t)]
    pub protocol: ProtocolChoice,
    /// Run this session script, or all of a folder: your own, one that a random run saved, or what
    /// `poolproof record` wrote; says what of its session it relies on between transactions
    #[arg(long, value_name = "FILE")]
    pub replay: Vec<PathBuf>,
    /// SQL that makes what the scripts of --replay need, such as a dump of your schema
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub setup: Option<PathBuf>,
    /// Generate so many sessions instead, and shrink those that a target answers otherwise
    #[arg(long, value_name = "N", conflicts_with_all = ["cases", "replay"], help_heading = "Random")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub random: Option<u64>,
    /// Seed of the generated sessions [default: a new one, which is printed first]
    #[arg(long, value_name = "S", requires = "random", help_heading = "Random")]
    pub seed: Option<u64>,
    /// Sessions at a time, each with a PostgreSQL and a target of its own [default: two for each
    /// processor, fewer for a few sessions]
    #[arg(long, value_name = "J", requires = "random", help_heading = "Random")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: Option<u32>,
    /// Generate sessions that use prepared statements in later transactions too: for a pooler that
    /// carries them along, as ours does
    #[arg(long, requires = "random", help_heading = "Random")]
    pub carried_statements: bool,
    /// Ledger of known differences, in place of the one that comes with the program
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// Print both traces of every case, also where they are the same
    #[arg(long)]
    pub traces: bool,
    /// Folder for matrix.json, matrix.html, matrix.md and junit.xml
    #[arg(long, value_name = "FOLDER", default_value = "poolproof-out/diff")]
    pub out: PathBuf,
    /// Where the targets come from.
    #[command(flatten)]
    pub environment: EnvironmentFlags,
}

/// `pool_mode` on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeChoice {
    /// A server belongs to a client until the client leaves
    Session,
    /// A server belongs to a client for one transaction
    #[default]
    Transaction,
    /// A server belongs to a client for one statement
    Statement,
}

impl From<ModeChoice> for PoolMode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Session => Self::Session,
            ModeChoice::Transaction => Self::Transaction,
            ModeChoice::Statement => Self::Statement,
        }
    }
}

/// `--protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtocolChoice {
    /// What every server speaks
    #[default]
    #[value(name = "3.0")]
    Usual,
    /// What PostgreSQL 18 brought
    #[value(name = "3.2")]
    Newer,
}

/// `--transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TransportChoice {
    /// TCP, in the clear
    #[default]
    Tcp,
    /// A Unix socket
    Unix,
    /// TLS over TCP
    Tls,
}

impl From<TransportChoice> for Transport {
    fn from(choice: TransportChoice) -> Self {
        match choice {
            TransportChoice::Tcp => Self::Tcp,
            TransportChoice::Unix => Self::Unix,
            TransportChoice::Tls => Self::Tls,
        }
    }
}

impl DiffArgs {
    /// Gives a script what it does not say itself.
    pub(crate) fn complete(&self, header: &mut Header) {
        let (transport, protocol) = self.way();
        header.transport = header.transport.or(transport);
        header.protocol = header.protocol.or(protocol);
    }

    /// Transport and protocol of scripts that do not name any; what is usual need not be said.
    pub(crate) fn way(&self) -> (Option<Transport>, Option<(u16, u16)>) {
        let transport = Transport::from(self.transport);
        let transport = Some(transport).filter(|transport| *transport != Transport::default());
        let protocol = match self.protocol {
            ProtocolChoice::Usual => None,
            ProtocolChoice::Newer => Some((3, 2)),
        };
        (transport, protocol)
    }
}
