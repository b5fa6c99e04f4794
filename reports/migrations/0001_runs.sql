-- The same text runs on SQLite and on PostgreSQL.

-- One row for each run; the record is run.json as it was written, without loss.
CREATE TABLE runs (
    id BIGINT PRIMARY KEY,
    started_at TEXT NOT NULL,
    commit_id TEXT,
    quick BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    headline TEXT NOT NULL,
    record TEXT NOT NULL
);

-- What trends are drawn from: one row for each figure of a scenario × target.
CREATE TABLE figures (
    run_id BIGINT NOT NULL REFERENCES runs (id),
    scenario TEXT NOT NULL,
    target TEXT NOT NULL,
    metric TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, scenario, target, metric)
);

CREATE INDEX figures_by_series ON figures (scenario, target, metric, run_id);
