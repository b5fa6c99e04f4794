//! Statistics of a comparison: plain functions, each with its source.
//!
//! Everything is exact or closed-form and free of assumptions about how latencies are distributed,
//! so that a reader can check a figure by hand and no seed stands between two readings.

mod holm;
mod interval;
mod median;
mod ratio;
mod shift;
mod sign;
mod steady;
mod wilson;

pub use holm::holm;
pub use interval::Interval;
pub use median::{BLOCKS_FOR_INTERVAL, median, median_interval};
pub use ratio::{Answer, Effect, Ratio, keeps};
pub use shift::Shift;
pub use sign::sign_test;
pub use steady::{Steadiness, steadiness};
pub use wilson::wilson;
