//! Decisions: pure functions over values. No input or output, no clock, no async.

pub mod action;
mod changes;
mod freshness;
mod late;
mod merge;
mod retry;
mod telling;
pub mod window;

pub use freshness::{Freshness, freshness};
pub use late::{late_from, polls_are_late};
pub use merge::{Applied, Merged, Merging, merge};
pub use retry::{Retry, retry};
pub use telling::{Backlog, BacklogNews, Pace, again, rest};
