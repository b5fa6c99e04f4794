//! Every run kept, in SQLite or in a PostgreSQL that a team shares, and read back for trends.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, Connection as _, Row as _};

use poolproof_scenarios::threshold::Metric;

use crate::{GateReport, RunRecord, figures::Figures, overview::METRICS, record::CellStatus};

mod conditions;
mod error;
mod opening;
mod place;

use conditions::Conditions;
pub use error::HistoryError;
pub use place::{Store, StoreError};

/// Most runs that one question is answered with.
pub const RUNS_MAX: u32 = 1_000;

/// Tries to find a free number for a run while others keep theirs.
const TRIES: u32 = 5;

/// An open history.
#[derive(Debug)]
pub struct History {
    connection: AnyConnection,
    /// Of the runs that a trend was drawn from; `None` of one whose record cannot be read.
    conditions: BTreeMap<i64, Option<Conditions>>,
}

/// A run of the history, without its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRun {
    /// Its number, counted from 1.
    pub id: i64,
    /// Begin, RFC 3339 in UTC.
    pub started_at: String,
    /// Commit it was built from, where known.
    pub commit: Option<String>,
    /// Whether its windows were short.
    pub quick: bool,
    /// What the gate said: pass, fail or no verdict.
    pub outcome: String,
    /// Why, in a sentence.
    pub headline: String,
}

/// A figure of a scenario on a target, run after run.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The scenario's name.
    pub scenario: String,
    /// The target's name.
    pub target: String,
    /// Numbers of the runs and the figure in each, the oldest first.
    pub points: Vec<(i64, f64)>,
    /// Earlier runs that cannot be compared with the newest one, and are no points: another machine,
    /// load or driver, or processor time that something else counted.
    pub left_out: usize,
}

impl History {
    /// Opens the history, and makes it where there is none. Cancel safe: a half-made one is made
    /// whole at the next opening.
    ///
    /// # Errors
    ///
    /// When the place cannot be had, or what stands there is damaged, newer or something else. It
    /// is left as it is then.
    pub async fn open(store: &Store) -> Result<Self, HistoryError> {
        let connection = opening::open(store).await?;
        Ok(Self {
            connection,
            conditions: BTreeMap::new(),
        })
    }

    /// Keeps a run and returns its number. Cancel safe: it is kept as a whole or not at all.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub async fn keep(
        &mut self,
        record: &RunRecord,
        gate: &GateReport,
    ) -> Result<i64, HistoryError> {
        let text = serde_json::to_string(record).map_err(HistoryError::Record)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.insert(record, gate, &text).await {
                Err(sqlx::Error::Database(error))
                    if error.is_unique_violation() && tries < TRIES => {}
                outcome => return outcome.map_err(HistoryError::Store),
            }
        }
    }

    async fn insert(
        &mut self,
        record: &RunRecord,
        gate: &GateReport,
        text: &str,
    ) -> Result<i64, sqlx::Error> {
        let mut transaction = self.connection.begin().await?;
        let row = sqlx::query(
            "INSERT INTO runs (id, started_at, commit_id, quick, outcome, headline, record)
             SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3, $4, $5, $6 FROM runs RETURNING id",
        )
        .bind(record.started_at.as_str())
        .bind(record.tool.commit.as_deref())
        .bind(i64::from(record.quick))
        .bind(gate.outcome().to_string())
        .bind(gate.headline())
        .bind(text)
        .fetch_one(&mut *transaction)
        .await?;
        let id: i64 = row.try_get(0)?;
        for (scenario, target, metric, value) in figures(record) {
            sqlx::query(
                "INSERT INTO figures (run_id, scenario, target, metric, value)
                 VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(id)
            .bind(scenario)
            .bind(target)
            .bind(metric.to_string())
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// The last runs, at most `limit` and [`RUNS_MAX`], the newest first. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn list(&mut self, limit: u32) -> Result<Vec<KeptRun>, HistoryError> {
        let rows = sqlx::query(
            "SELECT id, started_at, commit_id, quick, outcome, headline
             FROM runs ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit.min(RUNS_MAX)))
        .fetch_all(&mut self.connection)
        .await?;
        let kept = |row: &sqlx::any::AnyRow| -> Result<KeptRun, sqlx::Error> {
            Ok(KeptRun {
                id: row.try_get(0)?,
                started_at: row.try_get(1)?,
                commit: row.try_get(2)?,
                quick: row.try_get::<i64, _>(3)? != 0,
                outcome: row.try_get(4)?,
                headline: row.try_get(5)?,
            })
        };
        let kept: Result<_, sqlx::Error> = rows.iter().map(kept).collect();
        Ok(kept?)
    }

    /// The record of a run; `None` when no run has this number. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the store cannot be read or a newer poolproof kept the run.
    pub async fn record(&mut self, id: i64) -> Result<Option<RunRecord>, HistoryError> {
        let row = sqlx::query("SELECT record FROM runs WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut self.connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let text: String = row.try_get(0)?;
        let record = serde_json::from_str(&text).map_err(HistoryError::Record)?;
        Ok(Some(record))
    }

    /// How a metric went over the last `limit` runs, for each scenario and target; short runs are
    /// left out, as their figures are rough, and what cannot be compared with the newest run of a
    /// series. Cancel safe.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn trend(&mut self, metric: Metric, limit: u32) -> Result<Vec<Series>, HistoryError> {
        let rows = sqlx::query(
            "SELECT scenario, target, run_id, value FROM figures
             WHERE metric = $1 AND run_id IN
                 (SELECT id FROM runs WHERE quick = 0 ORDER BY id DESC LIMIT $2)
             ORDER BY scenario, target, run_id",
        )
        .bind(metric.to_string())
        .bind(i64::from(limit.min(RUNS_MAX)))
        .fetch_all(&mut self.connection)
        .await?;
        let mut all: Vec<Series> = Vec::new();
        for row in rows {
            let (scenario, target): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let point = (row.try_get(2)?, row.try_get(3)?);
            match all.last_mut() {
                Some(last) if last.scenario == scenario && last.target == target => {
                    last.points.push(point);
                }
                _ => all.push(Series {
                    scenario,
                    target,
                    points: vec![point],
                    left_out: 0,
                }),
            }
        }
        for series in &mut all {
            for (run, _) in &series.points {
                self.learn_conditions(*run).await?;
            }
            let of = |run| self.conditions.get(&run)?.as_ref();
            conditions::keep_comparable(series, metric, of);
        }
        Ok(all)
    }

    async fn learn_conditions(&mut self, run: i64) -> Result<(), HistoryError> {
        if self.conditions.contains_key(&run) {
            return Ok(());
        }
        let row = sqlx::query("SELECT record FROM runs WHERE id = $1")
            .bind(run)
            .fetch_one(&mut self.connection)
            .await?;
        let text: String = row.try_get(0)?;
        self.conditions
            .insert(run, serde_json::from_str(&text).ok());
        Ok(())
    }
}

/// Every figure of a record that a trend may be drawn from.
fn figures(record: &RunRecord) -> Vec<(&str, &str, Metric, f64)> {
    let cells = record.scenarios.iter().flat_map(|run| {
        let name = run.scenario.name.as_str();
        run.cells.iter().map(move |cell| (name, cell))
    });
    let measured = cells.filter(|(_, cell)| cell.status == CellStatus::Measured);
    let figures = measured.flat_map(|(scenario, cell)| {
        let total = Figures::of(cell).total;
        METRICS.into_iter().filter_map(move |metric| {
            let value = total.figure(metric)?.value();
            Some((scenario, cell.target.as_str(), metric, value))
        })
    });
    figures.collect()
}
