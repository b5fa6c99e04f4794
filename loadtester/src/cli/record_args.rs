//! `poolproof record`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::targets::{RunningElsewhere, TargetError};

/// `poolproof record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// Where the application connects to, in PostgreSQL's place
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5433")]
    pub listen: SocketAddr,
    /// PostgreSQL; the application's own user, password and database go there
    #[arg(long, value_name = "postgres://USER@HOST:PORT/DATABASE", value_parser = upstream)]
    pub upstream: RunningElsewhere,
    /// Write down the shape of constants and values only, not what they say; passwords never are
    #[arg(long)]
    pub mask_literals: bool,
    /// Folder for the script, which `poolproof diff --replay` takes
    #[arg(long, value_name = "FOLDER", default_value = "poolproof-out/recorded")]
    pub out: PathBuf,
}

fn upstream(url: &str) -> Result<RunningElsewhere, String> {
    RunningElsewhere::parse("upstream", url).map_err(|error| match error {
        TargetError::Address { reason, .. } => {
            format!("expected postgres://USER@HOST:PORT/DATABASE: {reason}")
        }
        other => other.to_string(),
    })
}
