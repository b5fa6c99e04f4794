//! What came of a run: the record, its verdicts and everything drawn from it.
//!
//! One [`record::RunRecord`] holds all that a report needs. This crate measures nothing and, but for
//! [`history`], opens no socket; given the same record it draws the same bytes.

mod comparable;
pub mod figures;
pub mod format;
pub mod gate;
pub mod happenings;
pub mod histogram;
pub mod history;
pub mod matrix;
pub mod overview;
pub mod record;
pub mod render;
pub mod statistics;
pub mod store;

pub use gate::GateReport;
pub use histogram::Latency;
pub use record::RunRecord;
