//! The supervised tree that does the work. Everyone outside talks to it through [`Handle`].
//!
//! ```text
//! root                     permanent; too many deaths below it end the daemon
//! ├─ scheduler             polls, sweeps, upkeep, gauges
//! ├─ channels              supervises the channels; never dies with one
//! │  ├─ channel tienda     claims what is due
//! │  │  ├─ order …         one per order sync in flight
//! │  │  ├─ action …        one per outbound action in flight
//! │  │  ├─ poll, bulk, upkeep
//! │  └─ channel …
//! ├─ janitor               prunes, erases
//! └─ notifier              decides who is told
//!    └─ courier …          one per target with something to tell
//! ```

mod action;
mod batcher;
mod bulk;
mod channel;
mod channels;
mod connection;
mod consent;
mod courier;
mod errand;
mod handle;
mod incidents;
mod janitor;
mod ledger;
mod notifier;
mod order;
mod poll;
mod restart;
mod root;
mod scheduler;
mod session;
mod shared;
mod upkeep;

use std::time::Duration;

pub use connection::Connection;
pub use consent::ConsentError;
pub use handle::Handle;
use shared::Shared;
pub use shared::Targets;

#[cfg(test)]
mod tests;

/// How often every channel looks for rows whose message was lost.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
