//! fenicia keeps a merchant's orders from several marketplaces in step, on the merchant's own
//! machine. The map of the crate is in ARCHITECTURE.md.

pub mod actors;
pub mod app;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod kinds;
pub mod model;
pub mod net;
pub mod notify;
pub mod page;
pub mod random;
pub mod sandbox;
pub mod store;
pub mod sync;
pub mod systemd;
pub mod telemetry;
pub mod web;
