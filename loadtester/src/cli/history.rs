//! Flags of `poolproof history`, and of where runs are kept.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use poolproof_reports::history::{Store, StoreError};
use poolproof_scenarios::threshold::Metric;

/// `poolproof history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// A file, or postgres://… [default: history.sqlite in the user's data folder]
    #[arg(long, global = true, value_name = "STORE")]
    pub store: Option<Store>,
    /// What to look at.
    #[command(subcommand)]
    pub command: HistoryCommand,
}

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum HistoryCommand {
    /// List the last runs, the newest first
    List {
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
        last: u32,
    },
    /// Print a run's table again
    Show {
        /// Its number in the list
        #[arg(value_name = "NUMBER")]
        id: i64,
    },
    /// Show how figures went from run to run; short runs (--quick) are left out
    Trend(TrendArgs),
}

/// `poolproof history trend`.
#[derive(Debug, Args)]
pub struct TrendArgs {
    /// Which figure: success_rate, throughput, p50, p90, p99, p99.9, max, cpu or memory
    #[arg(long, default_value = "p99", value_parser = metric)]
    pub metric: Metric,
    /// Over the last so many runs
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub last: u32,
    /// Write a page with the trends of all figures
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn metric(text: &str) -> Result<Metric, String> {
    let mut kept = poolproof_reports::overview::METRICS.into_iter();
    kept.find(|metric| metric.to_string() == text)
        .ok_or_else(|| {
            let names = poolproof_reports::overview::METRICS.map(|metric| metric.to_string());
            format!("expected one of {}, got {text:?}", names.join(", "))
        })
}

/// Where a run is kept, if anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// Nowhere.
    Nowhere,
    /// There.
    In(Store),
}

impl FromStr for StoreChoice {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        match text {
            "none" => Ok(Self::Nowhere),
            other => other.parse().map(Self::In),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_that_are_kept_have_a_trend() {
        assert_eq!(metric("p99"), Ok(Metric::P99));
        assert!(metric("p98").is_err_and(|error| error.contains("p99.9, max, cpu")));
    }

    #[test]
    fn none_is_nowhere() {
        assert_eq!("none".parse(), Ok(StoreChoice::Nowhere));
    }
}
