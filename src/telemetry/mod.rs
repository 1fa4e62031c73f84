//! What the daemon says about itself: metrics and the log.

mod log;
pub mod metrics;

pub use log::{Format, LogError, install as install_log};
pub use metrics::Metrics;
