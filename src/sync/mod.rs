//! Decisions: pure functions over values. No input or output, no clock, no async.

mod changes;
mod freshness;
mod merge;

pub use freshness::{Freshness, freshness};
pub use merge::{Applied, Merged, Merging, merge};
