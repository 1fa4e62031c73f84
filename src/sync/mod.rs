//! Decisions: pure functions over values. No input or output, no clock, no async.

mod merge;

pub use merge::{Applied, Merged, Merging, merge};
